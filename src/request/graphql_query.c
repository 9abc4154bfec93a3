/*
 * graphql_query.c
 *	  The text of a GraphQL query, put together from fields, arguments and places of values.
 */
#include "base.h"

#include "request/graphql_value.h"

struct GraphqlSelection
{
	char *key;	 /* name in the answer; NULL: of "... on" */
	char *field; /* "... on Type", or the field's name */
	GraphqlValue *arguments;
	char *inside; /* text of the language to select, as well; or NULL */
	bool is_leaf; /* it is a value: selects nothing unless something is below it */
	GraphqlSelection *first;
	GraphqlSelection *next;
};

struct GraphqlQuery
{
	StringInfoData variables;
	GraphqlSelection root;
};

GraphqlQuery *
dq_graphql_query(void)
{
	GraphqlQuery *query = palloc0(sizeof(GraphqlQuery));

	initStringInfo(&query->variables);
	return query;
}

void
dq_graphql_declare(GraphqlQuery *query, const char *name, const char *type)
{
	appendStringInfo(&query->variables, "%s$%s:%s", query->variables.len ? "," : "", name, type);
}

static GraphqlSelection *
add_selection(GraphqlSelection *parent, const char *key, size_t key_len, const char *field,
			  size_t field_len)
{
	GraphqlSelection *selection = palloc0(sizeof(GraphqlSelection));
	GraphqlSelection **end = &parent->first;

	while (*end)
		end = &(*end)->next;
	selection->key = key ? pnstrdup(key, key_len) : NULL;
	selection->field = pnstrdup(field, field_len);
	*end = selection;
	return selection;
}

static GraphqlSelection *
find_selection(const GraphqlSelection *parent, const char *key, size_t len)
{
	for (GraphqlSelection *child = parent->first; child; child = child->next)
		if (child->key && strlen(child->key) == len && memcmp(child->key, key, len) == 0)
			return child;
	return NULL;
}

/* "[$name]" is a variable that is a list. */
static bool
is_list_of_values(const GraphqlValue *value)
{
	return value->kind == GQL_LIST && value->first && value->first->next == NULL &&
		value->first->kind == GQL_VARIABLE;
}

/* A copy of arguments with the variables called as this query calls them. */
static void
copy_members(GraphqlValue *to, const GraphqlValue *from, GraphqlNaming naming, void *arg)
{
	for (const GraphqlValue *member = from->first; member; member = member->next)
	{
		const GraphqlValue *given = is_list_of_values(member) ? member->first : member;
		GraphqlValue *copy = dq_graphql_append(to, member->name,
											   member->name ? strlen(member->name) : 0,
											   given->kind);

		if (given->kind == GQL_VARIABLE)
			copy->text = pstrdup(naming(given->text, arg));
		else if (given->text)
			copy->text = pstrdup(given->text);
		copy_members(copy, given, naming, arg);
	}
}

GraphqlSelection *
dq_graphql_ask(GraphqlQuery *query, GraphqlSelection *parent, const GraphqlField *field,
			   const char *alias, GraphqlNaming naming, void *arg)
{
	GraphqlSelection *selection = parent ? parent : &query->root;

	for (; field; field = field->inner, alias = NULL)
	{
		const char *key = alias ? alias : field->name;
		GraphqlSelection *found = find_selection(selection, key, strlen(key));

		if (found == NULL)
		{
			found = add_selection(selection, key, strlen(key), field->name, strlen(field->name));
			found->arguments = palloc0(sizeof(GraphqlValue));
			found->arguments->kind = GQL_OBJECT;
			if (field->arguments)
				copy_members(found->arguments, field->arguments, naming, arg);
		}
		selection = found;
	}
	return selection;
}

