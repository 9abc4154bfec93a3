/*
 * clause_text.c
 *	  Texts that a dialect has no way to say: what is known of them when a query is planned.
 */
#include "postgres.h"

#include "fdw/clause.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

/* Whether a text can be said to the service. */
static bool
can_say_text(const ColumnSpec *column, Oid type, Datum datum)
{
	Oid output;
	bool is_varlena;
	char *text;

	getTypeOutputInfo(type, &output, &is_varlena);
	text = OidOutputFunctionCall(output, datum);
	return dq_text_can_say(column->limits, pg_server_to_any(text, strlen(text), PG_UTF8));
}

bool
dq_clause_is_sayable(const ColumnSpec *column, ConditionOp op, Expr *value, bool is_array)
{
	Const *constant = (Const *) value;
	Oid element;
	int16 len;
	bool is_byval;
	char align;
	Datum *texts;
	bool *nulls;
	int n;

	if (column->limits == NULL || op == COND_LIKE)
		return true;
	while (IsA(constant, RelabelType))
		constant = (Const *) ((RelabelType *) constant)->arg;
	if (!IsA(constant, Const) || constant->constisnull)
		return false;
	if (!is_array)
		return can_say_text(column, constant->consttype, constant->constvalue);
	element = get_base_element_type(constant->consttype);
	get_typlenbyvalalign(element, &len, &is_byval, &align);
	deconstruct_array(DatumGetArrayTypeP(constant->constvalue), element, len, is_byval, align,
					  &texts, &nulls, &n);
	for (int i = 0; i < n; i++)
		if (!nulls[i] && !can_say_text(column, element, texts[i]))
			return false;
	return true;
}
