/*
 * bind_value.c
 *	  Values of conditions before they are cut into questions, and the error where one is missing.
 */
#include "postgres.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fdw/bind.h"
#include "fdw/spell_value.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

void
dq_bind_missing(const TableSpec *table, const PlanData *plan)
{
	const ColumnSpec *column = &table->columns[linitial_int(plan->missing) - 1];
	StringInfoData operators;

	initStringInfo(&operators);
	for (int op = 0; op < COND_COUNT; op++)
	{
		bool is_equality = op == COND_EQ || op == COND_IN;
		bool wants_equality = column->in_path || column->needs_equality;

		if (wants_equality ? is_equality : (column->filters & COND_BIT(op)) != 0)
			appendStringInfo(&operators, "%s%s", operators.len ? ", " : "",
							 dq_condition_op_name(op));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
			 errmsg("foreign table \"%s\" needs a condition on column \"%s\"", table->name,
					column->name),
			 errdetail("Its service cannot be asked without it; operators that can be asked: %s.",
					   operators.data),
			 errhint("Add a condition such as %s = ... to the WHERE clause, or join the column to another table.",
					 quote_identifier(column->name))));
}

void
dq_bind_unsendable(const TableSpec *table, const ColumnSpec *column)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_DATA_TYPE),
			 errmsg("could not ask foreign table \"%s\": the value of column \"%s\" cannot be sent to a service",
					table->name, column->name),
			 column->limits ?
				 errdetail(
					 "The dialect has no way to say a text that is empty, has white space around it, or holds what it reads as syntax.") :
				 dq_spell_is_int(column) ?
				 errdetail("GraphQL's type Int holds 32 bits.") :
				 errdetail(
					 "Infinite values, NaN and years outside 1 to 9999 have no JSON spelling.")));
}

char *
dq_bind_text(const ColumnSpec *column, ConditionOp op, Oid type, Datum value, bool is_exact)
{
	char *text = dq_spell_value(column, op, type, value, is_exact);

	if (text && column->limits && op != COND_LIKE && !dq_text_can_say(column->limits, text))
		return NULL;
	return text;
}

bool
dq_bind_can_equal(const ColumnSpec *column, ConditionOp op, Oid value_type, Datum value)
{
	Oid type = getBaseType(column->type);
	int64 number;

	if (op != COND_EQ && op != COND_IN)
		return true;
	switch (getBaseType(value_type))
	{
		case INT8OID:
			number = DatumGetInt64(value);
			break;
		case INT4OID:
			number = DatumGetInt32(value);
			break;
		default:
			return true;
	}
	return ((type != INT4OID && !dq_spell_is_int(column)) ||
			(number >= PG_INT32_MIN && number <= PG_INT32_MAX)) &&
		(type != INT2OID || (number >= PG_INT16_MIN && number <= PG_INT16_MAX));
}

static int
compare_values(const void *a, const void *b, void *arg)
{
	return DatumGetInt32(
		FunctionCall2Coll(arg, C_COLLATION_OID, *(const Datum *) a, *(const Datum *) b));
}

/* Values in the type's own order, without duplicates, so that parts of a list do not overlap. */
static int
distinct_values(Oid type, Datum *values, int n)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_CMP_PROC_FINFO);
	int kept = 0;

	if (!OidIsValid(entry->cmp_proc_finfo.fn_oid))
		elog(ERROR, "type %u has no order", type);
	qsort_arg(values, n, sizeof(Datum), compare_values, &entry->cmp_proc_finfo);
	for (int i = 0; i < n; i++)
		if (kept == 0 || compare_values(&values[kept - 1], &values[i], &entry->cmp_proc_finfo) != 0)
			values[kept++] = values[i];
	return kept;
}

bool
dq_bind_value(const PlanCondition *condition, Oid type, Datum datum, bool isnull,
			  ConditionValue *value)
{
	memset(value, 0, sizeof(*value));
	value->has_null = isnull;
	if (isnull)
		return false;
	value->type = type;
	if (!condition->is_array)
	{
		value->nvalues = 1;
		value->values = palloc(sizeof(Datum));
		value->values[0] = datum;
		return true;
	}

	ArrayType *array = DatumGetArrayTypeP(datum);
	Oid element_type = ARR_ELEMTYPE(array);
	Datum *elements;
	bool *nulls;
	bool has_null = false;
	int kept = 0;
	int n;
	int16 len;
	bool byval;
	char align;

	get_typlenbyvalalign(element_type, &len, &byval, &align);
	deconstruct_array(array, element_type, len, byval, align, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		has_null |= nulls[i];
		if (!nulls[i])
			elements[kept++] = elements[i];
	}
	dq_bind_list(value, element_type, elements, kept);
	value->has_null = has_null;
	return value->nvalues > 0;
}

void
dq_bind_list(ConditionValue *value, Oid type, Datum *values, int n)
{
	*value = (ConditionValue) { .type = type,
								.values = values,
								.nvalues = distinct_values(type, values, n) };
}
