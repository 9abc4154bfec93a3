/*
 * request_list.c
 *	  The records of the session's latest statement that asked anything.
 *
 * A ring in this backend's memory, which grows up to MAX_LISTED_REQUESTS.  An attempt may end late,
 * when its cursor is closed at the end of the transaction: it is added to the list that is there,
 * and never begins one.
 */
#include "postgres.h"

#include "access/xact.h"
#include "transport/budget.h"
#include "transport/request_list.h"
#include "service/shared_state.h"
#include "utils/memutils.h"

/* Room that is kept for the next statement. */
#define FIRST_ROOM 16

static MemoryContext context = NULL;
static RequestRecord *records = NULL; /* in it */
static int room = 0;
static int64 added = 0;	 /* since the list began */
static int64 failed = 0; /* for lack of memory */
static uint64 run = 0;	 /* whose list it is */
static TimestampTz sent_at = 0;

bool
dq_request_list_is_current(void)
{
	return run == dq_budget_run() && sent_at == GetCurrentStatementStartTimestamp();
}

void
dq_request_list_begin(void)
{
	dq_shared_attach();
	if (dq_request_list_is_current())
		return;
	run = dq_budget_run();
	sent_at = GetCurrentStatementStartTimestamp();
	added = failed = 0;
	if (context == NULL)
		context = AllocSetContextCreate(TopMemoryContext, "distquery request list",
										ALLOCSET_DEFAULT_SIZES);
	if (room > FIRST_ROOM)
	{
		MemoryContextReset(context);
		records = NULL;
		room = 0;
	}
}

/* False when there is no memory. */
static bool
grow(void)
{
	int larger_room = Min(Max(room * 2, FIRST_ROOM), MAX_LISTED_REQUESTS);
	RequestRecord *larger = MemoryContextAllocExtended(context, sizeof(RequestRecord) * larger_room,
													   MCXT_ALLOC_NO_OOM);

	if (larger == NULL)
		return false;
	if (records)
	{
		memcpy(larger, records, sizeof(RequestRecord) * room);
		pfree(records);
	}
	records = larger;
	room = larger_room;
	return true;
}

void
dq_request_list_add(const RequestRecord *record)
{
	if (added == room && room < MAX_LISTED_REQUESTS && !grow())
	{
		failed++;
		return;
	}
	memcpy(&records[added++ % room], record, dq_record_size(record));
}

const RequestRecord *
dq_request_list_get(int i)
{
	int64 oldest = Max(added - room, 0);

	return oldest + i < added ? &records[(oldest + i) % room] : NULL;
}

int64
dq_request_list_dropped(void)
{
	return Max(added - room, 0) + failed;
}
