/*
 * cached_keys.c
 *	  Answers of lists, kept by key: of a hundred keys, only those are asked that nobody knows.
 *
 * Each key has an answer of its own, named by the URL that would ask for it alone, and by the column.
 * The rows of a list's answer are told apart by the column's JSON value (json_key.h).  A row whose
 * value may equal any key makes it uncertain whose it is, so that nothing of that answer is kept.
 * A row of none of the keys is dropped: the condition is held against all rows again anyway.
 *
 * A service may send more than it was asked for.  So of a key's answer only the key's own rows are
 * taken, and of what the service sends for the missing keys not the rows of those that were known:
 * else rows came twice.
 */
#include "postgres.h"

#include "fetch/cached_private.h"
#include "utils/memutils.h"

struct CachedKeys
{
	JsonKeyKind kind;
	JsonLocator *locator;
	int n;
	uint64 *hashes;
	CacheKey *cache_keys;
	bool *is_known;
};

/* With the column, since two columns may be asked by the same parameter. */
char *
dq_cached_key_name(const char *url, JsonKeyKind kind, const char *json)
{
	return psprintf("%s|%d|%s", url, kind, json);
}

CachedKeys *
dq_cached_keys_create(Fetch *fetch, const FetchOptions *options)
{
	const ScopeTerm *term = options->keys->term;
	MemoryContext scratch = AllocSetContextCreate(fetch->context, "distquery keys",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	CachedKeys *keys = palloc0(sizeof(CachedKeys));
	const char *problem;
	const JsonPointer *pointer = dq_json_pointer_compile(term->json, &problem);
	int mark = dq_cache_column(options->table, term->column);
	FetchOptions alone = *options;

	keys->kind = term->key;
	keys->n = term->nvalues;
	keys->hashes = palloc(sizeof(uint64) * keys->n);
	keys->cache_keys = palloc(sizeof(CacheKey) * keys->n);
	keys->is_known = palloc0(sizeof(bool) * keys->n);
	keys->locator = pointer ? dq_json_locator_create(&pointer, 1) : NULL;
	MemoryContextSwitchTo(scratch);
	for (int i = 0; i < keys->n && pointer; i++)
	{
		if (dq_json_key_of_text(term->key, term->texts[i], strlen(term->texts[i]),
								&keys->hashes[i]) != JSON_KEY_HASHED)
			pointer = NULL;
		if (mark >= 0)
			alone.marks[mark] = term->texts[i];
		keys->cache_keys[i] =
			dq_cache_key(&alone,
						 dq_cached_key_name(options->keys->url_of(options->keys->arg, &i, 1),
											term->key, term->json));
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return pointer ? keys : NULL;
}

/* Whose a row is; OTHER also for what is no row that can be read. */
static JsonKeyResult
row_key(const CachedKeys *keys, const char *row, size_t len, StringInfo scratch, uint64 *hash)
{
	JsonSlice value;
	JsonError error;
	int culprit;

	if (!dq_json_locate(keys->locator, row, len, &value, &culprit, &error))
		return JSON_KEY_OTHER;
	return dq_json_key(keys->kind, &value, scratch, hash);
}

/* Finds the answer of a key; one with a row of which it is not certain whose it is does not count. */
static bool
find_key(const Fetch *fetch, CacheLookup *lookup, int i, CachedState worst, CachedAnswer *found)
{
	const CachedKeys *keys = fetch->cache->keys;
	StringInfoData scratch;
	bool is_certain = true;
	uint64 position = 0;
	const char *record;
	uint32 len;
	uint64 hash;

	if (!dq_cached_find(lookup, keys->cache_keys[i], worst, found))
		return false;
	initStringInfo(&scratch);
	while (is_certain && dq_cache_next(found->bytes, found->len, &position, &record, &len))
		is_certain = record[0] == 'P' ||
			row_key(keys, record, len, &scratch, &hash) != JSON_KEY_OTHER;
	pfree(scratch.data);
	if (!is_certain)
		pfree(found->bytes);
	return is_certain;
}

/* Appends the rows of a key's answer that are the key's. */
static void
append_key(Fetch *fetch, int i, CachedAnswer *found)
{
	const CachedKeys *keys = fetch->cache->keys;
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	StringInfoData scratch;
	uint64 position = 0;
	int64 rows = 0;
	const char *record;
	uint32 len;
	uint64 hash;

	initStringInfo(&scratch);
	while (dq_cache_next(found->bytes, found->len, &position, &record, &len))
	{
		if (record[0] != 'P' &&
			(row_key(keys, record, len, &scratch, &hash) != JSON_KEY_HASHED ||
			 hash != keys->hashes[i]))
			continue;
		dq_spool_append(fetch->spool, record, len);
		rows += record[0] != 'P';
	}
	pfree(scratch.data);
	MemoryContextSwitchTo(old);
	dq_cached_appended(fetch, found, rows);
}

int
dq_cached_keys_find(Fetch *fetch, int *nkeys)
{
	CachedKeys *keys = fetch->cache->keys;
	int missing = 0;

	for (int i = 0; i < keys->n; i++)
	{
		CachedAnswer found;

		keys->is_known[i] = find_key(fetch, fetch->cache->first, i, CACHED_FRESH, &found);
		if (keys->is_known[i])
			append_key(fetch, i, &found);
		missing += !keys->is_known[i];
	}
	*nkeys = keys->n;
	return missing;
}

bool
dq_cached_keys_find_all(Fetch *fetch, CacheLookup *lookup, CachedState worst)
{
	CachedKeys *keys = fetch->cache->keys;
	CachedAnswer *found = palloc0(sizeof(CachedAnswer) * keys->n);
	bool is_complete = true;

	for (int i = 0; i < keys->n && is_complete; i++)
		if (!keys->is_known[i] && !find_key(fetch, lookup, i, worst, &found[i]))
		{
			found[i].bytes = NULL;
			is_complete = false;
		}
	for (int i = 0; i < keys->n; i++)
	{
		if (found[i].bytes == NULL)
			continue;
		if (!is_complete)
		{
			pfree(found[i].bytes);
			continue;
		}
		append_key(fetch, i, &found[i]);
		keys->is_known[i] = true;
	}
	pfree(found);
	return is_complete;
}

void
dq_cached_keys_reset(Fetch *fetch)
{
	memset(fetch->cache->keys->is_known, false, sizeof(bool) * fetch->cache->keys->n);
}

CacheKey *
dq_cached_keys_names(const CachedKeys *keys, int *n)
{
	CacheKey *names = palloc(sizeof(CacheKey) * keys->n);

	*n = 0;
	for (int i = 0; i < keys->n; i++)
		if (!keys->is_known[i])
			names[(*n)++] = keys->cache_keys[i];
	return names;
}

char *
dq_cached_keys_url(const CachedKeys *keys, const FetchKeys *questions)
{
	int *missing = palloc(sizeof(int) * keys->n);
	int n = 0;
	char *url;

	for (int i = 0; i < keys->n; i++)
		if (!keys->is_known[i])
			missing[n++] = i;
	url = questions->url_of(questions->arg, missing, n);
	pfree(missing);
	return url;
}

CachedKeyMatch
dq_cached_keys_match(const CachedKeys *keys, const char *row, size_t len)
{
	StringInfoData scratch;
	JsonKeyResult result;
	uint64 hash;

	initStringInfo(&scratch);
	result = row_key(keys, row, len, &scratch, &hash);
	pfree(scratch.data);
	if (result == JSON_KEY_OTHER)
		return CACHED_KEY_UNCERTAIN;
	for (int i = 0; result == JSON_KEY_HASHED && i < keys->n; i++)
		if (keys->is_known[i] && keys->hashes[i] == hash)
			return CACHED_KEY_KNOWN;
	return CACHED_KEY_ASKED;
}

/* What is being packed for one key. */
typedef struct KeyAnswer
{
	const AnswerFacts *facts;
	StringInfoData packed;
	int64 rows;
} KeyAnswer;

static void
add_record(KeyAnswer *answer, const char *record, size_t len)
{
	if (answer->packed.data == NULL)
		dq_cache_pack_begin(&answer->packed, answer->facts);
	dq_cache_pack_add(&answer->packed, record, len);
	answer->rows += record[0] != 'P';
}

/* Adds a row to the answers of the keys that it belongs to; false when that is not certain. */
static bool
add_row(const CachedKeys *keys, KeyAnswer *answers, const char *mark, size_t mark_len,
		const char *row, size_t len, StringInfo scratch)
{
	uint64 hash;

	switch (row_key(keys, row, len, scratch, &hash))
	{
		case JSON_KEY_OTHER:
			return false;
		case JSON_KEY_NULL:
			return true;
		case JSON_KEY_HASHED:
			break;
	}
	for (int i = 0; i < keys->n; i++)
		if (!keys->is_known[i] && keys->hashes[i] == hash)
		{
			if (answers[i].packed.data == NULL && mark)
				add_record(&answers[i], mark, mark_len);
			add_record(&answers[i], row, len);
		}
	return true;
}

/* Sorts all rows of the fetch by key; false when one is not certain. */
static bool
sort_rows(Fetch *fetch, KeyAnswer *answers)
{
	SpoolReader *reader = dq_spool_reader(fetch->spool);
	StringInfoData mark;
	StringInfoData scratch;
	const char *record;
	size_t len;
	bool is_certain = true;

	initStringInfo(&mark);
	initStringInfo(&scratch);
	while (is_certain && dq_spool_next(reader, &record, &len))
	{
		if (record[0] == 'P')
		{
			resetStringInfo(&mark);
			appendBinaryStringInfo(&mark, record, (int) len);
			continue;
		}
		is_certain = add_row(fetch->cache->keys, answers, mark.data, mark.len, record, len,
							 &scratch);
	}
	dq_spool_reader_free(reader);
	return is_certain;
}

bool
dq_cached_keys_keep(Fetch *fetch, bool is_whole)
{
	CachedFetch *cache = fetch->cache;
	CachedKeys *keys = cache->keys;
	MemoryContext context;
	MemoryContext old;
	AnswerFacts facts = dq_cached_part_facts(cache);
	KeyAnswer *answers;
	bool are_fresh = true;

	if (!dq_spool_is_kept(fetch->spool) || dq_spool_bytes(fetch->spool) > cache->max_value)
	{
		dq_cache_store_count(cache->store, fetch->options.table, CACHE_REFUSED, 1);
		return false;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "distquery answers by key",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	answers = palloc0(sizeof(KeyAnswer) * keys->n);
	for (int i = 0; i < keys->n; i++)
		answers[i].facts = &facts;
	if (!sort_rows(fetch, answers))
		are_fresh = false;
	else
		for (int i = 0; i < keys->n; i++)
		{
			if (keys->is_known[i] || (!is_whole && answers[i].rows == 0))
				continue;
			if (answers[i].packed.data == NULL)
				dq_cache_pack_begin(&answers[i].packed, &facts);
			dq_cache_pack_end(&answers[i].packed, answers[i].rows);
			dq_cache_lookup_put(cache->latest, keys->cache_keys[i], answers[i].packed.data,
								answers[i].packed.len,
								dq_cached_longest_life(fetch->options.table, &facts));
			facts.rows = answers[i].rows;
			are_fresh &= dq_cached_is_fresh(fetch->options.table, keys->cache_keys[i], &facts);
		}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return are_fresh;
}
