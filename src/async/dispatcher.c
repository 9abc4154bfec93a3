/*
 * dispatcher.c
 *	  The worker that starts an executor for each query of its database's queue.
 *
 * There is one in a database while there is work, started by whoever finds none (process.c), and it
 * leaves at once when the queue is empty: an idle database has none of our processes, and can be
 * dropped.  It sleeps on its latch; commits of those who submit and ends of executors (told by the
 * postmaster) set it.  Timeouts are for expiry, and for trying again where no worker could be
 * started.
 *
 * When it is terminated it takes its executors along.  The next one waits until they are gone, and
 * then knows that every query still marked as running was abandoned.
 */
#include "postgres.h"

#include "access/xact.h"
#include "async/async.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "service/shared_state.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/* Until the next try, after a failure or where no worker was to be had. */
#define RETRY_MS 1000

/* A user who keeps a lock must not hold up the others' queries. */
#define LOCK_TIMEOUT "1s"

/* Expired results removed in one turn, and when to look again at those that are being read. */
#define REMOVALS 100
#define REMOVAL_RETRY_MS (60 * 1000)

typedef struct Executor
{
	pg_uuid_t id;
	BackgroundWorkerHandle *handle;
	bool has_ended;
} Executor;

typedef struct Dispatcher
{
	MemoryContext context;	 /* of everything that lasts */
	MemoryContext step;		 /* reset each turn */
	List *executors;		 /* Executor */
	bool has_left;			 /* there is nothing to do any more */
	bool has_taken_over;	 /* nothing of a dispatcher before is left */
	bool is_short;			 /* work is left, and nobody will wake us for it */
	bool has_queue;			 /* the extension is there */
	TimestampTz next_expiry; /* DT_NOEND: nothing will expire */
} Dispatcher;

typedef void (*DispatcherStep)(Dispatcher *dispatcher);

extern PGDLLEXPORT void dq_async_dispatcher_main(Datum argument);

/* At exit: nobody would know of the executors any more.  Where there is a launcher, it goes on. */
static void
at_exit(int code, Datum argument)
{
	Dispatcher *dispatcher = (Dispatcher *) DatumGetPointer(argument);
	ListCell *cell;

	if (!dispatcher->has_left)
		dq_async_schedule(MyDatabaseId,
						  TimestampTzPlusMilliseconds(GetCurrentTimestamp(), RETRY_MS));
	foreach(cell, dispatcher->executors)
		TerminateBackgroundWorker(((Executor *) lfirst(cell))->handle);
}

static void
start_transaction(void)
{
	StartTransactionCommand();
	XactReadOnly = false;
	XactIsoLevel = XACT_READ_COMMITTED;
	(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, ERROR, false);
}

/*
 * Runs a step in a transaction and a trusted section.  An error is logged, false returned, and the
 * step tried again later.
 */
