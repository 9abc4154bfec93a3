/*
 * cached_fetch.c
 *	  Strategy "cache": answers that sessions share for a time to live.
 *
 * A question is answered from the cache while the answer is younger than ttl; then from the whole
 * collection's, if that is there, small, and proves to hold all rows; else the service is asked.  Of
 * all sessions that miss at the same time one asks (flight.h), the others wait in their loop
 * and take its answer out of the cache.
 *
 * A list of keys is answered key by key (cached_keys.c), and only the missing ones are asked.
 *
 * Where there is an older answer, within stale_if_error or on_error 'stale', rows are held back until
 * the service has sent all of them: if it fails, the older answer takes their place.
 *
 * An answer that is older than ttl, but not than ttl and stale_while_revalidate, is served, and the
 * session that finds it first asks for a new one meanwhile.  Its statement ends when that is there:
 * there is no one else to wait for it.
 */
#include "postgres.h"

#include "cache/identity.h"
#include "common/hashfn.h"
#include "fetch/cached_fetch.h"
#include "fetch/cached_private.h"
#include "fetch/fetch_activity.h"
#include "service/shared_state.h"
#include "transport/way.h"
#include "utils/memutils.h"

void
dq_cached_leave_flight(void *arg)
{
	CachedFetch *cache = arg;

	if (cache->is_following)
		dq_flight_leave(&cache->ticket);
	if (cache->is_leading)
		dq_flight_end(&cache->ticket);
	cache->is_following = false;
	cache->is_leading = false;
}

/* Ceases to look for anything; what was found is given back. */
void
dq_cached_end_lookups(CachedFetch *cache)
{
	if (cache->latest && cache->latest != cache->first)
		dq_cache_lookup_free(cache->latest);
	if (cache->first)
		dq_cache_lookup_free(cache->first);
	cache->first = NULL;
	cache->latest = NULL;
}

/* All rows are there. */
void
dq_cached_finish(Fetch *fetch, FetchOrigin origin)
{
	fetch->stats.rows = fetch->rows;
	fetch->origin = origin;
	fetch->cache->is_wanted = false;
	fetch->is_finished = true;
	dq_cached_note_record(fetch);
	dq_fetch_activity_end(fetch);
	dq_cached_end_lookups(fetch->cache);
}

void
dq_cached_take(Fetch *fetch, CachedAnswer *found, FetchOrigin origin)
{
	dq_cached_append(fetch, found);
	dq_cached_finish(fetch, origin);
}

/* Takes the answer, or those of all missing keys, if it is there meanwhile. */
static bool
take_if_there(Fetch *fetch, FetchOrigin origin)
{
	CachedAnswer found;

	if (fetch->cache->keys)
	{
		if (!dq_cached_keys_find_all(fetch, fetch->cache->latest, CACHED_FRESH))
			return false;
		dq_cached_finish(fetch, origin);
		return true;
	}
	if (!dq_cached_find(fetch->cache->latest, fetch->cache->key, CACHED_FRESH, &found))
		return false;
	dq_cached_take(fetch, &found, origin);
	return true;
}

/* Counts for the fetch: keys, where it asks for several. */
void
dq_cached_count(const Fetch *fetch, CacheEvent event)
{
	dq_cache_store_count(fetch->cache->store, fetch->options.table, event,
						 fetch->cache->keys ? (int) fetch->stats.keys_asked : 1);
}

static void
ask_service(Fetch *fetch)
{
	fetch->origin = FETCH_MISSED;
	if (fetch->cache_use == CACHE_USE_OFF)
		fetch->cache_use = CACHE_USE_MISS;
	fetch->cache->facts.asked_at_ms = dq_cache_now();
	fetch->cache->is_wanted = true;
	dq_cached_prepare_confirmation(fetch);
	dq_cached_count(fetch, CACHE_MISS);
	dq_fetch_ask(fetch);
}

static void looked_up(void *owner);

/* Asks the store, and goes on with that step when it has answered, or its time is over. */
static void
look_up(Fetch *fetch, CachedStep step)
{
	CachedFetch *cache = fetch->cache;
	CacheKey *keys = &cache->key;
	int nkeys = 1;
	MemoryContext old;

	if (cache->latest && cache->latest != cache->first)
		dq_cache_lookup_free(cache->latest);
	cache->latest = NULL;
	if (step == CACHED_STEP_WIDER)
	{
		keys = cache->wider;
		nkeys = cache->nwider;
	}
	else if (cache->keys)
		keys = dq_cached_keys_names(cache->keys, &nkeys);
	cache->step = step;
	old = MemoryContextSwitchTo(fetch->context);
	cache->latest = dq_cache_look_up(cache->store, fetch->options.table, keys, nkeys, looked_up,
									 fetch);
	MemoryContextSwitchTo(old);
	if (cache->first == NULL)
		cache->first = cache->latest;
	if (dq_cache_lookup_is_over(cache->latest))
		looked_up(fetch);
	else
		dq_fetch_activity_wait(fetch, true);
}

