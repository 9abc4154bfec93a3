/*
 * json_test.c
 *	  What is JSON and what is not, pointers, locating members, escapes, iterating.
 */
#include "base.h"

#include "rows/json.h"
#include "tap.h"

/* A text with its length, since some hold NUL bytes. */
#define TEXT(literal)                \
	{                                \
		literal, sizeof(literal) - 1 \
	}

typedef struct Sample
{
	const char *bytes;
	size_t len;
} Sample;

static JsonPointer *
pointer_of(const char *source)
{
	const char *problem;
	JsonPointer *pointer = dq_json_pointer_compile(source, &problem);

	if (pointer == NULL)
		printf("# %s: %s\n", source, problem);
	return pointer;
}

static bool
validate(const char *bytes, size_t len, JsonError *error)
{
	JsonLocator *locator = dq_json_locator_create(NULL, 0);
	int culprit;

	/* A copy of just this size, so that a sanitizer sees a byte too many being read. */
	char *copy = palloc(len + 1);
	bool is_valid;

	memcpy(copy + 1, bytes, len);
	is_valid = dq_json_locate(locator, copy + 1, len, NULL, &culprit, error);
	pfree(copy);
	return is_valid;
}

static void
test_valid(void)
{
	static const Sample samples[] = {
		TEXT("[]"),
		TEXT("{}"),
		TEXT("[ ]"),
		TEXT("{ }"),
		TEXT("null"),
		TEXT("true"),
		TEXT("false"),
		TEXT("0"),
		TEXT("-0"),
		TEXT("-1"),
		TEXT("1.5"),
		TEXT("1e5"),
		TEXT("1E+5"),
		TEXT("1e-5"),
		TEXT("0.0"),
		TEXT("0e1"),
		TEXT("0e+1"),
		TEXT("-0.1e-1"),
		TEXT("1.0E+2"),
		TEXT("123456789012345678901234567890"),
		TEXT("1e99999"),
		TEXT("\"\""),
		TEXT("\"a\""),
		TEXT(" 1 "),
		TEXT("\t\r\n 1\t\r\n "),
		TEXT("[1]"),
		TEXT("[1,2]"),
		TEXT("[ 1 , 2 ]"),
		TEXT("[[],{}]"),
		TEXT("[[[[1]]]]"),
		TEXT("{\"a\":1}"),
		TEXT("{\"\":0}"),
		TEXT("{ \"a\" : 1 , \"b\" : [ ] }"),
		TEXT("{\"a\":1,\"a\":2}"),
		TEXT("{\"a\":{\"b\":{\"c\":null}}}"),
		TEXT("[null,true,false,1,\"\",[],{}]"),
		TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
		TEXT("\"\\u0041\\u00e9\\u20AC\""),
		TEXT("\"\\ud83d\\ude00\""),
		TEXT("\"\\uDBFF\\uDFFF\""),
		TEXT("\"\\u0000\""),
		TEXT("\"\\uFFFF\""),
		TEXT("\"\xc3\xa9\""),
		TEXT("\"\xe2\x82\xac\""),
		TEXT("\"\xf0\x9f\x98\x80\""),
		TEXT("\"\xc2\x80\""),
		TEXT("\"\xdf\xbf\""),
		TEXT("\"\xe0\xa0\x80\""),
		TEXT("\"\xed\x9f\xbf\""),
		TEXT("\"\xee\x80\x80\""),
		TEXT("\"\xef\xbf\xbf\""),
		TEXT("\"\xf0\x90\x80\x80\""),
		TEXT("\"\xf4\x8f\xbf\xbf\""),
		TEXT("\"\x7f\""),
		TEXT("\"a long string that takes the way of sixteen bytes at a time\""),
		TEXT("\"a long string with \\\"quotes\\\" and \xc3\xa4\xc3\xb6\xc3\xbc in it, and more\""),
		TEXT("{\"\\u0000\":1,\"key\\n\":2}")
	};

	for (int i = 0; i < lengthof(samples); i++)
	{
		JsonError error = { 0 };

		ok(validate(samples[i].bytes, samples[i].len, &error), "valid: %s", samples[i].bytes);
		if (error.code != JSONERR_NONE)
			printf("# %s\n", error.message);
	}
}

