/*
 * introspection.c
 *	  From the introspection of a GraphQL schema to declarations of tables.
 *
 * A field of the query type becomes a table when it gives a list of objects: itself, by the edges
 * of a connection, or by the one list in an object around it.  All others are left out, each with
 * its reason.
 */
#include "base.h"

#include "import/introspection_private.h"
#include "import/openapi_private.h"

#define TYPE_REF                                                                                \
	"fragment T on __Type{kind name ofType{kind name ofType{kind name ofType{kind name ofType{" \
	"kind name ofType{kind name}}}}}}"

#define MAX_COMMENT 1000

const char *
dq_introspection_body(void)
{
	return "{\"query\":\"query{__schema{queryType{name} types{kind name description "
		   "fields{name description args{name type{...T} defaultValue} type{...T}} "
		   "inputFields{name type{...T}} possibleTypes{name}}}} " TYPE_REF "\"}";
}

static bool
is_kind(const DocNode *type, const char *kind)
{
	const char *text = dq_doc_text(type, "kind");

	return text && strcmp(text, kind) == 0;
}

TypeRef
dq_introspection_type(Introspection *api, const DocNode *owner)
{
	const DocNode *node = dq_doc_object(owner, "type");
	TypeRef ref = { .name = "" };
	int index;

	for (; node; node = dq_doc_object(node, "ofType"))
	{
		if (is_kind(node, "NON_NULL"))
			ref.is_required |= ref.lists == 0;
		else if (is_kind(node, "LIST"))
			ref.lists++;
		else
			break;
	}
	if (dq_doc_text(node, "name") == NULL)
		return ref;
	ref.name = dq_doc_text(node, "name");
	index = dq_name_index(&api->names, ref.name);
	ref.type = index < 0 ? NULL : api->types[index];
	ref.is_enum = is_kind(node, "ENUM");
	ref.is_leaf = ref.is_enum || is_kind(node, "SCALAR");
	ref.is_object = is_kind(node, "OBJECT") || is_kind(node, "INTERFACE");
	ref.is_input = is_kind(node, "INPUT_OBJECT");
	return ref;
}

const DocNode *
dq_introspection_field(const DocNode *type, const char *name)
{
	dq_doc_each(field, dq_doc_array(type, "fields"))
	{
		const char *text = dq_doc_text(field, "name");

		if (text && strcmp(text, name) == 0)
			return field;
	}
	return NULL;
}

/* True when some argument has to be given. */
bool
dq_introspection_has_required(Introspection *api, const DocNode *field)
{
	dq_doc_each(argument, dq_doc_array(field, "args"))
	{
		if (dq_introspection_type(api, argument).is_required &&
			dq_doc_text(argument, "defaultValue") == NULL)
			return true;
	}
	return false;
}

/* Scalars by the names that services give them, in any case. */
static const char *const known_scalars[][2] = {
	{ "ID", "text" },
	{ "String", "text" },
	{ "Int", "integer" },
	{ "Float", "double precision" },
	{ "Double", "double precision" },
	{ "Boolean", "boolean" },
	{ "DateTime", "timestamptz" },
	{ "Timestamptz", "timestamptz" },
	{ "Instant", "timestamptz" },
	{ "LocalDateTime", "timestamp" },
	{ "NaiveDateTime", "timestamp" },
	{ "Date", "date" },
	{ "LocalDate", "date" },
	{ "Decimal", "numeric" },
	{ "BigDecimal", "numeric" },
	{ "BigFloat", "numeric" },
	{ "Numeric", "numeric" },
	{ "Short", "smallint" },
	{ "Smallint", "smallint" },
	{ "BigInt", "bigint" },
	{ "Long", "bigint" },
	{ "Int64", "bigint" },
	{ "UUID", "uuid" },
	{ "JSON", "jsonb" },
	{ "JSONObject", "jsonb" },
	{ "Jsonb", "jsonb" },
};

static const char *
find_scalar(const TypeRef *type)
{
	for (int i = 0; i < lengthof(known_scalars); i++)
		if (pg_strcasecmp(type->name, known_scalars[i][0]) == 0)
			return known_scalars[i][1];
	return NULL;
}

const char *
dq_introspection_sql(const TypeRef *type)
{
	const char *sql = type->is_enum ? NULL : find_scalar(type);

	return sql ? sql : "text";
}

bool
dq_introspection_is_known(const TypeRef *type)
{
	return type->is_enum || find_scalar(type) != NULL;
}

void
dq_introspection_step(const Introspection *api)
{
	if (api->on_step)
		api->on_step();
}

/* The only field of an envelope that is a list of objects; NULL when there are none or several. */
static const DocNode *
only_list(Introspection *api, const DocNode *envelope)
{
	const DocNode *found = NULL;

	dq_doc_each(field, dq_doc_array(envelope, "fields"))
	{
		TypeRef ref = dq_introspection_type(api, field);

		if (ref.lists != 1 || !ref.is_object || dq_introspection_has_required(api, field))
			continue;
		if (found)
			return NULL;
		found = field;
	}
	return found;
}

/* Beside its rows an envelope holds counts and the like, but no identity and no objects. */
static bool
is_envelope(Introspection *api, const DocNode *type)
{
	dq_doc_each(field, dq_doc_array(type, "fields"))
	{
		TypeRef ref = dq_introspection_type(api, field);
		const char *name = dq_doc_text(field, "name");

		if (name && (strcmp(name, "id") == 0 || strcmp(name, "name") == 0))
			return false;
		if (ref.lists == 0 && ref.is_object && strcmp(name ? name : "", "pageInfo") != 0 &&
			dq_introspection_field(ref.type, "id"))
			return false;
	}
	return true;
}

