/*
 * table_reader.c
 *	  How the executor reads rows of one foreign table: values in, questions out, rows up.
 *
 * A reader knows nothing of the node that uses it but its expression context.  Which questions are
 * asked when, and what becomes of the rows, is the node's business.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "compat.h"
#include "executor/executor.h"
#include "fdw/table_reader.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* Keys that are named where their rows are missing. */
#define SHOWN_KEYS 50

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

TableReader *
dq_reader_create(PlanState *parent, Relation relation, const PlanData *plan, List *exprs)
{
	return dq_reader_create_for(parent, RelationGetRelid(relation), plan, exprs);
}

/* Never 0. */
static uint32
next_number(void)
{
	static uint32 number = 0;

	if (++number == 0)
		number = 1;
	return number;
}

TableReader *
dq_reader_create_for(PlanState *parent, Oid relid, const PlanData *plan, List *exprs)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery reader",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TableReader *reader = palloc0(sizeof(TableReader));

	reader->number = next_number();
	reader->parent = parent;
	reader->context = context;
	reader->table = dq_spec_for_table(relid);
	reader->plan = plan;
	reader->value_states = palloc0(sizeof(ExprState *) * Max(plan->nvalues, 1));
	for (int i = 0; i < plan->nvalues; i++)
	{
		Expr *value = list_nth(exprs, i);

		reader->waits_for_params |= contains_exec_param((Node *) value, NULL);
		reader->may_raise |= !dq_value_is_plain((Node *) value);
		reader->value_states[i] = ExecInitExpr(value, parent);
	}
	MemoryContextSwitchTo(old);
	return reader;
}

static void
make_decoder(TableReader *reader, TupleDesc tupdesc)
{
	int n = list_length(reader->plan->retrieved);
	DecoderColumn *columns = palloc0(sizeof(DecoderColumn) * Max(n, 1));
	ListCell *cell;

	foreach(cell, reader->plan->retrieved)
	{
		const ColumnSpec *column = &reader->table->columns[lfirst_int(cell) - 1];

		columns[foreach_current_index(cell)] = (DecoderColumn) {
			.attnum = column->attnum,
			.json = dq_spec_place(reader->table, column, reader->plan->is_lookup),
			.format = column->format
		};
	}
	reader->decoder = dq_decoder_create(tupdesc, columns, n);
}

void
dq_reader_prepare(TableReader *reader, TupleDesc tupdesc, Oid userid)
{
	MemoryContext old = MemoryContextSwitchTo(reader->context);

	reader->endpoint = dq_spec_endpoint(reader->table, userid);
	if (tupdesc)
		make_decoder(reader, tupdesc);
	reader->group = dq_fetch_group(reader->parent->state->es_query_cxt);
	MemoryContextSwitchTo(old);
}

bool
dq_reader_evaluate(TableReader *reader, ConditionValue *values)
{
	ExprContext *econtext = reader->parent->ps_ExprContext;

	for (int i = 0; i < reader->plan->nconditions; i++)
	{
		const PlanCondition *condition = &reader->plan->conditions[i];
		ExprState *state;
		Datum datum;
		bool isnull;

		memset(&values[i], 0, sizeof(ConditionValue));
		if (condition->value < 0)
			continue;
		state = reader->value_states[condition->value];
		datum = ExecEvalExpr(state, econtext, &isnull);
		if (!dq_bind_value(condition, exprType((Node *) state->expr), datum, isnull, &values[i]) &&
			!condition->in_tree)
			return false;
	}
	return true;
}

/* Which rows a question asks for, in words; NULL when it names none. */
static char *
describe_keys(const void *arg)
{
	const Ask *ask = arg;
	StringInfoData names;

	if (ask->key_name == NULL)
		return NULL;
	initStringInfo(&names);
	appendStringInfo(&names, "%s ", ask->key_name);
	for (int i = 0; i < ask->nkeys && i < SHOWN_KEYS; i++)
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "",
						 pg_any_to_server(ask->keys[i], strlen(ask->keys[i]), PG_UTF8));
	if (ask->nkeys > SHOWN_KEYS)
		appendStringInfo(&names, " and %d more", ask->nkeys - SHOWN_KEYS);
	return names.data;
}

void
dq_reader_ask(TableReader *reader, OpenAsk *ask, bool keep)
{
	FetchOptions options = { .table = reader->table,
							 .endpoint = reader->endpoint,
							 .scan = reader->number,
							 .url = ask->ask.url,
							 .body = ask->ask.body,
							 .is_lookup = ask->ask.is_lookup,
							 .is_whole = ask->ask.is_whole,
							 .is_sample = ask->ask.is_sample,
							 .page = ask->ask.page,
							 .row_limit = reader->plan->row_limit,
							 .enough = reader->plan->enough,
							 .is_frugal = reader->plan->is_frugal,
							 .must_be_whole = reader->must_be_whole,
							 .describe_keys = describe_keys,
							 .describe_arg = &ask->ask,
							 .keep = keep,
							 .scope = ask->ask.scope,
							 .keys = ask->ask.alone,
							 .row_key = ask->ask.row_key,
							 .nwider = ask->ask.nwider,
							 .wider = ask->ask.wider,
							 .enough_rows = ask->enough_rows };

	memcpy(options.marks, ask->ask.marks, sizeof(options.marks));
	ask->reader = dq_fetch_start(reader->group, &options);
}

