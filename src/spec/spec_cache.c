/*
 * spec_cache.c
 *	  Specs are built once and kept until a catalog change invalidates them.
 *
 * A spec lives in a context of its own.  Invalidation only takes it out of the hash and puts it
 * into the graveyard: whoever got a spec may use it until the end of the transaction.  The
 * graveyard is emptied at the first use in a later transaction, not by the transaction's own
 * callback, because contexts that are reset after that may still hold exchanges with an Endpoint.
 * Invalidation may come at any catalog access, so that its callbacks allocate nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "foreign/foreign.h"
#include "lib/ilist.h"
#include "spec/spec_private.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef struct CacheKey
{
	Oid relid;
	Oid userid; /* InvalidOid: the table's spec, else its endpoint for that user */
} CacheKey;

typedef struct Spec
{
	dlist_node node;	   /* in graveyard */
	MemoryContext context; /* the spec lives in it */
	void *content;		   /* TableSpec or Endpoint */
} Spec;

typedef struct CacheEntry
{
	CacheKey key;
	Spec *spec; /* NULL: not built */
} CacheEntry;

static HTAB *cache = NULL;
static dlist_head graveyard = DLIST_STATIC_INIT(graveyard);
static bool is_graveyard_old = false; /* all in it was handed out in transactions that are over */
static uint64 generation = 0; /* counts invalidations, to notice one while a spec is built */

static void
bury(CacheEntry *entry)
{
	if (entry->spec == NULL)
		return;
	dlist_push_tail(&graveyard, &entry->spec->node);
	entry->spec = NULL;
}

static void
forget(Oid relid)
{
	HASH_SEQ_STATUS status;
	CacheEntry *entry;

	generation++;
	if (cache == NULL)
		return;
	hash_seq_init(&status, cache);
	while ((entry = hash_seq_search(&status)) != NULL)
		if (!OidIsValid(relid) || entry->key.relid == relid)
			bury(entry);
}

static void
relation_changed(Datum arg, Oid relid)
{
	forget(relid);
}

static void
catalog_changed(Datum arg, int cacheid, uint32 hash)
{
	forget(InvalidOid);
}

static void
transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE ||
		event == XACT_EVENT_PARALLEL_COMMIT || event == XACT_EVENT_PARALLEL_ABORT)
		is_graveyard_old = true;
}

static void
empty_graveyard(void)
{
	is_graveyard_old = false;
	while (!dlist_is_empty(&graveyard))
	{
		Spec *spec = dlist_container(Spec, node, dlist_pop_head_node(&graveyard));

		MemoryContextDelete(spec->context);
	}
}

/* Options of columns are in pg_attribute, whose changes invalidate the relation. */
void
dq_spec_init(void)
{
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNSERVEROID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNDATAWRAPPEROID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(FOREIGNTABLEREL, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(USERMAPPINGOID, catalog_changed, (Datum) 0);
	RegisterXactCallback(transaction_event, NULL);
}

static CacheEntry *
cache_entry(Oid relid, Oid userid)
{
	CacheKey key = { relid, userid };
	CacheEntry *entry;
	bool found;

	if (cache == NULL)
	{
		HASHCTL control = { .keysize = sizeof(CacheKey), .entrysize = sizeof(CacheEntry) };

		cache = hash_create("distquery specs", 64, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(cache, &key, HASH_ENTER, &found);
	if (!found)
		entry->spec = NULL;
	return entry;
}

/* Builds in a context that goes away with an error; keeps it unless something changed meanwhile. */
static void *
cached(Oid relid, Oid userid, const TableSpec *table)
{
	CacheEntry *entry = cache_entry(relid, userid);
	MemoryContext context;
	MemoryContext old;
	Spec *spec;
	uint64 before;

	if (is_graveyard_old)
		empty_graveyard();
	if (entry->spec)
		return entry->spec->content;
	context = AllocSetContextCreate(CurrentMemoryContext, "distquery spec", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	spec = palloc0(sizeof(Spec));
	spec->context = context;
	before = generation;
	spec->content = table ? (void *) dq_spec_build_endpoint(table, userid) :
							(void *) dq_spec_build_table(relid);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, CacheMemoryContext);
	if (before == generation)
		cache_entry(relid, userid)->spec = spec;
	else
		dlist_push_tail(&graveyard, &spec->node);
	return spec->content;
}

const TableSpec *
dq_spec_for_table(Oid relid)
{
	return cached(relid, InvalidOid, NULL);
}

const Endpoint *
dq_spec_endpoint(const TableSpec *table, Oid userid)
{
	return cached(table->relid, userid, table);
}
