/*
 * failure.h
 *	  The kinds of ways in which a request fails, by which retries, circuit breakers, on_error and
 *	  figures tell failures apart.
 */
#ifndef DQ_FAILURE_H
#define DQ_FAILURE_H

typedef enum FailureKind
{
	FAILURE_NONE = 0,
	FAILURE_CONNECT, /* no connection came about: name, refused, connect_timeout, TLS */
	FAILURE_TIMEOUT, /* no whole answer within timeout */
	FAILURE_CUT_OFF, /* the connection broke or was closed before the whole answer */
	FAILURE_5XX,	 /* status 500 to 599 */
	FAILURE_429,	 /* status 429 */
	FAILURE_4XX,	 /* the other statuses 400 to 499 */
	FAILURE_OTHER, /* another status, another protocol, too large, not to be verified, our own lack of
						memory or descriptors */
	FAILURE_CONTENT, /* the answer was whole, and not what was declared */
	FAILURE_REFUSED, /* not sent: the breaker is open, or the service asked not to be asked yet */
	FAILURE_BUDGET,	 /* not sent or not read on: the statement's budget is used up */
	FAILURE_LOOP,	 /* not sent: services query each other in a circle */
	FAILURE_KINDS
} FailureKind;

/* As figures name it, such as "connect". */
extern const char *dq_failure_name(FailureKind kind);

/* What an option "breaker_on" lists. */
typedef enum BreakerCause
{
	BREAK_ON_CONNECTION = 1 << 0, /* FAILURE_CONNECT, FAILURE_CUT_OFF */
	BREAK_ON_TIMEOUT = 1 << 1,
	BREAK_ON_5XX = 1 << 2,
	BREAK_ON_429 = 1 << 3
} BreakerCause;

/* True when a failure is one of those causes. */
extern bool dq_failure_counts(FailureKind kind, int causes);

/*
 * True for failures of a service that is down, slow or overloaded: those that on_error can pass
 * over.  Never for refused credentials, wrong declarations, wrong content or budgets.
 */
extern bool dq_failure_is_outage(FailureKind kind);

#endif /* DQ_FAILURE_H */
