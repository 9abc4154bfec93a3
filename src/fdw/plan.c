/*
 * plan.c
 *	  Row estimates of a foreign table, and the plan node of the path that won.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/clause_tree.h"
#include "fdw/count.h"
#include "fdw/extent.h"
#include "fdw/fdw.h"
#include "fdw/plan_data.h"
#include "fdw/relation.h"
#include "fetch/strategy.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "optimizer/planmain.h"
#include "optimizer/restrictinfo.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"

List *
dq_relation_clauses(List *restrict_infos)
{
	List *clauses = NIL;
	ListCell *cell;

	foreach(cell, restrict_infos)
	{
		RestrictInfo *info = lfirst_node(RestrictInfo, cell);

		if (!info->pseudoconstant)
			clauses = lappend(clauses, info->clause);
	}
	return clauses;
}

/* Finds out whether this transaction has the table's rows already, and how many they are. */
static void
note_stored_rows(PlannerInfo *root, RelOptInfo *rel, RelationPlan *plan)
{
	Oid user;
	int64 rows;

	if (dq_strategy(plan->table) != STRATEGY_STORE)
		return;
	user = dq_rel_checked_user(root, rel);
	plan->endpoint = dq_spec_endpoint(plan->table, OidIsValid(user) ? user : GetUserId());
	plan->is_stored = dq_store_has_whole(plan->table, plan->endpoint, &rows);
	if (plan->is_stored)
		dq_cost_is_stored(&plan->facts, rows);
}

bool
dq_relation_is_ours(const RelOptInfo *rel)
{
	return (rel->reloptkind == RELOPT_BASEREL || rel->reloptkind == RELOPT_OTHER_MEMBER_REL) &&
		rel->rtekind == RTE_RELATION && rel->fdwroutine && rel->fdw_private &&
		rel->fdwroutine->GetForeignRelSize == dqGetForeignRelSize;
}

void
dqGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	RelationPlan *plan = palloc0(sizeof(RelationPlan));

	plan->table = dq_spec_for_table(relid);
	dq_clause_choose(plan->table, rel->relid, dq_relation_clauses(rel->baserestrictinfo),
					 &plan->choice);
	rel->fdw_private = plan;
	plan->facts = dq_cost_facts(plan->table);
	/* What ANALYZE found; negative where it never ran. */
	if (!plan->facts.has_learned_rows && rel->tuples >= 0)
		plan->facts.rows = rel->tuples;
	note_stored_rows(root, rel, plan);
	rel->tuples = clamp_row_est(plan->facts.rows);
	set_baserel_size_estimates(root, rel);
	if (plan->choice.binds_key)
		rel->rows = 1;
}

/* The name of a value that comes from an outer row, "" for any other. */
static char *
value_name(PlannerInfo *root, Node *value)
{
	while (IsA(value, RelabelType))
		value = (Node *) ((RelabelType *) value)->arg;
	if (!IsA(value, Var))
		return "";

	Var *var = (Var *) value;
	RangeTblEntry *rte = planner_rt_fetch(var->varno, root);

	return psprintf("%s.%s", quote_identifier(rte->eref->aliasname),
					quote_identifier(get_rte_attribute_name(rte, var->varattno)));
}

/* Adds a condition; its value becomes an expression of the plan. */
static void
add_condition(PlannerInfo *root, PlanData *data, const ClauseMatch *match, List **exprs)
{
	PlanCondition *condition = &data->conditions[data->nconditions++];

	condition->attnum = match->attnum;
	condition->op = match->op;
	condition->value = -1;
	condition->is_array = match->is_array;
	condition->is_exact = match->is_exact;
	condition->key = match->key;
	if (match->value == NULL || match->key > 0)
		return;
	condition->value = list_length(*exprs);
	*exprs = lappend(*exprs, match->value);
	data->markers = lappend(data->markers, makeString(value_name(root, (Node *) match->value)));
}

static int
count_leaves(const ClauseTree *tree)
{
	int leaves = tree->kind == BOUND_CONDITION;
	ListCell *cell;

	foreach(cell, tree->parts)
		leaves += count_leaves(lfirst(cell));
	return leaves;
}

/* Writes a tree in prefix order, its conditions behind those that are there. */
static List *
add_tree(PlannerInfo *root, PlanData *data, const ClauseTree *tree, List *code, List **exprs)
{
	ListCell *cell;

	code = lappend_int(code, tree->kind);
	if (tree->kind == BOUND_CONDITION)
	{
		code = lappend_int(code, data->nconditions);
		add_condition(root, data, tree->leaf, exprs);
		data->conditions[data->nconditions - 1].in_tree = true;
		return code;
	}
	code = lappend_int(code, list_length(tree->parts));
	foreach(cell, tree->parts)
		code = add_tree(root, data, lfirst(cell), code, exprs);
	return code;
}

