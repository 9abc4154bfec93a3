/*
 * extent.c
 *	  How much of a table a scan asks for: which members of its rows, and how many rows.
 *
 * Answers are shared by scans that send the same request.  Where members are asked for by name, two
 * scans of one table with the same conditions would send two requests that differ in nothing else;
 * so both ask for the members that either needs.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "fdw/clause_tree.h"
#include "fdw/extent.h"
#include "fetch/strategy.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/paths.h"
#include "parser/parsetree.h"

bool
dq_extent_is_exact(const TableSpec *table, const ScanChoice *choice)
{
	ListCell *cell;

	if (!table->trust_exact || choice->is_lookup || choice->local != NIL || choice->missing != NIL)
		return false;
	foreach(cell, choice->asked)
		if (!((ClauseMatch *) lfirst(cell))->is_exact)
			return false;
	foreach(cell, choice->trees)
		if (!((TreeMatch *) lfirst(cell))->is_exact)
			return false;
	return true;
}

int64
dq_extent_row_limit(PlannerInfo *root, const ScanChoice *choice, List *pathkeys)
{
	Query *parse = root->parse;

	if (root->limit_tuples <= 0 || root->limit_tuples > 1e15 ||
		bms_membership(root->all_baserels) != BMS_SINGLETON ||
		parse->limitOption == LIMIT_OPTION_WITH_TIES || parse->hasTargetSRFs ||
		parse->rowMarks != NIL || choice->local != NIL || choice->missing != NIL ||
		!pathkeys_contained_in(root->query_pathkeys, pathkeys))
		return 0;
	return (int64) root->limit_tuples;
}

List *
dq_extent_columns(RelOptInfo *rel, List *clauses, const ScanChoice *choice)
{
	const TableSpec *table = ((RelationPlan *) rel->fdw_private)->table;
	Bitmapset *used = NULL;
	List *attnums = NIL;
	ListCell *cell;

	pull_varattnos((Node *) rel->reltarget->exprs, rel->relid, &used);
	foreach(cell, clauses)
		pull_varattnos(lfirst(cell), rel->relid, &used);
	foreach(cell, choice->asked)
	{
		const ClauseMatch *match = lfirst(cell);

		if (match->op == COND_IN)
			used = bms_add_member(used, match->attnum - FirstLowInvalidHeapAttributeNumber);
	}

	bool wants_all = bms_is_member(-FirstLowInvalidHeapAttributeNumber, used);

	for (int i = 0; i < table->natts; i++)
		if (!table->columns[i].is_dropped &&
			(wants_all || bms_is_member(i + 1 - FirstLowInvalidHeapAttributeNumber, used)))
			attnums = lappend_int(attnums, i + 1);
	return attnums;
}

/* True when two scans of one table ask the same conditions with the same values. */
static bool
asks_same(const ScanChoice *a, const ScanChoice *b)
{
	ListCell *left;
	ListCell *right;

	if (list_length(a->asked) != list_length(b->asked) || a->trees != NIL || b->trees != NIL ||
		a->is_lookup || b->is_lookup)
		return false;
	forboth(left, a->asked, right, b->asked)
	{
		const ClauseMatch *one = lfirst(left);
		const ClauseMatch *other = lfirst(right);

		if (one->attnum != other->attnum || one->op != other->op ||
			!equal(one->value, other->value))
			return false;
	}
	return true;
}

/* The columns that other scans need of an answer that this one could share with them. */
static List *
add_columns_of_others(PlannerInfo *root, RelOptInfo *rel, const ScanChoice *choice, List *needed)
{
	Oid relid = planner_rt_fetch(rel->relid, root)->relid;

	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *other = root->simple_rel_array[i];
		const RelationPlan *plan;

		if (other == NULL || other == rel ||
			(other->reloptkind != RELOPT_BASEREL && other->reloptkind != RELOPT_OTHER_MEMBER_REL) ||
			planner_rt_fetch(i, root)->rtekind != RTE_RELATION ||
			planner_rt_fetch(i, root)->relid != relid || other->fdw_private == NULL)
			continue;
		plan = other->fdw_private;
		if (asks_same(choice, &plan->choice))
			needed = list_union_int(needed,
									dq_extent_columns(other,
													  dq_relation_clauses(other->baserestrictinfo),
													  &plan->choice));
	}
	return needed;
}

/*
 * The columns of the key are always among those asked for: without them, two pages may well have
 * the same content, which is what paging takes for an error.  False when there is no key.
 */
static bool
add_key(const TableSpec *table, List **needed)
{
	bool has_key = false;

	for (int i = 0; i < table->natts; i++)
	{
		if (table->columns[i].is_dropped || !table->columns[i].is_key)
			continue;
		*needed = list_append_unique_int(*needed, i + 1);
		has_key = true;
	}
	return has_key;
}

List *
dq_extent_fields(PlannerInfo *root, RelOptInfo *rel, const ScanChoice *choice, List *needed)
{
	const TableSpec *table = ((RelationPlan *) rel->fdw_private)->table;
	bool has_field = false;
	ListCell *cell;

	/* What is kept for others is kept whole. */
	if (table->spell_fields == NULL || choice->is_lookup || dq_strategy(table) != STRATEGY_LIVE)
		return NIL;
	needed = add_columns_of_others(root, rel, choice, list_copy(needed));
	if (!add_key(table, &needed) && table->paging.kind != PAGING_NONE)
		return NIL;
	foreach(cell, needed)
	{
		const char *member = table->columns[lfirst_int(cell) - 1].member;

		if (member == NULL)
			return NIL;
		has_field |= member[0] != '\0';
	}
	return has_field ? needed : NIL;
}