/* Adds where a row came from to an error about its content. */
static void
row_error_context(void *arg)
{
	TableReader *reader = arg;

	errcontext("foreign table \"%s\", row " INT64_FORMAT " of %s", reader->table->name,
			   reader->row.number, reader->row.request);
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
decode_row(TableReader *reader, const Ask *ask, TupleTableSlot *slot)
{
	dq_decoder_decode(reader->decoder, reader->row.bytes, reader->row.len, ask->values,
					  ask->nvalues, slot->tts_values, slot->tts_isnull);
}

static void
decode_row_with_secrets(TableReader *reader, const Ask *ask, TupleTableSlot *slot)
{
	MemoryContext context = CurrentMemoryContext;

	PG_TRY();
	{
		decode_row(reader, ask, slot);
	}
	PG_CATCH();
	{
		rethrow_redacted(reader->endpoint->credentials, context);
	}
	PG_END_TRY();
}

/*
 * Decodes the row at hand into the slot; false when it does not belong to the question that
 * brought it.
 */
static bool
store_row(TableReader *reader, const Ask *ask, TupleTableSlot *slot)
{
	MemoryContext old = MemoryContextSwitchTo(reader->parent->ps_ExprContext->ecxt_per_tuple_memory);
	ErrorContextCallback callback = { .previous = error_context_stack,
									  .callback = row_error_context,
									  .arg = reader };

	error_context_stack = &callback;
	ExecClearTuple(slot);
	if (reader->endpoint->credentials->auth == AUTH_NONE)
		decode_row(reader, ask, slot);
	else
		decode_row_with_secrets(reader, ask, slot);
	error_context_stack = callback.previous;
	MemoryContextSwitchTo(old);
	for (int i = 0; i < ask->nchecks; i++)
		if (!passes_key_check(&ask->checks[i], slot))
			return false;
	ExecStoreVirtualTuple(slot);
	return true;
}

/* True when the row at hand belongs to the question, and is in the slot then. */
static bool
take_row(TableReader *reader, const OpenAsk *ask, TupleTableSlot *slot)
{
	if (store_row(reader, &ask->ask, slot))
		return true;
	CHECK_FOR_INTERRUPTS();
	ResetExprContext(reader->parent->ps_ExprContext);
	return false;
}

bool
dq_reader_next(TableReader *reader, OpenAsk *ask, TupleTableSlot *slot)
{
	while (dq_fetch_next(ask->reader, &reader->row))
		if (take_row(reader, ask, slot))
			return true;
	return false;
}

static int64
count_rows(TableReader *reader, OpenAsk *ask)
{
	int64 rows = 0;

	while (dq_fetch_next(ask->reader, &reader->row))
	{
		rows++;
		CHECK_FOR_INTERRUPTS();
	}
	return rows;
}

int64
dq_reader_count(TableReader *reader, OpenAsk *ask)
{
	int64 rows = count_rows(reader, ask);
	FetchStats stats;

	dq_fetch_stats(ask->reader, &stats);
	if (stats.has_total && stats.total < rows)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not count foreign table \"%s\": server \"%s\" tells a total of " INT64_FORMAT
						", but sent more rows",
						reader->table->name, reader->table->service->name, stats.total),
				 errhint("Option \"total\" may lead to something else.")));
	if (stats.has_total)
		return stats.total;

	/* All rows have to come. */
	dq_reader_close(reader, ask);
	ask->ask.page = NULL;
	dq_reader_ask(reader, ask, false);
	return count_rows(reader, ask);
}

FetchResult
dq_reader_try_next(TableReader *reader, OpenAsk *ask, TupleTableSlot *slot)
{
	FetchResult result;

	while ((result = dq_fetch_try_next(ask->reader, &reader->row)) == FETCH_ROW)
		if (take_row(reader, ask, slot))
			break;
	return result;
}

void
dq_reader_close(TableReader *reader, OpenAsk *ask)
{
	if (ask->reader == NULL)
		return;
	dq_reader_add_stats(&reader->closed_stats, ask);
	dq_fetch_close(ask->reader);
	ask->reader = NULL;
}

void
dq_reader_add_stats(FetchStats *sum, const OpenAsk *ask)
{
	FetchStats stats;

	if (ask->reader == NULL)
		return;
	dq_fetch_stats(ask->reader, &stats);
	for (int i = 0; i < FETCH_ORIGINS; i++)
		sum->origins[i] += stats.origins[i];
	sum->is_partial |= stats.is_partial;
	sum->age_ms = Max(sum->age_ms, stats.age_ms);
	if (stats.cache_store)
		sum->cache_store = stats.cache_store;
	sum->keys_found += stats.is_shared ? 0 : stats.keys_found;
	sum->keys_asked += stats.is_shared ? 0 : stats.keys_asked;
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
