/*
 * cached_end.c
 *	  The end of a fetch of strategy "cache": its answer is kept, or an older one takes its place.
 *
 * What may be kept: the answer of a fetch that came to its natural end, all of its pages, with no
 * error.  One that was left before its end (LIMIT, cancel) or failed never gets here.  The rows
 * stay in the fetch's spool until then, or until they are more than the cache takes.
 */
#include "postgres.h"

#include "fetch/cached_fetch.h"
#include "fetch/cached_private.h"
#include "transport/loop.h"

/* A renewal is given up so long before a timeout cancels the statement, or a quarter of what was left. */
#define LEAST_SPARE_MS 100

bool
dq_cached_needs_rows(const Fetch *fetch)
{
	const CachedFetch *cache = fetch->cache;

	return cache && cache->is_wanted && !fetch->is_finished && dq_spool_is_kept(fetch->spool) &&
		dq_spool_bytes(fetch->spool) <= cache->max_value;
}

/* Keeps the answer where it may be kept; false when others find nothing that they may use. */
static bool
keep_answer(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	AnswerFacts facts;
	uint64 len;
	char *packed;

	if (!cache->is_wanted)
		return true;
	cache->is_wanted = false;
	if (!dq_cached_may_keep(fetch))
		return false;
	/* Of a list, some rows may come out of the cache, and stay as old as they are. */
	if (cache->keys)
		return dq_cached_keys_keep(fetch, true);
	if (cache->row_key)
		dq_cached_rows_keep(fetch);
	facts = dq_cached_whole_facts(cache);
	facts.rows = fetch->rows;
	packed = dq_spool_is_kept(fetch->spool) ? dq_cache_pack(fetch, &facts, cache->max_value, &len) :
											  NULL;
	if (packed == NULL)
	{
		dq_cache_store_count(cache->store, fetch->options.table, CACHE_REFUSED, 1);
		return false;
	}
	dq_cache_lookup_put(cache->latest, cache->key, packed, len,
						dq_cached_longest_life(fetch->options.table, &facts));
	pfree(packed);
	return dq_cached_is_fresh(fetch->options.table, cache->key, &facts);
}

/* Rows of an older answer in the place of those that came; false when there is none. */
static bool
take_older(Fetch *fetch)
{
	CachedAnswer found;

	if (fetch->cache->keys == NULL)
	{
		if (!dq_cached_find(fetch->cache->first, fetch->cache->key, CACHED_FALLBACK, &found))
			return false;
		dq_spool_clear(fetch->spool);
		fetch->rows = 0;
		dq_cached_take(fetch, &found, FETCH_STALE);
		return true;
	}
	dq_spool_clear(fetch->spool);
	fetch->rows = 0;
	dq_cached_keys_reset(fetch);
	if (!dq_cached_keys_find_all(fetch, fetch->cache->first, CACHED_FALLBACK))
		return false;
	dq_cached_finish(fetch, FETCH_STALE);
	return true;
}

/* Puts an older answer in the place of an outage; no row has been read yet. */
static void
fall_back(Fetch *fetch)
{
	const TableSpec *table = fetch->options.table;

	if (!fetch->cache->has_fallback || !dq_failure_is_outage(fetch->error->kind) ||
		!take_older(fetch))
		return;
	if (table->on_error == ON_ERROR_STALE)
		ereport(WARNING,
				(errcode(fetch->error->sqlstate),
				 errmsg("foreign table \"%s\" is answered from the cache", table->name),
				 errdetail("%s. The rows are those of %s.", fetch->error->message,
						   timestamptz_to_str(fetch->asked_at))));
	fetch->error = NULL;
	dq_cached_count(fetch, CACHE_STALE);
}

void
dq_cached_ended(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;

	/* Those who wait ask for themselves, all at once, where there is nothing for them. */
	if ((fetch->error || !keep_answer(fetch)) && cache->is_leading)
	{
		dq_flight_fail(&cache->ticket);
		cache->is_leading = false;
	}
	if (fetch->error)
		fall_back(fetch);
	else if (cache->is_leading)
	{
		dq_cache_lookup_land(cache->latest, &cache->ticket);
		cache->is_leading = false;
	}
	dq_cached_leave_flight(cache);
	dq_cached_end_lookups(cache);
}

/*
 * The last reader leaves before the end.  One that wants a row for each key, and has them, leaves
 * out a last page that would only say so.
 */
void
dq_cached_left(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;

	if (cache->keys && cache->is_wanted && !fetch->is_finished && fetch->has_pending &&
		fetch->options.enough_rows > 0 && fetch->rows >= fetch->options.enough_rows)
	{
		cache->is_wanted = false;
		dq_cached_keys_keep(fetch, false);
	}
}

bool
dq_cached_is_repeated(const Fetch *fetch, int64 number, const char *row, size_t len)
{
	const CachedFetch *cache = fetch->cache;
	const TableSpec *table = fetch->options.table;

	if (cache == NULL || cache->keys == NULL || cache->known_rows == 0 ||
		number <= cache->known_rows)
		return false;
	switch (dq_cached_keys_match(cache->keys, row, len))
	{
		case CACHED_KEY_KNOWN:
			return true;
		case CACHED_KEY_UNCERTAIN:
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
					 errmsg("could not complete a cached answer for foreign table \"%s\" of server \"%s\"",
							table->name, fetch->options.endpoint->server_name),
					 errdetail(
						 "A row's key is written in a way that does not tell whether its row is known."),
					 errhint("Set option \"strategy\" of the table to \"live\".")));
		case CACHED_KEY_ASKED:
			break;
	}
	return false;
}

/* An error of our own, which another scan has met, has left this fetch half way. */
void
dq_cached_fail_half_way(Fetch *fetch)
{
	RemoteError *error;
	MemoryContext old;

	if (fetch->is_finished || fetch->head)
		return;
	old = MemoryContextSwitchTo(fetch->context);
	error = palloc0(sizeof(RemoteError));
	error->kind = FAILURE_OTHER;
	error->sqlstate = ERRCODE_FDW_ERROR;
	error->message = psprintf("could not read foreign table \"%s\" of server \"%s\" out of the cache",
							  fetch->options.table->name, fetch->options.endpoint->server_name);
	error->detail = pstrdup("An earlier error of this transaction has broken it off.");
	MemoryContextSwitchTo(old);
	fetch->error = error;
	fetch->is_finished = true;
	dq_cached_leave_flight(fetch->cache);
	dq_cached_end_lookups(fetch->cache);
}

/*
 * Drives a renewal to its end.  The statement has its rows, and must not be cancelled for what others
 * are to find: it gives up in time before that.
 */
static void
renew(Fetch *fetch)
{
	double left_ms = dq_exchange_time_left_ms();
	double spare_ms = Max(left_ms / 4, LEAST_SPARE_MS);

	while (!fetch->is_finished && (left_ms < 0 || left_ms > spare_ms))
	{
		dq_fetch_move_on(fetch);
		if (fetch->is_finished)
			return;
		if (left_ms < 0)
			dq_loop_step();
		else
			dq_loop_step_for(left_ms - spare_ms);
		dq_flight_beat();
		left_ms = dq_exchange_time_left_ms();
	}
}

void
dq_cached_renew(dlist_head *renewals)
{
	while (!dlist_is_empty(renewals))
	{
		Fetch *fetch = dlist_container(Fetch, lru_node, dlist_head_node(renewals));

		renew(fetch);
		dlist_delete(&fetch->lru_node);
		dq_fetch_free(fetch);
	}
}