static void
add_trees(PlannerInfo *root, PlanData *data, const ScanChoice *choice, List **exprs, List **recheck)
{
	ListCell *cell;

	data->trees = palloc0(sizeof(PlanTree) * Max(list_length(choice->trees), 1));
	foreach(cell, choice->trees)
	{
		const TreeMatch *match = lfirst(cell);
		PlanTree *tree = &data->trees[data->ntrees++];

		tree->is_exact = match->is_exact;
		tree->code = add_tree(root, data, match->tree, NIL, exprs);
		if (match->is_exact)
			*recheck = lappend(*recheck, match->clause);
	}
}

void
dq_relation_add_conditions(PlannerInfo *root, PlanData *data, const ScanChoice *choice,
						   List **exprs, List **recheck)
{
	ListCell *cell;
	int leaves = 0;

	foreach(cell, choice->trees)
		leaves += count_leaves(((TreeMatch *) lfirst(cell))->tree);
	data->is_lookup = choice->is_lookup;
	data->conditions = palloc0(sizeof(PlanCondition) * Max(list_length(choice->asked) + leaves, 1));
	foreach(cell, choice->asked)
	{
		const ClauseMatch *match = lfirst(cell);

		add_condition(root, data, match, exprs);
		if (match->is_exact)
			*recheck = lappend(*recheck, match->clause);
	}
	add_trees(root, data, choice, exprs, recheck);
	data->nvalues = list_length(*exprs);
}

/* Clauses for EXPLAIN: in fdw_exprs, so that setrefs.c keeps their Vars and Params right. */
static void
add_clauses_for_explain(PlanData *data, const ScanChoice *choice, List **exprs)
{
	ListCell *cell;
	ListCell *reason;

	foreach(cell, choice->asked)
		*exprs = lappend(*exprs, ((ClauseMatch *) lfirst(cell))->clause);
	foreach(cell, choice->trees)
		*exprs = lappend(*exprs, ((TreeMatch *) lfirst(cell))->clause);
	data->nasked = list_length(choice->asked) + list_length(choice->trees);
	forboth(cell, choice->local, reason, choice->reasons)
	{
		if (contain_subplans(lfirst(cell)))
			continue;
		*exprs = lappend(*exprs, lfirst(cell));
		data->reasons = lappend(data->reasons, makeString(lfirst(reason)));
	}
}

List *
dq_relation_plan_choice(PlannerInfo *root, const ScanChoice *choice, PlanData *data, List **recheck)
{
	List *exprs = NIL;

	dq_relation_add_conditions(root, data, choice, &exprs, recheck);
	data->missing = choice->missing;
	add_clauses_for_explain(data, choice, &exprs);
	return exprs;
}

ForeignScan *
dqGetForeignPlan(PlannerInfo *root, RelOptInfo *rel, Oid relid, ForeignPath *path, List *tlist,
				 List *scan_clauses, Plan *outer_plan)
{
	RelationPlan *plan = rel->fdw_private;
	List *clauses = extract_actual_clauses(scan_clauses, false);
	List *recheck = NIL;
	PlanData data = { 0 };
	ScanChoice choice;

	if (rel->reloptkind == RELOPT_UPPER_REL)
		return dq_count_plan(root, rel, path, tlist);
	dq_clause_choose(plan->table, rel->relid, clauses, &choice);

	List *exprs = dq_relation_plan_choice(root, &choice, &data, &recheck);

	List *quals = list_difference(clauses, recheck);

	data.retrieved = dq_extent_columns(rel, quals, &choice);
	data.fields = dq_extent_fields(root, rel, &choice, data.retrieved);
	/* A sort above reads all rows before it gives one. */
	data.is_frugal = root->tuple_fraction > 0 &&
		pathkeys_contained_in(root->query_pathkeys, path->path.pathkeys);
	/* What is stored is stored whole. */
	if (dq_strategy(plan->table) != STRATEGY_STORE)
		data.row_limit = dq_extent_row_limit(root, &choice, path->path.pathkeys);
	if (dq_strategy(plan->table) == STRATEGY_LIVE && dq_extent_is_exact(plan->table, &choice))
		data.enough = data.row_limit;
	/* All of these rows will be read. */
	if (data.enough > 0)
		data.is_frugal = false;
	if (path->path.pathkeys != NIL)
	{
		List *sort = dq_relation_sort(root, rel, plan);
		ListCell *cell;

		data.nsort = list_length(sort);
		data.sort = palloc0(sizeof(PlanSort) * Max(data.nsort, 1));
		foreach(cell, sort)
			data.sort[foreach_current_index(cell)] = *(PlanSort *) lfirst(cell);
	}
	return make_foreignscan(tlist, quals, rel->relid, exprs, dq_plan_data_write(&data), NIL,
							recheck, outer_plan);
}
