/*
 * exchange.c
 *	  One request and its answer: leave to ask, attempts, back-off, and the end.
 *
 *	WAITING --token, leave--> RUNNING --answer--> DONE
 *	   |               RUNNING --worth another try (retry.c)--> BACKING_OFF --due--> WAITING
 *	   |               RUNNING --status 401, once (oauth.c)--> WAITING
 *	refused            RUNNING --final--> FAILED
 *	   |
 *	FAILED
 *
 * An exchange that nobody drives is parked: its attempt stays on the wire, without a slot.
 */
#include "postgres.h"

#include "transport/budget.h"
#include "transport/exchange_private.h"
#include "transport/oauth.h"
#include "transport/redirect.h"
#include "service/shared_state.h"
#include "transport/way.h"
#include "utils/memutils.h"

static void
stop_waiting(Exchange *exchange)
{
	if (!exchange->is_waiting)
		return;
	exchange->is_waiting = false;
	dq_service_stop_waiting(exchange->service);
}

static void
log_breaker(const Exchange *exchange, BreakerChange change, FailureKind failure)
{
	const Endpoint *endpoint = exchange->endpoint;
	const char *what = exchange->is_token_request ? "token endpoint" : "server";

	if (change == BREAKER_OPENED)
		ereport(LOG,
				(errmsg("circuit breaker of %s \"%s\" has opened", what, endpoint->server_name),
				 errdetail("%d requests in a row have failed, the last one by %s.",
						   endpoint->limits.service.breaker_failures, dq_failure_name(failure))));
	else if (change == BREAKER_CLOSED_AGAIN)
		ereport(LOG,
				(errmsg("circuit breaker of %s \"%s\" has closed", what, endpoint->server_name)));
}

/* Tells the service what became of an attempt that had its leave, and gives the slot back. */
static void
leave_service(Exchange *exchange, AttemptEnd *end)
{
	BreakerChange change;

	if (!exchange->holds_slot && !exchange->is_parked)
		return;
	end->holds_slot = exchange->holds_slot;
	end->is_probe = exchange->is_probe;
	exchange->holds_slot = exchange->is_probe = exchange->is_parked = false;
	change = dq_service_leave(exchange->service, &exchange->endpoint->limits.service, end);
	log_breaker(exchange, change, end->failure);
}

/* The same for an attempt that is cancelled, or was never made: it says nothing of the service. */
static void
leave_service_untold(Exchange *exchange)
{
	AttemptEnd end = { .outcome = OUTCOME_NONE, .ms = -1 };

	leave_service(exchange, &end);
}

/* Runs when the exchange's context goes, for whatever reason. */
static void
exchange_release(void *arg)
{
	Exchange *exchange = arg;

	dq_transfer_stop(exchange);
	dq_record_release(exchange);
	dq_exchange_show(exchange, ACTIVITY_NONE);
	leave_service_untold(exchange);
	stop_waiting(exchange);
	dq_loop_deactivate(exchange);
	dq_oauth_release(exchange);
}

/*
 * Limits hold for a service; a token endpoint is one of its own, known by the mapping.  Should a
 * server and a mapping have the same OID, they share theirs.
 */
static Oid
service_of(const Exchange *exchange)
{
	const Endpoint *endpoint = exchange->endpoint;

	return exchange->is_token_request ? endpoint->credentials->mapping : endpoint->serverid;
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
	exchange->relid = options->relid;
	exchange->scan = options->scan;
	exchange->relation_name = options->relation_name ? pstrdup(options->relation_name) : NULL;
	exchange->group = options->group;
	exchange->accept_not_found = options->accept_not_found;
	exchange->accept_not_modified = options->accept_not_modified;
	exchange->is_token_request = options->is_token_request;
	exchange->on_progress = options->on_progress;
	exchange->owner = options->owner;
	exchange->attempt = 1;
	exchange->cache = options->cache;
	exchange->activity = options->activity;
	exchange->shown = ACTIVITY_NONE;
	copy_request(exchange, options->request);
	dq_record_prepare(exchange);
	exchange->service = dq_service_open(service_of(exchange));
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
	dq_exchange_show_since(exchange, ACTIVITY_NONE, dq_record_ended_at(exchange));
	dq_loop_deactivate(exchange);
	dq_loop_tell(exchange);
}

/* The service is not asked now, nor soon: no request is made. */
static void
refuse(Exchange *exchange, const ServiceAnswer *answer)
{
	MemoryContext old = MemoryContextSwitchTo(exchange->context);

	stop_waiting(exchange);
	exchange->error = dq_remote_error_refused(exchange, answer);
	end_exchange(exchange, EXCHANGE_FAILED);
	MemoryContextSwitchTo(old);
}

