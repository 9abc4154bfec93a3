/*
 * shared_table_test.c
 *	  Entries of one size in a block that does not grow: finding, making room, pins; and against a
 *	  simple model.
 */
#include "base.h"

#include "tap.h"
#include "service/shared_table.h"

#define ROOM 8

typedef struct Entry
{
	int64 value;
	char more[21]; /* no multiple of the alignment */
} Entry;

static SharedTable *
make_table(int room)
{
	Size size = dq_shared_table_size(sizeof(Entry), room);
	char *memory = palloc(size + 8);

	memset(memory, 0x7f, size + 8);
	dq_shared_table_init((SharedTable *) memory, sizeof(Entry), room);
	return (SharedTable *) memory;
}

static SharedKey
key(Oid database, Oid object)
{
	return (SharedKey) { database, object };
}

/* The value of an entry that is made where there is none; -1 when there is no room. */
static int64
enter(SharedTable *table, Oid database, Oid object, int64 value)
{
	bool found;
	Entry *entry = dq_shared_table_enter(table, key(database, object), &found);

	if (entry == NULL)
		return -1;
	if (!found)
		entry->value = value;
	return entry->value;
}

static void
test_finding(void)
{
	SharedTable *table = make_table(ROOM);
	bool found = true;
	Entry *entry = dq_shared_table_enter(table, key(1, 2), &found);

	ok(entry != NULL && !found, "an entry is made");
	is_int(entry->value, 0, "of zero bytes");
	ok(entry->more[20] == 0, "to the last");
	entry->value = 42;
	ok(dq_shared_table_find(table, key(1, 2)) == entry, "it is found");
	ok(dq_shared_table_find(table, key(2, 1)) == NULL, "the other way round it is another");
	is_int(enter(table, 2, 1, 43), 43, "which can be made");
	is_int(enter(table, 1, 2, 44), 42, "entering again changes nothing");
	is_int(dq_shared_table_count(table), 2, "two are there");
	ok(dq_shared_table_remove(table, key(1, 2)), "one is removed");
	ok(!dq_shared_table_remove(table, key(1, 2)), "only once");
	ok(dq_shared_table_find(table, key(1, 2)) == NULL, "and gone");
	is_int(enter(table, 1, 2, 45), 45, "its place begins anew");
}

static void
test_making_room(void)
{
	SharedTable *table = make_table(ROOM);
	bool found;

	for (int i = 1; i <= ROOM; i++)
		enter(table, 1, i, i);
	dq_shared_table_find(table, key(1, 1));
	dq_shared_table_pin(dq_shared_table_find(table, key(1, 3)));
	dq_shared_table_find(table, key(1, 2));
	for (int i = 4; i <= ROOM; i++)
		dq_shared_table_find(table, key(1, i));
	is_int(enter(table, 9, 9, 9), 9, "there is room when all is full");
	is_int(dq_shared_table_count(table), ROOM, "but no more than there was");
	is_int(dq_shared_table_evicted(table), 1, "one had to go");
	ok(dq_shared_table_find(table, key(1, 1)) == NULL, "the one not used for longest");
	ok(dq_shared_table_find(table, key(1, 3)) != NULL, "but for the one that is pinned");
	ok(!dq_shared_table_remove(table, key(1, 3)), "which cannot be removed either");
	dq_shared_table_remove_database(table, 1);
	is_int(dq_shared_table_count(table), 2, "nor with its database");
	dq_shared_table_unpin(dq_shared_table_find(table, key(1, 3)));
	ok(dq_shared_table_remove(table, key(1, 3)), "until it is unpinned");
	for (int i = 1; i <= ROOM; i++)
		dq_shared_table_pin(dq_shared_table_enter(table, key(2, i), &found));
	is_int(enter(table, 3, 1, 1), -1, "no room when all are pinned");
}

/* Random calls, compared with an array; the order of use is the model's, too. */
static void
test_model(void)
{
	SharedTable *table = make_table(ROOM);
	int64 values[40] = { 0 };
	uint64 used[40] = { 0 };
	uint64 clock = 0;
	uint32 random = 12345;
	int wrong = 0;

	for (int step = 0; step < 100000; step++)
	{
		random = random * 1664525 + 1013904223;

		int object = (random >> 8) % 40;
		int action = (random >> 24) % 4;
		int count = 0;
		int oldest = -1;

		for (int i = 0; i < 40; i++)
		{
			count += used[i] > 0;
			if (used[i] > 0 && (oldest < 0 || used[i] < used[oldest]))
				oldest = i;
		}
		if (action == 0)
		{
			wrong += dq_shared_table_remove(table, key(7, object)) != (used[object] > 0);
			used[object] = 0;
		}
		else if (action == 1)
		{
			Entry *entry = dq_shared_table_find(table, key(7, object));

			wrong += (entry != NULL) != (used[object] > 0);
			wrong += entry && entry->value != values[object];
			if (entry)
				used[object] = ++clock;
		}
		else
		{
			bool is_new = used[object] == 0;

			if (is_new && count == ROOM)
				used[oldest] = 0;
			if (is_new)
				values[object] = step;
			used[object] = ++clock;
			wrong += enter(table, 7, object, step) != values[object];
		}
	}
	is_int(wrong, 0, "100,000 random calls answer as a simple model does");

	int position = 0;
	int seen = 0;
	SharedKey found;

	while (dq_shared_table_next(table, &position, &found))
		seen += used[found.object] > 0;
	is_int(seen, dq_shared_table_count(table), "all entries are listed");
}

static void
test_sizes(void)
{
	for (int room = 1; room <= 5; room++)
	{
		SharedTable *table = make_table(room);
		const char *behind = (char *) table + dq_shared_table_size(sizeof(Entry), room);

		for (int i = 1; i <= 10; i++)
			enter(table, 1, i, i);
		is_int(dq_shared_table_count(table), room, "a table of %d", room);
		ok(behind[0] == 0x7f && behind[7] == 0x7f, "stays within its bytes");
	}
}

int
main(void)
{
	test_finding();
	test_making_room();
	test_model();
	test_sizes();
	return tap_done();
}
