/*
 * join_paths.c
 *	  Which joins can be lookup joins, and what they cost.
 *
 * PostgreSQL calls the hook for every pair of an outer and an inner relation.  The pair is offered a
 * lookup join where the inner relation is a foreign table of ours, some equality of the join can be
 * asked of its service, and the shape is one that is certainly right: INNER, LEFT, SEMI and ANTI
 * joins of an outer side that needs no value of other relations.  What the executor does preserves
 * the order of the outer rows.
 */
#include "postgres.h"

#include "compat.h"
#include "distquery.h"
#include "fdw/cost.h"
#include "fdw/fdw.h"
#include "fetch/strategy.h"
#include "join/join.h"
#include "join/join_plan.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "optimizer/restrictinfo.h"
#include "utils/selfuncs.h"

static set_join_pathlist_hook_type previous_hook = NULL;

static const CustomPathMethods path_methods = {
	.CustomName = "Lookup Join",
	.PlanCustomPath = dq_join_plan_path,
};

const CustomScanMethods dq_join_scan_methods = {
	.CustomName = "Lookup Join",
	.CreateCustomScanState = dq_join_create_state,
};

/* The clause compares a value of the outer side with one of the inner side. */
static bool
has_two_sides(const RestrictInfo *info, const RelOptInfo *outerrel, const RelOptInfo *innerrel)
{
	return info->can_join &&
		((bms_is_subset(info->left_relids, outerrel->relids) &&
		  bms_is_subset(info->right_relids, innerrel->relids)) ||
		 (bms_is_subset(info->right_relids, outerrel->relids) &&
		  bms_is_subset(info->left_relids, innerrel->relids)));
}

static bool
has_key_on(List *keys, AttrNumber attnum)
{
	ListCell *cell;

	foreach(cell, keys)
		if (((JoinKey *) lfirst(cell))->match.attnum == attnum)
			return true;
	return false;
}

/* Keeps the keys that were chosen to be asked, and numbers them. */
static List *
keep_asked(List *keys, const ScanChoice *choice)
{
	List *kept = NIL;
	ListCell *cell;

	foreach(cell, keys)
	{
		JoinKey *key = lfirst(cell);

		if (list_member_ptr(choice->asked, &key->match))
		{
			kept = lappend(kept, key);
			key->match.key = list_length(kept);
		}
	}
	return kept;
}

List *
dq_join_keys(RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel, JoinType type,
			 List *restrictlist, ScanChoice *choice)
{
	const TableSpec *table = ((RelationPlan *) innerrel->fdw_private)->table;
	List *keys = NIL;
	List *matches = NIL;
	ListCell *cell;

	foreach(cell, restrictlist)
	{
		RestrictInfo *info = lfirst(cell);
		JoinKey *key;

		if (!OidIsValid(info->hashjoinoperator) || !has_two_sides(info, outerrel, innerrel) ||
			(IS_OUTER_JOIN(type) && RINFO_IS_PUSHED_DOWN(info, joinrel->relids)))
			continue;
		key = palloc0(sizeof(JoinKey));
		key->info = info;
		if (dq_clause_match_key(table, innerrel->relid, info->clause, &key->match) != NULL ||
			has_key_on(keys, key->match.attnum))
			continue;
		keys = lappend(keys, key);
		key->match.key = list_length(keys);
		matches = lappend(matches, &key->match);
	}
	if (keys == NIL)
		return NIL;
	dq_clause_choose_with_keys(table, innerrel->relid, matches,
							   dq_relation_clauses(innerrel->baserestrictinfo), choice);
	return choice->missing == NIL ? keep_asked(keys, choice) : NIL;
}

/* True for clauses that may not be evaluated as a lookup join does. */
static bool
has_unfit_clause(List *infos)
{
	ListCell *cell;

	foreach(cell, infos)
	{
		RestrictInfo *info = lfirst(cell);

		if (info->pseudoconstant || info->security_level > 0 ||
			contain_volatile_functions((Node *) info->clause) ||
			contain_subplans((Node *) info->clause))
			return true;
	}
	return false;
}

