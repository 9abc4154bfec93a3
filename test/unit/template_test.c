/*
 * template_test.c
 *	  Templates, and the URLs of questions that are built from them.
 */
#include "base.h"

#include "request/request.h"
#include "request/template.h"
#include "tap.h"

/* Values of placeholders as "name", "value" pairs, NULL at the end. */
static bool
lookup_pair(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	const char *const *pairs = arg;

	for (; pairs[0]; pairs += 2)
	{
		if (strcmp(pairs[0], placeholder) == 0)
		{
			*value = pairs[1];
			*is_encoded = strcmp(placeholder, "raw") == 0;
			return true;
		}
	}
	return false;
}

static const char *
problem_of(const char *source, const char *const *names)
{
	char *problem = NULL;
	Template *tmpl = dq_template_compile(source, names, &problem);

	return tmpl ? NULL : problem;
}

static Template *
compile(const char *source)
{
	char *problem;

	return dq_template_compile(source, NULL, &problem);
}

static const char *
expand(const char *source, const char *const *pairs)
{
	StringInfoData out;

	initStringInfo(&out);
	if (!dq_template_expand(compile(source), &out, lookup_pair, (void *) pairs))
		return NULL;
	return out.data;
}

static void
test_compile(void)
{
	static const char *const names[] = { "name", "value", NULL };
	Template *tmpl = compile("a{b}{c}d{{e}}");

	is_int(tmpl->nparts, 4, "literals and placeholders are parts");
	is_text(tmpl->parts[1].placeholder, "b", "a placeholder has its name");
	is_text(tmpl->parts[3].literal, "d{e}", "braces written twice are one");
	is_text(tmpl->source, "a{b}{c}d{{e}}", "the source is kept");
	ok(dq_template_uses(tmpl, "c") && !dq_template_uses(tmpl, "d"), "which placeholders it uses");
	is_int(compile("")->nparts, 0, "an empty template is one");

	is_text(problem_of("{name}={value}", names), NULL, "known placeholders are good");
	is_text(problem_of("{name}={vlue}", names),
			"unknown placeholder \"{vlue}\", known here: {name}, {value}", "unknown placeholder");
	is_text(problem_of("{}", NULL), "empty placeholder \"{}\"", "empty placeholder");
	is_text(problem_of("{abc", NULL), "no closing brace for \"{abc\"", "missing closing brace");
	is_text(problem_of("{a{b}", NULL), "no closing brace for \"{a\"", "brace within a placeholder");
	is_text(problem_of("{", NULL), "no closing brace for \"{\"", "a brace at the end");
	ok(problem_of("a}b", NULL) != NULL, "closing brace alone");
	ok(problem_of("{ a}", NULL) != NULL, "white space around a name");
	ok(problem_of("{Ku\xc3\xa4 1-x}", NULL) == NULL, "any column name");
}

static void
test_expand(void)
{
	static const char *const pairs[] = { "a", "x/y?z&=#%\xc3\xa4 ~", "empty", "", "raw", "1,2%20",
										 NULL };

	is_text(expand("p={a}!", pairs), "p=x%2Fy%3Fz%26%3D%23%25%C3%A4%20~!", "values are encoded");
	is_text(expand("p={raw}", pairs), "p=1,2%20", "encoded values are not encoded again");
	is_text(expand("p={empty}", pairs), "p=", "an empty value");
	is_text(expand("p={b}", pairs), NULL, "no value");
	is_text(expand("f[gte]= \"%2F%zz%\xc3\xa4#", pairs), "f%5Bgte%5D=%20%22%2F%25zz%25%C3%A4%23",
			"literals are made legal");
	is_text(expand("!$&'()*+,;=:@/?-._~", pairs), "!$&'()*+,;=:@/?-._~", "what is legal stays");
}

/* URL of a question with a path and nothing else. */
static const char *
path_url(const char *base, const char *path, const char *const *pairs, char **problem)
{
	Question question = { .base_url = base,
						  .path = compile(path),
						  .path_lookup = lookup_pair,
						  .path_lookup_arg = (void *) pairs };

	return dq_question_url(&question, problem);
}

static void
test_path(void)
{
	static const char *const none[] = { NULL };
	char *problem;

	is_text(path_url("http://h/api", "/items", none, &problem), "http://h/api/items",
			"prefix kept");
	is_text(path_url("http://h/api", "items", none, &problem), "http://h/api/items",
			"a leading slash is added");
	is_text(path_url("http://h/api/", "/items", none, &problem), "http://h/api/items",
			"one slash between");
	is_text(path_url("http://h", "", none, &problem), "http://h", "empty path");
	is_text(path_url("http://h/api", "?a=1", none, &problem), "http://h/api?a=1",
			"only a query string");
	is_text(path_url("http://h", "/x?a=1", none, &problem), "http://h/x?a=1", "query string kept");
	is_text(path_url("http://h", "/x#y", none, &problem), "http://h/x%23y", "no fragment");
	is_text(path_url("http://h", "/x/../y", none, &problem), NULL, "dot segments are refused");
	is_text(problem, "its path has a segment \".\" or \"..\"", "and named");
	is_text(path_url("http://h", "/x/%2E./y", none, &problem), NULL, "encoded ones too");
	is_text(path_url("http://h", "..", none, &problem), NULL, "at the end too");
	is_text(path_url("http://h", "/x.y/...?a=/../", none, &problem), "http://h/x.y/...?a=/../",
			"other dots are fine");
	is_text(path_url("http://h", "http://evil/", none, &problem), "http://h/http://evil/",
			"the base cannot be left");
}

