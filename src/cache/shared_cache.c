/*
 * shared_cache.c
 *	  The cache in shared memory: values by key, whole, in and out.
 *
 * A hit takes the lock in shared mode, pins the entry, and copies its bytes without any lock; a
 * writer that wants the place of a pinned entry takes another's.  A new value is written into
 * chunks that nobody else knows, between two short exclusive locks.  Nothing between them can
 * raise or be interrupted, so that no chunk and no pin is lost.
 *
 * Each value has a checksum.  One that does not fit is dropped: what comes out is what went in, or
 * nothing.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "cache/shared_cache.h"
#include "service/shared_state.h"
#include "utils/guc.h"
#include "utils/memutils.h"

/* kB; what a session that shares with nobody gets, and what a server does. */
#define OWN_SIZE_KB 1024
#define DEFAULT_SIZE_KB (32 * 1024)
#define MIN_SIZE_KB 256

static SharedArea *area = NULL;
static int cache_size_kb = OWN_SIZE_KB;

static Size
area_size(void)
{
	return (Size) cache_size_kb * 1024;
}

void
dq_cache_define(void)
{
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable("distquery.cache_size",
								"Memory for answers that sessions share (strategy cache).", NULL,
								&cache_size_kb, DEFAULT_SIZE_KB, MIN_SIZE_KB, MAX_KILOBYTES,
								PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
	area = dq_shared_define_block("distquery cache", area_size);
}

/* The lock is held. */
static CacheBlock *
lock_block(LWLockMode mode)
{
	return dq_shared_lock(area, mode);
}

void
dq_cache_prepare(void)
{
	static bool is_ready = false;
	CacheBlock *block;

	if (is_ready)
		return;
	dq_shared_attach();
	block = lock_block(LW_EXCLUSIVE);
	if (dq_cache_block_max_value(block) == 0)
		dq_cache_block_init(block, area_size());
	dq_shared_unlock(area);
	is_ready = true;
}

static uint32
checksum(const char *bytes, uint64 len)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, bytes, len);
	FIN_CRC32C(crc);
	return crc;
}

/* Copies bytes out of, or into, the chunks of an entry. */
static void
copy_chunks(CacheBlock *block, int entry, char *bytes, uint64 len, bool is_out)
{
	int position = 0;
	Size size;
	char *chunk;

	while (len > 0 && (chunk = dq_cache_block_chunk(block, entry, &position, &size)) != NULL)
	{
		Size piece = Min(size, len);

		if (is_out)
			memcpy(bytes, chunk, piece);
		else
			memcpy(chunk, bytes, piece);
		bytes += piece;
		len -= piece;
	}
}

char *
dq_cache_get(CacheKey key, CacheFacts *facts)
{
	CacheBlock *block = lock_block(LW_SHARED);
	int entry = dq_cache_block_find(block, key);
	char *bytes;

	if (entry)
	{
		dq_cache_block_pin(block, entry);
		*facts = *dq_cache_block_facts(block, entry);
	}
	dq_shared_unlock(area);
	if (entry == 0)
		return NULL;

	bytes = MemoryContextAllocExtended(CurrentMemoryContext, facts->len + 1,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (bytes)
		copy_chunks(block, entry, bytes, facts->len, true);
	dq_cache_block_unpin(block, entry);
	if (bytes == NULL)
		return NULL;
	if (checksum(bytes, facts->len) == facts->checksum)
		return bytes;
	pfree(bytes);
	block = lock_block(LW_EXCLUSIVE);
	dq_cache_block_remove(block, key);
	dq_shared_unlock(area);
	ereport(LOG, (errmsg("distquery dropped a damaged answer from its cache")));
	return NULL;
}

bool
dq_cache_put(CacheKey key, Oid table, const char *bytes, uint64 len)
{
	CacheFacts facts = { .len = len, .checksum = checksum(bytes, len) };
	CacheBlock *block = lock_block(LW_EXCLUSIVE);
	int entry = dq_cache_block_reserve(block, len);

	dq_shared_unlock(area);
	if (entry == 0)
	{
		dq_cache_count(table, 0, CACHE_REFUSED, 1);
		return false;
	}
	copy_chunks(block, entry, (char *) bytes, len, false);
	block = lock_block(LW_EXCLUSIVE);
	facts.figures = dq_cache_block_make_figures(block, MyDatabaseId, table, 0);
	dq_cache_block_publish(block, entry, key, &facts);
	dq_shared_unlock(area);
	return true;
}

uint64
dq_cache_max_value(void)
{
	CacheBlock *block = lock_block(LW_SHARED);
	uint64 max = dq_cache_block_max_value(block);

	dq_shared_unlock(area);
	return max;
}

uint64
dq_cache_generation(Oid table, uint64 label)
{
	CacheBlock *block = lock_block(LW_SHARED);
	uint64 generation = dq_cache_block_generation(block, MyDatabaseId, table, label);

	dq_shared_unlock(area);
	return generation;
}

void
dq_cache_raise_generation(Oid table, uint64 label)
{
	CacheBlock *block = lock_block(LW_SHARED);

	dq_cache_block_raise_generation(block, MyDatabaseId, table, label);
	dq_shared_unlock(area);
}

static void
count_event(CacheFigures *figures, CacheEvent event, int times)
{
	uint64 *counters[] = { &figures->hits,		&figures->misses,  &figures->stale,
						   &figures->coalesced, &figures->refused, &figures->stored };

	__atomic_fetch_add(counters[event], times, __ATOMIC_RELAXED);
}

void
dq_cache_count(Oid table, int store, CacheEvent event, int times)
{
	CacheBlock *block = lock_block(LW_SHARED);
	int figures = dq_cache_block_find_figures(block, MyDatabaseId, table, store);

	if (figures == 0)
	{
		dq_shared_unlock(area);
		block = lock_block(LW_EXCLUSIVE);
		figures = dq_cache_block_make_figures(block, MyDatabaseId, table, store);
	}
	count_event(dq_cache_block_figures(block, figures), event, times);
	dq_shared_unlock(area);
}

CacheFigures *
dq_cache_all_figures(int *n)
{
	CacheBlock *block = lock_block(LW_SHARED);
	int all = dq_cache_block_nfigures(block);
	CacheFigures *copies;

	dq_shared_unlock(area);
	copies = palloc(sizeof(CacheFigures) * all);
	*n = 0;
	block = lock_block(LW_SHARED);
	for (int i = 1; i < all; i++)
	{
		const CacheFigures *figures = dq_cache_block_figures(block, i);

		if (OidIsValid(figures->table) && figures->database == MyDatabaseId)
			copies[(*n)++] = *figures;
	}
	dq_shared_unlock(area);
	return copies;
}
