/*
 * decl.c
 *	  Putting declarations together.
 */
#include "base.h"

#include "import/decl.h"

void *
dq_decl_grow(void *array, int n, size_t size)
{
	if (array == NULL)
		return palloc(size);
	if ((n & (n - 1)) == 0 && n > 0)
		return repalloc(array, size * n * 2);
	return array;
}

char *
dq_decl_take(StringInfo text)
{
	char *taken = pnstrdup(text->data, text->len);

	pfree(text->data);
	return taken;
}

void
dq_decl_option(OptionDecls *options, const char *name, const char *value)
{
	options->items = dq_decl_grow(options->items, options->n, sizeof(OptionDecl));
	options->items[options->n++] = (OptionDecl) { name, value };
}

const char *
dq_decl_option_value(const OptionDecls *options, const char *name)
{
	for (int i = 0; i < options->n; i++)
		if (strcmp(options->items[i].name, name) == 0)
			return options->items[i].value;
	return NULL;
}

ColumnDecl *
dq_decl_column(TableDecl *table, const char *name, const char *type)
{
	ColumnDecl *column;

	table->columns = dq_decl_grow(table->columns, table->ncolumns, sizeof(ColumnDecl));
	column = &table->columns[table->ncolumns++];
	*column = (ColumnDecl) { .name = name, .type = type };
	return column;
}

static char *format_text(const char *format, va_list args) pg_attribute_printf(1, 0);

static char *
format_text(const char *format, va_list args)
{
	StringInfoData text;
	va_list again;
	int needed;

	initStringInfo(&text);
	for (;;)
	{
		va_copy(again, args);
		needed = appendStringInfoVA(&text, format, again);
		va_end(again);
		if (needed == 0)
			return dq_decl_take(&text);
		enlargeStringInfo(&text, needed);
	}
}

void
dq_decl_note(TableDecl *table, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	table->notes = dq_decl_grow(table->notes, table->nnotes, sizeof(char *));
	table->notes[table->nnotes++] = format_text(format, args);
	va_end(args);
}

void
dq_decl_leave_out(SchemaDecl *schema, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	schema->left_out = dq_decl_grow(schema->left_out, schema->nleft_out, sizeof(char *));
	schema->left_out[schema->nleft_out++] = format_text(format, args);
	va_end(args);
}

bool
dq_decl_has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char) *text < 0x20 || *text == 0x7f)
			return true;
	return false;
}
