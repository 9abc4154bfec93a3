/*
 * rate.h
 *	  So many in so much time: requests to a service (option rate_limit), and their retries.
 *
 * Plain values in memory; whoever calls holds the lock that guards them.  Times are microseconds of
 * a clock that never goes back.
 */
#ifndef DQ_RATE_H
#define DQ_RATE_H

/* "100/s" is 100 and 1,000,000.  count 0: no limit. */
typedef struct RateLimit
{
	int count;
	int64 period_us;
} RateLimit;

/*
 * Where requests stand in time (the generic cell rate algorithm, ITU-T I.371): they are spread
 * evenly, but for a burst of a tenth of the count, and never are there more than count in any
 * period, wherever it begins.  Zero bytes are an empty one.
 */
typedef struct RateClock
{
	int64 next_us; /* theoretical arrival of the next request */
} RateClock;

/* When the next request may go out; not after now_us: at once. */
extern int64 dq_rate_due(const RateClock *clock, const RateLimit *limit);

/* A request goes out. */
extern void dq_rate_take(RateClock *clock, const RateLimit *limit, int64 now_us);

/*
 * Credit for retries: each request adds a share of one, and beyond that there is one a second up to
 * RETRY_FLOOR, so that a service that is asked seldom is retried at all.  Zero bytes are a full
 * floor.
 */
#define RETRY_FLOOR 10

typedef struct RetryCredit
{
	int64 spent;	/* millionths, below the full floor; negative: earned beyond it */
	int64 since_us; /* until when seconds were counted */
} RetryCredit;

extern void dq_retry_credit_earn(RetryCredit *credit, int percent, int64 now_us);

/* Takes one; false when there is none. */
extern bool dq_retry_credit_take(RetryCredit *credit, int64 now_us);

#endif /* DQ_RATE_H */
