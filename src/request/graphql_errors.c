/*
 * graphql_errors.c
 *	  The errors of a GraphQL answer as words (spec, section 7.1.2).
 */
#include "base.h"

#include "request/graphql.h"

#define SHOWN_ERRORS 3
#define SHOWN_BYTES 300 /* of each message */
#define SHOWN_PATH 100

/* The member of an object by name; MISSING if there is none. */
static JsonSlice
member_of(const JsonSlice *object, const char *name)
{
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice value;
	JsonSlice found = { 0 };

	if (object->kind != JSONK_OBJECT)
		return found;
	dq_json_iterate(&iterator, object);
	while (dq_json_iterator_next(&iterator, &key, &value))
		if (key.len == strlen(name) + 2 && memcmp(key.start + 1, name, key.len - 2) == 0)
			found = value;
	return found;
}

/* A foreign text without control characters, cut between characters. */
static void
append_shown(StringInfo out, const char *text, size_t max)
{
	size_t len = strlen(text);
	bool is_cut = len > max;

	if (is_cut)
		for (len = max; len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80;)
			len--;
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = text[i];

		appendStringInfoChar(out, c < 0x20 || c == 0x7f ? ' ' : text[i]);
	}
	if (is_cut)
		appendStringInfoString(out, "...");
}

static void
append_string(StringInfo out, const JsonSlice *string, size_t max)
{
	StringInfoData text;
	JsonError ignored;

	initStringInfo(&text);
	if (dq_json_string_append(&text, string, &ignored))
		append_shown(out, text.data, max);
	else
		appendStringInfoChar(out, '?');
	pfree(text.data);
}

/* " (at orders.0.total)" */
static void
append_path(StringInfo out, const JsonSlice *path)
{
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice step;
	int start = out->len;

	if (path->kind != JSONK_ARRAY)
		return;
	dq_json_iterate(&iterator, path);
	while (out->len - start < SHOWN_PATH && dq_json_iterator_next(&iterator, &key, &step))
	{
		appendStringInfoString(out, out->len == start ? " (at " : ".");
		if (step.kind == JSONK_STRING)
			append_string(out, &step, SHOWN_PATH);
		else
			appendBinaryStringInfo(out, step.start, Min(step.len, 20));
	}
	if (out->len > start)
		appendStringInfoChar(out, ')');
}

char *
dq_graphql_errors_text(const JsonSlice *errors)
{
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice error;
	StringInfoData out;
	int n = 0;

	if (errors->kind == JSONK_MISSING || errors->kind == JSONK_NULL)
		return NULL;
	initStringInfo(&out);
	if (errors->kind != JSONK_ARRAY)
	{
		appendStringInfoString(&out, "its \"errors\" are no array");
		return out.data;
	}
	dq_json_iterate(&iterator, errors);
	for (; dq_json_iterator_next(&iterator, &key, &error); n++)
	{
		JsonSlice message = member_of(&error, "message");
		JsonSlice path = member_of(&error, "path");

		if (n >= SHOWN_ERRORS)
			continue;
		if (n > 0)
			appendStringInfoString(&out, "; ");
		if (message.kind == JSONK_STRING)
			append_string(&out, &message, SHOWN_BYTES);
		else
			appendStringInfoString(&out, "an error without a message");
		append_path(&out, &path);
	}
	if (n > SHOWN_ERRORS)
		appendStringInfo(&out, "; and %d more", n - SHOWN_ERRORS);
	if (n > 0)
		return out.data;
	pfree(out.data);
	return NULL;
}
