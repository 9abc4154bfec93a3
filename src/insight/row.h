/*
 * row.h
 *	  A row of a view, filled from left to right.
 */
#ifndef DQ_ROW_H
#define DQ_ROW_H

#include "datatype/timestamp.h"
#include "funcapi.h"

#define MAX_ROW_COLUMNS 32

/* Zero bytes are an empty one. */
typedef struct RowBuilder
{
	Datum values[MAX_ROW_COLUMNS];
	bool nulls[MAX_ROW_COLUMNS];
	int n;
} RowBuilder;

extern void dq_row_add(RowBuilder *row, Datum value, bool isnull);
extern void dq_row_int(RowBuilder *row, int32 value);
extern void dq_row_count(RowBuilder *row, int64 count);
extern void dq_row_oid(RowBuilder *row, Oid oid);			/* InvalidOid: NULL */
extern void dq_row_text(RowBuilder *row, const char *text); /* NULL: NULL */
extern void dq_row_bool(RowBuilder *row, bool value);
extern void dq_row_time(RowBuilder *row, TimestampTz time); /* 0: NULL */
extern void dq_row_ms(RowBuilder *row, double ms);			/* negative: NULL; to the microsecond */

/* Puts it into the result of a function that materializes, and empties it. */
extern void dq_row_put(RowBuilder *row, ReturnSetInfo *result);

/* The same as a composite value. */
extern Datum dq_row_datum(const RowBuilder *row, TupleDesc tupdesc);

#endif /* DQ_ROW_H */
