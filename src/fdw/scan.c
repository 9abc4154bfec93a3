/*
 * scan.c
 *	  Executing a foreign scan: which questions are asked when.
 *
 * Nothing is asked in BeginForeignScan.  The first row that any scan of the statement needs starts
 * the fetches of all scans whose values are known by then (dq_fetch_group_begin); a scan that
 * waits for another's rows (PARAM_EXEC) binds when it is reached, and again after each ReScan that
 * changed its parameters.  A scan's questions are read in order; some are asked ahead of the one
 * being read.
 *
 * ReScan with unchanged parameters reads the same rows again from the fetch's spool, never from
 * the service.
 */
#include "postgres.h"

#include "compat.h"
#include "distquery.h"
#include "executor/executor.h"
#include "fdw/fdw.h"
#include "fdw/pruning.h"
#include "fdw/scan.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Questions of one scan on the wire beyond the one that is being read. */
#define ASKS_AHEAD 16

/* The foreign table of the scan; that of a count is none of its own. */
static RangeTblEntry *
scan_table(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	Index relid = plan->scan.scanrelid;

	if (relid == 0)
		relid = bms_singleton_member(dq_scan_relids(plan));
	return exec_rt_fetch(relid, node->ss.ps.state);
}

/* The user whose rights count for this scan: the view's owner, or the current one. */
static Oid
scan_user(ForeignScanState *node)
{
	RangeTblEntry *rte = scan_table(node);
	Oid user = dq_scan_checked_user(node, rte);

	(void) rte;
	return OidIsValid(user) ? user : GetUserId();
}

/* A partition that the query may have no use for is asked when it is reached. */
static bool
may_be_pruned(ForeignScanState *node)
{
	Relation relation = node->ss.ss_currentRelation;

	return (relation == NULL || relation->rd_rel->relispartition) &&
		dq_scan_is_prunable(node->ss.ps.state->es_plannedstmt, node->ss.ps.plan);
}

static void scan_start_early(void *arg);

void
dqBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	MemoryContext context = AllocSetContextCreate(node->ss.ps.state->es_query_cxt, "distquery scan",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DqScanState *scan = palloc0(sizeof(DqScanState));
	TableReader *reader;

	scan->node = node;
	scan->plan = dq_plan_data_read(plan->fdw_private);
	scan->is_rescanned = (eflags & EXEC_FLAG_REWIND) != 0;
	scan->bound_context = AllocSetContextCreate(context, "distquery questions",
												ALLOCSET_SMALL_SIZES);
	reader = dq_reader_create_for((PlanState *) node, scan_table(node)->relid, scan->plan,
								  plan->fdw_exprs);
	scan->reader = reader;
	node->fdw_state = scan;
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		bool is_early = dq_prefetch && reader->table->prefetch && !reader->waits_for_params &&
			!reader->may_raise && scan->plan->missing == NIL && !may_be_pruned(node);

		dq_reader_prepare(reader,
						  scan->plan->is_count ? NULL :
												 RelationGetDescr(node->ss.ss_currentRelation),
						  scan_user(node));
		dq_fetch_group_register(reader->group, is_early ? scan_start_early : NULL, scan);
	}
	MemoryContextSwitchTo(old);
}

/* A page that is asked for the total that comes with it. */
static PagePosition *
smallest_page(const TableSpec *table)
{
	PagePosition *page = palloc(sizeof(PagePosition));

	*page = dq_paging_smallest(&table->paging);
	return page;
}

static void
scan_bind(DqScanState *scan)
{
	const TableSpec *table = scan->reader->table;
	ConditionValue *values;
	Ask *asks = NULL;
	MemoryContext old;

	if (scan->plan->missing != NIL)
		dq_bind_missing(table, scan->plan);

	old = MemoryContextSwitchTo(scan->bound_context);
	values = palloc0(sizeof(ConditionValue) * Max(scan->plan->nconditions, 1));
	scan->nasks = 0;
	if (dq_reader_evaluate(scan->reader, values))
		scan->nasks = dq_bind_asks(table, scan->plan, values, &asks);
	scan->asks = palloc0(sizeof(OpenAsk) * Max(scan->nasks, 1));
	for (int i = 0; asks && i < scan->nasks; i++)
	{
		scan->asks[i].ask = asks[i];
		if (scan->plan->is_count)
			scan->asks[i].ask.page = smallest_page(table);
	}
	scan->current = 0;
	scan->started = 0;
	scan->is_bound = true;
	MemoryContextSwitchTo(old);
}

