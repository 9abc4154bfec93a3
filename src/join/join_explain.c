/*
 * join_explain.c
 *	  EXPLAIN of a lookup join: the request for a batch of keys, and with ANALYZE how many outer rows
 *	  became how many keys in how many batches.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "compat.h"
#include "fdw/explain.h"
#include "fdw/explain_waterfall.h"
#include "join/join_exec.h"

static const char *
type_name(JoinType type)
{
	switch (type)
	{
		case JOIN_INNER:
			return "Inner";
		case JOIN_LEFT:
			return "Left";
		case JOIN_SEMI:
			return "Semi";
		default:
			return "Anti";
	}
}

static void
explain_counters(const JoinCounters *counters, ExplainState *es)
{
	if (es->format == EXPLAIN_FORMAT_TEXT)
	{
		appendStringInfoSpaces(es->str, es->indent * 2);
		appendStringInfo(es->str,
						 "Outer Rows: " INT64_FORMAT "  Null Keys: " INT64_FORMAT
						 "  Distinct Keys: " INT64_FORMAT "  Not Found: " INT64_FORMAT "\n",
						 counters->outer_rows, counters->null_keys, counters->keys,
						 counters->not_found);
		appendStringInfoSpaces(es->str, es->indent * 2);
		appendStringInfo(es->str,
						 "Batches: " INT64_FORMAT "  Smallest: %d keys  Largest: %d keys"
						 "  Strangers: " INT64_FORMAT "\n",
						 counters->batches, counters->smallest_batch, counters->largest_batch,
						 counters->strangers);
		return;
	}
	ExplainPropertyInteger("Outer Rows", NULL, counters->outer_rows, es);
	ExplainPropertyInteger("Null Keys", NULL, counters->null_keys, es);
	ExplainPropertyInteger("Distinct Keys", NULL, counters->keys, es);
	ExplainPropertyInteger("Keys Not Found", NULL, counters->not_found, es);
	ExplainPropertyInteger("Key Batches", NULL, counters->batches, es);
	ExplainPropertyInteger("Smallest Batch", "keys", counters->smallest_batch, es);
	ExplainPropertyInteger("Largest Batch", "keys", counters->largest_batch, es);
	ExplainPropertyInteger("Strangers", NULL, counters->strangers, es);
}

void
dqExplainLookupJoin(CustomScanState *node, List *ancestors, ExplainState *es)
{
	LookupJoinState *join = (LookupJoinState *) node;
	List *exprs = ((CustomScan *) node->ss.ps.plan)->custom_exprs;

	ExplainPropertyText("Join Type", type_name(join->plan->type), es);
	ExplainPropertyText("Inner Table", join->reader->table->name, es);
	dq_explain_request(join->reader, exprs, es);
	dq_explain_clauses(join->reader, exprs, es);
	if (es->analyze)
	{
		explain_counters(&join->counters, es);
		dq_explain_stats(&join->reader->closed_stats, es);
		dq_explain_waterfall(join->reader, es);
	}
}
