/*
 * failure.c
 *	  The kinds of ways in which a request fails.
 */
#include "postgres.h"

#include "service/failure.h"

const char *
dq_failure_name(FailureKind kind)
{
	static const char *const names[FAILURE_KINDS] = {
		"none", "connect", "timeout", "cut_off", "5xx",	   "429",
		"4xx",	"other",   "content", "refused", "budget", "loop",
	};

	return names[kind];
}

bool
dq_failure_counts(FailureKind kind, int causes)
{
	switch (kind)
	{
		case FAILURE_CONNECT:
		case FAILURE_CUT_OFF:
			return (causes & BREAK_ON_CONNECTION) != 0;
		case FAILURE_TIMEOUT:
			return (causes & BREAK_ON_TIMEOUT) != 0;
		case FAILURE_5XX:
			return (causes & BREAK_ON_5XX) != 0;
		case FAILURE_429:
			return (causes & BREAK_ON_429) != 0;
		default:
			return false;
	}
}

bool
dq_failure_is_outage(FailureKind kind)
{
	switch (kind)
	{
		case FAILURE_CONNECT:
		case FAILURE_TIMEOUT:
		case FAILURE_CUT_OFF:
		case FAILURE_5XX:
		case FAILURE_429:
		case FAILURE_REFUSED:
			return true;
		default:
			return false;
	}
}
