/*
 * cache_block.c
 *	  Cached values in a block of memory that does not grow: what is where, and what makes room.
 *
 * The block holds a head, buckets, entries and chunks; links are numbers, since processes may have
 * the block at different addresses.  Numbers begin at 1.
 *
 * What makes room follows S3-FIFO (Yang et al., SOSP 2023): a value enters a short queue and leaves
 * it into the main one only if it was used meanwhile, so that a scan of what nobody asks again
 * passes through a tenth of the memory.  The keys of what left without a use are remembered for
 * some time ("ghosts"); a value that comes back enters the main queue at once.  The main queue gives
 * each use a second chance.  A use only counts up a byte: no order changes, so that hits need no
 * exclusive lock.
 *
 * Builds without a backend: test/unit/cache_block_test.c.
 */
#include "base.h"

#include "cache/cache_block.h"

#define CHUNK_BYTES 512
#define CHUNK_DATA ((Size) CHUNK_BYTES - sizeof(int))
#define CHUNKS_AN_ENTRY 2
#define NFIGURES 512
#define NGENERATIONS 4096

/* Uses that are told apart. */
#define MAX_USES 3

/* The short queue's part of all chunks, and a value's: one of so many. */
#define SMALL_PART 10
#define VALUE_PART 4

typedef struct Chunk
{
	int next;
	char data[CHUNK_BYTES - sizeof(int)];
} Chunk;

typedef enum QueueId
{
	QUEUE_NONE,
	QUEUE_SMALL,
	QUEUE_MAIN
} QueueId;

typedef struct Entry
{
	CacheKey key;
	CacheFacts facts;
	int first_chunk;
	int nchunks;
	int next_in_bucket; /* or in the chain of free entries */
	int newer;			/* in its queue */
	int older;
	int pins;
	uint8 uses;
	uint8 queue;	/* QueueId */
	bool is_linked; /* can be found */
} Entry;

typedef struct Queue
{
	int newest;
	int oldest;
	int chunks;
} Queue;

struct CacheBlock
{
	int nchunks;
	int nentries;
	int nbuckets;	 /* a power of two */
	int free_chunks; /* all that are not in use */
	int free_chunk;	 /* first of the chain of those that were given back */
	int used_chunks; /* that were ever taken */
	int free_entry;	 /* the same for entries */
	int used_entries;
	Size entries_offset;
	Size ghosts_offset;
	Size chunks_offset;
	Queue queues[QUEUE_MAIN + 1];
	CacheFigures figures[NFIGURES];
	uint64 generations[NGENERATIONS];
	int buckets[FLEXIBLE_ARRAY_MEMBER];
};

static Entry *
entry_at(const CacheBlock *block, int number)
{
	return (Entry *) ((char *) block + block->entries_offset + sizeof(Entry) * (number - 1));
}

static Chunk *
chunk_at(const CacheBlock *block, int number)
{
	return (Chunk *) ((char *) block + block->chunks_offset + (Size) CHUNK_BYTES * (number - 1));
}

static uint32 *
ghost_of(CacheBlock *block, CacheKey key)
{
	uint32 *ghosts = (uint32 *) ((char *) block + block->ghosts_offset);

	return &ghosts[key.low % block->nentries];
}

static int *
bucket_of(CacheBlock *block, CacheKey key)
{
	return &block->buckets[key.high & (block->nbuckets - 1)];
}

