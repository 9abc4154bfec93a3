/*
 * request_ring_test.c
 *	  The ring of records under threads that write and read at once: no torn record is handed out,
 *	  and a writer that never comes to its end stops nobody.
 *
 * Atomics are the server's, so the source is built here as for the server, but without assertions,
 * upon plain memory in the place of the shared one.
 */
#undef FRONTEND
#undef USE_ASSERT_CHECKING
#include "../../src/transport/request_ring.c"

#include <pthread.h>

#include "tap.h"

#define ROOM 8
#define WRITERS 6
#define READERS 2
#define RECORDS 500000 /* of each writer */

bool process_shared_preload_libraries_in_progress = true;

/* The headers of a server with assertions define it again. */
#ifdef USE_ASSERT_CHECKING
void
#if PG_VERSION_NUM >= 160000
ExceptionalCondition(const char *condition, const char *file, int line)
#else
ExceptionalCondition(const char *condition, const char *type, const char *file, int line)
#endif
{
	fprintf(stderr, "%s:%d: %s\n", file, line, condition);
	abort();
}
#endif

static pg_atomic_uint64 memory[(sizeof(RingSlot) * ROOM + sizeof(RequestRing)) / sizeof(uint64) + 1];
static pg_atomic_uint32 writing;
static pg_atomic_uint32 torn;
static pg_atomic_uint32 whole;

void
dq_shared_define_setting(const char *name, const char *description, int *value, int default_value,
						 int min, int max)
{
	*value = ROOM;
}

SharedArea *
dq_shared_define_block(const char *name, Size (*size)(void))
{
	return NULL;
}

void *
dq_shared_unlocked(const SharedArea *ignored)
{
	return memory;
}

Size
dq_record_size(const RequestRecord *record)
{
	return offsetof(RequestRecord, url) + strlen(record->url) + 1;
}

/* A record whose parts all follow from a number. */
static void
make(RequestRecord *record, uint32 number)
{
	size_t len = number % (RECORD_URL_BYTES - 1);

	memset(record, (int) (number % 251), offsetof(RequestRecord, url));
	record->rows = number;
	record->times.total_ms = number;
	memset(record->url, 'a' + (int) (number % 26), len);
	record->url[len] = '\0';
}

static bool
is_whole(const RequestRecord *record)
{
	RequestRecord expected;

	make(&expected, (uint32) record->rows);
	return memcmp(record, &expected, offsetof(RequestRecord, url)) == 0 &&
		strncmp(record->url, expected.url, RECORD_URL_BYTES) == 0;
}

static void *
write_all(void *arg)
{
	uint32 first = *(uint32 *) arg;
	RequestRecord record;

	for (uint32 i = 0; i < RECORDS; i++)
	{
		make(&record, first + i);
		dq_request_ring_add(&record);
	}
	pg_atomic_fetch_sub_u32(&writing, 1);
	return NULL;
}

static int
read_once(void)
{
	RequestRingScan scan;
	RequestRecord record;
	int n = 0;

	dq_request_ring_begin(&scan);
	for (; dq_request_ring_next(&scan, &record); n++)
		pg_atomic_fetch_add_u32(is_whole(&record) ? &whole : &torn, 1);
	return n;
}

static void *
read_on(void *arg)
{
	while (pg_atomic_read_u32(&writing) > 0)
		read_once();
	return NULL;
}

static void
run_threads(void)
{
	pthread_t threads[WRITERS + READERS];
	uint32 first[WRITERS];

	pg_atomic_write_u32(&writing, WRITERS);
	for (uint32 i = 0; i < WRITERS; i++)
	{
		first[i] = i * RECORDS;
		pthread_create(&threads[i], NULL, write_all, &first[i]);
	}
	for (int i = 0; i < READERS; i++)
		pthread_create(&threads[WRITERS + i], NULL, read_on, NULL);
	for (int i = 0; i < WRITERS + READERS; i++)
		pthread_join(threads[i], NULL);
}

/* So many records, one after the other: what is left is the latest. */
static void
check_order(void)
{
	RequestRingScan scan;
	RequestRecord record;
	int64 expected = 5;

	for (uint32 i = 0; i < ROOM + 5; i++)
	{
		make(&record, i);
		dq_request_ring_add(&record);
	}
	dq_request_ring_begin(&scan);
	for (; dq_request_ring_next(&scan, &record); expected++)
		is_int(record.rows, expected, "oldest first");
	is_int(expected, ROOM + 5, "the latest are there");
}

int
main(void)
{
	RequestRecord record;

	dq_request_ring_define();
	is_int(read_once(), 0, "empty");
	check_order();
	dq_request_ring_reset();
	is_int(read_once(), 0, "reset");

	run_threads();
	is_int(pg_atomic_read_u32(&torn), 0, "no torn record was read");
	ok(pg_atomic_read_u32(&whole) > 100, "%u whole ones were", pg_atomic_read_u32(&whole));
	ok(read_once() > 0, "the ring goes on");

	/* A writer that stands still in the middle of its record. */
	pg_atomic_write_u64(&ring()->slots[3].version, 2 * pg_atomic_read_u64(&ring()->next) + 1);
	for (uint32 i = 0; i < 3 * ROOM; i++)
	{
		make(&record, i);
		dq_request_ring_add(&record);
	}
	is_int(read_once(), ROOM - 1, "costs a slot");
	is_int(pg_atomic_read_u32(&torn), 0, "and nothing else");
	return tap_done();
}
