/*
 * stats.c
 *	  What the planner may assume of a column without having seen its values.
 *
 * A foreign table has no statistics, so that PostgreSQL takes every column to have 200 different
 * values: a join of two tables of 100,000 rows by their keys then seems to make 50 million, and a
 * few such joins cost more time in JIT compilation than the services take to answer.  A column
 * that alone is the key has as many values as there are rows.
 */
#include "postgres.h"

#include "fdw/fdw.h"
#include "fdw/relation.h"
#include "utils/selfuncs.h"

static get_relation_stats_hook_type previous_hook = NULL;

/* True when attnum is the table's only key column. */
static bool
is_whole_key(const TableSpec *table, AttrNumber attnum)
{
	if (attnum <= 0 || attnum > table->natts || !table->columns[attnum - 1].is_key)
		return false;
	for (int i = 0; i < table->natts; i++)
		if (i != attnum - 1 && table->columns[i].is_key)
			return false;
	return true;
}

/* Statistics, where ANALYZE made some, are left to PostgreSQL; only uniqueness is added. */
static bool
relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum, VariableStatData *vardata)
{
	RelOptInfo *rel = vardata->rel;

	/* In a subquery the relation is the subquery's: its rows need not be ours. */
	if (rel && rel->rtekind == RTE_RELATION && rel->fdwroutine && rel->fdw_private &&
		rel->fdwroutine->GetForeignRelSize == dqGetForeignRelSize &&
		is_whole_key(((RelationPlan *) rel->fdw_private)->table, attnum))
		vardata->isunique = true;
	return previous_hook && previous_hook(root, rte, attnum, vardata);
}

void
dq_stats_init(void)
{
	previous_hook = get_relation_stats_hook;
	get_relation_stats_hook = relation_stats;
}
