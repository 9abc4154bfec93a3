/*
 * graphql_test.c
 *	  GraphQL: fields as they are declared, queries as they are sent, errors as they are told.
 */
#include "base.h"

#include "request/condition.h"
#include "request/graphql.h"
#include "tap.h"

static const char *
problem_of(const char *source)
{
	char *problem;

	return dq_graphql_field_compile(source, &problem) ? NULL : problem;
}

static const char *
same_name(const char *name, void *arg)
{
	return psprintf("%s%s", name, (const char *) arg);
}

static JsonPointer *
pointer_of(const char *text)
{
	const char *problem;

	return dq_json_pointer_compile(text, &problem);
}

/* A query that asks for one field, and gives it an argument by path. */
static const char *
ask(const char *source, const char *path, const char *given)
{
	char *problem;
	GraphqlField *field = dq_graphql_field_compile(source, &problem);
	GraphqlQuery *query = dq_graphql_query();
	GraphqlSelection *selection;

	if (field == NULL)
		return problem;
	selection = dq_graphql_ask(query, NULL, field, NULL, same_name, "");
	if (path && !dq_graphql_argue(selection, path, given, false))
		return "refused";
	return dq_graphql_text(query);
}

static void
test_fields(void)
{
	const char **names;
	bool *lists;
	char *problem;
	GraphqlField *field =
		dq_graphql_field_compile("user( id : $user_id ).orders(ids:[$id], where: {a: $a, b: [$b, 1], c: [{d: $d}]})",
								 &problem);

	is_text(ask("orders", NULL, NULL), "query{orders{__typename}}", "a field");
	is_text(ask(" a . b ", NULL, NULL), "query{a{b{__typename}}}", "a field inside of another");
	is_text(ask("a(x:1,y: -2.5e3 z:\"a\\\"b)\",t:true n:null e:OPEN).b()", NULL, NULL),
			"query{a(x:1,y:-2.5e3,z:\"a\\\"b)\",t:true,n:null,e:OPEN){b{__typename}}}",
			"fixed arguments");
	is_text(ask("a(x:{y:[1,[2],{z:3}]},w:[])", NULL, NULL),
			"query{a(x:{y:[1,[2],{z:3}]},w:[]){__typename}}", "objects and lists");
	is_text(ask("a(x:$v,y:[$v])", NULL, NULL), "query{a(x:$v,y:$v){__typename}}",
			"a list of a value is a variable of its own");
	is_int(dq_graphql_field_variables(field, &names, &lists), 5, "values");
	is_text(names[0], "user_id", "the first");
	ok(!lists[0] && lists[1] && !lists[2] && !lists[3] && !lists[4], "which of them is a list");
	ok(dq_graphql_field_has_arguments(field), "it has arguments");
	is_text(dq_graphql_field_pointer(field), "/user/orders", "where its value stands");
}

static void
test_refused(void)
{
	StringInfoData deep;

	is_text(problem_of(""), "expected a field's name at its end", "nothing");
	is_text(problem_of("a b"), "expected \".\", \"(\" or the end at \"b\"", "two names");
	is_text(problem_of("a{b}"), "expected \".\", \"(\" or the end at \"{b}\"", "a selection");
	is_text(problem_of("a("), "expected an argument's name or \")\" at its end", "no end");
	is_text(problem_of("a(x)"), "expected \":\" at \")\"", "no value");
	is_text(problem_of("a(x:)"), "expected a value at \")\"", "nothing for one");
	is_text(problem_of("a(x:$)"), "expected a name behind \"$\" at \")\"", "no name");
	is_text(problem_of("a(x:1 x:2)"), "expected each name once at \"x:2)\"", "a name twice");
	is_text(problem_of("a(x:\"b)"), "expected the end of a string at \"\"b)\"", "a string");
	is_text(problem_of("a(x:{y:1)"), "expected a name or \"}\" at \")\"", "an object");
	is_text(problem_of("\xc3\xa9"), "expected a field's name at \"??\"", "no letter of GraphQL");
	initStringInfo(&deep);
	appendStringInfoString(&deep, "a(x:");
	for (int i = 0; i < 100000; i++)
		appendStringInfoChar(&deep, '[');
	is_text(problem_of(deep.data), "its arguments are nested too deep", "too deep");
	resetStringInfo(&deep);
	for (int i = 0; i < 100000; i++)
		appendStringInfoString(&deep, "a.");
	is_text(problem_of(deep.data), "it has too many fields inside of each other", "too many");
}

