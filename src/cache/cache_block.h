/*
 * cache_block.h
 *	  Cached values in a block of memory that does not grow: what is where, and what makes room.
 *
 * Built on plain memory, so that it is the same in shared memory and in a backend's own.  It takes
 * no lock and never raises: who calls holds the block's lock (shared_cache.c), exclusively where
 * it says so.  Values lie in chunks; the bytes of a pinned entry may be read, and those of a
 * reserved one written, without any lock.
 */
#ifndef DQ_CACHE_BLOCK_H
#define DQ_CACHE_BLOCK_H

#include "service/flight.h"

typedef struct CacheBlock CacheBlock;

/* A hash of all that tells one question from another, wide enough to stand for it. */
typedef FlightKey CacheKey;

/* What is known of a value. */
typedef struct CacheFacts
{
	uint64 len; /* bytes */
	uint32 checksum;
	int figures; /* of its table, see below */
} CacheFacts;

/* What happened for one table. */
typedef struct CacheFigures
{
	Oid database;
	Oid table;
	int store; /* CacheStoreOption: the same table may be kept in several */
	uint64 hits;
	uint64 misses;
	uint64 stale;
	uint64 coalesced;
	uint64 stored;
	uint64 refused; /* too large to be stored */
	uint64 evicted;
	uint64 entries; /* now */
	uint64 bytes;	/* now, of values */
} CacheFigures;

/* Makes an empty block of that many bytes (at least CACHE_BLOCK_MIN_BYTES). */
#define CACHE_BLOCK_MIN_BYTES ((Size) 256 * 1024)
extern void dq_cache_block_init(CacheBlock *block, Size bytes);

/* The largest value that is stored. */
extern uint64 dq_cache_block_max_value(const CacheBlock *block);

/*
 * The number of the entry of a key, 0 when there is none.  Counts as a use.  Pinned by the caller
 * before it releases the lock.
 */
extern int dq_cache_block_find(CacheBlock *block, CacheKey key);
extern void dq_cache_block_pin(CacheBlock *block, int entry);
extern void dq_cache_block_unpin(CacheBlock *block, int entry);
extern const CacheFacts *dq_cache_block_facts(const CacheBlock *block, int entry);

/* The chunks of an entry in order: *position begins at 0; NULL at the end. */
extern char *dq_cache_block_chunk(CacheBlock *block, int entry, int *position, Size *len);

/*
 * Exclusively: takes chunks for a value, dropping others for it.  The entry cannot be found until
 * it is published; 0 when there is no room.
 */
extern int dq_cache_block_reserve(CacheBlock *block, uint64 len);

/* Exclusively: makes a reserved entry the one of its key, or gives it back. */
extern void dq_cache_block_publish(CacheBlock *block, int entry, CacheKey key,
								   const CacheFacts *facts);
extern void dq_cache_block_discard(CacheBlock *block, int entry);

/* Exclusively: drops the entry of a key, if there is one. */
extern void dq_cache_block_remove(CacheBlock *block, CacheKey key);

/* The figures of a table in a store (any number); exclusively where they are not there yet.  Number 0 is all other tables'. */
extern int dq_cache_block_find_figures(const CacheBlock *block, Oid database, Oid table, int store);
extern int dq_cache_block_make_figures(CacheBlock *block, Oid database, Oid table, int store);
extern CacheFigures *dq_cache_block_figures(CacheBlock *block, int figures);
extern int dq_cache_block_nfigures(const CacheBlock *block);

/*
 * A number that the keys of some of a table's answers contain; label tells which, 0: all of them.
 * Raising it makes these unfindable.  Labels and tables may share a number.
 */
extern uint64 dq_cache_block_generation(const CacheBlock *block, Oid database, Oid table,
										uint64 label);
extern void dq_cache_block_raise_generation(CacheBlock *block, Oid database, Oid table,
											uint64 label);

#endif /* DQ_CACHE_BLOCK_H */
