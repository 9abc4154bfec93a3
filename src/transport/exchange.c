/*
 * exchange.c
 *	  One request and its answer: waiting for a slot, attempts, back-off, and the end.
 *
 *	WAITING --slot--> RUNNING --answer--> DONE
 *	                  RUNNING --worth another try--> BACKING_OFF --due--> WAITING
 *	                  RUNNING --final--> FAILED
 *
 * Retries are for idempotent requests whose body nobody has used yet (dq_exchange_commit).  The
 * delay is drawn evenly from zero to a bound that doubles with each attempt ("full jitter"), and
 * is never shorter than the service's Retry-After (RFC 9110, 10.2.3).
 */
#include "postgres.h"

#include <time.h>
#include <unistd.h>

#include "transport/exchange_private.h"
#include "transport/service_state.h"
#include "transport/slots.h"
#include "utils/memutils.h"

#define LONGEST_BACKOFF_MS 30000.0
#define LONGEST_RETRY_AFTER_MS 60000.0

static void
release_slot(Exchange *exchange)
{
	if (!exchange->holds_slot)
		return;
	exchange->holds_slot = false;
	dq_slots_give(exchange->endpoint->serverid);
}

/* Runs when the exchange's context goes, for whatever reason. */
static void
exchange_release(void *arg)
{
	Exchange *exchange = arg;

	dq_transfer_stop(exchange);
	release_slot(exchange);
	dq_loop_deactivate(exchange);
}

static void
copy_request(Exchange *exchange, const Request *request)
{
	Header *headers = palloc0(sizeof(Header) * Max(request->nheaders, 1));

	exchange->request = *request;
	exchange->request.method = pstrdup(request->method);
	exchange->request.url = pstrdup(request->url);
	exchange->request.body = request->body ? pstrdup(request->body) : NULL;
	for (int i = 0; i < request->nheaders; i++)
		headers[i] = (Header) { pstrdup(request->headers[i].name),
								pstrdup(request->headers[i].value) };
	exchange->request.headers = headers;
}

Exchange *
dq_exchange_start(const ExchangeOptions *options)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery exchange",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Exchange *exchange = palloc0(sizeof(Exchange));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	exchange->context = context;
	exchange->own_endpoint = *options->endpoint;
	exchange->endpoint = &exchange->own_endpoint;
	exchange->relation_name = options->relation_name ? pstrdup(options->relation_name) : NULL;
	exchange->accept_not_found = options->accept_not_found;
	exchange->on_progress = options->on_progress;
	exchange->owner = options->owner;
	exchange->attempt = 1;
	copy_request(exchange, options->request);
	dq_service_prepare();
	dq_slots_prepare(options->endpoint->serverid);
	exchange->started_ms = dq_loop_clock_ms();
	callback->func = exchange_release;
	callback->arg = exchange;
	MemoryContextRegisterResetCallback(context, callback);
	dq_loop_activate(exchange);
	MemoryContextSwitchTo(old);
	return exchange;
}

static void
end_exchange(Exchange *exchange, ExchangeState state)
{
	exchange->state = state;
	exchange->ended_ms = dq_loop_clock_ms();
	dq_loop_deactivate(exchange);
	dq_loop_tell(exchange);
}

/* Puts the next attempt on the wire if its time has come and the service has a slot. */
void
dq_exchange_try_start(Exchange *exchange)
{
	const Endpoint *endpoint = exchange->endpoint;

	if (exchange->state == EXCHANGE_BACKING_OFF && exchange->due_ms <= dq_loop_clock_ms())
		exchange->state = EXCHANGE_WAITING;
	if (exchange->state != EXCHANGE_WAITING)
		return;
	/* The slot is there already where the last try raised, for lack of memory. */
	if (!exchange->holds_slot && !dq_slots_take(endpoint->serverid, endpoint->limits.max_in_flight))
		return;
	exchange->holds_slot = true;
	if (dq_transfer_start(exchange))
	{
		exchange->state = EXCHANGE_RUNNING;
		dq_service_count_request(endpoint->serverid);
	}
	else
	{
		release_slot(exchange);
		exchange->error = dq_remote_error_make(exchange, CURLE_OUT_OF_MEMORY, NULL);
		end_exchange(exchange, EXCHANGE_FAILED);
	}
}

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

/* Milliseconds that the service asks us to wait (RFC 9110, 10.2.3), 0 when it does not say. */
static double
retry_after_ms(Exchange *exchange, CURLcode code)
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

/* Schedules another attempt; false when this one was the last. */
static bool
back_off(Exchange *exchange, CURLcode code, const char **more)
{
	const TransferLimits *limits = &exchange->endpoint->limits;
	double bound = limits->retry_backoff_ms;
	double asked;

	if (!exchange->request.is_idempotent || exchange->is_committed ||
		exchange->attempt > limits->retries || !is_transient(exchange, code))
		return false;
	asked = retry_after_ms(exchange, code);
	if (asked > LONGEST_RETRY_AFTER_MS)
	{
		*more = psprintf("The service asks to wait %.0f s, longer than a query should.",
						 asked / 1000);
		return false;
	}
	for (int i = 1; i < exchange->attempt && bound < LONGEST_BACKOFF_MS; i++)
		bound *= 2;
	exchange->due_ms = dq_loop_clock_ms() +
		Max(asked, Min(bound, LONGEST_BACKOFF_MS) * random_fraction());
	/* Bytes that nobody has taken yet belong to the failed attempt. */
	exchange->body.len = 0;
	exchange->attempt++;
	exchange->restarts++;
	exchange->stats.retries++;
	exchange->state = EXCHANGE_BACKING_OFF;
	return true;
}

