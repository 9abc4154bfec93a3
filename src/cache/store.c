/*
 * store.c
 *	  A store of cached answers: what is the same of all of them.
 */
#include "postgres.h"

#include "cache/identity.h"
#include "cache/remote_store.h"
#include "utils/memutils.h"

const CacheStore *
dq_cache_store(const TableSpec *table, const Endpoint *endpoint)
{
	return dq_identity_is_remote(table, endpoint) ? dq_remote_store(table, endpoint) :
													&dq_shared_store;
}

const char *
dq_cache_store_name(const CacheStore *store)
{
	return store->name;
}

bool
dq_cache_store_is_near(const CacheStore *store)
{
	return store->routine->is_near;
}

const char *
dq_cache_store_note(const CacheStore *store, const TableSpec *table)
{
	if (!dq_identity_wants_remote(table))
		return NULL;
	if (store != &dq_shared_store)
		return store->name;
	return dq_identity_has_secret() ? "shared (a client certificate is known on this host only)" :
									  "shared (distquery.cache_secret is not set)";
}

uint64
dq_cache_store_max_value(const CacheStore *store)
{
	return store->routine->max_value(store);
}

static void
end_lookup(void *arg)
{
	CacheLookup *lookup = arg;

	if (lookup->store->routine->end)
		lookup->store->routine->end(lookup);
}

CacheLookup *
dq_cache_look_up(const CacheStore *store, const TableSpec *table, const CacheKey *keys, int nkeys,
				 CacheLookedUp looked_up, void *owner)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery cache lookup",
												  ALLOCSET_SMALL_SIZES);
	CacheLookup *lookup = MemoryContextAllocZero(context, sizeof(CacheLookup));

	lookup->store = store;
	lookup->table = table;
	lookup->context = context;
	lookup->nkeys = nkeys;
	lookup->keys = memcpy(MemoryContextAlloc(context, sizeof(CacheKey) * Max(nkeys, 1)), keys,
						  sizeof(CacheKey) * nkeys);
	lookup->looked_up = looked_up;
	lookup->owner = owner;
	lookup->callback.func = end_lookup;
	lookup->callback.arg = lookup;
	MemoryContextRegisterResetCallback(context, &lookup->callback);
	if (store->routine->begin)
		store->routine->begin(lookup);
	else
		lookup->is_over = true;
	return lookup;
}

bool
dq_cache_lookup_is_over(const CacheLookup *lookup)
{
	return lookup->is_over;
}

bool
dq_cache_lookup_has_failed(const CacheLookup *lookup)
{
	return lookup->store->routine->has_failed && lookup->store->routine->has_failed(lookup);
}

void
dq_cache_lookup_land(CacheLookup *lookup, FlightTicket *ticket)
{
	lookup->store->routine->land(lookup, ticket);
}

void
dq_cache_store_count(const CacheStore *store, const TableSpec *table, CacheEvent event, int times)
{
	dq_cache_count(table->relid, store->figures, event, times);
}

char *
dq_cache_lookup_take(CacheLookup *lookup, CacheKey key, uint64 *len)
{
	return lookup->store->routine->take(lookup, key, len);
}

void
dq_cache_lookup_put(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len, int64 life_ms)
{
	lookup->store->routine->put(lookup, key, bytes, len, life_ms);
}

void
dq_cache_lookup_free(CacheLookup *lookup)
{
	MemoryContextDelete(lookup->context);
}
