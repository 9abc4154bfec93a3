/*
 * scan.c
 *	  Executing a foreign scan: values in, questions out, rows up.
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

#include "catalog/pg_collation.h"
#include "compat.h"
#include "distquery.h"
#include "executor/executor.h"
#include "fdw/fdw.h"
#include "fdw/scan.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Questions of one scan on the wire beyond the one that is being read. */
#define ASKS_AHEAD 16

/*
 * Functions that are often part of a condition's value and fail for no value that is met in
 * practice.
 */
static bool
is_harmless(Oid function, void *context)
{
	switch (function)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
		case F_TIMESTAMPTZ_PL_INTERVAL:
		case F_TIMESTAMPTZ_MI_INTERVAL:
		case F_TIMESTAMP_PL_INTERVAL:
		case F_TIMESTAMP_MI_INTERVAL:
		case F_DATE_PL_INTERVAL:
		case F_DATE_MI_INTERVAL:
		case F_DATE_PLI:
		case F_DATE_MII:
		case F_TIMESTAMPTZ_DATE:
		case F_TIMESTAMPTZ_TIMESTAMP:
		case F_TIMESTAMP_TIMESTAMPTZ:
		case F_TIMESTAMP_DATE:
		case F_DATE_TIMESTAMPTZ:
		case F_DATE_TIMESTAMP:
		case F_DATE_TRUNC_TEXT_TIMESTAMPTZ:
		case F_DATE_TRUNC_TEXT_TIMESTAMP:
		case F_INT8_INT4:
		case F_INT8_INT2:
		case F_INT4_INT2:
			return false;
		default:
			return true;
	}
}

static bool
is_not_plain(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
		case T_Param:
		case T_RelabelType:
		case T_SQLValueFunction:
		case T_ArrayExpr:
		case T_List:
			break;
		case T_FuncExpr:
		case T_OpExpr:
			if (check_functions_in_node(node, is_harmless, NULL))
				return true;
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, is_not_plain, context);
}

bool
dq_value_is_plain(Node *value)
{
	return !is_not_plain(value, NULL);
}

static bool
contains_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXEC;
	return expression_tree_walker(node, contains_exec_param, context);
}

/* The user whose rights count for this scan: the view's owner, or the current one. */
static Oid
scan_user(ForeignScanState *node)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	RangeTblEntry *rte = exec_rt_fetch(plan->scan.scanrelid, node->ss.ps.state);
	Oid user = dq_scan_checked_user(node, rte);

	(void) rte;
	return OidIsValid(user) ? user : GetUserId();
}

static void
make_decoder(DqScanState *scan, TupleDesc tupdesc)
{
	int n = list_length(scan->plan->retrieved);
	DecoderColumn *columns = palloc0(sizeof(DecoderColumn) * Max(n, 1));
	ListCell *cell;

	foreach(cell, scan->plan->retrieved)
	{
		const ColumnSpec *column = &scan->table->columns[lfirst_int(cell) - 1];

		columns[foreach_current_index(cell)] = (DecoderColumn) { .attnum = column->attnum,
																 .json = column->json,
																 .format = column->format };
	}
	scan->decoder = dq_decoder_create(tupdesc, columns, n);
}

static void scan_start_early(void *arg);

void
dqBeginForeignScan(ForeignScanState *node, int eflags)
{
	ForeignScan *plan = (ForeignScan *) node->ss.ps.plan;
	EState *estate = node->ss.ps.state;
	MemoryContext context = AllocSetContextCreate(estate->es_query_cxt, "distquery scan",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	DqScanState *scan = palloc0(sizeof(DqScanState));
	Relation relation = node->ss.ss_currentRelation;

	scan->node = node;
	scan->context = context;
	scan->bound_context = AllocSetContextCreate(context, "distquery questions",
												ALLOCSET_SMALL_SIZES);
	scan->table = dq_spec_for_table(RelationGetRelid(relation));
	scan->plan = dq_plan_data_read(plan->fdw_private);
	scan->is_rescanned = (eflags & EXEC_FLAG_REWIND) != 0;
	scan->value_states = palloc0(sizeof(ExprState *) * Max(scan->plan->nvalues, 1));
	for (int i = 0; i < scan->plan->nvalues; i++)
	{
		Expr *value = list_nth(plan->fdw_exprs, i);

		scan->waits_for_params |= contains_exec_param((Node *) value, NULL);
		scan->may_raise |= !dq_value_is_plain((Node *) value);
		scan->value_states[i] = ExecInitExpr(value, (PlanState *) node);
	}
	node->fdw_state = scan;
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		bool is_early = dq_prefetch && scan->table->prefetch && !scan->waits_for_params &&
			!scan->may_raise && scan->plan->missing == NIL;

		scan->endpoint = dq_spec_endpoint(scan->table, scan_user(node));
		make_decoder(scan, RelationGetDescr(relation));
		scan->group = dq_fetch_group(estate->es_query_cxt);
		dq_fetch_group_register(scan->group, is_early ? scan_start_early : NULL, scan);
	}
	MemoryContextSwitchTo(old);
}

