/*
 * filter.c
 *	  Conditions that users give as text, to materialize() and invalidate().
 *
 * What a filter proves of the rows that pass it is read off the conditions that it joins by AND: a
 * column equals a constant, or one of several.  Everything else proves nothing.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/transam.h"
#include "catalog/pg_type.h"
#include "fdw/filter.h"
#include "fdw/spell_value.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "rewrite/rewriteManip.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

/* More values than that are not told apart. */
#define MAX_MARKS 100

Node *
dq_filter_parse(const char *filter)
{
	List *parsed = raw_parser(filter, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *select = (SelectStmt *) linitial_node(RawStmt, parsed)->stmt;

	if (list_length(parsed) != 1 || !IsA(select, SelectStmt) ||
		list_length(select->targetList) != 1 || select->fromClause || select->whereClause ||
		select->groupClause || select->havingClause || select->sortClause || select->limitCount ||
		select->limitOffset || select->windowClause || select->lockingClause ||
		select->distinctClause || select->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR), errmsg("filter must be a single condition"),
				 errdetail("The filter is \"%s\".", filter)));
	return linitial_node(ResTarget, select->targetList)->val;
}

/* The filter as a list of conditions on the table's columns, constants folded. */
static List *
analyze(Oid relid, const char *filter)
{
	Relation relation = table_open(relid, AccessShareLock);
	ParseState *state = make_parsestate(NULL);
	ParseNamespaceItem *item = addRangeTableEntryForRelation(state, relation, AccessShareLock, NULL,
															 false, true);
	Node *condition;

	addNSItemToQuery(state, item, true, true, true);
	condition = transformWhereClause(state, dq_filter_parse(filter), EXPR_KIND_WHERE, "WHERE");
	assign_expr_collations(state, condition);
	free_parsestate(state);
	table_close(relation, NoLock);
	if (checkExprHasSubLink(condition))
		return NIL;
	condition = eval_const_expressions(NULL, condition);
	return make_ands_implicit(canonicalize_qual((Expr *) condition, false));
}

static bool
is_equality(Oid opno, Oid collation)
{
	char *name = get_opname(opno);

	return opno < FirstGenbkiObjectId && name && strcmp(name, "=") == 0 &&
		(!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

/* The number in cache_columns of what a side of a comparison is, -1: none of them. */
static int
mark_of(const TableSpec *table, Node *side)
{
	while (side && IsA(side, RelabelType))
		side = (Node *) ((RelabelType *) side)->arg;
	if (side == NULL || !IsA(side, Var) || ((Var *) side)->varattno <= 0)
		return -1;
	return dq_cache_column(table, ((Var *) side)->varattno);
}

/* A value of a type that is written as the column's values are; NULL: it is none. */
static const char *
text_of(const TableSpec *table, int mark, Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case TEXTOID:
		case VARCHAROID:
		case UUIDOID:
			return dq_spell_value(&table->columns[table->cache_columns[mark] - 1], COND_EQ, type,
								  value, true);
		default:
			return NULL;
	}
}

/* "column = constant" */
static bool
read_comparison(const TableSpec *table, const OpExpr *clause, int *mark, const char ***texts,
				int *n)
{
	Node *left = linitial(clause->args);
	Node *right = lsecond(clause->args);
	const Const *constant;

	if (mark_of(table, left) < 0)
	{
		Node *swapped = left;

		left = right;
		right = swapped;
	}
	*mark = mark_of(table, left);
	if (*mark < 0 || !IsA(right, Const) || !is_equality(clause->opno, clause->inputcollid))
		return false;
	constant = (const Const *) right;
	if (constant->constisnull)
		return false;
	*texts = palloc(sizeof(char *));
	(*texts)[0] = text_of(table, *mark, constant->consttype, constant->constvalue);
	*n = 1;
	return (*texts)[0] != NULL;
}

/* "column = ANY (constants)" */
static bool
read_list(const TableSpec *table, const ScalarArrayOpExpr *clause, int *mark, const char ***texts,
		  int *n)
{
	const Const *constant = lsecond(clause->args);
	ArrayType *array;
	int16 len;
	bool by_value;
	char align;
	Datum *values;
	bool *nulls;
	int nvalues;

	*mark = mark_of(table, linitial(clause->args));
	if (*mark < 0 || !clause->useOr || !IsA(constant, Const) || constant->constisnull ||
		!is_equality(clause->opno, clause->inputcollid))
		return false;
	array = DatumGetArrayTypeP(constant->constvalue);
	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &by_value, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, by_value, align, &values, &nulls, &nvalues);
	if (nvalues > MAX_MARKS)
		return false;
	*texts = palloc(sizeof(char *) * Max(nvalues, 1));
	*n = 0;
	for (int i = 0; i < nvalues; i++)
	{
		const char *text;

		if (nulls[i])
			continue;
		text = text_of(table, *mark, ARR_ELEMTYPE(array), values[i]);
		if (text == NULL)
			return false;
		(*texts)[(*n)++] = text;
	}
	return true;
}

bool
dq_filter_marks(const TableSpec *table, const char *filter, int *column, const char ***texts,
				int *n)
{
	bool is_found = false;
	ListCell *cell;

	foreach(cell, analyze(table->relid, filter))
	{
		Node *clause = lfirst(cell);
		const char **found;
		int nfound;
		int mark;

		if (IsA(clause, OpExpr) && list_length(((OpExpr *) clause)->args) == 2 ?
				!read_comparison(table, (OpExpr *) clause, &mark, &found, &nfound) :
				!IsA(clause, ScalarArrayOpExpr) ||
					!read_list(table, (ScalarArrayOpExpr *) clause, &mark, &found, &nfound))
			continue;
		/* A key tells more than a partition. */
		if (is_found && mark < *column)
			continue;
		*column = mark;
		*texts = found;
		*n = nfound;
		is_found = true;
	}
	return is_found;
}
