/*
 * shared_state.c
 *	  Memory that all backends share, where there is some: areas, each with a lock of its own.
 *
 * All areas lie in one segment, each behind an AreaHead with its lock; the segment's layout follows
 * from the definitions made in _PG_init, which are the same in every backend.  Locks are of
 * tranches of our own, so that pg_stat_activity names what is waited for.
 *
 * The segment of the DSM registry has its size in its name: after an upgrade of the library without
 * a restart, old backends go on with the old layout and new ones make a segment of the new one.
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "service/shared_state.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#define MAX_AREAS 16
#define SEGMENT_NAME "distquery"

/* In the segment, before each area's memory. */
typedef struct AreaHead
{
	LWLock lock; /* not used where memory is the backend's own */
	int tranche;
} AreaHead;

struct SharedArea
{
	const char *name;
	Size (*block_size)(void);
	Oid classid;			/* of the objects that entries of a table are of */
	Size entry_size;		/* of a table, 0: a block */
	const int *max_entries; /* of a table */
	AreaHead *head;			/* NULL until attached */
};

static SharedArea areas[MAX_AREAS];
static int nareas = 0;
static char *segment = NULL;
static SharedScope scope = SHARED_BY_NONE;
static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

static SharedArea *
define(SharedArea area)
{
	if (nareas == MAX_AREAS || segment)
		elog(ERROR, "shared area \"%s\" is defined too late", area.name);
	areas[nareas] = area;
	return &areas[nareas++];
}

SharedArea *
dq_shared_define_table(const char *name, Oid classid, Size entry_size, const int *max_entries)
{
	return define((SharedArea) {
		.name = name, .classid = classid, .entry_size = entry_size, .max_entries = max_entries });
}

SharedArea *
dq_shared_define_block(const char *name, Size (*size)(void))
{
	return define((SharedArea) { .name = name, .block_size = size });
}

void
dq_shared_define_setting(const char *name, const char *description, int *value, int default_value,
						 int min, int max)
{
	*value = default_value;
	/* A setting of the server's start cannot come into being later. */
	if (process_shared_preload_libraries_in_progress)
		DefineCustomIntVariable(name, description, NULL, value, default_value, min, max,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

bool
dq_shared_area_is_table(const SharedArea *area)
{
	return area->entry_size > 0;
}

Oid
dq_shared_area_class(const SharedArea *area)
{
	return area->classid;
}

Size
dq_shared_area_bytes(const SharedArea *area)
{
	return dq_shared_area_is_table(area) ?
		dq_shared_table_size(area->entry_size, *area->max_entries) :
		MAXALIGN(area->block_size());
}

static Size
segment_size(void)
{
	Size size = 0;

	for (int i = 0; i < nareas; i++)
		size += MAXALIGN(sizeof(AreaHead)) + dq_shared_area_bytes(&areas[i]);
	return size;
}

static void *
area_memory(const SharedArea *area)
{
	return (char *) area->head + MAXALIGN(sizeof(AreaHead));
}

/* Finds the areas in a segment. */
static void
lay_out(char *memory)
{
	char *place = memory;

	for (int i = 0; i < nareas; i++)
	{
		areas[i].head = (AreaHead *) place;
		place += MAXALIGN(sizeof(AreaHead)) + dq_shared_area_bytes(&areas[i]);
	}
}

/* Makes areas of fresh memory. */
static void
initialize_areas(char *memory)
{
	memset(memory, 0, segment_size());
	lay_out(memory);
	for (int i = 0; i < nareas; i++)
		if (dq_shared_area_is_table(&areas[i]))
			dq_shared_table_init(area_memory(&areas[i]), areas[i].entry_size,
								 *areas[i].max_entries);
}

/* Called once for each shared segment, by whoever made it. */
static void
initialize_segment(void *memory)
{
	initialize_areas(memory);
	for (int i = 0; i < nareas; i++)
	{
		areas[i].head->tranche = LWLockNewTrancheId();
		LWLockInitialize(&areas[i].head->lock, areas[i].head->tranche);
	}
}

static void
use_segment(char *memory)
{
	lay_out(memory);
	for (int i = 0; i < nareas; i++)
		LWLockRegisterTranche(areas[i].head->tranche, areas[i].name);
	segment = memory;
	scope = SHARED_BY_ALL;
}

/* In the postmaster at start and after a crash; in its children where they do not inherit. */
static void
startup(void)
{
	bool found;
	char *memory;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	memory = ShmemInitStruct(SEGMENT_NAME, segment_size(), &found);
	if (!found)
		initialize_segment(memory);
	LWLockRelease(AddinShmemInitLock);
	use_segment(memory);
}

static void
request(void)
{
	if (previous_request)
		previous_request();
	RequestAddinShmemSpace(segment_size());
}

void
dq_shared_init(void)
{
	dq_shared_forget_init();
	if (!process_shared_preload_libraries_in_progress)
		return;
	dq_request_shared_memory(request, previous_request);
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = startup;
}

void
dq_shared_attach(void)
{
	char *memory = NULL;

	if (segment)
		return;
	/* A stand-alone backend has nobody to share with, and no such segments. */
	if (IsUnderPostmaster)
		memory = dq_named_dsm_segment(psprintf(SEGMENT_NAME "-%zu", segment_size()), segment_size(),
									  initialize_segment);
	if (memory)
	{
		use_segment(memory);
		return;
	}
	memory = MemoryContextAlloc(TopMemoryContext, segment_size());
	initialize_areas(memory);
	segment = memory;
}

SharedScope
dq_shared_scope(void)
{
	return scope;
}

void *
dq_shared_lock(SharedArea *area, LWLockMode mode)
{
	Assert(segment != NULL);
	if (scope == SHARED_BY_ALL)
		LWLockAcquire(&area->head->lock, mode);
	return area_memory(area);
}

void
dq_shared_unlock(SharedArea *area)
{
	if (scope == SHARED_BY_ALL)
		LWLockRelease(&area->head->lock);
}

void *
dq_shared_unlocked(const SharedArea *area)
{
	Assert(segment != NULL);
	return area_memory(area);
}

SharedArea *
dq_shared_area(int i)
{
	return i < nareas ? &areas[i] : NULL;
}

const char *
dq_shared_area_name(const SharedArea *area)
{
	return area->name;
}
