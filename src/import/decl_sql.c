/*
 * decl_sql.c
 *	  Declarations as SQL.
 *
 * The only place where texts of a foreign document become SQL.  Names are quoted unless they are
 * plain lower-case words that no keyword is; everything else is a string literal.  In remarks
 * ("--") line ends and control characters are replaced.
 */
#include "base.h"

#include "common/keywords.h"
#include "import/decl.h"

static bool
is_plain_name(const char *name)
{
	int keyword;

	if (!((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_'))
		return false;
	for (const char *c = name; *c; c++)
		if (!((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_'))
			return false;
	keyword = ScanKeywordLookup(name, &ScanKeywords);
	return keyword < 0 || ScanKeywordCategories[keyword] == UNRESERVED_KEYWORD;
}

void
dq_sql_name(StringInfo out, const char *name)
{
	if (is_plain_name(name))
	{
		appendStringInfoString(out, name);
		return;
	}
	appendStringInfoChar(out, '"');
	for (; *name; name++)
	{
		if (*name == '"')
			appendStringInfoChar(out, '"');
		appendStringInfoChar(out, *name);
	}
	appendStringInfoChar(out, '"');
}

/* With a backslash as E'', which means the same whatever standard_conforming_strings says. */
void
dq_sql_literal(StringInfo out, const char *text)
{
	bool has_backslash = strchr(text, '\\') != NULL;

	appendStringInfoString(out, has_backslash ? "E'" : "'");
	for (; *text; text++)
	{
		if (*text == '\'' || *text == '\\')
			appendStringInfoChar(out, *text);
		appendStringInfoChar(out, *text);
	}
	appendStringInfoChar(out, '\'');
}

static void
sql_options(StringInfo out, const OptionDecls *options)
{
	appendStringInfoString(out, "OPTIONS (");
	for (int i = 0; i < options->n; i++)
	{
		appendStringInfoString(out, i > 0 ? ", " : "");
		dq_sql_name(out, options->items[i].name);
		appendStringInfoChar(out, ' ');
		dq_sql_literal(out, options->items[i].value);
	}
	appendStringInfoChar(out, ')');
}

static void
sql_relation(StringInfo out, const char *schema, const char *name)
{
	if (schema)
	{
		dq_sql_name(out, schema);
		appendStringInfoChar(out, '.');
	}
	dq_sql_name(out, name);
}

void
dq_sql_table(StringInfo out, const TableDecl *table, const char *schema, const char *server)
{
	appendStringInfoString(out, "CREATE FOREIGN TABLE ");
	sql_relation(out, schema, table->name);
	appendStringInfoString(out, " (");
	for (int i = 0; i < table->ncolumns; i++)
	{
		const ColumnDecl *column = &table->columns[i];

		appendStringInfoString(out, i > 0 ? ",\n    " : "\n    ");
		dq_sql_name(out, column->name);
		appendStringInfo(out, " %s", column->type);
		if (column->options.n > 0)
		{
			appendStringInfoChar(out, ' ');
			sql_options(out, &column->options);
		}
	}
	appendStringInfoString(out, "\n) SERVER ");
	dq_sql_name(out, server);
	appendStringInfoString(out, "\n  ");
	sql_options(out, &table->options);
}

void
dq_sql_comments(StringInfo out, const TableDecl *table, const char *schema)
{
	if (table->comment)
	{
		appendStringInfoString(out, "COMMENT ON FOREIGN TABLE ");
		sql_relation(out, schema, table->name);
		appendStringInfoString(out, " IS ");
		dq_sql_literal(out, table->comment);
		appendStringInfoString(out, ";\n");
	}
	for (int i = 0; i < table->ncolumns; i++)
	{
		const ColumnDecl *column = &table->columns[i];

		if (column->comment == NULL)
			continue;
		appendStringInfoString(out, "COMMENT ON COLUMN ");
		sql_relation(out, schema, table->name);
		appendStringInfoChar(out, '.');
		dq_sql_name(out, column->name);
		appendStringInfoString(out, " IS ");
		dq_sql_literal(out, column->comment);
		appendStringInfoString(out, ";\n");
	}
}

void
dq_sql_remark(StringInfo out, const char *text)
{
	appendStringInfoString(out, "-- ");
	for (; *text; text++)
		appendStringInfoChar(out, (unsigned char) *text < 0x20 || *text == 0x7f ? ' ' : *text);
	appendStringInfoChar(out, '\n');
}
