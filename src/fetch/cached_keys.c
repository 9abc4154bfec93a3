/*
 * cached_keys.c
 *	  Answers of lists, kept by key: of a hundred keys, only those are asked that nobody knows.
 *
 * Each key has the answer of the question for it alone, whether it was asked alone or in a list.
 * The rows of a list's answer are told apart by the column's JSON value (json_key.h).  A row whose
 * value may equal any key makes it uncertain whose it is, so that nothing of that answer is kept.
 * A row of none of the keys is dropped: the condition is held against all rows again anyway.
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
		keys->cache_keys[i] = dq_cache_key(options,
										   options->keys->url_of(options->keys->arg, &i, 1));
		MemoryContextReset(scratch);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(scratch);
	return pointer ? keys : NULL;
}

int
dq_cached_keys_find(Fetch *fetch, int *nkeys)
{
	CachedKeys *keys = fetch->cache->keys;
	int missing = 0;

	for (int i = 0; i < keys->n; i++)
	{
		CachedAnswer found;

		keys->is_known[i] = dq_cached_find(fetch->options.table, keys->cache_keys[i], 0, &found);
		if (keys->is_known[i])
			dq_cached_append(fetch, &found);
		missing += !keys->is_known[i];
	}
	*nkeys = keys->n;
	return missing;
}

bool
dq_cached_keys_find_all(Fetch *fetch, int64 grace_ms)
{
	CachedKeys *keys = fetch->cache->keys;
	CachedAnswer *found = palloc0(sizeof(CachedAnswer) * keys->n);
	bool is_complete = true;

	for (int i = 0; i < keys->n && is_complete; i++)
		if (!keys->is_known[i] &&
			!dq_cached_find(fetch->options.table, keys->cache_keys[i], grace_ms, &found[i]))
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
		dq_cached_append(fetch, &found[i]);
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

char *
dq_cached_keys_url(const Fetch *fetch, const FetchOptions *options)
{
	const CachedKeys *keys = fetch->cache->keys;
	int *missing = palloc(sizeof(int) * keys->n);
	int n = 0;
	char *url;

	for (int i = 0; i < keys->n; i++)
		if (!keys->is_known[i])
			missing[n++] = i;
	url = options->keys->url_of(options->keys->arg, missing, n);
	pfree(missing);
	return url;
}

/* What is being packed for one key. */
typedef struct KeyAnswer
{
	StringInfoData packed;
	int64 rows;
} KeyAnswer;

static void
add_record(KeyAnswer *answer, const char *record, size_t len)
{
	uint32 prefix = (uint32) len;

	if (answer->packed.data == NULL)
		dq_cache_pack_begin(&answer->packed);
	appendBinaryStringInfo(&answer->packed, (const char *) &prefix, sizeof(prefix));
	appendBinaryStringInfo(&answer->packed, record, (int) len);
	answer->rows += record[0] != 'P';
}

/* Adds a row to the answers of the keys that it belongs to; false when that is not certain. */
static bool
add_row(const CachedKeys *keys, KeyAnswer *answers, const char *mark, size_t mark_len,
		const char *row, size_t len, StringInfo scratch)
{
	JsonSlice value;
	JsonError error;
	int culprit;
	uint64 hash;

	if (!dq_json_locate(keys->locator, row, len, &value, &culprit, &error))
		return false;
	switch (dq_json_key(keys->kind, &value, scratch, &hash))
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

void
dq_cached_keys_keep(Fetch *fetch, bool is_whole)
{
	CachedFetch *cache = fetch->cache;
	CachedKeys *keys = cache->keys;
	MemoryContext context;
	MemoryContext old;
	KeyAnswer *answers;

	if (!dq_spool_is_kept(fetch->spool) || dq_spool_bytes(fetch->spool) > cache->max_value)
	{
		dq_cache_count(fetch->options.table->relid, CACHE_REFUSED, 1);
		return;
	}
	context = AllocSetContextCreate(CurrentMemoryContext, "distquery answers by key",
									ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	answers = palloc0(sizeof(KeyAnswer) * keys->n);
	if (sort_rows(fetch, answers))
		for (int i = 0; i < keys->n; i++)
		{
			if (keys->is_known[i] || (!is_whole && answers[i].rows == 0))
				continue;
			if (answers[i].packed.data == NULL)
				dq_cache_pack_begin(&answers[i].packed);
			dq_cache_pack_end(&answers[i].packed, answers[i].rows);
			dq_cache_put(keys->cache_keys[i], fetch->options.table->relid, answers[i].packed.data,
						 answers[i].packed.len, cache->asked_at_ms);
		}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