/* Asks, or waits for another session that does. */
static void
lead_or_follow(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;

	/*
	 * A fetch that may stop early is nobody's to wait for.  A session whose own answer is waited
	 * for by another of this database waits for none.  Where the store does not answer, nobody would
	 * find what another has asked for.
	 */
	if (fetch->options.is_frugal || fetch->options.row_limit > 0 || dq_way_is_reentry() ||
		dq_cache_lookup_has_failed(cache->latest))
	{
		ask_service(fetch);
		return;
	}
	switch (dq_flight_join(cache->key, &cache->ticket))
	{
		case FLIGHT_FOLLOWER:
			cache->is_following = true;
			dq_fetch_activity_wait(fetch, true);
			return;
		case FLIGHT_LEADER:
			cache->is_leading = true;
			look_up(fetch, CACHED_STEP_LEADER);
			return;
		case FLIGHT_ALONE:
			break;
	}
	ask_service(fetch);
}

void
dq_cached_advance(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	FlightState state;

	if (!cache->is_following)
		return;
	state = dq_flight_state(&cache->ticket);
	if (state == FLIGHT_UNDER_WAY)
		return;
	dq_cached_leave_flight(cache);
	dq_fetch_activity_wait(fetch, false);
	if (state == FLIGHT_FAILED)
		ask_service(fetch);
	else
		look_up(fetch, CACHED_STEP_FOLLOWER);
}

/* A fetch of a question that nobody has asked yet. */
static Fetch *
cached_create(FetchGroup *group, const FetchOptions *options, StringInfo identity, uint64 hash,
			  CacheKey key)
{
	Fetch *fetch = dq_fetch_create(dq_fetch_group_context(group), dq_fetch_group_share(group),
								   options, identity, hash);
	CachedFetch *cache = MemoryContextAllocZero(fetch->context, sizeof(*cache));
	MemoryContext old;

	fetch->group = group;
	cache->key = key;
	old = MemoryContextSwitchTo(fetch->context);
	cache->store = dq_cache_store(options->table, options->endpoint);
	fetch->stats.cache_store = dq_cache_store_note(cache->store, options->table);
	MemoryContextSwitchTo(old);
	cache->max_value = dq_cache_store_max_value(cache->store);
	cache->epoch = dq_cache_generation(options->table->relid, dq_cache_any_label());
	if (options->row_key)
		cache->row_key = memcpy(MemoryContextAlloc(fetch->context, sizeof(FetchRowKey)),
								options->row_key, sizeof(FetchRowKey));
	cache->callback.func = dq_cached_leave_flight;
	cache->callback.arg = cache;
	MemoryContextRegisterResetCallback(fetch->context, &cache->callback);
	fetch->cache = cache;
	return fetch;
}

/* Has a new answer asked for, unless another session does so; the group waits for it at its end. */
static void
start_renewal(Fetch *stale)
{
	FetchOptions renewed = stale->options;
	StringInfoData identity;
	FlightTicket ticket;
	Fetch *fetch;

	if (dq_flight_join(stale->cache->key, &ticket) == FLIGHT_FOLLOWER)
	{
		dq_flight_leave(&ticket);
		return;
	}
	renewed.is_frugal = false;
	renewed.keep = true;
	renewed.row_key = stale->cache->row_key;
	initStringInfo(&identity);
	appendBinaryStringInfo(&identity, stale->identity, stale->identity_len);
	fetch = cached_create(stale->group, &renewed, &identity, stale->identity_hash,
						  stale->cache->key);
	pfree(identity.data);
	fetch->cache->ticket = ticket;
	fetch->cache->is_leading = ticket.flight != 0;
	fetch->cache_use = CACHE_USE_STALE;
	look_up(fetch, CACHED_STEP_RENEWAL);
	dq_fetch_group_renew(stale->group, fetch);
}

/* Asks for the keys of which nothing is known. */
static void
ask_keys(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;

	if (fetch->stats.keys_found > 0)
	{
		const FetchKeys *questions = cache->starting;

		if (questions == NULL)
			questions = dlist_head_element(FetchReader, node, &fetch->readers)->keys;
		fetch->options.url = MemoryContextStrdup(fetch->context,
												 dq_cached_keys_url(cache->keys, questions));
		cache->key = dq_cache_key(&fetch->options, fetch->options.url);
	}
	cache->has_fallback = dq_cached_may_fall_back(fetch->options.table);
	fetch->options.all_first |= cache->has_fallback;
	lead_or_follow(fetch);
}

/* Answers a list from what is known of its keys. */
static void
take_keys(Fetch *fetch)
{
	int nkeys;
	int missing = dq_cached_keys_find(fetch, &nkeys);

	fetch->stats.keys_found = nkeys - missing;
	fetch->stats.keys_asked = missing;
	if (fetch->stats.keys_found > 0)
		dq_cache_store_count(fetch->cache->store, fetch->options.table, CACHE_HIT,
							 (int) fetch->stats.keys_found);
	if (missing == 0)
		dq_cached_finish(fetch, FETCH_HIT);
	else if (missing == nkeys && fetch->cache->nwider > 0)
		look_up(fetch, CACHED_STEP_WIDER);
	else
		ask_keys(fetch);
}

