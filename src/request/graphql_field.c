/*
 * graphql_field.c
 *	  Fields with arguments, as options "field" and "lookup_field" write them.
 *
 * "user(id: $user_id).orders(where: {deleted: {_eq: false}})" is a path of fields.  Arguments are
 * taken apart as far as input objects and lists go, so that conditions can be put beside what is
 * fixed; all other values stay text, of which only the extent is found here.  The service's own
 * parser has the last word.
 */
#include "base.h"

#include "request/graphql_value.h"

typedef struct Parser
{
	const char *p;
	char *problem; /* NULL: none */
} Parser;

static bool parse_members(Parser *parser, GraphqlValue *object, char end, int depth);
static bool parse_value(Parser *parser, GraphqlValue *value, int depth);

size_t
dq_graphql_name_length(const char *text)
{
	size_t len = 0;

	while ((text[len] >= 'a' && text[len] <= 'z') || (text[len] >= 'A' && text[len] <= 'Z') ||
		   text[len] == '_' || (len > 0 && text[len] >= '0' && text[len] <= '9'))
		len++;
	return len;
}

bool
dq_graphql_is_name(const char *text)
{
	size_t len = dq_graphql_name_length(text);

	return len > 0 && text[len] == '\0';
}

GraphqlValue *
dq_graphql_member(const GraphqlValue *object, const char *name, size_t len)
{
	for (GraphqlValue *member = object->first; member; member = member->next)
		if (member->name && strlen(member->name) == len && memcmp(member->name, name, len) == 0)
			return member;
	return NULL;
}

GraphqlValue *
dq_graphql_append(GraphqlValue *container, const char *name, size_t len, GraphqlValueKind kind)
{
	GraphqlValue *value = palloc0(sizeof(GraphqlValue));
	GraphqlValue **end = &container->first;

	while (*end)
		end = &(*end)->next;
	value->kind = kind;
	value->name = name ? pnstrdup(name, len) : NULL;
	*end = value;
	return value;
}

/* Insignificant: white space and commas (section 2.1). */
static void
skip_ignored(Parser *parser)
{
	parser->p += strspn(parser->p, " \t\r\n,");
}

static bool
fail(Parser *parser, const char *expected)
{
	char shown[16];
	size_t len = strcspn(parser->p, "\r\n");

	if (parser->problem)
		return false;
	len = Min(len, sizeof(shown) - 1);
	memcpy(shown, parser->p, len);
	shown[len] = '\0';
	/* Not in the middle of a character. */
	for (char *c = shown; *c; c++)
		if ((unsigned char) *c >= 0x80)
			*c = '?';
	parser->problem = *parser->p ? psprintf("expected %s at \"%s\"", expected, shown) :
								   psprintf("expected %s at its end", expected);
	return false;
}

/* The end of a quoted string; block strings are not needed here. */
static const char *
string_end(const char *p)
{
	for (p++; *p && *p != '"' && *p != '\n'; p++)
		if (*p == '\\' && p[1])
			p++;
	return *p == '"' ? p + 1 : NULL;
}

/* A number, true, false, null, an enum value or a string. */
static bool
parse_scalar(Parser *parser, GraphqlValue *value)
{
	const char *start = parser->p;

	if (*start == '"')
	{
		parser->p = string_end(start);
		if (parser->p == NULL)
		{
			parser->p = start;
			return fail(parser, "the end of a string");
		}
	}
	else
	{
		parser->p += dq_graphql_name_length(start);
		if (parser->p == start)
			parser->p += strspn(start, "-+.0123456789eE");
	}
	if (parser->p == start)
		return fail(parser, "a value");
	value->kind = GQL_TEXT;
	value->text = pnstrdup(start, parser->p - start);
	return true;
}

static bool
parse_list(Parser *parser, GraphqlValue *list, int depth)
{
	list->kind = GQL_LIST;
	parser->p++;
	for (skip_ignored(parser); *parser->p != ']'; skip_ignored(parser))
		if (!parse_value(parser, dq_graphql_append(list, NULL, 0, GQL_TEXT), depth + 1))
			return false;
	parser->p++;
	return true;
}

