/*
 * bind_alone.c
 *	  The keys of a list, each as a question of its own: for answers that are kept by key.
 *
 * Only where one list is asked, whose rows are told apart by the column's JSON value and held
 * against the condition again: then the rows of one key are its answer, and those of all keys
 * together are the list's.
 */
#include "postgres.h"

#include "fdw/bind_private.h"

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

/* The one list of a choice, -1 when there is none, or several. */
static int
only_list(const Choice *choice)
{
	int found = -1;

	for (int i = 0; i < choice->binder->nterms; i++)
		if (choice->parts[i]->nvalues > 1)
		{
			if (found >= 0)
				return -1;
			found = i;
		}
	return found;
}

FetchKeys *
dq_bind_alone(const Choice *choice, const Scope *scope)
{
	const Binder *binder = choice->binder;
	int list = only_list(choice);
	KeyQuestions *questions;
	const ScopeTerm *term = NULL;
	FetchKeys *keys;

	if (list < 0 || binder->plan->is_lookup || binder->table->body || scope->is_ordered)
		return NULL;
	for (int i = 0; i < scope->nterms; i++)
		if (scope->terms[i].column == binder->terms[list].column->attnum &&
			scope->terms[i].op == COND_IN)
			term = &scope->terms[i];
	if (term == NULL || !term->is_checked || term->key == JSON_KEY_NONE || term->json == NULL)
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
