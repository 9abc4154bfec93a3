/*
 * scope.c
 *	  What a question restricts, and whether one question's answer holds all rows of another's.
 *
 * The proof is by terms: each term of the wide question has to follow from a term of the narrow
 * one on the same column.  It rests on what a declared filter promises, that a service sends at
 * least the rows for which the condition is true in SQL.  Rows beyond those of the narrow question
 * are dropped by its reader, so a narrow term that nobody checks again has to be asked by both.
 *
 * Two values are the same if they are asked with the same text.  That two differ, or which is
 * larger, is only known of numbers.
 */
#include "base.h"

#include "request/scope.h"

static bool
same_texts(const ScopeTerm *a, const ScopeTerm *b)
{
	if (a->nvalues != b->nvalues)
		return false;
	for (int i = 0; i < a->nvalues; i++)
		if (strcmp(a->texts[i], b->texts[i]) != 0)
			return false;
	return true;
}

static bool
is_same(const ScopeTerm *a, const ScopeTerm *b)
{
	return a->column == b->column && a->op == b->op && same_texts(a, b);
}

static bool
is_equality(const ScopeTerm *term)
{
	return term->op == COND_EQ || term->op == COND_IN;
}

static bool
is_range(ConditionOp op)
{
	return op == COND_LT || op == COND_LE || op == COND_GT || op == COND_GE;
}

static bool
has_text(const ScopeTerm *term, const char *value)
{
	for (int i = 0; i < term->nvalues; i++)
		if (strcmp(term->texts[i], value) == 0)
			return true;
	return false;
}

/* Whether a value fulfils "column op bound". */
static bool
fulfils(int64 value, ConditionOp op, int64 bound)
{
	switch (op)
	{
		case COND_LT:
			return value < bound;
		case COND_LE:
			return value <= bound;
		case COND_GT:
			return value > bound;
		case COND_GE:
			return value >= bound;
		case COND_NE:
			return value != bound;
		default:
			return false;
	}
}

static bool
can_compare(const ScopeTerm *a, const ScopeTerm *b)
{
	return a->order != SCOPE_UNORDERED && a->order == b->order && a->numbers && b->numbers;
}

/* narrow is an equality: all of its values have to fulfil wide. */
static bool
equality_implies(const ScopeTerm *narrow, const ScopeTerm *wide)
{
	if (wide->op == COND_NOTNULL)
		return true;
	for (int i = 0; i < narrow->nvalues; i++)
	{
		if (is_equality(wide))
		{
			if (!has_text(wide, narrow->texts[i]))
				return false;
		}
		else if (!(is_range(wide->op) || wide->op == COND_NE) || !can_compare(narrow, wide) ||
				 !fulfils(narrow->numbers[i], wide->op, wide->numbers[0]))
			return false;
	}
	return narrow->nvalues > 0;
}

/* Both are bounds on the same side: narrow's has to be at least as tight. */
static bool
range_implies(const ScopeTerm *narrow, const ScopeTerm *wide)
{
	bool is_upper = wide->op == COND_LT || wide->op == COND_LE;

	if (wide->op == COND_NOTNULL)
		return true;
	if (!is_range(wide->op) || is_upper != (narrow->op == COND_LT || narrow->op == COND_LE) ||
		!can_compare(narrow, wide))
		return false;
	if (narrow->numbers[0] == wide->numbers[0])
		return narrow->op == wide->op || wide->op == COND_LE || wide->op == COND_GE;
	return fulfils(narrow->numbers[0], is_upper ? COND_LT : COND_GT, wide->numbers[0]);
}

static bool
implies(const ScopeTerm *narrow, const ScopeTerm *wide)
{
	if (narrow->column != wide->column)
		return false;
	if (is_same(narrow, wide))
		return true;
	if (is_equality(narrow))
		return equality_implies(narrow, wide);
	if (is_range(narrow->op))
		return range_implies(narrow, wide);
	return wide->op == COND_NOTNULL && (narrow->op == COND_NE || narrow->op == COND_LIKE);
}

bool
dq_scope_contains(const Scope *wide, const Scope *narrow)
{
	if (strcmp(wide->base, narrow->base) != 0)
		return false;
	if (wide->logic && (narrow->logic == NULL || strcmp(wide->logic, narrow->logic) != 0))
		return false;
	if (narrow->logic && wide->logic == NULL && !narrow->logic_is_checked)
		return false;
	for (int w = 0; w < wide->nterms; w++)
	{
		bool follows = false;

		for (int n = 0; n < narrow->nterms && !follows; n++)
			follows = implies(&narrow->terms[n], &wide->terms[w]);
		if (!follows)
			return false;
	}
	for (int n = 0; n < narrow->nterms; n++)
	{
		bool is_asked = narrow->terms[n].is_checked;

		for (int w = 0; w < wide->nterms && !is_asked; w++)
			is_asked = is_same(&narrow->terms[n], &wide->terms[w]);
		if (!is_asked)
			return false;
	}
	return true;
}

const ScopeTerm *
dq_scope_key_term(const Scope *scope)
{
	const ScopeTerm *best = NULL;

	for (int i = 0; i < scope->nterms && !scope->is_ordered; i++)
	{
		const ScopeTerm *term = &scope->terms[i];

		if (is_equality(term) && term->is_checked && term->key != JSON_KEY_NONE && term->json &&
			(best == NULL || term->nvalues < best->nvalues))
			best = term;
	}
	return best;
}

static const char *
copy_text(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

Scope *
dq_scope_copy(const Scope *scope)
{
	Scope *copy = palloc0(sizeof(Scope));
	ScopeTerm *terms = palloc0(sizeof(ScopeTerm) * Max(scope->nterms, 1));

	copy->base = copy_text(scope->base);
	copy->logic = copy_text(scope->logic);
	copy->logic_is_checked = scope->logic_is_checked;
	copy->is_whole = scope->is_whole;
	copy->is_ordered = scope->is_ordered;
	copy->nterms = scope->nterms;
	copy->terms = terms;
	for (int i = 0; i < scope->nterms; i++)
	{
		const ScopeTerm *from = &scope->terms[i];
		const char **texts = palloc(sizeof(char *) * Max(from->nvalues, 1));

		terms[i] = *from;
		for (int v = 0; v < from->nvalues; v++)
			texts[v] = copy_text(from->texts[v]);
		terms[i].texts = texts;
		terms[i].json = copy_text(from->json);
		if (from->numbers)
			terms[i].numbers = memcpy(palloc(sizeof(int64) * Max(from->nvalues, 1)), from->numbers,
									  sizeof(int64) * from->nvalues);
	}
	return copy;
}
