/*
 * clause.c
 *	  Which SQL clauses a service can be asked, and why not the others.
 *
 * The rule behind every test here: the service must answer with a superset of the rows that the
 * clause is true for, judged by the meaning of PostgreSQL's operator.  Where collation, NULL, a
 * coercion between types or a volatile function could make the two differ, the clause stays local
 * and the reason is kept for EXPLAIN.
 */
#include "postgres.h"

#include "access/stratnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fdw/clause.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* How values of a type compare at a service that speaks JSON. */
typedef enum TypeClass
{
	TYPE_LOCAL,	 /* not asked at all */
	TYPE_EQUAL,	 /* equality only */
	TYPE_TEXT,	 /* equality and LIKE, under a deterministic collation */
	TYPE_ORDERED /* ranges as well */
} TypeClass;

static TypeClass
type_class(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return TYPE_ORDERED;
		case BOOLOID:
		case UUIDOID:
			return TYPE_EQUAL;
		case TEXTOID:
		case VARCHAROID:
			return TYPE_TEXT;
		default:
			return get_typtype(type) == TYPTYPE_ENUM ? TYPE_EQUAL : TYPE_LOCAL;
	}
}

static bool
is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/*
 * The column that an expression denotes, domains and varchar looked through; NULL if it is no
 * plain column of relid.
 */
static const ColumnSpec *
match_column(const TableSpec *table, Index relid, Node *node)
{
	if (IsA(node, RelabelType))
	{
		RelabelType *relabel = (RelabelType *) node;
		Oid from = getBaseType(exprType((Node *) relabel->arg));
		Oid to = getBaseType(relabel->resulttype);

		if (from != to && !(is_text(from) && is_text(to)))
			return NULL;
		node = (Node *) relabel->arg;
	}
	if (!IsA(node, Var))
		return NULL;

	Var *var = (Var *) node;

	if (var->varno != relid || var->varlevelsup != 0 || var->varattno <= 0 ||
		var->varattno > table->natts)
		return NULL;
	return &table->columns[var->varattno - 1];
}

static bool
depends_on_relation(Node *node, Index *relid)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varno == *relid && ((Var *) node)->varlevelsup == 0;
	return expression_tree_walker(node, depends_on_relation, relid);
}

/* Why a value cannot be sent, or NULL. */
static const char *
refuse_value(Node *value, Index relid)
{
	if (depends_on_relation(value, &relid))
		return "both sides depend on this table";
	if (contain_volatile_functions(value))
		return "a volatile function is evaluated for each row";
	if (contain_subplans(value))
		return "the value is a subquery";
	return NULL;
}

/*
 * "=" and its kin as a ConditionOp by the type's default btree operator family; false for other
 * operators.
 */
static bool
comparison_op(Oid opno, Oid type, ConditionOp *op)
{
	static const ConditionOp by_strategy[] = { [BTLessStrategyNumber] = COND_LT,
											   [BTLessEqualStrategyNumber] = COND_LE,
											   [BTEqualStrategyNumber] = COND_EQ,
											   [BTGreaterEqualStrategyNumber] = COND_GE,
											   [BTGreaterStrategyNumber] = COND_GT };
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_BTREE_OPFAMILY);

	if (!OidIsValid(entry->btree_opf))
		return false;

	int strategy = get_op_opfamily_strategy(opno, entry->btree_opf);

	if (strategy != 0)
	{
		*op = by_strategy[strategy];
		return true;
	}

	Oid negator = get_negator(opno);

	if (OidIsValid(negator) &&
		get_op_opfamily_strategy(negator, entry->btree_opf) == BTEqualStrategyNumber)
	{
		*op = COND_NE;
		return true;
	}
	return false;
}

/* Whether the declaration lets this operator be asked of this column. */
static const char *
refuse_op(const ColumnSpec *column, ConditionOp op)
{
	bool by_key = column->in_path || column->in_lookup_path;
	bool can_equal = (column->filters & COND_BIT(COND_EQ)) && dq_column_says(column, COND_EQ);

	if (by_key && (op == COND_EQ || op == COND_IN))
		return NULL;
	if (op == COND_IN && column->is_required && can_equal)
		return NULL;
	if (!(column->filters & COND_BIT(op)))
		return psprintf("column \"%s\" has no filter \"%s\"", column->name,
						dq_condition_op_name(op));
	if (!dq_column_says(column, op) && !(op == COND_IN && can_equal))
		return psprintf("operator \"%s\" of column \"%s\" cannot be spelled",
						dq_condition_op_name(op), column->name);
	return NULL;
}

/* 1.5 and 1.50, or two spellings of one moment, are equal as values and differ as text. */
static bool
compares_differently_as_text(Oid type, ConditionOp op)
{
	bool is_range = op == COND_LT || op == COND_LE || op == COND_GT || op == COND_GE;

	if (is_integer(type) || is_text(type) || type == BOOLOID || type == DATEOID)
		return false;
	if (is_range && (type == NUMERICOID || type == FLOAT4OID || type == FLOAT8OID))
		return false;
	return get_typtype(type) != TYPTYPE_ENUM;
}