/* Divides the bytes behind the head; everything but the chunks is a few bytes for each of them. */
static void
lay_out(CacheBlock *block, Size bytes)
{
	Size a_chunk = CHUNK_BYTES +
		(sizeof(Entry) + sizeof(uint32) + 2 * sizeof(int)) / CHUNKS_AN_ENTRY + 1;
	Size rest = bytes - MAXALIGN(offsetof(CacheBlock, buckets)) - 4 * MAXIMUM_ALIGNOF;

	block->nchunks = (int) Min(rest / a_chunk, PG_INT32_MAX / 2);
	block->nentries = Max(block->nchunks / CHUNKS_AN_ENTRY, 1);
	block->nbuckets = 1;
	while (block->nbuckets * 2 <= block->nentries)
		block->nbuckets *= 2;
	block->entries_offset = MAXALIGN(offsetof(CacheBlock, buckets) +
									 sizeof(int) * (Size) block->nbuckets);
	block->ghosts_offset = MAXALIGN(block->entries_offset + sizeof(Entry) * (Size) block->nentries);
	block->chunks_offset = MAXALIGN(block->ghosts_offset + sizeof(uint32) * (Size) block->nentries);
	Assert(block->chunks_offset + (Size) CHUNK_BYTES * block->nchunks <= bytes);
}

void
dq_cache_block_init(CacheBlock *block, Size bytes)
{
	Assert(bytes >= CACHE_BLOCK_MIN_BYTES);
	memset(block, 0, offsetof(CacheBlock, buckets));
	lay_out(block, bytes);
	memset((char *) block + offsetof(CacheBlock, buckets), 0,
		   block->chunks_offset - offsetof(CacheBlock, buckets));
	block->free_chunks = block->nchunks;
}

uint64
dq_cache_block_max_value(const CacheBlock *block)
{
	return (uint64) (block->nchunks / VALUE_PART) * CHUNK_DATA;
}

/*
 * Queues
 */

static void
enqueue(CacheBlock *block, int number, QueueId id)
{
	Queue *queue = &block->queues[id];
	Entry *entry = entry_at(block, number);

	entry->queue = id;
	entry->newer = 0;
	entry->older = queue->newest;
	if (queue->newest)
		entry_at(block, queue->newest)->newer = number;
	else
		queue->oldest = number;
	queue->newest = number;
	queue->chunks += entry->nchunks;
}

static void
dequeue(CacheBlock *block, int number)
{
	Entry *entry = entry_at(block, number);
	Queue *queue = &block->queues[entry->queue];

	if (entry->queue == QUEUE_NONE)
		return;
	if (entry->newer)
		entry_at(block, entry->newer)->older = entry->older;
	else
		queue->newest = entry->older;
	if (entry->older)
		entry_at(block, entry->older)->newer = entry->newer;
	else
		queue->oldest = entry->newer;
	queue->chunks -= entry->nchunks;
	entry->queue = QUEUE_NONE;
}

/*
 * Entries
 */

/* The link that leads to the entry of this key, or to nothing. */
static int *
find_link(CacheBlock *block, CacheKey key)
{
	int *link = bucket_of(block, key);

	while (*link != 0)
	{
		Entry *entry = entry_at(block, *link);

		if (entry->key.high == key.high && entry->key.low == key.low)
			break;
		link = &entry->next_in_bucket;
	}
	return link;
}

int
dq_cache_block_find(CacheBlock *block, CacheKey key)
{
	int number = *find_link(block, key);

	/* Two uses at the same time may count as one. */
	if (number != 0 && entry_at(block, number)->uses < MAX_USES)
		entry_at(block, number)->uses++;
	return number;
}

void
dq_cache_block_pin(CacheBlock *block, int entry)
{
	__atomic_fetch_add(&entry_at(block, entry)->pins, 1, __ATOMIC_ACQ_REL);
}

void
dq_cache_block_unpin(CacheBlock *block, int entry)
{
	Assert(entry_at(block, entry)->pins > 0);
	__atomic_fetch_sub(&entry_at(block, entry)->pins, 1, __ATOMIC_ACQ_REL);
}

static bool
is_pinned(const CacheBlock *block, int number)
{
	return __atomic_load_n(&entry_at(block, number)->pins, __ATOMIC_ACQUIRE) > 0;
}

const CacheFacts *
dq_cache_block_facts(const CacheBlock *block, int entry)
{
	return &entry_at(block, entry)->facts;
}

