/*
 * invalidation.c
 *	  Making cached answers of a table unfindable.
 *
 * Each key contains numbers, generations: the table's, and one for each column by which answers are
 * told apart (cache_key.c).  To raise a number makes all keys with the old one unfindable, however
 * many there are.  For some rows that is the number of answers that hold rows with this value only,
 * and that of answers whose rows may have any value.
 *
 * Twice, since the transaction may have told the service something, or not yet: at once, so that
 * its own next statement asks, and after the commit, since others may have filled the cache
 * meanwhile with what was true before.  A rollback takes nothing back: asking once more does no
 * harm.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fetch/cache_key.h"
#include "fetch/invalidation.h"
#include "nodes/pg_list.h"
#include "utils/memutils.h"

typedef struct Invalidation
{
	Oid table;
	uint64 label;
} Invalidation;

/* More of them in one transaction are one of the whole table each. */
#define MAX_PENDING 1000

/* In TopTransactionContext. */
static List *pending = NIL;

/*
 * The number of everything first: whoever reads a raised one and keeps what was true before finds
 * that out by it (cached_rows.c).
 */
static void
raise_label(Oid table, uint64 label)
{
	dq_cache_raise_generation(table, dq_cache_any_label());
	dq_cache_raise_generation(table, label);
}

static void
transaction_event(XactEvent event, void *arg)
{
	ListCell *cell;

	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PREPARE:
			foreach(cell, pending)
			{
				const Invalidation *one = lfirst(cell);

				raise_label(one->table, one->label);
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
is_pending(Oid table, uint64 label)
{
	ListCell *cell;

	foreach(cell, pending)
	{
		const Invalidation *one = lfirst(cell);

		if (one->table == table && (one->label == label || one->label == 0))
			return true;
	}
	return false;
}

static void
invalidate(Oid table, uint64 label)
{
	static bool is_registered = false;
	Invalidation *one;
	MemoryContext old;

	raise_label(table, label);
	if (!is_registered)
	{
		RegisterXactCallback(transaction_event, NULL);
		is_registered = true;
	}
	if (list_length(pending) >= MAX_PENDING)
		label = 0;
	if (is_pending(table, label))
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	one = palloc(sizeof(Invalidation));
	*one = (Invalidation) { table, label };
	pending = lappend(pending, one);
	MemoryContextSwitchTo(old);
}

void
dq_cache_invalidate(Oid table)
{
	dq_cache_prepare();
	invalidate(table, 0);
}

void
dq_cache_invalidate_rows(Oid table, int column, const char *const *texts, int n)
{
	dq_cache_prepare();
	for (int i = 0; i < n; i++)
		invalidate(table, dq_cache_label(column, texts[i]));
	invalidate(table, dq_cache_label(column, NULL));
}
