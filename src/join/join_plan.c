/*
 * join_plan.c
 *	  The plan node of a lookup join.
 *
 * PostgreSQL resolves the expressions of a CustomScan against custom_scan_tlist: the outer plan's
 * columns as they come, then the inner table's columns that the query needs, then those that only
 * EXPLAIN needs.  From 16 on a column carries the outer joins that may have made it NULL, and a
 * column in an ON clause carries fewer than the same column above the join; since both stand for one
 * place in the scan tuple here, all expressions take over what the join's target says.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "compat.h"
#include "join/join_plan.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/lsyscache.h"

/* Keys of the first batch where the join may not be read to its end and the limit is not known. */
#define FIRST_BATCH_KEYS 8

static List *
integer_list_as_nodes(int count, const int64 *numbers)
{
	List *nodes = NIL;

	for (int i = 0; i < count; i++)
		nodes = lappend(nodes, makeString(psprintf(INT64_FORMAT, numbers[i])));
	return nodes;
}

static int64
nth_number(List *nodes, int n)
{
	return strtoll(strVal(list_nth(nodes, n)), NULL, 10);
}

List *
dq_join_facts_write(const JoinPathFacts *facts)
{
	int64 numbers[] = { facts->type, facts->has_single_match, facts->inner_relid };

	return list_make2(integer_list_as_nodes(lengthof(numbers), numbers), facts->restrictlist);
}

JoinPathFacts
dq_join_facts_read(List *custom_private)
{
	List *numbers = linitial(custom_private);

	return (JoinPathFacts) { .type = nth_number(numbers, 0),
							 .has_single_match = nth_number(numbers, 1) != 0,
							 .inner_relid = nth_number(numbers, 2),
							 .restrictlist = lsecond(custom_private) };
}

List *
dq_join_plan_write(const JoinPlan *plan)
{
	int64 numbers[] = { plan->type,		   plan->has_single_match, plan->is_unique,
						plan->nouter,	   plan->first_key,		   plan->ninner_quals,
						plan->njoin_quals, plan->first_batch,	   plan->ncomputed };
	List *parts = list_make3(integer_list_as_nodes(lengthof(numbers), numbers),
							 dq_plan_data_write(plan->inner), plan->inner_attnums);

	parts = lappend(parts, plan->key_attnums);
	parts = lappend(parts, plan->key_operators);
	return lappend(parts, plan->key_collations);
}

JoinPlan *
dq_join_plan_read(List *custom_private)
{
	JoinPlan *plan = palloc0(sizeof(JoinPlan));
	List *numbers = linitial(custom_private);

	plan->type = nth_number(numbers, 0);
	plan->has_single_match = nth_number(numbers, 1) != 0;
	plan->is_unique = nth_number(numbers, 2) != 0;
	plan->nouter = nth_number(numbers, 3);
	plan->first_key = nth_number(numbers, 4);
	plan->ninner_quals = nth_number(numbers, 5);
	plan->njoin_quals = nth_number(numbers, 6);
	plan->first_batch = nth_number(numbers, 7);
	plan->ncomputed = nth_number(numbers, 8);
	plan->inner = dq_plan_data_read(lsecond(custom_private));
	plan->inner_attnums = lthird(custom_private);
	plan->key_attnums = list_nth(custom_private, 3);
	plan->key_operators = list_nth(custom_private, 4);
	plan->key_collations = list_nth(custom_private, 5);
	return plan;
}

/* True when both are the same column, or the same placeholder, whatever may have made it NULL. */
static bool
is_same_item(const Node *a, const Node *b)
{
	if (IsA(a, Var) && IsA(b, Var))
		return ((Var *) a)->varno == ((Var *) b)->varno &&
			((Var *) a)->varattno == ((Var *) b)->varattno && ((Var *) a)->varlevelsup == 0 &&
			((Var *) b)->varlevelsup == 0;
	if (IsA(a, PlaceHolderVar) && IsA(b, PlaceHolderVar))
		return ((PlaceHolderVar *) a)->phid == ((PlaceHolderVar *) b)->phid;
	return false;
}

static TargetEntry *
find_item(List *tlist, const Node *node)
{
	ListCell *cell;

	foreach(cell, tlist)
	{
		TargetEntry *entry = lfirst(cell);

		if (is_same_item((Node *) entry->expr, node))
			return entry;
	}
	return NULL;
}

/* Takes what the join's target says of a column over into the scan tuple's description. */
static bool
adopt_from_walker(Node *node, void *scan_tlist)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var) || IsA(node, PlaceHolderVar))
	{
		TargetEntry *entry = find_item(scan_tlist, node);

		if (entry)
			entry->expr = copyObject((Expr *) node);
		return false;
	}
	return expression_tree_walker(node, adopt_from_walker, scan_tlist);
}