/*
 * numeric(10,2) or timestamp(0): 20.004 at the service is equal to 20.00 here.  So is 0.100000001 to
 * 0.1 in real, for services compare numbers in double precision or better.
 */
static bool
is_rounding(const ColumnSpec *column)
{
	int32 typmod = column->typmod;
	Oid type = getBaseTypeAndTypmod(column->type, &typmod);

	if (type == FLOAT4OID)
		return true;
	return typmod >= 0 &&
		(type == NUMERICOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID || type == TIMEOID);
}

/* Why the types or the collation of "column op value" forbid to ask it, or NULL. */
static const char *
refuse_types(const ColumnSpec *column, ConditionOp op, Oid value_type, Oid collation)
{
	Oid column_type = getBaseType(column->type);
	Oid type = getBaseType(value_type);
	TypeClass class = type_class(column_type);

	if (class == TYPE_LOCAL)
		return psprintf("type %s is compared locally", format_type_be(column_type));
	if (column_type != type && !(is_integer(column_type) && is_integer(type)) &&
		!(is_text(column_type) && is_text(type)))
		return psprintf("types %s and %s are compared locally", format_type_be(column_type),
						format_type_be(type));
	if ((column->text_ops & COND_BIT(op)) && compares_differently_as_text(column_type, op))
		return psprintf("the service compares type %s as text", format_type_be(column_type));
	if ((column->typed_ops & COND_BIT(op)) && column_type == TIMESTAMPOID &&
		column->format != FORMAT_EPOCH && column->format != FORMAT_EPOCH_MS)
		return "the service has no literal for a timestamp without time zone";
	/* A required column has no other way to be asked for. */
	if (!(column->exact_ops & COND_BIT(op)) && is_rounding(column) && !column->is_required)
		return "the column's type rounds what the service sends";
	if (class == TYPE_TEXT && OidIsValid(collation) && !get_collation_isdeterministic(collation))
		return "the collation is not deterministic";
	if (op == COND_LT || op == COND_LE || op == COND_GT || op == COND_GE)
	{
		if (class == TYPE_TEXT)
			return "the service may order text otherwise";
		if (class != TYPE_ORDERED)
			return psprintf("type %s is ordered locally", format_type_be(column_type));
	}
	return NULL;
}

/* Fills match for "column op value", or says why not. */
static const char *
match_values(const TableSpec *table, Index relid, const ColumnSpec *column, ConditionOp op,
			 Expr *value, Oid value_type, Oid collation, ClauseMatch *match)
{
	bool is_array = value_type != exprType((Node *) value);
	const char *reason;

	if ((reason = refuse_op(column, op)) != NULL ||
		(reason = refuse_types(column, op, value_type, collation)) != NULL ||
		(reason = refuse_value((Node *) value, relid)) != NULL)
		return reason;
	match->attnum = column->attnum;
	match->op = op;
	match->value = value;
	match->is_array = is_array;
	match->is_exact = (column->exact_ops & COND_BIT(op)) != 0 &&
		dq_clause_is_sayable(column, op, value, is_array);
	return NULL;
}

static const char *
match_comparison(const TableSpec *table, Index relid, const ColumnSpec *column, ConditionOp op,
				 Expr *value, Oid collation, ClauseMatch *match)
{
	return match_values(table, relid, column, op, value, exprType((Node *) value), collation,
						match);
}

/* The same for a list of values. */
static const char *
match_list(const TableSpec *table, Index relid, const ColumnSpec *column, ConditionOp op,
		   ScalarArrayOpExpr *expr, ClauseMatch *match)
{
	Expr *array = lsecond(expr->args);

	return match_values(table, relid, column, op, array,
						get_base_element_type(exprType((Node *) array)), expr->inputcollid, match);
}

/* "column op value", whichever side the column stands on; NULL, or why it is no such clause. */
static const char *
split_operator(const TableSpec *table, Index relid, OpExpr *expr, const ColumnSpec **column,
			   ConditionOp *op, Expr **value)
{
	if (list_length(expr->args) != 2)
		return "the operator is evaluated locally";

	Node *left = linitial(expr->args);
	Node *right = lsecond(expr->args);
	Oid opno = expr->opno;

	*column = match_column(table, relid, left);
	if (*column == NULL)
	{
		Node *swap = left;

		*column = match_column(table, relid, right);
		if (*column == NULL)
			return "the column is part of an expression";
		left = right;
		right = swap;
		opno = get_commutator(opno);
		if (!OidIsValid(opno))
			return "the operator is evaluated locally";
	}
	*value = (Expr *) right;
	if (opno == OID_TEXT_LIKE_OP)
		*op = COND_LIKE;
	else if (!comparison_op(opno, getBaseType(exprType(left)), op))
		return psprintf("operator %s is evaluated locally", get_opname(opno));
	return NULL;
}

static const char *
match_operator(const TableSpec *table, Index relid, OpExpr *expr, ClauseMatch *match)
{
	const ColumnSpec *column;
	ConditionOp op;
	Expr *value;
	const char *reason = split_operator(table, relid, expr, &column, &op, &value);

	if (reason)
		return reason;
	return match_comparison(table, relid, column, op, value, expr->inputcollid, match);
}

