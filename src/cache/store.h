/*
 * store.h
 *	  A store of cached answers: shared memory, or a server that databases share.
 *
 * What is kept is bytes under a key; what they mean is the business of who asks.  A store may be
 * asked in the middle of a statement and never makes it wait: a CacheLookup is begun with all keys
 * that can be needed, and is over when all were answered, or the store's budget is spent.  Then
 * values are taken out of it by key.  What a store could not tell is not there: a store that is
 * away makes a lookup find nothing, and is never an error.
 *
 * Answers are kept by way of the lookup that was begun before the service was asked: it knows the
 * generation that was true then, so that an answer that was invalidated meanwhile is not found.
 */
#ifndef DQ_STORE_H
#define DQ_STORE_H

#include "service/flight.h"
#include "cache/shared_cache.h"
#include "spec/spec.h"

typedef struct CacheStore CacheStore;
typedef struct CacheLookup CacheLookup;

/*
 * A lookup is over.  Called in the loop's step (loop.h), in a short-lived context; not for one that
 * was over when it began.  Where it raises, it is called again in the next step.
 */
typedef void (*CacheLookedUp)(void *owner);

/*
 * Where the answers of a table are kept that this endpoint's identity asks for; lives in the current
 * context.  Raises where a store needs a module that is not installed.
 */
extern const CacheStore *dq_cache_store(const TableSpec *table, const Endpoint *endpoint);

/* "shared", "redis", "memcached" */
extern const char *dq_cache_store_name(const CacheStore *store);

/* For EXPLAIN, where a table's answers are not simply in shared memory; else NULL.  Static. */
extern const char *dq_cache_store_note(const CacheStore *store, const TableSpec *table);

/* Counts events of a table in the store's figures. */
extern void dq_cache_store_count(const CacheStore *store, const TableSpec *table, CacheEvent event,
								 int times);

/* True where looking at answers costs no more than memory. */
extern bool dq_cache_store_is_near(const CacheStore *store);

/* The largest answer that is kept. */
extern uint64 dq_cache_store_max_value(const CacheStore *store);

/*
 * Asks for the answers of several keys.  It lives in the current context; deleting that, or the
 * lookup, at any time leaves nothing behind.
 */
extern CacheLookup *dq_cache_look_up(const CacheStore *store, const TableSpec *table,
									 const CacheKey *keys, int nkeys, CacheLookedUp looked_up,
									 void *owner);

extern bool dq_cache_lookup_is_over(const CacheLookup *lookup);

/* True when a server that could know more has not answered: there may be answers all the same. */
extern bool dq_cache_lookup_has_failed(const CacheLookup *lookup);

/*
 * A copy of the bytes that are kept under one of its keys, in the current context; NULL when there
 * are none.  They are what was put, unless whoever can write to the store wants it otherwise.
 */
extern char *dq_cache_lookup_take(CacheLookup *lookup, CacheKey key, uint64 *len);

extern void dq_cache_lookup_free(CacheLookup *lookup);

/*
 * Keeps bytes under a key for a table, where that is possible; what becomes of it is counted.
 * Nothing is waited for.  After life_ms nobody has a use for it.
 */
extern void dq_cache_lookup_put(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len,
								int64 life_ms);

/*
 * Ends the flight of a leader who has put what there is, so that its followers find it: when all of
 * it has arrived.  Where something did not, they ask for themselves.
 */
extern void dq_cache_lookup_land(CacheLookup *lookup, FlightTicket *ticket);

/* What a kind of store has to do; see above. */
typedef struct CacheStoreRoutine
{
	bool is_near;
	uint64 (*max_value)(const CacheStore *store);
	void (*begin)(CacheLookup *lookup);			   /* NULL: nothing has to be asked */
	bool (*has_failed)(const CacheLookup *lookup); /* NULL: never */
	char *(*take)(CacheLookup *lookup, CacheKey key, uint64 *len);
	void (*put)(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len, int64 life_ms);
	void (*land)(CacheLookup *lookup, FlightTicket *ticket);
	void (*end)(CacheLookup *lookup); /* it is freed, whether it is over or not; NULL: nothing */
} CacheStoreRoutine;

struct CacheStore
{
	const CacheStoreRoutine *routine;
	const char *name;
	int figures; /* CacheStoreOption, by which they are kept apart */
};

struct CacheLookup
{
	const CacheStore *store;
	const TableSpec *table;
	MemoryContext context; /* its own */
	int nkeys;
	CacheKey *keys;
	bool is_over;
	CacheLookedUp looked_up;
	void *owner;
	void *state; /* the store's */
	MemoryContextCallback callback;
};

/* The store in shared memory; dq_cache_prepare() was called. */
extern const CacheStore dq_shared_store;

#endif /* DQ_STORE_H */
