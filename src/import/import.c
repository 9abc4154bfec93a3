/*
 * import.c
 *	  IMPORT FOREIGN SCHEMA and distquery.describe(): the same declarations, made or shown.
 */
#include "postgres.h"

#include "catalog/pg_foreign_server.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "fdw/fdw.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "import/import.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Lines of a NOTICE's detail; distquery.describe() shows all. */
#define MAX_NOTICE_LINES 25

PG_FUNCTION_INFO_V1(distquery_describe);

/* Which tables are wanted: names as we make them. */
typedef struct Selection
{
	bool is_limited;	/* to names; else all but names are wanted */
	const char **names; /* NULL-terminated */
	bool *is_met;		/* there is a table of that name */
} Selection;

static bool
is_wanted(const Selection *selection, const char *name)
{
	for (int i = 0; selection->names && selection->names[i]; i++)
		if (strcmp(selection->names[i], name) == 0)
		{
			selection->is_met[i] = true;
			return selection->is_limited;
		}
	return !selection->is_limited;
}

static Selection
make_selection(int n, bool is_limited)
{
	return (Selection) { is_limited, palloc0(sizeof(char *) * (n + 1)),
						 palloc0(sizeof(bool) * (n + 1)) };
}

static Selection
selection_of_statement(const ImportForeignSchemaStmt *stmt)
{
	Selection selection = make_selection(list_length(stmt->table_list),
										 stmt->list_type == FDW_IMPORT_SCHEMA_LIMIT_TO);
	ListCell *cell;
	int n = 0;

	foreach(cell, stmt->table_list)
		selection.names[n++] = ((RangeVar *) lfirst(cell))->relname;
	return selection;
}

/* Drops the tables that are not wanted. */
static void
select_tables(SchemaDecl *schema, const Selection *selection)
{
	int kept = 0;

	for (int i = 0; i < schema->ntables; i++)
		if (is_wanted(selection, schema->tables[i]->name))
			schema->tables[kept++] = schema->tables[i];
	schema->ntables = kept;
}

/*
 * The notice
 */

/* Lines of a detail, as many as are shown. */
typedef struct Lines
{
	StringInfoData text;
	int n;
} Lines;

static void
add_line(Lines *lines, const char *line)
{
	if (lines->n++ < MAX_NOTICE_LINES)
		appendStringInfo(&lines->text, "%s%s", lines->text.len > 0 ? "\n" : "", line);
}

static void
add_unmet(Lines *lines, const Selection *selection)
{
	for (int i = 0; selection->names[i]; i++)
		if (!selection->is_met[i])
			add_line(lines, psprintf("there is no table \"%s\"", selection->names[i]));
}

/* What was left out of which tables, in one notice. */
static void
tell_losses(const ServerSpec *server, const char *source, const SchemaDecl *schema,
			const Selection *selection)
{
	const char *name = server->service->name;
	Lines lines = { .n = 0 };

	initStringInfo(&lines.text);
	add_unmet(&lines, selection);
	/* Who names tables does not ask for others. */
	for (int i = 0; i < schema->nleft_out && !selection->is_limited; i++)
		add_line(&lines, schema->left_out[i]);
	for (int i = 0; i < schema->ntables; i++)
		for (int k = 0; k < schema->tables[i]->nnotes; k++)
			add_line(&lines,
					 psprintf("table \"%s\": %s", schema->tables[i]->name,
							  schema->tables[i]->notes[k]));
	if (lines.n == 0)
		return;
	if (lines.n > MAX_NOTICE_LINES)
		appendStringInfo(&lines.text, "\nand %d more", lines.n - MAX_NOTICE_LINES);
	ereport(NOTICE,
			(errmsg("not all of the %s of server \"%s\" could be mapped", dq_import_what(source),
					name),
			 errdetail("Foreign tables: %d, remarks: %d\n%s", schema->ntables, lines.n,
					   lines.text.data),
			 strcmp(source, "openapi") == 0 ?
				 errhint("distquery.describe(%s) shows all of it.", quote_literal_cstr(name)) :
				 errhint("distquery.describe(%s, %s) shows all of it.", quote_literal_cstr(name),
						 quote_literal_cstr(source))));
}