/* Writes columns as the scan tuple's description does. */
static Node *
adopt_into_mutator(Node *node, void *scan_tlist)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var) || IsA(node, PlaceHolderVar))
	{
		TargetEntry *entry = find_item(scan_tlist, node);

		if (entry)
			return (Node *) copyObject(entry->expr);
		if (IsA(node, Var))
			return copyObject(node);
	}
	return expression_tree_mutator(node, adopt_into_mutator, scan_tlist);
}

/*
 * Writes what subqueries compute as its expression.  The inner table's own conditions and their
 * values are evaluated before anything is computed from a row, or before there is one.
 */
static Node *
expand_computed_mutator(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, PlaceHolderVar))
		return expand_computed_mutator((Node *) ((PlaceHolderVar *) node)->phexpr, context);
	return expression_tree_mutator(node, expand_computed_mutator, context);
}

static List *
expand_computed(List *exprs)
{
	return (List *) expand_computed_mutator((Node *) exprs, NULL);
}

/*
 * The inner columns that only describe what was asked: a clause that is trusted, and so not evaluated
 * here, is shown by EXPLAIN.  They have a place in the scan tuple, but no value is ever read.
 */
static List *
described_attnums(const RelOptInfo *innerrel, List *exprs, List *needed)
{
	Bitmapset *used = NULL;
	List *attnums = NIL;
	int member = -1;

	pull_varattnos((Node *) exprs, innerrel->relid, &used);
	while ((member = bms_next_member(used, member)) >= 0)
		attnums = lappend_int(attnums, member + FirstLowInvalidHeapAttributeNumber);
	return list_difference_int(attnums, needed);
}

/*
 * The columns that are read from the answers: a list that is asked in parts tells by its column which
 * rows belong to a part, also where the service is trusted and nothing else needs the column.
 */
static List *
retrieved_attnums(const ScanChoice *choice, const List *needed)
{
	List *attnums = list_copy(needed);
	ListCell *cell;

	foreach(cell, choice->asked)
	{
		const ClauseMatch *match = lfirst(cell);

		if (match->op == COND_IN)
			attnums = list_append_unique_int(attnums, match->attnum);
	}
	return attnums;
}

/* The inner columns that anything at or above the join needs, in order. */
static List *
needed_attnums(RelOptInfo *innerrel, List *clauses, List *keys)
{
	Bitmapset *used = NULL;
	List *attnums = NIL;
	ListCell *cell;
	int member = -1;

	pull_varattnos((Node *) innerrel->reltarget->exprs, innerrel->relid, &used);
	pull_varattnos((Node *) clauses, innerrel->relid, &used);
	foreach(cell, keys)
		used = bms_add_member(used,
							  ((JoinKey *) lfirst(cell))->match.attnum -
								  FirstLowInvalidHeapAttributeNumber);
	while ((member = bms_next_member(used, member)) >= 0)
		attnums = lappend_int(attnums, member + FirstLowInvalidHeapAttributeNumber);
	return attnums;
}

/* What a subquery computes from the inner table: its PlaceHolderVars. */
static List *
computed_values(const RelOptInfo *innerrel)
{
	List *computed = NIL;
	ListCell *cell;

	foreach(cell, innerrel->reltarget->exprs)
		if (IsA(lfirst(cell), PlaceHolderVar))
			computed = lappend(computed, lfirst(cell));
	return computed;
}

static List *
add_entry(List *entries, const void *expr)
{
	return lappend(entries,
				   makeTargetEntry((Expr *) copyObjectImpl(expr), list_length(entries) + 1, NULL,
								   false));
}

static List *
add_columns(List *entries, const TableSpec *table, Index relid, List *attnums)
{
	ListCell *cell;

	foreach(cell, attnums)
	{
		const ColumnSpec *column = &table->columns[lfirst_int(cell) - 1];

		entries = add_entry(entries,
							makeVar(relid, column->attnum, column->type, column->typmod,
									column->collation, 0));
	}
	return entries;
}

/* What the scan tuple holds. */
static List *
scan_tlist(Plan *outer_plan, const RelOptInfo *joinrel, const RelOptInfo *innerrel,
		   const JoinPlan *plan, List *described)
{
	const TableSpec *table = ((RelationPlan *) innerrel->fdw_private)->table;
	List *entries = NIL;
	ListCell *cell;

	foreach(cell, outer_plan->targetlist)
		entries = add_entry(entries, lfirst_node(TargetEntry, cell)->expr);
	entries = add_columns(entries, table, innerrel->relid, plan->inner_attnums);
	foreach(cell, computed_values(innerrel))
		entries = add_entry(entries, lfirst(cell));
	entries = add_columns(entries, table, innerrel->relid, described);
	/* Not from the node's target list: a projection may replace that later. */
	adopt_from_walker((Node *) joinrel->reltarget->exprs, entries);
	return entries;
}

