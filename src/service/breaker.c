/*
 * breaker.c
 *	  A service's circuit breaker: closed, open, half-open with one probe at a time.
 *
 * Builds without a backend: test/unit/breaker_test.c.
 */
#include "base.h"

#include "service/breaker.h"

BreakerState
dq_breaker_state(const Breaker *breaker, int64 now_us)
{
	if (!breaker->is_open)
		return BREAKER_CLOSED;
	return breaker->is_probing || now_us >= breaker->retry_us ? BREAKER_HALF_OPEN : BREAKER_OPEN;
}

bool
dq_breaker_allows(const Breaker *breaker, int64 now_us)
{
	return !breaker->is_open || (!breaker->is_probing && now_us >= breaker->retry_us);
}

bool
dq_breaker_begin(Breaker *breaker)
{
	if (!breaker->is_open)
		return false;
	breaker->is_probing = true;
	return true;
}

static void
close_breaker(Breaker *breaker)
{
	breaker->failures = 0;
	breaker->is_open = false;
	breaker->is_probing = false;
}

BreakerChange
dq_breaker_end(Breaker *breaker, bool was_probe, BreakerOutcome outcome, int max_failures,
			   int64 cooldown_us, int64 now_us)
{
	if (max_failures == 0)
	{
		close_breaker(breaker);
		return BREAKER_STAYS;
	}
	if (breaker->is_open)
	{
		/* After a reset and another opening, a probe of before is not the one under way. */
		if (!was_probe || !breaker->is_probing)
			return BREAKER_STAYS;
		breaker->is_probing = false;
		if (outcome == OUTCOME_ANSWERED)
		{
			close_breaker(breaker);
			return BREAKER_CLOSED_AGAIN;
		}
		if (outcome == OUTCOME_FAILED)
		{
			breaker->failures++;
			breaker->retry_us = now_us + cooldown_us;
		}
		return BREAKER_STAYS;
	}
	if (outcome == OUTCOME_ANSWERED)
		breaker->failures = 0;
	else if (outcome == OUTCOME_FAILED && ++breaker->failures >= max_failures)
	{
		breaker->is_open = true;
		breaker->opened_us = now_us;
		breaker->retry_us = now_us + cooldown_us;
		breaker->openings++;
		return BREAKER_OPENED;
	}
	return BREAKER_STAYS;
}