/* libcurl is done with an attempt, or we are. */
void
dq_exchange_attempt_ended(Exchange *exchange, CURLcode code)
{
	const char *more = NULL;
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	long status = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	exchange->status = (int) status;
	dq_transfer_stop(exchange);
	release_slot(exchange);
	if (exchange->is_excerpt_enough)
		code = CURLE_OK;
	/* One address of a name may be refused while another one answers. */
	if (code == CURLE_OK &&
		(exchange->fault == FAULT_LINK_LOCAL || exchange->fault == FAULT_DESCRIPTORS))
		exchange->fault = FAULT_NONE;
	if (code == CURLE_OK && exchange->fault == FAULT_NONE &&
		((status >= 200 && status < 300) || (status == 404 && exchange->accept_not_found)))
		end_exchange(exchange, EXCHANGE_DONE);
	else if (!back_off(exchange, code, &more))
	{
		exchange->error = dq_remote_error_make(exchange, code, more);
		end_exchange(exchange, EXCHANGE_FAILED);
	}
	MemoryContextSwitchTo(old);
}

static bool
is_connected(const Exchange *exchange)
{
	curl_off_t micros = 0;

	curl_easy_getinfo(exchange->easy, CURLINFO_PRETRANSFER_TIME_T, &micros);
	return micros > 0;
}

/* When the loop has to look at the exchange again, by its clock; -1: whenever. */
double
dq_exchange_deadline(const Exchange *exchange)
{
	const TransferLimits *limits = &exchange->endpoint->limits;
	double deadline = -1;

	if (exchange->state == EXCHANGE_BACKING_OFF)
		return exchange->due_ms;
	if (exchange->state != EXCHANGE_RUNNING)
		return -1;
	if (limits->timeout_ms > 0)
		deadline = exchange->attempt_started_ms + limits->timeout_ms;
	if (limits->connect_timeout_ms > 0 && !is_connected(exchange) &&
		(deadline < 0 || exchange->attempt_started_ms + limits->connect_timeout_ms < deadline))
		deadline = exchange->attempt_started_ms + limits->connect_timeout_ms;
	return deadline;
}

void
dq_exchange_check_deadline(Exchange *exchange)
{
	double deadline = dq_exchange_deadline(exchange);

	if (exchange->state != EXCHANGE_RUNNING || deadline < 0 || deadline > dq_loop_clock_ms())
		return;
	exchange->fault = is_connected(exchange) ||
			deadline == exchange->attempt_started_ms + exchange->endpoint->limits.timeout_ms ?
		FAULT_TIMEOUT :
		FAULT_CONNECT_TIMEOUT;
	dq_exchange_attempt_ended(exchange, CURLE_OPERATION_TIMEDOUT);
}

ExchangeState
dq_exchange_state(const Exchange *exchange)
{
	return exchange->state;
}

int
dq_exchange_status(const Exchange *exchange)
{
	return exchange->status;
}

const char *
dq_exchange_header(const Exchange *exchange, const char *name)
{
	const char *line = exchange->headers.data;
	const char *end = line + exchange->headers.len;
	size_t len = strlen(name);
	StringInfoData value;

	if (exchange->headers.len == 0)
		return NULL;
	value.data = NULL;
	while (line < end)
	{
		const char *next = memchr(line, '\n', end - line);
		const char *stop = next ? next : end;

		if ((size_t) (stop - line) > len && line[len] == ':' && pg_strncasecmp(line, name, len) == 0)
		{
			const char *start = line + len + 1;

			while (start < stop && (*start == ' ' || *start == '\t'))
				start++;
			while (stop > start && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
				stop--;
			if (value.data == NULL)
			{
				MemoryContext old = MemoryContextSwitchTo(exchange->context);

				initStringInfo(&value);
				MemoryContextSwitchTo(old);
			}
			else
				appendStringInfoString(&value, ", ");
			appendBinaryStringInfo(&value, start, stop - start);
		}
		if (next == NULL)
			break;
		line = next + 1;
	}
	return value.data;
}

bool
dq_exchange_take(Exchange *exchange, const char **bytes, size_t *len)
{
	if (exchange->body.len == 0)
		return false;
	*bytes = exchange->body.data;
	*len = exchange->body.len;
	exchange->body.len = 0;
	return true;
}

void
dq_exchange_commit(Exchange *exchange)
{
	exchange->is_committed = true;
}

int
dq_exchange_restarts(const Exchange *exchange)
{
	return exchange->restarts;
}

const RemoteError *
dq_exchange_error(const Exchange *exchange)
{
	return exchange->error;
}

void
dq_exchange_stats(const Exchange *exchange, ExchangeStats *stats)
{
	bool has_ended = exchange->state == EXCHANGE_DONE || exchange->state == EXCHANGE_FAILED;

	*stats = exchange->stats;
	stats->total_ms = (has_ended ? exchange->ended_ms : dq_loop_clock_ms()) - exchange->started_ms;
}

void
dq_exchange_free(Exchange *exchange)
{
	MemoryContextDelete(exchange->context);
}
