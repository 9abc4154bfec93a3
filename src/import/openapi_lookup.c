/*
 * openapi_lookup.c
 *	  Placeholders of a path as columns, and the path of one item as lookup_path.
 */
#include "base.h"

#include "import/openapi_private.h"

/* Placeholders of one path. */
#define MAX_PLACEHOLDERS 50

/* Names that say nothing of whose they are: a row has its own. */
static const char *const generic_names[] = { "id",	 "name", "slug",   "key",	"uuid", "guid",
											 "code", "type", "number", "value", NULL };

/* A placeholder of a path: what stands between the braces at a place. */
typedef struct Placeholder
{
	const char *name;
	const char *before; /* the segment in front of its own, in lower-case words */
	int start;			/* of its opening brace */
	int end;			/* behind its closing brace */
} Placeholder;

/* -1 when the braces do not fit. */
static int
find_placeholders(const char *path, Placeholder *found)
{
	int n = 0;

	for (const char *c = path; *c; c++)
	{
		const char *close;

		if (*c == '}')
			return -1;
		if (*c != '{')
			continue;
		close = strpbrk(c + 1, "{}/");
		if (close == NULL || *close != '}' || close == c + 1 || n == MAX_PLACEHOLDERS)
			return -1;
		found[n++] = (Placeholder) { .name = pnstrdup(c + 1, close - c - 1),
									 .before = dq_words_last_segment(pnstrdup(path, c - path)),
									 .start = (int) (c - path),
									 .end = (int) (close + 1 - path) };
		c = close;
	}
	return n;
}

/* Types whose values are spelled alike. */
static bool
is_alike(const ColumnType *column, const ColumnType *param)
{
	static const char *const integers[] = { "bigint", "integer", "smallint", NULL };
	static const char *const texts[] = { "text", "uuid", NULL };

	if (dq_words_is_one_of(column->name, integers))
		return dq_words_is_one_of(param->name, integers) || strcmp(param->name, "text") == 0 ||
			strcmp(param->name, "numeric") == 0;
	return dq_words_is_one_of(column->name, texts) && dq_words_is_one_of(param->name, texts);
}

/*
 * The rows' own column that a placeholder means, NULL: none.  {user_id} of /users/{user_id}/orders
 * is the orders' "user_id"; but an "id" or "name" of theirs is their own.
 */
static Column *
column_of_placeholder(Table *table, const Placeholder *placeholder, const Param *param)
{
	const char *spoken = dq_name_snake(placeholder->name);
	const char *parent = dq_words_singular(placeholder->before);
	size_t len = strlen(parent);

	if (dq_words_is_one_of(spoken, generic_names) || len == 0 ||
		strncmp(spoken, parent, len) != 0 || (spoken[len] != '_' && spoken[len] != '\0'))
		return NULL;
	for (int i = 0; i < table->ncolumns; i++)
		if (strcmp(table->columns[i].spoken, spoken) == 0)
			return is_alike(&table->columns[i].type, &param->type) ? &table->columns[i] : NULL;
	return NULL;
}

/* "id" of /users/{id}/orders is called user_id, where it would be taken for the row's. */
static const char *
name_of_placeholder(const Table *table, const Placeholder *placeholder)
{
	const char *spoken = dq_name_snake(placeholder->name);

	if (dq_words_is_one_of(spoken, generic_names) && placeholder->before[0])
		spoken = psprintf("%s_%s", dq_words_singular(placeholder->before), spoken);
	return dq_name_is_used(&table->names, spoken) ? psprintf("%s_param", spoken) : spoken;
}

static Column *
add_placeholder(Table *table, const Placeholder *placeholder, Param *param)
{
	ColumnType type = param ? param->type : (ColumnType) { "text", NULL, true };
	Column *column = param ? column_of_placeholder(table, placeholder, param) : NULL;

	if (column)
	{
		/* The request knows it, whether the row repeats it or not. */
		column->json = NULL;
	}
	else
	{
		column = dq_openapi_new_column(table, name_of_placeholder(table, placeholder));
		column->spoken = "";
		column->type = type;
		if (!type.is_scalar || type.format || strcmp(type.name, "inet") == 0)
			column->type = (ColumnType) { "text", NULL, true };
		if (param)
			column->facts.description = param->description;
	}
	column->in_path = true;
	return column;
}

