/*
 * bind_wider.c
 *	  Less restricted questions, whose answers hold all rows of the one that is asked.
 *
 * Conditions are joined by AND, so that each that is left out makes a wider question; its answer
 * will do if the rows are held against the condition again here.  What the path holds, and what has
 * a parameter of its own where it is not restricted, cannot be left out.
 */
#include "postgres.h"

#include "fdw/bind_private.h"

/* Of more conditions, only all of them are left out. */
#define MAX_LEFT_OUT 3

void
dq_bind_marks(const Choice *choice, const char **marks)
{
	for (int i = 0; i < choice->binder->nterms; i++)
	{
		const Term *term = &choice->binder->terms[i];
		const Part *part = choice->parts[i];
		int mark = dq_cache_column(choice->binder->table, term->column->attnum);

		if (mark >= 0 && part->nvalues == 1 &&
			(term->condition->op == COND_EQ || term->condition->op == COND_IN))
			marks[mark] = part->texts[0];
	}
}

static bool
can_be_left_out(const Term *term)
{
	const ColumnSpec *column = term->column;

	return !term->condition->is_exact && !column->from_request && !column->is_required &&
		!column->in_path && column->default_param == NULL;
}

/* The question without those of its conditions whose bit is set; false when it is not kept whole. */
static bool
make_wider(const Choice *choice, const Scope *scope, unsigned left_out, bool with_trees,
		   FetchWider *wider)
{
	Binder binder = *choice->binder;
	Choice rest = { &binder, palloc(sizeof(Part *) * (binder.nterms + 1)), with_trees };
	const FetchKeys *keys;

	binder.terms = palloc(sizeof(Term) * Max(binder.nterms, 1));
	binder.nterms = 0;
	for (int i = 0; i < choice->binder->nterms; i++)
	{
		if (left_out & (1U << i))
			continue;
		rest.parts[binder.nterms] = choice->parts[i];
		binder.terms[binder.nterms++] = choice->binder->terms[i];
	}
	keys = dq_bind_alone(&rest, scope);
	if (keys && keys->term->nvalues > 1)
		return false;
	memset(wider, 0, sizeof(*wider));
	wider->url = dq_bind_url(&rest, binder.nterms, with_trees);
	wider->key = keys ? keys->term : NULL;
	dq_bind_marks(&rest, wider->marks);
	return true;
}

FetchWider *
dq_bind_wider(const Choice *choice, const Scope *scope, int *n)
{
	const Binder *binder = choice->binder;
	bool has_trees = choice->with_trees && binder->ntrees > 0;
	bool can_leave_trees_out = has_trees && binder->can_leave_trees_out;
	int terms[MAX_LEFT_OUT];
	unsigned all = 0;
	int nterms = 0;
	FetchWider *found;

	*n = 0;
	if (binder->plan->is_lookup || binder->table->body || binder->nterms > 31)
		return NULL;
	for (int i = 0; i < binder->nterms; i++)
		if (can_be_left_out(&binder->terms[i]))
		{
			if (nterms < MAX_LEFT_OUT)
				terms[nterms] = i;
			nterms++;
			all |= 1U << i;
		}
	found = palloc(sizeof(FetchWider) * ((1 << MAX_LEFT_OUT) + 1));
	if (nterms <= MAX_LEFT_OUT)
		for (unsigned choices = 1; choices < 1U << nterms; choices++)
		{
			unsigned left_out = 0;

			for (int i = 0; i < nterms; i++)
				left_out |= choices & (1U << i) ? 1U << terms[i] : 0;
			*n += make_wider(choice, scope, left_out, has_trees, &found[*n]);
		}
	else
		*n += make_wider(choice, scope, all, has_trees, &found[*n]);
	if (can_leave_trees_out)
		*n += make_wider(choice, scope, all, false, &found[*n]);
	return found;
}
