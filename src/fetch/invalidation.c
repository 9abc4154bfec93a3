/*
 * invalidation.c
 *	  Making the cached answers of a table unfindable.
 *
 * Twice, since the transaction may have told the service something, or not yet: at once, so that
 * its own next statement asks, and after the commit, since others may have filled the cache
 * meanwhile with what was true before.  A rollback takes nothing back: asking once more does no
 * harm.
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/shared_cache.h"
#include "fetch/invalidation.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

/* In TopTransactionContext. */
static List *pending = NIL;

static void
transaction_event(XactEvent event, void *arg)
{
	ListCell *cell;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			foreach(cell, pending)
				dq_cache_raise_generation(lfirst_oid(cell), 0);
			pending = NIL;
			break;
		case XACT_EVENT_ABORT:
			pending = NIL;
			break;
		default:
			break;
	}
}

void
dq_cache_invalidate(Oid table)
{
	static bool is_registered = false;
	MemoryContext old;

	dq_cache_prepare();
	dq_cache_raise_generation(table, 0);
	if (!is_registered)
	{
		RegisterXactCallback(transaction_event, NULL);
		is_registered = true;
	}
	old = MemoryContextSwitchTo(TopTransactionContext);
	pending = list_append_unique_oid(pending, table);
	MemoryContextSwitchTo(old);
}
