/*
 * row.c
 *	  A row of a view, filled from left to right.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "insight/row.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

void
dq_row_add(RowBuilder *row, Datum value, bool isnull)
{
	Assert(row->n < MAX_ROW_COLUMNS);
	row->values[row->n] = value;
	row->nulls[row->n++] = isnull;
}

void
dq_row_int(RowBuilder *row, int32 value)
{
	dq_row_add(row, Int32GetDatum(value), false);
}

void
dq_row_count(RowBuilder *row, int64 count)
{
	dq_row_add(row, Int64GetDatum(count), false);
}

void
dq_row_oid(RowBuilder *row, Oid oid)
{
	dq_row_add(row, ObjectIdGetDatum(oid), !OidIsValid(oid));
}

void
dq_row_text(RowBuilder *row, const char *text)
{
	dq_row_add(row, text ? CStringGetTextDatum(text) : (Datum) 0, text == NULL);
}

void
dq_row_bool(RowBuilder *row, bool value)
{
	dq_row_add(row, BoolGetDatum(value), false);
}

void
dq_row_time(RowBuilder *row, TimestampTz time)
{
	dq_row_add(row, TimestampTzGetDatum(time), time == 0);
}

void
dq_row_ms(RowBuilder *row, double ms)
{
	dq_row_add(row, Float8GetDatum(rint(ms * 1000) / 1000), ms < 0);
}

void
dq_row_put(RowBuilder *row, ReturnSetInfo *result)
{
	Assert(row->n == result->setDesc->natts);
	tuplestore_putvalues(result->setResult, result->setDesc, row->values, row->nulls);
	row->n = 0;
}

Datum
dq_row_datum(const RowBuilder *row, TupleDesc tupdesc)
{
	HeapTuple tuple;

	Assert(row->n == tupdesc->natts);
	tuple = heap_form_tuple(BlessTupleDesc(tupdesc), (Datum *) row->values, (bool *) row->nulls);
	return HeapTupleGetDatum(tuple);
}
