/*
 * retry.c
 *	  Whether a failed attempt is followed by another, and when.
 *
 * Another attempt is for idempotent requests whose body nobody has used yet (dq_exchange_commit),
 * after failures that it may not meet, as long as
 *
 *	- the declaration allows one more (retries),
 *	- the service's breaker is closed,
 *	- the service does not ask to wait for longer than a query should (Retry-After),
 *	- it could still be answered before statement_timeout,
 *	- all sessions together have not retried too much already (retry_budget).
 *
 * The delay is drawn evenly from zero to a bound that doubles with each attempt ("full jitter"), and
 * is never shorter than Retry-After (RFC 9110, 10.2.3).
 */
#include "postgres.h"

#include <time.h>
#include <unistd.h>

#include "compat.h"
#include "transport/exchange_private.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define LONGEST_BACKOFF_MS 30000.0
#define LONGEST_RETRY_AFTER_MS 60000.0

/* Failures that another attempt may not meet. */
static bool
is_transient(const Exchange *exchange, CURLcode code)
{
	switch (exchange->fault)
	{
		case FAULT_NONE:
			break;
		case FAULT_TIMEOUT:
		case FAULT_CONNECT_TIMEOUT:
			return true;
		default:
			return false;
	}
	if (code == CURLE_OK)
	{
		int status = exchange->status;

		return status == 408 || status == 425 || status == 429 || status == 500 || status == 502 ||
			status == 503 || status == 504;
	}
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_CONNECT:
		case CURLE_PARTIAL_FILE:
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_OPERATION_TIMEDOUT:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
		case CURLE_SSL_CONNECT_ERROR:
			return true;
		default:
			return false;
	}
}

/* Milliseconds that the answer asks us to wait, 0 when it does not say. */
double
dq_retry_after_ms(Exchange *exchange, CURLcode code)
{
	const char *value = NULL;
	char *end;
	long seconds;
	time_t date;

	if (code == CURLE_OK)
		value = dq_exchange_header(exchange, "Retry-After");
	if (value == NULL)
		return 0;
	seconds = strtol(value, &end, 10);
	if (end != value && *end == '\0')
		return seconds < 0 ? 0 : seconds * 1000.0;
	date = curl_getdate(value, NULL);
	return date < 0 ? 0 : Max(0, difftime(date, time(NULL)) * 1000.0);
}

/* xorshift64*; jitter needs no more, and no backend API changes under it. */
static double
random_fraction(void)
{
	static uint64 state = 0;

	if (state == 0)
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		state = ((uint64) INSTR_TIME_GET_MICROSEC(now) ^ ((uint64) getpid() << 32)) | 1;
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return ((state * UINT64CONST(0x2545F4914F6CDD1D)) >> 11) * (1.0 / 9007199254740992.0);
}

double
dq_exchange_time_left_ms(void)
{
	double left = -1;
	TimeoutId ids[] = { STATEMENT_TIMEOUT, DQ_TRANSACTION_TIMEOUT };

	for (int i = 0; i < lengthof(ids); i++)
		if (get_timeout_active(ids[i]))
		{
			double ms = (get_timeout_finish_time(ids[i]) - GetCurrentTimestamp()) / 1000.0;

			ms = Max(ms, 0);
			left = left < 0 ? ms : Min(left, ms);
		}
	return left;
}

/* The delay before the next attempt, but for what the service asks. */
static double
jittered_ms(const Exchange *exchange)
{
	double bound = exchange->endpoint->limits.retry_backoff_ms;

	for (int i = 1; i < exchange->attempt && bound < LONGEST_BACKOFF_MS; i++)
		bound *= 2;
	return Min(bound, LONGEST_BACKOFF_MS) * random_fraction();
}

bool
dq_retry_is_worth(Exchange *exchange, CURLcode code, const char **more)
{
	const TransferLimits *limits = &exchange->endpoint->limits;
	double asked;
	double left;

	if (!exchange->request.is_idempotent || exchange->is_committed || !is_transient(exchange, code))
		return false;
	asked = dq_retry_after_ms(exchange, code);
	if (exchange->attempt > limits->retries)
		return false;
	if (asked > LONGEST_RETRY_AFTER_MS)
	{
		*more = psprintf("The service asks to wait %.0f s, longer than a query should.",
						 asked / 1000);
		return false;
	}
	if (dq_service_is_open(exchange->service, &limits->service))
	{
		*more = "Not tried again: the circuit breaker is open.";
		return false;
	}
	exchange->due_ms = Max(asked, jittered_ms(exchange));
	left = dq_exchange_time_left_ms();
	if (left >= 0 && exchange->due_ms + dq_service_fastest_ms(exchange->service) >= left)
	{
		*more = psprintf("Not tried again: no answer could come in the %.0f ms that are left to "
						 "the statement.",
						 left);
		return false;
	}
	if (!dq_service_take_retry(exchange->service))
	{
		*more = psprintf("Not tried again: retries are held to %d %% of requests (retry_budget).",
						 limits->service.retry_percent);
		return false;
	}
	return true;
}

/* dq_retry_is_worth() has left the delay in due_ms. */
void
dq_retry_schedule(Exchange *exchange)
{
	exchange->due_ms += dq_loop_clock_ms();
	/* Bytes that nobody has taken yet belong to the failed attempt. */
	exchange->body.len = 0;
	exchange->attempt++;
	exchange->restarts++;
	exchange->stats.retries++;
	exchange->state = EXCHANGE_BACKING_OFF;
}
