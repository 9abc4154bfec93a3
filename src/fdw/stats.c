/*
 * stats.c
 *	  What the planner may assume of a column without having seen its values.
 *
 * Without statistics PostgreSQL takes every column to have 200 different values: a join of two
 * tables of 100,000 rows by their ids then seems to make 50 million, and a few such joins cost more
 * time in JIT compilation than the services take to answer.  So a column that alone is the key is
 * said to be unique, and others get a guess by what they look like (guess_distinct), as a statistics
 * tuple without any values in it.  Where ANALYZE has made statistics, those count.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "fdw/bind_scope.h"
#include "fdw/fdw.h"
#include "fdw/relation.h"
#include "fetch/strategy.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/* Rows that share one value of a column that refers to something. */
#define ROWS_A_REFERENCE 10.0

/*
 * Different values of a column that services filter by, as states, kinds and regions have.  Too
 * few is the safer guess: a question that brings more rows than expected takes further pages, but a
 * lookup join of more keys than expected takes a request for each.
 */
#define FILTERED_DISTINCT 20.0

/* The fraction of rows that have a value of their own in a column of which nothing is known. */
#define OTHER_DISTINCT 0.02

/*
 * The fraction of rows that have no value.  Without one, columns that have as many different values
 * seem to have the same, so that NOT EXISTS would leave nothing: a plan made for one row, asking for
 * each of thousands.
 */
#define GUESSED_NULLS 0.1

static get_relation_stats_hook_type previous_hook = NULL;

static int
count_keys(const TableSpec *table)
{
	int keys = 0;

	for (int i = 0; i < table->natts; i++)
		keys += !table->columns[i].is_dropped && table->columns[i].is_key;
	return keys;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);
	size_t end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

/* True where a service can be asked for one value of the column. */
static bool
is_asked_by_value(const ColumnSpec *column)
{
	return (column->filters & (COND_BIT(COND_EQ) | COND_BIT(COND_IN))) != 0 || column->in_path ||
		column->in_lookup_path;
}

/* True for a column that seems to say which row of another collection is meant. */
static bool
is_reference(const ColumnSpec *column)
{
	Oid type = getBaseType(column->type);

	return ends_with(column->name, "_id") || ends_with(column->name, "Id") || type == UUIDOID ||
		((type == INT4OID || type == INT8OID) && is_asked_by_value(column));
}

/* Like pg_statistic.stadistinct: a negative one is a fraction of the rows.  0: nothing to say. */
static double
guess_distinct(const TableSpec *table, const ColumnSpec *column, double rows)
{
	int keys = count_keys(table);

	if (column->is_dropped || getBaseType(column->type) == BOOLOID)
		return 0;
	if (strcmp(column->name, "id") == 0 && (keys == 0 || (keys == 1 && column->is_key)))
		return -1;
	if (column->is_key)
		return keys == 1 ? -1 : -1 / ROWS_A_REFERENCE;
	if (is_reference(column))
		return -1 / ROWS_A_REFERENCE;
	if (is_asked_by_value(column))
		return Min(FILTERED_DISTINCT, rows);
	return rows * OTHER_DISTINCT > DEFAULT_NUM_DISTINCT ? -OTHER_DISTINCT : 0;
}

/* The fixed part of a pg_statistic row, which is all that is read where no slot is filled. */
static HeapTuple
statistics_tuple(double distinct, double nulls)
{
	Size header = MAXALIGN(SizeofHeapTupleHeader);
	Size len = header + sizeof(FormData_pg_statistic);
	HeapTuple tuple = palloc0(HEAPTUPLESIZE + len);

	tuple->t_len = len;
	tuple->t_data = (HeapTupleHeader) ((char *) tuple + HEAPTUPLESIZE);
	tuple->t_data->t_hoff = header;
	HeapTupleHeaderSetNatts(tuple->t_data, Anum_pg_statistic_stakind5);

	Form_pg_statistic statistics = (Form_pg_statistic) GETSTRUCT(tuple);

	statistics->stadistinct = distinct;
	statistics->stanullfrac = nulls;
	return tuple;
}

/* What a stored collection shows, else what the column looks like; 0: nothing to say. */
static double
count_distinct(const RelationPlan *plan, const ColumnSpec *column, double rows, double *nulls)
{
	double distinct;

	if (plan->is_stored && !column->is_dropped)
	{
		ScopeTerm term = dq_scope_column(column);

		if (dq_store_distinct(plan->table, plan->endpoint, &term, &distinct, nulls))
			return distinct;
	}
	*nulls = GUESSED_NULLS;
	return guess_distinct(plan->table, column, rows);
}

static bool
has_statistics(const RangeTblEntry *rte, AttrNumber attnum)
{
	return SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attnum),
								 BoolGetDatum(rte->inh)) ||
		SearchSysCacheExists3(STATRELATTINH, ObjectIdGetDatum(rte->relid), Int16GetDatum(attnum),
							  BoolGetDatum(false));
}

static bool
relation_stats(PlannerInfo *root, RangeTblEntry *rte, AttrNumber attnum, VariableStatData *vardata)
{
	RelOptInfo *rel = vardata->rel;

	if (previous_hook && previous_hook(root, rte, attnum, vardata))
		return true;

	/* In a subquery the relation is the subquery's: its rows need not be ours. */
	if (rel == NULL || !dq_relation_is_ours(rel))
		return false;

	const RelationPlan *plan = rel->fdw_private;
	const TableSpec *table = plan->table;

	if (attnum <= 0 || attnum > table->natts)
		return false;

	const ColumnSpec *column = &table->columns[attnum - 1];

	if (!column->is_dropped && column->is_key && count_keys(table) == 1)
		vardata->isunique = true;
	if (has_statistics(rte, attnum))
		return false;

	double nulls;
	double distinct = count_distinct(plan, column, rel->tuples, &nulls);

	if (distinct == 0)
		return false;
	vardata->statsTuple = statistics_tuple(distinct, nulls);
	vardata->freefunc = heap_freetuple;
	vardata->acl_ok = true; /* nothing in it is anybody's data */
	return true;
}

void
dq_stats_init(void)
{
	previous_hook = get_relation_stats_hook;
	get_relation_stats_hook = relation_stats;
}