List *
dqImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverid)
{
	Selection selection = selection_of_statement(stmt);
	const ServerSpec *server;
	SchemaDecl *schema;
	List *commands = NIL;

	if (stmt->options != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
				 errmsg("invalid option \"%s\" for IMPORT FOREIGN SCHEMA",
						((DefElem *) linitial(stmt->options))->defname),
				 errhint("There are no options here; option \"openapi\" belongs to the server.")));
	server = dq_spec_for_server(serverid, GetUserId());
	schema = dq_import_read(stmt->remote_schema, server);
	select_tables(schema, &selection);
	for (int i = 0; i < schema->ntables; i++)
	{
		StringInfoData command;

		initStringInfo(&command);
		dq_sql_table(&command, schema->tables[i], NULL, stmt->server_name);
		commands = lappend(commands, command.data);
	}
	tell_losses(server, stmt->remote_schema, schema, &selection);
	dq_comments_expect(schema);
	return commands;
}

/*
 * describe()
 */

static Selection
selection_of_array(ArrayType *array)
{
	Datum *names;
	bool *nulls;
	int n;
	Selection selection;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &n);
	selection = make_selection(n, true);
	for (int i = 0, to = 0; i < n; i++)
		if (!nulls[i])
			selection.names[to++] = TextDatumGetCString(names[i]);
	return selection;
}

static void
describe_table(StringInfo out, const TableDecl *table, const char *schema, const char *server)
{
	dq_sql_remark(out, table->origin);
	for (int i = 0; i < table->nnotes; i++)
		dq_sql_remark(out, table->notes[i]);
	dq_sql_table(out, table, schema, server);
	appendStringInfoString(out, ";\n");
	dq_sql_comments(out, table, schema);
	appendStringInfoChar(out, '\n');
}

static text *
describe(const ServerSpec *server, const char *source, const Selection *selection,
		 const char *schema_name)
{
	SchemaDecl *schema = dq_import_read(source, server);
	StringInfoData out;
	Lines unmet = { .n = 0 };

	select_tables(schema, selection);
	initStringInfo(&out);
	initStringInfo(&unmet.text);
	if (schema->title)
		dq_sql_remark(&out, schema->title);
	dq_sql_remark(&out,
				  psprintf("Foreign tables from the %s of server \"%s\": %d",
						   dq_import_what(source), server->service->name, schema->ntables));
	add_unmet(&unmet, selection);
	if (unmet.n > 0)
		ereport(NOTICE,
				(errmsg("some of the tables named are not described"),
				 errdetail("%s", unmet.text.data)));
	appendStringInfoChar(&out, '\n');
	for (int i = 0; i < schema->ntables; i++)
		describe_table(&out, schema->tables[i], schema_name, server->service->name);
	for (int i = 0; i < schema->nleft_out && !selection->is_limited; i++)
		dq_sql_remark(&out, schema->left_out[i]);
	return cstring_to_text_with_len(out.data, out.len);
}

/* Ours, and the user may use it, as IMPORT FOREIGN SCHEMA demands. */
static void
check_server(const ForeignServer *server)
{
	AclResult result = dq_server_aclcheck(server->serverid, GetUserId(), ACL_USAGE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FOREIGN_SERVER, server->servername);
	if (GetFdwRoutineByServerId(server->serverid)->ImportForeignSchema != dqImportForeignSchema)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("server \"%s\" is none of distquery", server->servername)));
}

/* Not strict: the last two arguments may be NULL. */
Datum
distquery_describe(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "distquery describe",
												  ALLOCSET_DEFAULT_SIZES);
	Selection selection = { 0 };
	ForeignServer *server;
	text *result;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	MemoryContextSwitchTo(context);
	server = GetForeignServerByName(NameStr(*PG_GETARG_NAME(0)), false);
	check_server(server);
	selection = PG_ARGISNULL(2) ? make_selection(0, false) :
								  selection_of_array(PG_GETARG_ARRAYTYPE_P(2));
	result = describe(dq_spec_for_server(server->serverid, GetUserId()),
					  text_to_cstring(PG_GETARG_TEXT_PP(1)), &selection,
					  PG_ARGISNULL(3) ? NULL : NameStr(*PG_GETARG_NAME(3)));
	MemoryContextSwitchTo(caller);
	result = (text *) PG_DETOAST_DATUM_COPY(PointerGetDatum(result));
	MemoryContextDelete(context);
	PG_RETURN_TEXT_P(result);
}
