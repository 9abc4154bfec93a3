/*
 * breaker_test.c
 *	  The circuit breaker, by cases and against random events.
 */
#include "base.h"

#include "tap.h"
#include "service/breaker.h"

#define FAILURES 3
#define COOLDOWN 1000

static BreakerChange
end(Breaker *breaker, bool was_probe, BreakerOutcome outcome, int64 now)
{
	return dq_breaker_end(breaker, was_probe, outcome, FAILURES, COOLDOWN, now);
}

static void
test_opening(void)
{
	Breaker breaker = { 0 };

	ok(dq_breaker_allows(&breaker, 1), "zero bytes are closed");
	ok(!end(&breaker, false, OUTCOME_FAILED, 1) && !end(&breaker, false, OUTCOME_FAILED, 2),
	   "two failures of three");
	end(&breaker, false, OUTCOME_NONE, 3);
	end(&breaker, false, OUTCOME_ANSWERED, 4);
	ok(!end(&breaker, false, OUTCOME_FAILED, 5) && !end(&breaker, false, OUTCOME_FAILED, 6),
	   "an answer begins the row anew");
	end(&breaker, false, OUTCOME_NONE, 7);
	ok(end(&breaker, false, OUTCOME_FAILED, 10),
	   "the third in a row opens, whatever was cancelled");
	is_int(dq_breaker_state(&breaker, 10), BREAKER_OPEN, "it is open");
	is_int(breaker.opened_us, 10, "since then");
	ok(!dq_breaker_allows(&breaker, 10 + COOLDOWN - 1), "until the end of the cooldown");
	end(&breaker, false, OUTCOME_ANSWERED, 20);
	end(&breaker, false, OUTCOME_FAILED, 900);
	is_int(breaker.retry_us, 10 + COOLDOWN, "what began before changes nothing");
	is_int(breaker.openings, 1, "one opening");
}

static void
test_probing(void)
{
	Breaker breaker = { 0 };

	for (int i = 0; i < FAILURES; i++)
		end(&breaker, false, OUTCOME_FAILED, 0);
	ok(dq_breaker_allows(&breaker, COOLDOWN), "after the cooldown one is let through");
	ok(dq_breaker_begin(&breaker), "the probe");
	ok(!dq_breaker_allows(&breaker, COOLDOWN + 1), "and no other");
	is_int(dq_breaker_state(&breaker, COOLDOWN + 1), BREAKER_HALF_OPEN, "half-open");
	end(&breaker, true, OUTCOME_NONE, COOLDOWN + 2);
	ok(dq_breaker_allows(&breaker, COOLDOWN + 3), "a probe that was cancelled is given back");
	dq_breaker_begin(&breaker);
	end(&breaker, true, OUTCOME_FAILED, COOLDOWN + 4);
	ok(!dq_breaker_allows(&breaker, 2 * COOLDOWN + 3), "one that fails costs another cooldown");
	ok(dq_breaker_allows(&breaker, 2 * COOLDOWN + 4), "which ends, too");
	is_int(breaker.opened_us, 0, "it was open all the time");
	dq_breaker_begin(&breaker);
	is_int(end(&breaker, true, OUTCOME_ANSWERED, 3 * COOLDOWN), BREAKER_CLOSED_AGAIN,
		   "one that is answered");
	is_int(dq_breaker_state(&breaker, 3 * COOLDOWN), BREAKER_CLOSED, "closes it");
	ok(!dq_breaker_begin(&breaker), "then there are no probes");
	for (int i = 0; i < FAILURES; i++)
		end(&breaker, false, OUTCOME_FAILED, 4 * COOLDOWN);
	end(&breaker, true, OUTCOME_ANSWERED, 4 * COOLDOWN);
	ok(!dq_breaker_allows(&breaker, 4 * COOLDOWN), "a probe of before closes nothing");
	dq_breaker_end(&breaker, false, OUTCOME_FAILED, 0, COOLDOWN, 4 * COOLDOWN);
	ok(dq_breaker_allows(&breaker, 4 * COOLDOWN), "without a breaker nothing is open");
}

/* Whatever happens: never two probes at once, and always a way back. */
static void
test_random(void)
{
	Breaker breaker = { 0 };
	uint32 random = 7;
	int64 now = 0;
	bool is_probe[50] = { false };
	bool is_running[50] = { false };
	int probes = 0;
	int most_probes = 0;
	int stuck = 0;

	for (int step = 0; step < 100000; step++)
	{
		random = random * 1664525 + 1013904223;

		int i = (random >> 8) % 50;
		BreakerOutcome outcome = (random >> 20) % 3;

		now += (random >> 26) % 50;
		if (!is_running[i] && dq_breaker_allows(&breaker, now))
		{
			is_running[i] = true;
			is_probe[i] = dq_breaker_begin(&breaker);
			probes += is_probe[i];
		}
		else if (is_running[i])
		{
			end(&breaker, is_probe[i], outcome, now);
			is_running[i] = false;
			probes -= is_probe[i];
		}
		most_probes = Max(most_probes, probes);
		stuck += probes == 0 && !dq_breaker_allows(&breaker, now + COOLDOWN);
	}
	is_int(most_probes, 1, "never two probes at once");
	is_int(stuck, 0, "never closed off for longer than the cooldown");
}

int
main(void)
{
	test_opening();
	test_probing();
	test_random();
	return tap_done();
}
