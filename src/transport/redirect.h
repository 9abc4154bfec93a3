/*
 * redirect.h
 *	  Following a service's redirect, where its declaration allows it (option redirects).
 */
#ifndef DQ_REDIRECT_H
#define DQ_REDIRECT_H

#include "transport/exchange_private.h"

/*
 * After an attempt that was answered: true when the answer is a redirect that is followed, with
 * the exchange's request changed.  False otherwise; exchange->redirect_problem says why a redirect
 * is not followed.
 */
extern bool dq_redirect_follow(Exchange *exchange);

/* The credentials that the exchange's request carries where it goes now. */
extern const Credentials *dq_redirect_credentials(const Exchange *exchange);

#endif /* DQ_REDIRECT_H */
