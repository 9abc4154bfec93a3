/*
 * executor.c
 *	  The worker that runs one query.
 *
 * It connects as the session user of the one who submitted, and takes these transactions:
 *
 *	1. the query is marked as running by this process, unless it was cancelled meanwhile;
 *	2. the settings that were captured and the role are taken on;
 *	3. the query runs, its rows go into the table of the result, and the query is marked as done:
 *	   all or nothing.  Table and queue come at the very end, so that no lock on anything of the
 *	   extension is held while the query runs;
 *	4. only after an error: it is kept with the query.
 *
 * One process a query: nothing of a session is left for the next.  Should it end without having said how,
 * the dispatcher notices.
 */
#include "postgres.h"

#include "access/xact.h"
#include "async/async.h"
#include "compat.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

extern PGDLLEXPORT void dq_async_executor_main(Datum argument);

/* A cancel, as opposed to a timeout, was asked for. */
static volatile sig_atomic_t is_cancelled = false;

static void
handle_cancel(SIGNAL_ARGS)
{
	/* Timeouts send this signal as well. */
	if (!get_timeout_indicator(STATEMENT_TIMEOUT, false) &&
		!get_timeout_indicator(LOCK_TIMEOUT, false))
		is_cancelled = true;
	StatementCancelHandler(postgres_signal_arg);
}

/* Whatever the role's defaults are: the queue is written, and others' changes to it are seen. */
static void
start_own_transaction(void)
{
	StartTransactionCommand();
	XactReadOnly = false;
	XactIsoLevel = XACT_READ_COMMITTED;
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit(void)
{
	if (ActiveSnapshotSet())
		PopActiveSnapshot();
	CommitTransactionCommand();
}

/* NULL when there is nothing to run. */
static AsyncQuery *
take_query(const pg_uuid_t *id)
{
	MemoryContext caller = CurrentMemoryContext;
	TrustedSection section;
	AsyncQuery *query = NULL;

	start_own_transaction();
	if (OidIsValid(dq_async_queue()))
	{
		MemoryContext old = MemoryContextSwitchTo(caller);

		dq_async_trusted_begin(&section);
		if (dq_async_begin(id))
			query = dq_async_load(id);
		dq_async_trusted_end(&section);
		MemoryContextSwitchTo(old);
	}
	commit();
	MemoryContextSwitchTo(caller);
	return query;
}

static void
take_identity(const AsyncQuery *query)
{
	const char *role;

	StartTransactionCommand();
	dq_async_settings_apply(query->settings);
	/* Also when it is the session user itself: ALTER ROLE may have set another as the default. */
	role = query->owner == query->session_role ? "none" : GetUserNameFromId(query->owner, false);
	(void) set_config_option("role", role, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, ERROR,
							 false);
	CommitTransactionCommand();
}

static void
run_query(const AsyncQuery *query, DestReceiver *receiver)
{
	SPIExecuteOptions options = { .must_return_tuples = true, .dest = receiver };
	int result;

	SPI_connect();
	result = SPI_execute_extended(query->sql, &options);
	if (result < 0)
		elog(ERROR, "could not execute the submitted query: %s", SPI_result_code_string(result));
	SPI_finish();
}

static void
mark_done(const AsyncQuery *query, DestReceiver *receiver, Oid table)
{
	TrustedSection section;

	XactReadOnly = false;
	dq_async_trusted_begin(&section);
	dq_async_done(query, dq_async_result_finish(receiver, table), table);
	dq_async_trusted_end(&section);
}

static void
run_and_store(const AsyncQuery *query)
{
	DestReceiver *receiver = dq_async_result_receiver(query);

	take_identity(query);
	if (StatementTimeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, StatementTimeout);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	run_query(query, receiver);

	Oid table = dq_async_result_store(receiver);

	disable_timeout(STATEMENT_TIMEOUT, false);
	CHECK_FOR_INTERRUPTS();
	mark_done(query, receiver, table);
	commit();
}

/* From here on nothing but the end of the server can keep the error from being stored. */
static void
store_error(const AsyncQuery *query, const ErrorData *error)
{
	TrustedSection section;
	bool was_cancelled = is_cancelled && error->sqlerrcode == ERRCODE_QUERY_CANCELED;

	pqsignal(SIGINT, SIG_IGN);
	QueryCancelPending = false;
	disable_timeout(STATEMENT_TIMEOUT, false);
	start_own_transaction();
	(void) set_config_option("lock_timeout", "0", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_LOCAL,
							 true, ERROR, false);
	if (OidIsValid(dq_async_queue()))
	{
		dq_async_trusted_begin(&section);
		dq_async_failed(&query->id, was_cancelled ? "cancelled" : "failed", error);
		dq_async_trusted_end(&section);
	}
	commit();
}

static void
execute(const AsyncQuery *query)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;

	debug_query_string = query->sql;
	pgstat_report_activity(STATE_RUNNING, query->sql);
	PG_TRY();
	{
		run_and_store(query);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		EmitErrorReport();
		FlushErrorState();
		AbortCurrentTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	if (error != NULL)
		store_error(query, error);
	debug_query_string = NULL;
	pgstat_report_activity(STATE_IDLE, NULL);
}

void
dq_async_executor_main(Datum argument)
{
	AsyncOrder order;
	AsyncQuery *query;
	LOCKTAG tag;

	memcpy(&order, MyBgworkerEntry->bgw_extra, sizeof(order));
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGINT, handle_cancel);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(argument), order.session_role, 0);
	/* What a session of that role has loaded may be there to restrict it. */
	process_session_preload_libraries();
	CurrentMemoryContext = AllocSetContextCreate(TopMemoryContext, "distquery executor",
												 ALLOCSET_DEFAULT_SIZES);

	/* A new dispatcher waits until those of the one before have ended. */
	StartTransactionCommand();
	dq_async_lock_tag(&tag, ASYNC_LOCK_EXECUTORS);
	(void) LockAcquire(&tag, ShareLock, true, false);
	CommitTransactionCommand();

	query = take_query(&order.id);
	if (query != NULL)
		execute(query);
	proc_exit(0);
}
