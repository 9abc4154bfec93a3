/*
 * splitter_test.c
 *	  Rows out of answers, whatever the chunks they arrive in.
 *
 * Each answer is split as a whole, byte by byte and in chunks of random sizes; all must tell the
 * same.
 */
#include "base.h"

#include "rows/splitter.h"
#include "tap.h"

#define MAX_ELEMENT 2000
#define MAX_CAPTURE 100
#define N_CAPTURES 3

/* Of the next splits. */
static bool rows_are_members = false;
static int nullable_from = 0;

static uint32 random_state = 42;

/* Numerical Recipes' generator: the same on every machine. */
static uint32
random_next(void)
{
	random_state = random_state * 1664525 + 1013904223;
	return random_state >> 16;
}

static JsonPointer *
pointer_of(const char *source)
{
	const char *problem;

	return source ? dq_json_pointer_compile(source, &problem) : NULL;
}

static void
describe_end(StringInfo out, RowSplitter *splitter)
{
	appendStringInfoString(out, dq_splitter_rows_ended(splitter) ? "end" : "open");
	for (int i = 0; i < N_CAPTURES; i++)
	{
		const JsonSlice *slice = dq_splitter_capture(splitter, i);

		if (slice->kind != JSONK_MISSING)
			appendStringInfo(out, "; %d: %s %.*s", i, dq_json_kind_name(slice->kind),
							 (int) slice->len, slice->start);
	}
}

/*
 * What an answer gives in chunks of up to max_chunk bytes: rows, the end, captures; or the error.
 */
static char *
split_in_chunks(const char *json, size_t len, const char *rows, const char *const *captures,
				int max_chunk)
{
	const JsonPointer *pointers[N_CAPTURES] = { NULL };
	SplitterConfig config = { pointer_of(rows), pointers,		  N_CAPTURES,	MAX_ELEMENT,
							  MAX_CAPTURE,		rows_are_members, nullable_from };
	RowSplitter *splitter;
	StringInfoData out;
	JsonSlice element;
	JsonError error = { 0 };
	SplitResult result = SPLIT_NEED_MORE;

	for (int i = 0; captures && i < N_CAPTURES; i++)
		pointers[i] = pointer_of(captures[i]);
	initStringInfo(&out);
	splitter = dq_splitter_create(&config);
	for (size_t at = 0; at < len && result != SPLIT_ERROR;)
	{
		size_t chunk = max_chunk == 0 ? len : max_chunk == 1 ? 1 : random_next() % max_chunk;
		char *copy;

		/* A copy that goes away, so that a sanitizer sees what is kept of it by mistake. */
		chunk = Min(chunk, len - at);
		copy = palloc(chunk + 1);
		memcpy(copy, json + at, chunk);
		dq_splitter_feed(splitter, copy, chunk);
		while ((result = dq_splitter_next(splitter, &element, &error)) == SPLIT_ELEMENT)
			appendStringInfo(&out, "%.*s\n", (int) element.len, element.start);
		memset(copy, 'x', chunk);
		pfree(copy);
		at += chunk;
	}
	if (result == SPLIT_ERROR || !dq_splitter_finish(splitter, &error))
		appendStringInfo(&out, "error %d at %d: %s", error.code, (int) error.offset, error.message);
	else
		describe_end(&out, splitter);
	dq_splitter_free(splitter);
	return out.data;
}

static char *
split(const char *json, size_t len, const char *rows, const char *const *captures)
{
	char *whole = split_in_chunks(json, len, rows, captures, 0);
	static const int max_chunks[] = { 1, 3, 5, 17, 40, 100 };

	for (int i = 0; i < lengthof(max_chunks); i++)
	{
		char *chunked = split_in_chunks(json, len, rows, captures, max_chunks[i]);

		if (strcmp(chunked, whole) != 0)
			return psprintf("in chunks of %d: %s\nas a whole: %s", max_chunks[i], chunked, whole);
	}
	return whole;
}

