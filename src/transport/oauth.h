/*
 * oauth.h
 *	  Access tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4).
 *
 * An exchange whose credentials are of that kind gets a token before it asks for leave: from those
 * that were issued (token_store.h), or from the authorization server, which one session asks for
 * all.  Waiting for it is waiting in the loop, like for anything else.
 */
#ifndef DQ_OAUTH_H
#define DQ_OAUTH_H

#include "transport/exchange_private.h"

typedef enum TokenState
{
	TOKEN_READY,   /* exchange->token is set, or none is needed */
	TOKEN_AWAITED, /* to be asked about again in a later step of the loop */
	TOKEN_REFUSED  /* exchange->error is set */
} TokenState;

/* Gets a token for the exchange's next attempt. */
extern TokenState dq_oauth_prepare(Exchange *exchange);

/*
 * The service answered 401: nobody uses the token any more.  Returns whether the request is worth
 * another try with a new one, which is once an exchange.
 */
extern bool dq_oauth_renew(Exchange *exchange);

/* The exchange's attempt, or the exchange, has ended: it neither waits for a token nor has one. */
extern void dq_oauth_release(Exchange *exchange);

#endif /* DQ_OAUTH_H */