/* Once a backend, where a limit that should hold for all sessions begins to matter. */
static void
notice_scope(const Endpoint *endpoint)
{
	static bool was_told = false;

	if (was_told || dq_shared_scope() == SHARED_BY_ALL)
		return;
	was_told = true;
	ereport(NOTICE,
			(errmsg("limits of server \"%s\" hold for this session only", endpoint->server_name),
			 errdetail("Sessions do not know of each other's requests."),
			 errhint("Add distquery to shared_preload_libraries.")));
}

/* Asks for leave where the exchange has none; true when it has. */
static bool
has_leave(Exchange *exchange)
{
	const ServiceLimits *limits = &exchange->endpoint->limits.service;
	ServiceAnswer answer;

	/* It is there already where the last try raised, for lack of memory. */
	if (exchange->holds_slot)
		return true;
	dq_service_enter(exchange->service, limits, exchange->attempt > 1, &answer);
	switch (answer.verdict)
	{
		case SERVICE_GO:
			exchange->holds_slot = true;
			exchange->is_probe = answer.is_probe;
			stop_waiting(exchange);
			if (limits->rate.count > 0)
				notice_scope(exchange->endpoint);
			return true;
		case SERVICE_WAIT:
			if (limits->rate.count > 0 || limits->is_max_in_flight_set)
				notice_scope(exchange->endpoint);
			if (!exchange->is_waiting)
				dq_service_wait(exchange->service);
			exchange->is_waiting = true;
			dq_exchange_show_wait(exchange, answer.reason);
			return false;
		case SERVICE_BREAKER_OPEN:
		case SERVICE_ASKED_TO_WAIT:
			notice_scope(exchange->endpoint);
			refuse(exchange, &answer);
			return false;
	}
	return false;
}

/* The attempt cannot be made. */
static void
fail_unsent(Exchange *exchange)
{
	leave_service_untold(exchange);
	stop_waiting(exchange);
	exchange->error = dq_remote_error_make(exchange, CURLE_OUT_OF_MEMORY, NULL);
	end_exchange(exchange, EXCHANGE_FAILED);
}

/* Whether the statement may make no more requests, or none at all; fault says why. */
static bool
is_forbidden(Exchange *exchange)
{
	char *problem = dq_way_problem();

	if (problem)
		pfree(problem);
	/* Whether a token is known already is no statement's doing. */
	else if (exchange->is_token_request || dq_budget_allows())
		return false;
	exchange->fault = problem ? FAULT_LOOP : FAULT_BUDGET;
	return true;
}

/* True when it has the access token that it needs; false when it waits, or has failed. */
static bool
has_token(Exchange *exchange)
{
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	TokenState state = exchange->has_left_origin ? TOKEN_READY : dq_oauth_prepare(exchange);

	if (state == TOKEN_AWAITED)
		dq_exchange_show(exchange, ACTIVITY_AWAITING_TOKEN);
	if (state == TOKEN_REFUSED)
	{
		stop_waiting(exchange);
		end_exchange(exchange, EXCHANGE_FAILED);
	}
	MemoryContextSwitchTo(old);
	return state == TOKEN_READY;
}

/* Puts the next attempt on the wire if its time has come and the service may be asked. */
void
dq_exchange_try_start(Exchange *exchange)
{
	if (exchange->state == EXCHANGE_BACKING_OFF && exchange->due_ms <= dq_loop_clock_ms())
	{
		exchange->state = EXCHANGE_WAITING;
		INSTR_TIME_SET_CURRENT(exchange->waiting_since);
	}
	if (exchange->state != EXCHANGE_WAITING)
		return;
	if (is_forbidden(exchange))
	{
		/* The attempt to tell of is the one that was made. */
		exchange->attempt = Max(exchange->attempt - 1, 1);
		fail_unsent(exchange);
		return;
	}
	if (!has_token(exchange) || !has_leave(exchange))
		return;
	if (!dq_transfer_start(exchange))
	{
		fail_unsent(exchange);
		return;
	}
	exchange->state = EXCHANGE_RUNNING;
	dq_exchange_show_since(exchange, ACTIVITY_REQUESTING, exchange->figures.started_at);
	if (!exchange->is_token_request)
		dq_budget_count_request(exchange->relid,
								exchange->relation_name ? exchange->relation_name :
														  exchange->endpoint->server_name);
}

void
dq_exchange_park(const void *group)
{
	dlist_iter iter;

	dlist_foreach(iter, dq_loop_active())
	{
		Exchange *exchange = dlist_container(Exchange, active_node, iter.cur);

		if (!exchange->holds_slot || exchange->state != EXCHANGE_RUNNING ||
			(group && exchange->group != group))
			continue;
		dq_service_park(exchange->service, exchange->is_probe);
		exchange->holds_slot = exchange->is_probe = false;
		exchange->is_parked = true;
		dq_exchange_show(exchange, ACTIVITY_IDLE);
	}
}