bool
dq_graphql_argue(GraphqlSelection *selection, const char *path, const char *given, bool is_literal)
{
	GraphqlValue *at = selection->arguments;
	GraphqlValue *leaf;
	size_t len;

	for (;; path += len + 1)
	{
		GraphqlValue *member;

		len = dq_graphql_name_length(path);
		if (len == 0 || at->kind != GQL_OBJECT)
			return false;
		member = dq_graphql_member(at, path, len);
		if (path[len] == '\0')
		{
			if (member)
				return false;
			break;
		}
		if (path[len] != '.')
			return false;
		at = member ? member : dq_graphql_append(at, path, len, GQL_OBJECT);
	}
	leaf = dq_graphql_append(at, path, len, is_literal ? GQL_TEXT : GQL_VARIABLE);
	leaf->text = pstrdup(given);
	return true;
}

static GraphqlSelection *
go_to(GraphqlSelection *selection, const JsonPointer *place)
{
	if (place->ntokens > DQ_GRAPHQL_MAX_DEPTH)
		return NULL;
	for (int i = 0; i < place->ntokens; i++)
	{
		const char *name = place->tokens[i];
		GraphqlSelection *found;

		if (place->indexes[i] >= 0)
			continue;
		if (!dq_graphql_is_name(name))
			return NULL;
		found = find_selection(selection, name, strlen(name));
		if (found == NULL)
		{
			found = add_selection(selection, name, strlen(name), name, strlen(name));
			found->is_leaf = true;
		}
		selection = found;
	}
	return selection;
}

GraphqlSelection *
dq_graphql_at(GraphqlSelection *selection, const JsonPointer *place)
{
	GraphqlSelection *found = go_to(selection, place);

	if (found)
		found->is_leaf = false;
	return found;
}

bool
dq_graphql_select(GraphqlSelection *selection, const JsonPointer *place, const char *inside)
{
	GraphqlSelection *found = go_to(selection, place);

	if (found && inside)
		found->inside = found->inside ? psprintf("%s %s", found->inside, inside) : pstrdup(inside);
	return found != NULL;
}

void
dq_graphql_value(GraphqlSelection *selection)
{
	selection->is_leaf = true;
}

GraphqlSelection *
dq_graphql_on_type(GraphqlSelection *selection, const char *type)
{
	char *condition = psprintf("... on %s", type);

	return add_selection(selection, NULL, 0, condition, strlen(condition));
}

static void
append_members(StringInfo out, const GraphqlValue *container)
{
	for (const GraphqlValue *value = container->first; value; value = value->next)
	{
		if (value != container->first)
			appendStringInfoChar(out, ',');
		if (value->name)
			appendStringInfo(out, "%s:", value->name);
		switch (value->kind)
		{
			case GQL_TEXT:
				appendStringInfoString(out, value->text);
				break;
			case GQL_VARIABLE:
				appendStringInfo(out, "$%s", value->text);
				break;
			default:
				appendStringInfoChar(out, value->kind == GQL_LIST ? '[' : '{');
				append_members(out, value);
				appendStringInfoChar(out, value->kind == GQL_LIST ? ']' : '}');
		}
	}
}

/* No deeper than a few options of DQ_GRAPHQL_MAX_DEPTH together. */
static void
append_selections(StringInfo out, const GraphqlSelection *parent)
{
	appendStringInfoChar(out, '{');
	for (const GraphqlSelection *child = parent->first; child; child = child->next)
	{
		if (child != parent->first)
			appendStringInfoChar(out, ' ');
		if (child->key && strcmp(child->key, child->field) != 0)
			appendStringInfo(out, "%s:", child->key);
		appendStringInfoString(out, child->field);
		if (child->arguments && child->arguments->first)
		{
			appendStringInfoChar(out, '(');
			append_members(out, child->arguments);
			appendStringInfoChar(out, ')');
		}
		if (!child->is_leaf || child->first || child->inside)
			append_selections(out, child);
	}
	if (parent->inside)
		appendStringInfo(out, "%s%s", parent->first ? " " : "", parent->inside);
	if (parent->first == NULL && parent->inside == NULL)
		appendStringInfoString(out, "__typename");
	appendStringInfoChar(out, '}');
}

char *
dq_graphql_text(const GraphqlQuery *query)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "query");
	if (query->variables.len > 0)
		appendStringInfo(&out, "(%s)", query->variables.data);
	append_selections(&out, &query->root);
	return out.data;
}
