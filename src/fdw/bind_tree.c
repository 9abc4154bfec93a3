/*
 * bind_tree.c
 *	  The ORs of a plan with this execution's values.
 *
 * A condition that compares with NULL is true for no row: it is left out of an OR, and makes an AND
 * of it nothing.  One whose value cannot be said is left out of an AND, which then asks for more,
 * and takes the OR that it stands in along.
 */
#include "postgres.h"

#include "fdw/bind_tree.h"
#include "miscadmin.h"

/* What is known of a part: something to ask, or one of the values of SQL that matter. */
typedef enum PartVerdict
{
	PART_ASKED,
	PART_TRUE,
	PART_FALSE,
	PART_UNSAYABLE
} PartVerdict;

/* Reads a plan's tree, which is written in prefix order. */
typedef struct TreeBinder
{
	const TableSpec *table;
	const PlanData *plan;
	const ConditionValue *values;
	const PlanTree *tree;
	int at; /* next of tree->code */
} TreeBinder;

static PartVerdict bind_part(TreeBinder *binder, BoundTree *bound);

static int
next_code(TreeBinder *binder)
{
	return list_nth_int(binder->tree->code, binder->at++);
}

static void
raise_changed(const TableSpec *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("options of foreign table \"%s\" were changed while the query was planned",
					table->name),
			 errhint("Run the query again.")));
}

/* One condition with so many of its texts. */
static BoundTree
bound_leaf(const ColumnSpec *column, ConditionOp op, const char **texts, int n)
{
	return (BoundTree) { .kind = BOUND_CONDITION,
						 .condition = { .name = column->param,
										.op = op,
										.spell = column->part[op],
										.is_text = column->is_text,
										.nvalues = n,
										.values = texts } };
}

/* "<> ALL" of a list: an AND of its members. */
static PartVerdict
bind_none(const ColumnSpec *column, const ConditionValue *value, const char **texts, int n,
		  BoundTree *bound)
{
	if (value->has_null)
		return PART_FALSE;
	if (n == 0)
		return PART_TRUE;
	bound->kind = BOUND_ALL;
	bound->nparts = n;
	bound->parts = palloc(sizeof(BoundTree *) * n);
	for (int i = 0; i < n; i++)
	{
		BoundTree *part = palloc(sizeof(BoundTree));

		*part = bound_leaf(column, COND_NE, &texts[i], 1);
		bound->parts[i] = part;
	}
	return PART_ASKED;
}

static PartVerdict
bind_condition(TreeBinder *binder, BoundTree *bound)
{
	int number = next_code(binder);
	const PlanCondition *condition = &binder->plan->conditions[number];
	const ConditionValue *value = &binder->values[number];
	const ColumnSpec *column = &binder->table->columns[condition->attnum - 1];
	const char **texts = palloc(sizeof(char *) * Max(value->nvalues, 1));
	bool is_list = condition->is_array && !value->is_unknown;
	int n = 0;

	if (column->part[condition->op] == NULL)
		raise_changed(binder->table);
	if (condition->value >= 0 && !is_list && value->nvalues == 0)
		return PART_FALSE;
	if (is_list && value->nvalues > binder->table->max_batch && !binder->tree->is_exact)
		return PART_UNSAYABLE;
	for (int i = 0; i < value->nvalues; i++)
	{
		char *text;

		if (!value->is_unknown &&
			!dq_bind_can_equal(column, condition->op, value->type, value->values[i]))
			continue;
		text = value->is_unknown ? pstrdup(value->marker) :
								   dq_bind_text(column, condition->op, value->type,
												value->values[i], binder->tree->is_exact);
		if (text == NULL && binder->tree->is_exact)
			dq_bind_unsendable(binder->table, column);
		if (text == NULL)
			return PART_UNSAYABLE;
		texts[n++] = text;
	}
	if (is_list && condition->op == COND_NE)
		return bind_none(column, value, texts, n, bound);
	if (condition->value >= 0 && n == 0)
		return PART_FALSE;
	*bound = bound_leaf(column, condition->op, texts, n);
	return PART_ASKED;
}

/* Adds a part to an AND or OR; what the whole is, where the part decides it, else PART_ASKED. */
static PartVerdict
join_part(BoundTree *bound, PartVerdict verdict, const BoundTree *part)
{
	bool is_all = bound->kind == BOUND_ALL;

	switch (verdict)
	{
		case PART_ASKED:
			bound->parts[bound->nparts++] = part;
			return PART_ASKED;
		case PART_TRUE:
			return is_all ? PART_ASKED : PART_TRUE;
		case PART_FALSE:
			return is_all ? PART_FALSE : PART_ASKED;
		case PART_UNSAYABLE:
			return is_all ? PART_ASKED : PART_UNSAYABLE;
	}
	return PART_ASKED;
}

static PartVerdict
bind_join(TreeBinder *binder, BoundKind kind, BoundTree *bound)
{
	int nparts = next_code(binder);
	PartVerdict decided = PART_ASKED;
	bool has_unsayable = false;

	bound->kind = kind;
	bound->parts = palloc(sizeof(BoundTree *) * Max(nparts, 1));
	for (int i = 0; i < nparts; i++)
	{
		BoundTree *part = palloc0(sizeof(BoundTree));
		PartVerdict verdict = bind_part(binder, part);
		PartVerdict whole = join_part(bound, verdict, part);

		/* What is true or false for certain counts more than what cannot be said. */
		if (whole != PART_ASKED && (decided == PART_ASKED || decided == PART_UNSAYABLE))
			decided = whole;
		has_unsayable |= verdict == PART_UNSAYABLE;
	}
	if (decided != PART_ASKED)
		return decided;
	if (bound->nparts > 0)
		return PART_ASKED;
	if (has_unsayable)
		return PART_UNSAYABLE;
	return kind == BOUND_ALL ? PART_TRUE : PART_FALSE;
}

static PartVerdict
bind_part(TreeBinder *binder, BoundTree *bound)
{
	BoundKind kind = next_code(binder);

	check_stack_depth();
	return kind == BOUND_CONDITION ? bind_condition(binder, bound) : bind_join(binder, kind, bound);
}

TreeVerdict
dq_bind_tree(const TableSpec *table, const PlanData *plan, int number, const ConditionValue *values,
			 const BoundTree **tree)
{
	TreeBinder binder = {
		.table = table, .plan = plan, .values = values, .tree = &plan->trees[number]
	};
	BoundTree *bound = palloc0(sizeof(BoundTree));

	*tree = bound;
	switch (bind_part(&binder, bound))
	{
		case PART_ASKED:
			return TREE_ASKED;
		case PART_FALSE:
			return TREE_FALSE;
		default:
			return TREE_OMITTED;
	}
}