/* Evaluates the conditions' values; false when no row can satisfy them all. */
static bool
scan_evaluate(DqScanState *scan, ConditionValue *values)
{
	ExprContext *econtext = scan->node->ss.ps.ps_ExprContext;

	for (int i = 0; i < scan->plan->nconditions; i++)
	{
		const PlanCondition *condition = &scan->plan->conditions[i];
		ExprState *state;
		Datum datum;
		bool isnull;

		memset(&values[i], 0, sizeof(ConditionValue));
		if (condition->value < 0)
			continue;
		state = scan->value_states[condition->value];
		datum = ExecEvalExpr(state, econtext, &isnull);
		if (!dq_bind_value(condition, exprType((Node *) state->expr), datum, isnull, &values[i]))
			return false;
	}
	return true;
}

static void
scan_bind(DqScanState *scan)
{
	ConditionValue *values;
	Ask *asks = NULL;
	MemoryContext old;

	if (scan->plan->missing != NIL)
		dq_bind_missing(scan->table, scan->plan);

	old = MemoryContextSwitchTo(scan->bound_context);
	values = palloc0(sizeof(ConditionValue) * Max(scan->plan->nconditions, 1));
	scan->nasks = 0;
	if (scan_evaluate(scan, values))
		scan->nasks = dq_bind_asks(scan->table, scan->plan, values, &asks);
	scan->asks = palloc0(sizeof(ScanAsk) * Max(scan->nasks, 1));
	for (int i = 0; asks && i < scan->nasks; i++)
		scan->asks[i].ask = asks[i];
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
	{
		ScanAsk *ask = &scan->asks[scan->started++];
		FetchOptions options = { .table = scan->table,
								 .endpoint = scan->endpoint,
								 .url = ask->ask.url,
								 .is_lookup = ask->ask.is_lookup,
								 .row_limit = scan->plan->row_limit,
								 .is_frugal = scan->plan->is_frugal,
								 .keep = scan->is_rescanned };

		ask->reader = dq_fetch_start(scan->group, &options);
		ask->was_asked = true;
	}
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

static void
add_stats(FetchStats *sum, const FetchReader *reader)
{
	FetchStats stats;

	dq_fetch_stats(reader, &stats);
	if (stats.is_shared)
	{
		sum->is_shared = true;
		return;
	}
	sum->requests += stats.requests;
	sum->pages += stats.pages;
	sum->rows += stats.rows;
	sum->bytes += stats.bytes;
	sum->wire_bytes += stats.wire_bytes;
	sum->retries += stats.retries;
	sum->connections += stats.connections;
	if (sum->first_byte_ms == 0)
		sum->first_byte_ms = stats.first_byte_ms;
	sum->total_ms = Max(sum->total_ms, stats.total_ms);
}

static void
close_ask(DqScanState *scan, ScanAsk *ask)
{
	if (ask->reader == NULL)
		return;
	add_stats(&scan->closed_stats, ask->reader);
	dq_fetch_close(ask->reader);
	ask->reader = NULL;
}

FetchStats
dq_scan_stats(const DqScanState *scan)
{
	FetchStats sum = scan->closed_stats;

	for (int i = 0; i < scan->nasks; i++)
	{
		if (scan->asks[i].reader != NULL)
			add_stats(&sum, scan->asks[i].reader);
	}
	return sum;
}

static void
close_asks(DqScanState *scan)
{
	for (int i = 0; i < scan->nasks; i++)
		close_ask(scan, &scan->asks[i]);
	scan->nasks = 0;
	scan->is_bound = false;
	MemoryContextReset(scan->bound_context);
}

/* Adds where a row came from to an error about its content. */
static void
row_error_context(void *arg)
{
	DqScanState *scan = arg;

	errcontext("foreign table \"%s\", row " INT64_FORMAT " of GET %s", scan->table->name,
			   scan->row.number, scan->row.url);
}

/* Whether a row belongs to the keys that its question was asked with. */
static bool
passes_key_check(const KeyCheck *check, TupleTableSlot *slot)
{
	int low = 0;
	int high = check->nkeys - 1;

	if (slot->tts_isnull[check->attnum - 1])
		return false;
	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		int order = DatumGetInt32(FunctionCall2Coll(check->compare, C_COLLATION_OID,
													slot->tts_values[check->attnum - 1],
													check->keys[middle]));

		if (order == 0)
			return true;
		if (order < 0)
			high = middle - 1;
		else
			low = middle + 1;
	}
	return false;
}