static void
test_invalid(void)
{
	static const struct
	{
		Sample sample;
		JsonErrorCode code;
		int offset;
	} cases[] = { { TEXT(""), JSONERR_CUT_OFF, 0 },
				  { TEXT(" "), JSONERR_CUT_OFF, 1 },
				  { TEXT("["), JSONERR_CUT_OFF, 1 },
				  { TEXT("[1"), JSONERR_CUT_OFF, 2 },
				  { TEXT("[1,"), JSONERR_CUT_OFF, 3 },
				  { TEXT("{"), JSONERR_CUT_OFF, 1 },
				  { TEXT("{\"a\""), JSONERR_CUT_OFF, 4 },
				  { TEXT("{\"a\":"), JSONERR_CUT_OFF, 5 },
				  { TEXT("{\"a\":1"), JSONERR_CUT_OFF, 6 },
				  { TEXT("{\"a\":1,"), JSONERR_CUT_OFF, 7 },
				  { TEXT("\""), JSONERR_CUT_OFF, 1 },
				  { TEXT("\"a"), JSONERR_CUT_OFF, 2 },
				  { TEXT("\"\\"), JSONERR_CUT_OFF, 2 },
				  { TEXT("\"\\u00"), JSONERR_CUT_OFF, 5 },
				  { TEXT("\"\\ud800"), JSONERR_CUT_OFF, 7 },
				  { TEXT("\"\\ud800\\"), JSONERR_CUT_OFF, 8 },
				  { TEXT("\"\xc3"), JSONERR_CUT_OFF, 2 },
				  { TEXT("tru"), JSONERR_CUT_OFF, 3 },
				  { TEXT("-"), JSONERR_CUT_OFF, 1 },
				  { TEXT("1."), JSONERR_CUT_OFF, 2 },
				  { TEXT("1e"), JSONERR_CUT_OFF, 2 },
				  { TEXT("1e+"), JSONERR_CUT_OFF, 3 },
				  { TEXT("[,1]"), JSONERR_SYNTAX, 1 },
				  { TEXT("[1,]"), JSONERR_SYNTAX, 3 },
				  { TEXT("[1 2]"), JSONERR_SYNTAX, 3 },
				  { TEXT("[1,,2]"), JSONERR_SYNTAX, 3 },
				  { TEXT("[1}"), JSONERR_SYNTAX, 2 },
				  { TEXT("{]"), JSONERR_SYNTAX, 1 },
				  { TEXT("{1:2}"), JSONERR_SYNTAX, 1 },
				  { TEXT("{a:2}"), JSONERR_SYNTAX, 1 },
				  { TEXT("{'a':2}"), JSONERR_SYNTAX, 1 },
				  { TEXT("{\"a\" 2}"), JSONERR_SYNTAX, 5 },
				  { TEXT("{\"a\":}"), JSONERR_SYNTAX, 5 },
				  { TEXT("{\"a\"::1}"), JSONERR_SYNTAX, 5 },
				  { TEXT("{\"a\":1,}"), JSONERR_SYNTAX, 7 },
				  { TEXT("{\"a\":1 \"b\":2}"), JSONERR_SYNTAX, 7 },
				  { TEXT("{\"a\",\"b\"}"), JSONERR_SYNTAX, 4 },
				  { TEXT("{null:1}"), JSONERR_SYNTAX, 1 },
				  { TEXT("]"), JSONERR_SYNTAX, 0 },
				  { TEXT("01"), JSONERR_SYNTAX, 0 },
				  { TEXT("-01"), JSONERR_SYNTAX, 1 },
				  { TEXT("00"), JSONERR_SYNTAX, 0 },
				  { TEXT("+1"), JSONERR_SYNTAX, 0 },
				  { TEXT(".5"), JSONERR_SYNTAX, 0 },
				  { TEXT("-.5"), JSONERR_SYNTAX, 1 },
				  { TEXT("1.e5"), JSONERR_SYNTAX, 2 },
				  { TEXT("1.5.5"), JSONERR_TRAILING, 3 },
				  { TEXT("1ee5"), JSONERR_SYNTAX, 2 },
				  { TEXT("--1"), JSONERR_SYNTAX, 1 },
				  { TEXT("[1a]"), JSONERR_SYNTAX, 2 },
				  { TEXT("0x10"), JSONERR_TRAILING, 1 },
				  { TEXT("NaN"), JSONERR_SYNTAX, 0 },
				  { TEXT("nan"), JSONERR_SYNTAX, 1 },
				  { TEXT("Infinity"), JSONERR_SYNTAX, 0 },
				  { TEXT("-Infinity"), JSONERR_SYNTAX, 1 },
				  { TEXT("True"), JSONERR_SYNTAX, 0 },
				  { TEXT("nulL"), JSONERR_SYNTAX, 3 },
				  { TEXT("truefalse"), JSONERR_TRAILING, 4 },
				  { TEXT("1 2"), JSONERR_TRAILING, 2 },
				  { TEXT("{} {}"), JSONERR_TRAILING, 3 },
				  { TEXT("[]]"), JSONERR_TRAILING, 2 },
				  { TEXT("[] // comment"), JSONERR_TRAILING, 3 },
				  { TEXT("/* comment */ []"), JSONERR_SYNTAX, 0 },
				  { TEXT("'a'"), JSONERR_SYNTAX, 0 },
				  { TEXT("<html>"), JSONERR_SYNTAX, 0 },
				  { TEXT("\0"), JSONERR_SYNTAX, 0 },
				  { TEXT("[\f1]"), JSONERR_SYNTAX, 1 },
				  { TEXT("[\xc2\xa0"
						 "1]"),
					JSONERR_SYNTAX, 1 },
				  { TEXT("\xef\xbb\xbf"
						 "1"),
					JSONERR_SYNTAX, 0 },
				  { TEXT("\"\n\""), JSONERR_CONTROL, 1 },
				  { TEXT("\"\t\""), JSONERR_CONTROL, 1 },
				  { TEXT("\"a\0b\""), JSONERR_CONTROL, 2 },
				  { TEXT("\"0123456789abcdef\x1f\""), JSONERR_CONTROL, 17 },
				  { TEXT("\"\\x\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\'\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\\0\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\u12\""), JSONERR_ESCAPE, 5 },
				  { TEXT("\"\\u123g\""), JSONERR_ESCAPE, 6 },
				  { TEXT("\"\\U1234\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\ud800\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\udc00\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\ud800\\n\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\ud800\\u0041\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\ud800\\ud800\""), JSONERR_ESCAPE, 1 },
				  { TEXT("\"\\ude00\\ud83d\""), JSONERR_ESCAPE, 1 },
				  { TEXT("{\"\\udc00\":1}"), JSONERR_ESCAPE, 2 },
				  { TEXT("\"\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xc0\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xc1\xbf\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xc3\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xc3(\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xe0\x80\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xe0\x9f\xbf\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xe2\x82\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xed\xa0\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xed\xbf\xbf\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xf0\x8f\xbf\xbf\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xf4\x90\x80\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xf5\x80\x80\x80\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xff\""), JSONERR_UTF8, 1 },
				  { TEXT("\"\xc3\xa9\xa9\""), JSONERR_UTF8, 3 } };

	for (int i = 0; i < lengthof(cases); i++)
	{
		JsonError error = { 0 };
		bool is_valid = validate(cases[i].sample.bytes, cases[i].sample.len, &error);

		ok(!is_valid && error.code == cases[i].code && error.offset == cases[i].offset &&
			   error.message[0],
		   "invalid: case %d, %s", i, error.message);
		if (error.code != cases[i].code || error.offset != cases[i].offset)
			printf("# code %d at %d, expected code %d at %d\n", error.code, (int) error.offset,
				   cases[i].code, cases[i].offset);
	}
}

