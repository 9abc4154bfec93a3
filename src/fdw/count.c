/*
 * count.c
 *	  count(*) of a table by the total that its service tells.
 *
 * Where the service is trusted, and everything that restricts the table is asked exactly, the total
 * of an answer is the count: one request for the smallest page there is.  Whether the answer has a
 * total is known only when it is there; without one the rows are counted as they come (scan.c).
 */
#include "postgres.h"

#include "compat.h"
#include "distquery.h"
#include "fdw/count.h"
#include "fdw/extent.h"
#include "fdw/fdw.h"
#include "fetch/strategy.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "utils/fmgroids.h"

/* count(*), or count of something that is never NULL, over all rows. */
static bool
is_row_count(const Aggref *aggregate)
{
	if (aggregate->aggfilter || aggregate->aggdistinct != NIL || aggregate->aggorder != NIL ||
		aggregate->agglevelsup != 0 || aggregate->aggsplit != AGGSPLIT_SIMPLE)
		return false;
	if (aggregate->aggfnoid == F_COUNT_ && aggregate->aggstar)
		return true;
	if (aggregate->aggfnoid == F_COUNT_ANY && list_length(aggregate->args) == 1)
	{
		const Expr *argument = ((TargetEntry *) linitial(aggregate->args))->expr;

		return IsA(argument, Const) && !((const Const *) argument)->constisnull;
	}
	return false;
}

/* The different counts of the output; NIL when it needs anything else of the rows. */
static List *
row_counts(List *exprs)
{
	List *leaves = pull_var_clause((Node *) exprs,
								   PVC_INCLUDE_AGGREGATES | PVC_RECURSE_PLACEHOLDERS);
	List *counts = NIL;
	ListCell *cell;

	if (contain_subplans((Node *) exprs))
		return NIL;
	foreach(cell, leaves)
	{
		if (!IsA(lfirst(cell), Aggref) || !is_row_count(lfirst(cell)))
			return NIL;
		counts = list_append_unique(counts, lfirst(cell));
	}
	return counts;
}

/* True for a service that can be asked for a small page with its total. */
static bool
tells_total(const TableSpec *table)
{
	return table->trust_exact && table->paging.has_total && table->paging.kind != PAGING_NONE &&
		table->paging.size_param && table->body == NULL && table->graphql == NULL &&
		dq_strategy(table) == STRATEGY_LIVE;
}

/* True when the query asks for nothing but aggregates over all of its rows. */
static bool
is_plain_aggregate(const Query *parse)
{
	return parse->hasAggs && parse->groupClause == NIL && parse->groupingSets == NIL &&
		parse->havingQual == NULL && parse->distinctClause == NIL && !parse->hasTargetSRFs &&
		parse->rowMarks == NIL;
}

static bool
has_pseudoconstant(List *restrict_infos)
{
	ListCell *cell;

	foreach(cell, restrict_infos)
		if (lfirst_node(RestrictInfo, cell)->pseudoconstant)
			return true;
	return false;
}

void
dqGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage, RelOptInfo *input_rel,
					   RelOptInfo *output_rel, void *extra)
{
	const RelationPlan *plan = input_rel->fdw_private;
	FetchCost cost;

	if (stage != UPPERREL_GROUP_AGG || !dq_pushdown || output_rel->fdw_private ||
		input_rel->reloptkind != RELOPT_BASEREL || plan == NULL ||
		!bms_is_empty(input_rel->lateral_relids) || !is_plain_aggregate(root->parse) ||
		!tells_total(plan->table) || !dq_extent_is_exact(plan->table, &plan->choice) ||
		has_pseudoconstant(input_rel->baserestrictinfo) ||
		row_counts(output_rel->reltarget->exprs) == NIL)
		return;
	cost = dq_cost_scan(&plan->facts, 1, 1);
	add_path(output_rel,
			 (Path *) dq_create_foreign_upper_path(root, output_rel, output_rel->reltarget, 1,
												   cost.startup, cost.total, list_make1(input_rel)));
}

ForeignScan *
dq_count_plan(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path, List *tlist)
{
	RelOptInfo *input_rel = linitial(path->fdw_private);
	PlanData data = { .is_count = true };
	List *recheck = NIL;
	List *exprs = NIL;
	List *counts = NIL;
	ScanChoice choice;
	ListCell *cell;

	dq_clause_choose(((RelationPlan *) input_rel->fdw_private)->table, input_rel->relid,
					 dq_relation_clauses(input_rel->baserestrictinfo), &choice);
	dq_relation_add_conditions(root, &data, &choice, &exprs, &recheck);
	foreach(cell, row_counts(rel->reltarget->exprs))
		counts = lappend(counts,
						 makeTargetEntry(lfirst(cell), list_length(counts) + 1, NULL, false));
	return make_foreignscan(tlist, NIL, 0, exprs, dq_plan_data_write(&data), counts, NIL, NULL);
}
