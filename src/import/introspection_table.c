/*
 * introspection_table.c
 *	  The columns of a table of GraphQL objects.
 *
 * Values and lists of values are columns.  An object with an identity is another row: its id is the
 * column.  Other objects are jsonb, with their values selected.
 */
#include "base.h"

#include "import/introspection_private.h"
#include "import/openapi_private.h"

#define MAX_COMMENT 1000

/* Most fields of an object that are selected for one column. */
#define MAX_SELECTED 50

static GraphqlColumn *
add_column(GraphqlTable *table, const char *wanted, const DocNode *field, const TypeRef *type)
{
	const char *description = dq_doc_text(field, "description");
	GraphqlColumn *column;

	table->columns = dq_decl_grow(table->columns, table->ncolumns, sizeof(GraphqlColumn));
	column = &table->columns[table->ncolumns++];
	memset(column, 0, sizeof(*column));
	column->name = dq_name_unique(&table->names, dq_name_snake(wanted));
	dq_name_use(&table->names, column->name);
	column->member = dq_doc_text(field, "name");
	column->field = column->member;
	column->type = *type;
	if (description && description[0])
		column->comment = dq_words_line(description, MAX_COMMENT);
	return column;
}

/* Values of an object that need no argument, as a selection; NULL: none. */
static const char *
values_of(Introspection *api, const DocNode *type)
{
	StringInfoData selection;
	int n = 0;

	initStringInfo(&selection);
	dq_doc_each(field, dq_doc_array(type, "fields"))
	{
		const char *name = dq_doc_text(field, "name");

		if (n == MAX_SELECTED || name == NULL || !dq_introspection_type(api, field).is_leaf ||
			dq_introspection_has_required(api, field))
			continue;
		appendStringInfo(&selection, "%s%s", n++ > 0 ? " " : "", name);
	}
	return n > 0 ? selection.data : NULL;
}

static void
add_value(GraphqlTable *table, const DocNode *field, const TypeRef *type)
{
	GraphqlColumn *column = add_column(table, dq_doc_text(field, "name"), field, type);
	const char *sql = dq_introspection_sql(type);

	column->sql_type = type->lists == 0 || strcmp(sql, "jsonb") == 0 ? sql :
		type->lists == 1											 ? psprintf("%s[]", sql) :
																	   "jsonb";
	column->is_key = type->lists == 0 && strcmp(column->member, "id") == 0;
	/* Of a key it is ID, unless that is said otherwise. */
	if (column->is_key && strcmp(type->name, "ID") != 0)
		column->variable_type = type->name;
}

static void
add_object(GraphqlTable *table, const DocNode *field, const TypeRef *type)
{
	const char *name = dq_doc_text(field, "name");
	const DocNode *id = dq_introspection_field(type->type, "id");
	const char *selection;
	GraphqlColumn *column;

	if (id && dq_introspection_type(table->api, id).is_leaf && type->lists == 0)
	{
		TypeRef id_type = dq_introspection_type(table->api, id);

		/* The row may hold it as a value, too. */
		if (dq_name_is_used(&table->names, dq_name_snake(psprintf("%s_id", name))))
			return;
		column = add_column(table, psprintf("%s_id", name), field, &id_type);
		column->sql_type = dq_introspection_sql(&id_type);
		column->field = psprintf("%s.id", name);
		column->member = column->field;
		return;
	}
	selection = values_of(table->api, type->type);
	if (id || selection == NULL || dq_introspection_field(type->type, "edges"))
	{
		dq_decl_note(table->decl, "field %s: its objects are rows of their own", name);
		return;
	}
	column = add_column(table, name, field, type);
	column->sql_type = "jsonb";
	column->selection = selection;
}

static void
add_field(GraphqlTable *table, const DocNode *field, bool wants_values)
{
	const char *name = dq_doc_text(field, "name");
	TypeRef type = dq_introspection_type(table->api, field);

	if (name == NULL || name[0] == '_' || type.is_leaf != wants_values)
		return;
	if (dq_introspection_has_required(table->api, field))
		dq_decl_note(table->decl, "field %s: it needs arguments", name);
	else if (type.is_leaf)
		add_value(table, field, &type);
	else if (type.is_object)
		add_object(table, field, &type);
	else
		dq_decl_note(table->decl, "field %s: its objects are of several types", name);
}

/* Values first: what they are called is not to depend on objects. */
void
dq_introspection_columns(GraphqlTable *table)
{
	dq_doc_each(field, dq_doc_array(table->row.type, "fields")) add_field(table, field, true);
	dq_doc_each(field, dq_doc_array(table->row.type, "fields")) add_field(table, field, false);
}
