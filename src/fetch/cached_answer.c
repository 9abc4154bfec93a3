/*
 * cached_answer.c
 *	  Answers out of the cache: whether one may be used, and its rows.
 *
 * The time of an answer is that of its first request, not of its storing: a row is never older than
 * it says.  ttl is the reader's, less up to a tenth that is the entry's own, so that what was asked
 * together does not expire together.  An answer without rows lives a tenth of ttl.
 */
#include "postgres.h"

#include "distquery.h"
#include "fetch/cached_private.h"

/* A whole collection of more bytes is not looked through for a part of its rows. */
#define MAX_SEARCHED_BYTES ((uint64) 256 * 1024)

/* A tenth of ttl: what the lives of answers differ by at most, and how long an empty one lives. */
#define TENTH 10

/* How long an answer may be used; it has lived for a while already when it is found. */
static int64
lifetime(const TableSpec *table, CacheKey key, const AnswerFacts *facts)
{
	int64 ttl = table->ttl_ms;

	if (facts->rows == 0)
		ttl /= TENTH;
	ttl -= (int64) (ttl / TENTH * ((key.low ^ (uint64) facts->asked_at_ms) % 1000) / 1000);
	return ttl;
}

static bool
is_allowed_by_session(int64 age_ms)
{
	return dq_max_age_ms < 0 || age_ms <= dq_max_age_ms;
}

bool
dq_cached_find(CacheLookup *lookup, CacheKey key, int64 grace_ms, CachedAnswer *found)
{
	found->bytes = dq_cache_lookup_take(lookup, key, &found->len);
	if (found->bytes == NULL)
		return false;
	if (dq_cache_facts(found->bytes, found->len, &found->facts))
	{
		found->age_ms = Max(dq_cache_now() - found->facts.asked_at_ms, 0);
		found->lifetime_ms = lifetime(lookup->table, key, &found->facts);
		if (found->age_ms < found->lifetime_ms + grace_ms && is_allowed_by_session(found->age_ms))
			return true;
	}
	pfree(found->bytes);
	return false;
}

int64
dq_cached_fallback_grace(const TableSpec *table)
{
	return table->on_error == ON_ERROR_STALE ? PG_INT64_MAX / 4 : table->stale_if_error_ms;
}

bool
dq_cached_is_fresh(const CachedAnswer *found)
{
	return found->age_ms < found->lifetime_ms;
}

void
dq_cached_appended(Fetch *fetch, CachedAnswer *found, int64 rows)
{
	TimestampTz asked_at = dq_cache_timestamp(found->facts.asked_at_ms);

	fetch->rows += rows;
	fetch->cache->known_rows = fetch->rows;
	pfree(found->bytes);
	fetch->stats.age_ms = Max(fetch->stats.age_ms, found->age_ms);
	if (fetch->asked_at == 0 || asked_at < fetch->asked_at)
		fetch->asked_at = asked_at;
}

void
dq_cached_append(Fetch *fetch, CachedAnswer *found)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	int64 rows = dq_cache_unpack(found->bytes, found->len, fetch->spool);

	MemoryContextSwitchTo(old);
	dq_cached_appended(fetch, found, rows);
}

int64
dq_cached_longest_life(const TableSpec *table)
{
	int64 grace = Max(table->stale_while_revalidate_ms, dq_cached_fallback_grace(table));

	return table->ttl_ms + grace;
}

void
dq_cached_note_wider(CachedFetch *cache, const FetchOptions *options)
{
	const Scope *scope = options->scope;
	Scope whole = { .is_whole = true };
	FetchOptions unlimited = *options;

	if (scope == NULL || scope->is_whole || options->is_lookup || options->body)
		return;
	whole.base = scope->base;
	if (!dq_scope_contains(&whole, scope))
		return;
	unlimited.row_limit = 0;
	cache->wider[cache->nwider++] = dq_cache_key(&unlimited, scope->base);
}

bool
dq_cached_find_wider(const CachedFetch *cache, CachedAnswer *found)
{
	for (int i = 0; i < cache->nwider; i++)
	{
		if (!dq_cached_find(cache->latest, cache->wider[i], 0, found))
			continue;
		if (dq_cached_is_fresh(found) && found->len <= MAX_SEARCHED_BYTES)
			return true;
		pfree(found->bytes);
	}
	return false;
}
