/*
 * decoder_value.c
 *	  Decodes one JSON value into a Datum of any type.
 *
 * The type's shape, found out once, says how: common types straight from the bytes, containers by
 * walking them, all others by the type's input function, which gets numbers as they were written.
 * The short cuts give what the input function would give; where they are not sure, they leave the
 * value to it, so that errors are always the type's own.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "rows/decoder_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* A value that errors show the beginning of only, and how much of it. */
#define LONG_BYTES 1000
#define SHOWN_BYTES 200

static ValueShape shape_of(Oid type, ColumnFormat format);
static Datum decode_present(ValueDecoder *decoder, const JsonSlice *value);
static bool decode_short_cut(ValueDecoder *decoder, const JsonSlice *value, Datum *result);
static bool decode_time(ValueShape shape, const char *iso, size_t len, Datum *result);
static bool decode_text(ValueDecoder *decoder, const JsonSlice *value, Datum *result);
static Datum decode_json(ValueDecoder *decoder, const JsonSlice *value);

ValueDecoder *
dq_value_decoder_create(DecodeState *state, Oid type, int32 typmod, ColumnFormat format)
{
	ValueDecoder *decoder = palloc0(sizeof(ValueDecoder));
	Oid input;
	Oid element_type = InvalidOid;

	decoder->state = state;
	decoder->context = CurrentMemoryContext;
	decoder->format = format;
	decoder->typmod = typmod;
	decoder->type = getBaseTypeAndTypmod(type, &decoder->typmod);
	if (decoder->type != type)
		decoder->domain = type;
	getTypeInputInfo(decoder->type, &input, &decoder->io_param);
	fmgr_info(input, &decoder->input);

	/* Vectors look like arrays and are none: no NULLs, one dimension, from 0. */
	if (decoder->type != INT2VECTOROID && decoder->type != OIDVECTOROID)
		element_type = get_element_type(decoder->type);
	if (OidIsValid(element_type))
		dq_array_prepare(decoder, element_type);
	else if (type_is_rowtype(decoder->type))
		dq_composite_prepare(decoder);
	else
		decoder->shape = shape_of(decoder->type, format);
	return decoder;
}

static ValueShape
shape_of(Oid type, ColumnFormat format)
{
	char category;
	bool is_preferred;

	if (format == FORMAT_BASE64 && type == BYTEAOID)
		return SHAPE_BASE64;
	if ((format == FORMAT_EPOCH || format == FORMAT_EPOCH_MS) &&
		(type == TIMESTAMPTZOID || type == TIMESTAMPOID || type == DATEOID))
		return SHAPE_EPOCH;
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
			return SHAPE_TEXT;
		case INT2OID:
			return SHAPE_INT2;
		case INT4OID:
			return SHAPE_INT4;
		case INT8OID:
			return SHAPE_INT8;
		case FLOAT8OID:
			return SHAPE_FLOAT8;
		case BOOLOID:
			return SHAPE_BOOL;
		case DATEOID:
			return SHAPE_DATE;
		case TIMESTAMPOID:
			return SHAPE_TIMESTAMP;
		case TIMESTAMPTZOID:
			return SHAPE_TIMESTAMPTZ;
		case JSONOID:
			return SHAPE_JSON;
		case JSONBOID:
			return SHAPE_JSONB;
		default:
			get_type_category_preferred(type, &category, &is_preferred);
			return category == TYPCATEGORY_STRING ? SHAPE_STRING : SHAPE_INPUT;
	}
}

Datum
dq_value_decode(ValueDecoder *decoder, const JsonSlice *value, bool *isnull)
{
	Datum result = (Datum) 0;

	/*
	 * A JSON null is no value for json columns either: a member that is missing and one that is
	 * null are the same.
	 */
	*isnull = value->kind == JSONK_MISSING || value->kind == JSONK_NULL;
	if (!*isnull)
		result = decode_present(decoder, value);
	if (OidIsValid(decoder->domain))
	{
		decoder->state->value = value;
		domain_check(result, *isnull, decoder->domain, &decoder->domain_cache, decoder->context);
		decoder->state->value = NULL;
	}
	return result;
}

static Datum
decode_present(ValueDecoder *decoder, const JsonSlice *value)
{
	DecodeState *state = decoder->state;
	Datum result;

	switch (decoder->shape)
	{
		case SHAPE_ARRAY:
			return value->kind == JSONK_STRING ? dq_value_input(decoder, value) :
												 dq_array_decode(decoder, value);
		case SHAPE_COMPOSITE:
			return value->kind == JSONK_STRING ? dq_value_input(decoder, value) :
												 dq_composite_decode(decoder, value);
		case SHAPE_JSON:
		case SHAPE_JSONB:
			return decode_json(decoder, value);
		case SHAPE_EPOCH:
			return dq_epoch_decode(decoder, value);
		case SHAPE_BASE64:
			return dq_base64_decode(decoder, value);
		case SHAPE_STRING:
			return dq_value_input(decoder, value);
		default:
			if (decode_short_cut(decoder, value, &result))
				return result;
			if ((value->kind == JSONK_ARRAY || value->kind == JSONK_OBJECT) &&
				decoder->shape != SHAPE_TEXT)
				dq_value_fail(state, value,
							  psprintf("a value for type %s", format_type_be(decoder->type)));
			return dq_value_input(decoder, value);
	}
}

/* The beginning of a text that an error repeats. */
static char *
shortened(char *text)
{
	int len = text ? strlen(text) : 0;

	if (len <= LONG_BYTES)
		return text;
	len = pg_mbcliplen(text, len, SHOWN_BYTES);
	return psprintf("%.*s...", len, text);
}