const char *
dq_clause_match_key(const TableSpec *table, Index relid, Expr *clause, ClauseMatch *match)
{
	OpExpr *expr = (OpExpr *) clause;
	const ColumnSpec *column;
	ConditionOp op;
	Expr *value;
	const char *reason;

	memset(match, 0, sizeof(*match));
	if (!IsA(clause, OpExpr))
		return "only an equality can give keys";
	if ((reason = split_operator(table, relid, expr, &column, &op, &value)) != NULL)
		return reason;
	if (op != COND_EQ)
		return "only an equality can give keys";
	/* A list if the service knows lists, else one request for each key. */
	if (refuse_op(column, COND_IN) == NULL)
		op = COND_IN;
	else if ((reason = refuse_op(column, COND_EQ)) != NULL)
		return reason;
	if ((reason = refuse_types(column, op, exprType((Node *) value), expr->inputcollid)) != NULL ||
		(reason = refuse_value((Node *) value, relid)) != NULL)
		return reason;
	match->clause = clause;
	match->attnum = column->attnum;
	match->op = COND_IN;
	match->value = value;
	match->is_array = true;
	return NULL;
}

static const char *
match_array(const TableSpec *table, Index relid, ScalarArrayOpExpr *expr, ClauseMatch *match)
{
	const ColumnSpec *column = match_column(table, relid, linitial(expr->args));
	ConditionOp op;

	if (column == NULL)
		return "the column is part of an expression";
	if (!expr->useOr ||
		!comparison_op(expr->opno, getBaseType(exprType(linitial(expr->args))), &op) ||
		op != COND_EQ)
		return "only = ANY is asked of services";
	return match_list(table, relid, column, COND_IN, expr, match);
}

const char *
dq_clause_match_none(const TableSpec *table, Index relid, ScalarArrayOpExpr *expr,
					 ClauseMatch *match)
{
	const ColumnSpec *column = match_column(table, relid, linitial(expr->args));
	ConditionOp op;

	memset(match, 0, sizeof(*match));
	match->clause = (Expr *) expr;
	if (column == NULL)
		return "the column is part of an expression";
	if (expr->useOr ||
		!comparison_op(expr->opno, getBaseType(exprType(linitial(expr->args))), &op) ||
		op != COND_NE)
		return "only = ANY and <> ALL are asked of services";
	return match_list(table, relid, column, COND_NE, expr, match);
}

static const char *
match_null_test(const TableSpec *table, Index relid, NullTest *test, ClauseMatch *match)
{
	const ColumnSpec *column = match_column(table, relid, (Node *) test->arg);
	ConditionOp op = test->nulltesttype == IS_NULL ? COND_NULL : COND_NOTNULL;
	const char *reason;

	if (column == NULL || test->argisrow)
		return "the column is part of an expression";
	if ((reason = refuse_op(column, op)) != NULL)
		return reason;
	match->attnum = column->attnum;
	match->op = op;
	match->is_exact = (column->exact_ops & COND_BIT(op)) != 0;
	return NULL;
}

/* A boolean column on its own: the planner turns "flag = true" into this. */
static const char *
match_boolean(const TableSpec *table, Index relid, Node *node, bool value, ClauseMatch *match)
{
	const ColumnSpec *column = match_column(table, relid, node);

	if (column == NULL || getBaseType(column->type) != BOOLOID)
		return "the expression is evaluated locally";
	return match_comparison(table, relid, column, COND_EQ, (Expr *) makeBoolConst(value, false),
							InvalidOid, match);
}

const char *
dq_clause_match(const TableSpec *table, Index relid, Expr *clause, ClauseMatch *match)
{
	memset(match, 0, sizeof(*match));
	match->clause = clause;
	switch (nodeTag(clause))
	{
		case T_OpExpr:
			return match_operator(table, relid, (OpExpr *) clause, match);
		case T_ScalarArrayOpExpr:
			return match_array(table, relid, (ScalarArrayOpExpr *) clause, match);
		case T_NullTest:
			return match_null_test(table, relid, (NullTest *) clause, match);
		case T_Var:
			return match_boolean(table, relid, (Node *) clause, true, match);
		case T_BoolExpr:
		{
			BoolExpr *expr = (BoolExpr *) clause;

			if (expr->boolop == NOT_EXPR)
				return match_boolean(table, relid, linitial(expr->args), false, match);
			return expr->boolop == OR_EXPR ? "OR is evaluated locally" :
											 "the expression is evaluated locally";
		}
		case T_BooleanTest:
		{
			BooleanTest *test = (BooleanTest *) clause;

			if (test->booltesttype == IS_TRUE || test->booltesttype == IS_FALSE)
				return match_boolean(table, relid, (Node *) test->arg,
									 test->booltesttype == IS_TRUE, match);
			return "the expression is evaluated locally";
		}
		default:
			return "the expression is evaluated locally";
	}
}