/* Starts questions up to the limit of those that may run ahead. */
static void
scan_start_asks(DqScanState *scan)
{
	int ahead = scan->plan->is_frugal ? 0 : ASKS_AHEAD;

	while (scan->started < scan->nasks && scan->started <= scan->current + ahead)
		dq_reader_ask(scan->reader, &scan->asks[scan->started++], scan->is_rescanned);
}

static void
scan_start_early(void *arg)
{
	DqScanState *scan = arg;

	if (scan->is_bound)
		return;
	scan_bind(scan);
	scan_start_asks(scan);
}

FetchStats
dq_scan_stats(const DqScanState *scan)
{
	FetchStats sum = scan->reader->closed_stats;

	for (int i = 0; i < scan->nasks; i++)
		dq_reader_add_stats(&sum, &scan->asks[i]);
	return sum;
}

static void
close_asks(DqScanState *scan)
{
	for (int i = 0; i < scan->nasks; i++)
		dq_reader_close(scan->reader, &scan->asks[i]);
	scan->nasks = 0;
	scan->is_bound = false;
	MemoryContextReset(scan->bound_context);
}

/* The one row of a count: the sum over all questions, in each of its columns. */
static TupleTableSlot *
scan_count(DqScanState *scan, TupleTableSlot *slot)
{
	int64 count = 0;

	ExecClearTuple(slot);
	if (scan->is_counted)
		return slot;
	for (; scan->current < scan->nasks; scan->current++)
	{
		scan_start_asks(scan);
		count += dq_reader_count(scan->reader, &scan->asks[scan->current]);
		dq_reader_close(scan->reader, &scan->asks[scan->current]);
	}
	scan->is_counted = true;
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_values[i] = Int64GetDatum(count);
		slot->tts_isnull[i] = false;
	}
	return ExecStoreVirtualTuple(slot);
}

static FetchResult
scan_read(DqScanState *scan, OpenAsk *ask, TupleTableSlot *slot)
{
	FetchResult result = FETCH_FAILED;

	if (scan->is_tried)
		result = dq_reader_try_next(scan->reader, ask, slot);
	scan->would_wait = result == FETCH_WAIT;
	/* Who may do without this service's rows hears of its failure last. */
	scan->has_failed = result == FETCH_FAILED && scan->is_tried && scan->plan->is_frugal &&
		!scan->tells_failure;
	if (result == FETCH_FAILED && !scan->has_failed)
		result = dq_reader_next(scan->reader, ask, slot) ? FETCH_ROW : FETCH_END;
	return result;
}

TupleTableSlot *
dq_scan_try(DqScanState *scan)
{
	PlanState *node = (PlanState *) scan->node;
	TupleTableSlot *slot;

	scan->is_tried = true;
	scan->would_wait = false;
	scan->has_failed = false;
	slot = node->ExecProcNodeReal(node);
	scan->is_tried = false;
	return slot;
}

TupleTableSlot *
dqIterateForeignScan(ForeignScanState *node)
{
	DqScanState *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (node->ss.ps.state->es_epq_active == NULL)
		dq_fetch_group_begin(scan->reader->group);
	if (!scan->is_bound)
		scan_bind(scan);
	if (scan->plan->is_count)
		return scan_count(scan, slot);
	while (scan->current < scan->nasks)
	{
		OpenAsk *ask = &scan->asks[scan->current];
		FetchResult result;

		scan_start_asks(scan);
		result = scan_read(scan, ask, slot);
		if (result == FETCH_ROW)
			return slot;
		if (result != FETCH_END)
			return ExecClearTuple(slot);
		if (!scan->is_rescanned)
			dq_reader_close(scan->reader, ask);
		scan->current++;
	}
	return ExecClearTuple(slot);
}

void
dqReScanForeignScan(ForeignScanState *node)
{
	DqScanState *scan = node->fdw_state;
	/* Parameters of local conditions change no question, which may be on the wire already. */
	bool is_unchanged = node->ss.ps.chgParam == NULL || !scan->reader->waits_for_params;

	scan->is_counted = false;
	scan->tells_failure = false;
	if (!scan->is_bound)
		return;
	for (int i = 0; is_unchanged && i < scan->started; i++)
		is_unchanged = scan->asks[i].reader != NULL && dq_fetch_rewind(scan->asks[i].reader);
	if (is_unchanged)
		scan->current = 0;
	else
		close_asks(scan);
}

void
dqEndForeignScan(ForeignScanState *node)
{
	DqScanState *scan = node->fdw_state;

	if (scan == NULL || scan->reader->group == NULL)
		return;
	dq_fetch_group_unregister(scan->reader->group, scan);
	close_asks(scan);
}
