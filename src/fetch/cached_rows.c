/*
 * cached_rows.c
 *	  cache_rows: the rows of a collection are kept as answers to the questions for each of them.
 *
 * The declaration says that a collection's rows are whole, so that a lookup by the key would bring
 * the same.  The key must be unique in the answer: where it is not, or a row's key may be any,
 * nothing is kept by row.
 */
#include "postgres.h"

#include "fetch/cached_private.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* The rows of an answer, one after the other, with their keys. */
typedef struct RowWalk
{
	const FetchRowKey *row_key;
	JsonLocator *locator;
	SpoolReader *reader;
	StringInfoData mark; /* of the page that the row is from */
	StringInfoData text; /* the key as it is asked with */
	const char *row;
	size_t len;
	uint64 hash;
} RowWalk;

typedef enum RowStep
{
	ROW_KEYED,
	ROW_WITHOUT_KEY,
	ROW_UNCERTAIN,
	ROW_END
} RowStep;

static void
walk_begin(RowWalk *walk, Fetch *fetch)
{
	const char *problem;
	const JsonPointer *pointer = dq_json_pointer_compile(fetch->cache->row_key->json, &problem);

	memset(walk, 0, sizeof(*walk));
	walk->row_key = fetch->cache->row_key;
	walk->locator = dq_json_locator_create(&pointer, 1);
	walk->reader = dq_spool_reader(fetch->spool);
	initStringInfo(&walk->mark);
	initStringInfo(&walk->text);
}

/* The text of a key: the number, or the string without its quotes and escapes. */
static bool
take_text(RowWalk *walk, const JsonSlice *value)
{
	JsonError error;

	resetStringInfo(&walk->text);
	if (value->kind == JSONK_STRING)
		return dq_json_string_append(&walk->text, value, &error) &&
			strlen(walk->text.data) == (size_t) walk->text.len;
	appendBinaryStringInfo(&walk->text, value->start, (int) value->len);
	return true;
}

static RowStep
walk_next(RowWalk *walk)
{
	JsonSlice value;
	JsonError error;
	int culprit;

	for (;;)
	{
		if (!dq_spool_next(walk->reader, &walk->row, &walk->len))
			return ROW_END;
		if (walk->row[0] != 'P')
			break;
		resetStringInfo(&walk->mark);
		appendBinaryStringInfo(&walk->mark, walk->row, (int) walk->len);
	}
	if (!dq_json_locate(walk->locator, walk->row, walk->len, &value, &culprit, &error))
		return ROW_UNCERTAIN;
	switch (dq_json_key(walk->row_key->kind, &value, &walk->text, &walk->hash))
	{
		case JSON_KEY_NULL:
			return ROW_WITHOUT_KEY;
		case JSON_KEY_OTHER:
			return ROW_UNCERTAIN;
		case JSON_KEY_HASHED:
			break;
	}
	/* A UUID is asked for in lower case, and found in either. */
	if (!take_text(walk, &value))
		return ROW_UNCERTAIN;
	if (walk->row_key->kind == JSON_KEY_UUID)
		for (int i = 0; i < walk->text.len; i++)
			walk->text.data[i] = pg_ascii_tolower((unsigned char) walk->text.data[i]);
	return ROW_KEYED;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/* True when each row has a key of its own. */
static bool
has_unique_keys(Fetch *fetch)
{
	uint64 *hashes = MemoryContextAllocHuge(CurrentMemoryContext,
											sizeof(uint64) * Max(fetch->rows, 1));
	int64 n = 0;
	RowWalk walk;
	RowStep step;

	walk_begin(&walk, fetch);
	while ((step = walk_next(&walk)) == ROW_KEYED && n < fetch->rows)
		hashes[n++] = walk.hash;
	dq_spool_reader_free(walk.reader);
	if (step != ROW_END)
		return false;
	qsort(hashes, n, sizeof(uint64), compare_hashes);
	return qunique(hashes, n, sizeof(uint64), compare_hashes) == (size_t) n;
}

/*
 * The answers that came before an invalidation must not be kept under what is current since then: so
 * the names are made first, and hold if nothing of the table was invalidated until then.
 */
static bool
is_still_true(const Fetch *fetch)
{
	return dq_cache_generation(fetch->options.table->relid, dq_cache_any_label()) ==
		fetch->cache->epoch;
}

static void
keep_row(Fetch *fetch, const RowWalk *walk)
{
	const FetchRowKey *row_key = walk->row_key;
	FetchOptions options = fetch->options;
	AnswerFacts facts = dq_cached_part_facts(fetch->cache);
	StringInfoData packed;

	dq_cache_pack_begin(&packed, &facts);
	dq_cache_pack_add(&packed, walk->mark.data, walk->mark.len);
	dq_cache_pack_add(&packed, walk->row, walk->len);
	dq_cache_pack_end(&packed, 1);
	options.row_limit = 0;
	memset(options.marks, 0, sizeof(options.marks));
	options.marks[row_key->mark] = walk->text.data;
	for (int is_lookup = 0; is_lookup <= 1; is_lookup++)
	{
		char *name;
		CacheKey key;

		if (!(is_lookup ? row_key->by_lookup : row_key->by_filter))
			continue;
		options.is_lookup = is_lookup;
		name = row_key->url_of(options.table, is_lookup, walk->text.data);
		if (!is_lookup)
			name = dq_cached_key_name(name, row_key->kind, row_key->json);
		key = dq_cache_key(&options, name);
		if (is_still_true(fetch))
			dq_cache_lookup_put(fetch->cache->latest, key, packed.data, packed.len,
								dq_cached_longest_life(options.table, &facts));
	}
}

void
dq_cached_rows_keep(Fetch *fetch)
{
	MemoryContext context;
	MemoryContext a_row;
	MemoryContext old;
	RowWalk walk;

	if (!dq_spool_is_kept(fetch->spool) || dq_spool_bytes(fetch->spool) > fetch->cache->max_value)
		return;
	context = AllocSetContextCreate(CurrentMemoryContext, "distquery cached rows",
									ALLOCSET_DEFAULT_SIZES);
	a_row = AllocSetContextCreate(context, "distquery cached row", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(context);
	if (has_unique_keys(fetch))
	{
		walk_begin(&walk, fetch);
		while (walk_next(&walk) == ROW_KEYED)
		{
			MemoryContextSwitchTo(a_row);
			keep_row(fetch, &walk);
			MemoryContextSwitchTo(context);
			MemoryContextReset(a_row);
			CHECK_FOR_INTERRUPTS();
		}
		dq_spool_reader_free(walk.reader);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}
