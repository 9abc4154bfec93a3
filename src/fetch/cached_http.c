/*
 * cached_http.c
 *	  Option ttl 'http': the service says how long its answers live (RFC 9111, RFC 5861).
 *
 * What the headers of a response say is request/http_cache.h's to read; an answer of several pages
 * is held to all of them.  One that came by a single response keeps its validators: once it is not
 * fresh, the next question is conditional (If-None-Match, If-Modified-Since), and status 304 makes
 * its rows the answer, with a life that begins anew.  An answer of several pages cannot be confirmed
 * as a whole, and is asked for again; nor can the answers of keys that came in a list.
 */
#include "postgres.h"

#include "fetch/cached_fetch.h"
#include "fetch/cached_private.h"

static const char *const condition_names[] = {
	[HTTP_ETAG] = "If-None-Match", [HTTP_LAST_MODIFIED] = "If-Modified-Since"
};

static bool
is_told_by_service(const Fetch *fetch)
{
	return fetch->cache && fetch->options.table->ttl_http;
}

/* For whom the answer is kept, and what was sent for it. */
static HttpKeeper
keeper_of(const Fetch *fetch)
{
	const TableSpec *table = fetch->options.table;
	const Credentials *credentials = fetch->options.endpoint->credentials;
	HttpKeeper keeper = { .is_shared = table->cache_shared,
						  .is_authorized = credentials->auth != AUTH_NONE,
						  .asked_at_ms = fetch->cache->facts.asked_at_ms };

	if (credentials->auth == AUTH_API_KEY && credentials->api_key_place == API_KEY_HEADER)
		keeper.key_header = credentials->api_key_name;
	for (int i = 0; i < table->nheaders; i++)
	{
		keeper.is_authorized |= pg_strcasecmp(table->headers[i].name, "Authorization") == 0 ||
			pg_strcasecmp(table->headers[i].name, "Cookie") == 0;
		keeper.has_own_agent |= pg_strcasecmp(table->headers[i].name, "User-Agent") == 0;
	}
	return keeper;
}

/* A POST is kept by nobody without a place of its own for what it finds (RFC 9110 9.3.3). */
bool
dq_cached_can_keep(const FetchOptions *options)
{
	return options->table->ttl_http ? options->body == NULL : options->table->ttl_ms > 0;
}

void
dq_cached_prepare_confirmation(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	MemoryContext old;

	cache->is_confirmed = false;
	if (!is_told_by_service(fetch) || cache->keys || cache->latest == NULL)
		return;
	old = MemoryContextSwitchTo(fetch->context);
	if (dq_cached_find(cache->latest, cache->key, CACHED_OLD, &cache->old) &&
		cache->old.facts.headers[HTTP_ETAG] == NULL &&
		cache->old.facts.headers[HTTP_LAST_MODIFIED] == NULL)
	{
		pfree(cache->old.bytes);
		cache->old.bytes = NULL;
	}
	MemoryContextSwitchTo(old);
}

const Header *
dq_cached_conditions(const Fetch *fetch, const PagePosition *position, int *nheaders)
{
	Header *headers;

	*nheaders = 0;
	if (fetch->cache == NULL || fetch->cache->old.bytes == NULL || position->index > 0)
		return NULL;
	headers = palloc(sizeof(Header) * lengthof(condition_names));
	for (int i = 0; i < lengthof(condition_names); i++)
		if (condition_names[i] && fetch->cache->old.facts.headers[i])
			headers[(*nheaders)++] = (Header) { condition_names[i],
												fetch->cache->old.facts.headers[i] };
	return headers;
}

/* Entity tags are the same but for their weakness. */
static bool
is_same_tag(const char *a, const char *b)
{
	if (strncmp(a, "W/", 2) == 0)
		a += 2;
	if (strncmp(b, "W/", 2) == 0)
		b += 2;
	return strcmp(a, b) == 0;
}

