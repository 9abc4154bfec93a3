/*
 * token_store.h
 *	  Access tokens that were issued, by user mapping, for all sessions; and what was said when none
 *	  was.
 *
 * A token belongs to the credentials that it was issued for: it is found by a hash of them, so that
 * a mapping that was altered finds none.  It goes with its mapping when that is dropped.  Tokens
 * are shown by nothing.
 */
#ifndef DQ_TOKEN_STORE_H
#define DQ_TOKEN_STORE_H

#include "transport/credentials.h"
#include "service/failure.h"
#include "service/flight.h"

/* Whose tokens. */
typedef struct TokenKey
{
	Oid mapping;
	FlightKey hash; /* of the credentials, the mapping and the database */
} TokenKey;

/* Why none was issued, fit to be shown to whoever uses the mapping; texts may be cut. */
typedef struct TokenFailure
{
	FailureKind kind;
	int sqlstate;
	char problem[200]; /* a phrase */
	char detail[600];  /* sentences, or empty */
	char hint[200];	   /* the same */
} TokenFailure;

/* In _PG_init: the area and its setting. */
extern void dq_token_define(void);

extern TokenKey dq_token_key(const Credentials *credentials);

/* The clock of the times below: microseconds, the same in all backends. */
extern int64 dq_token_now_us(void);

typedef enum TokenAge
{
	TOKEN_FRESH, /* not to be renewed yet */
	TOKEN_VALID	 /* not expired */
} TokenAge;

/* A token of that age, palloc'd; NULL: there is none. */
extern char *dq_token_find(const TokenKey *key, TokenAge age);

/* Keeps one that was asked for at a time. */
extern void dq_token_put(const TokenKey *key, const char *token, int64 asked_us, int64 life_ms);

/* The service refuses a token: nobody uses it any more.  Another one stays. */
extern void dq_token_reject(const TokenKey *key, const char *token);

/* Tells those who wait for a token why they get none. */
extern void dq_token_put_failure(const TokenKey *key, const TokenFailure *failure);

/* What was told after a time; false: nothing. */
extern bool dq_token_failure_since(const TokenKey *key, int64 since_us, TokenFailure *failure);

#endif /* DQ_TOKEN_STORE_H */
