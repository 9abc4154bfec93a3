/*
 * decoder_container.c
 *	  JSON arrays into PostgreSQL's arrays, JSON objects into composite values.
 *
 * Nesting follows the declared type, not the input: an array has at most MAXDIM dimensions, a
 * composite type cannot contain itself.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "rows/decoder_private.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* An array being gathered, in the order in which PostgreSQL stores elements. */
typedef struct Gathering
{
	ValueDecoder *decoder; /* of the array */
	int ndims;
	int dims[MAXDIM]; /* -1: not known yet */
	int lower_bounds[MAXDIM];
	Datum *values;
	bool *nulls;
	int nvalues;
	int capacity;
} Gathering;

static int count_dimensions(const ValueDecoder *decoder, const JsonSlice *value);
static void gather(Gathering *gathering, const JsonSlice *array, int level);

/*
 * Arrays
 */

void
dq_array_prepare(ValueDecoder *decoder, Oid element_type)
{
	decoder->shape = SHAPE_ARRAY;
	decoder->element_type = element_type;
	get_typlenbyvalalign(element_type, &decoder->element_len, &decoder->element_byval,
						 &decoder->element_align);
	decoder->element = dq_value_decoder_create(decoder->state, element_type, decoder->typmod,
											   decoder->format);
}

Datum
dq_array_decode(ValueDecoder *decoder, const JsonSlice *value)
{
	Gathering gathering = { .decoder = decoder };

	if (value->kind != JSONK_ARRAY)
		dq_value_fail(decoder->state, value, "an array");
	gathering.ndims = count_dimensions(decoder, value);
	if (gathering.ndims > MAXDIM)
		dq_value_fail(decoder->state, value, psprintf("an array of at most %d dimensions", MAXDIM));
	for (int i = 0; i < gathering.ndims; i++)
	{
		gathering.dims[i] = -1;
		gathering.lower_bounds[i] = 1;
	}
	gathering.capacity = 16;
	gathering.values = palloc(sizeof(Datum) * gathering.capacity);
	gathering.nulls = palloc(sizeof(bool) * gathering.capacity);
	gather(&gathering, value, 0);
	if (gathering.nvalues == 0)
		return PointerGetDatum(construct_empty_array(decoder->element_type));
	return PointerGetDatum(construct_md_array(gathering.values, gathering.nulls, gathering.ndims,
											  gathering.dims, gathering.lower_bounds,
											  decoder->element_type, decoder->element_len,
											  decoder->element_byval, decoder->element_align));
}

/*
 * As many as the first elements say; an element of type json may itself be an array, which is no
 * dimension.
 */
static int
count_dimensions(const ValueDecoder *decoder, const JsonSlice *value)
{
	JsonSlice at = *value;
	int ndims = 0;

	while (at.kind == JSONK_ARRAY && ndims <= MAXDIM)
	{
		JsonIterator iterator;
		JsonSlice key;

		ndims++;
		if (decoder->element->shape == SHAPE_JSON || decoder->element->shape == SHAPE_JSONB)
			break;
		dq_json_iterate(&iterator, &at);
		if (!dq_json_iterator_next(&iterator, &key, &at))
			break;
	}
	return ndims;
}

static void
gather_value(Gathering *gathering, const JsonSlice *value)
{
	Datum datum;
	bool isnull;
	bool is_json = gathering->decoder->element->shape == SHAPE_JSON ||
		gathering->decoder->element->shape == SHAPE_JSONB;

	/* An array here would be a further dimension that the first elements do not have. */
	if (value->kind == JSONK_ARRAY && !is_json)
		dq_value_fail(gathering->decoder->state, value,
					  "no array, as the elements before are none");
	datum = dq_value_decode(gathering->decoder->element, value, &isnull);
	if (gathering->nvalues == gathering->capacity)
	{
		gathering->capacity *= 2;
		gathering->values = repalloc(gathering->values, sizeof(Datum) * gathering->capacity);
		gathering->nulls = repalloc(gathering->nulls, sizeof(bool) * gathering->capacity);
	}
	gathering->values[gathering->nvalues] = datum;
	gathering->nulls[gathering->nvalues++] = isnull;
}

