/*
 * cache_block_test.c
 *	  Cached values in a block that does not grow: what is found, what makes room, and what a scan
 *	  does to the values that are in use.
 */
#include "base.h"

#include <math.h>

#include "cache/cache_block.h"
#include "tap.h"

#define BLOCK_BYTES ((Size) 1024 * 1024)

static CacheBlock *
make_block(void)
{
	char *memory = palloc(BLOCK_BYTES + 8);

	memset(memory, 0x7f, BLOCK_BYTES + 8);
	dq_cache_block_init((CacheBlock *) memory, BLOCK_BYTES);
	return (CacheBlock *) memory;
}

static CacheKey
key_of(uint64 number)
{
	return (CacheKey) { number * UINT64CONST(0x9E3779B97F4A7C15),
						number * UINT64CONST(0xC2B2AE3D27D4EB4F) + 1 };
}

static bool
put(CacheBlock *block, uint64 number, Size len)
{
	int entry = dq_cache_block_reserve(block, len);
	int position = 0;
	Size rest = len;
	Size piece;
	char *chunk;
	CacheFacts facts = { .checksum = number, .len = len };

	if (entry == 0)
		return false;
	while (rest > 0 && (chunk = dq_cache_block_chunk(block, entry, &position, &piece)) != NULL)
	{
		memset(chunk, (int) (number % 251), Min(piece, rest));
		rest -= Min(piece, rest);
	}
	facts.figures = dq_cache_block_make_figures(block, 1, 7, 0);
	dq_cache_block_publish(block, entry, key_of(number), &facts);
	return rest == 0;
}

/* True when the value is there, and is what was put. */
static bool
get(CacheBlock *block, uint64 number)
{
	int entry = dq_cache_block_find(block, key_of(number));
	int position = 0;
	Size rest;
	Size piece;
	char *chunk;

	if (entry == 0)
		return false;
	rest = dq_cache_block_facts(block, entry)->len;
	while (rest > 0 && (chunk = dq_cache_block_chunk(block, entry, &position, &piece)) != NULL)
	{
		for (Size i = 0; i < Min(piece, rest); i++)
			if ((unsigned char) chunk[i] != number % 251)
				return false;
		rest -= Min(piece, rest);
	}
	return rest == 0 && dq_cache_block_facts(block, entry)->checksum == (uint32) number;
}

static CacheFigures *
figures(CacheBlock *block)
{
	return dq_cache_block_figures(block, dq_cache_block_find_figures(block, 1, 7, 0));
}

static void
test_values(void)
{
	CacheBlock *block = make_block();
	Size lengths[] = { 0, 1, 507, 508, 509, 5000, 100000 };
	bool is_there = true;

	for (int i = 0; i < lengthof(lengths); i++)
		is_there &= put(block, i, lengths[i]);
	for (int i = 0; i < lengthof(lengths); i++)
		is_there &= get(block, i);
	ok(is_there, "values of all sizes");
	ok(!get(block, 99), "another key");
	ok(!put(block, 8, dq_cache_block_max_value(block) + 1), "a value that is too large");
	ok(put(block, 5, 10) && get(block, 5), "a value in another's place");
	dq_cache_block_remove(block, key_of(5));
	ok(!get(block, 5) && get(block, 4), "one removed");
	is_int(figures(block)->entries, lengthof(lengths) - 1, "entries");
	is_int(figures(block)->stored, lengthof(lengths) + 1, "stored");
}

static void
test_pins(void)
{
	CacheBlock *block = make_block();
	int entry;
	int position = 0;
	Size len;
	char *chunk;

	put(block, 1, 300);
	entry = dq_cache_block_find(block, key_of(1));
	dq_cache_block_pin(block, entry);
	dq_cache_block_remove(block, key_of(1));
	ok(!get(block, 1), "removed while it is read");
	for (int i = 2; i < 5000; i++)
		put(block, i, 2000);
	chunk = dq_cache_block_chunk(block, entry, &position, &len);
	ok(chunk[0] == 1 && chunk[299] == 1, "its bytes stay");
	dq_cache_block_unpin(block, entry);
	for (int i = 2; i < 5000; i++)
		put(block, i, 2000);
	is_int(figures(block)->bytes, 2000 * figures(block)->entries, "and go later");
}

/* Random work against figures that must add up, for 10 times the block's bytes and more. */
static void
test_churn(void)
{
	CacheBlock *block = make_block();
	uint64 random = 42;
	bool is_right = true;
	Size total = 0;

	while (total < 20 * BLOCK_BYTES)
	{
		uint64 number;
		Size len;

		random = random * UINT64CONST(6364136223846793005) + 1442695040888963407;
		number = (random >> 33) % 3000;
		len = 1 + (number * 7919) % 6000;
		if (!get(block, number))
		{
			if (dq_cache_block_find(block, key_of(number)) != 0)
				is_right = false;
			is_right &= put(block, number, len);
			total += len;
		}
		if (number % 17 == 0)
			dq_cache_block_remove(block, key_of(number + 1));
	}
	ok(is_right, "what is found is right");
	ok(figures(block)->bytes < BLOCK_BYTES, "within the block");
	ok(figures(block)->bytes > BLOCK_BYTES / 2, "and most of it is used");
	ok(figures(block)->evicted > 1000, "values made room");
}

