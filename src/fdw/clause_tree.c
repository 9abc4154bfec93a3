/*
 * clause_tree.c
 *	  Clauses of several conditions, joined by AND and OR, that a service can be asked as a whole.
 *
 * Each condition must be one that asks for a superset of its rows; then an AND or OR of them asks
 * for a superset, too.  A negation would turn that round, so there is none in a tree: PostgreSQL has
 * pushed every NOT that has a counterpart down to operators before planning (a NOT of an OR is an
 * AND of opposites), and "<> ALL" is an AND of "<>".
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fdw/clause_tree.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

/* Larger trees are evaluated here: every service has a limit of its own. */
#define MAX_DEPTH 10
#define MAX_LEAVES 50

static const char *build_tree(const TableSpec *table, Index relid, Expr *clause, int depth,
							  TreeMatch *match, int *leaves, ClauseTree **tree);

/* Why a condition cannot stand inside a tree, or NULL. */
static const char *
refuse_leaf(const TableSpec *table, const ClauseMatch *leaf)
{
	const ColumnSpec *column = &table->columns[leaf->attnum - 1];

	if (column->in_path || column->needs_equality || column->from_request)
		return psprintf("column \"%s\" is no ordinary parameter", column->name);
	if (!(column->filters & COND_BIT(leaf->op)))
		return psprintf("column \"%s\" has no filter \"%s\"", column->name,
						dq_condition_op_name(leaf->op));
	if (column->part[leaf->op] == NULL)
		return psprintf("operator \"%s\" of column \"%s\" cannot be said there",
						dq_condition_op_name(leaf->op), column->name);
	return NULL;
}

static const char *
build_leaf(const TableSpec *table, Index relid, Expr *clause, TreeMatch *match, int *leaves,
		   ClauseTree **tree)
{
	ClauseMatch *leaf = palloc0(sizeof(ClauseMatch));
	const char *reason = dq_clause_match(table, relid, clause, leaf);

	if (reason && IsA(clause, ScalarArrayOpExpr))
		reason = dq_clause_match_none(table, relid, (ScalarArrayOpExpr *) clause, leaf);
	if (reason == NULL)
		reason = refuse_leaf(table, leaf);
	if (reason)
		return reason;
	if (++*leaves > MAX_LEAVES)
		return psprintf("more than %d conditions", MAX_LEAVES);
	match->is_exact &= leaf->is_exact;
	*tree = palloc0(sizeof(ClauseTree));
	(*tree)->kind = BOUND_CONDITION;
	(*tree)->leaf = leaf;
	return NULL;
}

static const char *
build_join(const TableSpec *table, Index relid, BoolExpr *expr, int depth, TreeMatch *match,
		   int *leaves, ClauseTree **tree)
{
	ListCell *cell;

	if (depth == 0)
		return "nested too deeply";
	*tree = palloc0(sizeof(ClauseTree));
	(*tree)->kind = expr->boolop == OR_EXPR ? BOUND_ANY : BOUND_ALL;
	foreach(cell, expr->args)
	{
		ClauseTree *part;
		const char *reason = build_tree(table, relid, lfirst(cell), depth - 1, match, leaves,
										&part);

		if (reason)
			return reason;
		(*tree)->parts = lappend((*tree)->parts, part);
	}
	return NULL;
}

static const char *
build_tree(const TableSpec *table, Index relid, Expr *clause, int depth, TreeMatch *match,
		   int *leaves, ClauseTree **tree)
{
	/* The planner leaves RestrictInfos in ORs of its own making. */
	if (IsA(clause, RestrictInfo))
		clause = ((RestrictInfo *) clause)->clause;
	if (IsA(clause, BoolExpr) && ((BoolExpr *) clause)->boolop != NOT_EXPR)
		return build_join(table, relid, (BoolExpr *) clause, depth, match, leaves, tree);
	return build_leaf(table, relid, clause, match, leaves, tree);
}

const char *
dq_clause_match_tree(const TableSpec *table, Index relid, Expr *clause, TreeMatch *match)
{
	bool is_or = IsA(clause, BoolExpr) && ((BoolExpr *) clause)->boolop == OR_EXPR;
	bool is_none = IsA(clause, ScalarArrayOpExpr) && !((ScalarArrayOpExpr *) clause)->useOr;
	const char *reason;
	int leaves = 0;

	memset(match, 0, sizeof(*match));
	if (!is_or && !is_none)
		return "the expression is evaluated locally";
	if (table->logic == NULL)
		return is_or ? "OR is evaluated locally" : "only = ANY is asked of services";
	match->clause = clause;
	match->is_exact = true;
	reason = build_tree(table, relid, clause, MAX_DEPTH, match, &leaves, &match->tree);
	return reason && is_or ? psprintf("OR is evaluated locally: %s", reason) : reason;
}

/* An integer as bigint, so that values of several widths can stand in one array. */
static Expr *
widen(Expr *value)
{
	Oid cast;

	switch (exprType((Node *) value))
	{
		case INT2OID:
			cast = F_INT8_INT2;
			break;
		case INT4OID:
			cast = F_INT8_INT4;
			break;
		default:
			return value;
	}
	return (Expr *) eval_const_expressions(NULL,
										   (Node *) makeFuncExpr(cast, INT8OID, list_make1(value),
																 InvalidOid, InvalidOid,
																 COERCE_IMPLICIT_CAST));
}

/* One arm of an OR as "column = value", on the same column and of the same type as those before. */
static bool
match_arm(const TableSpec *table, Index relid, Expr *arm, ClauseMatch *list, List **values)
{
	ClauseMatch match;

	if (!IsA(arm, OpExpr) || dq_clause_match(table, relid, arm, &match) != NULL ||
		match.op != COND_EQ)
		return false;
	match.value = widen(match.value);
	if (*values == NIL)
		*list = match;
	else if (match.attnum != list->attnum ||
			 exprType((Node *) match.value) != exprType(linitial(*values)) ||
			 ((OpExpr *) arm)->inputcollid != ((OpExpr *) list->clause)->inputcollid)
		return false;
	list->is_exact &= match.is_exact;
	*values = lappend(*values, match.value);
	return true;
}

bool
dq_clause_match_list(const TableSpec *table, Index relid, Expr *clause, ClauseMatch *match)
{
	List *values = NIL;
	const ColumnSpec *column;
	ArrayExpr *array;
	ListCell *cell;

	if (!IsA(clause, BoolExpr) || ((BoolExpr *) clause)->boolop != OR_EXPR)
		return false;
	foreach(cell, ((BoolExpr *) clause)->args)
	{
		Expr *arm = lfirst(cell);

		if (IsA(arm, RestrictInfo))
			arm = ((RestrictInfo *) arm)->clause;
		if (!match_arm(table, relid, arm, match, &values))
			return false;
	}

	column = &table->columns[match->attnum - 1];
	array = makeNode(ArrayExpr);
	array->element_typeid = exprType(linitial(values));
	array->array_typeid = get_array_type(array->element_typeid);
	array->array_collid = exprCollation(linitial(values));
	array->elements = values;
	array->location = -1;
	if (!OidIsValid(array->array_typeid) ||
		!(column->in_path || column->in_lookup_path || (column->filters & COND_BIT(COND_IN))))
		return false;
	match->clause = clause;
	match->op = COND_IN;
	match->value = (Expr *) array;
	match->is_array = true;
	match->is_exact &= (column->exact_ops & COND_BIT(COND_IN)) != 0;
	return true;
}
