/*
 * template.c
 *	  Compiling and expanding templates of query strings and paths.
 */
#include "base.h"

#include "request/template.h"
#include "request/url.h"

/* Adds a part to a template under construction. */
static void
template_add(Template *tmpl, int *capacity, char *literal, char *placeholder)
{
	if (tmpl->nparts == *capacity)
	{
		*capacity *= 2;
		tmpl->parts = repalloc(tmpl->parts, sizeof(TemplatePart) * *capacity);
	}
	tmpl->parts[tmpl->nparts].literal = literal;
	tmpl->parts[tmpl->nparts].placeholder = placeholder;
	tmpl->nparts++;
}

/* A placeholder of a path may be any column name that can stand between braces. */
static bool
is_column_name(const char *name)
{
	size_t len = strlen(name);

	if (name[0] == ' ' || name[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char) name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return true;
}

/* NULL when the placeholder may be used, else what is wrong with it. */
static char *
placeholder_problem(const char *name, const char *const *names)
{
	StringInfoData hint;

	if (name[0] == '\0')
		return pstrdup("empty placeholder \"{}\"");
	if (names == NULL)
		return is_column_name(name) ? NULL : psprintf("placeholder \"{%s}\" is no name", name);
	initStringInfo(&hint);
	for (int i = 0; names[i]; i++)
	{
		if (strcmp(names[i], name) == 0)
			return NULL;
		appendStringInfo(&hint, "%s{%s}", i > 0 ? ", " : "", names[i]);
	}
	return psprintf("unknown placeholder \"{%s}\", known here: %s", name, hint.data);
}

/* Reads the placeholder that begins after an opening brace; NULL with *problem. */
static char *
read_placeholder(const char **at, const char *const *names, char **problem)
{
	size_t len = strcspn(*at, "{}");
	char *name = pnstrdup(*at, len);

	if ((*at)[len] != '}')
	{
		*problem = psprintf("no closing brace for \"{%s\"", name);
		return NULL;
	}
	*problem = placeholder_problem(name, names);
	if (*problem)
		return NULL;
	*at += len + 1;
	return name;
}

Template *
dq_template_compile(const char *source, const char *const *names, char **problem)
{
	Template *tmpl = palloc0(sizeof(Template));
	int capacity = 4;
	StringInfoData literal;

	*problem = NULL;
	tmpl->source = pstrdup(source);
	tmpl->parts = palloc(sizeof(TemplatePart) * capacity);
	initStringInfo(&literal);

	for (const char *at = source; *at;)
	{
		if ((at[0] == '{' || at[0] == '}') && at[1] == at[0])
		{
			appendStringInfoChar(&literal, at[0]);
			at += 2;
		}
		else if (at[0] == '}')
		{
			*problem = pstrdup(
				"closing brace without an opening one; a brace itself is written twice");
			return NULL;
		}
		else if (at[0] == '{')
		{
			char *name;

			at++;
			name = read_placeholder(&at, names, problem);
			if (name == NULL)
				return NULL;
			if (literal.len > 0)
				template_add(tmpl, &capacity, pstrdup(literal.data), NULL);
			resetStringInfo(&literal);
			template_add(tmpl, &capacity, NULL, name);
		}
		else
			appendStringInfoChar(&literal, *at++);
	}
	if (literal.len > 0)
		template_add(tmpl, &capacity, pstrdup(literal.data), NULL);
	pfree(literal.data);
	return tmpl;
}

bool
dq_template_uses(const Template *tmpl, const char *placeholder)
{
	for (int i = 0; i < tmpl->nparts; i++)
		if (tmpl->parts[i].placeholder && strcmp(tmpl->parts[i].placeholder, placeholder) == 0)
			return true;
	return false;
}

bool
dq_template_expand(const Template *tmpl, StringInfo out, TemplateLookup lookup, void *arg)
{
	for (int i = 0; i < tmpl->nparts; i++)
	{
		const TemplatePart *part = &tmpl->parts[i];
		const char *value = NULL;
		bool is_encoded = false;

		if (part->literal)
		{
			dq_url_encode_literal(out, part->literal);
			continue;
		}
		if (!lookup(part->placeholder, arg, &value, &is_encoded) || value == NULL)
			return false;
		if (is_encoded)
			appendStringInfoString(out, value);
		else
			dq_url_encode(out, value);
	}
	return true;
}
