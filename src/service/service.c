/*
 * service.c
 *	  A service as this backend sees it: permission to ask it, and what became of asking.
 *
 * A request goes out when (in this order) the breaker lets it through, the service did not ask to
 * be left alone, the service has a slot for it after those who came before, and its rate allows
 * it.  All of that is decided under one lock, and nothing waits under it.  Who has to wait takes a
 * place in the queue and is woken when that may have changed: whoever takes or gives back a slot,
 * leaves the queue or ceases to be present wakes the first that is present, and a breaker that
 * opens wakes all, who are refused then.  What comes by time (a rate, Retry-After) has no waker:
 * the first of the queue looks again when it is due.
 *
 * Entries are pinned as long as a backend that used them lives, so that their address holds.  If
 * there is no room for one, the backend keeps a state of its own for that service.
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/ipc.h"
#include "service/queue.h"
#include "service/service.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* How often a backend for which the queue had no place asks again. */
#define POLL_US ((int64) 50 * 1000)

/* Longer than this nobody waits for a service that asked to be left alone. */
#define LONGEST_PATIENCE_US ((int64) 60 * 1000 * 1000)

/* Nor is it believed that a service wants to be left alone for longer. */
#define LONGEST_RETRY_AFTER_MS (60 * 60 * 1000.0)

struct Service
{
	Service *next;
	Oid serverid;
	ServiceState *state;
	bool is_pinned; /* state is shared, or at least in the table */
	int held;		/* slots */
	bool holds_probe;
	int waiting;	  /* exchanges */
	int place;		  /* in the queue, 0: none */
	bool is_present;  /* there */
	bool has_to_wait; /* known from an exchange before in this step */
	int64 due_us;	  /* when to ask again, 0: when woken */
	WaitReason reason;
};

static SharedArea *area = NULL;
static int max_services;
static Service *services = NULL; /* this backend's; never freed */

void
dq_service_define(void)
{
	dq_shared_define_setting("distquery.shared_services",
							 "Foreign servers whose state is kept in shared memory.", &max_services,
							 256, 8, 65536);
	area = dq_shared_define_table("distquery services", ForeignServerRelationId,
								  sizeof(ServiceState), &max_services);
	dq_queue_define();
}

