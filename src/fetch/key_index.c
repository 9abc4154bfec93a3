/*
 * key_index.c
 *	  Finds the rows of a stored answer by a column's value.
 *
 * A sorted array of hashes beside the positions of their rows, made in one pass over the answer at
 * the first question that can use it.  It finds a superset: rows with another value of the same
 * hash, and rows of which only decoding tells the value, are dropped by the reader's own checks.
 */
#include "postgres.h"

#include "fetch/key_index.h"
#include "lib/qunique.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "utils/memutils.h"

#define FIRST_SLOTS 256

typedef struct KeySlot
{
	uint64 hash;
	int64 number; /* of the row, from 1 */
	SpoolPosition position;
} KeySlot;

typedef struct SlotArray
{
	KeySlot *slots;
	int64 used;
	int64 size;
} SlotArray;

struct KeyIndex
{
	int column;
	JsonKeyKind kind;
	char *json;
	bool is_usable;
	SlotArray known;  /* by hash, then number */
	SlotArray others; /* rows whose value has no hash */
};

struct KeyCursor
{
	const KeyIndex *index;
	const uint64 *hashes;
	int nhashes;
	int current; /* of hashes; nhashes: the others */
	int64 next;	 /* slot, -1: to be found */
};

static int
compare_slots(const void *a, const void *b)
{
	const KeySlot *x = a;
	const KeySlot *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->number < y->number ? -1 : x->number > y->number;
}

static int
compare_hashes(const void *a, const void *b)
{
	uint64 x = *(const uint64 *) a;
	uint64 y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

static void
add_slot(SlotArray *array, const KeySlot *slot)
{
	if (array->used == array->size)
	{
		array->size = Max(FIRST_SLOTS, array->size * 2);
		array->slots = array->slots ?
			repalloc_huge(array->slots, sizeof(KeySlot) * array->size) :
			MemoryContextAllocHuge(CurrentMemoryContext, sizeof(KeySlot) * array->size);
	}
	array->slots[array->used++] = *slot;
}

static void
drop_slots(SlotArray *array)
{
	if (array->slots)
		pfree(array->slots);
	memset(array, 0, sizeof(*array));
}

/* Memory for one index, as a hash table of the executor may take. */
static int64
max_slots(void)
{
	return (int64) (work_mem * 1024.0 * hash_mem_multiplier / sizeof(KeySlot));
}

/* Notes all rows; false when there are too many. */
static bool
read_rows(KeyIndex *index, Spool *spool, JsonLocator *locator)
{
	SpoolReader *reader = dq_spool_reader(spool);
	int64 limit = max_slots();
	StringInfoData scratch;
	const char *bytes;
	size_t len;
	KeySlot slot = { 0 };

	initStringInfo(&scratch);
	while (dq_spool_next(reader, &bytes, &len))
	{
		JsonSlice value;
		JsonError error;
		int culprit;
		JsonKeyResult result = JSON_KEY_OTHER;

		CHECK_FOR_INTERRUPTS();
		if (bytes[0] == 'P')
			continue;
		slot.number++;
		slot.position = dq_spool_position(reader);
		if (dq_json_locate(locator, bytes, len, &value, &culprit, &error))
			result = dq_json_key(index->kind, &value, &scratch, &slot.hash);
		if (result != JSON_KEY_NULL)
			add_slot(result == JSON_KEY_HASHED ? &index->known : &index->others, &slot);
		if (index->known.size + index->others.size > limit)
			break;
	}
	dq_spool_reader_free(reader);
	return index->known.size + index->others.size <= limit;
}

KeyIndex *
dq_key_index_create(Spool *spool, const ScopeTerm *term)
{
	KeyIndex *index = palloc0(sizeof(KeyIndex));
	const char *problem;
	const JsonPointer *pointer = dq_json_pointer_compile(term->json, &problem);

	index->column = term->column;
	index->kind = term->key;
	index->json = pstrdup(term->json);
	index->is_usable = pointer && read_rows(index, spool, dq_json_locator_create(&pointer, 1));
	if (!index->is_usable)
	{
		drop_slots(&index->known);
		drop_slots(&index->others);
	}
	else if (index->known.used > 1)
		qsort(index->known.slots, index->known.used, sizeof(KeySlot), compare_slots);
	return index;
}

bool
dq_key_index_is_usable(const KeyIndex *index)
{
	return index->is_usable;
}

bool
dq_key_index_is_for(const KeyIndex *index, const ScopeTerm *term)
{
	return index->column == term->column && index->kind == term->key &&
		strcmp(index->json, term->json) == 0;
}

void
dq_key_index_counts(const KeyIndex *index, int64 *distinct, int64 *rows)
{
	*rows = index->known.used + index->others.used;
	*distinct = index->others.used;
	for (int64 i = 0; i < index->known.used; i++)
		if (i == 0 || index->known.slots[i].hash != index->known.slots[i - 1].hash)
			(*distinct)++;
}

uint64 *
dq_key_hashes(const ScopeTerm *term, int *nhashes)
{
	uint64 *hashes = palloc(sizeof(uint64) * Max(term->nvalues, 1));

	for (int i = 0; i < term->nvalues; i++)
		if (dq_json_key_of_text(term->key, term->texts[i], strlen(term->texts[i]), &hashes[i]) !=
			JSON_KEY_HASHED)
		{
			pfree(hashes);
			return NULL;
		}
	qsort(hashes, term->nvalues, sizeof(uint64), compare_hashes);
	*nhashes = (int) qunique(hashes, term->nvalues, sizeof(uint64), compare_hashes);
	return hashes;
}

KeyCursor *
dq_key_cursor(const KeyIndex *index, const uint64 *hashes, int nhashes)
{
	KeyCursor *cursor = palloc0(sizeof(KeyCursor));

	cursor->index = index;
	cursor->hashes = hashes;
	cursor->nhashes = nhashes;
	cursor->next = -1;
	return cursor;
}

/* The first slot whose hash is not less. */
static int64
find_slot(const SlotArray *array, uint64 hash)
{
	int64 low = 0;
	int64 high = array->used;

	while (low < high)
	{
		int64 middle = low + (high - low) / 2;

		if (array->slots[middle].hash < hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
dq_key_cursor_next(KeyCursor *cursor, SpoolPosition *position, int64 *number)
{
	const KeyIndex *index = cursor->index;
	const SlotArray *array = &index->known;

	for (; cursor->current < cursor->nhashes; cursor->current++, cursor->next = -1)
	{
		uint64 hash = cursor->hashes[cursor->current];

		if (cursor->next < 0)
			cursor->next = find_slot(array, hash);
		if (cursor->next < array->used && array->slots[cursor->next].hash == hash)
			break;
	}
	if (cursor->current == cursor->nhashes)
	{
		array = &index->others;
		cursor->next = Max(cursor->next, 0);
		if (cursor->next >= array->used)
			return false;
	}
	*position = array->slots[cursor->next].position;
	*number = array->slots[cursor->next].number;
	cursor->next++;
	return true;
}
