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

#include "cache/cache_block.h"
#include "spec/spec.h"

typedef struct CacheStore CacheStore;
typedef struct CacheLookup CacheLookup;

/*
 * A lookup is over.  Called in the loop's step (loop.h), in a short-lived context; not for one that
 * was over when it began.  Where it raises, it is called again in the next step.
 */
typedef void (*CacheLookedUp)(void *owner);

/* Where the answers of a table are kept that this endpoint's identity asks for.  Never NULL. */
extern const CacheStore *dq_cache_store(const TableSpec *table, const Endpoint *endpoint);

extern const char *dq_cache_store_name(const CacheStore *store);

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

/* What a kind of store has to do; see above. */
typedef struct CacheStoreRoutine
{
	const char *name;
	uint64 (*max_value)(const CacheStore *store);
	void (*begin)(CacheLookup *lookup); /* NULL: nothing has to be asked */
	char *(*take)(CacheLookup *lookup, CacheKey key, uint64 *len);
	void (*put)(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len, int64 life_ms);
	void (*end)(CacheLookup *lookup); /* it is freed, whether it is over or not; NULL: nothing */
} CacheStoreRoutine;

struct CacheStore
{
	const CacheStoreRoutine *routine;
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