static bool
parse_value(Parser *parser, GraphqlValue *value, int depth)
{
	if (depth > DQ_GRAPHQL_MAX_DEPTH)
	{
		parser->problem = pstrdup("its arguments are nested too deep");
		return false;
	}
	switch (*parser->p)
	{
		case '$':
			parser->p++;
			value->kind = GQL_VARIABLE;
			value->text = pnstrdup(parser->p, dq_graphql_name_length(parser->p));
			if (value->text[0] == '\0')
				return fail(parser, "a name behind \"$\"");
			parser->p += strlen(value->text);
			return true;
		case '{':
			parser->p++;
			value->kind = GQL_OBJECT;
			return parse_members(parser, value, '}', depth);
		case '[':
			return parse_list(parser, value, depth);
		default:
			return parse_scalar(parser, value);
	}
}

/* "name: value" up to the closing byte. */
static bool
parse_members(Parser *parser, GraphqlValue *object, char end, int depth)
{
	for (skip_ignored(parser); *parser->p != end; skip_ignored(parser))
	{
		size_t len = dq_graphql_name_length(parser->p);
		GraphqlValue *member;

		if (len == 0)
			return fail(parser, end == '}' ? "a name or \"}\"" : "an argument's name or \")\"");
		if (dq_graphql_member(object, parser->p, len))
			return fail(parser, "each name once");
		member = dq_graphql_append(object, parser->p, len, GQL_TEXT);
		parser->p += len;
		skip_ignored(parser);
		if (*parser->p != ':')
			return fail(parser, "\":\"");
		parser->p++;
		skip_ignored(parser);
		if (!parse_value(parser, member, depth + 1))
			return false;
	}
	parser->p++;
	return true;
}

static GraphqlField *
parse_field(Parser *parser)
{
	GraphqlField *field = palloc0(sizeof(GraphqlField));

	skip_ignored(parser);
	field->name = pnstrdup(parser->p, dq_graphql_name_length(parser->p));
	if (field->name[0] == '\0')
	{
		fail(parser, "a field's name");
		return NULL;
	}
	parser->p += strlen(field->name);
	skip_ignored(parser);
	if (*parser->p == '(')
	{
		parser->p++;
		field->arguments = palloc0(sizeof(GraphqlValue));
		field->arguments->kind = GQL_OBJECT;
		if (!parse_members(parser, field->arguments, ')', 0))
			return NULL;
		skip_ignored(parser);
	}
	return field;
}

GraphqlField *
dq_graphql_field_compile(const char *source, char **problem)
{
	Parser parser = { source, NULL };
	GraphqlField *first = NULL;
	GraphqlField **end = &first;

	*problem = NULL;
	for (int depth = 0;; depth++)
	{
		if (depth == DQ_GRAPHQL_MAX_DEPTH)
		{
			*problem = pstrdup("it has too many fields inside of each other");
			return NULL;
		}
		*end = parse_field(&parser);
		if (*end == NULL)
			break;
		end = &(*end)->inner;
		if (*parser.p == '\0')
			return first;
		if (*parser.p != '.')
		{
			fail(&parser, "\".\", \"(\" or the end");
			break;
		}
		parser.p++;
	}
	*problem = parser.problem;
	return NULL;
}

static void
note_variables(const GraphqlValue *value, bool in_list, const char **names, bool *lists, int *n)
{
	if (value->kind == GQL_VARIABLE)
	{
		if (names)
		{
			names[*n] = value->text;
			lists[*n] = in_list;
		}
		(*n)++;
	}
	for (const GraphqlValue *child = value->first; child; child = child->next)
		note_variables(child, value->kind == GQL_LIST && value->first->next == NULL, names, lists,
					   n);
}