static void
gather(Gathering *gathering, const JsonSlice *array, int level)
{
	DecodeState *state = gathering->decoder->state;
	PlaceStep step = { .parent = state->step };
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice value;

	check_stack_depth();
	state->step = &step;
	dq_json_iterate(&iterator, array);
	for (; dq_json_iterator_next(&iterator, &key, &value); step.index++)
	{
		CHECK_FOR_INTERRUPTS();
		if (level + 1 == gathering->ndims)
			gather_value(gathering, &value);
		else if (value.kind == JSONK_ARRAY)
			gather(gathering, &value, level + 1);
		else
			dq_value_fail(state, &value, "an array, as the elements before");
	}
	state->step = step.parent;
	if (gathering->dims[level] < 0)
		gathering->dims[level] = step.index;
	else if (gathering->dims[level] != step.index)
		dq_value_fail(state, array,
					  psprintf("an array of %d elements, as the ones before",
							   gathering->dims[level]));
}

/*
 * Composites
 */

void
dq_composite_prepare(ValueDecoder *decoder)
{
	TupleDesc tupdesc = lookup_rowtype_tupdesc_copy(decoder->type, decoder->typmod);
	const JsonPointer **pointers = palloc(sizeof(JsonPointer *) * (tupdesc->natts + 1));
	int npointers = 0;

	check_stack_depth();
	decoder->shape = SHAPE_COMPOSITE;
	decoder->tupdesc = tupdesc;
	decoder->fields = palloc0(sizeof(ValueDecoder *) * (tupdesc->natts + 1));
	decoder->field_slots = palloc0(sizeof(int) * (tupdesc->natts + 1));
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);
		char *name = NameStr(attribute->attname);
		JsonPointer *pointer;

		if (attribute->attisdropped)
			continue;
		decoder->fields[i] = dq_value_decoder_create(decoder->state, attribute->atttypid,
													 attribute->atttypmod, FORMAT_NATIVE);
		decoder->field_slots[i] = npointers;

		/* A pointer of one token, the field's name. */
		pointer = palloc0(sizeof(JsonPointer));
		pointer->ntokens = 1;
		pointer->tokens = palloc(sizeof(char *));
		pointer->token_lens = palloc(sizeof(int));
		pointer->indexes = palloc(sizeof(int));
		pointer->tokens[0] = pstrdup(pg_server_to_any(name, strlen(name), PG_UTF8));
		pointer->token_lens[0] = strlen(pointer->tokens[0]);
		pointer->indexes[0] = -1;
		pointers[npointers++] = pointer;
	}
	decoder->found = palloc(sizeof(JsonSlice) * (npointers + 1));
	decoder->locator = dq_json_locator_create(pointers, npointers);
}

Datum
dq_composite_decode(ValueDecoder *decoder, const JsonSlice *value)
{
	DecodeState *state = decoder->state;
	int natts = decoder->tupdesc->natts;
	Datum *values = palloc0(sizeof(Datum) * (natts + 1));
	bool *nulls = palloc(sizeof(bool) * (natts + 1));
	PlaceStep step = { .parent = state->step };
	JsonError error;
	int culprit;

	check_stack_depth();
	if (value->kind != JSONK_OBJECT)
		dq_value_fail(state, value, "an object");
	if (!dq_json_locate(decoder->locator, value->start, value->len, decoder->found, &culprit,
						&error))
		dq_value_fail(state, value, "valid JSON");
	state->step = &step;
	for (int i = 0; i < natts; i++)
	{
		nulls[i] = true;
		if (decoder->fields[i] == NULL)
			continue;
		step.name = NameStr(TupleDescAttr(decoder->tupdesc, i)->attname);
		values[i] = dq_value_decode(decoder->fields[i], &decoder->found[decoder->field_slots[i]],
									&nulls[i]);
	}
	state->step = step.parent;
	return HeapTupleGetDatum(heap_form_tuple(decoder->tupdesc, values, nulls));
}
