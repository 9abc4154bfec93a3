/*
 * introspection_arguments.c
 *	  What the arguments of a field are for: paging, filters of columns, values that are required.
 *
 * An argument becomes a filter only where its name and type say that it compares a column, since a
 * service that answers with less than the condition means would lose rows.  A collection of which
 * only the first rows could be had becomes no table.
 */
#include "base.h"

#include "import/introspection_private.h"
#include "import/openapi_private.h"

/* Levels of input objects below an argument that are looked into: where.total._gte. */
#define MAX_LEVELS 3

static const char *const size_names[] = { "limit", "first", "pageSize", "perPage", "size",
										  "take",  "count", "per_page", NULL };
static const char *const offset_names[] = { "offset", "skip", "start", NULL };
static const char *const page_names[] = { "page", "pageNumber", "page_number", NULL };
static const char *const cursor_names[] = { "after", "cursor", NULL };
static const char *const next_names[] = { "nextCursor", "endCursor", "next", "cursor", NULL };
static const char *const more_names[] = { "hasNextPage", "hasNext", "hasMore", "more", NULL };
static const char *const total_names[] = { "totalCount", "total", "count", NULL };
static const char *const where_names[] = { "where",		"filter",	"filters",
										   "condition", "filterBy", NULL };

static const struct
{
	ConditionOp op;
	const char *names[8];
} operators[] = {
	{ COND_EQ, { "eq", "equals", "equalTo", "is", NULL } },
	{ COND_NE, { "ne", "neq", "not", "notEqualTo", "notEquals", NULL } },
	{ COND_LT, { "lt", "lessThan", NULL } },
	{ COND_LE, { "lte", "le", "lessThanOrEqualTo", "lessThanOrEqual", NULL } },
	{ COND_GT, { "gt", "greaterThan", NULL } },
	{ COND_GE, { "gte", "ge", "greaterThanOrEqualTo", "greaterThanOrEqual", NULL } },
	{ COND_IN, { "in", NULL } },
	{ COND_LIKE, { "like", NULL } },
	{ COND_NULL, { "isNull", "is_null", NULL } },
};

