/*
 * cached_fetch.c
 *	  Strategy "cache": answers that sessions share for a time to live.
 *
 * A question is answered from the cache while the answer is younger than ttl; then from the whole
 * collection's, if that is there, small, and proves to hold all rows; else the service is asked.  Of
 * all sessions that miss at the same time one asks (cache_flight.h), the others wait in their loop
 * and take its answer out of the cache.
 *
 * What may be kept: the answer of a fetch that came to its natural end, all of its pages, with no
 * error.  One that was left before its end (LIMIT, cancel) or failed never gets here.  The rows
 * stay in the fetch's spool until then, or until they are more than the cache takes.
 *
 * The time of an answer is that of its first request, not of its storing: a row is never older than
 * it says.  ttl is the reader's, less up to a tenth that is the entry's own, so that what was asked
 * together does not expire together.  An answer without rows lives a tenth of ttl.
 *
 * Where there is an older answer, within stale_if_error or on_error 'stale', rows are held back until
 * the service has sent all of them: if it fails, the older answer takes their place.
 *
 * An answer that is older than ttl, but not than ttl and stale_while_revalidate, is served, and the
 * session that finds it first asks for a new one meanwhile.  Its statement ends when that is there:
 * there is no one else to wait for it.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "distquery.h"
#include "fetch/cache_key.h"
#include "fetch/cached_fetch.h"
#include "transport/cache_flight.h"
#include "transport/shared_state.h"
#include "utils/memutils.h"

/* A whole collection of more bytes is not looked through for a part of its rows. */
#define MAX_SEARCHED_BYTES ((uint64) 256 * 1024)

/* A tenth of ttl: what the lives of answers differ by at most, and how long an empty one lives. */
#define TENTH 10

struct CachedFetch
{
	CacheKey key;
	FlightTicket ticket;
	bool is_leading;
	bool is_following;
	bool is_wanted;	   /* the answer shall be kept */
	bool has_fallback; /* an older answer may take the place of a failure */
	int64 asked_at_ms;
	uint64 max_value;
	MemoryContextCallback callback; /* ends the flight with the fetch */
};

/* An answer out of the cache. */
typedef struct Found
{
	char *bytes;
	CacheFacts facts;
	int64 age_ms;
	int64 lifetime_ms;
} Found;

static void
leave_flight(void *arg)
{
	CachedFetch *cache = arg;

	if (cache->is_following)
		dq_flight_leave(&cache->ticket);
	if (cache->is_leading)
		dq_flight_end(&cache->ticket);
	cache->is_following = false;
	cache->is_leading = false;
}

/* How long an answer may be used; it has lived for a while already when it is found. */
static int64
lifetime(const TableSpec *table, CacheKey key, const Found *found)
{
	int64 ttl = table->ttl_ms;
	int64 rows = dq_cache_packed_rows(found->bytes, found->facts.len);

	if (rows == 0)
		ttl /= TENTH;
	ttl -= (int64) (ttl / TENTH * ((key.low ^ (uint64) found->facts.stored_at_ms) % 1000) / 1000);
	return ttl;
}

static bool
is_allowed_by_session(int64 age_ms)
{
	return dq_max_age_ms < 0 || age_ms <= dq_max_age_ms;
}

/* An answer that is not older than ttl and grace; false, and nothing kept, when there is none. */
static bool
find_answer(const TableSpec *table, CacheKey key, int64 grace_ms, Found *found)
{
	found->bytes = dq_cache_get(key, &found->facts);
	if (found->bytes == NULL)
		return false;
	found->age_ms = Max(dq_cache_now() - found->facts.stored_at_ms, 0);
	found->lifetime_ms = lifetime(table, key, found);
	if (found->age_ms < found->lifetime_ms + grace_ms && is_allowed_by_session(found->age_ms))
		return true;
	pfree(found->bytes);
	return false;
}

/* How much older than ttl an answer may be that takes the place of a failure. */
static int64
fallback_grace(const TableSpec *table)
{
	return table->on_error == ON_ERROR_STALE ? PG_INT64_MAX / 4 : table->stale_if_error_ms;
}

static bool
is_fresh(const Found *found)
{
	return found->age_ms < found->lifetime_ms;
}

/* Gives a fetch the rows of an answer; false when they are damaged. */
static bool
take_answer(Fetch *fetch, const Found *found, FetchOrigin origin)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	int64 rows = dq_cache_unpack(found->bytes, found->facts.len, fetch->spool);

	MemoryContextSwitchTo(old);
	pfree(found->bytes);
	if (rows < 0)
		return false;
	fetch->rows = rows;
	fetch->stats.rows = rows;
	fetch->stats.age_ms = found->age_ms;
	fetch->origin = origin;
	fetch->asked_at = dq_cache_timestamp(found->facts.stored_at_ms);
	fetch->cache->is_wanted = false;
	fetch->is_finished = true;
	return true;
}