static bool
in_transaction(Dispatcher *dispatcher, DispatcherStep step)
{
	TrustedSection section;
	volatile bool is_done = false;

	PG_TRY();
	{
		start_transaction();
		PushActiveSnapshot(GetTransactionSnapshot());
		dispatcher->has_queue = OidIsValid(dq_async_queue());
		if (dispatcher->has_queue)
		{
			dq_async_trusted_begin(&section);
			step(dispatcher);
			dq_async_trusted_end(&section);
		}
		PopActiveSnapshot();
		CommitTransactionCommand();
		is_done = true;
	}
	PG_CATCH();
	{
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		dispatcher->is_short = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(dispatcher->step);
	return is_done;
}

/* Once, at the start: executors of the dispatcher before are gone, or go now. */
static void
take_over(Dispatcher *dispatcher)
{
	LOCKTAG tag;

	dq_async_lock_tag(&tag, ASYNC_LOCK_EXECUTORS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	LockRelease(&tag, ExclusiveLock, false);
	dq_async_abandoned(NULL);
	dispatcher->has_taken_over = true;
}

/* Queries whose executor has ended: most have said how. */
static void
note_ended(Dispatcher *dispatcher)
{
	ListCell *cell;
	pid_t pid;

	foreach(cell, dispatcher->executors)
	{
		Executor *executor = lfirst(cell);

		if (GetBackgroundWorkerPid(executor->handle, &pid) != BGWH_STOPPED)
			continue;
		dq_async_abandoned(&executor->id);
		executor->has_ended = true;
	}
}

/* Once that has been committed. */
static void
forget_ended(Dispatcher *dispatcher)
{
	ListCell *cell;

	foreach(cell, dispatcher->executors)
	{
		Executor *executor = lfirst(cell);

		if (!executor->has_ended)
			continue;
		dispatcher->executors = foreach_delete_current(dispatcher->executors, cell);
		pfree(executor->handle);
		pfree(executor);
	}
}

static bool
start_executor(Dispatcher *dispatcher, const AsyncOrder *order)
{
	BackgroundWorker worker = { 0 };
	MemoryContext old = MemoryContextSwitchTo(dispatcher->context);
	Executor *executor = palloc0(sizeof(Executor));
	bool is_started;

	strlcpy(worker.bgw_name, "distquery executor", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "distquery executor", sizeof(worker.bgw_type));
	strlcpy(worker.bgw_library_name, "distquery", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "dq_async_executor_main", sizeof(worker.bgw_function_name));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = ObjectIdGetDatum(MyDatabaseId);
	StaticAssertStmt(sizeof(*order) <= sizeof(worker.bgw_extra), "an order fits");
	memcpy(worker.bgw_extra, order, sizeof(*order));
	executor->id = order->id;
	is_started = RegisterDynamicBackgroundWorker(&worker, &executor->handle);
	if (is_started)
		dispatcher->executors = lappend(dispatcher->executors, executor);
	else
		pfree(executor);
	MemoryContextSwitchTo(old);
	return is_started;
}

static ArrayType *
ids_of_executors(const Dispatcher *dispatcher)
{
	Datum *ids = palloc(sizeof(Datum) * Max(list_length(dispatcher->executors), 1));
	ListCell *cell;
	int n = 0;

	foreach(cell, dispatcher->executors)
		ids[n++] = UUIDPGetDatum(&((Executor *) lfirst(cell))->id);
	return construct_array(ids, n, UUIDOID, UUID_LEN, false, TYPALIGN_CHAR);
}

/* In turns over the roles, those first that have the fewest running; within a role in order. */
static void
start_executors(Dispatcher *dispatcher)
{
	int room = dq_max_workers - list_length(dispatcher->executors);
	Oid types[] = { UUIDARRAYOID, INT4OID };
	Datum values[] = { PointerGetDatum(ids_of_executors(dispatcher)), Int32GetDatum(room) };

	if (room <= 0)
		return;
	dq_async_execute("SELECT q.id, q.session_role FROM distquery.async_query q"
					 "  LEFT JOIN (SELECT owner, count(*) AS n FROM distquery.async_query"
					 "              WHERE state IN ('queued', 'running') AND id = ANY ($1)"
					 "              GROUP BY owner) r ON r.owner = q.owner"
					 " WHERE q.state = 'queued' AND q.id <> ALL ($1)"
					 " ORDER BY coalesce(r.n, 0)"
					 "          + row_number() OVER (PARTITION BY q.owner ORDER BY q.seq), q.seq"
					 " LIMIT $2",
					 lengthof(types), types, values, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple row = SPI_tuptable->vals[i];
		AsyncOrder order = { 0 };
		bool is_null;

		order.id = *DatumGetUUIDP(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null));
		order.session_role = DatumGetObjectId(
			SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
		if (!start_executor(dispatcher, &order))
		{
			dispatcher->is_short = true;
			break;
		}
	}
}

/* What cannot be dropped now (somebody reads it) is for the next turn. */
static bool
remove_query(const pg_uuid_t *id, Oid result)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool is_removed = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		is_removed = dq_async_result_drop(result);
		if (is_removed)
			dq_async_delete(id);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		is_removed = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return is_removed;
}

static void
find_next_expiry(Dispatcher *dispatcher)
{
	bool is_null;
	Datum next;

	dq_async_execute("SELECT min(expires_at) FROM distquery.async_query"
					 " WHERE expires_at > clock_timestamp()",
					 0, NULL, NULL, NULL);
	next = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
	dispatcher->next_expiry = is_null ? DT_NOEND : DatumGetTimestampTz(next);
}

static void
remove_expired(Dispatcher *dispatcher)
{
	Oid types[] = { INT4OID };
	Datum values[] = { Int32GetDatum(REMOVALS) };
	int removed = 0;

	/* A dropped role has no results; what it had submitted can be seen by nobody. */
	dq_async_execute("DELETE FROM distquery.async_query q WHERE state <> 'running'"
					 " AND NOT EXISTS (SELECT FROM pg_authid r WHERE r.oid = q.owner)"
					 " AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = q.result)",
					 0, NULL, NULL, NULL);
	dq_async_execute("SELECT id, result FROM distquery.async_query"
					 " WHERE expires_at <= clock_timestamp() ORDER BY expires_at LIMIT $1"
					 " FOR UPDATE SKIP LOCKED",
					 1, types, values, NULL);

	SPITupleTable *expired = SPI_tuptable;
	uint64 n = SPI_processed;

	for (uint64 i = 0; i < n; i++)
	{
		bool is_null;
		Datum id = SPI_getbinval(expired->vals[i], expired->tupdesc, 1, &is_null);
		Datum result = SPI_getbinval(expired->vals[i], expired->tupdesc, 2, &is_null);

		removed += remove_query(DatumGetUUIDP(id), is_null ? InvalidOid : DatumGetObjectId(result));
	}
	find_next_expiry(dispatcher);
	if (removed < n)
		dispatcher->next_expiry = Min(dispatcher->next_expiry,
									  TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
																  REMOVAL_RETRY_MS));
	else if (n == REMOVALS)
		dispatcher->is_short = true;
}