/* A service that repeats our credentials in a row must not carry them into an error. */
static void
rethrow_redacted(const Credentials *credentials, MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	error->message = dq_credentials_redact(credentials, error->message ? error->message : "");
	if (error->detail)
		error->detail = dq_credentials_redact(credentials, error->detail);
	if (error->context)
		error->context = dq_credentials_redact(credentials, error->context);
	ReThrowError(error);
}

static void
decode_row(DqScanState *scan, const Ask *ask, TupleTableSlot *slot)
{
	dq_decoder_decode(scan->decoder, scan->row.bytes, scan->row.len, ask->values, ask->nvalues,
					  slot->tts_values, slot->tts_isnull);
}

static void
decode_row_with_secrets(DqScanState *scan, const Ask *ask, TupleTableSlot *slot)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		decode_row(scan, ask, slot);
	}
	PG_CATCH();
	{
		rethrow_redacted(scan->endpoint->credentials, context);
	}
	PG_END_TRY();
}

/*
 * Decodes the row at hand into the slot; false when it does not belong to the question that
 * brought it.
 */
static bool
store_row(DqScanState *scan, const Ask *ask, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(
		scan->node->ss.ps.ps_ExprContext->ecxt_per_tuple_memory);
	ErrorContextCallback callback = { .previous = error_context_stack,
									  .callback = row_error_context,
									  .arg = scan };

	error_context_stack = &callback;
	ExecClearTuple(slot);
	if (scan->endpoint->credentials->auth == AUTH_NONE)
		decode_row(scan, ask, slot);
	else
		decode_row_with_secrets(scan, ask, slot);
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	for (int i = 0; i < ask->nchecks; i++)
		if (!passes_key_check(&ask->checks[i], slot))
			return false;
	ExecStoreVirtualTuple(slot);
	return true;
}

TupleTableSlot *
dqIterateForeignScan(ForeignScanState *node)
{
	DqScanState *scan = node->fdw_state;
	TupleTableSlot *slot = node->ss.ss_ScanTupleSlot;

	if (node->ss.ps.state->es_epq_active == NULL)
		dq_fetch_group_begin(scan->group);
	if (!scan->is_bound)
		scan_bind(scan);
	while (scan->current < scan->nasks)
	{
		ScanAsk *ask = &scan->asks[scan->current];

		scan_start_asks(scan);
		while (dq_fetch_next(ask->reader, &scan->row))
		{
			if (store_row(scan, &ask->ask, slot))
				return slot;
			CHECK_FOR_INTERRUPTS();
			ResetExprContext(node->ss.ps.ps_ExprContext);
		}
		if (!scan->is_rescanned)
			close_ask(scan, ask);
		scan->current++;
	}
	return ExecClearTuple(slot);
}

void
dqReScanForeignScan(ForeignScanState *node)
{
	DqScanState *scan = node->fdw_state;
	bool is_unchanged = node->ss.ps.chgParam == NULL && scan->is_rescanned;

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

	if (scan == NULL || scan->group == NULL)
		return;
	dq_fetch_group_unregister(scan->group, scan);
	close_asks(scan);
}