static void
ask_service(Fetch *fetch)
{
	fetch->origin = FETCH_MISSED;
	fetch->cache->asked_at_ms = dq_cache_now();
	fetch->cache->is_wanted = true;
	dq_fetch_ask(fetch);
}

/*
 * Asks, or waits for another session that does.  Whoever gets the lead looks into the cache again:
 * the leader before may have filled it a moment ago.
 */
static void
lead_or_follow(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	Found found;

	/* A fetch that may stop early is nobody's to wait for. */
	if (fetch->options.is_frugal || fetch->options.row_limit > 0)
	{
		dq_cache_count(fetch->options.table->relid, CACHE_MISS);
		ask_service(fetch);
		return;
	}
	switch (dq_flight_join(cache->key, &cache->ticket))
	{
		case FLIGHT_FOLLOWER:
			cache->is_following = true;
			return;
		case FLIGHT_LEADER:
			cache->is_leading = true;
			if (find_answer(fetch->options.table, cache->key, 0, &found) &&
				take_answer(fetch, &found, FETCH_HIT))
			{
				leave_flight(cache);
				dq_cache_count(fetch->options.table->relid, CACHE_HIT);
				return;
			}
			break;
		case FLIGHT_ALONE:
			break;
	}
	dq_cache_count(fetch->options.table->relid, CACHE_MISS);
	ask_service(fetch);
}

void
dq_cached_advance(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	FlightState state;
	Found found;

	if (!cache->is_following)
		return;
	state = dq_flight_state(&cache->ticket);
	if (state == FLIGHT_UNDER_WAY)
		return;
	leave_flight(cache);
	if (state == FLIGHT_FAILED)
	{
		dq_cache_count(fetch->options.table->relid, CACHE_MISS);
		ask_service(fetch);
		return;
	}
	if (find_answer(fetch->options.table, cache->key, 0, &found) &&
		take_answer(fetch, &found, FETCH_COALESCED))
	{
		dq_cache_count(fetch->options.table->relid, CACHE_COALESCED);
		return;
	}
	lead_or_follow(fetch);
}

bool
dq_cached_needs_rows(const Fetch *fetch)
{
	const CachedFetch *cache = fetch->cache;

	return cache && cache->is_wanted && !fetch->is_finished && dq_spool_is_kept(fetch->spool) &&
		dq_spool_bytes(fetch->spool) <= cache->max_value;
}

/* Keeps the answer where it may be kept. */
static void
keep_answer(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	uint64 len;
	char *packed;

	if (!cache->is_wanted)
		return;
	cache->is_wanted = false;
	packed = dq_spool_is_kept(fetch->spool) ? dq_cache_pack(fetch, cache->max_value, &len) : NULL;
	if (packed == NULL)
	{
		dq_cache_count(fetch->options.table->relid, CACHE_REFUSED);
		return;
	}
	dq_cache_put(cache->key, fetch->options.table->relid, packed, len, cache->asked_at_ms);
	pfree(packed);
}

/* Puts an older answer in the place of an outage; no row has been read yet. */
static void
fall_back(Fetch *fetch)
{
	const TableSpec *table = fetch->options.table;
	Found found;

	if (!fetch->cache->has_fallback || !dq_failure_is_outage(fetch->error->kind) ||
		!find_answer(table, fetch->cache->key, fallback_grace(table), &found))
		return;
	dq_spool_clear(fetch->spool);
	if (!take_answer(fetch, &found, FETCH_STALE))
		return;
	if (table->on_error == ON_ERROR_STALE)
		ereport(WARNING,
				(errcode(fetch->error->sqlstate),
				 errmsg("foreign table \"%s\" is answered from the cache", table->name),
				 errdetail("%s. The rows are those of %s.", fetch->error->message,
						   timestamptz_to_str(fetch->asked_at))));
	fetch->error = NULL;
	dq_cache_count(table->relid, CACHE_STALE);
}

void
dq_cached_ended(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;

	if (fetch->error == NULL)
		keep_answer(fetch);
	else
	{
		if (cache->is_leading)
			dq_flight_fail(&cache->ticket);
		cache->is_leading = false;
		fall_back(fetch);
	}
	leave_flight(cache);
}

/* A fetch of a question that nobody has asked yet. */
static Fetch *
cached_create(FetchGroup *group, const FetchOptions *options, StringInfo identity, uint64 hash,
			  CacheKey key)
{
	Fetch *fetch = dq_fetch_create(dq_fetch_group_context(group), dq_fetch_group_share(group),
								   options, identity, hash);
	CachedFetch *cache = MemoryContextAllocZero(fetch->context, sizeof(*cache));

	fetch->group = group;
	cache->key = key;
	cache->max_value = dq_cache_max_value();
	cache->callback.func = leave_flight;
	cache->callback.arg = cache;
	MemoryContextRegisterResetCallback(fetch->context, &cache->callback);
	fetch->cache = cache;
	return fetch;
}

