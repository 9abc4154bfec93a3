/*
 * explain.c
 *	  EXPLAIN of a foreign scan: the request as it will be sent, what is asked, what stays local
 *	  and why; with ANALYZE, what it took.
 *
 * A value that is known only when the query runs (a parameter, a column of an outer row) is shown
 * as {expression} in the URL.  Credentials are never part of a URL here: they are added on the
 * wire.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "commands/explain.h"
#include "compat.h"
#include "executor/executor.h"
#include "fdw/explain.h"
#include "fdw/explain_waterfall.h"
#include "fdw/fdw.h"
#include "fdw/scan.h"
#include "fetch/strategy.h"
#include "mb/pg_wchar.h"
#include "nodes/nodeFuncs.h"
#include "request/url.h"
#include "utils/builtins.h"
#include "utils/ruleutils.h"

static char *
deparse(TableReader *reader, ExplainState *es, Node *expr)
{
	List *context = set_deparse_context_plan(es->deparse_cxt, reader->parent->plan, NIL);

	/* A join's clauses are about several tables. */
	return deparse_expression(expr, context, es->verbose || !IsA(reader->parent, ForeignScanState),
							  false);
}

/* True for values that are not there yet, or that only the query itself may raise errors about. */
static bool
is_unknown(Node *expr, EState *estate)
{
	if (expr == NULL)
		return false;
	if (!dq_value_is_plain(expr))
		return true;
	if (IsA(expr, Param))
	{
		Param *param = (Param *) expr;
		ParamListInfo params = estate->es_param_list_info;

		return param->paramkind != PARAM_EXTERN || params == NULL ||
			param->paramid > params->numParams;
	}
	return expression_tree_walker(expr, is_unknown, estate);
}

/* What stands for a value that is not known yet. */
static char *
value_marker(TableReader *reader, List *exprs, ExplainState *es, int value)
{
	const char *name = strVal(list_nth(reader->plan->markers, value));

	return psprintf("{%s}", name[0] ? name : deparse(reader, es, list_nth(exprs, value)));
}

/* The same for a key of a lookup join; keys stand behind the clauses. */
static char *
key_marker(TableReader *reader, List *exprs, ExplainState *es, int key)
{
	int first = reader->plan->nvalues + reader->plan->nasked + list_length(reader->plan->reasons);

	return psprintf("{%s}", deparse(reader, es, list_nth(exprs, first + key - 1)));
}

/* Values of all conditions as far as they are known; false when no row can satisfy them. */
static bool
preview_values(TableReader *reader, List *exprs, ExplainState *es, ConditionValue *values)
{
	for (int i = 0; i < reader->plan->nconditions; i++)
	{
		const PlanCondition *condition = &reader->plan->conditions[i];
		ExprState *state;
		Datum datum;
		bool isnull;

		if (condition->key > 0)
		{
			values[i].is_unknown = true;
			values[i].nvalues = 1;
			values[i].marker = key_marker(reader, exprs, es, condition->key);
			continue;
		}
		if (condition->value < 0)
			continue;
		state = reader->value_states[condition->value];
		if (is_unknown((Node *) state->expr, reader->parent->state))
		{
			values[i].is_unknown = true;
			values[i].nvalues = 1;
			values[i].marker = value_marker(reader, exprs, es, condition->value);
			continue;
		}
		datum = ExecEvalExpr(state, reader->parent->ps_ExprContext, &isnull);
		if (!dq_bind_value(condition, exprType((Node *) state->expr), datum, isnull, &values[i]) &&
			!condition->in_tree)
			return false;
	}
	return true;
}

/* Bodies are UTF-8; all that they are made of came from this database. */
static char *
from_service_text(const char *text)
{
	return pg_any_to_server(text, strlen(text), PG_UTF8);
}

/* What a POST sends; of GraphQL the query and its variables, each as it is. */
static void
explain_body(const TableSpec *table, const char *body, ExplainState *es)
{
	JsonSlice whole = { body, strlen(body), JSONK_OBJECT, false };
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice value;
	JsonError ignored;

	if (table->graphql == NULL)
	{
		ExplainPropertyText("Body", from_service_text(body), es);
		return;
	}
	dq_json_iterate(&iterator, &whole);
	while (dq_json_iterator_next(&iterator, &key, &value))
	{
		StringInfoData text;

		initStringInfo(&text);
		if (value.kind != JSONK_STRING || !dq_json_string_append(&text, &value, &ignored))
			appendBinaryStringInfo(&text, value.start, (int) value.len);
		ExplainPropertyText(value.kind == JSONK_STRING ? "Query" : "Variables",
							from_service_text(text.data), es);
	}
}

