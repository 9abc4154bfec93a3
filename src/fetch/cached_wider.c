/*
 * cached_wider.c
 *	  Answers to other questions that hold all rows of the one that is asked.
 *
 * Two kinds of questions may be wider: those that leave conditions out, which are tried as names
 * (whoever asked them), and those that this session has asked lately, of which the conditions prove
 * it (dq_scope_contains): a range around the one that is asked, a list with the value.
 */
#include "postgres.h"

#include "fetch/cached_private.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* An answer of more bytes is not looked through for a part of its rows. */
#define MAX_SEARCHED_BYTES ((uint64) 256 * 1024)

/* Questions that a session remembers. */
#define MAX_REMEMBERED 32

typedef struct Remembered
{
	MemoryContext context; /* NULL: none */
	Oid relid;
	const Scope *scope;
	const char *name;
	const char *marks[MAX_CACHE_COLUMNS];
} Remembered;

static Remembered remembered[MAX_REMEMBERED];
static int next_place = 0;
static bool is_outdated = false; /* a declaration has changed: conditions may mean something else */

static void
relation_changed(Datum arg, Oid relid)
{
	is_outdated = true;
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	is_outdated = true;
}

static void
forget(Remembered *one)
{
	if (one->context)
		MemoryContextDelete(one->context);
	memset(one, 0, sizeof(*one));
}

static void
forget_outdated(void)
{
	static bool is_registered = false;

	if (!is_registered)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(FOREIGNSERVEROID, catalog_changed, (Datum) 0);
		is_registered = true;
	}
	if (!is_outdated)
		return;
	is_outdated = false;
	for (int i = 0; i < MAX_REMEMBERED; i++)
		forget(&remembered[i]);
}

static bool
is_remembered(Oid relid, const char *name)
{
	for (int i = 0; i < MAX_REMEMBERED; i++)
		if (remembered[i].context && remembered[i].relid == relid &&
			strcmp(remembered[i].name, name) == 0)
			return true;
	return false;
}

void
dq_cached_remember(const FetchOptions *options, const char *name)
{
	Remembered *one = &remembered[next_place];
	MemoryContext context;
	MemoryContext old;

	forget_outdated();
	if (options->scope == NULL || options->is_lookup || options->body ||
		is_remembered(options->table->relid, name))
		return;
	context = AllocSetContextCreate(TopMemoryContext, "distquery remembered question",
									ALLOCSET_SMALL_SIZES);
	forget(one);
	one->context = context;
	old = MemoryContextSwitchTo(context);
	one->scope = dq_scope_copy(options->scope);
	for (int i = 0; i < MAX_CACHE_COLUMNS; i++)
		one->marks[i] = options->marks[i] ? pstrdup(options->marks[i]) : NULL;
	one->name = pstrdup(name);
	one->relid = options->table->relid;
	MemoryContextSwitchTo(old);
	next_place = (next_place + 1) % MAX_REMEMBERED;
}

/* Adds a question by its name and marks, once. */
static void
add(CachedFetch *cache, const FetchOptions *options, const char *name, const char *const *marks)
{
	FetchOptions wider = *options;
	CacheKey key;

	if (cache->nwider == MAX_WIDER)
		return;
	wider.row_limit = 0;
	memcpy(wider.marks, marks, sizeof(wider.marks));
	key = dq_cache_key(&wider, name);
	for (int i = 0; i < cache->nwider; i++)
		if (cache->wider[i].high == key.high && cache->wider[i].low == key.low)
			return;
	cache->wider[cache->nwider++] = key;
}

void
dq_cached_note_wider(CachedFetch *cache, const FetchOptions *options, const char *name)
{
	if (options->scope == NULL || options->is_lookup || options->body)
		return;
	for (int i = 0; i < options->nwider; i++)
	{
		const FetchWider *wider = &options->wider[i];

		add(cache, options,
			wider->key ? dq_cached_key_name(wider->url, wider->key->key, wider->key->json) :
						 wider->url,
			wider->marks);
	}
	forget_outdated();
	for (int i = 0; i < MAX_REMEMBERED; i++)
	{
		const Remembered *one = &remembered[i];

		if (one->context && one->relid == options->table->relid && strcmp(one->name, name) != 0 &&
			dq_scope_contains(one->scope, options->scope))
			add(cache, options, one->name, one->marks);
	}
}

bool
dq_cached_find_wider(const CachedFetch *cache, CachedAnswer *found)
{
	for (int i = 0; i < cache->nwider; i++)
	{
		if (!dq_cached_find(cache->latest, cache->wider[i], CACHED_FRESH, found))
			continue;
		if (found->len <= MAX_SEARCHED_BYTES)
			return true;
		pfree(found->bytes);
	}
	return false;
}
