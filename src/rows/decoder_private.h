/*
 * decoder_private.h
 *	  What the files of the decoder share: decoder.c (rows), decoder_value.c (one value of any
 *	  type), decoder_scalar.c (numbers, times, bytes) and decoder_container.c (arrays, composites).
 */
#ifndef DQ_DECODER_PRIVATE_H
#define DQ_DECODER_PRIVATE_H

#include "compat.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "rows/decoder.h"
#include "utils/date.h"

/* One step from a column's value down to the value being decoded. */
typedef struct PlaceStep
{
	const struct PlaceStep *parent; /* NULL: the column's value itself */
	const char *name;				/* of a member, or NULL */
	int index;						/* of an array's element */
} PlaceStep;

/* What is being decoded, for messages, and what all values of a decoder share. */
typedef struct DecodeState
{
	const char *column; /* name */
	const char *place;	/* JSON Pointer of its value, NULL for none */
	const PlaceStep *step;
	const JsonSlice *value; /* NULL: no type's code is at work */
	bool needs_conversion;	/* the database's encoding is not UTF-8 */
	StringInfoData scratch; /* text of the value for an input function */
} DecodeState;

typedef enum ValueShape
{
	SHAPE_INPUT = 0, /* the type's input function takes its text */
	SHAPE_STRING,	 /* likewise, and any value has a text */
	SHAPE_TEXT,		 /* text or varchar */
	SHAPE_INT2,
	SHAPE_INT4,
	SHAPE_INT8,
	SHAPE_FLOAT8,
	SHAPE_BOOL,
	SHAPE_DATE,
	SHAPE_TIMESTAMP,
	SHAPE_TIMESTAMPTZ,
	SHAPE_JSON,
	SHAPE_JSONB,
	SHAPE_EPOCH, /* by format, into timestamptz, timestamp or date */
	SHAPE_BASE64,
	SHAPE_ARRAY,
	SHAPE_COMPOSITE
} ValueShape;

/* Decodes values of one type; lives in the context of its row decoder. */
typedef struct ValueDecoder
{
	DecodeState *state;
	ValueShape shape;
	Oid type; /* domains resolved */
	int32 typmod;
	ColumnFormat format;
	Oid domain;			/* InvalidOid: none */
	void *domain_cache; /* of domain_check() */
	MemoryContext context;
	FmgrInfo input;
	Oid io_param;

	/* SHAPE_ARRAY */
	struct ValueDecoder *element;
	Oid element_type;
	int16 element_len;
	bool element_byval;
	char element_align;

	/* SHAPE_COMPOSITE; arrays have an entry for each attribute, dropped ones NULL */
	TupleDesc tupdesc;
	JsonLocator *locator;
	struct ValueDecoder **fields;
	int *field_slots; /* index among found */
	JsonSlice *found;
} ValueDecoder;

extern ValueDecoder *dq_value_decoder_create(DecodeState *state, Oid type, int32 typmod,
											 ColumnFormat format);
extern Datum dq_value_decode(ValueDecoder *decoder, const JsonSlice *value, bool *isnull);

/* Calls the type's input function with the text of a value. */
extern Datum dq_value_input(ValueDecoder *decoder, const JsonSlice *value);

/* The text of a value, strings unescaped, in the database's encoding; valid until the next call. */
extern char *dq_value_text(DecodeState *state, const JsonSlice *value, int *len);

/* Raises: a value of the wrong kind or form; expected completes "expected ...". */
pg_noreturn extern void dq_value_fail(DecodeState *state, const JsonSlice *value,
									  const char *expected);

/*
 * The beginning of a value for messages, in ASCII where the database's encoding is not UTF-8;
 * palloc'd.
 */
extern char *dq_value_shortened(const DecodeState *state, const char *start, size_t len);

/* The JSON Pointer of the value being decoded; palloc'd. */
extern char *dq_decode_place(const DecodeState *state);

/* decoder_scalar.c: these return false where the input function has to see the value */
extern bool dq_integer_parse(const char *digits, size_t len, int64 *result);
extern bool dq_float_parse(const char *number, size_t len, double *result);
extern bool dq_date_parse(const char *iso, size_t len, DateADT *result);
extern bool dq_timestamp_parse(const char *iso, size_t len, Timestamp *result);
extern bool dq_timestamptz_parse(const char *iso, size_t len, TimestampTz *result);

extern Datum dq_epoch_decode(ValueDecoder *decoder, const JsonSlice *value);
extern Datum dq_base64_decode(ValueDecoder *decoder, const JsonSlice *value);

/* decoder_container.c */
extern void dq_array_prepare(ValueDecoder *decoder, Oid element_type);
extern Datum dq_array_decode(ValueDecoder *decoder, const JsonSlice *value);
extern void dq_composite_prepare(ValueDecoder *decoder);
extern Datum dq_composite_decode(ValueDecoder *decoder, const JsonSlice *value);

#endif /* DQ_DECODER_PRIVATE_H */
