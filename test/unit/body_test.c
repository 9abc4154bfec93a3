/*
 * body_test.c
 *	  Bodies of searches: what is put in, what is left out, what is refused.
 */
#include "base.h"

#include "request/body.h"
#include "tap.h"

#define MAX_HOLES 8

static const char *
problem_of(const char *source)
{
	char *problem;

	return dq_body_compile(source, &problem) ? NULL : problem;
}

/* The text of a template whose holes of columns take lists[0], lists[1], ...; NULL: no value. */
static const char *
fill(const char *source, const PagePosition *position, int nvalues, const BodyValue *values)
{
	char *problem;
	BodyValue of_holes[MAX_HOLES] = { 0 };
	BoundBody body = { dq_body_compile(source, &problem), of_holes };
	int next = 0;

	if (body.tmpl == NULL)
		return problem;
	for (int i = 0; i < body.tmpl->nholes; i++)
		if (body.tmpl->holes[i].name && next < nvalues)
			of_holes[i] = values[next++];
	/* A copy says the same. */
	return dq_body_text(dq_body_copy(&body), position);
}

static BodyValue
one(const char *json)
{
	const char **values = palloc(sizeof(char *));

	values[0] = json;
	return (BodyValue) { false, 1, values };
}

static BodyValue
list_of_two(const char *a, const char *b)
{
	const char **values = palloc(sizeof(char *) * 2);

	values[0] = a;
	values[1] = b;
	return (BodyValue) { true, 2, values };
}

static BodyValue
nothing(void)
{
	return (BodyValue) { false, 0, NULL };
}

static void
test_values(void)
{
	BodyValue values[] = { one("5"), list_of_two("1", "\"x\"") };
	BodyValue list[] = { list_of_two("1", "2") };

	is_text(fill("{ \"a\": \"{a}\", \"b\" : [1, 2] }", NULL, 1, values), "{\"a\":5,\"b\":[1, 2]}",
			"a value, and what stands beside it as it was written");
	is_text(fill("{\"a\":{\"b\":\"{x}\"},\"c\":\"{y in}\"}", NULL, 2, values),
			"{\"a\":{\"b\":5},\"c\":[1,\"x\"]}", "a list is an array");
	is_text(fill("[\"{x}\",7]", NULL, 1, list), "[1,2,7]", "in an array it is several elements");
	is_text(fill("[\"{x}\",7]", NULL, 1, values), "[5,7]", "a single value is one");
	is_text(fill("{\"a\":12345678901234567890.10}", NULL, 0, NULL),
			"{\"a\":12345678901234567890.10}", "numbers stay as they are");
	is_text(fill("{\"a\":\"{{x}}\",\"b\":\"x{y}\",\"c\":\"{\"}", NULL, 0, NULL),
			"{\"a\":\"{x}\",\"b\":\"x{y}\",\"c\":\"{\"}", "texts with braces that are no holes");
	is_text(fill("{\"a\":\"\\u007bx}\"}", NULL, 1, values), "{\"a\":5}", "a hole that is escaped");
}

static void
test_left_out(void)
{
	BodyValue none[] = { nothing(), nothing() };
	BodyValue first[] = { one("1"), nothing() };
	BodyValue second[] = { nothing(), one("2") };
	const char *range = "{\"all\":[{\"range\":{\"at\":{\"ge\":\"{at >=}\",\"lt\":\"{at <}\"}}}]}";
	const char
		*tests = "{\"all\":[{\"f\":\"a\",\"v\":\"{a}\"},{\"f\":\"b\",\"v\":\"{b}\"}],\"k\":[]}";

	is_text(fill("{\"a\":\"{a}\",\"b\":{\"c\":{\"d\":\"{b}\"}}}", NULL, 2, none), "{}",
			"members without value, and what they leave empty");
	is_text(fill("[\"{a}\"]", NULL, 1, none), "[]", "the whole stays what it is");
	is_text(fill(range, NULL, 2, first), "{\"all\":[{\"range\":{\"at\":{\"ge\":1}}}]}",
			"one bound");
	is_text(fill(range, NULL, 2, second), "{\"all\":[{\"range\":{\"at\":{\"lt\":2}}}]}",
			"the other");
	is_text(fill(range, NULL, 2, none), "{}", "none");
	is_text(fill(tests, NULL, 2, second), "{\"all\":[{\"f\":\"b\",\"v\":2}],\"k\":[]}",
			"elements of an array go as a whole");
	is_text(fill(tests, NULL, 2, none), "{\"k\":[]}", "an array that is written empty stays");
	is_text(fill("{\"q\":{\"size\":10,\"a\":\"{a}\"}}", NULL, 1, none), "{\"q\":{\"size\":10}}",
			"what is fixed in an object stays");
}