static void
test_depth(void)
{
	StringInfoData nested;
	JsonError error;

	initStringInfo(&nested);
	for (int i = 0; i < DQ_JSON_MAX_DEPTH; i++)
		appendStringInfoString(&nested, i % 2 ? "[" : "{\"a\":");
	appendStringInfoChar(&nested, '1');
	for (int i = DQ_JSON_MAX_DEPTH - 1; i >= 0; i--)
		appendStringInfoChar(&nested, i % 2 ? ']' : '}');
	ok(validate(nested.data, nested.len, &error), "%d levels", DQ_JSON_MAX_DEPTH);

	resetStringInfo(&nested);
	for (int i = 0; i < 1000000; i++)
		appendStringInfoChar(&nested, '[');
	ok(!validate(nested.data, nested.len, &error), "a million levels");
	is_int(error.code, JSONERR_TOO_DEEP, "... are too deep");
	is_int(error.offset, DQ_JSON_MAX_DEPTH, "... at the first beyond the bound");
}

static void
test_pointers(void)
{
	static const char *const bad[] = { "a", "a/b", " /a", "/~", "/a~", "/~2", "/a~b/c" };
	JsonPointer *pointer = pointer_of("/a~1b/m~0n//0/10/01/-/~01/2147483647");
	static const char *const tokens[] = {
		"a/b", "m~n", "", "0", "10", "01", "-", "~1", "2147483647"
	};
	static const int indexes[] = { -1, -1, -1, 0, 10, -1, -1, -1, -1 };
	const char *problem;

	is_int(pointer->ntokens, lengthof(tokens), "tokens of a pointer");
	for (int i = 0; i < lengthof(tokens); i++)
	{
		is_text(pointer->tokens[i], tokens[i], "token %d", i);
		is_int(pointer->token_lens[i], strlen(tokens[i]), "token %d: length", i);
		is_int(pointer->indexes[i], indexes[i], "token %d: index", i);
	}
	is_int(pointer_of("")->ntokens, 0, "the empty pointer has no token");
	is_int(pointer_of("/")->ntokens, 1, "\"/\" has one, the empty name");
	for (int i = 0; i < lengthof(bad); i++)
		ok(dq_json_pointer_compile(bad[i], &problem) == NULL && problem, "no pointer: %s", bad[i]);
}