/* System columns and whole rows of the inner table are not kept. */
static bool
wants_special_columns(RelOptInfo *innerrel, List *restrictlist)
{
	Bitmapset *used = NULL;
	ListCell *cell;
	int member = -1;

	pull_varattnos((Node *) innerrel->reltarget->exprs, innerrel->relid, &used);
	foreach(cell, innerrel->baserestrictinfo)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, innerrel->relid, &used);
	foreach(cell, restrictlist)
		pull_varattnos((Node *) lfirst_node(RestrictInfo, cell)->clause, innerrel->relid, &used);
	member = bms_next_member(used, member);
	return member >= 0 && member + FirstLowInvalidHeapAttributeNumber <= 0;
}

/*
 * Something is to be computed at the join, or from the inner table in a way that must not be repeated.
 * What a subquery computes from the inner table alone is kept with its rows.
 */
static bool
has_unfit_placeholder(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel,
					  RelOptInfo *innerrel)
{
	Node *computed = (Node *) innerrel->reltarget->exprs;
	ListCell *cell;

	foreach(cell, root->placeholder_list)
	{
		PlaceHolderInfo *info = lfirst(cell);

		if (bms_is_subset(info->ph_eval_at, joinrel->relids) &&
			!bms_is_subset(info->ph_eval_at, outerrel->relids) &&
			!bms_is_subset(info->ph_eval_at, innerrel->relids))
			return true;
	}
	return contain_volatile_functions(computed) || contain_subplans(computed);
}

static bool
has_fit_shape(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
			  JoinType type, List *restrictlist)
{
	switch (type)
	{
		case JOIN_INNER:
		case JOIN_LEFT:
		case JOIN_SEMI:
		case JOIN_ANTI:
			break;
		default:
			return false;
	}
	return dq_relation_is_ours(innerrel) && root->rowMarks == NIL && root->parse->rowMarks == NIL &&
		bms_is_empty(innerrel->lateral_relids) && bms_is_empty(joinrel->lateral_relids) &&
		!has_unfit_clause(restrictlist) && !has_unfit_clause(innerrel->baserestrictinfo) &&
		!wants_special_columns(innerrel, restrictlist) &&
		!has_unfit_placeholder(root, joinrel, outerrel, innerrel);
}

/* What is the same for all outer paths of a pair. */
typedef struct JoinOffer
{
	RelOptInfo *joinrel;
	JoinType type;
	FetchCost fetch;
	QualCost quals; /* of the join clauses */
	double pairs;	/* of rows that have to be looked at */
	List *custom_private;
} JoinOffer;

static FetchCost
fetch_cost(PlannerInfo *root, RelOptInfo *outerrel, RelOptInfo *innerrel, List *keys,
		   const ScanChoice *choice, SpecialJoinInfo *sjinfo, double *pairs)
{
	const RelationPlan *plan = innerrel->fdw_private;
	const TableSpec *table = plan->table;
	CostFacts facts = choice->is_lookup ? dq_cost_unpaged(plan->facts) : plan->facts;
	EstimationInfo estimation = { 0 };
	List *values = NIL;
	List *clauses = NIL;
	bool can_list = false;
	ListCell *cell;

	foreach(cell, keys)
	{
		JoinKey *key = lfirst(cell);

		values = lappend(values, key->match.value);
		clauses = lappend(clauses, key->info);
		can_list |= dq_column_lists(&table->columns[key->match.attnum - 1], choice->is_lookup);
	}

	double distinct = estimate_num_groups(root, values, outerrel->rows, NULL, &estimation);

	/* Of what nothing is known (a CTE, a function) PostgreSQL guesses 200, by which asking is cheap. */
	if (estimation.flags & SELFLAG_USED_DEFAULT)
		distinct = Max(distinct, outerrel->rows);

	double row_share = clauselist_selectivity(root, clauses, 0, JOIN_INNER, sjinfo);
	double rows_a_key = Max(innerrel->rows * row_share, 0.01);

	*pairs = outerrel->rows * rows_a_key;
	return dq_cost_lookup(&facts, distinct, can_list ? table->max_batch : 1, distinct * rows_a_key);
}

