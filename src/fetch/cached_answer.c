/*
 * cached_answer.c
 *	  Answers out of the cache: whether one may be used, and its rows.
 *
 * The time of an answer is that of its first request, not of its storing: a row is never older than
 * it says.  ttl is the reader's, less up to a tenth that is the entry's own, so that what was asked
 * together does not expire together.  An answer without rows lives a tenth of ttl, or ttl_empty.
 * With ttl 'http' the service says how long (cached_http.c).
 */
#include "postgres.h"

#include "distquery.h"
#include "fetch/cached_private.h"
#include "utils/timestamp.h"

/* A tenth of ttl: what the lives of answers differ by at most, and how long an empty one lives. */
#define TENTH 10

/* How long a confirmed answer is worth being kept beyond its life. */
#define CONFIRMABLE_MS ((int64) SECS_PER_DAY * 1000)

/* How long an answer may be used, from when it was asked for. */
static int64
lifetime(const TableSpec *table, CacheKey key, const AnswerFacts *facts)
{
	int64 ttl = table->ttl_ms;

	if (table->ttl_http)
		return facts->has_policy ? facts->policy.fresh_ms : 0;
	if (facts->rows == 0)
		ttl = table->ttl_empty_ms >= 0 ? table->ttl_empty_ms : ttl / TENTH;
	ttl -= (int64) (ttl / TENTH * ((key.low ^ (uint64) facts->asked_at_ms) % 1000) / 1000);
	return ttl;
}

/* How much longer it may be used while a new one is asked for: what the service says, or the option. */
static int64
stale_grace(const TableSpec *table, const AnswerFacts *facts)
{
	if (!table->ttl_http || !facts->has_policy)
		return table->stale_while_revalidate_ms;
	if (facts->policy.must_revalidate)
		return 0;
	return facts->policy.stale_while_revalidate_ms >= 0 ? facts->policy.stale_while_revalidate_ms :
														  table->stale_while_revalidate_ms;
}

/* The same in place of a failure. */
static int64
fallback_grace(const TableSpec *table, const AnswerFacts *facts)
{
	bool is_told = table->ttl_http && facts->has_policy;

	if (is_told && facts->policy.must_revalidate)
		return 0;
	if (table->on_error == ON_ERROR_STALE)
		return PG_INT64_MAX / 4;
	return is_told && facts->policy.stale_if_error_ms >= 0 ? facts->policy.stale_if_error_ms :
															 table->stale_if_error_ms;
}

static CachedState
state_of(const TableSpec *table, CacheKey key, const CachedAnswer *found)
{
	int64 beyond = found->age_ms - lifetime(table, key, &found->facts);

	if (dq_max_age_ms >= 0 && found->age_ms > dq_max_age_ms)
		return CACHED_OLD;
	if (beyond < 0)
		return CACHED_FRESH;
	if (beyond < stale_grace(table, &found->facts))
		return CACHED_STALE;
	return beyond < fallback_grace(table, &found->facts) ? CACHED_FALLBACK : CACHED_OLD;
}

bool
dq_cached_is_fresh(const TableSpec *table, CacheKey key, const AnswerFacts *facts)
{
	return Max(dq_cache_now() - facts->asked_at_ms, 0) < lifetime(table, key, facts);
}

bool
dq_cached_find(CacheLookup *lookup, CacheKey key, CachedState worst, CachedAnswer *found)
{
	found->bytes = dq_cache_lookup_take(lookup, key, &found->len);
	if (found->bytes == NULL)
		return false;
	if (dq_cache_facts(found->bytes, found->len, &found->facts))
	{
		found->age_ms = Max(dq_cache_now() - found->facts.asked_at_ms, 0);
		found->state = state_of(lookup->table, key, found);
		if (found->state <= worst)
			return true;
	}
	pfree(found->bytes);
	found->bytes = NULL;
	return false;
}

bool
dq_cached_may_fall_back(const TableSpec *table)
{
	return table->on_error == ON_ERROR_STALE || table->stale_if_error_ms > 0;
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
dq_cached_longest_life(const TableSpec *table, const AnswerFacts *facts)
{
	int64 grace = Max(stale_grace(table, facts), fallback_grace(table, facts));
	int64 life = table->ttl_http ? facts->policy.fresh_ms : Max(table->ttl_ms, table->ttl_empty_ms);

	if (facts->headers[HTTP_ETAG] || facts->headers[HTTP_LAST_MODIFIED])
		grace = Max(grace, CONFIRMABLE_MS);
	return life + grace;
}