/* The values at pointers (separated by blanks) in a text, joined by " | ". */
static char *
located(const char *pointers, const char *json)
{
	const JsonPointer *compiled[20];
	JsonSlice found[20];
	int n = 0;
	char *list = pstrdup(pointers);
	JsonLocator *locator;
	JsonError error;
	int culprit;
	StringInfoData result;

	initStringInfo(&result);
	for (char *at = list; at; n++)
	{
		char *blank = strchr(at, ' ');

		if (blank)
			*blank = '\0';
		compiled[n] = pointer_of(at);
		at = blank ? blank + 1 : NULL;
	}
	locator = dq_json_locator_create(compiled, n);

	/* Twice, because the locator learns. */
	for (int round = 0; round < 2; round++)
	{
		resetStringInfo(&result);
		if (!dq_json_locate(locator, json, strlen(json), found, &culprit, &error))
		{
			appendStringInfo(&result, "error %d, pointer %d, byte %d", error.code, culprit,
							 (int) error.offset);
			continue;
		}
		for (int i = 0; i < n; i++)
		{
			if (i > 0)
				appendStringInfoString(&result, " | ");
			if (found[i].kind == JSONK_MISSING)
				appendStringInfoString(&result, "MISSING");
			else
				appendStringInfo(&result, "%s %.*s%s", dq_json_kind_name(found[i].kind),
								 (int) found[i].len, found[i].start,
								 found[i].has_escapes ? " (escapes)" : "");
		}
	}
	return result.data;
}

