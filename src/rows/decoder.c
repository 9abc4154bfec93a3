/*
 * decoder.c
 *	  Turns JSON elements into rows.
 *
 * An element is looked at twice: located (which validates it all), then the values of the columns
 * asked for are decoded, each by a ValueDecoder made once for its type.  What goes wrong is told
 * with column, JSON place and value: in the error itself where it is ours, in a context line where
 * it is the type's.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "rows/decoder_private.h"
#include "rows/json_scan.h"

typedef struct ColumnState
{
	AttrNumber attnum;
	const char *name;
	const char *place; /* NULL: the value never comes from the element */
	int slot;		   /* index among the values located, -1: none */
	ValueDecoder *value;
} ColumnState;

struct RowDecoder
{
	DecodeState state;
	int natts;
	int ncolumns;
	ColumnState *columns;
	JsonLocator *locator;
	JsonSlice *found;
};

static JsonPointer *compile_place(const char *place);
static void decode_context(void *arg);
static bool is_given_by_request(const RequestValue *values, int nvalues, AttrNumber attnum,
								bool is_missing);
pg_noreturn static void fail_row(RowDecoder *decoder, const char *element, size_t len, int culprit,
								 const JsonError *error);

RowDecoder *
dq_decoder_create(TupleDesc tupdesc, const DecoderColumn *columns, int ncolumns)
{
	RowDecoder *decoder = palloc0(sizeof(RowDecoder));
	const JsonPointer **pointers = palloc(sizeof(JsonPointer *) * (ncolumns + 1));
	int npointers = 0;

	decoder->natts = tupdesc->natts;
	decoder->ncolumns = ncolumns;
	decoder->columns = palloc0(sizeof(ColumnState) * (ncolumns + 1));
	decoder->state.needs_conversion = GetDatabaseEncoding() != PG_UTF8;
	initStringInfo(&decoder->state.scratch);
	for (int i = 0; i < ncolumns; i++)
	{
		ColumnState *column = &decoder->columns[i];
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, columns[i].attnum - 1);

		column->attnum = columns[i].attnum;
		column->name = pstrdup(NameStr(attribute->attname));
		column->slot = -1;
		column->value = dq_value_decoder_create(&decoder->state, attribute->atttypid,
												attribute->atttypmod, columns[i].format);
		if (columns[i].json == NULL)
			continue;
		column->place = pstrdup(columns[i].json);
		column->slot = npointers;
		pointers[npointers++] = compile_place(columns[i].json);
	}
	decoder->found = palloc(sizeof(JsonSlice) * (npointers + 1));
	decoder->locator = dq_json_locator_create(pointers, npointers);
	return decoder;
}

void
dq_decoder_decode(RowDecoder *decoder, const char *element, size_t len,
				  const RequestValue *request_values, int nrequest_values, Datum *values,
				  bool *isnull)
{
	static const JsonSlice missing = { NULL, 0, JSONK_MISSING, false };
	DecodeState *state = &decoder->state;
	ErrorContextCallback callback = { .previous = error_context_stack,
									  .callback = decode_context,
									  .arg = state };
	int culprit;
	JsonError error;

	memset(values, 0, sizeof(Datum) * decoder->natts);
	memset(isnull, true, decoder->natts);
	state->value = NULL;
	state->step = NULL;
	if (!dq_json_locate(decoder->locator, element, len, decoder->found, &culprit, &error))
		fail_row(decoder, element, len, culprit, &error);

	for (int i = 0; i < nrequest_values; i++)
	{
		values[request_values[i].attnum - 1] = request_values[i].value;
		isnull[request_values[i].attnum - 1] = request_values[i].isnull;
	}
	error_context_stack = &callback;
	for (int i = 0; i < decoder->ncolumns; i++)
	{
		ColumnState *column = &decoder->columns[i];
		const JsonSlice *value = column->slot >= 0 ? &decoder->found[column->slot] : &missing;

		if (nrequest_values > 0 &&
			is_given_by_request(request_values, nrequest_values, column->attnum,
								value->kind == JSONK_MISSING))
			continue;
		state->column = column->name;
		state->place = column->place;
		values[column->attnum - 1] = dq_value_decode(column->value, value,
													 &isnull[column->attnum - 1]);
	}
	state->value = NULL;
	error_context_stack = callback.previous;
}

