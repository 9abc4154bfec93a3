/*
 * fuzz_introspection.c
 *	  Any JSON as a GraphQL schema: what is declared of it can be written as SQL.
 *
 * Checked: nothing is read that is not there; names of tables and columns are of a length that
 * PostgreSQL takes, and not used twice.
 */
#include "base.h"

#include "import/introspection.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

static void
check_table(const TableDecl *table)
{
	NameSet names = { 0 };

	check_text(table->name[0] != '\0' && strlen(table->name) < 64, "a table's name", table->name);
	for (int i = 0; i < table->ncolumns; i++)
	{
		const ColumnDecl *column = &table->columns[i];

		check_text(!dq_name_is_used(&names, column->name), "a name twice", column->name);
		dq_name_use(&names, column->name);
		check_text(strlen(column->name) < 64, "a long name", column->name);
		check_text(column->type != NULL, "no type", column->name);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = pnstrdup((const char *) data, size);
	char *problem = NULL;
	const DocNode *root = dq_doc_read_json(text, strlen(text), &problem);
	SchemaDecl decl = { 0 };
	ServerDefaults defaults = { 0 };
	NameSet names = { 0 };

	if (root && dq_introspection_read(root, &defaults, &decl, &problem))
		for (int i = 0; i < decl.ntables; i++)
		{
			StringInfoData sql;

			check_text(!dq_name_is_used(&names, decl.tables[i]->name), "a name twice",
					   decl.tables[i]->name);
			dq_name_use(&names, decl.tables[i]->name);
			check_table(decl.tables[i]);
			initStringInfo(&sql);
			dq_sql_table(&sql, decl.tables[i], "s", "server");
			check_text(strncmp(sql.data, "CREATE FOREIGN TABLE", 20) == 0, "no statement",
					   sql.data);
		}
	fuzz_release();
	return 0;
}