/*
 * The headers of a page's answer.  Those of one that confirms an older answer come over the older
 * one's.  Borrowed.
 */
static void
read_headers(const FetchPage *page, bool is_confirmation, const char **headers)
{
	const CachedAnswer *old = &page->fetch->cache->old;

	for (int i = 0; i < HTTP_CACHE_HEADERS; i++)
	{
		headers[i] = dq_exchange_header(page->exchange, dq_http_cache_headers[i]);
		if (headers[i] == NULL && is_confirmation && i < HTTP_KEPT_HEADERS)
			headers[i] = old->facts.headers[i];
	}
}

/* Validators serve an answer of one response only. */
static void
keep_headers(Fetch *fetch, const PagePosition *position, const char *const *headers)
{
	AnswerFacts *facts = &fetch->cache->facts;

	for (int i = 0; i < HTTP_KEPT_HEADERS; i++)
		facts->headers[i] = position->index == 0 && headers[i] ?
			MemoryContextStrdup(fetch->context, headers[i]) :
			NULL;
}

void
dq_cached_page_ended(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	int status = dq_exchange_status(page->exchange);
	bool is_confirmation = status == 304;
	const char *headers[HTTP_CACHE_HEADERS];
	AnswerFacts *facts;
	HttpKeeper keeper;
	HttpPolicy policy;

	if (!is_told_by_service(fetch))
		return;
	/* The end of paging is no part of the answer. */
	if (status == 404 && page->position.index > 0)
		return;
	facts = &fetch->cache->facts;
	keeper = keeper_of(fetch);
	read_headers(page, is_confirmation, headers);
	dq_http_policy(headers, &keeper, &policy);
	/* The redirect that led there has said nothing of its own life. */
	policy.may_keep &= strcmp(dq_exchange_url(page->exchange), page->url) == 0;
	if (facts->has_policy)
		dq_http_policy_join(&facts->policy, &policy);
	else
		facts->policy = policy;
	facts->has_policy = true;
	if (is_confirmation && fetch->cache->old.bytes)
	{
		const char *asked = fetch->cache->old.facts.headers[HTTP_ETAG];

		fetch->cache->is_confirmed = asked == NULL || is_same_tag(asked, headers[HTTP_ETAG]);
	}
	keep_headers(fetch, &page->position, headers);
}

bool
dq_cached_confirm(Fetch *fetch)
{
	CachedFetch *cache = fetch->cache;
	uint64 position = 0;
	const char *record;
	uint32 len;

	if (!cache->is_confirmed)
	{
		/* It confirms what it was not asked to: nothing is known now. */
		pfree(cache->old.bytes);
		cache->old.bytes = NULL;
		memset(&cache->facts.policy, 0, sizeof(cache->facts.policy));
		cache->facts.has_policy = false;
		return false;
	}
	/* The page's mark is there already. */
	while (dq_cache_next(cache->old.bytes, cache->old.len, &position, &record, &len))
	{
		if (record[0] == 'P')
			continue;
		dq_spool_append(fetch->spool, record, len);
		fetch->rows++;
	}
	fetch->origin = FETCH_CONFIRMED;
	/* The bytes that came tell nothing of the table. */
	fetch->has_taught = true;
	return true;
}

AnswerFacts
dq_cached_whole_facts(const CachedFetch *cache)
{
	AnswerFacts facts = cache->facts;

	if (facts.has_policy)
		facts.asked_at_ms -= facts.policy.age_ms;
	return facts;
}

AnswerFacts
dq_cached_part_facts(const CachedFetch *cache)
{
	AnswerFacts facts = dq_cached_whole_facts(cache);

	memset(facts.headers, 0, sizeof(facts.headers));
	return facts;
}

bool
dq_cached_may_keep(const Fetch *fetch)
{
	const AnswerFacts *facts = &fetch->cache->facts;

	return !is_told_by_service(fetch) || (facts->has_policy && facts->policy.may_keep);
}