static void
test_locate(void)
{
	is_text(located("/a /b /c", " {\"a\" : 1 , \"b\":\"x\",\"c\": null} "),
			"number 1 | string \"x\" | null null", "members");
	is_text(located("/a /b /c", "{\"c\":true,\"z\":0,\"b\":false,\"a\":[]}"),
			"array [] | boolean false | boolean true", "members in another order");
	is_text(located("/a", "{\"b\":1}"), "MISSING", "a missing member");
	is_text(located(" /a  ", " {\"a\":{ \"b\" : [1, 2] } } "),
			"object {\"a\":{ \"b\" : [1, 2] } } | object { \"b\" : [1, 2] } | "
			"object {\"a\":{ \"b\" : [1, 2] } } | object {\"a\":{ \"b\" : [1, 2] } }",
			"whole element, several times");
	is_text(located("/a/b/c /a/b /a/x", "{\"a\":{\"b\":{\"c\":1},\"x\":2}}"),
			"number 1 | object {\"c\":1} | number 2", "nested members");
	is_text(located("/a/0 /a/1/b /a/2 /a/-", "{\"a\":[10,{\"b\":20}]}"),
			"error 11, pointer 0, byte 5", "\"-\" is no index");
	is_text(located("/a/0 /a/1/b /a/2", "{\"a\":[10,{\"b\":20}]}"),
			"number 10 | number 20 | MISSING", "elements of an array");
	is_text(located("/0 /00", "{\"0\":1,\"00\":2}"), "number 1 | number 2", "digits as names");
	is_text(located("/a /a", "{\"a\":\"x\"}"), "string \"x\" | string \"x\"", "the same twice");
	is_text(located("/a /a/b", "{\"a\":1,\"a\":{\"b\":2},\"a\":{}}"), "object {} | MISSING",
			"of duplicates the last counts");
	is_text(located("/a/b", "{\"a\":1,\"a\":{\"b\":2}}"), "number 2",
			"a duplicate without members");
	is_text(located("/a/b", "{\"a\":{\"b\":2},\"a\":null}"), "MISSING", "a duplicate that is null");
	is_text(located("/a/b/c /a/d", "{\"a\":{\"b\":{\"c\":1},\"d\":2},\"a\":{\"d\":3}}"),
			"MISSING | number 3", "a duplicate below which less is");
	is_text(located("/a", "{\"\\u0061\":\"\\n\"}"), "string \"\\n\" (escapes)", "an escaped name");
	is_text(located("/a~1b /m~0n /", "{\"a/b\":1,\"m~n\":2,\"\":3}"),
			"number 1 | number 2 | number 3", "escapes of pointers");
	is_text(located("/a", "{\"a\\u0000\":1}"), "MISSING", "\\u0000 in a name");
	is_text(located("/\xc3\xa9", "{\"\\u00e9\":1}"), "number 1", "a name beyond ASCII");
	is_text(located("/x /a/b", "{\"x\":1,\"a\":5}"), "error 11, pointer 1, byte 11",
			"through a number");
	is_text(located("/x /a/b", "{\"a\":\"s\"}"), "error 11, pointer 1, byte 5", "through a string");
	is_text(located("/a/b", "{\"a\":[]}"), "error 11, pointer 0, byte 5", "a name in an array");
	is_text(located("/a/b /a/b/c", "{\"a\":null}"), "MISSING | MISSING", "through null");
	is_text(located("/a/b", "{\"b\":1}"), "MISSING", "through nothing");
	is_text(located("/a", "7"), "error 11, pointer 0, byte 0", "of an element that is a number");
	is_text(located("/a", "[{\"a\":1}]"), "error 11, pointer 0, byte 0",
			"of an element that is an array");
	is_text(located("/a", "null"), "MISSING", "of an element that is null");
	is_text(located("/0 /1/0", "[5,[6]]"), "number 5 | number 6", "an element that is an array");
	is_text(located("/a", "{\"b\":{\"a\":1},\"c\":[{\"a\":2}]}"), "MISSING",
			"the same name elsewhere");
	is_text(located("/a", "{\"a\":1,}"), "error 1, pointer -1, byte 7", "bad syntax");
}

