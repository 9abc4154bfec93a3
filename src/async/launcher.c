/*
 * launcher.c
 *	  Where distquery is preloaded: the process that starts dispatchers when nobody calls.
 *
 * It has no database.  At the start of the server it starts a dispatcher in each database, which
 * leaves at once where there is no queue.  From then on it goes by a schedule in shared memory: each
 * dispatcher that ends notes when its database needs one again, for the next result to expire, or soon if
 * it was terminated.  Without preload the next call of submit(), status() or result() does it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "async/async.h"
#include "catalog/pg_database.h"
#include "compat.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "service/shared_state.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Until the next try where no worker could be started, and before a terminated one is replaced. */
#define RETRY_MS 1000
#define RESTART_SECONDS 10

/* What datconnlimit is in a database whose dropping was interrupted. */
#define INVALID_DATABASE (-2)

/* An entry for each database, found by its OID, and one for the launcher. */
typedef struct QueueSchedule
{
	TimestampTz due;
	int launcher; /* process ID, in the launcher's entry */
} QueueSchedule;

static const SharedKey launcher_key = { InvalidOid, 1 };
static const int max_queues = 256;
static SharedArea *schedule = NULL;

extern PGDLLEXPORT void dq_async_launcher_main(Datum argument);

static SharedKey
key_of(Oid database)
{
	SharedKey key = { database, InvalidOid };

	return key;
}

void
dq_async_init(void)
{
	BackgroundWorker worker = { 0 };

	schedule = dq_shared_define_table("distquery queues", InvalidOid, sizeof(QueueSchedule),
									  &max_queues);
	if (!process_shared_preload_libraries_in_progress)
		return;
	strlcpy(worker.bgw_name, "distquery launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "distquery launcher", sizeof(worker.bgw_type));
	strlcpy(worker.bgw_library_name, "distquery", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "dq_async_launcher_main", sizeof(worker.bgw_function_name));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = RESTART_SECONDS;
	RegisterBackgroundWorker(&worker);
}

/* Needs dq_shared_attach() before, and cannot raise then: it is called at exit. */
void
dq_async_schedule(Oid database, TimestampTz due)
{
	SharedTable *table = dq_shared_lock(schedule, LW_EXCLUSIVE);
	const QueueSchedule *launcher = dq_shared_table_find(table, launcher_key);
	int pid = launcher ? launcher->launcher : 0;
	bool found;

	if (due == DT_NOEND)
		(void) dq_shared_table_remove(table, key_of(database));
	else
	{
		QueueSchedule *entry = dq_shared_table_enter(table, key_of(database), &found);

		if (entry != NULL)
			entry->due = due;
	}
	dq_shared_unlock(schedule);
	if (pid != 0 && pid != MyProcPid)
		dq_async_wake(pid);
}

/* This process is who has to be woken. */
static void
enlist(void)
{
	SharedTable *table;
	QueueSchedule *entry;
	bool found;

	dq_shared_attach();
	table = dq_shared_lock(schedule, LW_EXCLUSIVE);
	entry = dq_shared_table_enter(table, launcher_key, &found);
	if (entry != NULL)
	{
		if (!found)
			dq_shared_table_pin(entry);
		entry->launcher = MyProcPid;
	}
	dq_shared_unlock(schedule);
}

/* A database that is due, InvalidOid when none is; then *next tells when one will be. */
static Oid
next_due(TimestampTz *next)
{
	TimestampTz now = GetCurrentTimestamp();
	SharedTable *table = dq_shared_lock(schedule, LW_SHARED);
	const QueueSchedule *entry;
	SharedKey key;
	Oid due = InvalidOid;
	int position = 0;

	*next = DT_NOEND;
	while (!OidIsValid(due) && (entry = dq_shared_table_next(table, &position, &key)) != NULL)
	{
		if (!OidIsValid(key.database))
			continue;
		if (entry->due <= now)
			due = key.database;
		else
			*next = Min(*next, entry->due);
	}
	dq_shared_unlock(schedule);
	return due;
}

/* Connectable databases, or one of them; templates have nobody who would submit. */
static List *
databases(Oid only)
{
	MemoryContext caller = CurrentMemoryContext;
	List *found = NIL;
	Relation relation;
	TableScanDesc scan;
	HeapTuple row;

	StartTransactionCommand();
	relation = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(relation, 0, NULL);
	while (HeapTupleIsValid(row = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(row);
		MemoryContext old;

		if (!database->datallowconn || database->datistemplate ||
			database->datconnlimit == INVALID_DATABASE ||
			(OidIsValid(only) && database->oid != only))
			continue;
		old = MemoryContextSwitchTo(caller);
		found = lappend_oid(found, database->oid);
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(relation, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return found;
}

/* False when there is no room for another worker. */
static bool
start_due(TimestampTz *next)
{
	Oid database;

	while (OidIsValid(database = next_due(next)))
	{
		/* First, because the dispatcher may have ended, and noted the next time, before we go on. */
		dq_async_schedule(database, DT_NOEND);
		if (databases(database) != NIL && !dq_async_start_dispatcher_in(database))
		{
			dq_async_schedule(database, GetCurrentTimestamp());
			return false;
		}
	}
	return true;
}

static void
launch(MemoryContext step)
{
	for (;;)
	{
		TimestampTz next = DT_NOEND;
		long timeout = -1;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextReset(step);
		if (!start_due(&next))
			timeout = RETRY_MS;
		else if (next != DT_NOEND)
			timeout = Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next), 1);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
						 timeout, PG_WAIT_EXTENSION);
	}
}

void
dq_async_launcher_main(Datum argument)
{
	MemoryContext step;
	ListCell *cell;
	List *all;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	step = AllocSetContextCreate(TopMemoryContext, "distquery launcher", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(step);
	enlist();
	all = databases(InvalidOid);
	foreach(cell, all)
		dq_async_schedule(lfirst_oid(cell), GetCurrentTimestamp());
	launch(step);
}
