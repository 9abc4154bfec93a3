/*
 * breaker.h
 *	  A service's circuit breaker: closed, open, half-open with one probe at a time.
 *
 *	CLOSED --failures in a row--> OPEN --cooldown--> half-open: one attempt is let through, the probe
 *	                              OPEN <--it fails--    |
 *	CLOSED <--it is answered----------------------------+
 *
 * A plain value in memory; whoever calls holds the lock that guards it.  Times are microseconds of
 * a clock that never goes back.
 */
#ifndef DQ_BREAKER_H
#define DQ_BREAKER_H

/* Zero bytes are closed. */
typedef struct Breaker
{
	int failures;	 /* in a row */
	bool is_open;	 /* half-open, too */
	bool is_probing; /* somebody's attempt was let through and has not ended */
	int64 opened_us; /* when it ceased to be closed */
	int64 retry_us;	 /* when the next probe is let through */
	int64 openings;	 /* so far */
} Breaker;

typedef enum BreakerState
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN /* the next attempt is the probe, or one is under way */
} BreakerState;

/* What an attempt told about the service. */
typedef enum BreakerOutcome
{
	OUTCOME_ANSWERED, /* it is alive */
	OUTCOME_FAILED,	  /* it failed in a way that counts */
	OUTCOME_NONE	  /* nothing: cancelled, or failed for reasons of our own */
} BreakerOutcome;

/* What an end did to it. */
typedef enum BreakerChange
{
	BREAKER_STAYS = 0,
	BREAKER_OPENED,
	BREAKER_CLOSED_AGAIN
} BreakerChange;

extern BreakerState dq_breaker_state(const Breaker *breaker, int64 now_us);

/* Whether an attempt is let through now; takes nothing. */
extern bool dq_breaker_allows(const Breaker *breaker, int64 now_us);

/* An attempt that was let through begins; true: it is the probe. */
extern bool dq_breaker_begin(Breaker *breaker);

/*
 * It has ended.  Only the probe's end moves a breaker that is open: what began before says nothing
 * new.
 */
extern BreakerChange dq_breaker_end(Breaker *breaker, bool was_probe, BreakerOutcome outcome,
									int max_failures, int64 cooldown_us, int64 now_us);

#endif /* DQ_BREAKER_H */
