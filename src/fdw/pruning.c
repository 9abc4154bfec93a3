/*
 * pruning.c
 *	  Which scans may turn out to be of no use while the query runs.
 *
 * Below an Append of a partitioned table whose partition key is compared with a value that is known
 * only when the query runs (another table's column, a subquery), all partitions have a scan, but
 * only some are read.  Those must not be asked ahead.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/pruning.h"
#include "miscadmin.h"

/* What is looked for, and where. */
typedef struct Search
{
	const PlannedStmt *statement;
	const Plan *scan;
	bool is_prunable; /* the answer, once found */
} Search;

/* True where partitions are chosen while the query runs; those chosen before have no other scans. */
static bool
prunes_at_run_time(const PartitionPruneInfo *info)
{
	ListCell *hierarchy;
	ListCell *cell;

	if (info == NULL)
		return false;
	foreach(hierarchy, info->prune_infos)
		foreach(cell, (List *) lfirst(hierarchy))
			if (((PartitionedRelPruneInfo *) lfirst(cell))->exec_pruning_steps != NIL)
				return true;
	return false;
}

static bool find(Search *search, const Plan *plan, bool is_prunable);

static bool
find_in_list(Search *search, List *plans, bool is_prunable)
{
	ListCell *cell;

	foreach(cell, plans)
		if (find(search, lfirst(cell), is_prunable))
			return true;
	return false;
}

static bool
find(Search *search, const Plan *plan, bool is_prunable)
{
	if (plan == NULL)
		return false;
	check_stack_depth();
	if (plan == search->scan)
	{
		search->is_prunable = is_prunable;
		return true;
	}
	if (IsA(plan, Append))
	{
		const Append *append = (const Append *) plan;

		return find_in_list(search, append->appendplans,
							is_prunable ||
								prunes_at_run_time(dq_prune_info(search->statement, append)));
	}
	if (IsA(plan, MergeAppend))
	{
		const MergeAppend *append = (const MergeAppend *) plan;

		return find_in_list(search, append->mergeplans,
							is_prunable ||
								prunes_at_run_time(dq_prune_info(search->statement, append)));
	}
	if (IsA(plan, SubqueryScan))
		return find(search, ((const SubqueryScan *) plan)->subplan, is_prunable);
	if (IsA(plan, CustomScan) &&
		find_in_list(search, ((const CustomScan *) plan)->custom_plans, is_prunable))
		return true;
	return find(search, outerPlan(plan), is_prunable) || find(search, innerPlan(plan), is_prunable);
}

bool
dq_scan_is_prunable(const PlannedStmt *statement, const Plan *scan)
{
	Search search = { .statement = statement, .scan = scan };

	if (!find(&search, statement->planTree, false))
		find_in_list(&search, statement->subplans, false);
	return search.is_prunable;
}
