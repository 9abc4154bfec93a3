/*
 * choose.c
 *	  Of the clauses that a service can be asked, those that a scan does ask.
 *
 * A parameter can be said once: of conditions on one column that would share one, one is asked and
 * the rest is checked locally.  A lookup by lookup_path asks by its key and nothing else.  Columns
 * that must be restricted are counted here.
 */
#include "postgres.h"

#include "distquery.h"
#include "fdw/clause_tree.h"

/*
 * Conditions of one group on one column would share a parameter; one is asked, the rest is checked
 * locally.
 */
static int
op_group(ConditionOp op)
{
	switch (op)
	{
		case COND_LT:
		case COND_LE:
			return COND_LE;
		case COND_GT:
		case COND_GE:
			return COND_GE;
		case COND_IN:
			return COND_EQ;
		case COND_NOTNULL:
			return COND_NULL;
		default:
			return op;
	}
}

/*
 * The clause already asked that stands in the way of this one, preferring "=" over everything else
 * on the column.  Families that have AND and OR take any number of conditions on one column.
 */
static bool
is_superseded(const TableSpec *table, List *asked, const ClauseMatch *match)
{
	const ColumnSpec *column = &table->columns[match->attnum - 1];
	bool is_parameter = !column->in_path && !column->from_request && column->body_ops == 0;
	ListCell *cell;

	if (table->logic && is_parameter && column->part[match->op])
		return false;
	foreach(cell, asked)
	{
		const ClauseMatch *other = lfirst(cell);

		if (other->attnum == match->attnum &&
			(op_group(other->op) == op_group(match->op) || other->op == COND_EQ))
			return true;
	}
	return false;
}

static const ClauseMatch *
find_equality(List *matches, AttrNumber attnum)
{
	const ClauseMatch *found = NULL;
	ListCell *cell;

	foreach(cell, matches)
	{
		const ClauseMatch *match = lfirst(cell);

		if (match->attnum == attnum && (match->op == COND_EQ || match->op == COND_IN) &&
			(found == NULL || match->op == COND_EQ))
			found = match;
	}
	return found;
}

/*
 * True when lookup_path is the better question: every key is given, and the collection has no way
 * to ask for many at once.
 */
static bool
prefers_lookup(const TableSpec *table, List *matches)
{
	bool can_batch = false;

	if (!table->has_lookup)
		return false;
	for (int i = 0; i < table->natts; i++)
	{
		const ColumnSpec *column = &table->columns[i];

		if (column->is_dropped)
			continue;
		/* A lookup would not know the value. */
		if (column->needs_equality && !column->in_lookup_path)
			return false;
		if (!column->in_lookup_path)
			continue;

		const ClauseMatch *match = find_equality(matches, column->attnum);

		if (match == NULL)
			return false;
		can_batch |= match->op == COND_IN && column->can_list;
	}
	return !can_batch || (table->graphql && table->graphql->field == NULL);
}

static void
add_local(ScanChoice *choice, Expr *clause, const char *reason)
{
	choice->local = lappend(choice->local, clause);
	choice->reasons = lappend(choice->reasons, pstrdup(reason));
}

/* Keeps the key equalities of a lookup; everything else is checked locally. */
static void
choose_lookup(const TableSpec *table, List *matches, ScanChoice *choice)
{
	ListCell *cell;

	choice->is_lookup = true;
	foreach(cell, matches)
	{
		ClauseMatch *match = lfirst(cell);

		if (table->columns[match->attnum - 1].in_lookup_path &&
			match == find_equality(matches, match->attnum))
		{
			match->is_exact = false;
			choice->asked = lappend(choice->asked, match);
		}
		else
			add_local(choice, match->clause, "a lookup asks by key only");
	}
}

