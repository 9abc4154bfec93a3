/*
 * shared_store.c
 *	  The store of cached answers in shared memory.
 *
 * Nothing is asked ahead: values are copied out when they are taken, so that a lookup always sees
 * what is there now.  Generations are part of its keys.
 */
#include "postgres.h"

#include "cache/store.h"

static uint64
shared_max_value(const CacheStore *store)
{
	return dq_cache_max_value();
}

static char *
shared_take(CacheLookup *lookup, CacheKey key, uint64 *len)
{
	CacheFacts facts;
	char *bytes = dq_cache_get(key, &facts);

	if (bytes)
		*len = facts.len;
	return bytes;
}

static void
shared_put(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len, int64 life_ms)
{
	dq_cache_put(key, lookup->table->relid, bytes, len);
}

static void
shared_land(CacheLookup *lookup, FlightTicket *ticket)
{
	dq_flight_end(ticket);
}

static const CacheStoreRoutine shared_routine = { .is_near = true,
												  .max_value = shared_max_value,
												  .take = shared_take,
												  .put = shared_put,
												  .land = shared_land };

const CacheStore dq_shared_store = { &shared_routine, "shared", CACHE_STORE_SHARED };