static void
add_join_path(PlannerInfo *root, const JoinOffer *offer, Path *outer)
{
	CustomPath *path = makeNode(CustomPath);
	Cost own = cpu_tuple_cost * (outer->rows + offer->pairs) + offer->quals.startup +
		offer->quals.per_tuple * offer->pairs;

	path->path.pathtype = T_CustomScan;
	path->path.parent = offer->joinrel;
	path->path.pathtarget = offer->joinrel->reltarget;
	path->path.rows = offer->joinrel->rows;
	path->path.startup_cost = outer->startup_cost + offer->fetch.startup;
	path->path.total_cost = outer->total_cost + offer->fetch.total + own;
	/* Forced: as if asking were free. */
	if (dq_lookup_join == LOOKUP_JOIN_ON)
	{
		path->path.startup_cost = outer->startup_cost;
		path->path.total_cost = outer->total_cost;
	}
	dq_path_set_disabled(path->path, outer);
	path->path.pathkeys = build_join_pathkeys(root, offer->joinrel, offer->type, outer->pathkeys);
	path->flags = DQ_CUSTOMPATH_SUPPORT_PROJECTION;
	path->custom_paths = list_make1(outer);
	path->custom_private = offer->custom_private;
	path->methods = &path_methods;
	add_path(offer->joinrel, &path->path);
}

/*
 * A table that is stored once a transaction is fetched as a whole, for later statements have it then;
 * unless its service cannot be asked without keys.
 */
static bool
prefers_whole(const RelOptInfo *innerrel)
{
	const RelationPlan *plan = innerrel->fdw_private;

	return dq_lookup_join != LOOKUP_JOIN_ON && dq_strategy(plan->table) == STRATEGY_STORE &&
		plan->choice.missing == NIL;
}

static void
offer_join(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
		   JoinType type, JoinPathExtraData *extra)
{
	bool is_unique_outer = type == JOIN_UNIQUE_OUTER;
	JoinType plain_type = is_unique_outer ? JOIN_INNER : type;
	JoinPathFacts facts = { .type = plain_type,
							.has_single_match = extra->inner_unique || type == JOIN_SEMI,
							.inner_relid = innerrel->relid,
							.restrictlist = extra->restrictlist };
	JoinOffer offer = { .joinrel = joinrel, .type = plain_type };
	ScanChoice choice;
	List *keys;
	ListCell *cell;

	if (prefers_whole(innerrel) ||
		!has_fit_shape(root, joinrel, outerrel, innerrel, plain_type, extra->restrictlist))
		return;
	keys = dq_join_keys(joinrel, outerrel, innerrel, plain_type, extra->restrictlist, &choice);
	if (keys == NIL)
		return;
	offer.fetch = fetch_cost(root, outerrel, innerrel, keys, &choice, extra->sjinfo, &offer.pairs);
	cost_qual_eval(&offer.quals, extra->restrictlist, root);
	offer.custom_private = dq_join_facts_write(&facts);
	if (is_unique_outer)
	{
		Path *outer = (Path *) create_unique_path(root, outerrel, outerrel->cheapest_total_path,
												  extra->sjinfo);

		if (outer && PATH_REQ_OUTER(outer) == NULL)
			add_join_path(root, &offer, outer);
		return;
	}
	foreach(cell, outerrel->pathlist)
	{
		Path *outer = lfirst(cell);

		if (PATH_REQ_OUTER(outer) == NULL)
			add_join_path(root, &offer, outer);
	}
}

static void
join_pathlist(PlannerInfo *root, RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
			  JoinType type, JoinPathExtraData *extra)
{
	if (previous_hook)
		previous_hook(root, joinrel, outerrel, innerrel, type, extra);
	if (dq_lookup_join != LOOKUP_JOIN_OFF && dq_pushdown && dq_relation_is_ours(innerrel))
		offer_join(root, joinrel, outerrel, innerrel, type, extra);
}

void
dq_join_init(void)
{
	previous_hook = set_join_pathlist_hook;
	set_join_pathlist_hook = join_pathlist;
	RegisterCustomScanMethods(&dq_join_scan_methods);
}