/* Whether the request's value takes the place of the element's. */
static bool
is_given_by_request(const RequestValue *values, int nvalues, AttrNumber attnum, bool is_missing)
{
	for (int i = 0; i < nvalues; i++)
		if (values[i].attnum == attnum && (is_missing || !values[i].if_missing))
			return true;
	return false;
}

/* Options are in the database's encoding, answers in UTF-8. */
static JsonPointer *
compile_place(const char *place)
{
	const char *problem;
	JsonPointer *pointer = dq_json_pointer_compile(pg_server_to_any(place, strlen(place), PG_UTF8),
												   &problem);

	if (pointer == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("invalid JSON Pointer \"%s\": %s", place, problem)));
	return pointer;
}

/*
 * Errors
 */

static void
decode_context(void *arg)
{
	const DecodeState *state = arg;

	if (state->value == NULL)
		return;
	if (state->value->kind == JSONK_MISSING)
		errcontext("column \"%s\", which the row does not have", state->column);
	else
		errcontext("column \"%s\" at JSON place \"%s\": %s", state->column, dq_decode_place(state),
				   dq_value_shortened(state, state->value->start, state->value->len));
}

void
dq_value_fail(DecodeState *state, const JsonSlice *value, const char *expected)
{
	char *shown = dq_value_shortened(state, value->start, value->len);
	const char *kind = dq_json_kind_name(value->kind);

	state->value = NULL;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
			 errmsg("JSON %s does not fit column \"%s\"", kind, state->column),
			 errdetail("Column \"%s\" at JSON place \"%s\": found %s, expected %s.", state->column,
					   dq_decode_place(state), shown, expected)));
}

char *
dq_value_shortened(const DecodeState *state, const char *start, size_t len)
{
	const size_t max_bytes = 80;
	StringInfoData shown;
	size_t end = Min(len, max_bytes);

	/* Not in the middle of a character. */
	while (end < len && end > 0 && ((unsigned char) start[end] & 0xC0) == 0x80)
		end--;
	initStringInfo(&shown);
	for (size_t i = 0; i < end; i++)
	{
		unsigned char byte = (unsigned char) start[i];

		if (byte < 0x20)
			byte = ' ';
		else if (byte >= 0x80 && state->needs_conversion)
			byte = '?';
		appendStringInfoChar(&shown, (char) byte);
	}
	if (end < len)
		appendStringInfoString(&shown, "...");
	return shown.data;
}

char *
dq_decode_place(const DecodeState *state)
{
	char *below = pstrdup("");

	for (const PlaceStep *step = state->step; step; step = step->parent)
		below = step->name ? psprintf("/%s%s", step->name, below) :
							 psprintf("/%d%s", step->index, below);
	return psprintf("%s%s", state->place ? state->place : "", below);
}

/* The element is no JSON, or a column's pointer leads through a value that has no members. */
static void
fail_row(RowDecoder *decoder, const char *element, size_t len, int culprit, const JsonError *error)
{
	DecodeState *state = &decoder->state;
	const ColumnState *column = decoder->columns;
	const char *at = element + error->offset;
	JsonSlice value;

	/* What could not be checked as UTF-8 is shown as ASCII. */
	if (error->code != JSONERR_NOT_CONTAINER)
	{
		const char *from = error->offset > 30 ? at - 30 : element;
		bool needs_conversion = state->needs_conversion;
		char *near;

		state->needs_conversion = true;
		near = dq_value_shortened(state, from, Min(60, element + len - from));
		state->needs_conversion = needs_conversion;
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("invalid JSON in a row: %s", error->message),
				 errdetail("Byte " UINT64_FORMAT " of the row, near: %s", error->offset + 1, near)));
	}
	while (column->slot != culprit)
		column++;
	dq_json_pass_value(at, element + len, &value);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
			 errmsg("column \"%s\" cannot be found in a JSON %s", column->name,
					dq_json_kind_name(value.kind)),
			 errdetail("Column \"%s\" at JSON place \"%s\": found %s on the way, expected an object.",
					   column->name, column->place,
					   dq_value_shortened(state, value.start, value.len))));
}