static void
test_path_values(void)
{
	static const char *const bad[] = { "", ".", "..", "a\nb", "\x01", "\x7f" };
	static const char *const other[] = { "b", "x", NULL };
	char *problem;

	for (int i = 0; i < lengthof(bad); i++)
	{
		const char *pairs[] = { "a", bad[i], NULL };

		ok(path_url("http://h", "/x/{a}", pairs, &problem) == NULL && problem &&
			   strstr(problem, "cannot stand in a path"),
		   "bad value %d is refused", i);
		ok(path_url("http://h", "/x?q={a}", pairs, &problem) != NULL,
		   "but stands in a query string (%d)", i);
	}

	const char *pairs[] = { "a", "../../etc?x#y", "b", "...", "raw", "../x", NULL };

	is_text(path_url("http://h", "/x/{a}/y", pairs, &problem), "http://h/x/..%2F..%2Fetc%3Fx%23y/y",
			"slashes are encoded");
	is_text(path_url("http://h", "/x/{b}", pairs, &problem), "http://h/x/...",
			"three dots are a name");
	is_text(path_url("http://h", "/x/{raw}", pairs, &problem), "http://h/x/..%2Fx",
			"in a path nothing is taken as encoded");
	is_text(path_url("http://h", "/x/{a}", other, &problem), NULL, "missing value");
	is_text(problem, "there is no value for \"a\" in its path", "and which");

	const char *hex[] = { "a", "2e", "b", "2E", NULL };

	is_text(path_url("http://h", "/%{a}%{b}/x", hex, &problem), "http://h/%252e%252E/x",
			"a literal and a value make no triplet");
}

static void
test_question(void)
{
	static const char *const none[] = { NULL };
	static const char *const fixed[] = { "sort=id", "x=a b" };
	static const char *const fixed_fields[] = { "a b", "c,d" };
	const char *values[] = { "1", "a,b" };
	BoundTree list = { .condition = { .name = "id",
									  .op = COND_IN,
									  .spell = compile("{name}={value}"),
									  .nvalues = 2,
									  .values = values } };
	BoundTree gone = { .condition = {
						   .name = "gone", .op = COND_NULL, .spell = compile("{name}=is.null") } };
	const BoundTree *conditions[] = { &list, &gone };
	SortKey sort[] = { { "a", true }, { "b c", false } };
	char *problem;
	Question question = { .base_url = "http://h/api",
						  .path = compile("/x?k=1"),
						  .path_lookup = lookup_pair,
						  .path_lookup_arg = (void *) none,
						  .nconditions = 2,
						  .conditions = conditions,
						  .nfixed = 2,
						  .fixed = fixed,
						  .nsort = 2,
						  .sort = sort,
						  .spell_sort = compile("_sort={keys}&_order={orders}"),
						  .sort_asc = compile("{name}"),
						  .sort_desc = compile("{name}") };

	is_text(dq_question_url(&question, &problem),
			"http://h/api/x?k=1&id=1&id=a%2Cb&gone=is.null&sort=id&x=a%20b"
			"&_sort=a,b%20c&_order=desc,asc",
			"everything that a question says");
	question.spell_sort = compile("order={keys}");
	question.sort_asc = compile("{name}.asc.nullslast");
	question.sort_desc = compile("{name}.desc.nullsfirst");
	question.nconditions = question.nfixed = 0;
	question.path = compile("x");
	is_text(dq_question_url(&question, &problem),
			"http://h/api/x?order=a.desc.nullsfirst,b%20c.asc.nullslast", "an order in keys");
	question.spell_sort = compile("sort={key}");
	question.sort_asc = compile("{name},asc");
	question.sort_desc = compile("{name},desc");
	is_text(dq_question_url(&question, &problem), "http://h/api/x?sort=a,desc&sort=b%20c,asc",
			"an order in a parameter for each key");
	question.nsort = 0;
	question.spell_limit = compile("max={value}");
	question.limit = 12;
	question.spell_fields = compile("fields[x]={values}");
	question.fields = fixed_fields;
	question.nfields = 2;
	is_text(dq_question_url(&question, &problem), "http://h/api/x?max=12&fields%5Bx%5D=a%20b,c%2Cd",
			"rows that are enough, and members");
	question.limit = question.nfields = 0;
	is_text(dq_question_url(&question, &problem), "http://h/api/x", "or all of both");
	ok(problem_of("{keys}{orders}{key}", dq_sort_placeholders()) == NULL &&
		   problem_of("{name}", dq_sort_placeholders()) != NULL &&
		   problem_of("{name}", dq_sort_key_placeholders()) == NULL,
	   "placeholders of sort templates");
}

static void
test_identity(void)
{
	Header one[] = { { "a", "bc" } };
	Header two[] = { { "ab", "c" } };
	Request left = { .method = "GET", .url = "http://h/", .nheaders = 1, .headers = one };
	Request right = left;
	StringInfoData a;
	StringInfoData b;

	initStringInfo(&a);
	initStringInfo(&b);
	dq_request_identity(&left, &a);
	dq_request_identity(&right, &b);
	ok(a.len == b.len && memcmp(a.data, b.data, a.len) == 0, "equal requests have one identity");
	right.headers = two;
	resetStringInfo(&b);
	dq_request_identity(&right, &b);
	ok(a.len != b.len || memcmp(a.data, b.data, a.len) != 0, "texts do not run together");
	right = left;
	right.body = "";
	resetStringInfo(&b);
	dq_request_identity(&right, &b);
	ok(a.len != b.len || memcmp(a.data, b.data, a.len) != 0, "an empty body is a body");
}

int
main(void)
{
	test_compile();
	test_expand();
	test_path();
	test_path_values();
	test_question();
	test_identity();
	return tap_done();
}