/* Makes table->path; false when the path cannot be written as a template. */
bool
dq_openapi_placeholders(Table *table)
{
	const char *path = table->operation->path;
	Placeholder found[MAX_PLACEHOLDERS];
	int n = find_placeholders(path, found);
	int last = 0;
	StringInfoData out;

	if (n < 0)
		return false;
	initStringInfo(&out);
	for (int i = 0; i < n; i++)
	{
		Param *param = dq_openapi_param(table->operation, IN_PATH, found[i].name);

		if ((param && param->rejection) || dq_decl_has_control(found[i].name))
			return false;
		appendBinaryStringInfo(&out, path + last, found[i].start - last);
		appendStringInfo(&out, "{%s}", add_placeholder(table, &found[i], param)->name);
		last = found[i].end;
		if (param)
			param->is_used = true;
	}
	appendStringInfoString(&out, path + last);
	table->path = out.data;
	return true;
}

/* The column that the item's placeholder is the key of; NULL: not known. */
static Column *
key_column(Table *table, const Placeholder *placeholder, const Param *param)
{
	const char *spoken = dq_name_snake(placeholder->name);
	const char *singular = dq_words_singular(placeholder->before);
	size_t len = strlen(singular);
	const char *names[3] = { spoken, NULL, NULL };

	/* {issue_number} of /issues/{issue_number} is "number". */
	if (len > 0 && strncmp(spoken, singular, len) == 0 && spoken[len] == '_')
		names[1] = spoken + len + 1;
	/* {petId}, {pet}: "id" where there is one. */
	if (strcmp(spoken, singular) == 0)
		names[1] = "id";
	for (int n = 0; n < 2 && names[n]; n++)
		for (int i = 0; i < table->ncolumns; i++)
		{
			Column *column = &table->columns[i];

			if (column->member && column->member[0] && strcmp(column->spoken, names[n]) == 0 &&
				column->json && strncmp(column->json, "/attributes/", 12) != 0)
				return param && !is_alike(&column->type, &param->type) ? NULL : column;
		}
	return NULL;
}

/* What the item's request must say besides its path. */
static bool
has_required_query(const Operation *item)
{
	for (int i = 0; i < item->nparams; i++)
		if (item->params[i].place == IN_QUERY && item->params[i].is_required)
			return true;
	return false;
}

/* The columns of the collection's placeholders, in order of the path. */
static int
path_columns(const Table *table, const char **names)
{
	Placeholder found[MAX_PLACEHOLDERS];
	int n = find_placeholders(table->path, found);

	for (int i = 0; i < n; i++)
		names[i] = found[i].name;
	return n;
}

/* item is the operation of the collection's path with one placeholder more. */
void
dq_openapi_lookup(Table *table, const Operation *item)
{
	Placeholder found[MAX_PLACEHOLDERS];
	const char *names[MAX_PLACEHOLDERS];
	int n = find_placeholders(item->path, found);
	int ncollection = path_columns(table, names);
	StringInfoData out;
	Column *key;
	Param *param;
	int last = 0;

	/* What only a condition says, the item's request would not. */
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].from_request)
			return;
	if (n < 1 || n != ncollection + 1 || has_required_query(item))
		return;
	param = dq_openapi_param(item, IN_PATH, found[n - 1].name);
	key = key_column(table, &found[n - 1], param);
	if (key == NULL || (param && param->rejection))
		return;
	table->lookup_rows = dq_openapi_item_place(table->api, item->answer, key->member);
	if (table->lookup_rows == NULL)
		return;
	names[n - 1] = key->name;
	initStringInfo(&out);
	for (int i = 0; i < n; i++)
	{
		appendBinaryStringInfo(&out, item->path + last, found[i].start - last);
		appendStringInfo(&out, "{%s}", names[i]);
		last = found[i].end;
	}
	appendStringInfoString(&out, item->path + last);
	table->lookup_path = out.data;
	/* Below a parent the key is both together. */
	for (int i = 0; i < table->ncolumns; i++)
		table->columns[i].is_key |= table->columns[i].in_path || &table->columns[i] == key;
}
