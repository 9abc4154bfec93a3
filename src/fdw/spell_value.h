/*
 * spell_value.h
 *	  A Datum as the text that a service shall be asked with.
 */
#ifndef DQ_SPELL_VALUE_H
#define DQ_SPELL_VALUE_H

#include "spec/spec.h"

/*
 * The one spelling of a value (DESIGN.md "Values have one spelling"), UTF-8, palloc'd.  Bounds of
 * ranges are widened outwards to what the column's format can say, unless is_exact.  NULL when the
 * value cannot be said to a service that speaks JSON: NaN, infinity, a date before year 1 or after
 * 9999.
 */
extern char *dq_spell_value(const ColumnSpec *column, ConditionOp op, Oid type, Datum value,
							bool is_exact);

/* True when values of the column are sent as GraphQL's Int, which has 32 bits. */
extern bool dq_spell_is_int(const ColumnSpec *column);

/* How values of a column stand in JSON: numbers and booleans bare, all others as strings. */
extern JsonForm dq_spell_json_form(const ColumnSpec *column);

#endif /* DQ_SPELL_VALUE_H */