int
dq_graphql_field_variables(const GraphqlField *field, const char ***names, bool **lists)
{
	int n = 0;

	for (const GraphqlField *f = field; f; f = f->inner)
		if (f->arguments)
			note_variables(f->arguments, false, NULL, NULL, &n);
	*names = palloc(sizeof(char *) * Max(n, 1));
	*lists = palloc(sizeof(bool) * Max(n, 1));
	n = 0;
	for (const GraphqlField *f = field; f; f = f->inner)
		if (f->arguments)
			note_variables(f->arguments, false, *names, *lists, &n);
	return n;
}

bool
dq_graphql_field_has_arguments(const GraphqlField *field)
{
	for (; field; field = field->inner)
		if (field->arguments)
			return true;
	return false;
}

char *
dq_graphql_field_pointer(const GraphqlField *field)
{
	StringInfoData pointer;

	initStringInfo(&pointer);
	for (; field; field = field->inner)
		appendStringInfo(&pointer, "/%s", field->name);
	return pointer.data;
}

const char *
dq_graphql_selection_problem(const char *text)
{
	char closing[DQ_GRAPHQL_MAX_DEPTH];
	int depth = 0;
	bool has_name = false;

	for (const char *p = text; *p; p++)
	{
		if (*p == '"')
		{
			p = string_end(p);
			if (p == NULL)
				return "a string in it has no end";
			p--;
		}
		else if (*p == '#')
			return "it must not hold a comment";
		else if (*p == '$')
			return "it must not hold a variable";
		else if (strchr("{([", *p))
		{
			if (depth == DQ_GRAPHQL_MAX_DEPTH)
				return "it is nested too deep";
			closing[depth++] = *p == '{' ? '}' : *p == '(' ? ')' : ']';
		}
		else if (strchr("})]", *p) && (depth == 0 || closing[--depth] != *p))
			return "a closing brace, parenthesis or bracket in it has no opening one";
		has_name |= dq_graphql_name_length(p) > 0;
	}
	if (depth > 0)
		return "a brace, parenthesis or bracket in it is not closed";
	return has_name ? NULL : "it names no field";
}

bool
dq_graphql_is_path(const char *path)
{
	for (;; path++)
	{
		size_t len = dq_graphql_name_length(path);

		if (len == 0)
			return false;
		path += len;
		if (*path != '.')
			return *path == '\0';
	}
}

/* What stands behind the "=" of a spelling. */
static bool
read_given(const char *text, const char *placeholder, GraphqlSpelling *spelling)
{
	if (placeholder == NULL)
	{
		GraphqlValue value = { 0 };
		Parser parser = { text, NULL };

		spelling->kind = GRAPHQL_SPELL_LITERAL;
		spelling->literal = pstrdup(text);
		return parse_scalar(&parser, &value) && *parser.p == '\0';
	}
	if (text[0] != '\0')
		return false;
	spelling->kind = strcmp(placeholder, "values") == 0 ? GRAPHQL_SPELL_LIST :
		strcmp(placeholder, "regex") == 0				? GRAPHQL_SPELL_REGEX :
														  GRAPHQL_SPELL_VALUE;
	return strcmp(placeholder, "quoted") != 0;
}

bool
dq_graphql_spell(const Template *spell, const char *name, GraphqlSpelling *spelling)
{
	StringInfoData text;
	const char *placeholder = NULL;
	char *equal;

	memset(spelling, 0, sizeof(*spelling));
	initStringInfo(&text);
	for (int i = 0; i < spell->nparts; i++)
	{
		const TemplatePart *part = &spell->parts[i];

		if (placeholder)
			return false; /* something behind the value */
		if (part->literal)
			appendStringInfoString(&text, part->literal);
		else if (strcmp(part->placeholder, "name") == 0)
			appendStringInfoString(&text, name);
		else
			placeholder = part->placeholder;
	}
	equal = strchr(text.data, '=');
	if (equal == NULL)
		return false;
	*equal = '\0';
	spelling->path = text.data;
	return dq_graphql_is_path(spelling->path) && read_given(equal + 1, placeholder, spelling);
}