/* Ranks of a Zipf distribution with exponent 0.99 over so many keys. */
#define KEYS 20000
static double cumulated[KEYS];

static int
zipf(uint64 *random)
{
	double wanted;
	int low = 0;
	int high = KEYS - 1;

	*random = *random * UINT64CONST(6364136223846793005) + 1442695040888963407;
	wanted = (double) (*random >> 11) / (double) (UINT64CONST(1) << 53) * cumulated[KEYS - 1];
	while (low < high)
	{
		int middle = (low + high) / 2;

		if (cumulated[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* An exact LRU of so many values, by the time of their last use. */
static int64 last_use[KEYS];
static int lru_count;

static bool
lru_use(int key, int room, int64 now)
{
	bool is_hit = last_use[key] != 0;

	if (!is_hit && lru_count == room)
	{
		int oldest = -1;

		for (int i = 0; i < KEYS; i++)
			if (last_use[i] != 0 && (oldest < 0 || last_use[i] < last_use[oldest]))
				oldest = i;
		if (oldest >= 0)
			last_use[oldest] = 0;
		lru_count--;
	}
	lru_count += !is_hit;
	last_use[key] = now;
	return is_hit;
}

/* Hits of so many uses, in the block and by LRU. */
static void
use(CacheBlock *block, uint64 *random, int room, int times, int64 now, int *hits, int *lru_hits)
{
	*hits = *lru_hits = 0;
	for (int i = 0; i < times; i++)
	{
		int key = zipf(random);

		*lru_hits += lru_use(key, room, now + i);
		if (get(block, key))
			++*hits;
		else
			put(block, key, 900);
	}
}

/* A scan of ten times the room, of values that nobody asks for again. */
static void
test_scan(CacheBlock *block, uint64 *random, int room)
{
	int before;
	int after;
	int lru_before;
	int lru_after;

	use(block, random, room, 5000, 100000, &before, &lru_before);
	for (int i = 0; i < 10 * room; i++)
		put(block, KEYS + i, 900);
	/* All that LRU has kept are the scan's. */
	memset(last_use, 0, sizeof(last_use));
	lru_count = 0;
	use(block, random, room, 5000, 200000, &after, &lru_after);
	printf("# Zipf(0.99), before a scan of ten times the room and after it: hit ratio %.3f and %.3f, exact LRU %.3f and %.3f\n",
		   before / 5000.0, after / 5000.0, lru_before / 5000.0, lru_after / 5000.0);
	ok(after > before * 0.95, "a scan leaves the values in use");
}

static void
test_zipf(void)
{
	CacheBlock *block = make_block();
	uint64 random = 7;
	int hits = 0;
	int lru_hits = 0;
	int room = 0;
	double sum = 0;

	for (int i = 0; i < KEYS; i++)
	{
		sum += pow(i + 1, -0.99);
		cumulated[i] = sum;
	}
	for (int i = 0; i < 20000; i++)
	{
		int key = zipf(&random);

		if (!get(block, key))
			put(block, key, 900);
	}
	room = (int) figures(block)->entries;
	for (int i = 0; i < 20000; i++)
	{
		int key = zipf(&random);

		lru_hits += lru_use(key, room, i + 1);
		if (get(block, key))
			hits++;
		else
			put(block, key, 900);
	}
	printf("# Zipf(0.99), room for %d of %d values: hit ratio %.3f, exact LRU %.3f\n", room, KEYS,
		   hits / 20000.0, lru_hits / 20000.0);
	ok(hits >= lru_hits, "at least as many hits as LRU under Zipf(0.99)");
	test_scan(block, &random, room);
}

static void
test_generations(void)
{
	CacheBlock *block = make_block();
	uint64 before = dq_cache_block_generation(block, 1, 2, 0);

	dq_cache_block_raise_generation(block, 1, 2, 0);
	ok(dq_cache_block_generation(block, 1, 2, 0) == before + 1, "a generation is raised");
	ok(dq_cache_block_generation(block, 1, 3, 0) == 0, "another table's is not");
	ok(dq_cache_block_generation(block, 1, 2, 7) == 0, "nor that of a label");
	dq_cache_block_raise_generation(block, 1, 2, 7);
	ok(dq_cache_block_generation(block, 1, 2, 7) == 1, "a label's is raised");
	ok(dq_cache_block_generation(block, 1, 2, 0) == before + 1, "and not the table's");
	for (int i = 1; i < 2000; i++)
		dq_cache_block_make_figures(block, 1, i, 0);
	ok(dq_cache_block_find_figures(block, 1, 1, 0) > 0, "figures of a table");
	is_int(dq_cache_block_find_figures(block, 1, 1999, 0), 0,
		   "of more tables than there is room for");
}

int
main(void)
{
	test_values();
	test_pins();
	test_churn();
	test_zipf();
	test_generations();
	return tap_done();
}
