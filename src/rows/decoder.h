/*
 * decoder.h
 *	  Turns one JSON element into the Datums of a row.  Backend only.
 *
 * Only the columns given are decoded.  Numbers and json/jsonb reach the type's input function as
 * their original text; strings are unescaped; arrays and composites are walked; text takes any
 * value.  A missing member and null are NULL (domains are checked for it).  Answers are UTF-8 and
 * converted to the database's encoding.
 *
 * Errors: ERRCODE_FDW_INVALID_STRING_FORMAT for bad JSON and for a value of the wrong kind, else
 * the type's own code; the detail names the column, the JSON place, the value (shortened) and what
 * was expected.  Table, URL and row number are added by the caller's error context.
 */
#ifndef DQ_DECODER_H
#define DQ_DECODER_H

#include "access/tupdesc.h"
#include "rows/json.h"

typedef enum ColumnFormat
{
	FORMAT_NATIVE = 0, /* the type's own input syntax */
	FORMAT_EPOCH,	   /* seconds since 1970-01-01 UTC, fraction allowed */
	FORMAT_EPOCH_MS,   /* milliseconds likewise */
	FORMAT_BASE64	   /* bytea as RFC 4648 section 4 or 5 */
} ColumnFormat;

typedef struct DecoderColumn
{
	AttrNumber attnum; /* from 1 */
	const char *json;  /* JSON Pointer; NULL: the value never comes from the element */
	ColumnFormat format;
} DecoderColumn;

/* A value that the request itself determines, e.g. a path placeholder's. */
typedef struct RequestValue
{
	AttrNumber attnum;
	bool if_missing; /* use it only where the element has no such member */
	Datum value;
	bool isnull;
} RequestValue;

typedef struct RowDecoder RowDecoder;

/* Created in the current context; looks the input functions up once.  columns is copied. */
extern RowDecoder *dq_decoder_create(TupleDesc tupdesc, const DecoderColumn *columns, int ncolumns);

/*
 * Decodes one element into values/isnull (tupdesc->natts long); columns not asked for become NULL.
 * By-reference values live in the current context or point into the element.
 */
extern void dq_decoder_decode(RowDecoder *decoder, const char *element, size_t len,
							  const RequestValue *request_values, int nrequest_values,
							  Datum *values, bool *isnull);

#endif /* DQ_DECODER_H */
