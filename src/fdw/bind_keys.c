/*
 * bind_keys.c
 *	  A batch of keys of a lookup join as questions.
 *
 * The keys of one column are a list, which dq_bind_asks cuts as the service needs it.  Composite
 * keys are asked in groups: keys of a group agree in the columns that the service takes one value
 * of, and list the rest.  What a group asks for is a superset of its keys (the product of its
 * lists); the join tells its keys from strangers.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "fdw/bind.h"
#include "fdw/spell_value.h"
#include "miscadmin.h"
#include "utils/typcache.h"

/* One column of the key. */
typedef struct KeyColumn
{
	const ColumnSpec *column;
	int condition; /* in PlanData.conditions, -1: not asked */
	bool can_list;
	FmgrInfo *compare;
} KeyColumn;

typedef struct KeyBinder
{
	const TableSpec *table;
	const PlanData *plan;
	const KeyBatch *batch;
	KeyColumn *columns;
	ConditionValue *values; /* of all conditions; those of keys are set for each group */
	Ask *asks;
	int nasks;
	int ngroups;
} KeyBinder;

static void
find_columns(KeyBinder *binder)
{
	const PlanData *plan = binder->plan;

	binder->columns = palloc0(sizeof(KeyColumn) * binder->batch->ncolumns);
	for (int i = 0; i < plan->nconditions; i++)
	{
		int key = plan->conditions[i].key - 1;

		if (key < 0)
			continue;

		KeyColumn *column = &binder->columns[key];

		column->column = &binder->table->columns[plan->conditions[i].attnum - 1];
		column->condition = i;
		column->can_list = dq_column_lists(column->column, plan->is_lookup);
		column->compare = &lookup_type_cache(binder->batch->types[key], TYPECACHE_CMP_PROC_FINFO)
							   ->cmp_proc_finfo;
	}
}

int
dq_bind_max_keys(const TableSpec *table, const PlanData *plan)
{
	for (int i = 0; i < plan->nconditions; i++)
	{
		const ColumnSpec *column = &table->columns[plan->conditions[i].attnum - 1];

		if (plan->conditions[i].key > 0 && dq_column_lists(column, plan->is_lookup))
			return table->max_batch;
	}
	return 1;
}

static Datum
key_value(const KeyBatch *batch, int row, int column)
{
	return batch->values[row * batch->ncolumns + column];
}

/* The order of two keys by the columns that cannot be listed. */
static int
compare_alone(const KeyBinder *binder, int a, int b)
{
	for (int i = 0; i < binder->batch->ncolumns; i++)
	{
		const KeyColumn *column = &binder->columns[i];
		int order;

		if (column->can_list)
			continue;
		order = DatumGetInt32(FunctionCall2Coll(column->compare, C_COLLATION_OID,
												key_value(binder->batch, a, i),
												key_value(binder->batch, b, i)));
		if (order != 0)
			return order;
	}
	return 0;
}

static int
compare_rows(const void *a, const void *b, void *arg)
{
	return compare_alone(arg, *(const int *) a, *(const int *) b);
}

/* True when all listed values of a key can stand in a list with others. */
static bool
can_share(const KeyBinder *binder, int row)
{
	for (int i = 0; i < binder->batch->ncolumns; i++)
	{
		const KeyColumn *column = &binder->columns[i];
		const char *text;

		if (!column->can_list)
			continue;
		text = dq_spell_value(column->column, COND_IN, binder->batch->types[i],
							  key_value(binder->batch, row, i), false);
		if (text == NULL || !dq_bind_can_list(column->column, text))
			return false;
	}
	return true;
}

static void
ask_group(KeyBinder *binder, const int *rows, int n)
{
	const KeyBatch *batch = binder->batch;
	Ask *asks = NULL;
	int nasks;

	CHECK_FOR_INTERRUPTS();
	for (int i = 0; i < batch->ncolumns; i++)
	{
		Datum *values = palloc(sizeof(Datum) * n);

		for (int row = 0; row < n; row++)
			values[row] = key_value(batch, rows[row], i);
		dq_bind_list(&binder->values[binder->columns[i].condition], batch->types[i], values, n);
	}
	for (int row = 0; row < n; row++)
		batch->groups[rows[row]] = binder->ngroups;
	nasks = dq_bind_asks(binder->table, binder->plan, binder->values, &asks);
	for (int i = 0; i < nasks; i++)
		asks[i].group = binder->ngroups;
	binder->ngroups++;
	if (nasks == 0)
		return;
	binder->asks = binder->asks ? repalloc(binder->asks, sizeof(Ask) * (binder->nasks + nasks)) :
								  palloc(sizeof(Ask) * nasks);
	memcpy(binder->asks + binder->nasks, asks, sizeof(Ask) * nasks);
	binder->nasks += nasks;
}

/* Composite keys: groups that agree where they have to. */
static void
ask_groups(KeyBinder *binder)
{
	int nkeys = binder->batch->nkeys;
	int *rows = palloc(sizeof(int) * nkeys);
	int shared = 0;

	for (int row = 0; row < nkeys; row++)
	{
		if (can_share(binder, row))
			rows[shared++] = row;
		else
			ask_group(binder, &row, 1);
	}
	qsort_arg(rows, shared, sizeof(int), compare_rows, binder);
	for (int first = 0; first < shared;)
	{
		int next = first + 1;

		while (next < shared && next - first < binder->table->max_batch &&
			   compare_alone(binder, rows[first], rows[next]) == 0)
			next++;
		ask_group(binder, rows + first, next - first);
		first = next;
	}
}

int
dq_bind_keys(const TableSpec *table, const PlanData *plan, const ConditionValue *values,
			 const KeyBatch *batch, Ask **asks)
{
	KeyBinder binder = { .table = table, .plan = plan, .batch = batch };
	Size size = sizeof(ConditionValue) * Max(plan->nconditions, 1);

	find_columns(&binder);
	binder.values = memcpy(palloc(size), values, size);
	if (batch->ncolumns == 1)
	{
		int *rows = palloc(sizeof(int) * batch->nkeys);

		for (int row = 0; row < batch->nkeys; row++)
			rows[row] = row;
		ask_group(&binder, rows, batch->nkeys);
	}
	else
		ask_groups(&binder);
	*asks = binder.asks;
	return binder.nasks;
}