static void
test_arguments(void)
{
	const char *fixed = "orders(where:{a:{x:1}},n:5)";

	is_text(ask("orders", "status", "v"), "query{orders(status:$v){__typename}}", "an argument");
	is_text(ask("orders", "where.a.y", "v"), "query{orders(where:{a:{y:$v}}){__typename}}",
			"in an object");
	is_text(ask(fixed, "where.a.y", "v"), "query{orders(where:{a:{x:1,y:$v}},n:5){__typename}}",
			"beside what is fixed");
	is_text(ask(fixed, "where.b", "v"), "query{orders(where:{a:{x:1},b:$v},n:5){__typename}}",
			"likewise");
	is_text(ask(fixed, "n", "v"), "refused", "not in its place");
	is_text(ask(fixed, "where", "v"), "refused", "nor in that of an object");
	is_text(ask(fixed, "n.a", "v"), "refused", "nor inside of a value");
	is_text(ask(fixed, "a..b", "v"), "refused", "no path");
	is_text(ask(fixed, "", "v"), "refused", "none at all");
}

static void
test_query(void)
{
	char *problem;
	GraphqlQuery *query = dq_graphql_query();
	GraphqlField *field = dq_graphql_field_compile("v.order(id:$id)", &problem);
	GraphqlField *price = dq_graphql_field_compile("price(in:EUR).gross", &problem);
	GraphqlSelection *first;
	GraphqlSelection *second;

	dq_graphql_declare(query, "id_0", "ID!");
	dq_graphql_declare(query, "id_1", "[ID!]!");
	first = dq_graphql_ask(query, NULL, field, "k0", same_name, "_0");
	second = dq_graphql_ask(query, NULL, field, "k1", same_name, "_1");
	ok(dq_graphql_select(first, pointer_of("/a/b"), NULL), "a place");
	ok(dq_graphql_select(first, pointer_of("/a/0/c"), NULL), "in an array");
	ok(dq_graphql_select(first, pointer_of("/a/b"), NULL), "the same again");
	ok(dq_graphql_select(first, pointer_of("/d"), "x y{z}"), "with what stands inside");
	ok(!dq_graphql_select(first, pointer_of("/a b"), NULL), "no name");
	dq_graphql_value(dq_graphql_ask(query, second, price, "c3", same_name, ""));
	dq_graphql_at(second, pointer_of("/edges/node"));
	dq_graphql_select(dq_graphql_on_type(second, "T"), pointer_of("/e"), NULL);
	is_text(dq_graphql_text(query),
			"query($id_0:ID!,$id_1:[ID!]!){"
			"k0:v{order(id:$id_0){a{b c} d{x y{z}}}} "
			"k1:v{order(id:$id_1){c3:price(in:EUR){gross} edges{node{__typename}} ... on T{e}}}}",
			"a query");
}

static const char *
spell(const char *source, ConditionOp op, const char *name)
{
	char *problem;
	GraphqlSpelling spelling;
	static const char *const kinds[] = { "value", "list", "regex", "literal" };

	if (!dq_graphql_spell(dq_template_compile(source, dq_condition_placeholders(op), &problem),
						  name, &spelling))
		return NULL;
	return psprintf("%s %s%s%s", spelling.path, kinds[spelling.kind], spelling.literal ? " " : "",
					spelling.literal ? spelling.literal : "");
}

