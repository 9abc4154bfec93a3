/*
 * remote_put.c
 *	  Putting answers on cache servers.
 *
 * Puts are sent and not waited for.  The lead of a flight ends when they have arrived, so that its
 * followers find them; and a statement ends then, too (dq_remote_settle).
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/remote_private.h"
#include "cache/remote_store.h"
#include "transport/loop.h"
#include "utils/memutils.h"

/* Ten years: what is to be kept for ever. */
#define LONGEST_LIFE_MS (INT64CONST(10) * 365 * 24 * 60 * 60 * 1000)

/* Answers on their way to servers; lives until all have arrived or failed. */
struct RemotePuts
{
	dlist_node node; /* in all_puts */
	int under_way;
	bool has_failed;
	bool is_open; /* its lookup may add to it */
	bool holds_flight;
	FlightTicket ticket;
};

/* What becomes of one put. */
typedef struct RemotePut
{
	RemotePuts *puts;
	int store; /* for figures */
	Oid table;
} RemotePut;

/* Many answers by key take their time, which nobody waits for. */
#define PUT_MS 5000

/* Bytes that are not kept waiting for more. */
#define SENT_TOGETHER (64 * 1024)

static dlist_head all_puts = DLIST_STATIC_INIT(all_puts);

static void
end_flights(void (*end)(FlightTicket *ticket))
{
	dlist_iter iter;

	dlist_foreach(iter, &all_puts)
	{
		RemotePuts *puts = dlist_container(RemotePuts, node, iter.cur);

		if (puts->holds_flight)
			end(&puts->ticket);
		puts->holds_flight = false;
	}
}

/* A transaction that has failed leads no flights. */
static void
transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		end_flights(dq_flight_end);
}

/* All have arrived, or will not. */
static void
close_puts(RemotePuts *puts)
{
	if (puts->under_way > 0 || puts->is_open)
		return;
	if (puts->holds_flight && puts->has_failed)
		dq_flight_fail(&puts->ticket);
	else if (puts->holds_flight)
		dq_flight_end(&puts->ticket);
	dlist_delete(&puts->node);
	pfree(puts);
}

void
dq_remote_close_puts(RemotePuts *puts)
{
	if (puts == NULL)
		return;
	puts->is_open = false;
	close_puts(puts);
}

static void
put_over(void *owner, OrderEnd end)
{
	RemotePut *put = owner;
	RemotePuts *puts = put->puts;

	dq_cache_count(put->table, put->store, end == ORDER_DONE ? CACHE_STORED : CACHE_REFUSED, 1);
	puts->has_failed |= end != ORDER_DONE;
	puts->under_way--;
	pfree(put);
	close_puts(puts);
}

static RemotePuts *
open_puts(RemoteLookup *remote)
{
	if (remote->puts == NULL)
	{
		static bool is_registered = false;
		RemotePuts *puts = MemoryContextAllocZero(TopMemoryContext, sizeof(RemotePuts));

		if (!is_registered)
			RegisterXactCallback(transaction_event, NULL);
		is_registered = true;

		puts->is_open = true;
		dlist_push_tail(&all_puts, &puts->node);
		remote->puts = puts;
	}
	return remote->puts;
}

void
dq_remote_put(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len, int64 life_ms)
{
	static const CacheGeneration none = { 0, 0 };
	RemoteLookup *remote = lookup->state;
	const RemoteStore *store = remote->store;
	RemotePart *part = &remote->parts[dq_cache_url_server(store->url, key.low)];
	RemotePuts *puts = open_puts(remote);
	Envelope envelope;
	CacheBytes parts[] = { { (const char *) &envelope, sizeof(envelope) }, { bytes, len } };
	StringInfoData commands;
	CacheOrder *order = NULL;
	RemotePut *put;
	int replies;

	if (part->has_generation && life_ms > 0 && len <= store->protocol->max_value - sizeof(envelope))
	{
		put = MemoryContextAllocZero(TopMemoryContext, sizeof(RemotePut));
		*put = (RemotePut) { puts, store->base.figures, store->table->relid };
		dq_envelope_seal(&envelope, key, &part->generation, &none, bytes, len);
		initStringInfo(&commands);
		replies = store->protocol->set(&commands, dq_remote_name(store, 'v', key), parts,
									   lengthof(parts), Min(life_ms, LONGEST_LIFE_MS));
		order = dq_link_order(part->link, &commands, replies, 0, Max(PUT_MS, dq_cache_timeout_ms),
							  false);
		pfree(commands.data);
		if (order == NULL)
			pfree(put);
	}
	if (order == NULL)
	{
		puts->has_failed = true;
		dq_cache_count(store->table->relid, store->base.figures, CACHE_REFUSED, 1);
		return;
	}
	order->on_end = put_over;
	order->owner = put;
	puts->under_way++;
	/* Answers of many keys go out together, when the lookup ends. */
	if (dq_link_unsent(part->link) > SENT_TOGETHER)
		dq_link_go(part->link);
}

/* A server has no generation: proposes one, which holds if nobody else has made one meanwhile. */
static void
proposed(void *owner, OrderEnd end)
{
	RemotePart *part = owner;

	part->order = NULL;
	part->has_generation = end == ORDER_DONE;
	part->generation = part->proposed;
}

void
dq_remote_propose(RemotePart *part)
{
	const RemoteStore *store = part->whole->store;
	CacheKey name = part->whole->generation_name;
	char text[GENERATION_TEXT_BYTES];
	CacheBytes value = { text, sizeof(text) };
	StringInfoData commands;
	int replies;

	part->lacks_generation = false;
	if (!dq_remote_make_generation(&part->proposed))
		return;
	dq_generation_write(text, name, &part->proposed);
	initStringInfo(&commands);
	replies = store->protocol->add(&commands, dq_remote_name(store, 'g', name), &value);
	part->order = dq_link_order(part->link, &commands, replies, 0, dq_cache_timeout_ms, false);
	if (part->order == NULL)
		return;
	part->order->on_end = proposed;
	part->order->owner = part;
	dq_link_go(part->link);
}

void
dq_remote_land(CacheLookup *lookup, FlightTicket *ticket)
{
	RemoteLookup *remote = lookup->state;
	RemotePuts *puts = open_puts(remote);

	puts->ticket = *ticket;
	puts->holds_flight = true;
	remote->puts = NULL;
	dq_remote_send(remote);
	dq_remote_close_puts(puts);
}

static bool
is_under_way(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &all_puts) if (dlist_container(RemotePuts, node, iter.cur)->under_way >
									   0) return true;
	return false;
}

void
dq_remote_settle(void)
{
	double until_ms = dq_loop_clock_ms() + dq_cache_timeout_ms;

	while (is_under_way())
	{
		if (dq_loop_clock_ms() >= until_ms)
		{
			end_flights(dq_flight_fail);
			return;
		}
		dq_loop_step_for(until_ms - dq_loop_clock_ms());
	}
}
