/*
 * bind_url.c
 *	  The URL of one question: conditions, fixed parameters, order, and how much of the rows.
 */
#include "postgres.h"

#include "fdw/bind_private.h"

/* The value of a {column} in a path. */
static bool
lookup_placeholder(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	const Choice *choice = arg;

	for (int i = 0; i < choice->binder->nterms; i++)
	{
		const Term *term = &choice->binder->terms[i];

		if (strcmp(term->column->name, placeholder) == 0 &&
			(term->condition->op == COND_EQ || term->condition->op == COND_IN))
		{
			*value = choice->parts[i]->texts[0];
			*is_encoded = false;
			return true;
		}
	}
	return false;
}

/* default_param of the columns that the question does not restrict, and what makes the service count. */
static int
fixed_pieces(const Choice *choice, const char **pieces)
{
	const TableSpec *table = choice->binder->table;
	int n = 0;

	if (table->graphql)
		return 0;
	for (int i = 0; i < table->natts && !choice->binder->plan->is_lookup; i++)
	{
		const ColumnSpec *column = &table->columns[i];
		bool is_asked = false;

		if (column->is_dropped || column->default_param == NULL)
			continue;
		for (int t = 0; t < choice->binder->nterms; t++)
			is_asked |= choice->binder->terms[t].column == column;
		if (!is_asked)
			pieces[n++] = column->default_param;
	}
	if (table->count_param && !choice->binder->plan->is_lookup)
		pieces[n++] = table->count_param;
	return n;
}

/* The members that are asked for, each once; 0: all. */
static int
needed_fields(const Binder *binder, const char **fields)
{
	ListCell *cell;
	int n = 0;

	foreach(cell, binder->plan->fields)
	{
		const char *field = binder->table->columns[lfirst_int(cell) - 1].member;
		bool is_there = false;

		if (field == NULL)
			return 0;
		for (int i = 0; i < n; i++)
			is_there |= strcmp(fields[i], field) == 0;
		if (!is_there && field[0] != '\0')
			fields[n++] = field;
	}
	return n;
}

/* A condition with the values of one part. */
static const BoundTree *
bound_condition(const Binder *binder, const Term *term, const Part *part)
{
	ConditionOp op = dq_bind_part_op(term, part);
	const Template *spell = term->column->spell[op];
	bool is_single = term->condition->op == COND_IN && part->nvalues == 1;
	BoundTree *tree = palloc0(sizeof(BoundTree));

	if (spell == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("options of foreign table \"%s\" were changed while the query was planned",
						binder->table->name),
				 errhint("Run the query again.")));
	tree->kind = BOUND_CONDITION;
	tree->condition = (BoundCondition) { .name = term->column->param,
										 .op = is_single ? COND_EQ : op,
										 .spell = spell,
										 .is_text = term->column->is_text,
										 .nvalues = part->nvalues,
										 .values = part->texts };
	return tree;
}

/* The URL of a choice, its conditions' pieces included or not. */
char *
dq_bind_url(const Choice *choice, int nterms, bool with_trees)
{
	const Binder *binder = choice->binder;
	const TableSpec *table = binder->table;
	const BoundTree **conditions = palloc0(sizeof(BoundTree *) *
										   (binder->nterms + binder->ntrees + 1));
	SortKey *sort = palloc0(sizeof(SortKey) * Max(binder->plan->nsort, 1));
	const char **pieces = palloc0(sizeof(char *) * (table->natts + 1));
	const char **fields = palloc0(sizeof(char *) * Max(list_length(binder->plan->fields), 1));
	char *problem = NULL;
	Question question = { .base_url = table->service->url,
						  .path = binder->plan->is_lookup ? table->lookup_path : table->path,
						  .path_lookup = lookup_placeholder,
						  .path_lookup_arg = (void *) choice,
						  .conditions = conditions,
						  .logic = table->logic,
						  .fixed = pieces,
						  .nfixed = fixed_pieces(choice, pieces),
						  .sort = sort,
						  .nsort = binder->plan->nsort,
						  .spell_sort = table->spell_sort,
						  .sort_asc = table->sort_asc,
						  .sort_desc = table->sort_desc,
						  .spell_limit = table->spell_limit,
						  .limit = binder->plan->enough,
						  .spell_fields = table->spell_fields,
						  .fields = fields,
						  .nfields = needed_fields(binder, fields) };

	for (int i = 0; i < nterms; i++)
	{
		const Term *term = &binder->terms[i];
		const Part *part = choice->parts[i];

		if (!dq_bind_is_in_path(binder, term) &&
			!dq_bind_is_in_body(binder, term, dq_bind_part_op(term, part)))
			conditions[question.nconditions++] = bound_condition(binder, term, part);
	}
	for (int i = 0; with_trees && i < binder->ntrees; i++)
		conditions[question.nconditions++] = binder->trees[i];
	for (int i = 0; i < binder->plan->nsort; i++)
		sort[i] = (SortKey) { .name = table->columns[binder->plan->sort[i].attnum - 1].param,
							  .is_descending = binder->plan->sort[i].is_descending };

	char *url = dq_question_url(&question, &problem);

	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_ERROR),
				 errmsg("could not ask foreign table \"%s\": %s", table->name, problem)));
	return url;
}