static void
test_spell(void)
{
	is_text(spell("{name}={value}", COND_EQ, "a"), "a value", "a name");
	is_text(spell("where.{name}._eq={value}", COND_EQ, "a"), "where.a._eq value", "a path");
	is_text(spell("{name}_in={values}", COND_IN, "a"), "a_in list", "a list");
	is_text(spell("{name}={value}", COND_IN, "a"), "a value", "no list");
	is_text(spell("{name}={regex}", COND_LIKE, "a"), "a regex", "a regular expression");
	is_text(spell("{name}.isNull=true", COND_NULL, "a"), "a.isNull literal true", "a literal");
	is_text(spell("{name}=null", COND_NULL, "a"), "a literal null", "null");
	is_text(spell("{name}={value}", COND_EQ, "a b"), NULL, "no name of GraphQL");
	is_text(spell("{name}.={value}", COND_EQ, "a"), NULL, "no path");
	is_text(spell("{name}=x{value}", COND_EQ, "a"), NULL, "something before the value");
	is_text(spell("{name}={value}x", COND_EQ, "a"), NULL, "something behind it");
	is_text(spell("{name}={quoted}", COND_IN, "a"), NULL, "quotes of query strings");
	is_text(spell("{name}=a b", COND_NULL, "a"), NULL, "two literals");
	is_text(spell("{name}", COND_NULL, "a"), NULL, "nothing given");
}

static void
test_selection(void)
{
	is_text(dq_graphql_selection_problem("a b{c(x:\"}\")}"), NULL, "a selection");
	ok(dq_graphql_selection_problem("") != NULL, "none");
	ok(dq_graphql_selection_problem("a}") != NULL, "a brace that closes nothing");
	ok(dq_graphql_selection_problem("a{b") != NULL, "one that is not closed");
	ok(dq_graphql_selection_problem("a(b") != NULL, "a parenthesis likewise");
	ok(dq_graphql_selection_problem("a)(b") != NULL, "or the other way round");
	ok(dq_graphql_selection_problem("a #b") != NULL, "a comment");
	ok(dq_graphql_selection_problem("a(b:$c)") != NULL, "a variable");
	ok(dq_graphql_selection_problem("a(b:\"c)") != NULL, "a string without an end");
}

static const char *
errors_of(const char *json)
{
	JsonSlice slice = { json, strlen(json),
						json[0] == '['	   ? JSONK_ARRAY :
							json[0] == 'n' ? JSONK_NULL :
											 JSONK_STRING,
						false };

	return dq_graphql_errors_text(&slice);
}

static void
test_errors(void)
{
	JsonSlice missing = { 0 };
	StringInfoData many;

	is_text(dq_graphql_errors_text(&missing), NULL, "no errors");
	is_text(errors_of("null"), NULL, "null is none");
	is_text(errors_of("[]"), NULL, "an empty list is none");
	is_text(errors_of("[{\"message\":\"a \\\"b\\\"\\n\"}]"), "a \"b\" ", "a message");
	is_text(errors_of(
				"[{\"path\":[\"a\",0,\"b\"],\"message\":\"m\"},{\"message\":\"n\",\"path\":[]}]"),
			"m (at a.0.b); n", "paths");
	is_text(errors_of("[{}, 5, {\"message\":7}]"),
			"an error without a message; an error without a message; an error without a message",
			"none of them as it should be");
	is_text(errors_of("\"x\""), "its \"errors\" are no array", "no array");
	is_text(errors_of("[{\"message\":\"\\u0000\"}]"), "?", "a text that is none here");
	initStringInfo(&many);
	appendStringInfoString(&many, "[{\"message\":\"");
	for (int i = 0; i < 1000; i++)
		appendStringInfoString(&many, "\xc3\xa9");
	appendStringInfoString(&many, "\"},1,2,3,4]");
	ok(strstr(errors_of(many.data), "\xc3\xa9...; ") != NULL &&
		   strstr(errors_of(many.data), "; and 2 more") != NULL,
	   "long ones, and many");
}

int
main(void)
{
	test_fields();
	test_refused();
	test_arguments();
	test_query();
	test_spell();
	test_selection();
	test_errors();
	return tap_done();
}
