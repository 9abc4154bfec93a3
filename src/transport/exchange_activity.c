/*
 * exchange_activity.c
 *	  What an exchange is at, as others see it: in distquery.activity, and as a wait event.
 */
#include "postgres.h"

#include "compat.h"
#include "pgstat.h"
#include "transport/exchange_private.h"

/* By what an exchange is at; those of others wait for a cache. */
static uint32 wait_events[ACTIVITY_STATES];

void
dq_exchange_name_waits(void)
{
	uint32 service = dq_wait_event_new("DistqueryService");
	uint32 retry = dq_wait_event_new("DistqueryRetry");
	uint32 cache = dq_wait_event_new("DistqueryCache");

	wait_events[ACTIVITY_RECEIVING] = wait_events[ACTIVITY_REQUESTING] = service;
	wait_events[ACTIVITY_AWAITING_TOKEN] = dq_wait_event_new("DistqueryToken");
	wait_events[ACTIVITY_AWAITING_SLOT] = dq_wait_event_new("DistquerySlot");
	wait_events[ACTIVITY_AWAITING_RATE] = dq_wait_event_new("DistqueryRateLimit");
	wait_events[ACTIVITY_AWAITING_PERMISSION] = wait_events[ACTIVITY_BACKING_OFF] = retry;
	wait_events[ACTIVITY_AWAITING_CACHE] = cache;
	wait_events[ACTIVITY_IDLE] = wait_events[ACTIVITY_NONE] = cache;
}

/* What the backend waits for in a step of its loop. */
uint32
dq_exchange_wait_event(void)
{
	ActivityState state = ACTIVITY_NONE;
	dlist_iter iter;

	dlist_foreach(iter, dq_loop_active())
		state = Min(state, dlist_container(Exchange, active_node, iter.cur)->shown);
	return wait_events[state];
}

void
dq_exchange_show(Exchange *exchange, ActivityState state)
{
	dq_exchange_show_since(exchange, state, 0);
}

/* The same where the time is known. */
void
dq_exchange_show_since(Exchange *exchange, ActivityState state, TimestampTz since)
{
	dq_activity_move(exchange->activity, exchange->shown, state, since);
	exchange->shown = state;
}

void
dq_exchange_show_wait(Exchange *exchange, WaitReason reason)
{
	static const ActivityState states[] = { [WAIT_FOR_SLOT] = ACTIVITY_AWAITING_SLOT,
											[WAIT_FOR_RATE] = ACTIVITY_AWAITING_RATE,
											[WAIT_FOR_PERMISSION] = ACTIVITY_AWAITING_PERMISSION };

	dq_exchange_show(exchange, states[reason]);
}

void
dq_exchange_count_rows(Exchange *exchange, int64 rows, int64 bytes)
{
	exchange->figures.rows += rows;
	dq_activity_count(exchange->activity, 0, rows, bytes);
}
