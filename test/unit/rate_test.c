/*
 * rate_test.c
 *	  Rates: never more than so many in any period, nor much fewer; credit for retries.
 */
#include "base.h"

#include "tap.h"
#include "service/rate.h"

#define SECOND INT64CONST(1000000)
#define MAX_TIMES 20000

/* When requests go out that are always wanted, but for pauses; returns how many. */
static int
simulate(const RateLimit *limit, int64 duration, uint32 random, int64 *times)
{
	RateClock clock = { 0 };
	int n = 0;

	for (int64 now = 1; now < duration && n < MAX_TIMES;)
	{
		int64 due = dq_rate_due(&clock, limit);

		if (due <= now)
		{
			dq_rate_take(&clock, limit, now);
			times[n++] = now;
			random = random * 1664525 + 1013904223;
			if (random % 100 < 3)
				now += random % (2 * limit->period_us);
		}
		else
			now = due;
	}
	return n;
}

static void
test_rate(int count, int64 period_us, const char *name)
{
	static int64 times[MAX_TIMES];
	RateLimit limit = { count, period_us };
	int64 duration = 20 * period_us;
	int too_many = 0;
	int n;

	for (uint32 seed = 1; seed <= 5; seed++)
	{
		n = simulate(&limit, duration, seed, times);
		for (int i = count; i < n; i++)
			too_many += times[i] - times[i - count] < period_us;
	}
	is_int(too_many, 0, "%s: never more in any period", name);

	/* Without pauses. */
	RateClock clock = { 0 };
	int64 now = 1;

	for (n = 0; now < duration; n++)
	{
		now = Max(now, dq_rate_due(&clock, &limit));
		dq_rate_take(&clock, &limit, now);
	}
	ok(n >= 20 * count * 0.9 && n <= 21 * count, "%s: %d of %d in 20 periods", name, n, 20 * count);
}

static void
test_no_rate(void)
{
	RateClock clock = { 0 };
	RateLimit none = { 0, 0 };

	for (int i = 0; i < 1000; i++)
		dq_rate_take(&clock, &none, 5);
	ok(dq_rate_due(&clock, &none) <= 5, "no limit is none");
}

static void
test_burst(void)
{
	RateClock clock = { 0 };
	RateLimit limit = { 100, SECOND };
	int64 now = 1000 * SECOND;
	int n = 0;

	while (dq_rate_due(&clock, &limit) <= now && n < 1000)
	{
		dq_rate_take(&clock, &limit, now);
		n++;
	}
	is_int(n, 10, "a tenth goes out at once");
}

static void
test_credit(void)
{
	RetryCredit credit = { 0 };
	int n = 0;

	while (dq_retry_credit_take(&credit, SECOND) && n < 100)
		n++;
	is_int(n, RETRY_FLOOR, "ten retries at once");
	ok(dq_retry_credit_take(&credit, 2 * SECOND), "one more after a second");
	ok(!dq_retry_credit_take(&credit, 2 * SECOND), "and only one");
	for (int i = 0; i < 100; i++)
		dq_retry_credit_earn(&credit, 20, 2 * SECOND);
	for (n = 0; dq_retry_credit_take(&credit, 2 * SECOND) && n < 100;)
		n++;
	is_int(n, 20, "twenty after a hundred requests, at 20 %%");
	for (int i = 0; i < 100000; i++)
		dq_retry_credit_earn(&credit, 20, 2 * SECOND);
	for (n = 0; dq_retry_credit_take(&credit, 2 * SECOND) && n < 1000;)
		n++;
	is_int(n, 110, "no more than a hundred are saved up");
	ok(dq_retry_credit_take(&credit, 1000 * SECOND), "time helps");
	for (n = 1; dq_retry_credit_take(&credit, 1000 * SECOND) && n < 1000;)
		n++;
	is_int(n, RETRY_FLOOR, "up to ten");
}

int
main(void)
{
	test_no_rate();
	test_rate(1, SECOND, "1/s");
	test_rate(2, SECOND, "2/s");
	test_rate(10, 60 * SECOND, "10/min");
	test_rate(19, SECOND, "19/s");
	test_rate(100, SECOND, "100/s");
	test_rate(777, 3600 * SECOND, "777/h");
	test_burst();
	test_credit();
	return tap_done();
}
