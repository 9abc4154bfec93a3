/*
 * paths.c
 *	  Ways to scan a foreign table: as a whole, in the service's order, or once for each outer row.
 *
 * A parameterized path asks with values of another relation's rows.  It is made for every join
 * clause that the service can be asked, equalities implied by others included, so that a table
 * with required columns finds a plan that restricts them.  What asking costs is cost.c's matter.
 */
#include "postgres.h"

#include <math.h>

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "distquery.h"
#include "fdw/clause_tree.h"
#include "fdw/fdw.h"
#include "fdw/plan_data.h"
#include "fdw/relation.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/typcache.h"

/* Questions that a choice is asked in: lists go out in parts, each value alone in a path. */
static double
questions_of(PlannerInfo *root, const TableSpec *table, const ScanChoice *choice)
{
	double questions = 1;
	ListCell *cell;

	foreach(cell, choice->asked)
	{
		const ClauseMatch *match = lfirst(cell);
		const ColumnSpec *column = &table->columns[match->attnum - 1];

		if (!match->is_array)
			continue;

		double values = dq_estimate_array_length(root, (Node *) match->value);
		bool is_alone = !dq_column_lists(column, choice->is_lookup);

		questions *= is_alone ? values : ceil(values / table->max_batch);
	}
	return Max(questions, 1);
}

/* Rows that the service sends for a choice, before local clauses. */
static double
rows_sent(PlannerInfo *root, RelOptInfo *rel, const ScanChoice *choice)
{
	List *clauses = NIL;
	ListCell *cell;

	if (choice->binds_key)
		return 1;
	foreach(cell, choice->asked)
		clauses = lappend(clauses, ((ClauseMatch *) lfirst(cell))->clause);
	foreach(cell, choice->trees)
		clauses = lappend(clauses, ((TreeMatch *) lfirst(cell))->clause);
	return clamp_row_est(rel->tuples *
						 clauselist_selectivity(root, clauses, rel->relid, JOIN_INNER, NULL));
}

/* True for a scan that is asked when the query starts. */
static bool
is_prefetched(const RelOptInfo *rel)
{
	const RelationPlan *plan = rel->fdw_private;

	return dq_prefetch && plan->table->prefetch && !plan->is_stored &&
		plan->choice.missing == NIL && bms_is_empty(rel->lateral_relids);
}

/* Scans of the query that wait for their services at the same time as this one, itself included. */
static double
scans_at_once(const PlannerInfo *root, const RelOptInfo *rel)
{
	double scans = 0;

	if (!is_prefetched(rel))
		return 1;
	for (int i = 1; i < root->simple_rel_array_size; i++)
	{
		RelOptInfo *other = root->simple_rel_array[i];

		if (other && dq_relation_is_ours(other) && !IS_DUMMY_REL(other) && is_prefetched(other))
			scans++;
	}
	return Max(scans, 1);
}

/*
 * What a scan with these clauses costs: asking, checking again here, and the output.  Some scans
 * wait together.
 */
static void
cost_scan(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan, const ScanChoice *choice,
		  double together, List *clauses, Cost *startup, Cost *total)
{
	CostFacts facts = choice->is_lookup ? dq_cost_unpaged(plan->facts) : plan->facts;
	double rows = rows_sent(root, rel, choice);

	facts.scans_at_once = together;

	FetchCost fetch = dq_cost_scan(&facts, questions_of(root, plan->table, choice), rows);
	QualCost check;

	cost_qual_eval(&check, clauses, root);
	*startup = fetch.startup + check.startup + rel->reltarget->cost.startup;
	*total = fetch.total + check.startup + rel->reltarget->cost.startup +
		rows * (check.per_tuple + rel->reltarget->cost.per_tuple);
}

/* One key of the query's order as something the service can sort by; false when it cannot. */
static bool
sort_key(const TableSpec *table, RelOptInfo *rel, const PathKey *key, PlanSort *sort)
{
	EquivalenceClass *class = key->pk_eclass;
	ListCell *cell;

	if (class->ec_has_volatile)
		return false;
	foreach(cell, class->ec_members)
	{
		EquivalenceMember *member = lfirst(cell);
		Var *var = (Var *) member->em_expr;

		if (!IsA(var, Var) || var->varno != rel->relid || var->varattno <= 0)
			continue;

		const ColumnSpec *column = &table->columns[var->varattno - 1];
		TypeCacheEntry *type = lookup_type_cache(column->type, TYPECACHE_BTREE_OPFAMILY);
		bool is_descending = dq_pathkey_is_descending(key);
		bool nulls_first = (column->sort == SORT_NULLS_FIRST) != is_descending;

		/* The labels of an enum have an order that no service knows. */
		if (column->sort == SORT_NONE || !column->trust_exact ||
			get_typtype(getBaseType(column->type)) == TYPTYPE_ENUM ||
			key->pk_opfamily != type->btree_opf || key->pk_nulls_first != nulls_first ||
			(OidIsValid(class->ec_collation) && class->ec_collation != C_COLLATION_OID))
			continue;
		sort->attnum = column->attnum;
		sort->is_descending = is_descending;
		return true;
	}
	return false;
}

