/*
 * fuzz_openapi.c
 *	  Any bytes as an API description: what comes out is SQL of exactly one statement each, with
 *	  names that can be had and options that compile.
 *
 * Checked: names are unique, not empty, no longer than PostgreSQL keeps; statements end where they
 * seem to; placeholders of paths are columns; pointers and templates compile; nothing that could
 * end a remark gets out of it.
 */
#include "base.h"

#include "import/openapi.h"
#include "rows/json.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

/* Behind a quoted name or literal; is_escaped: backslashes count. */
static const char *
pass_quoted(const char *c, char quote, bool is_escaped)
{
	for (c++; *c; c++)
	{
		if (is_escaped && *c == '\\' && c[1])
			c++;
		else if (*c == quote && c[1] == quote)
			c++;
		else if (*c == quote)
			return c + 1;
	}
	return NULL;
}

/* Reads SQL as PostgreSQL's scanner would: how many statements, or -1 for an open quote. */
static int
count_statements(const char *sql)
{
	int n = 0;
	bool is_open = false;

	while (*sql)
	{
		if (sql[0] == '-' && sql[1] == '-')
			sql += strcspn(sql, "\r\n");
		else if (*sql == '\'' || *sql == '"')
		{
			bool is_escaped = *sql == '\'' && sql[-1] == 'E';

			sql = pass_quoted(sql, *sql, is_escaped);
			if (sql == NULL)
				return -1;
			is_open = true;
		}
		else if (*sql == ';')
		{
			n++;
			is_open = false;
			sql++;
		}
		else
			is_open |= !strchr(" \t\n", *sql++);
	}
	return is_open ? n + 1 : n;
}

static void
check_name(NameSet *names, const char *name)
{
	check_text(name[0] != '\0' && strlen(name) < NAMEDATALEN, "a name that cannot be had", name);
	check_text(!dq_name_is_used(names, name), "a name is used twice", name);
	check_text(!dq_decl_has_control(name), "a name with control characters", name);
	dq_name_use(names, name);
}

static void
check_path(const NameSet *columns, const char *path)
{
	char *problem;
	const Template *compiled = dq_template_compile(path, NULL, &problem);

	check_text(compiled != NULL, "a path that is no template", path);
	for (int i = 0; compiled && i < compiled->nparts; i++)
		if (compiled->parts[i].placeholder)
			check_text(dq_name_is_used(columns, compiled->parts[i].placeholder),
					   "a placeholder that is no column", path);
}

static void
check_option(const OptionDecl *option)
{
	static const char *const ops[COND_COUNT] = { "spell_eq",	 "spell_ne",   "spell_lt",
												 "spell_le",	 "spell_gt",   "spell_ge",
												 "spell_in",	 "spell_like", "spell_null",
												 "spell_notnull" };
	const char *phrase;
	char *problem = NULL;
	ConditionOpSet set;

	for (int op = 0; op < COND_COUNT; op++)
		if (strcmp(option->name, ops[op]) == 0)
			check_text(dq_template_compile(option->value, dq_condition_placeholders(op),
										   &problem) != NULL,
					   "a spelling that is no template", option->value);
	if (strcmp(option->name, "json") == 0 || strcmp(option->name, "rows") == 0 ||
		strcmp(option->name, "next") == 0 || strcmp(option->name, "lookup_rows") == 0)
		check_text(dq_json_pointer_compile(option->value, &phrase) != NULL,
				   "a place that is no pointer", option->value);
	if (strcmp(option->name, "filter") == 0)
		check_text(dq_condition_ops_parse(option->value, &set, &problem), "operators unknown",
				   option->value);
	check_text(strcmp(option->name, "trust") != 0, "trusted", option->value);
}

static void
check_sql(const TableDecl *table)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoChar(&sql, ' ');
	dq_sql_remark(&sql, table->origin);
	for (int i = 0; i < table->nnotes; i++)
		dq_sql_remark(&sql, table->notes[i]);
	check_text(count_statements(sql.data) == 0, "remarks that are more", sql.data);
	dq_sql_table(&sql, table, "s", "s");
	check_text(count_statements(sql.data) == 1, "not one statement", sql.data);
	resetStringInfo(&sql);
	appendStringInfoChar(&sql, ' ');
	dq_sql_comments(&sql, table, NULL);
	check_text(count_statements(sql.data) <= 1 + table->ncolumns, "comments that are more",
			   sql.data);
}

static void
check_table(const TableDecl *table, NameSet *names)
{
	NameSet columns = { 0 };

	check_name(names, table->name);
	check_text(table->ncolumns > 0, "no columns", table->name);
	for (int i = 0; i < table->ncolumns; i++)
	{
		check_name(&columns, table->columns[i].name);
		for (int k = 0; k < table->columns[i].options.n; k++)
			check_option(&table->columns[i].options.items[k]);
	}
	for (int i = 0; i < table->options.n; i++)
	{
		const OptionDecl *option = &table->options.items[i];

		check_option(option);
		if (strcmp(option->name, "path") == 0 || strcmp(option->name, "lookup_path") == 0)
			check_path(&columns, option->value);
	}
	check_sql(table);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ServerDefaults defaults = { .dialect = dq_dialect_find("plain"),
								.url = "http://service/v1",
								.document_url = "http://service/openapi.json" };
	SchemaDecl schema = { 0 };
	char *text = pnstrdup((const char *) data, size);
	NameSet names = { 0 };
	char *problem;
	const DocNode *root = dq_doc_read_json(text, strlen(text), &problem);

	if (root && dq_openapi_read(root, &defaults, &schema, &problem))
		for (int i = 0; i < schema.ntables; i++)
			check_table(schema.tables[i], &names);
	fuzz_release();
	return 0;
}
