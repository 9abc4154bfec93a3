/*
 * bind_body.c
 *	  How a condition is said, and the body of a search by POST.
 */
#include "postgres.h"

#include "fdw/bind_private.h"
#include "fdw/spell_value.h"

bool
dq_bind_takes_lists(const ColumnSpec *column)
{
	return (column->filters & COND_BIT(COND_IN)) && dq_column_says(column, COND_IN);
}

/* JSON has no separator that a value could hold. */
bool
dq_bind_can_list(const ColumnSpec *column, const char *text)
{
	return (column->body_ops & COND_BIT(COND_IN)) ||
		dq_condition_can_list(column->spell[COND_IN], text);
}

/*
 * The operator that a part is said by: a single value of a list, and what no list can hold, goes
 * out by "=".
 */
ConditionOp
dq_bind_part_op(const Term *term, const Part *part)
{
	const ColumnSpec *column = term->column;

	/* EXPLAIN shows keys that are not there yet as the list they will be. */
	if (term->condition->key > 0 && term->value->is_unknown && column->can_list)
		return COND_IN;
	if (term->condition->op == COND_IN && part->nvalues == 1 && dq_column_says(column, COND_EQ) &&
		(!dq_bind_takes_lists(column) || (column->filters & COND_BIT(COND_EQ)) ||
		 !dq_bind_can_list(column, part->texts[0])))
		return COND_EQ;
	return term->condition->op;
}

bool
dq_bind_is_in_path(const Binder *binder, const Term *term)
{
	return binder->plan->is_lookup ? term->column->in_lookup_path : term->column->in_path;
}

bool
dq_bind_is_in_body(const Binder *binder, const Term *term, ConditionOp op)
{
	return !binder->plan->is_lookup && (term->column->body_ops & COND_BIT(op)) != 0;
}

/* The values of a part as JSON, for one place in the body. */
static BodyValue
body_value(const BodyHole *hole, const Term *term, const Part *part, ConditionOp op)
{
	BodyValue value = { .is_list = hole->is_list || (op == COND_IN && !term->value->is_unknown),
						.nvalues = Max(part->nvalues, 1) };
	JsonForm form = dq_spell_json_form(term->column);

	value.values = palloc(sizeof(char *) * value.nvalues);
	if (op == COND_NULL || op == COND_NOTNULL)
		value.values[0] = op == COND_NULL ? "true" : "false";
	else if (op == COND_LIKE)
		value.values[0] = dq_json_value(JSON_FORM_STRING,
										dq_condition_like_pattern(part->texts[0]));
	else
		for (int i = 0; i < value.nvalues; i++)
			value.values[i] = dq_json_value(form, part->texts[i]);
	return value;
}

/* The body of a search by POST, without its paging; NULL where there is none. */
const BoundBody *
dq_bind_body(const Choice *choice)
{
	const Binder *binder = choice->binder;
	const BodyTemplate *tmpl = binder->table->body;
	BodyValue *values;
	BoundBody *body;

	if (binder->table->graphql)
		return dq_bind_graphql(choice);
	if (tmpl == NULL || binder->plan->is_lookup)
		return NULL;
	values = palloc0(sizeof(BodyValue) * Max(tmpl->nholes, 1));
	for (int h = 0; h < tmpl->nholes; h++)
		for (int i = 0; i < binder->nterms; i++)
		{
			const Term *term = &binder->terms[i];
			ConditionOp op = dq_bind_part_op(term, choice->parts[i]);

			if (term->column->attnum == binder->table->body_columns[h] &&
				(tmpl->holes[h].ops & COND_BIT(op)) && !dq_bind_is_in_path(binder, term))
				values[h] = body_value(&tmpl->holes[h], term, choice->parts[i], op);
		}
	body = palloc(sizeof(BoundBody));
	*body = (BoundBody) { .tmpl = tmpl, .values = values };
	return body;
}