static void
choose_collection(const TableSpec *table, List *matches, ScanChoice *choice)
{
	ListCell *cell;

	for (int round = 0; round < 2; round++)
	{
		bool is_equality_round = round == 0;

		foreach(cell, matches)
		{
			ClauseMatch *match = lfirst(cell);
			const ColumnSpec *column = &table->columns[match->attnum - 1];

			if ((match->op == COND_EQ) != is_equality_round)
				continue;
			if (!column->in_path && !(column->filters & COND_BIT(match->op)) &&
				!(match->op == COND_IN && (column->filters & COND_BIT(COND_EQ))))
				add_local(choice, match->clause,
						  psprintf("column \"%s\" has no filter \"%s\"", column->name,
								   dq_condition_op_name(match->op)));
			else if (is_superseded(table, choice->asked, match))
				add_local(choice, match->clause, "another condition on the column is asked");
			else
				choice->asked = lappend(choice->asked, match);
		}
	}
}

/* Notes which required columns are not restricted, and whether the whole key is asked by "=". */
static void
note_columns(const TableSpec *table, ScanChoice *choice)
{
	bool has_key = false;

	choice->binds_key = true;
	for (int i = 0; i < table->natts; i++)
	{
		const ColumnSpec *column = &table->columns[i];
		bool is_asked = false;
		bool is_equal = false;
		ListCell *cell;

		if (column->is_dropped)
			continue;
		foreach(cell, choice->asked)
		{
			const ClauseMatch *match = lfirst(cell);

			if (match->attnum != column->attnum)
				continue;
			is_asked |= !(column->needs_equality || column->in_path) || match->op == COND_EQ ||
				match->op == COND_IN;
			is_equal |= match->op == COND_EQ;
		}
		if (column->is_required && !is_asked && !choice->is_lookup)
			choice->missing = lappend_int(choice->missing, column->attnum);
		if (column->is_key)
		{
			has_key = true;
			choice->binds_key &= is_equal;
		}
	}
	choice->binds_key &= has_key;
}

/* True for what may be asked as several conditions. */
static bool
could_be_tree(const Expr *clause)
{
	return IsA(clause, ScalarArrayOpExpr) ||
		(IsA(clause, BoolExpr) && ((const BoolExpr *) clause)->boolop == OR_EXPR);
}

static void
choose_trees(List *trees, ScanChoice *choice)
{
	ListCell *cell;

	if (!choice->is_lookup)
	{
		choice->trees = trees;
		return;
	}
	foreach(cell, trees)
		add_local(choice, ((TreeMatch *) lfirst(cell))->clause, "a lookup asks by key only");
}

void
dq_clause_choose(const TableSpec *table, Index relid, List *clauses, ScanChoice *choice)
{
	dq_clause_choose_with_keys(table, relid, NIL, clauses, choice);
}

void
dq_clause_choose_with_keys(const TableSpec *table, Index relid, List *keys, List *clauses,
						   ScanChoice *choice)
{
	List *matches = list_copy(keys);
	List *trees = NIL;
	ListCell *cell;

	memset(choice, 0, sizeof(*choice));
	foreach(cell, clauses)
	{
		ClauseMatch *match = palloc0(sizeof(ClauseMatch));
		Expr *clause = lfirst(cell);
		TreeMatch tree;
		bool is_tree = false;
		const char *reason = dq_clause_match(table, relid, clause, match);

		if (reason && dq_clause_match_list(table, relid, clause, match))
			reason = NULL;
		else if (reason && could_be_tree(clause))
		{
			reason = dq_clause_match_tree(table, relid, clause, &tree);
			is_tree = reason == NULL;
		}
		if (is_tree)
		{
			if (dq_pushdown)
				trees = lappend(trees, memcpy(palloc(sizeof(tree)), &tree, sizeof(tree)));
			else
				add_local(choice, clause, "distquery.pushdown is off");
			continue;
		}
		if (reason == NULL && !dq_pushdown && !table->columns[match->attnum - 1].is_required)
			reason = "distquery.pushdown is off";
		if (reason)
			add_local(choice, clause, reason);
		else
			matches = lappend(matches, match);
	}
	if (prefers_lookup(table, matches))
		choose_lookup(table, matches, choice);
	else
		choose_collection(table, matches, choice);
	choose_trees(trees, choice);
	note_columns(table, choice);
}
