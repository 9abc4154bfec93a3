/*
 * key_table.c
 *	  The keys of a lookup join and the inner rows that were found for them.
 *
 * Entries stand in a hash table by their outer values; inner values of another type of the same
 * operator family hash alike.  Rows that do not fit into memory are written to a temporary file,
 * chained by entry from the last to the first: reading them back is cheaper than asking again.  Only
 * when the entries themselves are too many, those that nobody waits for are dropped, the least
 * recently used first.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "compat.h"
#include "join/key_table.h"
#include "storage/buffile.h"
#include "utils/datum.h"
#include "utils/memutils.h"

/* The tuple follows, aligned. */
struct InnerRow
{
	InnerRow *next;
};

#define ROW_TUPLE(row) ((MinimalTuple) ((char *) (row) + MAXALIGN(sizeof(InnerRow))))

/* What a row in the file starts with. */
typedef struct FileRow
{
	int previous_fileno; /* of the entry's row before, -1: none */
	off_t previous_offset;
	uint32 len; /* of the tuple that follows */
} FileRow;

typedef struct KeySlot
{
	const KeyEntry *entry;
	uint32 hash;
	char status;
} KeySlot;

struct KeyTable
{
	MemoryContext context;
	const KeyColumnOps *ops;
	int ncolumns;
	struct keyhash_hash *hash;
	KeyEntry *probe; /* what is looked for: borrowed values and their hash */
	bool is_inner;	 /* they are an inner row's */
	int64 row_limit;
	int64 row_bytes; /* of rows in memory */
	int64 entry_limit;
	int64 entry_bytes; /* of entries without their rows */
	dlist_head idle;   /* least recently used first */
	BufFile *file;	   /* NULL until needed */
	int end_fileno;
	off_t end_offset;
	MinimalTuple scratch; /* a row read back */
	Size scratch_size;
};

static bool
matches_probe(const KeyTable *table, const KeyEntry *entry)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		const KeyColumnOps *ops = &table->ops[i];
		FmgrInfo *equal = (FmgrInfo *) (table->is_inner ? &ops->inner_equal : &ops->outer_equal);

		if (!DatumGetBool(FunctionCall2Coll(equal, ops->collation, entry->values[i],
											table->probe->values[i])))
			return false;
	}
	return true;
}

#define SH_PREFIX keyhash
#define SH_ELEMENT_TYPE KeySlot
#define SH_KEY_TYPE const KeyEntry *
#define SH_KEY entry
#define SH_HASH_KEY(tb, key) ((key)->hash)
#define SH_EQUAL(tb, stored, probe) matches_probe((const KeyTable *) (tb)->private_data, stored)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, slot) ((slot)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

KeyTable *
dq_key_table_create(const KeyColumnOps *ops, int ncolumns, int64 row_limit, int64 entry_limit)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery keys",
												  ALLOCSET_DEFAULT_SIZES);
	KeyTable *table = MemoryContextAllocZero(context, sizeof(KeyTable));

	table->context = context;
	table->ops = ops;
	table->ncolumns = ncolumns;
	table->row_limit = row_limit;
	table->entry_limit = entry_limit;
	table->probe = MemoryContextAllocZero(context,
										  offsetof(KeyEntry, values) + sizeof(Datum) * ncolumns);
	table->hash = keyhash_create(context, 256, table);
	dlist_init(&table->idle);
	return table;
}

/* Makes these values what is looked for. */
static void
set_probe(KeyTable *table, const Datum *values, bool is_inner)
{
	uint32 hash = 0;

	for (int i = 0; i < table->ncolumns; i++)
	{
		const KeyColumnOps *ops = &table->ops[i];
		FmgrInfo *function = (FmgrInfo *) (is_inner ? &ops->inner_hash : &ops->outer_hash);

		hash = hash_combine(hash,
							DatumGetUInt32(FunctionCall1Coll(function, ops->collation, values[i])));
		table->probe->values[i] = values[i];
	}
	table->probe->hash = murmurhash32(hash);
	table->is_inner = is_inner;
}

/* Frees an entry that is out of the hash table. */
static void
free_entry(KeyTable *table, KeyEntry *entry)
{
	table->entry_bytes -= entry->bytes;
	table->row_bytes -= entry->row_bytes;
	for (InnerRow *row = entry->first, *next; row; row = next)
	{
		next = row->next;
		pfree(row);
	}
	for (int i = 0; i < table->ncolumns; i++)
		if (!table->ops[i].byval)
			pfree(DatumGetPointer(entry->values[i]));
	pfree(entry);
}

void
dq_key_table_remove(KeyTable *table, KeyEntry *entry)
{
	KeySlot *slot;

	if (entry->is_idle)
		dlist_delete(&entry->idle_node);
	memcpy(table->probe->values, entry->values, sizeof(Datum) * table->ncolumns);
	table->probe->hash = entry->hash;
	table->is_inner = false;
	slot = keyhash_lookup_hash(table->hash, table->probe, entry->hash);
	Assert(slot && slot->entry == entry);
	keyhash_delete_item(table->hash, slot);
	free_entry(table, entry);
}

/* Drops entries that nobody waits for while there are too many. */
static void
drop_idle(KeyTable *table)
{
	while (table->entry_bytes > table->entry_limit && !dlist_is_empty(&table->idle))
		dq_key_table_remove(table, dlist_head_element(KeyEntry, idle_node, &table->idle));
}