static void
test_rows(void)
{
	static const struct
	{
		const char *json;
		const char *rows;
		const char *expected;
	} cases[] = {
		{ "[]", "", "end" },
		{ " [ ] ", "", "end" },
		{ "[1,\"a\",null,true,false,-1.5e3,[1],{\"a\":2}]", "",
		  "1\n\"a\"\nnull\ntrue\nfalse\n-1.5e3\n[1]\n{\"a\":2}\nend" },
		{ "\r\n[ {\"a\" : 1} ,\n\t[ ] , \"x\" ]\n", "", "{\"a\" : 1}\n[ ]\n\"x\"\nend" },
		{ "{\"a\":1}", "", "{\"a\":1}\nend" },
		{ " {} ", "", "{}\nend" },
		{ "null", "", "end" },
		{ " null ", "", "end" },
		{ "[{\"a\":\"]}\\\"\\\\\"},{\"b\":\"{[\"}]", "",
		  "{\"a\":\"]}\\\"\\\\\"}\n{\"b\":\"{[\"}\nend" },
		{ "[\"a,]\\\"b\",\"\\\\\",\"\\\\\\\\\"]", "", "\"a,]\\\"b\"\n\"\\\\\"\n\"\\\\\\\\\"\nend" },
		{ "[{\"text\":\"a string that is longer than sixteen bytes, with \\\" and } in it\"},2]", "",
		  "{\"text\":\"a string that is longer than sixteen bytes, with \\\" and } in it\"}\n2\nend" },
		{ "{\"items\":[1,2]}", "/items", "1\n2\nend" },
		{ "{\"a\":[[9]],\"items\":[1,2],\"b\":{\"items\":[3]}}", "/items", "1\n2\nend" },
		{ "{\"data\":{\"x\":1,\"list\":[{\"items\":[7]},5]},\"list\":[0]}", "/data/list",
		  "{\"items\":[7]}\n5\nend" },
		{ "{\"items\":{\"id\":1}}", "/items", "{\"id\":1}\nend" },
		{ "{\"items\":null}", "/items", "end" },
		{ "{\"items\":null,\"x\":1}", "/items", "end" },
		{ "[{\"skip\":[1]},{\"rows\":[2,3]}]", "/1/rows", "2\n3\nend" },
		{ "[[1],[2,3]]", "/1", "2\n3\nend" },
		{ "{\"it\\u0065ms\":[1]}", "/items", "1\nend" },
		{ "{\"a/b\":{\"~\":[1]}}", "/a~1b/~0", "1\nend" },
		{ "{\"\":[1]}", "/", "1\nend" },
		{ "{\"items\\u0000\":[1],\"items\":[2]}", "/items", "2\nend" },
		{ "\xef\xbb\xbf[1]", "", "1\nend" },
		{ "\xef\xbb\xbf {\"items\":[1]}", "/items", "1\nend" },
		{ "{\"a\":[\"x\",{\"y\":[true,false,null,0.5,{}]},[]],\"items\":[1]}", "/items", "1\nend" },
		{ "{\"data\":[1],\"data2\":[2]}", "/data2", "2\nend" },
		{ "{\"data\":{},\"data\":{\"items\":[1]},\"x\":{\"items\":[2],\"data\":0}}", "/data/items",
		  "1\nend" },
		{ "{\"x\":{\"a\":1},\"a\":{\"b\":{\"a\":{\"b\":[0]}}},\"c\":{\"b\":[1]}}", "/c/b", "1\nend" }
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_text(split(cases[i].json, strlen(cases[i].json), cases[i].rows, NULL), cases[i].expected,
				"rows '%s' of %s", cases[i].rows, cases[i].json);
}

static void
test_captures(void)
{
	static const char *const beside[] = { "/next", "/meta/total", "/meta" };
	static const char *const around[] = { "", "/data", "/data/items/0" };
	static const char *const some[] = { NULL, "/links/0/href", "/data/next" };
	static const struct
	{
		const char *json;
		const char *rows;
		const char *const *captures;
		const char *expected;
	} cases[] = {
		{ "{\"next\":\"a\\nb\",\"meta\":{\"total\":12},\"items\":[1]}", "/items", beside,
		  "1\nend; 0: string \"a\\nb\"; 1: number 12; 2: object {\"total\":12}" },
		{ "{\"items\":[1],\"meta\" : { \"x\":[1 , {}], \"total\" : 12 } , \"next\" : null }",
		  "/items", beside,
		  "1\nend; 0: null null; 1: number 12; 2: object { \"x\":[1 , {}], \"total\" : 12 }" },
		{ "{\"items\":[1],\"next\":true,\"next\":[ 1 ]}", "/items", beside,
		  "1\nend; 0: array [ 1 ]" },
		{ "{\"items\":[1],\"meta\":{\"total\":1},\"meta\":{}}", "/items", beside,
		  "1\nend; 2: object {}" },
		{ "{\"items\":[1],\"meta\":[{\"total\":1}]}", "/items", beside,
		  "1\nend; 2: array [{\"total\":1}]" },
		{ "{\"items\":[1]}", "/items", beside, "1\nend" },
		{ "{\"items\":[{\"next\":1,\"meta\":{\"total\":2}}]}", "/items", beside,
		  "{\"next\":1,\"meta\":{\"total\":2}}\nend" },
		{ "{\"data\":{\"items\":[1]}}", "/data/items", around, "1\nend" },
		{ "{\"links\":[{\"href\":\"u\"}],\"data\":{\"items\":[1],\"next\":-1.5}}", "/data/items",
		  some, "1\nend; 1: string \"u\"; 2: number -1.5" },
		{ "[1]", "", beside, "1\nend" }
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_text(split(cases[i].json, strlen(cases[i].json), cases[i].rows, cases[i].captures),
				cases[i].expected, "captures of %s", cases[i].json);
}

static void
test_errors(void)
{
	static const struct
	{
		const char *json;
		const char *rows;
		JsonErrorCode code;
		int offset;
		int rows_before;
	} cases[] = {
		{ "", "", JSONERR_CUT_OFF, 0, 0 },
		{ "  ", "", JSONERR_CUT_OFF, 2, 0 },
		{ "\xef\xbb", "", JSONERR_CUT_OFF, 2, 0 },
		{ "\xef\xbbx", "", JSONERR_SYNTAX, 2, 0 },
		{ "[", "", JSONERR_CUT_OFF, 1, 0 },
		{ "[1", "", JSONERR_CUT_OFF, 2, 0 },
		{ "[1,", "", JSONERR_CUT_OFF, 3, 1 },
		{ "[1,{\"a\":[", "", JSONERR_CUT_OFF, 9, 1 },
		{ "[1,\"a\\", "", JSONERR_CUT_OFF, 6, 1 },
		{ "{\"items\":[1]", "/items", JSONERR_CUT_OFF, 12, 1 },
		{ "{\"items\":[1],\"x\":tru", "/items", JSONERR_CUT_OFF, 20, 1 },
		{ "{\"a\"", "/items", JSONERR_CUT_OFF, 4, 0 },
		{ "nul", "", JSONERR_CUT_OFF, 3, 0 },
		{ "[1] x", "", JSONERR_TRAILING, 4, 1 },
		{ "[1][2]", "", JSONERR_TRAILING, 3, 1 },
		{ "{\"a\":1}\n{\"a\":2}", "", JSONERR_TRAILING, 8, 1 },
		{ "[1,]", "", JSONERR_SYNTAX, 3, 1 },
		{ "[,1]", "", JSONERR_SYNTAX, 1, 0 },
		{ "[1 2]", "", JSONERR_SYNTAX, 3, 1 },
		{ "[1}", "", JSONERR_SYNTAX, 2, 1 },
		{ "[1:2]", "", JSONERR_SYNTAX, 2, 1 },
		{ "[NaN]", "", JSONERR_SYNTAX, 1, 0 },
		{ "<html>", "", JSONERR_SYNTAX, 0, 0 },
		{ "{\"items\":[1],}", "/items", JSONERR_SYNTAX, 13, 1 },
		{ "{\"items\":[1],\"a\":nul}", "/items", JSONERR_SYNTAX, 20, 1 },
		{ "{\"items\":[1],\"a\":nulx}", "/items", JSONERR_SYNTAX, 20, 1 },
		{ "{\"items\":[1],\"a\":01}", "/items", JSONERR_SYNTAX, 17, 1 },
		{ "{\"items\":[1],\"a\":1x}", "/items", JSONERR_SYNTAX, 18, 1 },
		{ "{\"items\":[1],\"a\":\"\\x\"}", "/items", JSONERR_ESCAPE, 18, 1 },
		{ "{\"items\":[1],\"a\":\"\\ud800\"}", "/items", JSONERR_ESCAPE, 18, 1 },
		{ "{\"items\":[1],\"a\":\"\xc3\x28\"}", "/items", JSONERR_UTF8, 18, 1 },
		{ "{\"items\":[1],\"\n\":1}", "/items", JSONERR_CONTROL, 14, 1 },
		{ "{\"items\":[1],\"a\" 1}", "/items", JSONERR_SYNTAX, 17, 1 },
		{ "{\"items\":[1],\"a\":[1,]}", "/items", JSONERR_SYNTAX, 20, 1 },
		{ "{\"items\":[1],\"a\":[1}}", "/items", JSONERR_SYNTAX, 19, 1 },
		{ "{\"items\":[1],a:1}", "/items", JSONERR_SYNTAX, 13, 1 },
		{ "\"a\"", "", JSONERR_ROWS_KIND, 0, 0 },
		{ "12", "", JSONERR_ROWS_KIND, 0, 0 },
		{ "{\"items\":true}", "/items", JSONERR_ROWS_KIND, 9, 0 },
		{ "{\"items\":\"x\"}", "/items", JSONERR_ROWS_KIND, 9, 0 },
		{ "{}", "/items", JSONERR_ROWS_MISSING, 2, 0 },
		{ "{\"error\":\"x\"}", "/items", JSONERR_ROWS_MISSING, 13, 0 },
		{ "[]", "/items", JSONERR_ROWS_MISSING, 2, 0 },
		{ "12", "/items", JSONERR_ROWS_MISSING, 2, 0 },
		{ "null", "/items", JSONERR_ROWS_MISSING, 4, 0 },
		{ "{\"data\":null}", "/data/items", JSONERR_ROWS_MISSING, 13, 0 },
		{ "{\"items\":[1],\"items\":[2]}", "/items", JSONERR_SYNTAX, 13, 1 },
		{ "{\"data\":{\"items\":[1]},\"data\":{}}", "/data/items", JSONERR_SYNTAX, 22, 1 },
		{ "{\"data\":{\"items\":[1]},\"d\\u0061ta\":null}", "/data/items", JSONERR_SYNTAX, 22, 1 },
		{ "{\"items\":null,\"items\":[2]}", "/items", JSONERR_SYNTAX, 14, 0 }
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		char *got = split(cases[i].json, strlen(cases[i].json), cases[i].rows, NULL);
		const char *expected = psprintf("error %d at %d: ", cases[i].code, cases[i].offset);
		const char *at = got;

		for (int row = 0; row < cases[i].rows_before; row++)
			at = strchr(at, '\n') ? strchr(at, '\n') + 1 : "";
		if (!ok(strncmp(at, expected, strlen(expected)) == 0, "error in %s", cases[i].json))
			printf("# got: %s\n# expected: %s\n", got, expected);
	}
	is_text(split("{}", 2, "/a~1b/~0", NULL),
			"error 9 at 2: there is no \"/a~1b/~0\", where the rows should stand",
			"the place is told");
}

static void
test_bounds(void)
{
	static const char *const captures[] = { "/next", "/next/0", NULL };
	StringInfoData json;
	char *filling = palloc(MAX_ELEMENT + 1);

	memset(filling, 'x', MAX_ELEMENT);
	filling[MAX_ELEMENT] = '\0';
	initStringInfo(&json);
	appendStringInfo(&json, "[\"%.*s\"]", MAX_ELEMENT - 2, filling);
	is_int(strlen(split(json.data, json.len, "", NULL)), MAX_ELEMENT + 4, "the largest element");
	resetStringInfo(&json);
	appendStringInfo(&json, "[1,{\"a\":\"%s\"}]", filling);
	ok(strncmp(split(json.data, json.len, "", NULL), "1\nerror 6 at 3: ", 15) == 0,
	   "a larger one is an error");
	resetStringInfo(&json);
	appendStringInfo(&json, "{\"next\":[\"%.96s\"],\"items\":[1]}", filling);
	ok(strstr(split(json.data, json.len, "/items", captures), "0: array") != NULL,
	   "the largest capture");
	resetStringInfo(&json);
	appendStringInfo(&json, "{\"next\":[\"%.97s\"],\"items\":[1]}", filling);
	ok(strncmp(split(json.data, json.len, "/items", captures), "error 6 at ", 11) == 0,
	   "a larger one is an error");

	resetStringInfo(&json);
	for (int i = 0; i <= DQ_JSON_MAX_DEPTH; i++)
		appendStringInfoString(&json, "{\"a\":");
	ok(strstr(split(json.data, json.len, "/items", NULL), "error 5 at 2560: ") != NULL,
	   "nested too deep around the rows");
}

/* What a parser that sees a byte again for each chunk would need hours for. */
static void
test_large(void)
{
	SplitterConfig config = { pointer_of(""), NULL, 0, 64 * 1024 * 1024, MAX_CAPTURE, false, 0 };
	RowSplitter *splitter = dq_splitter_create(&config);
	const int nbytes = 20 * 1024 * 1024;
	JsonSlice element;
	JsonError error;
	SplitResult result;

	dq_splitter_feed(splitter, "[\"", 2);
	result = dq_splitter_next(splitter, &element, &error);
	for (int i = 0; i < nbytes / 4; i++)
	{
		dq_splitter_feed(splitter, "\\\"[]", 4);
		result = dq_splitter_next(splitter, &element, &error);
	}
	is_int(result, SPLIT_NEED_MORE, "20 MB in chunks of 4 bytes");
	dq_splitter_feed(splitter, "\"]", 2);
	result = dq_splitter_next(splitter, &element, &error);
	is_int(result, SPLIT_ELEMENT, "... are one element");
	is_int(element.len, nbytes + 2, "... of their size");
	result = dq_splitter_next(splitter, &element, &error);
	ok(result == SPLIT_NEED_MORE && dq_splitter_finish(splitter, &error), "... and the end");
	dq_splitter_free(splitter);
}

/* A random value; strings hold what a splitter could fall for. */
static void
append_random(StringInfo out, int depth)
{
	static const char *const scalars[] = { "1",
										   "-2.5e10",
										   "true",
										   "false",
										   "null",
										   "\"\"",
										   "\"plain text of some length\"",
										   "\"\\\"\"",
										   "\"\\\\\"",
										   "\"[{\"",
										   "\"}],\"",
										   "\"\\\\\\\"]\"",
										   "\"\xc3\xa9\xe2\x82\xac\"",
										   "\"\\u00e9\"" };
	uint32 kind = depth == 0 ? 0 : random_next() % 3;
	int n = random_next() % 5;

	if (kind == 0)
	{
		appendStringInfoString(out, scalars[random_next() % lengthof(scalars)]);
		return;
	}
	appendStringInfoChar(out, kind == 1 ? '[' : '{');
	for (int i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(out, random_next() % 2 ? "," : " ,\n  ");
		if (kind == 2)
			appendStringInfo(out, "\"k%d\\\"\"%s:", i, random_next() % 2 ? "" : " ");
		append_random(out, depth - 1);
	}
	appendStringInfoChar(out, kind == 1 ? ']' : '}');
}

static void
test_random(void)
{
	int right = 0;

	for (int round = 0; round < 500; round++)
	{
		StringInfoData json;
		StringInfoData expected;
		int nrows = random_next() % 20;

		initStringInfo(&json);
		initStringInfo(&expected);
		appendStringInfoString(&json, "{\"before\":");
		append_random(&json, 4);
		appendStringInfoString(&json, ",\"items\":[");
		for (int i = 0; i < nrows; i++)
		{
			int from;

			appendStringInfoString(&json, i ? ", " : "");
			from = json.len;
			append_random(&json, 4);
			appendStringInfo(&expected, "%s\n", json.data + from);
		}
		appendStringInfoString(&json, "],\"after\":");
		append_random(&json, 4);
		appendStringInfoChar(&json, '}');
		appendStringInfoString(&expected, "end");
		right += strcmp(split(json.data, json.len, "/items", NULL), expected.data) == 0;
	}
	is_int(right, 500, "random answers");
}

/* Rows that are the members of an object. */
static void
test_members(void)
{
	static const struct
	{
		const char *json;
		const char *expected;
	} cases[] = {
		{ "{\"a\":{}}", "end" },
		{ "{\"a\": { \"k0\" : {\"id\":1}, \"k1\":null,\"k\\u0032\":[2] ,\"\":\"x\"}}",
		  "{\"id\":1}\nnull\n[2]\n\"x\"\nend" },
		{ "{\"a\":[1,{\"b\":2}]}", "1\n{\"b\":2}\nend" },
		{ "{\"a\":null}", "end" },
		{ "{\"a\":{\"k\":1,}}",
		  "1\nerror 1 at 12: unexpected character \"}\", expected a member's name" },
		{ "{\"a\":{\"k\" 1}}", "error 1 at 10: unexpected character \"1\", expected \":\"" },
		{ "{\"a\":{\"k\":1]}",
		  "1\nerror 1 at 11: unexpected character \"]\", expected \",\" or \"}\"" },
		{ "{\"a\":{\"k\":1", "error 7 at 11: the answer ends inside a value" },
		{ "{\"a\":{\"k", "error 7 at 8: the answer ends inside a value" },
		{ "{\"a\":{\"\\q\":1}}", "error 3 at 7: unknown escape in a string" },
		{ "{\"a\":{\"k\":1,\"l\":{\"k\":2},\"\\u006b\":3}}",
		  "1\n{\"k\":2}\nerror 1 at 24: a member in place of the rows stands there twice" },
	};

	rows_are_members = true;
	for (int i = 0; i < lengthof(cases); i++)
		is_text(split(cases[i].json, strlen(cases[i].json), "/a", NULL), cases[i].expected,
				"members: %s", cases[i].json);
	rows_are_members = false;
}

/* Null on the way to the rows. */
static void
test_nullable(void)
{
	static const char *const captures[N_CAPTURES] = { "/next", "/a/total", NULL };
	static const struct
	{
		int from;
		const char *json;
		const char *expected;
	} cases[] = {
		{ 2, "{\"a\":{\"b\":null},\"next\":5}", "end; 0: number 5" },
		{ 2, "{\"a\":{\"total\":0,\"b\":{\"c\":null}}}", "end; 1: number 0" },
		{ 2, "{\"a\":null}", "error 9 at 10: there is no \"/a/b/c\", where the rows should stand" },
		{ 1, "{\"a\":null}", "end" },
		{ 2, "{\"a\":{\"x\":null}}",
		  "error 9 at 16: there is no \"/a/b/c\", where the rows should stand" },
		{ 2, "{\"a\":{\"b\":{\"c\":[1]}}}", "1\nend" },
		{ 0, "{\"a\":{\"b\":null}}",
		  "error 9 at 16: there is no \"/a/b/c\", where the rows should stand" },
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		nullable_from = cases[i].from;
		is_text(split(cases[i].json, strlen(cases[i].json), "/a/b/c", captures), cases[i].expected,
				"null from %d: %s", cases[i].from, cases[i].json);
	}
	nullable_from = 0;
}

int
main(void)
{
	test_rows();
	test_members();
	test_nullable();
	test_captures();
	test_errors();
	test_bounds();
	test_large();
	test_random();
	return tap_done();
}
