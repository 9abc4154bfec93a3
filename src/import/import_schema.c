/*
 * import_schema.c
 *	  What a source declares, made fit for this database: texts in its encoding, options that the
 *	  validator takes.
 *
 * One table that could not be created would end the whole import, so that tables with an option
 * that is not valid are left out here.
 */
#include "postgres.h"

#include "import/import.h"
#include "mb/pg_wchar.h"
#include "spec/options.h"

static const ImportSource sources[] = {
	{ "openapi", "API description", dq_import_openapi },
	{ "graphql", "GraphQL schema", dq_import_graphql },
};

static const ImportSource *
find_source(const char *name)
{
	StringInfoData names;

	for (int i = 0; i < lengthof(sources); i++)
		if (strcmp(sources[i].name, name) == 0)
			return &sources[i];
	initStringInfo(&names);
	for (int i = 0; i < lengthof(sources); i++)
		appendStringInfo(&names, "%s\"%s\"", i > 0 ? ", " : "", sources[i].name);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("remote schema \"%s\" does not exist", name),
			 errhint("Valid remote schemas are %s.", names.data)));
}

const char *
dq_import_what(const char *source)
{
	return find_source(source)->what;
}

/* Raises where this database's encoding has no such character. */
static const char *
to_server(const char *text)
{
	return text ? pg_any_to_server(text, strlen(text), PG_UTF8) : NULL;
}

/* For people: characters that the encoding may lack are replaced. */
static const char *
to_reader(const char *text)
{
	char *copy;

	if (text == NULL || GetDatabaseEncoding() == PG_UTF8)
		return text;
	copy = pstrdup(text);
	for (char *c = copy; *c; c++)
		if (IS_HIGHBIT_SET(*c))
			*c = '?';
	return copy;
}

/* NULL, or what is wrong with an option of those. */
static const char *
option_problem(const OptionDecls *options, OptionPlace place)
{
	for (int i = 0; i < options->n; i++)
	{
		OptionDecl *option = &options->items[i];
		const OptionRow *row = dq_option_find(option->name);
		char *problem;
		char *hint;

		if (row == NULL || !(row->places & place))
			elog(ERROR, "option \"%s\" does not belong to a %s", option->name,
				 dq_option_place_name(place));
		option->value = to_server(option->value);
		if (!dq_option_check(row, option->value, &problem, &hint))
			return psprintf("option \"%s\" would be wrong: %s", option->name, problem);
	}
	return NULL;
}

/* Converts a table's texts and checks its options; what is wrong with one, else NULL. */
static const char *
prepare_table(TableDecl *table)
{
	const char *problem = option_problem(&table->options, PLACE_TABLE);

	table->name = to_server(table->name);
	table->origin = to_reader(table->origin);
	table->comment = to_reader(table->comment);
	for (int i = 0; i < table->nnotes; i++)
		table->notes[i] = to_reader(table->notes[i]);
	for (int i = 0; i < table->ncolumns && problem == NULL; i++)
	{
		ColumnDecl *column = &table->columns[i];

		column->name = to_server(column->name);
		column->comment = to_reader(column->comment);
		problem = option_problem(&column->options, PLACE_COLUMN);
	}
	return problem;
}

static void
set_defaults(const ServerSpec *server, ServerDefaults *defaults)
{
	*defaults = (ServerDefaults) { .dialect = server->dialect,
								   .page_param = server->page_param,
								   .size_param = server->size_param,
								   .offset_param = server->offset_param,
								   .cursor_param = server->cursor_param,
								   .first_page = server->first_page,
								   .next = server->next,
								   .total = server->total,
								   .url = server->service->url };
	memcpy(defaults->spell, server->spell, sizeof(defaults->spell));
}

SchemaDecl *
dq_import_read(const char *source, const ServerSpec *server)
{
	SchemaDecl *schema = palloc0(sizeof(SchemaDecl));
	ServerDefaults defaults;
	int kept = 0;

	set_defaults(server, &defaults);
	find_source(source)->read(server, &defaults, schema);
	schema->title = to_reader(schema->title);
	for (int i = 0; i < schema->nleft_out; i++)
		schema->left_out[i] = to_reader(schema->left_out[i]);
	for (int i = 0; i < schema->ntables; i++)
	{
		TableDecl *table = schema->tables[i];
		const char *problem = prepare_table(table);

		if (problem)
			dq_decl_leave_out(schema, "%s: %s", table->origin, problem);
		else
			schema->tables[kept++] = table;
	}
	schema->ntables = kept;
	return schema;
}