static KeyEntry *
make_entry(KeyTable *table)
{
	MemoryContext old = MemoryContextSwitchTo(table->context);
	KeyEntry *entry = palloc0(offsetof(KeyEntry, values) + sizeof(Datum) * table->ncolumns);

	entry->hash = table->probe->hash;
	entry->last_fileno = -1;
	entry->bytes = GetMemoryChunkSpace(entry);
	for (int i = 0; i < table->ncolumns; i++)
	{
		const KeyColumnOps *ops = &table->ops[i];

		entry->values[i] = datumCopy(table->probe->values[i], ops->byval, ops->len);
		if (!ops->byval)
			entry->bytes += GetMemoryChunkSpace(DatumGetPointer(entry->values[i]));
	}
	table->entry_bytes += entry->bytes;
	MemoryContextSwitchTo(old);
	return entry;
}

KeyEntry *
dq_key_table_enter(KeyTable *table, const Datum *outer_values, bool *is_new)
{
	KeySlot *slot;
	KeyEntry *entry;
	bool found;

	set_probe(table, outer_values, false);
	slot = keyhash_lookup_hash(table->hash, table->probe, table->probe->hash);
	*is_new = slot == NULL;
	if (slot)
	{
		entry = (KeyEntry *) slot->entry;
		if (entry->is_idle)
			dlist_delete(&entry->idle_node);
		entry->is_idle = false;
		entry->waiting++;
		return entry;
	}
	entry = make_entry(table);
	drop_idle(table);
	/* Those that were dropped have been looked for since. */
	memcpy(table->probe->values, entry->values, sizeof(Datum) * table->ncolumns);
	table->probe->hash = entry->hash;
	keyhash_insert_hash(table->hash, entry, entry->hash, &found);
	Assert(!found);
	entry->waiting = 1;
	return entry;
}

KeyEntry *
dq_key_table_find(KeyTable *table, const Datum *inner_values)
{
	KeySlot *slot;

	set_probe(table, inner_values, true);
	slot = keyhash_lookup_hash(table->hash, table->probe, table->probe->hash);
	return slot ? (KeyEntry *) slot->entry : NULL;
}

/* Appends a row to the file, where it becomes the entry's last. */
static void
spill_row(KeyTable *table, KeyEntry *entry, MinimalTuple tuple)
{
	FileRow header = { .previous_fileno = entry->last_fileno,
					   .previous_offset = entry->last_offset,
					   .len = tuple->t_len };

	if (table->file == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(table->context);

		table->file = BufFileCreateTemp(false);
		MemoryContextSwitchTo(old);
	}
	if (BufFileSeek(table->file, table->end_fileno, table->end_offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in temporary file: %m")));
	entry->last_fileno = table->end_fileno;
	entry->last_offset = table->end_offset;
	BufFileWrite(table->file, &header, sizeof(header));
	BufFileWrite(table->file, tuple, tuple->t_len);
	BufFileTell(table->file, &table->end_fileno, &table->end_offset);
}

void
dq_key_table_add(KeyTable *table, KeyEntry *entry, MinimalTuple tuple)
{
	Size size = MAXALIGN(sizeof(InnerRow)) + tuple->t_len;
	InnerRow *row;

	entry->rows++;
	if (table->row_bytes + (int64) size > table->row_limit)
	{
		spill_row(table, entry, tuple);
		return;
	}
	row = MemoryContextAlloc(table->context, size);
	memcpy(ROW_TUPLE(row), tuple, tuple->t_len);
	row->next = entry->first;
	entry->first = row;
	size = GetMemoryChunkSpace(row);
	entry->row_bytes += size;
	table->row_bytes += size;
}

void
dq_key_table_settle(KeyTable *table, KeyEntry *entry)
{
	if (entry->waiting > 0 || !entry->is_answered || entry->is_idle)
		return;
	entry->is_idle = true;
	dlist_push_tail(&table->idle, &entry->idle_node);
}

void
dq_key_table_cursor_open(KeyRowCursor *cursor, const KeyEntry *entry)
{
	cursor->next = entry->first;
	cursor->fileno = entry->last_fileno;
	cursor->offset = entry->last_offset;
}

MinimalTuple
dq_key_table_cursor_next(KeyTable *table, KeyRowCursor *cursor)
{
	FileRow header;

	if (cursor->next)
	{
		MinimalTuple tuple = ROW_TUPLE(cursor->next);

		cursor->next = cursor->next->next;
		return tuple;
	}
	if (cursor->fileno < 0)
		return NULL;
	if (BufFileSeek(table->file, cursor->fileno, cursor->offset, SEEK_SET) != 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not seek in temporary file: %m")));
	dq_buffile_read_exact(table->file, &header, sizeof(header));
	if (header.len > table->scratch_size)
	{
		if (table->scratch)
			pfree(table->scratch);
		table->scratch = MemoryContextAlloc(table->context, header.len);
		table->scratch_size = header.len;
	}
	dq_buffile_read_exact(table->file, table->scratch, header.len);
	cursor->fileno = header.previous_fileno;
	cursor->offset = header.previous_offset;
	return table->scratch;
}

bool
dq_key_table_has_spilled(const KeyTable *table)
{
	return table->file != NULL;
}

void
dq_key_table_free(KeyTable *table)
{
	if (table->file)
		BufFileClose(table->file);
	MemoryContextDelete(table->context);
}
