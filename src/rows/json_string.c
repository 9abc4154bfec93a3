/*
 * json_string.c
 *	  Escapes of JSON strings resolved.
 *
 * Not by json-c: it would build an object per string, stop at \u0000, and turn a lone surrogate
 * into U+FFFD without a word.
 */
#include "base.h"

#include "rows/json_scan.h"

static void append_utf8(StringInfo out, uint32 code);

bool
dq_json_string_append(StringInfo out, const JsonSlice *string, JsonError *error)
{
	const char *p = string->start + 1;
	const char *end = string->start + string->len - 1;
	JsonScan scan = { string->start, end, error };

	Assert(string->kind == JSONK_STRING && string->len >= 2);
	if (!string->has_escapes)
	{
		appendBinaryStringInfo(out, p, end - p);
		return true;
	}
	while (p < end)
	{
		const char *backslash = memchr(p, '\\', end - p);
		const char *plain_end = backslash ? backslash : end;
		uint32 code;

		appendBinaryStringInfo(out, p, plain_end - p);
		if (backslash == NULL)
			break;
		p = dq_json_scan_escape(&scan, backslash, &code);
		if (p == NULL)
			return false;
		if (code == 0)
		{
			dq_json_fail(&scan, JSONERR_ESCAPE, backslash,
						 "\\u0000 in a string, which text cannot hold");
			return false;
		}
		append_utf8(out, code);
	}
	return true;
}

static void
append_utf8(StringInfo out, uint32 code)
{
	char bytes[4];
	int len;

	if (code < 0x80)
	{
		appendStringInfoChar(out, (char) code);
		return;
	}
	len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (int i = len - 1; i > 0; i--, code >>= 6)
		bytes[i] = (char) (0x80 | (code & 0x3F));
	bytes[0] = (char) ((0xF00 >> len) | code);
	appendBinaryStringInfo(out, bytes, len);
}

const char *
dq_json_kind_name(JsonKind kind)
{
	switch (kind)
	{
		case JSONK_MISSING:
			return "nothing";
		case JSONK_NULL:
			return "null";
		case JSONK_FALSE:
		case JSONK_TRUE:
			return "boolean";
		case JSONK_NUMBER:
			return "number";
		case JSONK_STRING:
			return "string";
		case JSONK_ARRAY:
			return "array";
		case JSONK_OBJECT:
			return "object";
	}
	return "nothing";
}
