/*
 * fuzz_json.c
 *	  Any bytes as one JSON element: what we take as valid, json-c takes too and understands the
 *	  same.
 *
 * Checked: json-c in strict mode accepts what dq_json_locate() accepts; the values located are the
 * ones that json-c finds; strings unescape to the same bytes; iterating meets as many members as
 * the object has names, or more; a value's hash as a key is that of the same value as it is asked.
 */
#include "base.h"

#include <json-c/json.h>

#include "rows/json.h"
#include "rows/json_key.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

static const char *const places[] = { "", "/a", "/b", "/a/b", "/a/0", "/0", "/b/1/a", "/c/d/e" };

/* The first few of them, so that texts whose members are no containers count as valid, too. */
#define N_SHALLOW 3

static JsonLocator *
locator_for(int nplaces)
{
	const JsonPointer *pointers[lengthof(places)];
	const char *problem;

	for (int i = 0; i < nplaces; i++)
		pointers[i] = dq_json_pointer_compile(places[i], &problem);
	return dq_json_locator_create(pointers, nplaces);
}

/* json-c keeps strings as they are but for escapes, so their bytes have to be ours. */
static void
check_string(const JsonSlice *slice, struct json_object *object)
{
	StringInfoData out;
	JsonError error;

	initStringInfo(&out);
	if (!dq_json_string_append(&out, slice, &error))
	{
		check(error.code == JSONERR_ESCAPE, "a located string that cannot be unescaped");
		return;
	}
	check(out.len == json_object_get_string_len(object) &&
			  memcmp(out.data, json_object_get_string(object), out.len) == 0,
		  "json-c reads a string differently");
}

static void
check_value(const JsonSlice *slice, struct json_object *object)
{
	static const enum json_type types[] = {
		[JSONK_NULL] = json_type_null,	  [JSONK_FALSE] = json_type_boolean,
		[JSONK_TRUE] = json_type_boolean, [JSONK_STRING] = json_type_string,
		[JSONK_ARRAY] = json_type_array,  [JSONK_OBJECT] = json_type_object
	};
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice value;
	int count = 0;

	if (slice->kind == JSONK_NUMBER)
		check(json_object_is_type(object, json_type_int) ||
				  json_object_is_type(object, json_type_double),
			  "json-c sees no number");
	else
		check(json_object_is_type(object, types[slice->kind]), "json-c sees another kind");
	if (slice->kind == JSONK_STRING)
		check_string(slice, object);
	if (slice->kind != JSONK_ARRAY && slice->kind != JSONK_OBJECT)
		return;
	dq_json_iterate(&iterator, slice);
	while (dq_json_iterator_next(&iterator, &key, &value))
	{
		check(value.start >= slice->start && value.len > 0 &&
				  value.start + value.len < slice->start + slice->len,
			  "iterated out of bounds");
		if (slice->kind == JSONK_ARRAY)
			check_value(&value, json_object_array_get_idx(object, count));
		count++;
	}
	if (slice->kind == JSONK_ARRAY)
		check(count == json_object_array_length(object), "json-c counts other elements");
	else
		check(count >= json_object_object_length(object), "json-c counts more members");
}

/*
 * json-c cuts names at \u0000, so two that differ may be one for it: such texts are not compared.
 */
static bool
has_nul(const uint8_t *data, size_t size)
{
	return memmem(data, size, "\\u0000", 6) != NULL;
}

static void
compare_with_json_c(const uint8_t *data, size_t size, const JsonSlice *found)
{
	struct json_tokener *tokener = json_tokener_new_ex(DQ_JSON_MAX_DEPTH + 2);
	struct json_object *root;
	struct json_object *child = NULL;
	char *copy = palloc(size + 1);

	/* With a NUL behind it, since json-c does not know that a number at the end has ended. */
	memcpy(copy, data, size);
	copy[size] = '\0';
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, copy, (int) size + 1);
	check(json_tokener_get_error(tokener) == json_tokener_success, "json-c refuses it");
	check_value(&found[0], root);
	if (found[0].kind == JSONK_OBJECT)
		for (int i = 1; i < N_SHALLOW; i++)
		{
			bool has_child = json_object_object_get_ex(root, places[i] + 1, &child);

			check(has_child == (found[i].kind != JSONK_MISSING), "json-c finds another member");
			if (has_child)
				check_value(&found[i], child);
		}
	json_object_put(root);
	json_tokener_free(tokener);
}

/* A value in a row, and the same one in a question, have the same hash. */
static void
check_key(const JsonSlice *slice)
{
	StringInfoData scratch;
	StringInfoData asked;
	JsonError error;

	initStringInfo(&scratch);
	initStringInfo(&asked);
	if (slice->kind == JSONK_NUMBER)
		appendBinaryStringInfo(&asked, slice->start, slice->len);
	else if (slice->kind != JSONK_STRING || !dq_json_string_append(&asked, slice, &error))
		return;
	for (JsonKeyKind kind = JSON_KEY_INTEGER; kind <= JSON_KEY_UUID; kind++)
	{
		uint64 hash = 0;
		uint64 asked_hash = 1;

		if (dq_json_key(kind, slice, &scratch, &hash) != JSON_KEY_HASHED)
			continue;
		check(dq_json_key_of_text(kind, asked.data, asked.len, &asked_hash) == JSON_KEY_HASHED,
			  "a key that cannot be asked");
		check(hash == asked_hash, "another hash");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	JsonSlice found[lengthof(places)];
	JsonLocator *locator = locator_for(lengthof(places));
	JsonError error;
	int culprit;
	bool is_valid;

	/* Twice: what the locator has learnt must not change what it finds. */
	for (int round = 0; round < 2; round++)
	{
		is_valid = dq_json_locate(locator, (const char *) data, size, found, &culprit, &error);
		check(is_valid || error.offset <= size, "an error beyond the text");
		check(is_valid || memchr(error.message, '\0', sizeof(error.message)), "an endless message");
		check(is_valid || (culprit >= 0) == (error.code == JSONERR_NOT_CONTAINER),
			  "a wrong culprit");
		for (int i = 0; is_valid && i < lengthof(places); i++)
			check(found[i].kind == JSONK_MISSING ||
					  (found[i].start >= (const char *) data && found[i].len > 0 &&
					   found[i].start + found[i].len <= (const char *) data + size),
				  "out of bounds");
	}

	/*
	 * The object that a member is asked of may be none; without such pointers it is valid all the
	 * same.
	 */
	for (int i = 0; is_valid && i < lengthof(places); i++)
		check_key(&found[i]);
	locator = locator_for(1);
	is_valid = dq_json_locate(locator, (const char *) data, size, found, &culprit, &error);
	if (is_valid && found[0].kind == JSONK_OBJECT)
		check(dq_json_locate(locator_for(N_SHALLOW), (const char *) data, size, found, &culprit,
							 &error),
			  "an object without members");
	if (is_valid && !has_nul(data, size))
		compare_with_json_c(data, size, found);
	fuzz_release();
	return 0;
}
