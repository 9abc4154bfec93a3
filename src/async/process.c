/*
 * process.c
 *	  Which processes work on the queue of this database, and how they are woken.
 *
 * Advisory locks tell it, under keys that SQL cannot reach: they need no shared memory of our own
 * and cannot survive their holders.  The dispatcher holds DISPATCHER.  It may leave only while it
 * holds SUBMIT exclusively and has seen that the queue is empty; whoever submits holds SUBMIT
 * shared from before the commit until after it.  So a transaction that finds a dispatcher before
 * it commits can be sure to be seen, and one that finds none starts one; nothing that may fail
 * is left to be done after the commit.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "async/async.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "utils/memutils.h"

/* Third and fourth part of our lock tags; SQL's advisory locks have 1 or 2 as the fourth. */
#define LOCK_FAMILY 0x64710001
#define LOCK_CLASS 0x6471

void
dq_async_lock_tag(LOCKTAG *tag, AsyncLock lock)
{
	SET_LOCKTAG_ADVISORY(*tag, MyDatabaseId, LOCK_FAMILY, lock, LOCK_CLASS);
}

int
dq_async_dispatcher(void)
{
	LockData *locks = GetLockStatusData();
	LOCKTAG tag;

	dq_async_lock_tag(&tag, ASYNC_LOCK_DISPATCHER);
	for (int i = 0; i < locks->nelements; i++)
	{
		const LockInstanceData *lock = &locks->locks[i];

		if (lock->holdMask != 0 && memcmp(&lock->locktag, &tag, sizeof(tag)) == 0)
			return lock->pid;
	}
	return 0;
}

/* Cannot raise: it is called after a commit. */
void
dq_async_wake(int pid)
{
	PGPROC *process = BackendPidGetProc(pid);

	if (process != NULL)
		SetLatch(&process->procLatch);
}

static bool
register_dispatcher(Oid database, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = { 0 };

	strlcpy(worker.bgw_name, "distquery dispatcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "distquery dispatcher", sizeof(worker.bgw_type));
	strlcpy(worker.bgw_library_name, "distquery", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "dq_async_dispatcher_main", sizeof(worker.bgw_function_name));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

bool
dq_async_start_dispatcher_in(Oid database)
{
	return register_dispatcher(database, NULL);
}

/*
 * Remembers what it has started, so that somebody who asks for the status in a loop does not start
 * one each time until the first is up.
 */
bool
dq_async_start_dispatcher(void)
{
	static BackgroundWorkerHandle *last = NULL;
	MemoryContext old;
	pid_t pid;
	bool is_started;

	if (last != NULL)
	{
		if (GetBackgroundWorkerPid(last, &pid) == BGWH_NOT_YET_STARTED)
			return true;
		pfree(last);
		last = NULL;
	}
	old = MemoryContextSwitchTo(TopMemoryContext);
	is_started = register_dispatcher(MyDatabaseId, &last);
	MemoryContextSwitchTo(old);
	return is_started;
}

void
dq_async_attend(void)
{
	if (RecoveryInProgress() || dq_async_dispatcher() != 0)
		return;
	if (!dq_async_start_dispatcher())
		ereport(WARNING,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not start a background worker for the queued queries"),
				 errdetail("They stay in the queue and are begun with the next call of "
						   "distquery.submit or distquery.status that finds a worker."),
				 errhint("Consider increasing the setting \"max_worker_processes\".")));
}

int
dq_async_executor_pid(const AsyncQuery *query)
{
	PGPROC *process = query->pid ? BackendPidGetProc(query->pid) : NULL;

	if (process == NULL || process->databaseId != MyDatabaseId ||
		process->roleId != query->session_role)
		return 0;
	return query->pid;
}
