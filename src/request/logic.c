/*
 * logic.c
 *	  AND and OR of conditions, in the words of families that have them.
 *
 * Two ways are known.  PostgREST has a parameter a condition, and one more for each OR, in which
 * conditions are written otherwise than as parameters.  OData has one expression for everything.
 * Trees are as deep as the planner lets them be, which is not very.
 */
#include "base.h"

#include "request/logic.h"
#include "request/url.h"

static const char *const placeholders[] = { "parts", NULL };

static void spell_part(StringInfo out, const Logic *logic, const BoundTree *tree);

const char *const *
dq_logic_placeholders(void)
{
	return placeholders;
}

static bool
lookup_parts(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	*value = arg;
	*is_encoded = true;
	return true;
}

static void
append_parts(StringInfo out, const Template *tmpl, char *parts)
{
	dq_template_expand(tmpl, out, lookup_parts, parts);
	pfree(parts);
}

/* The parts of a tree, or of a list of trees, with what stands between them. */
static char *
join_parts(const Logic *logic, int nparts, const BoundTree *const *parts, const char *joiner)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < nparts; i++)
	{
		if (i > 0)
			dq_url_encode_literal(&out, joiner);
		spell_part(&out, logic, parts[i]);
	}
	return out.data;
}

/* A list whose keys are said one by one is an OR itself. */
static void
spell_condition_part(StringInfo out, const Logic *logic, const BoundCondition *condition)
{
	StringInfoData pieces;
	StringInfoData joiner;

	if (condition->op != COND_IN || condition->nvalues < 2 ||
		!dq_condition_repeats(condition->spell))
	{
		dq_condition_spell(out, condition, "");
		return;
	}
	initStringInfo(&pieces);
	initStringInfo(&joiner);
	dq_url_encode_literal(&joiner, logic->any_joiner);
	dq_condition_spell(&pieces, condition, joiner.data);
	append_parts(out, logic->any, pieces.data);
	pfree(joiner.data);
}

/* One tree inside an expression. */
static void
spell_part(StringInfo out, const Logic *logic, const BoundTree *tree)
{
	bool is_all = tree->kind == BOUND_ALL;

	if (tree->kind == BOUND_CONDITION)
		spell_condition_part(out, logic, &tree->condition);
	else if (tree->nparts == 1)
		spell_part(out, logic, tree->parts[0]);
	else
		append_parts(out, is_all ? logic->all : logic->any,
					 join_parts(logic, tree->nparts, tree->parts,
								is_all ? logic->all_joiner : logic->any_joiner));
}

static void
append_separator(StringInfo out)
{
	if (out->len > 0)
		appendStringInfoChar(out, '&');
}

void
dq_logic_spell(StringInfo out, const Logic *logic, int ntrees, const BoundTree *const *trees)
{
	if (logic && logic->whole)
	{
		if (ntrees == 0)
			return;
		append_separator(out);
		append_parts(out, logic->whole, join_parts(logic, ntrees, trees, logic->all_joiner));
		return;
	}
	for (int i = 0; i < ntrees; i++)
	{
		const BoundTree *tree = trees[i];

		append_separator(out);
		if (tree->kind == BOUND_CONDITION)
			dq_condition_spell(out, &tree->condition, "&");
		else if (logic && tree->kind == BOUND_ANY)
			append_parts(out, logic->top,
						 join_parts(logic, tree->nparts, tree->parts, logic->any_joiner));
		else if (logic)
			append_parts(out, logic->top, join_parts(logic, 1, &tree, ""));
	}
}