static void
test_many_members(void)
{
	enum
	{
		N = 300
	};
	const JsonPointer *pointers[N];
	JsonSlice found[N];
	JsonLocator *locator;
	JsonError error;
	int culprit;

	for (int i = 0; i < N; i++)
		pointers[i] = pointer_of(psprintf("/member%d", i));
	locator = dq_json_locator_create(pointers, N);
	for (int step = 1; step < N; step += 97)
	{
		StringInfoData json;
		int right = 0;

		/* Every step is prime to N: all members, each time in another order. */
		initStringInfo(&json);
		for (int i = 0; i < N; i++)
			appendStringInfo(&json, "%s\"member%d\":%d", i ? "," : "{", i * (step * 6 + 1) % N,
							 i * (step * 6 + 1) % N);
		appendStringInfoChar(&json, '}');
		if (dq_json_locate(locator, json.data, json.len, found, &culprit, &error))
			for (int i = 0; i < N; i++)
				right += found[i].kind == JSONK_NUMBER && strtol(found[i].start, NULL, 10) == i;
		ok(right == N, "%d members in any order (%d)", N, right);
	}
}

static void
test_strings(void)
{
	static const struct
	{
		const char *json;
		const char *expected;
	} cases[] = { { "\"\"", "" },
				  { "\"plain\"", "plain" },
				  { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
				  { "\"a\\u0041b\\u00e9c\\u20acd\"",
					"aAb\xc3\xa9"
					"c\xe2\x82\xac"
					"d" },
				  { "\"\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
					"\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf" },
				  { "\"\\ud83d\\ude00\\uDBFF\\uDFFF\"", "\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf" },
				  { "\"\xc3\xa9\\n\xe2\x82\xac\"", "\xc3\xa9\n\xe2\x82\xac" },
				  { "\"\\u0000\"", NULL },
				  { "\"a\\u0000b\"", NULL } };

	for (int i = 0; i < lengthof(cases); i++)
	{
		JsonSlice slice = { cases[i].json, strlen(cases[i].json), JSONK_STRING, false };
		StringInfoData out;
		JsonError error;
		bool done;

		slice.has_escapes = strchr(slice.start, '\\') != NULL;
		initStringInfo(&out);
		done = dq_json_string_append(&out, &slice, &error);
		is_text(done ? out.data : NULL, cases[i].expected, "string %s", cases[i].json);
		if (!done)
			is_int(error.code, JSONERR_ESCAPE, "... is an error of its escape");
	}
}

static void
test_iterate(void)
{
	static const char *const json[] = {
		"[ 1,\"a,]\\\"\" , [2,{\"x\":\"}\"}],{}, null ,true,false,-1.5e3]", "[]", "[ ]", "{ }",
		"{\"a\" : 1,\"b,}\":[1,2] , \"c\\\"\":{\"d\":\"[{\\\\\"}}"
	};
	static const char *const expected[] = {
		"1;\"a,]\\\"\";[2,{\"x\":\"}\"}];{};null;true;false;-1.5e3;", "", "", "",
		"\"a\"=1;\"b,}\"=[1,2];\"c\\\"\"={\"d\":\"[{\\\\\"};"
	};

	for (int i = 0; i < lengthof(json); i++)
	{
		JsonSlice slice = { json[i], strlen(json[i]),
							json[i][0] == '[' ? JSONK_ARRAY : JSONK_OBJECT, false };
		JsonIterator iterator;
		JsonSlice key;
		JsonSlice value;
		StringInfoData out;

		initStringInfo(&out);
		dq_json_iterate(&iterator, &slice);
		while (dq_json_iterator_next(&iterator, &key, &value))
		{
			if (key.kind == JSONK_STRING)
				appendStringInfo(&out, "%.*s=", (int) key.len, key.start);
			appendStringInfo(&out, "%.*s;", (int) value.len, value.start);
		}
		is_text(out.data, expected[i], "iterating %s", json[i]);
	}
}

int
main(void)
{
	test_valid();
	test_invalid();
	test_depth();
	test_pointers();
	test_locate();
	test_many_members();
	test_strings();
	test_iterate();
	return tap_done();
}