static void
test_paging(void)
{
	const char *source = "{\"p\":{\"n\":\"{$page}\",\"s\":\"{$size}\",\"o\":\"{$offset}\","
						 "\"c\":\"{$cursor}\"}}";
	PagePosition first = { .number = 0 };
	PagePosition later = { .number = 20, .size = 10, .cursor = "a\"\\\n\x7f\xc3\xa9" };
	char *problem;

	is_text(fill(source, NULL, 0, NULL), "{}", "no page");
	is_text(fill(source, &first, 0, NULL), "{\"p\":{\"n\":0,\"o\":0}}", "the first page");
	is_text(fill(source, &later, 0, NULL),
			"{\"p\":{\"n\":20,\"s\":10,\"o\":20,\"c\":\"a\\\"\\\\\\u000a\\u007f\xc3\xa9\"}}",
			"a later page");
	is_int(dq_body_paging(dq_body_compile(source, &problem)), 15, "the parameters it says");
	is_int(dq_body_paging(dq_body_compile("{\"a\":\"{$size}\"}", &problem)), PAGING_PARAM_SIZE,
		   "one of them");
}

static void
test_ops(void)
{
	char *problem;
	BodyTemplate *tmpl =
		dq_body_compile("[\"{a}\",\"{b >=}\",\"{b <}\",\"{c in}\",\"{d  null}\",\"{e f}\",\"{g =}\"]",
						&problem);

	is_int(dq_body_ops(tmpl, "a"), COND_BIT(COND_EQ) | COND_BIT(COND_IN), "a name alone");
	is_int(dq_body_ops(tmpl, "b"), COND_BIT(COND_GE) | COND_BIT(COND_LT), "two operators");
	is_int(dq_body_ops(tmpl, "c"), COND_BIT(COND_IN), "in");
	ok(tmpl->holes[3].is_list && !tmpl->holes[0].is_list, "which is always a list");
	is_int(dq_body_ops(tmpl, "d"), COND_BIT(COND_NULL) | COND_BIT(COND_NOTNULL), "null");
	is_int(dq_body_ops(tmpl, "e f"), COND_BIT(COND_EQ) | COND_BIT(COND_IN), "a name with a space");
	is_int(dq_body_ops(tmpl, "g"), COND_BIT(COND_EQ), "=");
	is_int(dq_body_ops(tmpl, "h"), 0, "another column");
}

static void
test_refused(void)
{
	StringInfoData deep;

	is_text(problem_of("{\"a\":}"),
			"it is no JSON: unexpected character \"}\", expected a value at byte 5", "no JSON");
	is_text(problem_of("7"), "it is a JSON number, expected an object or array", "a scalar");
	is_text(problem_of("{\"a\":\"{}\"}"),
			"\"{}\" is no name in braces; a text that begins with a brace and ends with one is "
			"written with both doubled",
			"no name");
	ok(problem_of("{\"a\":\"{b} and {c}\"}") != NULL, "more than a name");
	ok(problem_of("{\"a\":\"{{b}\"}") != NULL, "braces doubled on one side");
	is_text(problem_of("{\"a\":\"{$next}\"}"),
			"unknown placeholder \"{$next}\", known are {$page}, {$size}, {$offset}, {$cursor}",
			"no parameter of paging");
	ok(problem_of("{\"a\":\"{\\u0000}\"}") != NULL, "NUL");
	initStringInfo(&deep);
	for (int i = 0; i < 100000; i++)
		appendStringInfoChar(&deep, '[');
	ok(problem_of(deep.data) != NULL, "too deep");
}

static void
test_json_value(void)
{
	is_text(dq_json_value(JSON_FORM_BARE, "-12.50"), "-12.50", "a number");
	is_text(dq_json_value(JSON_FORM_BARE, "1e+22"), "1e+22", "with an exponent");
	is_text(dq_json_value(JSON_FORM_BARE, "true"), "true", "true");
	is_text(dq_json_value(JSON_FORM_BARE, "{c.id}"), "\"{c.id}\"", "a marker is quoted");
	is_text(dq_json_value(JSON_FORM_BARE, "01"), "\"01\"", "so is what is no JSON number");
	is_text(dq_json_value(JSON_FORM_BARE, "1,2"), "\"1,2\"", "or more than one");
	is_text(dq_json_value(JSON_FORM_BARE, ""), "\"\"", "or nothing");
	is_text(dq_json_value(JSON_FORM_STRING, "5"), "\"5\"", "a string");
	is_text(dq_json_value(JSON_FORM_STRING, "a\"b\\\t"), "\"a\\\"b\\\\\\u0009\"", "with escapes");
}

int
main(void)
{
	test_values();
	test_left_out();
	test_paging();
	test_ops();
	test_refused();
	test_json_value();
	return tap_done();
}