/* Input functions repeat what they cannot read, however long: errors, and logs, get its beginning. */
static Datum
input_long(ValueDecoder *decoder, char *cstring)
{
	MemoryContext context = CurrentMemoryContext;
	Datum result = (Datum) 0;

	PG_TRY();
	{
		result = InputFunctionCall(&decoder->input, cstring, decoder->io_param, decoder->typmod);
	}
	PG_CATCH();
	{
		ErrorData *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		error->message = shortened(error->message);
		error->detail = shortened(error->detail);
		ReThrowError(error);
	}
	PG_END_TRY();
	return result;
}

Datum
dq_value_input(ValueDecoder *decoder, const JsonSlice *value)
{
	DecodeState *state = decoder->state;
	Datum result;
	int len;
	char *cstring = dq_value_text(state, value, &len);

	state->value = value;
	result = len > LONG_BYTES ?
		input_long(decoder, cstring) :
		InputFunctionCall(&decoder->input, cstring, decoder->io_param, decoder->typmod);
	state->value = NULL;
	return result;
}

char *
dq_value_text(DecodeState *state, const JsonSlice *value, int *len)
{
	StringInfo scratch = &state->scratch;
	JsonError error;
	char *converted;

	resetStringInfo(scratch);
	if (value->kind != JSONK_STRING)
		appendBinaryStringInfo(scratch, value->start, value->len);
	else if (!dq_json_string_append(scratch, value, &error))
		dq_value_fail(state, value, "a string without \\u0000, which text cannot hold");
	*len = scratch->len;
	if (!state->needs_conversion)
		return scratch->data;

	/* Raises for a character that the database's encoding does not have. */
	state->value = value;
	converted = pg_any_to_server(scratch->data, scratch->len, PG_UTF8);
	state->value = NULL;
	if (converted != scratch->data)
		*len = strlen(converted);
	return converted;
}

/* Decodes a common type without its input function; false when it has to be asked. */
static bool
decode_short_cut(ValueDecoder *decoder, const JsonSlice *value, Datum *result)
{
	bool is_number = value->kind == JSONK_NUMBER;
	int64 integer;
	double number;

	switch (decoder->shape)
	{
		case SHAPE_TEXT:
			return decode_text(decoder, value, result);
		case SHAPE_INT2:
			if (!is_number || !dq_integer_parse(value->start, value->len, &integer) ||
				integer < PG_INT16_MIN || integer > PG_INT16_MAX)
				return false;
			*result = Int16GetDatum((int16) integer);
			return true;
		case SHAPE_INT4:
			if (!is_number || !dq_integer_parse(value->start, value->len, &integer) ||
				integer < PG_INT32_MIN || integer > PG_INT32_MAX)
				return false;
			*result = Int32GetDatum((int32) integer);
			return true;
		case SHAPE_INT8:
			if (!is_number || !dq_integer_parse(value->start, value->len, &integer))
				return false;
			*result = Int64GetDatum(integer);
			return true;
		case SHAPE_FLOAT8:
			if (!is_number || !dq_float_parse(value->start, value->len, &number))
				return false;
			*result = Float8GetDatum(number);
			return true;
		case SHAPE_BOOL:
			if (value->kind != JSONK_TRUE && value->kind != JSONK_FALSE)
				return false;
			*result = BoolGetDatum(value->kind == JSONK_TRUE);
			return true;
		case SHAPE_DATE:
		case SHAPE_TIMESTAMP:
		case SHAPE_TIMESTAMPTZ:
			return decoder->typmod < 0 && value->kind == JSONK_STRING && !value->has_escapes &&
				decode_time(decoder->shape, value->start + 1, value->len - 2, result);
		default:
			return false;
	}
}

static bool
decode_time(ValueShape shape, const char *iso, size_t len, Datum *result)
{
	DateADT date;
	Timestamp timestamp;

	if (shape == SHAPE_DATE)
	{
		if (!dq_date_parse(iso, len, &date))
			return false;
		*result = DateADTGetDatum(date);
		return true;
	}
	if (shape == SHAPE_TIMESTAMP ? !dq_timestamp_parse(iso, len, &timestamp) :
								   !dq_timestamptz_parse(iso, len, &timestamp))
		return false;
	*result = TimestampGetDatum(timestamp);
	return true;
}

/* A varchar of as many bytes as characters are allowed fits, whatever they are. */
static bool
decode_text(ValueDecoder *decoder, const JsonSlice *value, Datum *result)
{
	int len;
	const char *bytes;

	if (value->kind == JSONK_STRING && !value->has_escapes && !decoder->state->needs_conversion)
	{
		bytes = value->start + 1;
		len = (int) value->len - 2;
	}
	else
		bytes = dq_value_text(decoder->state, value, &len);
	if (decoder->typmod >= (int32) VARHDRSZ && len > decoder->typmod - (int32) VARHDRSZ)
		return false;
	*result = PointerGetDatum(cstring_to_text_with_len(bytes, len));
	return true;
}

/* The value as it was written; json needs no second check. */
static Datum
decode_json(ValueDecoder *decoder, const JsonSlice *value)
{
	JsonSlice raw = *value;
	char *bytes;
	int len;

	if (decoder->shape == SHAPE_JSON && !decoder->state->needs_conversion)
		return PointerGetDatum(cstring_to_text_with_len(value->start, (int) value->len));

	/* As no string, it is not unescaped. */
	if (raw.kind == JSONK_STRING)
		raw.kind = JSONK_OBJECT;
	if (decoder->shape == SHAPE_JSONB)
		return dq_value_input(decoder, &raw);
	bytes = dq_value_text(decoder->state, &raw, &len);
	return PointerGetDatum(cstring_to_text_with_len(bytes, len));
}