char *
dq_cache_block_chunk(CacheBlock *block, int entry, int *position, Size *len)
{
	Entry *head = entry_at(block, entry);
	int number = *position == 0 ? head->first_chunk : chunk_at(block, *position)->next;

	if (number == 0)
		return NULL;
	*position = number;
	*len = CHUNK_DATA;
	return chunk_at(block, number)->data;
}

/* Gives an entry's chunks and place back. */
static void
release(CacheBlock *block, int number)
{
	Entry *entry = entry_at(block, number);

	if (entry->first_chunk)
	{
		int last = entry->first_chunk;

		while (chunk_at(block, last)->next)
			last = chunk_at(block, last)->next;
		chunk_at(block, last)->next = block->free_chunk;
		block->free_chunk = entry->first_chunk;
		block->free_chunks += entry->nchunks;
	}
	memset(entry, 0, sizeof(Entry));
	entry->next_in_bucket = block->free_entry;
	block->free_entry = number;
}

/* Makes an entry unfindable; it goes at once, or with its last pin (see sweep). */
static void
unlink_entry(CacheBlock *block, int number)
{
	Entry *entry = entry_at(block, number);
	CacheFigures *figures = &block->figures[entry->facts.figures];

	*find_link(block, entry->key) = entry->next_in_bucket;
	entry->is_linked = false;
	entry->uses = 0;
	figures->entries--;
	figures->bytes -= entry->facts.len;
}

static void
drop(CacheBlock *block, int number)
{
	Entry *entry = entry_at(block, number);

	if (entry->is_linked)
		unlink_entry(block, number);
	if (is_pinned(block, number))
		return;
	dequeue(block, number);
	release(block, number);
}

void
dq_cache_block_remove(CacheBlock *block, CacheKey key)
{
	int number = *find_link(block, key);

	if (number != 0)
		drop(block, number);
}

/*
 * Takes the oldest of a queue: it stays with a second chance, moves to the main queue, or goes.
 * False when the queue has nothing that may go.
 */
static bool
sweep(CacheBlock *block, QueueId id)
{
	int number = block->queues[id].oldest;
	Entry *entry;

	if (number == 0)
		return false;
	entry = entry_at(block, number);
	if (is_pinned(block, number) || entry->uses > 0)
	{
		if (entry->uses > 0)
			entry->uses--;
		dequeue(block, number);
		enqueue(block, number, entry->is_linked ? QUEUE_MAIN : id);
		return true;
	}
	if (entry->is_linked)
	{
		if (id == QUEUE_SMALL)
			*ghost_of(block, entry->key) = (uint32) entry->key.high;
		block->figures[entry->facts.figures].evicted++;
	}
	drop(block, number);
	return true;
}

static bool
has_free_entry(const CacheBlock *block)
{
	return block->free_entry != 0 || block->used_entries < block->nentries;
}

static int
take_entry(CacheBlock *block)
{
	int number = block->free_entry;

	if (number == 0)
		return ++block->used_entries;
	block->free_entry = entry_at(block, number)->next_in_bucket;
	return number;
}

static int
take_chunk(CacheBlock *block)
{
	int number = block->free_chunk;

	block->free_chunks--;
	if (number == 0)
		return ++block->used_chunks;
	block->free_chunk = chunk_at(block, number)->next;
	return number;
}

/* Makes room; false when everything else is pinned. */
static bool
make_room(CacheBlock *block, int nchunks)
{
	int tries = 4 * block->nentries;

	while (block->free_chunks < nchunks || !has_free_entry(block))
	{
		bool is_small_large = block->queues[QUEUE_SMALL].chunks > block->nchunks / SMALL_PART;
		QueueId first = is_small_large ? QUEUE_SMALL : QUEUE_MAIN;

		if (tries-- == 0 ||
			(!sweep(block, first) && !sweep(block, first == QUEUE_MAIN ? QUEUE_SMALL : QUEUE_MAIN)))
			return false;
	}
	return true;
}

