/*
 * decoder.c
 *	  Turns one JSON element into the Datums of a row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "rows/decoder.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

typedef struct ColumnState
{
	DecoderColumn column;
	char	   *name;
	Oid			type;
	Oid			base_type;
	int32		typmod;
	FmgrInfo	input;
	Oid			io_param;
	int			slot;			/* index among the located values, -1: none */
} ColumnState;

struct RowDecoder
{
	int			natts;
	int			ncolumns;
	ColumnState *columns;
	JsonLocator *locator;
	JsonSlice  *found;
	int			nfound;
	StringInfoData scratch;
};

RowDecoder *
dq_decoder_create(TupleDesc tupdesc, const DecoderColumn *columns, int ncolumns)
{
	RowDecoder *decoder = palloc0(sizeof(RowDecoder));
	const JsonPointer **pointers = palloc0(sizeof(JsonPointer *) * Max(ncolumns, 1));

	decoder->natts = tupdesc->natts;
	decoder->ncolumns = ncolumns;
	decoder->columns = palloc0(sizeof(ColumnState) * Max(ncolumns, 1));
	for (int i = 0; i < ncolumns; i++)
	{
		ColumnState *state = &decoder->columns[i];
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, columns[i].attnum - 1);
		const char *problem = NULL;
		Oid			input;

		state->column = columns[i];
		state->name = pstrdup(NameStr(attribute->attname));
		state->type = attribute->atttypid;
		state->base_type = getBaseType(state->type);
		state->typmod = attribute->atttypmod;
		getTypeInputInfo(state->type, &input, &state->io_param);
		fmgr_info(input, &state->input);
		state->slot = -1;
		if (columns[i].json)
		{
			pointers[decoder->nfound] = dq_json_pointer_compile(columns[i].json, &problem);
			state->slot = decoder->nfound++;
		}
	}
	decoder->locator = dq_json_locator_create(pointers, decoder->nfound);
	decoder->found = palloc0(sizeof(JsonSlice) * Max(decoder->nfound, 1));
	initStringInfo(&decoder->scratch);
	return decoder;
}

static void
json_error(const JsonError *error)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
			 errmsg("invalid JSON: %s", error->message)));
}

static Datum
decode_value(RowDecoder *decoder, ColumnState *state, const JsonSlice *slice, bool *isnull)
{
	JsonError	error;

	*isnull = slice->kind == JSONK_MISSING || slice->kind == JSONK_NULL;
	if (*isnull)
		return state->base_type == state->type ? (Datum) 0 :
			InputFunctionCall(&state->input, NULL, state->io_param, state->typmod);
	resetStringInfo(&decoder->scratch);
	if (slice->kind == JSONK_STRING && state->base_type != JSONOID && state->base_type != JSONBOID)
	{
		if (!dq_json_string_append(&decoder->scratch, slice, &error))
			json_error(&error);
	}
	else
		appendBinaryStringInfo(&decoder->scratch, slice->start, slice->len);
	return InputFunctionCall(&state->input, decoder->scratch.data, state->io_param, state->typmod);
}

void
dq_decoder_decode(RowDecoder *decoder, const char *element, size_t len,
				  const RequestValue *request_values, int nrequest_values,
				  Datum *values, bool *isnull)
{
	JsonError	error;
	int			culprit = 0;

	memset(isnull, true, decoder->natts);
	if (!dq_json_locate(decoder->locator, element, len, decoder->found, &culprit, &error))
		json_error(&error);
	for (int i = 0; i < decoder->ncolumns; i++)
	{
		ColumnState *state = &decoder->columns[i];
		AttrNumber	attnum = state->column.attnum;
		bool		is_missing = state->slot < 0 || decoder->found[state->slot].kind == JSONK_MISSING;
		bool		is_given = false;

		for (int v = 0; v < nrequest_values; v++)
			if (request_values[v].attnum == attnum && (is_missing || !request_values[v].if_missing))
			{
				values[attnum - 1] = request_values[v].value;
				isnull[attnum - 1] = request_values[v].isnull;
				is_given = true;
			}
		if (!is_given && state->slot >= 0)
			values[attnum - 1] = decode_value(decoder, state, &decoder->found[state->slot],
											  &isnull[attnum - 1]);
	}
}
