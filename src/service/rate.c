/*
 * rate.c
 *	  So many in so much time: requests to a service (option rate_limit), and their retries.
 *
 * Builds without a backend: test/unit/rate_test.c.
 */
#include "base.h"

#include "service/rate.h"

/* Retries that can be saved up beyond the floor. */
#define MOST_SAVED 100

/* A retry, in the unit of RetryCredit; what a second is worth, so that a microsecond is one unit. */
#define ONE_RETRY INT64CONST(1000000)

static int64
burst_of(const RateLimit *limit)
{
	return Max(limit->count / 10, 1);
}

/*
 * With a burst of b, b - 1 requests come on top of what the interval lets through in a period, so
 * that the interval is a little longer than period / count.
 */
static int64
interval_of(const RateLimit *limit)
{
	int64 steady = limit->count - burst_of(limit) + 1;

	return (limit->period_us + steady - 1) / steady;
}

int64
dq_rate_due(const RateClock *clock, const RateLimit *limit)
{
	if (limit->count == 0)
		return 0;
	return clock->next_us - (burst_of(limit) - 1) * interval_of(limit);
}

void
dq_rate_take(RateClock *clock, const RateLimit *limit, int64 now_us)
{
	if (limit->count > 0)
		clock->next_us = Max(clock->next_us, now_us) + interval_of(limit);
}

/* What the seconds since the last time are worth. */
static void
count_seconds(RetryCredit *credit, int64 now_us)
{
	if (credit->spent > 0)
		credit->spent = Max(0, credit->spent - (now_us - credit->since_us));
	credit->since_us = now_us;
}

void
dq_retry_credit_earn(RetryCredit *credit, int percent, int64 now_us)
{
	count_seconds(credit, now_us);
	credit->spent = Max(credit->spent - percent * (ONE_RETRY / 100), -MOST_SAVED * ONE_RETRY);
}

bool
dq_retry_credit_take(RetryCredit *credit, int64 now_us)
{
	count_seconds(credit, now_us);
	if (credit->spent + ONE_RETRY > RETRY_FLOOR * ONE_RETRY)
		return false;
	credit->spent += ONE_RETRY;
	return true;
}