int
dq_cache_block_reserve(CacheBlock *block, uint64 len)
{
	int nchunks = (int) ((len + CHUNK_DATA - 1) / CHUNK_DATA);
	int number;
	Entry *entry;

	if (len > dq_cache_block_max_value(block) || !make_room(block, nchunks))
		return 0;
	number = take_entry(block);
	entry = entry_at(block, number);
	memset(entry, 0, sizeof(Entry));
	entry->nchunks = nchunks;
	for (int i = 0; i < nchunks; i++)
	{
		int chunk = take_chunk(block);

		chunk_at(block, chunk)->next = entry->first_chunk;
		entry->first_chunk = chunk;
	}
	return number;
}

void
dq_cache_block_publish(CacheBlock *block, int entry, CacheKey key, const CacheFacts *facts)
{
	Entry *fresh = entry_at(block, entry);
	uint32 *ghost = ghost_of(block, key);
	bool was_there = *find_link(block, key) != 0;
	int *bucket;

	dq_cache_block_remove(block, key);
	bucket = bucket_of(block, key);
	fresh->key = key;
	fresh->facts = *facts;
	fresh->next_in_bucket = *bucket;
	fresh->is_linked = true;
	*bucket = entry;
	enqueue(block, entry, was_there || *ghost == (uint32) key.high ? QUEUE_MAIN : QUEUE_SMALL);
	*ghost = 0;
	block->figures[facts->figures].entries++;
	block->figures[facts->figures].bytes += facts->len;
	block->figures[facts->figures].stored++;
}

void
dq_cache_block_discard(CacheBlock *block, int entry)
{
	release(block, entry);
}

/*
 * Figures and generations
 */

static uint32
hash_table(Oid database, Oid table)
{
	uint32 hash = database * 0x9E3779B1U ^ table * 0x85EBCA6BU;

	return hash ^ (hash >> 15);
}

int
dq_cache_block_find_figures(const CacheBlock *block, Oid database, Oid table, int store)
{
	uint32 first = hash_table(database, table);

	for (uint32 i = 0; i < NFIGURES; i++)
	{
		int number = (int) ((first + i) % NFIGURES);
		const CacheFigures *figures = &block->figures[number];

		if (number == 0)
			continue;
		if (figures->table == 0)
			return 0;
		if (figures->database == database && figures->table == table && figures->store == store)
			return number;
	}
	return 0;
}

int
dq_cache_block_make_figures(CacheBlock *block, Oid database, Oid table, int store)
{
	uint32 first = hash_table(database, table);
	int number = dq_cache_block_find_figures(block, database, table, store);

	for (uint32 i = 0; i < NFIGURES && number == 0; i++)
	{
		int candidate = (int) ((first + i) % NFIGURES);

		if (candidate != 0 && block->figures[candidate].table == 0)
		{
			block->figures[candidate].database = database;
			block->figures[candidate].table = table;
			block->figures[candidate].store = store;
			number = candidate;
		}
	}
	return number;
}

CacheFigures *
dq_cache_block_figures(CacheBlock *block, int figures)
{
	return &block->figures[figures];
}

int
dq_cache_block_nfigures(const CacheBlock *block)
{
	return NFIGURES;
}

static int
generation_of(Oid database, Oid table, uint64 label)
{
	uint64 mixed = (label ^ hash_table(database, table)) * UINT64CONST(0x9E3779B97F4A7C15);

	return (int) ((mixed >> 32) % NGENERATIONS);
}

uint64
dq_cache_block_generation(const CacheBlock *block, Oid database, Oid table, uint64 label)
{
	return __atomic_load_n(&block->generations[generation_of(database, table, label)],
						   __ATOMIC_ACQUIRE);
}

void
dq_cache_block_raise_generation(CacheBlock *block, Oid database, Oid table, uint64 label)
{
	__atomic_fetch_add(&block->generations[generation_of(database, table, label)], 1,
					   __ATOMIC_ACQ_REL);
}
