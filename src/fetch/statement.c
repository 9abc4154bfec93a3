/*
 * statement.c
 *	  The statement that the client sent: where it begins, and where its executor returns.
 *
 * Queries run inside each other: in functions, by SPI.  The outermost executor run begins a
 * statement, for budgets and distquery.last_errors; a FETCH of a cursor is one, too.
 *
 * When a run returns with fetches that have not ended (a cursor's), nobody may drive them for long:
 * they are parked, so that an idle client keeps no slot of a service.  They go on when their cursor
 * is read again.  After the outermost run that holds for everything that this backend has under way.
 */
#include "postgres.h"

#include "cache/remote_store.h"
#include "compat.h"
#include "executor/executor.h"
#include "fetch/fetch_private.h"
#include "fetch/statement.h"
#include "transport/budget.h"

static ExecutorRun_hook_type previous_run = NULL;
static int depth = 0;
static const char *source_text = NULL; /* the executor's */

const char *
dq_statement_text(void)
{
	return source_text;
}

/* Runs on every way out. */
static void
run_returns(const QueryDesc *query)
{
	if (--depth == 0)
		source_text = NULL;
	dq_fetch_group_park(depth == 0 ? NULL : query->estate->es_query_cxt);
}

static void
statement_run(DQ_EXECUTOR_RUN_PARAMETERS)
{
	if (depth++ == 0)
	{
		dq_budget_begin();
		source_text = queryDesc->sourceText;
	}
	PG_TRY();
	{
		if (previous_run)
			previous_run(DQ_EXECUTOR_RUN_ARGUMENTS);
		else
			standard_ExecutorRun(DQ_EXECUTOR_RUN_ARGUMENTS);
		if (depth == 1)
			dq_remote_settle();
	}
	PG_FINALLY();
	{
		run_returns(queryDesc);
	}
	PG_END_TRY();
}

void
dq_statement_init(void)
{
	previous_run = ExecutorRun_hook;
	ExecutorRun_hook = statement_run;
}
