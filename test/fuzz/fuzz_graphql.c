/*
 * fuzz_graphql.c
 *	  Whatever declarations say, a query is one piece of GraphQL, and errors are words.
 *
 * The input is a list of texts, separated by newlines: a field, a spelling, a name, a place, a
 * selection, an answer's errors.  What is checked: outside of strings, all that is opened in a query
 * is closed, and nothing follows its end; an argument is said by its variable alone; the
 * words of errors hold no control characters.
 */
#include "base.h"

#include "request/condition.h"
#include "request/graphql.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define N_TEXTS 6

static const char *
name_value(const char *name, void *arg)
{
	check_text(dq_graphql_is_name(name), "a variable without a name", name);
	return "v";
}

static void
check_query(const char *text)
{
	int depth = 0;
	bool has_ended = false;

	for (const char *p = text; *p; p++)
	{
		check_text(!has_ended, "something behind the end", text);
		if (*p == '"')
		{
			for (p++; *p && *p != '"'; p++)
				if (*p == '\\' && p[1])
					p++;
			check_text(*p == '"', "a string without an end", text);
		}
		else if (strchr("{([", *p))
			depth++;
		else if (strchr("})]", *p))
		{
			check_text(depth > 0, "closed, but not opened", text);
			depth--;
			has_ended = depth == 0 && *p == '}';
		}
	}
	check_text(has_ended, "not closed", text);
}

static void
ask(char **texts)
{
	char *problem;
	const char *pointer_problem;
	GraphqlField *field = dq_graphql_field_compile(texts[0], &problem);
	Template *spell = dq_template_compile(texts[1], dq_condition_placeholders(COND_IN), &problem);
	JsonPointer *place = dq_json_pointer_compile(texts[3], &pointer_problem);
	GraphqlQuery *query = dq_graphql_query();
	GraphqlSelection *selection;
	GraphqlSpelling spelling;
	const char **names;
	bool *lists;

	if (field == NULL)
		return;
	for (int n = dq_graphql_field_variables(field, &names, &lists) - 1; n >= 0; n--)
		check_text(dq_graphql_is_name(names[n]), "a value without a name", names[n]);
	selection = dq_graphql_ask(query, NULL, field, "k0", name_value, NULL);
	if (spell && dq_graphql_spell(spell, texts[2], &spelling))
	{
		check_text(dq_graphql_is_path(spelling.path), "no path", spelling.path);
		if (spelling.kind == GRAPHQL_SPELL_LITERAL)
			dq_graphql_argue(selection, spelling.path, spelling.literal, true);
		else if (dq_graphql_argue(selection, spelling.path, "given", false))
			check_text(strstr(dq_graphql_text(query), ":$given") != NULL, "no variable", texts[1]);
	}
	if (place)
		dq_graphql_select(selection, place,
						  dq_graphql_selection_problem(texts[4]) ? NULL : texts[4]);
	if (dq_graphql_is_name(texts[2]))
	{
		GraphqlSelection *inner = place ? dq_graphql_at(selection, place) : NULL;

		dq_graphql_value(dq_graphql_on_type(inner ? inner : selection, texts[2]));
	}
	check_query(dq_graphql_text(query));
	check_text(dq_json_pointer_compile(dq_graphql_field_pointer(field), &pointer_problem) != NULL,
			   "no pointer", texts[0]);
}

static void
check_errors(const char *json)
{
	static const JsonPointer whole = { 0 };
	const JsonPointer *pointers[] = { &whole };
	JsonSlice found;
	JsonError error;
	int culprit;
	char *words;

	if (!dq_json_locate(dq_json_locator_create(pointers, 1), json, strlen(json), &found, &culprit,
						&error))
		return;
	words = dq_graphql_errors_text(&found);
	for (const char *p = words; p && *p; p++)
		check_text((unsigned char) *p >= 0x20 && *p != 0x7f, "a control character", words);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *texts[N_TEXTS];
	const uint8_t *end = data + size;

	for (int n = 0; n < N_TEXTS; n++)
	{
		const uint8_t *stop = data;

		while (stop < end && *stop != '\n' && *stop != '\0')
			stop++;
		texts[n] = pnstrdup((const char *) data, stop - data);
		data = stop < end ? stop + 1 : end;
	}
	ask(texts);
	check_errors(texts[N_TEXTS - 1]);
	fuzz_release();
	return 0;
}
