/*
 * request_ring.c
 *	  The latest records of all backends: a ring in shared memory.
 *
 * A writer draws a number, which says the slot, and makes the slot's version odd by compare and
 * exchange; it is the only writer of the slot until it makes the version even again.  Whoever finds
 * the version odd, or from a later round, has been overtaken by a whole round, and drops its record
 * rather than to wait.  A reader copies, and takes the copy only if the version was that of the
 * whole record before and after.
 *
 * So a process that stands still in the middle, or is gone, costs one slot of the ring; and after a
 * crash shared memory is made anew.  Zero bytes are an empty ring.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "port/atomics.h"
#include "transport/request_ring.h"
#include "service/shared_state.h"

/* Records that are kept: of a server, and of a session that shares with nobody. */
#define DEFAULT_ROOM 4096
#define OWN_ROOM 1000
#define MAX_ROOM 1000000

typedef struct RingSlot
{
	pg_atomic_uint64 version; /* 2 n + 1: record n is being written; 2 n + 2: it is there */
	RequestRecord record;
} RingSlot;

typedef struct RequestRing
{
	pg_atomic_uint64 next;	/* number of the next record */
	pg_atomic_uint64 first; /* those before were reset */
	RingSlot slots[FLEXIBLE_ARRAY_MEMBER];
} RequestRing;

static SharedArea *area = NULL;
static int room;

static Size
ring_size(void)
{
	return offsetof(RequestRing, slots) + sizeof(RingSlot) * room;
}

void
dq_request_ring_define(void)
{
	dq_shared_define_setting("distquery.requests_size",
							 "Requests that distquery.requests shows, the latest; 0 is none.",
							 &room,
							 process_shared_preload_libraries_in_progress ? DEFAULT_ROOM : OWN_ROOM,
							 0, MAX_ROOM);
	area = dq_shared_define_block("distquery requests", ring_size);
}

static RequestRing *
ring(void)
{
	return dq_shared_unlocked(area);
}

void
dq_request_ring_add(const RequestRecord *record)
{
	uint64 number;
	uint64 version;
	RingSlot *slot;

	if (room == 0)
		return;
	number = pg_atomic_fetch_add_u64(&ring()->next, 1);
	slot = &ring()->slots[number % room];
	version = pg_atomic_read_u64(&slot->version);
	if (version % 2 != 0 || version > 2 * number ||
		!pg_atomic_compare_exchange_u64(&slot->version, &version, 2 * number + 1))
		return;
	memcpy(&slot->record, record, dq_record_size(record));
	pg_write_barrier();
	pg_atomic_write_u64(&slot->version, 2 * number + 2);
}

void
dq_request_ring_begin(RequestRingScan *scan)
{
	scan->end = pg_atomic_read_u64(&ring()->next);
	scan->next = Max(pg_atomic_read_u64(&ring()->first),
					 scan->end > (uint64) room ? scan->end - room : 0);
}

/* False when the record is not there, or not any more. */
static bool
copy(uint64 number, RequestRecord *record)
{
	RingSlot *slot = &ring()->slots[number % room];

	if (pg_atomic_read_u64(&slot->version) != 2 * number + 2)
		return false;
	pg_read_barrier();
	memcpy(record, &slot->record, sizeof(RequestRecord));
	pg_read_barrier();
	return pg_atomic_read_u64(&slot->version) == 2 * number + 2;
}

bool
dq_request_ring_next(RequestRingScan *scan, RequestRecord *record)
{
	while (scan->next < scan->end)
		if (copy(scan->next++, record))
			return true;
	return false;
}

void
dq_request_ring_reset(void)
{
	pg_atomic_write_u64(&ring()->first, pg_atomic_read_u64(&ring()->next));
}