/* Has a new answer asked for, unless another session does so; the group waits for it at its end. */
static void
start_renewal(FetchGroup *group, const FetchOptions *options, StringInfo identity, uint64 hash,
			  CacheKey key)
{
	FetchOptions renewed = *options;
	FlightTicket ticket;
	Fetch *fetch;

	if (dq_flight_join(key, &ticket) == FLIGHT_FOLLOWER)
	{
		dq_flight_leave(&ticket);
		return;
	}
	renewed.is_frugal = false;
	renewed.keep = true;
	fetch = cached_create(group, &renewed, identity, hash, key);
	fetch->cache->ticket = ticket;
	fetch->cache->is_leading = ticket.flight != 0;
	ask_service(fetch);
	dq_fetch_group_renew(group, fetch);
}

void
dq_cached_renew(dlist_head *renewals)
{
	while (!dlist_is_empty(renewals))
	{
		Fetch *fetch = dlist_container(Fetch, lru_node, dlist_head_node(renewals));

		while (!fetch->is_finished)
			dq_fetch_advance(fetch);
		dlist_delete(&fetch->lru_node);
		dq_fetch_free(fetch);
	}
}

/* An answer to the whole collection, where it is small and holds all rows of the question. */
static bool
find_whole(const FetchOptions *options, Found *found)
{
	const Scope *scope = options->scope;
	Scope whole = { .is_whole = true };
	FetchOptions unlimited = *options;

	if (scope == NULL || scope->is_whole || options->is_lookup || options->body)
		return false;
	whole.base = scope->base;
	if (!dq_scope_contains(&whole, scope))
		return false;
	unlimited.row_limit = 0;
	if (!find_answer(options->table, dq_cache_key(&unlimited, scope->base), 0, found))
		return false;
	if (is_fresh(found) && found->facts.len <= MAX_SEARCHED_BYTES)
		return true;
	pfree(found->bytes);
	return false;
}

/* Answers from the cache, or asks. */
static Fetch *
start(FetchGroup *group, const FetchOptions *options, StringInfo identity, uint64 hash)
{
	const TableSpec *table = options->table;
	CacheKey key = dq_cache_key(options, options->url);
	Fetch *fetch = cached_create(group, options, identity, hash, key);
	Found found;

	if (find_answer(table, key, Max(table->stale_while_revalidate_ms, fallback_grace(table)),
					&found))
	{
		bool is_stale = !is_fresh(&found);

		if (found.age_ms >= found.lifetime_ms + table->stale_while_revalidate_ms)
		{
			fetch->cache->has_fallback = true;
			fetch->options.all_first = true;
			pfree(found.bytes);
		}
		else if (take_answer(fetch, &found, is_stale ? FETCH_STALE : FETCH_HIT))
		{
			dq_cache_count(table->relid, is_stale ? CACHE_STALE : CACHE_HIT);
			if (is_stale)
				start_renewal(group, options, identity, hash, key);
			return fetch;
		}
	}
	if (find_whole(options, &found) && take_answer(fetch, &found, FETCH_HIT))
		dq_cache_count(table->relid, CACHE_HIT);
	else
		lead_or_follow(fetch);
	return fetch;
}

/* Once a session. */
static void
tell_if_own(void)
{
	static bool was_told = false;

	if (was_told || dq_shared_scope() == SHARED_BY_ALL)
		return;
	was_told = true;
	ereport(NOTICE,
			(errmsg("the cache of distquery is this session's own"),
			 errhint(
				 "Add distquery to shared_preload_libraries to share answers between sessions.")));
}

FetchReader *
dq_cached_start(FetchGroup *group, const FetchOptions *options)
{
	StringInfoData identity;
	FetchReader *reader;
	Fetch *fetch;
	uint64 hash;
	bool is_new;

	dq_cache_prepare();
	tell_if_own();
	initStringInfo(&identity);
	dq_fetch_identity(options, &identity);
	hash = hash_bytes_extended((const unsigned char *) identity.data, identity.len, 0);
	fetch = dq_fetch_group_find(group, identity.data, identity.len, hash);
	is_new = fetch == NULL;
	if (is_new)
	{
		fetch = start(group, options, &identity, hash);
		dq_fetch_group_add(group, fetch);
	}
	dq_fetch_join(fetch, options);
	pfree(identity.data);
	reader = dq_fetch_reader(fetch);
	reader->is_shared = !is_new;
	reader->table = options->table;
	reader->describe_keys = options->describe_keys;
	reader->describe_arg = options->describe_arg;
	return reader;
}