void
dq_exchange_unpark(const void *group)
{
	dlist_iter iter;

	dlist_foreach(iter, dq_loop_active())
	{
		Exchange *exchange = dlist_container(Exchange, active_node, iter.cur);

		if (!exchange->is_parked || exchange->group != group)
			continue;
		dq_service_unpark(exchange->service);
		exchange->is_parked = false;
		exchange->holds_slot = true;
		dq_exchange_show(exchange,
						 exchange->status == 0 ? ACTIVITY_REQUESTING : ACTIVITY_RECEIVING);
	}
}

/* What an attempt tells about its service. */
static AttemptEnd
attempt_end(Exchange *exchange, CURLcode code, bool is_answer)
{
	const ServiceLimits *limits = &exchange->endpoint->limits.service;
	FailureKind kind = is_answer ? FAILURE_NONE : dq_remote_failure_kind(exchange, code);
	bool is_status = code == CURLE_OK && exchange->fault == FAULT_NONE && exchange->status > 0;
	AttemptEnd end = { .failure = kind, .wire_bytes = exchange->attempt_wire_bytes, .ms = -1 };

	if (dq_failure_counts(kind, limits->breaker_causes))
		end.outcome = OUTCOME_FAILED;
	else
		end.outcome = is_status ? OUTCOME_ANSWERED : OUTCOME_NONE;
	if (is_status)
		end.ms = dq_loop_clock_ms() - exchange->attempt_started_ms;
	if (is_status && (exchange->status == 429 || exchange->status == 503))
		end.retry_after_ms = dq_retry_after_ms(exchange, code);
	return end;
}

/* The attempt has failed: another one, or the end. */
static void
try_again_or_fail(Exchange *exchange, CURLcode code)
{
	const char *more = NULL;

	if (dq_retry_is_worth(exchange, code, &more))
	{
		exchange->last_failure = dq_remote_error_make(exchange, code, NULL);
		dq_retry_schedule(exchange);
		dq_exchange_show(exchange, ACTIVITY_BACKING_OFF);
		return;
	}
	exchange->error = dq_remote_error_make(exchange, code, more);
	end_exchange(exchange, EXCHANGE_FAILED);
}

/*
 * libcurl takes a connection that is closed among the headers for the end of an answer without a
 * body.  The headers have ended when an empty line has come.
 */
static bool
is_cut_in_headers(const Exchange *exchange)
{
	const char *headers = exchange->headers.data;

	return exchange->status > 0 && exchange->headers.len > 0 &&
		strstr(headers, "\r\n\r\n") == NULL && strstr(headers, "\n\n") == NULL;
}

/* libcurl is done with an attempt, or we are. */
void
dq_exchange_attempt_ended(Exchange *exchange, CURLcode code)
{
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	long status = 0;
	bool is_answer;
	bool is_hop;
	AttemptEnd end;

	curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
	exchange->status = (int) status;
	dq_transfer_stop(exchange);
	if (exchange->is_excerpt_enough)
		code = CURLE_OK;
	/* One address of a name may be refused while another one answers. */
	if (code == CURLE_OK &&
		(exchange->fault == FAULT_ADDRESS || exchange->fault == FAULT_DESCRIPTORS))
		exchange->fault = FAULT_NONE;
	if (code == CURLE_OK && exchange->fault == FAULT_NONE && is_cut_in_headers(exchange))
	{
		strlcpy(exchange->curl_error, "closed among its headers", sizeof(exchange->curl_error));
		code = CURLE_PARTIAL_FILE;
	}
	is_answer = code == CURLE_OK && exchange->fault == FAULT_NONE &&
		((status >= 200 && status < 300) || (status == 404 && exchange->accept_not_found) ||
		 (status == 304 && exchange->accept_not_modified));
	is_hop = !is_answer && code == CURLE_OK && exchange->fault == FAULT_NONE &&
		dq_redirect_follow(exchange);
	end = attempt_end(exchange, code, is_answer || is_hop);
	leave_service(exchange, &end);
	if (is_answer)
		end_exchange(exchange, EXCHANGE_DONE);
	else if (is_hop ||
			 (code == CURLE_OK && exchange->fault == FAULT_NONE && status == 401 &&
			  !exchange->has_left_origin && dq_oauth_renew(exchange)))
	{
		dq_record_end(exchange, FATE_ENDED, end.failure);
		dq_record_prepare(exchange); /* of another URL, maybe */
		exchange->state = EXCHANGE_WAITING;
	}
	else
	{
		dq_record_end(exchange, FATE_ENDED, end.failure);
		try_again_or_fail(exchange, code);
	}
	dq_oauth_release(exchange);
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
	if (exchange->state == EXCHANGE_WAITING && exchange->token_wait)
		return -1;
	if (exchange->state == EXCHANGE_WAITING)
	{
		double due = dq_service_due_in_ms(exchange->service);

		return due < 0 ? -1 : dq_loop_clock_ms() + due;
	}
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

void
dq_exchange_free(Exchange *exchange)
{
	MemoryContextDelete(exchange->context);
}
