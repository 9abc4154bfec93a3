/*
 * remote_invalidation.c
 *	  Making answers on cache servers unfindable.
 *
 * Another generation is put on each server.  At once that is waited for, and an error where a
 * server did not say that it has it: else answers that the user believes gone would come back.
 * After the commit nothing may fail any more: it is done again on the connections that are there,
 * and a warning where that did not work.  Just before the commit the servers are connected to for
 * that.
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/envelope.h"
#include "cache/identity.h"
#include "cache/remote_private.h"
#include "cache/remote_store.h"
#include "transport/loop.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Time for all servers. */
#define INVALIDATION_MS 2000

/* And after the commit, when nothing can be cancelled any more; for each server, and in all. */
#define AFTER_COMMIT_MS 200
#define ALL_AFTER_COMMIT_MS 1000

/* More tables in one transaction are not done again at commit, which is told. */
#define MAX_PENDING 1000

/* One server of an invalidation. */
typedef struct Shot
{
	CacheLink *link;
	CacheOrder *order; /* under way, NULL: it has ended */
	bool is_done;
} Shot;

/* A table whose generations are put on its servers. */
typedef struct Invalidation
{
	const RemoteStore *store; /* of its own context */
	char *table_name;
	CacheKey name;
	Shot *shots; /* of the one after the commit */
} Invalidation;

/* In TopTransactionContext. */
static List *pending = NIL;

static void
shot_over(void *owner, OrderEnd end)
{
	Shot *shot = owner;

	shot->order = NULL;
	shot->is_done = end == ORDER_DONE;
}

static CacheLink *
link_to(const RemoteStore *store, int server)
{
	const CacheServerAddress *address = &store->url->servers[server];

	return dq_link_find(store->protocol, address->host, address->port, &store->login);
}

/* Sends new generations to all servers. */
static void
shoot(const Invalidation *one, Shot *shots)
{
	const RemoteStore *store = one->store;
	const char *name = dq_remote_name(store, 'g', one->name);

	for (int i = 0; i < store->url->nservers; i++)
	{
		char text[GENERATION_TEXT_BYTES];
		CacheBytes value = { text, sizeof(text) };
		CacheGeneration generation;
		StringInfoData commands;
		Shot *shot = &shots[i];
		int replies;

		shot->link = link_to(store, i);
		if (!dq_remote_make_generation(&generation))
			continue;
		dq_generation_write(text, one->name, &generation);
		initStringInfo(&commands);
		replies = store->protocol->set(&commands, name, &value, 1, 0);
		shot->order = dq_link_order(shot->link, &commands, replies, 0, INVALIDATION_MS, true);
		pfree(commands.data);
		if (shot->order == NULL)
			continue;
		shot->order->on_end = shot_over;
		shot->order->owner = shot;
	}
	for (int i = 0; i < store->url->nservers; i++)
		if (shots[i].order)
			dq_link_go(shots[i].link);
}

static bool
is_under_way(const Shot *shots, int n)
{
	for (int i = 0; i < n; i++)
		if (shots[i].order)
			return true;
	return false;
}

static void
forget_shots(Shot *shots, int n)
{
	for (int i = 0; i < n; i++)
		if (shots[i].order)
			dq_link_forget(shots[i].order);
}

/* The number of a server that does not have it, after all have been waited for; -1: none. */
static int
invalidate_now(const Invalidation *one)
{
	int n = one->store->url->nservers;
	Shot *shots = palloc0(sizeof(Shot) * n);

	PG_TRY();
	{
		shoot(one, shots);
		while (is_under_way(shots, n))
			dq_loop_step();
	}
	PG_FINALLY();
	{
		forget_shots(shots, n);
	}
	PG_END_TRY();
	for (int i = 0; i < n; i++)
		if (!shots[i].is_done)
			return i;
	return -1;
}

static long
ms_until(TimestampTz until)
{
	return Max((long) ((until - GetCurrentTimestamp()) / 1000), 0);
}

/* The same without raising or driving the loop, which may call anybody. */
static int
invalidate_on_links(const Invalidation *one, Shot *shots, TimestampTz until)
{
	MemoryContext context = CurrentMemoryContext;
	int n = one->store->url->nservers;

	PG_TRY();
	{
		shoot(one, shots);
		for (int i = 0; i < n; i++)
			if (shots[i].order)
				dq_link_drain(shots[i].link, Min(ms_until(until), AFTER_COMMIT_MS));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	forget_shots(shots, n);
	for (int i = 0; i < n; i++)
		if (!shots[i].is_done)
			return i;
	return -1;
}

static void
warn(const Invalidation *one, int server)
{
	ereport(WARNING,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not invalidate cached answers of foreign table \"%s\" again after the commit",
					one->table_name),
			 errdetail("The %s has not confirmed it.", dq_link_name(link_to(one->store, server))),
			 errhint("Call distquery.invalidate() again.")));
}

static void
transaction_event(XactEvent event, void *arg)
{
	ListCell *cell;
	TimestampTz until;

	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			until = GetCurrentTimestamp() + INVALIDATION_MS * 1000;
			foreach(cell, pending)
				if (ms_until(until) > 0)
					(void) invalidate_now(lfirst(cell));
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			until = GetCurrentTimestamp() + ALL_AFTER_COMMIT_MS * 1000;
			foreach(cell, pending)
			{
				const Invalidation *one = lfirst(cell);
				int failed = invalidate_on_links(one, one->shots, until);

				if (failed >= 0)
					warn(one, failed);
			}
			pending = NIL;
			break;
		case XACT_EVENT_ABORT:
			pending = NIL;
			break;
		default:
			break;
	}
}

static bool
is_pending(const Invalidation *one)
{
	ListCell *cell;

	foreach(cell, pending)
	{
		const Invalidation *other = lfirst(cell);

		if (other->name.high == one->name.high && other->name.low == one->name.low &&
			dq_remote_is_same(other->store, one->store))
			return true;
	}
	return false;
}

void
dq_remote_invalidate(const TableSpec *table, const Endpoint *endpoint)
{
	static bool is_registered = false;
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Invalidation *one = palloc0(sizeof(Invalidation));
	int failed;

	one->store = (const RemoteStore *) dq_remote_store(table, endpoint);
	one->table_name = pstrdup(table->name);
	one->name = dq_identity_generation(table, 0);
	one->shots = palloc0(sizeof(Shot) * one->store->url->nservers);
	MemoryContextSwitchTo(old);
	failed = invalidate_now(one);
	if (failed >= 0)
	{
		CacheLink *link = link_to(one->store, failed);

		ereport(ERROR,
				(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
				 errmsg("could not invalidate cached answers of foreign table \"%s\"", table->name),
				 errdetail("The %s has not confirmed it: %s.", dq_link_name(link),
						   dq_link_problem(link)),
				 errhint("Try again: until then, answers that are there are still used.")));
	}
	if (!is_registered)
	{
		RegisterXactCallback(transaction_event, NULL);
		is_registered = true;
	}
	if (is_pending(one) || list_length(pending) >= MAX_PENDING)
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	pending = lappend(pending, one);
	MemoryContextSwitchTo(old);
}