/* Puts markers back that were percent-encoded on their way into the URL. */
static char *
show_markers(const PlanData *plan, const ConditionValue *values, char *url)
{
	for (int i = 0; i < plan->nconditions; i++)
	{
		StringInfoData encoded;

		if (!values[i].is_unknown)
			continue;
		initStringInfo(&encoded);
		dq_url_encode(&encoded, values[i].marker);

		text *replaced = DatumGetTextPP(
			DirectFunctionCall3Coll(replace_text, C_COLLATION_OID, CStringGetTextDatum(url),
									CStringGetTextDatum(encoded.data),
									CStringGetTextDatum(values[i].marker)));

		url = text_to_cstring(replaced);
	}
	return url;
}

void
dq_explain_request(TableReader *reader, List *exprs, ExplainState *es)
{
	const PlanData *plan = reader->plan;
	const TableSpec *table = reader->table;
	ConditionValue *values = palloc0(sizeof(ConditionValue) * Max(plan->nconditions, 1));
	Ask *asks;

	if (dq_strategy(table) != STRATEGY_LIVE)
		ExplainPropertyText("Strategy", dq_strategy_name(dq_strategy(table)), es);
	if (plan->is_count)
		ExplainPropertyText("Count",
							psprintf("rows of %s, by its total", quote_identifier(table->name)),
							es);
	if (plan->missing != NIL)
	{
		const ColumnSpec *column = &table->columns[linitial_int(plan->missing) - 1];

		ExplainPropertyText("Request",
							psprintf("none: column \"%s\" is not restricted", column->name), es);
		return;
	}
	if (!preview_values(reader, exprs, es, values))
	{
		ExplainPropertyText("Request", "none: a condition is true for no row", es);
		return;
	}

	int nasks = dq_bind_asks(table, plan, values, &asks);

	if (nasks == 0)
	{
		ExplainPropertyText("Request", "none: a condition is true for no row", es);
		return;
	}

	char *url = asks[0].url;
	PagePosition first = { 0 };

	if (!asks[0].is_lookup)
	{
		PagingState *paging = dq_paging_create(&table->paging, url);

		first = plan->is_count ? dq_paging_smallest(&table->paging) :
								 dq_paging_first(paging, plan->row_limit);
		url = dq_paging_url(&table->paging, url, &first);
	}
	ExplainPropertyText("Request",
						psprintf("%s %s", asks[0].body ? "POST" : "GET",
								 show_markers(plan, values, url)),
						es);
	if (asks[0].body)
		explain_body(table, dq_body_text(asks[0].body, &first), es);
	if (nasks > 1)
		ExplainPropertyInteger("Questions", NULL, nasks, es);
}

/* The same for a count, whose plan has no columns of the table. */
static char *
counted_clause(TableReader *reader, List *exprs, ExplainState *es, const PlanCondition *condition)
{
	const char *name = quote_identifier(reader->table->columns[condition->attnum - 1].name);

	if (condition->value < 0)
		return psprintf("(%s IS %s)", name, condition->op == COND_NULL ? "NULL" : "NOT NULL");
	return psprintf("(%s %s %s)", name,
					condition->is_array ? "= ANY" : dq_condition_op_name(condition->op),
					deparse(reader, es, list_nth(exprs, condition->value)));
}

/* A condition that is asked, as SQL. */
static char *
asked_clause(TableReader *reader, List *exprs, ExplainState *es, int i)
{
	const PlanCondition *condition = &reader->plan->conditions[i];
	const char *marker = condition->value < 0 ?
		"" :
		strVal(list_nth(reader->plan->markers, condition->value));

	if (marker[0] == '\0')
		return deparse(reader, es, list_nth(exprs, reader->plan->nvalues + i));
	return psprintf("(%s %s %s)",
					quote_identifier(reader->table->columns[condition->attnum - 1].name),
					condition->is_array ? "= ANY" : dq_condition_op_name(condition->op), marker);
}

void
dq_explain_clauses(TableReader *reader, List *exprs, ExplainState *es)
{
	const PlanData *plan = reader->plan;
	List *asked = NIL;
	List *local = NIL;
	ListCell *cell;
	int next = plan->nvalues + plan->nasked;

	for (int i = 0; i < plan->nasked - plan->ntrees; i++)
		asked = lappend(asked,
						psprintf("%s%s", asked_clause(reader, exprs, es, i),
								 plan->conditions[i].is_exact ? " (trusted)" : ""));
	for (int i = 0; i < plan->ntrees; i++)
		asked = lappend(asked,
						psprintf("%s%s",
								 deparse(reader, es, list_nth(exprs, next - plan->ntrees + i)),
								 plan->trees[i].is_exact ? " (trusted)" : ""));
	foreach(cell, plan->reasons)
		local = lappend(local,
						psprintf("%s: %s", deparse(reader, es, list_nth(exprs, next++)),
								 strVal(lfirst(cell))));
	for (int i = 0; plan->is_count && i < plan->nconditions; i++)
		if (!plan->conditions[i].in_tree)
			asked = lappend(asked,
							psprintf("%s (trusted)",
									 counted_clause(reader, exprs, es, &plan->conditions[i])));
	if (asked != NIL)
		ExplainPropertyList("Asked", asked, es);
	if (local != NIL)
		ExplainPropertyList("Local", local, es);
}