/*
 * True when there is nothing to do and this process is no longer the dispatcher.  See process.c for
 * why nothing can be overlooked.
 */
static bool
leave(Dispatcher *dispatcher)
{
	LOCKTAG submit;
	LOCKTAG own;
	TrustedSection section;
	volatile bool is_left = false;

	dq_async_lock_tag(&submit, ASYNC_LOCK_SUBMIT);
	dq_async_lock_tag(&own, ASYNC_LOCK_DISPATCHER);
	PG_TRY();
	{
		bool is_empty = true;

		start_transaction();
		(void) LockAcquire(&submit, ExclusiveLock, false, false);
		/* The extension may have been created by the very transaction that was waited for. */
		AcceptInvalidationMessages();
		PushActiveSnapshot(GetTransactionSnapshot());
		if (OidIsValid(dq_async_queue()))
		{
			dq_async_trusted_begin(&section);
			is_empty = dq_async_execute("SELECT FROM distquery.async_query"
										" WHERE state = 'queued' LIMIT 1",
										0, NULL, NULL, NULL) == 0;
			dq_async_trusted_end(&section);
		}
		if (is_empty)
		{
			/* Before another can be there, and end. */
			dq_async_schedule(MyDatabaseId, dispatcher->next_expiry);
			is_left = LockRelease(&own, ExclusiveLock, true);
		}
		else
			SetLatch(MyLatch); /* who started us before its commit does not wake us after it */
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		/* The lock is not to be had while a commit of somebody who has submitted takes long. */
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
		dispatcher->is_short = true;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(dispatcher->step);
	return is_left;
}

static long
time_to_wait(const Dispatcher *dispatcher)
{
	if (dispatcher->is_short)
		return RETRY_MS;
	if (dispatcher->next_expiry == DT_NOEND)
		return -1;
	return Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), dispatcher->next_expiry), 1);
}

static void
wait_for_work(const Dispatcher *dispatcher)
{
	long timeout = time_to_wait(dispatcher);

	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (timeout >= 0 ? WL_TIMEOUT : 0),
					 timeout, PG_WAIT_EXTENSION);
}

static void
dispatch(Dispatcher *dispatcher)
{
	for (;;)
	{
		ResetLatch(MyLatch);
		/* There is nothing to cancel here; a lock's timeout comes by the same signal. */
		QueryCancelPending = false;
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		MemoryContextReset(dispatcher->step);
		dispatcher->is_short = false;
		if (!dispatcher->has_taken_over)
			(void) in_transaction(dispatcher, take_over);
		if (in_transaction(dispatcher, note_ended))
			forget_ended(dispatcher);
		if (dispatcher->has_taken_over)
			(void) in_transaction(dispatcher, start_executors);
		(void) in_transaction(dispatcher, remove_expired);
		if ((dispatcher->executors == NIL || !dispatcher->has_queue) && !dispatcher->is_short)
			dispatcher->has_left = leave(dispatcher);
		if (dispatcher->has_left)
			break;
		wait_for_work(dispatcher);
	}
}

void
dq_async_dispatcher_main(Datum argument)
{
	Dispatcher *dispatcher = MemoryContextAllocZero(TopMemoryContext, sizeof(Dispatcher));
	LOCKTAG tag;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), InvalidOid, 0);

	StartTransactionCommand();
	dq_async_lock_tag(&tag, ASYNC_LOCK_DISPATCHER);
	bool is_alone = LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
	CommitTransactionCommand();
	if (!is_alone)
		proc_exit(0);

	dispatcher->context = TopMemoryContext;
	dispatcher->step = AllocSetContextCreate(TopMemoryContext, "distquery dispatcher",
											 ALLOCSET_DEFAULT_SIZES);
	dispatcher->next_expiry = DT_NOEND;
	dispatcher->has_queue = true;
	dq_shared_attach();
	before_shmem_exit(at_exit, PointerGetDatum(dispatcher));
	MemoryContextSwitchTo(dispatcher->step);
	dispatch(dispatcher);
	proc_exit(0);
}
