/*
 * plan_data.c
 *	  What the planner tells the executor about a scan, as node data.
 *
 * Plans are copied and cached, so fdw_private is made of lists of integers and strings only, one
 * list for each part; this file is the only one that knows their order.
 */
#include "postgres.h"

#include "fdw/plan_data.h"
#include "nodes/value.h"

enum PlanDataPart
{
	PART_FLAGS,		 /* is_lookup, is_frugal, nvalues, nasked, is_count */
	PART_ROW_LIMIT,	 /* row_limit and enough: Strings, 64 bits wide */
	PART_CONDITIONS, /* seven integers each */
	PART_SORT,		 /* two integers each */
	PART_RETRIEVED,
	PART_MISSING,
	PART_MARKERS,
	PART_REASONS,
	PART_FIELDS,
	PART_TREES /* a list of integers each: is_exact, then the code */
};

#define INTS_PER_CONDITION 7
#define INTS_PER_SORT 2

static List *
write_trees(const PlanData *data)
{
	List *trees = NIL;

	for (int i = 0; i < data->ntrees; i++)
		trees = lappend(trees, lcons_int(data->trees[i].is_exact, list_copy(data->trees[i].code)));
	return trees;
}

static void
read_trees(PlanData *data, List *trees)
{
	data->ntrees = list_length(trees);
	data->trees = palloc0(sizeof(PlanTree) * Max(data->ntrees, 1));
	for (int i = 0; i < data->ntrees; i++)
	{
		List *tree = list_nth(trees, i);

		data->trees[i].is_exact = linitial_int(tree) != 0;
		data->trees[i].code = list_copy_tail(tree, 1);
	}
}

List *
dq_plan_data_write(const PlanData *data)
{
	List *conditions = NIL;
	List *sort = NIL;

	for (int i = 0; i < data->nconditions; i++)
	{
		const PlanCondition *condition = &data->conditions[i];

		conditions = lappend_int(conditions, condition->attnum);
		conditions = lappend_int(conditions, condition->op);
		conditions = lappend_int(conditions, condition->value);
		conditions = lappend_int(conditions, condition->is_array);
		conditions = lappend_int(conditions, condition->is_exact);
		conditions = lappend_int(conditions, condition->in_tree);
		conditions = lappend_int(conditions, condition->key);
	}
	for (int i = 0; i < data->nsort; i++)
	{
		sort = lappend_int(sort, data->sort[i].attnum);
		sort = lappend_int(sort, data->sort[i].is_descending);
	}

	List *flags = list_make4_int(data->is_lookup, data->is_frugal, data->nvalues, data->nasked);
	List *row_limit = list_make2(makeString(psprintf(INT64_FORMAT, data->row_limit)),
								 makeString(psprintf(INT64_FORMAT, data->enough)));

	flags = lappend_int(flags, data->is_count);

	List *parts = list_make5(flags, row_limit, conditions, sort, data->retrieved);

	parts = lappend(parts, data->missing);
	parts = lappend(parts, data->markers);
	parts = lappend(parts, data->reasons);
	parts = lappend(parts, data->fields);
	return lappend(parts, write_trees(data));
}

PlanData *
dq_plan_data_read(List *fdw_private)
{
	PlanData *data = palloc0(sizeof(PlanData));
	List *flags = list_nth(fdw_private, PART_FLAGS);
	List *conditions = list_nth(fdw_private, PART_CONDITIONS);
	List *sort = list_nth(fdw_private, PART_SORT);

	data->is_lookup = linitial_int(flags) != 0;
	data->is_frugal = lsecond_int(flags) != 0;
	data->nvalues = lthird_int(flags);
	data->nasked = lfourth_int(flags);
	data->is_count = list_nth_int(flags, 4) != 0;
	data->row_limit = strtoll(strVal(linitial(list_nth(fdw_private, PART_ROW_LIMIT))), NULL, 10);
	data->enough = strtoll(strVal(lsecond(list_nth(fdw_private, PART_ROW_LIMIT))), NULL, 10);
	data->fields = list_nth(fdw_private, PART_FIELDS);
	data->nconditions = list_length(conditions) / INTS_PER_CONDITION;
	data->conditions = palloc0(sizeof(PlanCondition) * Max(data->nconditions, 1));
	for (int i = 0; i < data->nconditions; i++)
	{
		int first = i * INTS_PER_CONDITION;

		data->conditions[i] = (PlanCondition) {
			.attnum = list_nth_int(conditions, first),
			.op = list_nth_int(conditions, first + 1),
			.value = list_nth_int(conditions, first + 2),
			.is_array = list_nth_int(conditions, first + 3) != 0,
			.is_exact = list_nth_int(conditions, first + 4) != 0,
			.in_tree = list_nth_int(conditions, first + 5) != 0,
			.key = list_nth_int(conditions, first + 6)
		};
	}
	data->nsort = list_length(sort) / INTS_PER_SORT;
	data->sort = palloc0(sizeof(PlanSort) * Max(data->nsort, 1));
	for (int i = 0; i < data->nsort; i++)
	{
		data->sort[i].attnum = list_nth_int(sort, i * INTS_PER_SORT);
		data->sort[i].is_descending = list_nth_int(sort, i * INTS_PER_SORT + 1) != 0;
	}
	read_trees(data, list_nth(fdw_private, PART_TREES));
	data->retrieved = list_nth(fdw_private, PART_RETRIEVED);
	data->missing = list_nth(fdw_private, PART_MISSING);
	data->markers = list_nth(fdw_private, PART_MARKERS);
	data->reasons = list_nth(fdw_private, PART_REASONS);
	return data;
}
