/*
 * shared_table.c
 *	  Entries of one size, found by database and object, in a block of memory that does not grow.
 *
 * The block holds a head, the chains' beginnings (one a bucket), and the entries; links are
 * numbers of entries, since processes may have the block at different addresses.  Numbers begin at
 * 1, so that zero bytes are an empty table.
 *
 * Builds without a backend: test/unit/shared_table_test.c.
 */
#include "base.h"

#include "service/shared_table.h"

struct SharedTable
{
	Size stride; /* bytes from one entry to the next */
	Size entries_offset;
	int max_entries;
	int nbuckets; /* a power of two */
	int count;
	int free;	  /* first of the chain of entries that were removed, 0: none */
	int nused;	  /* places that were ever taken */
	uint64 clock; /* uses so far; two readers may count the same one, which is as good */
	int64 evicted;
	int buckets[FLEXIBLE_ARRAY_MEMBER];
};

typedef struct EntryHead
{
	SharedKey key;
	int next; /* in its bucket's chain, or in the chain of free ones */
	int pins;
	bool is_taken;
	uint64 last_use;
} EntryHead;

static int
bucket_count(int max_entries)
{
	int n = 1;

	while (n < max_entries)
		n *= 2;
	return n;
}

static Size
entry_stride(Size entry_size)
{
	return MAXALIGN(sizeof(EntryHead)) + MAXALIGN(entry_size);
}

static Size
head_size(int max_entries)
{
	return MAXALIGN(offsetof(SharedTable, buckets) + sizeof(int) * bucket_count(max_entries));
}

Size
dq_shared_table_size(Size entry_size, int max_entries)
{
	return head_size(max_entries) + entry_stride(entry_size) * max_entries;
}

void
dq_shared_table_init(SharedTable *table, Size entry_size, int max_entries)
{
	memset(table, 0, dq_shared_table_size(entry_size, max_entries));
	table->stride = entry_stride(entry_size);
	table->entries_offset = head_size(max_entries);
	table->max_entries = max_entries;
	table->nbuckets = bucket_count(max_entries);
}

static EntryHead *
entry_at(SharedTable *table, int number)
{
	return (EntryHead *) ((char *) table + table->entries_offset + table->stride * (number - 1));
}

static void *
content_of(EntryHead *head)
{
	return (char *) head + MAXALIGN(sizeof(EntryHead));
}

static EntryHead *
head_of(void *entry)
{
	return (EntryHead *) ((char *) entry - MAXALIGN(sizeof(EntryHead)));
}

static int *
bucket_of(SharedTable *table, SharedKey key)
{
	uint32 hash = key.database * 0x9E3779B1U ^ key.object * 0x85EBCA6BU;

	hash ^= hash >> 15;
	return &table->buckets[hash & (table->nbuckets - 1)];
}

/* The link that leads to the entry of this key, or to nothing. */
static int *
find_link(SharedTable *table, SharedKey key)
{
	int *link = bucket_of(table, key);

	while (*link != 0)
	{
		EntryHead *head = entry_at(table, *link);

		if (head->key.database == key.database && head->key.object == key.object)
			break;
		link = &head->next;
	}
	return link;
}

void *
dq_shared_table_find(SharedTable *table, SharedKey key)
{
	int number = *find_link(table, key);

	if (number == 0)
		return NULL;
	entry_at(table, number)->last_use = ++table->clock;
	return content_of(entry_at(table, number));
}

static void
remove_at(SharedTable *table, int *link)
{
	int number = *link;
	EntryHead *head = entry_at(table, number);

	*link = head->next;
	/* What may be secret does not stay behind. */
	memset(content_of(head), 0, table->stride - MAXALIGN(sizeof(EntryHead)));
	head->is_taken = false;
	head->next = table->free;
	table->free = number;
	table->count--;
}

/* Drops the entry that was not used for longest; false when all are pinned. */
static bool
evict(SharedTable *table)
{
	EntryHead *oldest = NULL;

	for (int number = 1; number <= table->nused; number++)
	{
		EntryHead *head = entry_at(table, number);

		if (head->is_taken && head->pins == 0 &&
			(oldest == NULL || head->last_use < oldest->last_use))
			oldest = head;
	}
	if (oldest == NULL)
		return false;
	remove_at(table, find_link(table, oldest->key));
	table->evicted++;
	return true;
}

/* A free place, 0 when there is none. */
static int
take_place(SharedTable *table)
{
	int number;

	if (table->free == 0 && table->nused == table->max_entries && !evict(table))
		return 0;
	if (table->free == 0)
		return ++table->nused;
	number = table->free;
	table->free = entry_at(table, number)->next;
	return number;
}

void *
dq_shared_table_enter(SharedTable *table, SharedKey key, bool *found)
{
	void *entry = dq_shared_table_find(table, key);
	int number;
	int *bucket;

	*found = entry != NULL;
	if (entry)
		return entry;
	number = take_place(table);
	if (number == 0)
		return NULL;
	memset(entry_at(table, number), 0, table->stride);
	bucket = bucket_of(table, key);
	*entry_at(table, number) = (EntryHead) {
		.key = key, .next = *bucket, .is_taken = true, .last_use = ++table->clock
	};
	*bucket = number;
	table->count++;
	return content_of(entry_at(table, number));
}

bool
dq_shared_table_remove(SharedTable *table, SharedKey key)
{
	int *link = find_link(table, key);

	if (*link == 0 || entry_at(table, *link)->pins > 0)
		return false;
	remove_at(table, link);
	return true;
}

void
dq_shared_table_remove_database(SharedTable *table, Oid database)
{
	for (int number = 1; number <= table->nused; number++)
	{
		EntryHead *head = entry_at(table, number);

		if (head->is_taken && head->pins == 0 && head->key.database == database)
			remove_at(table, find_link(table, head->key));
	}
}

void
dq_shared_table_pin(void *entry)
{
	head_of(entry)->pins++;
}

void
dq_shared_table_unpin(void *entry)
{
	Assert(head_of(entry)->pins > 0);
	head_of(entry)->pins--;
}

void *
dq_shared_table_next(SharedTable *table, int *position, SharedKey *key)
{
	while (*position < table->nused)
	{
		EntryHead *head = entry_at(table, ++*position);

		if (head->is_taken)
		{
			*key = head->key;
			return content_of(head);
		}
	}
	return NULL;
}

int
dq_shared_table_count(const SharedTable *table)
{
	return table->count;
}

int
dq_shared_table_room(const SharedTable *table)
{
	return table->max_entries;
}

int64
dq_shared_table_evicted(const SharedTable *table)
{
	return table->evicted;
}