static bool
is_one_of(const char *name, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

static const DocNode *
find_argument(const GraphqlTable *table, const char *const *names)
{
	for (; *names; names++)
		dq_doc_each(argument, dq_doc_array(table->field, "args"))
		{
			const char *name = dq_doc_text(argument, "name");

			if (name && strcmp(name, *names) == 0)
				return argument;
		}
	return NULL;
}

/* A value of one of these names beside the rows. */
static const char *
find_beside(const GraphqlTable *table, const char *const *names)
{
	for (; table->envelope && *names; names++)
	{
		const DocNode *field = dq_introspection_field(table->envelope, *names);

		if (field && dq_introspection_type(table->api, field).is_leaf)
			return *names;
	}
	return NULL;
}

static void
table_option(GraphqlTable *table, const char *name, const char *value)
{
	dq_decl_option(&table->decl->options, name, value);
}

/* Options that say how pages follow each other; false where they cannot be asked for. */
static bool
find_paging(GraphqlTable *table, const char **why)
{
	const DocNode *size = find_argument(table, size_names);
	const DocNode *offset = find_argument(table, offset_names);
	const DocNode *page = find_argument(table, page_names);
	const DocNode *cursor = find_argument(table, cursor_names);
	const char *next = find_beside(table, next_names);
	const char *more = find_beside(table, more_names);
	const char *total = find_beside(table, total_names);
	const char *size_name = size ? dq_doc_text(size, "name") : NULL;

	if (table->is_relay)
	{
		static const char *const first[] = { "first", NULL };
		static const char *const after[] = { "after", NULL };

		cursor = find_argument(table, after);
		*why = "its connection does not take \"first\" and \"after\"";
		if (cursor && strcmp(dq_introspection_type(table->api, cursor).name, "String") != 0)
			table_option(table, "cursor_type", dq_introspection_type(table->api, cursor).name);
		return cursor && find_argument(table, first);
	}
	if (cursor && next)
	{
		table_option(table, "paging", "cursor");
		table_option(table, "cursor_param", dq_doc_text(cursor, "name"));
		table_option(table, "cursor_type", dq_introspection_type(table->api, cursor).name);
		table_option(table, "next", psprintf("/%s", next));
	}
	else if (offset || page)
	{
		table_option(table, "paging", offset ? "offset" : "page");
		/* Elsewhere a count helps nothing, and one that means something else would be an error. */
		if (total)
			table_option(table, "total", psprintf("/%s", total));
		table_option(table, offset ? "offset_param" : "page_param",
					 dq_doc_text(offset ? offset : page, "name"));
		if (page && !offset && dq_doc_text(page, "defaultValue") &&
			strcmp(dq_doc_text(page, "defaultValue"), "0") == 0)
			table_option(table, "first_page", "0");
		else if (page && !offset && dq_doc_text(page, "defaultValue") == NULL)
			dq_decl_note(table->decl, "pages are taken to begin with 1");
	}
	else if (cursor || (size && dq_doc_text(size, "defaultValue")))
	{
		*why = "only its first rows could be asked for";
		return false;
	}
	else if (size)
	{
		dq_decl_note(table->decl, "argument %s: there is no way to ask for the rows behind it",
					 size_name);
		return true;
	}
	else
		return true;
	if (more)
		table_option(table, "has_next", psprintf("/%s", more));
	if (size)
	{
		table_option(table, "size_param", size_name);
		table_option(table, "page_size", "100");
	}
	return true;
}

static bool
is_paging(const GraphqlTable *table, const char *name)
{
	return is_one_of(name, size_names) || is_one_of(name, offset_names) ||
		is_one_of(name, page_names) || is_one_of(name, cursor_names) ||
		(table->is_relay && (strcmp(name, "last") == 0 || strcmp(name, "before") == 0));
}

/* The column that a name means: as the schema calls it, or in the other way of writing. */
static GraphqlColumn *
column_of(const GraphqlTable *table, const char *name)
{
	char *spoken = dq_name_snake(name);

	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].member && strcmp(table->columns[i].member, name) == 0)
			return &table->columns[i];
	for (int i = 0; i < table->ncolumns; i++)
		if (strcmp(table->columns[i].name, spoken) == 0)
			return &table->columns[i];
	return NULL;
}

/* Adds a filter; false when types forbid it or there is one already. */
static bool
add_filter(GraphqlColumn *column, ConditionOp op, const char *path, const TypeRef *given)
{
	bool wants_list = op == COND_IN;
	bool is_null_test = op == COND_NULL;

	if (!column->type.is_leaf || column->type.lists > 0 || column->selection ||
		strcmp(column->sql_type, "jsonb") == 0 || !given->is_leaf ||
		given->lists != (wants_list ? 1 : 0) || (column->ops & COND_BIT(op)))
		return false;
	if (is_null_test)
	{
		if (strcmp(given->name, "Boolean") != 0)
			return false;
		column->spell[COND_NULL] = psprintf("%s=true", path);
		column->spell[COND_NOTNULL] = psprintf("%s=false", path);
		column->ops |= COND_BIT(COND_NULL) | COND_BIT(COND_NOTNULL);
		return true;
	}
	if (!dq_introspection_is_known(given) ||
		(strcmp(given->name, column->type.name) != 0 && strcmp(given->name, "ID") != 0))
		return false;
	if (op == COND_LIKE && strcmp(given->name, "String") != 0)
		return false;
	if (column->variable_type && strcmp(column->variable_type, given->name) != 0)
		return false;
	column->variable_type = given->name;
	column->spell[op] = psprintf(wants_list ? "%s={values}" : "%s={value}", path);
	column->ops |= COND_BIT(op);
	return true;
}

/* The operator that a member of an input object says; false: none that is known. */
static bool
operator_of(const char *name, ConditionOp *op)
{
	name += name[0] == '_';
	for (int i = 0; i < lengthof(operators); i++)
		if (is_one_of(name, operators[i].names))
		{
			*op = operators[i].op;
			return true;
		}
	return false;
}

