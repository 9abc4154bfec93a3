/*
 * append.c
 *	  Scans below an Append: rows of whichever service answers first.
 *
 * All services of a statement are asked at once in any case (scan.c); without this an Append would
 * read its children one after the other, and the rows of a fast partition would wait for those of a
 * slow one before it.  It also has those partitions asked together that are left after pruning at
 * run time, which nobody may ask before.
 *
 * An Append asks each child for a row (ForeignAsyncRequest).  A child that has one gives it at
 * once; else the request is pending.  When no child has any, the Append would wait on sockets that
 * its children tell it (ForeignAsyncConfigureWait), but ours belong to one loop, and PostgreSQL's
 * wait cannot be cancelled in all versions.  So nothing is told, and the wait happens here: one
 * step of the loop for all pending children together, made by the first of them; then each looks
 * whether it has a row now.  An Append that knows no socket does not wait.
 *
 * A service that fails ends the query at once, except where the query may stop early (LIMIT): then
 * the rows of the others come first.
 */
#include "postgres.h"

#include "distquery.h"
#include "executor/execAsync.h"
#include "fdw/fdw.h"
#include "fdw/relation.h"
#include "fdw/scan.h"
#include "transport/loop.h"

bool
dqIsForeignPathAsyncCapable(ForeignPath *path)
{
	RelOptInfo *rel = path->path.parent;

	/* Where it is declared that a service is asked only when its scan is reached, it stays so. */
	return IS_SIMPLE_REL(rel) && dq_prefetch &&
		((RelationPlan *) rel->fdw_private)->table->prefetch;
}

static DqScanState *
scan_of(const AsyncRequest *request)
{
	return ((ForeignScanState *) request->requestee)->fdw_state;
}

/* Gives the request a row, the end, or says that it has to wait; never waits. */
static void
produce(AsyncRequest *request)
{
	DqScanState *scan = scan_of(request);
	TupleTableSlot *slot = dq_scan_try(scan);

	if (TupIsNull(slot) && (scan->would_wait || scan->has_failed))
		ExecAsyncRequestPending(request);
	else
		ExecAsyncRequestDone(request, slot);
}

/* Looks whether a pending request can be answered now; if so, tells the Append. */
static bool
complete(AsyncRequest *request)
{
	request->callback_pending = false;
	produce(request);
	if (!request->request_complete)
		return false;
	if (request->requestee->instrument)
		InstrUpdateTupleCount(request->requestee->instrument,
							  TupIsNull(request->result) ? 0.0 : 1.0);
	ExecAsyncResponse(request);
	return true;
}

static bool
is_pending(const AsyncRequest *request)
{
	return request != NULL && request->callback_pending &&
		IsA(request->requestee, ForeignScanState) &&
		((ForeignScanState *) request->requestee)->fdwroutine->ForeignAsyncRequest ==
		dqForeignAsyncRequest;
}

static AsyncRequest *
first_pending(const AppendState *append)
{
	for (int i = 0; i < append->as_nplans; i++)
		if (is_pending(append->as_asyncrequests[i]))
			return append->as_asyncrequests[i];
	return NULL;
}

/* Waits until something happens; where nothing can, because all the rest has failed, tells that. */
static void
wait_for_any(const AppendState *append)
{
	AsyncRequest *request = first_pending(append);

	for (int i = 0; i < append->as_nplans; i++)
		if (is_pending(append->as_asyncrequests[i]) &&
			scan_of(append->as_asyncrequests[i])->would_wait)
		{
			dq_loop_step();
			return;
		}
	scan_of(request)->tells_failure = true;
	complete(request);
}

/* Answers what can be answered of all pending requests; false when there was nothing. */
static bool
complete_pending(const AppendState *append)
{
	bool is_any = false;

	for (int i = 0; i < append->as_nplans; i++)
		if (is_pending(append->as_asyncrequests[i]))
			is_any |= complete(append->as_asyncrequests[i]);
	return is_any;
}

void
dqForeignAsyncRequest(AsyncRequest *request)
{
	const AppendState *append = castNode(AppendState, request->requestor);

	produce(request);
	/* Children that know no waiting are read next: what is asked shall be on its way by then. */
	if (request->callback_pending && append->as_nasyncplans < append->as_nplans &&
		!append->as_syncdone)
		dq_loop_poll();
}

void
dqForeignAsyncConfigureWait(AsyncRequest *request)
{
	AppendState *append = castNode(AppendState, request->requestor);

	/* There are other children to be read, which is better than to wait. */
	if (!append->as_syncdone)
		dq_loop_poll();
	else if (first_pending(append) == request && !complete_pending(append) &&
			 append->as_nasyncresults == 0)
		wait_for_any(append);
	if (request->callback_pending)
		complete(request);
}

/* Not called, since no socket is told. */
void
dqForeignAsyncNotify(AsyncRequest *request)
{
	produce(request);
}
