/*
 * activity.c
 *	  What each backend fetches now: places in shared memory that only their backend writes.
 *
 * A place's version is odd while it is written.  A backend that dies leaves its places as they are;
 * they are not shown, since their pid is not that of the process any more, and its successor
 * overwrites them.
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "transport/activity.h"
#include "service/shared_state.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

/* Tables that a backend is seen fetching at once. */
#define PLACES_EACH 8

/* A writer is in the middle for less than a microsecond, unless it is stopped. */
#define MAX_TRIES 1000

struct Activity
{
	volatile uint32 version;
	ActivityFigures figures; /* fetches 0: not in use */
};

static SharedArea *area = NULL;

static int
place_count(void)
{
	return dq_max_backends() * PLACES_EACH;
}

static Size
area_size(void)
{
	return sizeof(Activity) * place_count();
}

void
dq_activity_define(void)
{
	area = dq_shared_define_block("distquery activity", area_size);
}

static void
begin_write(Activity *activity)
{
	activity->version++;
	pg_write_barrier();
}

static void
end_write(Activity *activity)
{
	pg_write_barrier();
	activity->version++;
}

/* This backend's place of a table, or a free one. */
static Activity *
find_place(Oid relid)
{
	Activity *places = dq_shared_unlocked(area);
	Activity *unused = NULL;

	places += dq_my_proc_number() * PLACES_EACH;
	for (int i = 0; i < PLACES_EACH; i++)
	{
		ActivityFigures *figures = &places[i].figures;
		bool is_used = figures->fetches > 0 && figures->pid == MyProcPid;

		if (is_used && figures->relid == relid)
			return &places[i];
		if (!is_used && unused == NULL)
			unused = &places[i];
	}
	return unused;
}

Activity *
dq_activity_open(Oid serverid, Oid relid, TimestampTz since)
{
	Activity *activity;
	ActivityFigures *figures;

	dq_shared_attach();
	activity = find_place(relid);
	if (activity == NULL)
		return NULL;
	figures = &activity->figures;
	begin_write(activity);
	if (figures->fetches == 0 || figures->pid != MyProcPid)
	{
		TimestampTz now = since == 0 ? GetCurrentTimestamp() : since;

		*figures = (ActivityFigures) { .pid = MyProcPid,
									   .database = MyDatabaseId,
									   .userid = GetUserId(),
									   .serverid = serverid,
									   .relid = relid,
									   .query_id = (uint64) pgstat_get_my_query_id(),
									   .since = now,
									   .changed = now,
									   .state = ACTIVITY_IDLE };
	}
	figures->fetches++;
	figures->asked++;
	end_write(activity);
	return activity;
}

void
dq_activity_close(Activity *activity)
{
	if (activity == NULL)
		return;
	begin_write(activity);
	activity->figures.fetches--;
	end_write(activity);
}

static ActivityState
shown_state(const ActivityFigures *figures)
{
	for (int i = 0; i < ACTIVITY_NONE; i++)
		if (figures->counts[i] > 0)
			return i;
	return ACTIVITY_IDLE;
}

void
dq_activity_move(Activity *activity, ActivityState from, ActivityState to, TimestampTz since)
{
	ActivityFigures *figures;
	ActivityState state;

	if (activity == NULL || from == to)
		return;
	figures = &activity->figures;
	begin_write(activity);
	figures->counts[from]--;
	figures->counts[to]++;
	state = shown_state(figures);
	if (state != figures->state)
	{
		figures->state = state;
		figures->changed = since == 0 ? GetCurrentTimestamp() : since;
	}
	end_write(activity);
}

void
dq_activity_count(Activity *activity, int pages, int64 rows, int64 bytes)
{
	if (activity == NULL)
		return;
	begin_write(activity);
	activity->figures.pages += pages;
	activity->figures.rows += rows;
	activity->figures.bytes += bytes;
	end_write(activity);
}

void
dq_activity_expect(Activity *activity, int64 pages, int64 rows, bool is_first)
{
	if (activity == NULL)
		return;
	begin_write(activity);
	activity->figures.total_pages += pages;
	activity->figures.total_rows += rows;
	if (is_first)
		activity->figures.foretold++;
	end_write(activity);
}

const char *
dq_activity_state_name(ActivityState state)
{
	static const char *const names[ACTIVITY_STATES] = {
		"receiving",
		"requesting",
		"waiting for token",
		"waiting for slot",
		"waiting for rate limit",
		"waiting for retry-after",
		"backing off",
		"waiting for cache",
		"idle",
		"none",
	};

	return names[state];
}

/* False when the place is not in use, or could not be copied whole. */
static bool
copy(const Activity *activity, ActivityFigures *figures)
{
	for (int i = 0; i < MAX_TRIES; i++)
	{
		uint32 before = activity->version;

		pg_read_barrier();
		memcpy(figures, &activity->figures, sizeof(ActivityFigures));
		pg_read_barrier();
		if (before % 2 == 0 && activity->version == before)
			return figures->fetches > 0;
	}
	return false;
}

bool
dq_activity_next(int *position, ActivityFigures *figures)
{
	const Activity *places = dq_shared_unlocked(area);

	while (*position < place_count())
	{
		int i = (*position)++;

		if (copy(&places[i], figures) && dq_proc_by_number(i / PLACES_EACH)->pid == figures->pid)
			return true;
	}
	return false;
}
