/*
 * shared_cache.h
 *	  The cache in shared memory: values by key, whole, in and out.
 *
 * Where distquery is not preloaded and PostgreSQL is older than 17 it is this session's own, and
 * small (see shared_state.h).
 */
#ifndef DQ_SHARED_CACHE_H
#define DQ_SHARED_CACHE_H

#include "cache/cache_block.h"

/* In _PG_init: the area and setting distquery.cache_size. */
extern void dq_cache_define(void);

/* Finds the memory; may raise.  Before the others. */
extern void dq_cache_prepare(void);

/*
 * A copy of a value in the current context, NULL when there is none.  What is damaged is dropped,
 * and not there.
 */
extern char *dq_cache_get(CacheKey key, CacheFacts *facts);

/* Keeps a value; false when it is too large, or everything else is being read. */
extern bool dq_cache_put(CacheKey key, Oid table, const char *bytes, uint64 len);

extern uint64 dq_cache_max_value(void);

/*
 * Part of the keys of a table of this database, by label (0: of all of them); raising it makes
 * those unfindable.
 */
extern uint64 dq_cache_generation(Oid table, uint64 label);
extern void dq_cache_raise_generation(Oid table, uint64 label);

typedef enum CacheEvent
{
	CACHE_HIT,
	CACHE_MISS,
	CACHE_STALE,
	CACHE_COALESCED,
	CACHE_REFUSED,
	CACHE_STORED
} CacheEvent;

/* Counts an event so many times, of a table in a store (CacheStoreOption). */
extern void dq_cache_count(Oid table, int store, CacheEvent event, int times);

/* Figures of all tables of this database, palloc'd. */
extern CacheFigures *dq_cache_all_figures(int *n);

#endif /* DQ_SHARED_CACHE_H */
