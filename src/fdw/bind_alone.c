/*
 * bind_alone.c
 *	  Keys as questions of their own: for answers that are kept by key.
 *
 * The keys of a list: only where one list is asked, whose rows are told apart by the column's JSON
 * value and held against the condition again.  Then the rows of one key are its answer, and those of
 * all keys together are the list's.  A question for a single key by "=" is such a list, too.
 *
 * The rows of a collection (option cache_rows): each by the question for its key.
 */
#include "postgres.h"

#include "fdw/bind_private.h"
#include "fdw/bind_scope.h"

/* What questions for some of the keys are made of; lives as long as the ask. */
typedef struct KeyQuestions
{
	Binder binder;
	Choice choice;
	int term;
	Part part; /* all keys */
} KeyQuestions;

static char *
url_of_keys(const void *arg, const int *keys, int n)
{
	const KeyQuestions *questions = arg;
	Part part = { n, palloc(sizeof(Datum) * n), palloc(sizeof(char *) * n) };
	Choice choice = questions->choice;
	char *url;

	for (int i = 0; i < n; i++)
	{
		part.values[i] = questions->part.values[keys[i]];
		part.texts[i] = questions->part.texts[keys[i]];
	}
	choice.parts = palloc(sizeof(Part *) * (questions->binder.nterms + 1));
	memcpy(choice.parts, questions->choice.parts, sizeof(Part *) * questions->binder.nterms);
	choice.parts[questions->term] = &part;
	url = dq_bind_url(&choice, questions->binder.nterms, choice.with_trees);
	pfree(choice.parts);
	pfree(part.values);
	pfree(part.texts);
	return url;
}

/* The scope's term of a condition, where its values are keys; else NULL. */
static const ScopeTerm *
key_term(const Scope *scope, const Term *term)
{
	for (int i = 0; i < scope->nterms; i++)
	{
		const ScopeTerm *candidate = &scope->terms[i];

		if (candidate->column == term->column->attnum &&
			(candidate->op == COND_IN || candidate->op == COND_EQ))
			return candidate->is_checked && candidate->key != JSON_KEY_NONE && candidate->json ?
				candidate :
				NULL;
	}
	return NULL;
}

/*
 * The one list of a choice; where there is none, the condition by whose value the answer is kept, a
 * key column's if possible.  -1 when there are several lists, or nothing.
 */
static int
only_list(const Choice *choice, const Scope *scope)
{
	const Binder *binder = choice->binder;
	int list = -1;
	int single = -1;

	for (int i = 0; i < binder->nterms; i++)
	{
		if (choice->parts[i]->nvalues > 1)
		{
			if (list >= 0)
				return -1;
			list = i;
		}
		else if (key_term(scope, &binder->terms[i]) &&
				 (single < 0 ||
				  (binder->terms[i].column->is_key && !binder->terms[single].column->is_key)))
			single = i;
	}
	return list >= 0 ? list : single;
}

FetchKeys *
dq_bind_alone(const Choice *choice, const Scope *scope)
{
	const Binder *binder = choice->binder;
	int list;
	KeyQuestions *questions;
	const ScopeTerm *term;
	FetchKeys *keys;

	if (binder->plan->is_lookup || binder->table->body || scope->is_ordered ||
		(list = only_list(choice, scope)) < 0 ||
		(term = key_term(scope, &binder->terms[list])) == NULL)
		return NULL;
	questions = palloc0(sizeof(KeyQuestions));
	questions->binder = *binder;
	questions->choice = *choice;
	questions->choice.binder = &questions->binder;
	questions->choice.parts = palloc(sizeof(Part *) * binder->nterms);
	memcpy(questions->choice.parts, choice->parts, sizeof(Part *) * binder->nterms);
	questions->term = list;
	questions->part = *choice->parts[list];
	keys = palloc0(sizeof(FetchKeys));
	*keys = (FetchKeys) { .term = term, .url_of = url_of_keys, .arg = questions };
	return keys;
}

/* The only key column of a table, if its values can be told apart by their JSON; else NULL. */
static const ColumnSpec *
only_key(const TableSpec *table)
{
	const ColumnSpec *key = NULL;

	for (int i = 0; i < table->natts; i++)
	{
		const ColumnSpec *column = &table->columns[i];

		if (column->is_dropped || !column->is_key)
			continue;
		if (key)
			return NULL;
		key = column;
	}
	if (key == NULL || key->from_request || key->trust_exact || table->trust_exact ||
		dq_scope_column(key).key == JSON_KEY_NONE)
		return NULL;
	return key;
}

/* True when a row is looked up by its key and nothing else. */
static bool
is_looked_up(const TableSpec *table, const ColumnSpec *key)
{
	if (!table->has_lookup || !key->in_lookup_path)
		return false;
	for (int i = 0; i < table->natts; i++)
	{
		const ColumnSpec *column = &table->columns[i];

		if (!column->is_dropped && column != key &&
			(column->in_lookup_path || column->needs_equality))
			return false;
	}
	return true;
}

/* What a service tells by conditions on these columns may be true of the rows under them only. */
static bool
depends_on_request(const Choice *choice)
{
	for (int i = 0; i < choice->binder->nterms; i++)
	{
		const ColumnSpec *column = choice->binder->terms[i].column;

		if (column->from_request || column->in_path || column->json == NULL)
			return true;
	}
	return false;
}

/* The question for one row by its key. */
static char *
url_of_row(const TableSpec *table, bool is_lookup, const char *text)
{
	const ColumnSpec *key = only_key(table);
	ConditionOp op = !is_lookup && (key->filters & COND_BIT(COND_IN)) ? COND_IN : COND_EQ;
	PlanCondition condition = { .attnum = key->attnum, .op = op };
	ConditionValue value = { .nvalues = 1 };
	PlanData plan = { .is_lookup = is_lookup, .nconditions = 1, .conditions = &condition };
	Datum unused = 0;
	Part part = { 1, &unused, &text };
	const Part *parts[] = { &part };
	Term term = {
		.condition = &condition, .column = key, .value = &value, .nparts = 1, .parts = &part
	};
	Binder binder = { .table = table, .plan = &plan, .nterms = 1, .terms = &term };
	Choice choice = { &binder, parts, false };

	return dq_bind_url(&choice, 1, false);
}

FetchRowKey *
dq_bind_row_key(const Choice *choice)
{
	const TableSpec *table = choice->binder->table;
	const ColumnSpec *key = only_key(table);
	FetchRowKey *row_key;
	ScopeTerm term;

	if (key == NULL || table->graphql || depends_on_request(choice))
		return NULL;
	term = dq_scope_column(key);
	row_key = palloc0(sizeof(FetchRowKey));
	row_key->kind = term.key;
	row_key->json = term.json;
	row_key->mark = dq_cache_column(table, key->attnum);
	row_key->by_lookup = is_looked_up(table, key);
	row_key->by_filter = table->body == NULL && !key->in_path &&
		((key->filters & COND_BIT(COND_EQ) && key->spell[COND_EQ]) ||
		 (key->filters & COND_BIT(COND_IN) && key->spell[COND_IN]));
	row_key->url_of = url_of_row;
	return row_key->mark >= 0 && (row_key->by_lookup || row_key->by_filter) ? row_key : NULL;
}
