/*
 * bind_scope.c
 *	  A bound condition as a term of a question's scope (request/scope.h).
 *
 * Values that can be put in order by a 64-bit number are given as such; all others are compared by
 * the text that is sent.  A column whose values can be told apart by their JSON text has a key, by
 * which rows are found in a stored answer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fdw/bind_scope.h"
#include "mb/pg_wchar.h"
#include "utils/date.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

static ScopeOrder
order_of(Oid type)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return SCOPE_INTEGER;
		case DATEOID:
			return SCOPE_DATE;
		case TIMESTAMPOID:
			return SCOPE_TIMESTAMP;
		case TIMESTAMPTZOID:
			return SCOPE_TIMESTAMPTZ;
		default:
			return SCOPE_UNORDERED;
	}
}

static int64
number_of(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case DATEOID:
			return DatumGetDateADT(value);
		default:
			return DatumGetInt64(value); /* timestamps, too */
	}
}

/*
 * How "=" compares the column's values.  Types whose input changes what it is given (domains, text
 * with a length) have no key, nor has text that is converted or compared by a collation's rules.
 */
static JsonKeyKind
key_of(const ColumnSpec *column)
{
	if (column->format != FORMAT_NATIVE || column->json == NULL)
		return JSON_KEY_NONE;
	switch (column->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return JSON_KEY_INTEGER;
		case UUIDOID:
			return JSON_KEY_UUID;
		case TEXTOID:
		case VARCHAROID:
			if (column->typmod < 0 && GetDatabaseEncoding() == PG_UTF8 &&
				get_collation_isdeterministic(column->collation))
				return JSON_KEY_TEXT;
			return JSON_KEY_NONE;
		default:
			return JSON_KEY_NONE;
	}
}

ScopeTerm
dq_scope_column(const ColumnSpec *column)
{
	return (ScopeTerm) { .column = column->attnum, .key = key_of(column), .json = column->json };
}

void
dq_scope_term(ScopeTerm *term, const ColumnSpec *column, const PlanCondition *condition, Oid type,
			  int nvalues, const Datum *values, const char **texts)
{
	*term = (ScopeTerm) { .column = column->attnum,
						  .op = condition->op,
						  .nvalues = nvalues,
						  .texts = texts,
						  .is_checked = !condition->is_exact && !column->from_request,
						  .key = key_of(column),
						  .json = column->json };
	if (nvalues == 0)
		return;

	Oid base_type = getBaseType(type);
	ScopeOrder order = order_of(base_type);

	if (order == SCOPE_UNORDERED)
		return;

	int64 *numbers = palloc(sizeof(int64) * nvalues);

	for (int i = 0; i < nvalues; i++)
		numbers[i] = number_of(base_type, values[i]);
	term->order = order;
	term->numbers = numbers;
}