/* The operator of a key's clause with the outer value on its left. */
static Oid
key_operator(const JoinKey *key, const RelOptInfo *outerrel)
{
	Oid opno = ((OpExpr *) key->info->clause)->opno;

	return bms_is_subset(key->info->left_relids, outerrel->relids) ? opno : get_commutator(opno);
}

static void
add_keys(JoinPlan *plan, List *keys, const RelOptInfo *outerrel, List **exprs)
{
	ListCell *cell;

	plan->first_key = list_length(*exprs);
	foreach(cell, keys)
	{
		const JoinKey *key = lfirst(cell);

		*exprs = lappend(*exprs, key->match.value);
		plan->key_attnums = lappend_int(plan->key_attnums, key->match.attnum);
		plan->key_operators = lappend_oid(plan->key_operators, key_operator(key, outerrel));
		plan->key_collations = lappend_oid(plan->key_collations,
										   ((OpExpr *) key->info->clause)->inputcollid);
	}
}

/* True when the join's keys hold the whole key of the table. */
static bool
is_unique(const TableSpec *table, List *key_attnums)
{
	bool has_key = false;

	for (int i = 0; i < table->natts; i++)
	{
		if (!table->columns[i].is_key)
			continue;
		has_key = true;
		if (!list_member_int(key_attnums, i + 1))
			return false;
	}
	return has_key;
}

/* Keys of the first batch; 0 where everything will be read. */
static int64
first_batch(PlannerInfo *root, const CustomPath *path)
{
	if (root->tuple_fraction <= 0 ||
		!pathkeys_contained_in(root->query_pathkeys, path->path.pathkeys))
		return 0;
	if (root->limit_tuples > 0 && root->limit_tuples < FIRST_BATCH_KEYS)
		return (int64) root->limit_tuples;
	return FIRST_BATCH_KEYS;
}

Plan *
dq_join_plan_path(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist, List *clauses,
				  List *custom_plans)
{
	JoinPathFacts facts = dq_join_facts_read(path->custom_private);
	RelOptInfo *innerrel = find_base_rel(root, facts.inner_relid);
	RelOptInfo *outerrel = ((Path *) linitial(path->custom_paths))->parent;
	const TableSpec *table = ((RelationPlan *) innerrel->fdw_private)->table;
	Plan *outer_plan = linitial(custom_plans);
	CustomScan *scan = makeNode(CustomScan);
	JoinPlan plan = { .type = facts.type,
					  .has_single_match = facts.has_single_match,
					  .inner = palloc0(sizeof(PlanData)),
					  .nouter = list_length(outer_plan->targetlist),
					  .first_batch = first_batch(root, path) };
	List *join_quals;
	List *other_quals = NIL;
	List *described;
	List *trusted = NIL;
	ScanChoice choice;
	List *keys = dq_join_keys(rel, outerrel, innerrel, facts.type, facts.restrictlist, &choice);
	List *exprs = dq_relation_plan_choice(root, &choice, plan.inner, &trusted);
	List *inner_quals = list_difference(dq_relation_clauses(innerrel->baserestrictinfo), trusted);

	exprs = expand_computed(exprs);
	inner_quals = expand_computed(inner_quals);
	if (IS_OUTER_JOIN(facts.type))
		extract_actual_join_clauses(facts.restrictlist, rel->relids, &join_quals, &other_quals);
	else
		join_quals = extract_actual_clauses(facts.restrictlist, false);

	List *computed = computed_values(innerrel);
	ListCell *cell;
	List *used = list_concat_copy(inner_quals, list_concat_copy(join_quals, other_quals));

	plan.inner_attnums = needed_attnums(innerrel, used, keys);
	plan.inner->retrieved = retrieved_attnums(&choice, plan.inner_attnums);
	plan.ninner_quals = list_length(inner_quals);
	plan.njoin_quals = list_length(join_quals);
	described = described_attnums(innerrel, exprs, plan.inner_attnums);
	add_keys(&plan, keys, outerrel, &exprs);
	plan.is_unique = is_unique(table, plan.key_attnums);
	exprs = list_concat(exprs, inner_quals);
	exprs = list_concat(exprs, join_quals);
	plan.ncomputed = list_length(computed);
	foreach(cell, computed)
		exprs = lappend(exprs, ((PlaceHolderVar *) lfirst(cell))->phexpr);

	scan->custom_scan_tlist = scan_tlist(outer_plan, rel, innerrel, &plan, described);
	scan->scan.plan.targetlist = tlist;
	scan->scan.plan.qual = (List *) adopt_into_mutator((Node *) other_quals,
													   scan->custom_scan_tlist);
	scan->custom_exprs = (List *) adopt_into_mutator((Node *) exprs, scan->custom_scan_tlist);
	scan->custom_plans = custom_plans;
	scan->custom_private = dq_join_plan_write(&plan);
	scan->flags = path->flags;
	scan->methods = &dq_join_scan_methods;
	return &scan->scan.plan;
}