/* "status", "ids", "statusIn", "total_gte": false when the argument compares no column. */
static bool
filter_by_name(GraphqlTable *table, const char *name, const char *path, const TypeRef *given)
{
	GraphqlColumn *column = column_of(table, name);
	const char *mark = strrchr(name, '_');
	size_t len = strlen(name);
	ConditionOp op;

	if (column && add_filter(column, given->lists > 0 ? COND_IN : COND_EQ, path, given))
		return true;
	if (mark && mark > name && operator_of(mark + 1, &op))
	{
		column = column_of(table, pnstrdup(name, mark - name));
		if (column && add_filter(column, op, path, given))
			return true;
	}
	if (given->lists == 0)
		return false;
	column = column_of(table, dq_words_singular(name));
	if (column == NULL && len > 2 && strcmp(name + len - 2, "In") == 0)
		column = column_of(table, pnstrdup(name, len - 2));
	return column && add_filter(column, COND_IN, path, given);
}

/* The members of an input object, and the operators inside of these. */
static int
filter_by_object(GraphqlTable *table, const char *path, const DocNode *input, GraphqlColumn *column,
				 int level)
{
	int found = 0;

	dq_doc_each(member, dq_doc_array(input, "inputFields"))
	{
		const char *name = dq_doc_text(member, "name");
		TypeRef given = dq_introspection_type(table->api, member);
		char *inner;
		ConditionOp op;

		if (name == NULL)
			continue;
		inner = psprintf("%s.%s", path, name);
		if (column)
			found += operator_of(name, &op) && add_filter(column, op, inner, &given);
		else if (given.is_input && given.lists == 0 && level < MAX_LEVELS)
		{
			GraphqlColumn *meant = column_of(table, name);

			if (meant)
				found += filter_by_object(table, inner, given.type, meant, level + 1);
		}
		else
			found += filter_by_name(table, name, inner, &given);
	}
	return found;
}

/* A value that the service cannot be asked without and that no column has: one of the request. */
static void
add_request_column(GraphqlTable *table, const char *name, const TypeRef *given)
{
	GraphqlColumn *column;

	table->columns = dq_decl_grow(table->columns, table->ncolumns, sizeof(GraphqlColumn));
	column = &table->columns[table->ncolumns++];
	memset(column, 0, sizeof(*column));
	column->name = dq_name_unique(&table->names, dq_name_snake(name));
	dq_name_use(&table->names, column->name);
	column->sql_type = dq_introspection_sql(given);
	column->type = *given;
	column->variable_type = given->name;
	table->arguments = psprintf("%s%s%s: $%s", table->arguments, table->arguments[0] ? ", " : "",
								name, column->name);
}

/* False where a required argument cannot be given. */
static bool
use_argument(GraphqlTable *table, const DocNode *argument)
{
	const char *name = dq_doc_text(argument, "name");
	TypeRef given = dq_introspection_type(table->api, argument);
	bool is_required = given.is_required && dq_doc_text(argument, "defaultValue") == NULL;
	GraphqlColumn *column;

	if (name == NULL || is_paging(table, name))
		return true;
	if (given.is_input && given.lists == 0 && is_one_of(name, where_names) && !is_required &&
		filter_by_object(table, name, given.type, NULL, 1) > 0)
		return true;
	if (given.is_leaf && filter_by_name(table, name, name, &given))
	{
		column = column_of(table, name);
		if (is_required && column)
			column->is_required = true;
		return !is_required || column;
	}
	if (is_required && given.is_leaf && given.lists == 0)
		add_request_column(table, name, &given);
	else if (is_required)
		return false;
	else
		dq_decl_note(table->decl, "argument %s: it is not used", name);
	return true;
}

bool
dq_introspection_arguments(GraphqlTable *table, const char **why)
{
	if (!find_paging(table, why))
		return false;
	dq_doc_each(argument, dq_doc_array(table->field, "args"))
	{
		if (!use_argument(table, argument))
		{
			*why = psprintf("its argument %s has to be given, and is no value",
							dq_doc_text(argument, "name"));
			return false;
		}
	}
	return true;
}