int64
dq_service_now_us(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

TimestampTz
dq_service_timestamp(int64 us)
{
	return GetCurrentTimestamp() + (us - dq_service_now_us());
}

static SharedKey
key_of(Oid serverid)
{
	return (SharedKey) { MyDatabaseId, serverid };
}

/* With the lock held: gives back all that this backend has of a service. */
static void
give_all_back(Service *service)
{
	ServiceState *state = service->state;

	state->in_flight -= service->held;
	state->waiting -= service->waiting;
	if (service->holds_probe)
		state->breaker.is_probing = false;
	if (service->place != 0)
		dq_queue_leave(state, service->place);
	service->held = service->waiting = service->place = 0;
	service->holds_probe = false;
	dq_queue_wake_first(state);
}

/* Before the backend leaves shared memory, whatever the reason. */
static void
service_exit(int code, Datum arg)
{
	dq_shared_lock(area, LW_EXCLUSIVE);
	for (Service *service = services; service; service = service->next)
	{
		give_all_back(service);
		if (service->is_pinned)
			dq_shared_table_unpin(service->state);
		service->is_pinned = false;
	}
	dq_shared_unlock(area);
}

Service *
dq_service_open(Oid serverid)
{
	Service *service;
	SharedTable *table;
	bool found;

	for (service = services; service; service = service->next)
		if (service->serverid == serverid)
			return service;
	dq_shared_attach();
	if (services == NULL)
		before_shmem_exit(service_exit, (Datum) 0);
	service = MemoryContextAllocZero(TopMemoryContext, sizeof(Service));
	service->serverid = serverid;
	table = dq_shared_lock(area, LW_EXCLUSIVE);
	service->state = dq_shared_table_enter(table, key_of(serverid), &found);
	if (service->state)
	{
		dq_shared_table_pin(service->state);
		service->is_pinned = true;
		if (!found)
			service->state->figures.since = GetCurrentTimestamp();
		service->next = services;
		services = service;
	}
	dq_shared_unlock(area);
	if (service->state == NULL)
	{
		service->state = MemoryContextAllocZero(TopMemoryContext, sizeof(ServiceState));
		service->next = services;
		services = service;
	}
	return service;
}

/* Not now: takes a place in the queue, and is asked again when woken or due. */
static ServiceVerdict
wait_for(Service *service, WaitReason reason, int64 due_us)
{
	if (service->place == 0)
		service->place = dq_queue_join(service->state);
	else if (!service->is_present)
		dq_queue_set_present(service->place, true);
	service->is_present = service->place != 0;
	service->has_to_wait = true;
	service->reason = reason;
	service->due_us = due_us;
	if (service->place == 0 && due_us == 0)
		service->due_us = dq_service_now_us() + POLL_US;
	return SERVICE_WAIT;
}

/* A slot was taken: whoever has to go on waiting does so behind all others. */
static void
go_on_waiting(Service *service)
{
	if (service->place == 0)
		return;
	if (service->waiting > 1)
		dq_queue_requeue(service->state, service->place);
	else
	{
		dq_queue_leave(service->state, service->place);
		service->place = 0;
		service->is_present = false;
	}
}

static ServiceVerdict
ask_leave(Service *service, const ServiceLimits *limits, int64 now)
{
	ServiceState *state = service->state;
	int room = limits->max_in_flight - state->in_flight;
	int64 rate_due;

	if (limits->breaker_failures > 0 && !dq_breaker_allows(&state->breaker, now))
		return SERVICE_BREAKER_OPEN;
	if (state->not_before_us - now > LONGEST_PATIENCE_US)
		return SERVICE_ASKED_TO_WAIT;
	if (state->not_before_us > now)
		return wait_for(service, WAIT_FOR_PERMISSION, state->not_before_us);
	/* Where time is what lacks, only the first may take what comes. */
	if (room <= 0 || dq_queue_ahead(state, service->place, room) >= room)
		return wait_for(service, WAIT_FOR_SLOT, 0);
	if (limits->rate.count > 0 && dq_queue_ahead(state, service->place, 1) > 0)
		return wait_for(service, WAIT_FOR_RATE, 0);
	rate_due = dq_rate_due(&state->rate, &limits->rate);
	if (rate_due > now)
		return wait_for(service, WAIT_FOR_RATE, rate_due);
	return SERVICE_GO;
}

static void
take_slot(Service *service, const ServiceLimits *limits, bool is_retry, int64 now,
		  ServiceAnswer *answer)
{
	ServiceState *state = service->state;

	state->in_flight++;
	service->held++;
	dq_rate_take(&state->rate, &limits->rate, now);
	answer->is_probe = limits->breaker_failures > 0 && dq_breaker_begin(&state->breaker);
	if (answer->is_probe)
		service->holds_probe = true;
	state->figures.requests++;
	if (is_retry)
		state->figures.retries++;
	else
		dq_retry_credit_earn(&state->retries, limits->retry_percent, now);
	go_on_waiting(service);
	dq_queue_wake_first(state);
}

static void
explain_refusal(ServiceState *state, ServiceAnswer *answer)
{
	state->figures.failures[FAILURE_REFUSED]++;
	answer->failures = state->breaker.failures;
	answer->is_probing = state->breaker.is_probing;
	answer->since = dq_service_timestamp(state->breaker.opened_us);
	answer->next_at = dq_service_timestamp(
		answer->verdict == SERVICE_ASKED_TO_WAIT ? state->not_before_us : state->breaker.retry_us);
}

void
dq_service_enter(Service *service, const ServiceLimits *limits, bool is_retry,
				 ServiceAnswer *answer)
{
	int64 now = dq_service_now_us();

	memset(answer, 0, sizeof(ServiceAnswer));
	if (service->has_to_wait && (service->due_us == 0 || service->due_us > now))
	{
		answer->verdict = SERVICE_WAIT;
		answer->reason = service->reason;
		return;
	}
	dq_shared_lock(area, LW_EXCLUSIVE);
	answer->verdict = ask_leave(service, limits, now);
	if (answer->verdict == SERVICE_GO)
		take_slot(service, limits, is_retry, now, answer);
	else if (answer->verdict != SERVICE_WAIT)
		explain_refusal(service->state, answer);
	answer->reason = service->reason;
	dq_shared_unlock(area);
}

static void
count_end(ServiceState *state, const AttemptEnd *end)
{
	state->figures.wire_bytes += end->wire_bytes;
	state->figures.failures[end->failure]++;
	if (end->ms >= 0)
		dq_histogram_add(&state->figures.latency, end->ms);
}

BreakerChange
dq_service_leave(Service *service, const ServiceLimits *limits, const AttemptEnd *end)
{
	ServiceState *state = service->state;
	int64 now = dq_service_now_us();
	double asked_ms = Min(end->retry_after_ms, LONGEST_RETRY_AFTER_MS);
	bool was_probe = end->is_probe && service->holds_probe;
	BreakerChange change;

	dq_shared_lock(area, LW_EXCLUSIVE);
	/* After the exit of the backend has begun, everything was given back. */
	if (end->holds_slot && service->held > 0)
	{
		service->held--;
		state->in_flight--;
		service->has_to_wait = false;
	}
	if (was_probe)
		service->holds_probe = false;
	change = dq_breaker_end(&state->breaker, was_probe, end->outcome, limits->breaker_failures,
							(int64) limits->breaker_cooldown_ms * 1000, now);
	if (asked_ms > 0)
		state->not_before_us = Max(state->not_before_us, now + (int64) (asked_ms * 1000));
	count_end(state, end);
	if (change == BREAKER_OPENED)
		dq_queue_wake_all(state);
	else
		dq_queue_wake_first(state);
	dq_shared_unlock(area);
	return change;
}

void
dq_service_wait(Service *service)
{
	dq_shared_lock(area, LW_EXCLUSIVE);
	service->waiting++;
	service->state->waiting++;
	dq_shared_unlock(area);
}

void
dq_service_stop_waiting(Service *service)
{
	if (service->waiting == 0)
		return; /* the exit of the backend has begun */
	dq_shared_lock(area, LW_EXCLUSIVE);
	service->waiting--;
	service->state->waiting--;
	if (service->waiting == 0 && service->place != 0)
	{
		dq_queue_leave(service->state, service->place);
		service->place = 0;
		service->is_present = false;
		dq_queue_wake_first(service->state);
	}
	dq_shared_unlock(area);
}

void
dq_service_park(Service *service, bool is_probe)
{
	if (service->held == 0)
		return;
	dq_shared_lock(area, LW_EXCLUSIVE);
	service->held--;
	service->state->in_flight--;
	if (is_probe && service->holds_probe)
	{
		service->holds_probe = false;
		service->state->breaker.is_probing = false;
	}
	dq_queue_wake_first(service->state);
	dq_shared_unlock(area);
}

void
dq_service_unpark(Service *service)
{
	dq_shared_lock(area, LW_EXCLUSIVE);
	service->held++;
	service->state->in_flight++;
	dq_shared_unlock(area);
}

bool
dq_service_take_retry(Service *service)
{
	int64 now = dq_service_now_us();
	bool is_taken;

	dq_shared_lock(area, LW_EXCLUSIVE);
	is_taken = dq_retry_credit_take(&service->state->retries, now);
	dq_shared_unlock(area);
	return is_taken;
}

double
dq_service_fastest_ms(Service *service)
{
	double ms;

	dq_shared_lock(area, LW_SHARED);
	ms = dq_histogram_fastest(&service->state->figures.latency);
	dq_shared_unlock(area);
	return ms;
}

bool
dq_service_is_open(Service *service, const ServiceLimits *limits)
{
	bool is_open;

	if (limits->breaker_failures == 0)
		return false;
	dq_shared_lock(area, LW_SHARED);
	is_open = service->state->breaker.is_open;
	dq_shared_unlock(area);
	return is_open;
}

void
dq_service_count_content_failure(Service *service)
{
	dq_shared_lock(area, LW_EXCLUSIVE);
	service->state->figures.failures[FAILURE_CONTENT]++;
	dq_shared_unlock(area);
}

double
dq_service_due_in_ms(const Service *service)
{
	if (!service->has_to_wait)
		return 0;
	if (service->due_us == 0)
		return -1;
	return Max(0, (service->due_us - dq_service_now_us()) / 1000.0);
}

void
dq_service_ask_again(void)
{
	for (Service *service = services; service; service = service->next)
		service->has_to_wait = false;
}

void
dq_service_end_step(void)
{
	for (Service *service = services; service; service = service->next)
	{
		if (!service->is_present)
			continue;
		dq_shared_lock(area, LW_EXCLUSIVE);
		dq_queue_set_present(service->place, false);
		dq_queue_wake_first(service->state);
		dq_shared_unlock(area);
		service->is_present = false;
	}
}

bool
dq_service_read(Oid serverid, ServiceState *state)
{
	SharedTable *table;
	const ServiceState *found;

	dq_shared_attach();
	table = dq_shared_lock(area, LW_SHARED);
	found = dq_shared_table_find(table, key_of(serverid));
	if (found)
		*state = *found;
	dq_shared_unlock(area);
	return found != NULL;
}

bool
dq_service_reset_breaker(Oid serverid)
{
	SharedTable *table;
	ServiceState *state;

	dq_shared_attach();
	table = dq_shared_lock(area, LW_EXCLUSIVE);
	state = dq_shared_table_find(table, key_of(serverid));
	if (state)
	{
		state->breaker = (Breaker) { .openings = state->breaker.openings };
		state->not_before_us = 0;
		dq_queue_wake_all(state);
	}
	dq_shared_unlock(area);
	return state != NULL;
}

void
dq_service_reset_figures(Oid serverid)
{
	TimestampTz now = GetCurrentTimestamp();
	SharedTable *table;
	ServiceState *state;
	SharedKey key;
	int position = 0;

	dq_shared_attach();
	table = dq_shared_lock(area, LW_EXCLUSIVE);
	while ((state = dq_shared_table_next(table, &position, &key)) != NULL)
	{
		if (key.database != MyDatabaseId || (OidIsValid(serverid) && key.object != serverid))
			continue;
		memset(&state->figures, 0, sizeof(ServiceFigures));
		state->figures.since = now;
	}
	dq_shared_unlock(area);
}