/* "fetched 1, found 2": questions by where their rows came from; NULL for a table that is asked. */
static char *
store_text(const FetchStats *stats)
{
	if (stats->origins[FETCH_STORING] + stats->origins[FETCH_STORED] == 0)
		return NULL;
	return psprintf("fetched " INT64_FORMAT ", found " INT64_FORMAT, stats->origins[FETCH_STORING],
					stats->origins[FETCH_STORED]);
}

/* The same of the cache. */
static char *
cache_text(const FetchStats *stats)
{
	static const struct
	{
		FetchOrigin origin;
		const char *name;
	} events[] = { { FETCH_HIT, "hit" },
				   { FETCH_MISSED, "miss" },
				   { FETCH_STALE, "stale" },
				   { FETCH_COALESCED, "coalesced" },
				   { FETCH_CONFIRMED, "confirmed" } };
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < lengthof(events); i++)
		if (stats->origins[events[i].origin] > 0)
			appendStringInfo(&text, "%s%s " INT64_FORMAT, text.len ? ", " : "", events[i].name,
							 stats->origins[events[i].origin]);
	if (text.len && stats->keys_found + stats->keys_asked > 0)
		appendStringInfo(&text, " (" INT64_FORMAT " of " INT64_FORMAT " keys found)",
						 stats->keys_found, stats->keys_found + stats->keys_asked);
	return text.len ? text.data : NULL;
}

static void
indent_text(ExplainState *es)
{
	appendStringInfoSpaces(es->str, es->indent * 2);
}

void
dq_explain_stats(const FetchStats *stats, ExplainState *es)
{
	char *store = store_text(stats);
	char *cache = cache_text(stats);

	if (store)
		ExplainPropertyText("Store", store, es);
	if (cache)
		ExplainPropertyText("Cache", cache, es);
	if (cache && stats->cache_store)
		ExplainPropertyText("Cache Store", stats->cache_store, es);
	if (cache && es->timing && stats->age_ms > 0)
		ExplainPropertyFloat("Age", "ms", (double) stats->age_ms, 0, es);
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		indent_text(es);
		appendStringInfo(es->str,
						 "Requests: " INT64_FORMAT "  Pages: " INT64_FORMAT "  Rows: " INT64_FORMAT
						 "  Bytes: " INT64_FORMAT "  Retries: " INT64_FORMAT
						 "  Connections: " INT64_FORMAT "%s%s\n",
						 stats->requests, stats->pages, stats->rows, stats->bytes, stats->retries,
						 stats->connections,
						 stats->is_shared && !store ? "  (shares another scan's)" : "",
						 stats->is_partial ? "  (incomplete)" : "");
		if (!es->timing)
			return;
		indent_text(es);
		appendStringInfo(es->str, "First Byte: %.3f ms  Fetch Time: %.3f ms\n",
						 stats->first_byte_ms, stats->total_ms);
		return;
	}
	ExplainPropertyInteger("Requests", NULL, stats->requests, es);
	ExplainPropertyInteger("Pages", NULL, stats->pages, es);
	ExplainPropertyInteger("Rows Received", NULL, stats->rows, es);
	ExplainPropertyInteger("Bytes Received", "bytes", stats->bytes, es);
	ExplainPropertyInteger("Retries", NULL, stats->retries, es);
	ExplainPropertyInteger("Connections Opened", NULL, stats->connections, es);
	ExplainPropertyBool("Answer Shared", stats->is_shared, es);
	ExplainPropertyBool("Answer Incomplete", stats->is_partial, es);
	if (es->timing)
	{
		ExplainPropertyFloat("First Byte", "ms", stats->first_byte_ms, 3, es);
		ExplainPropertyFloat("Fetch Time", "ms", stats->total_ms, 3, es);
	}
}

void
dqExplainForeignScan(ForeignScanState *node, ExplainState *es)
{
	DqScanState *scan = node->fdw_state;
	List *exprs = ((ForeignScan *) node->ss.ps.plan)->fdw_exprs;

	dq_explain_request(scan->reader, exprs, es);
	dq_explain_clauses(scan->reader, exprs, es);
	if (es->analyze)
	{
		FetchStats stats = dq_scan_stats(scan);

		dq_explain_stats(&stats, es);
		dq_explain_waterfall(scan->reader, es);
	}
}