List *
dq_relation_sort(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan)
{
	List *keys = NIL;
	ListCell *cell;

	if (root->query_pathkeys == NIL || plan->table->spell_sort == NULL || plan->choice.is_lookup)
		return NIL;
	foreach(cell, plan->choice.asked)
	{
		const ClauseMatch *match = lfirst(cell);

		if (match->op == COND_IN)
			return NIL;
	}
	foreach(cell, root->query_pathkeys)
	{
		PlanSort *sort = palloc0(sizeof(PlanSort));

		if (!sort_key(plan->table, rel, lfirst(cell), sort))
			return NIL;
		keys = lappend(keys, sort);
	}
	return keys;
}

static void
add_scan_paths(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan)
{
	Relids outer = rel->lateral_relids;
	int disabled = plan->choice.missing != NIL;
	Cost startup;
	Cost total;

	cost_scan(root, rel, plan, &plan->choice, scans_at_once(root, rel),
			  dq_relation_clauses(rel->baserestrictinfo), &startup, &total);
	add_path(rel,
			 (Path *) dq_create_foreignscan_path(root, rel, rel->rows, disabled, startup, total,
												 NIL, outer));
	if (dq_pushdown && dq_relation_sort(root, rel, plan) != NIL)
		add_path(rel,
				 (Path *) dq_create_foreignscan_path(root, rel, rel->rows, disabled, startup,
													 total * 1.01, root->query_pathkeys, outer));
}

/* For generate_implied_equalities_for_column: one column at a time. */
typedef struct ColumnMatch
{
	const TableSpec *table;
	AttrNumber attnum;
} ColumnMatch;

static bool
column_matches(PlannerInfo *root, RelOptInfo *rel, EquivalenceClass *class,
			   EquivalenceMember *member, void *arg)
{
	const ColumnMatch *wanted = arg;
	Node *node = (Node *) member->em_expr;

	while (IsA(node, RelabelType))
		node = (Node *) ((RelabelType *) node)->arg;

	Var *var = (Var *) node;

	return IsA(var, Var) && var->varno == rel->relid && var->varattno == wanted->attnum;
}

/* Join clauses that the service could be asked with the other side's values. */
static List *
join_clauses(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan)
{
	List *candidates = list_copy(rel->joininfo);
	List *usable = NIL;
	ListCell *cell;

	for (int i = 0; rel->has_eclass_joins && i < plan->table->natts; i++)
	{
		const ColumnSpec *column = &plan->table->columns[i];
		ColumnMatch wanted = { plan->table, i + 1 };

		if (column->is_dropped || !(column->filters || column->in_path || column->in_lookup_path))
			continue;
		candidates = list_concat(candidates,
								 generate_implied_equalities_for_column(root, rel, column_matches,
																		&wanted,
																		rel->lateral_referencers));
	}
	foreach(cell, candidates)
	{
		RestrictInfo *info = lfirst(cell);
		ClauseMatch match;

		if (join_clause_is_movable_to(info, rel) &&
			dq_clause_match(plan->table, rel->relid, info->clause, &match) == NULL)
			usable = lappend(usable, info);
	}
	return usable;
}

static List *
add_distinct_relids(List *sets, Relids relids)
{
	ListCell *cell;

	foreach(cell, sets)
		if (bms_equal(lfirst(cell), relids))
			return sets;
	return lappend(sets, relids);
}

/*
 * The sets of relations whose rows could give this scan its values: one a clause, and all
 * together.
 */
static List *
outer_sets(RelOptInfo *rel, List *clauses)
{
	List *sets = NIL;
	Relids all = bms_copy(rel->lateral_relids);
	ListCell *cell;

	foreach(cell, clauses)
	{
		RestrictInfo *info = lfirst(cell);
		Relids outer = bms_union(info->clause_relids, rel->lateral_relids);

		outer = bms_del_member(outer, rel->relid);
		if (bms_is_empty(outer))
			continue;
		sets = add_distinct_relids(sets, outer);
		all = bms_add_members(all, outer);
	}
	return bms_is_empty(all) ? sets : add_distinct_relids(sets, all);
}

/*
 * For one outer row a lookup join costs what a nested loop does; for a thousand, where one was
 * expected, it makes ten requests instead of a thousand.  Where both are possible the estimate must not
 * decide.
 */
#define NESTED_LOOP_RISK 1.25

static void
add_parameterized_path(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan, Relids outer)
{
	ParamPathInfo *info = get_baserel_parampathinfo(root, rel, outer);
	List *clauses = list_concat(dq_relation_clauses(rel->baserestrictinfo),
								dq_relation_clauses(info->ppi_clauses));
	ScanChoice choice;
	Cost startup;
	Cost total;

	dq_clause_choose(plan->table, rel->relid, clauses, &choice);
	if (list_length(choice.asked) <= list_length(plan->choice.asked) && choice.missing != NIL)
		return;

	double rows = choice.binds_key ? Min(info->ppi_rows, 1) : info->ppi_rows;

	cost_scan(root, rel, plan, &choice, 1, clauses, &startup, &total);
	if (dq_lookup_join != LOOKUP_JOIN_OFF)
	{
		startup *= NESTED_LOOP_RISK;
		total *= NESTED_LOOP_RISK;
	}
	add_path(rel,
			 (Path *) dq_create_foreignscan_path(root, rel, rows, choice.missing != NIL, startup,
												 total, NIL, outer));
}

void
dqGetForeignPaths(PlannerInfo *root, RelOptInfo *rel, Oid relid)
{
	RelationPlan *plan = rel->fdw_private;
	ListCell *cell;

	add_scan_paths(root, rel, plan);
	foreach(cell, outer_sets(rel, join_clauses(root, rel, plan)))
		add_parameterized_path(root, rel, plan, lfirst(cell));
}