/* Takes the answer, as far as ttl and options allow. */
static void
take_whole(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	CachedAnswer found;

	if (dq_cached_find(cache->first, cache->key, CACHED_FALLBACK, &found))
	{
		bool is_stale = found.state == CACHED_STALE;

		if (found.state == CACHED_FALLBACK)
		{
			cache->has_fallback = true;
			fetch->options.all_first = true;
			pfree(found.bytes);
		}
		else
		{
			dq_cached_take(fetch, &found, is_stale ? FETCH_STALE : FETCH_HIT);
			dq_cached_count(fetch, is_stale ? CACHE_STALE : CACHE_HIT);
			if (is_stale)
				start_renewal(fetch);
			return;
		}
	}
	if (cache->nwider > 0)
		look_up(fetch, CACHED_STEP_WIDER);
	else
		lead_or_follow(fetch);
}

/* Takes what belongs to the question out of an answer that holds more. */
static void
take_wider(Fetch *fetch)
{
	CachedAnswer found;

	if (dq_cached_find_wider(fetch->cache, &found))
	{
		dq_cached_take(fetch, &found, FETCH_HIT);
		dq_cached_count(fetch, CACHE_HIT);
		fetch->stats.keys_found = fetch->stats.keys_asked;
		fetch->stats.keys_asked = 0;
	}
	else
	{
		dq_cache_lookup_free(fetch->cache->latest);
		fetch->cache->latest = fetch->cache->first;
		if (fetch->cache->keys)
			ask_keys(fetch);
		else
			lead_or_follow(fetch);
	}
}

/* Whoever got the lead looks into the cache again: the leader before may have filled it just now. */
static void
take_as_leader(Fetch *fetch)
{
	if (take_if_there(fetch, FETCH_HIT))
	{
		dq_cached_leave_flight(fetch->cache);
		dq_cached_count(fetch, CACHE_HIT);
	}
	else
		ask_service(fetch);
}

static void
take_as_follower(Fetch *fetch)
{
	if (take_if_there(fetch, FETCH_COALESCED))
		dq_cached_count(fetch, CACHE_COALESCED);
	else
		lead_or_follow(fetch);
}

/* The store has answered, at once or in a step of the loop. */
static void
looked_up(void *owner)
{
	Fetch *fetch = owner;
	CachedFetch *cache = fetch->cache;
	CachedStep step = cache->step;

	cache->step = CACHED_STEP_BROKEN;
	dq_fetch_activity_wait(fetch, false);
	switch (step)
	{
		case CACHED_STEP_FIRST:
			if (cache->keys)
				take_keys(fetch);
			else
				take_whole(fetch);
			break;
		case CACHED_STEP_WIDER:
			take_wider(fetch);
			break;
		case CACHED_STEP_LEADER:
			take_as_leader(fetch);
			break;
		case CACHED_STEP_FOLLOWER:
			take_as_follower(fetch);
			break;
		case CACHED_STEP_RENEWAL:
			ask_service(fetch);
			break;
		case CACHED_STEP_BROKEN:
			dq_cached_fail_half_way(fetch);
			break;
		case CACHED_STEP_NONE:
			break;
	}
	if (cache->step == CACHED_STEP_BROKEN)
		cache->step = CACHED_STEP_NONE;
}

static Fetch *
start(FetchGroup *group, const FetchOptions *options, StringInfo identity, uint64 hash)
{
	const ScopeTerm *term = options->keys ? options->keys->term : NULL;
	bool is_single = term && term->nvalues == 1;
	const char *name = is_single ? dq_cached_key_name(options->url, term->key, term->json) :
								   options->url;
	CacheKey key = dq_cache_key(options, name);
	Fetch *fetch = cached_create(group, options, identity, hash, key);

	if (term && !is_single)
		fetch->cache->keys = dq_cached_keys_create(fetch, options);
	/* Elsewhere, answers that may be large would have to come here to be looked through. */
	if (dq_cache_store_is_near(fetch->cache->store))
	{
		dq_cached_note_wider(fetch->cache, options, name);
		if (fetch->cache->keys == NULL)
			dq_cached_remember(options, name);
	}
	fetch->cache->starting = options->keys;
	look_up(fetch, CACHED_STEP_FIRST);
	fetch->cache->starting = NULL;
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
	if (!dq_identity_is_remote(options->table, options->endpoint))
		tell_if_own();
	initStringInfo(&identity);
	dq_fetch_identity(options, &identity);
	/* By key, not all rows of the answer are handed out. */
	if (options->keys)
		appendStringInfo(&identity, "|%d|%s", options->keys->term->key, options->keys->term->json);
	hash = hash_bytes_extended((const unsigned char *) identity.data, identity.len, 0);
	fetch = dq_fetch_group_find(group, identity.data, identity.len, hash);
	is_new = fetch == NULL;
	if (is_new)
	{
		fetch = start(group, options, &identity, hash);
		dq_fetch_group_add(group, fetch);
	}
	pfree(identity.data);
	reader = dq_fetch_reader_of(fetch, options, !is_new);
	reader->keys = options->keys;
	return reader;
}