/* Finds the rows of a field; a phrase that says why there are none, or NULL. */
static const char *
find_rows(GraphqlTable *table)
{
	Introspection *api = table->api;
	TypeRef ref = dq_introspection_type(api, table->field);
	const DocNode *edges;
	const DocNode *node;
	const DocNode *list;

	table->row = ref;
	if (ref.lists == 1 && ref.is_object)
		return NULL;
	if (ref.lists > 0 || !ref.is_object)
		return ref.lists > 1 ? "it is a list of lists" :
			ref.is_leaf		 ? "it gives a value, no objects" :
							   "it gives objects of several types";
	edges = dq_introspection_field(ref.type, "edges");
	if (edges)
	{
		TypeRef edge = dq_introspection_type(api, edges);

		node = edge.lists == 1 ? dq_introspection_field(edge.type, "node") : NULL;
		table->row = dq_introspection_type(api, node);
		table->is_relay = true;
		table->envelope = ref.type;
		return node && table->row.is_object && table->row.lists == 0 ?
			NULL :
			"the edges of its connection have no objects as nodes";
	}
	list = only_list(api, ref.type);
	if (list == NULL || !is_envelope(api, ref.type))
		return "it gives one object";
	table->row = dq_introspection_type(api, list);
	table->rows = psprintf("/%s", dq_doc_text(list, "name"));
	table->envelope = ref.type;
	return NULL;
}

static void
put_column(TableDecl *decl, const GraphqlColumn *column)
{
	static const char *const options[COND_COUNT] = { "spell_eq",	 "spell_ne",   "spell_lt",
													 "spell_le",	 "spell_gt",   "spell_ge",
													 "spell_in",	 "spell_like", "spell_null",
													 "spell_notnull" };
	ColumnDecl *made = dq_decl_column(decl, column->name, column->sql_type);
	StringInfoData filter;

	if (column->field && strcmp(column->field, column->name) != 0)
		dq_decl_option(&made->options, "field", column->field);
	if (column->selection)
		dq_decl_option(&made->options, "selection", column->selection);
	if (column->is_key)
		dq_decl_option(&made->options, "key", "true");
	initStringInfo(&filter);
	for (int op = 0; op < COND_NOTNULL; op++)
		if (column->ops & COND_BIT(op))
			appendStringInfo(&filter, "%s%s", filter.len ? " " : "", dq_condition_op_name(op));
	if (filter.len > 0)
		dq_decl_option(&made->options, "filter", filter.data);
	for (int op = 0; op < COND_COUNT; op++)
		if (column->spell[op])
			dq_decl_option(&made->options, options[op], column->spell[op]);
	if (column->is_required && column->field)
		dq_decl_option(&made->options, "required", "true");
	if (column->variable_type)
		dq_decl_option(&made->options, "variable_type", column->variable_type);
	made->comment = column->comment;
}

static void
finish_table(GraphqlTable *table)
{
	TableDecl *decl = table->decl;
	const char *description = dq_doc_text(table->field, "description");

	dq_decl_option(&decl->options, "field",
				   table->arguments[0] ? psprintf("%s(%s)", table->name, table->arguments) :
										 table->name);
	if (table->is_relay)
		dq_decl_option(&decl->options, "paging", "relay");
	if (table->rows)
		dq_decl_option(&decl->options, "rows", table->rows);
	if (description == NULL || description[0] == '\0')
		description = dq_doc_text(table->row.type, "description");
	if (description && description[0])
		decl->comment = dq_words_line(description, MAX_COMMENT);
	for (int i = 0; i < table->ncolumns; i++)
		put_column(decl, &table->columns[i]);
}

static void
read_field(Introspection *api, const DocNode *field)
{
	SchemaDecl *schema = api->decl;
	GraphqlTable table = {
		.api = api, .field = field, .name = dq_doc_text(field, "name"), .arguments = ""
	};
	const char *why;

	dq_introspection_step(api);
	if (table.name == NULL || table.name[0] == '_')
		return;
	why = find_rows(&table);
	if (why == NULL)
	{
		table.decl = palloc0(sizeof(TableDecl));
		table.decl->origin = psprintf("query field %s", table.name);
		dq_introspection_columns(&table);
		if (table.ncolumns == 0)
			why = "its objects have no fields that can be columns";
		else if (dq_introspection_arguments(&table, &why))
			why = NULL;
	}
	if (why)
	{
		dq_decl_leave_out(schema, "query field %s: %s", table.name, why);
		return;
	}
	table.decl->name = dq_name_unique(&api->tables, dq_name_snake(table.name));
	dq_name_use(&api->tables, table.decl->name);
	dq_introspection_lookup(&table);
	finish_table(&table);
	schema->tables = dq_decl_grow(schema->tables, schema->ntables, sizeof(TableDecl *));
	schema->tables[schema->ntables++] = table.decl;
}

bool
dq_introspection_read(const DocNode *schema, const ServerDefaults *defaults, SchemaDecl *decl,
					  char **problem)
{
	Introspection api = { .decl = decl, .on_step = defaults->on_step };
	const char *query = dq_doc_text(dq_doc_object(schema, "queryType"), "name");
	int index;

	dq_doc_each(type, dq_doc_array(schema, "types"))
	{
		const char *name = dq_doc_text(type, "name");

		if (name == NULL || dq_name_is_used(&api.names, name))
			continue;
		dq_name_use(&api.names, name);
		api.types = dq_decl_grow(api.types, api.ntypes, sizeof(DocNode *));
		api.types[api.ntypes++] = type;
	}
	index = query ? dq_name_index(&api.names, query) : -1;
	if (index < 0 || api.types == NULL)
	{
		*problem = pstrdup("it tells no query type");
		return false;
	}
	api.query = api.types[index];
	dq_doc_each(field, dq_doc_array(api.query, "fields")) read_field(&api, field);
	return true;
}
