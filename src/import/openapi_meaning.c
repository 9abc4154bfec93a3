/*
 * openapi_meaning.c
 *	  What the name of a query parameter means: which column of the rows, asked for what.
 */
#include "base.h"

#include "import/openapi_private.h"

/* Parameters that say how to answer, not what, whatever the columns are called. */
static const char *const control_names[] = {
	"sort",		"sort_by",	 "sortby",	"sort_order",	"order",	 "order_by",  "orderby",
	"ordering", "direction", "fields",	"field",		"select",	 "include",	  "includes",
	"exclude",	"expand",	 "embed",	"with",			"q",		 "query",	  "search",
	"keyword",	"keywords",	 "text",	"filter",		"filters",	 "where",	  "format",
	"callback", "alt",		 "pretty",	"pretty_print", "lang",		 "language",  "locale",
	"currency", "unit",		 "units",	"timezone",		"time_zone", "tz",		  "view",
	"mode",		"scope",	 "version", "api_version",	"key",		 "token",	  "page",
	"limit",	"offset",	 "count",	"total",		"depth",	 "recursive", "distinct",
	"group",	"group_by",	 "output",	"content_type", "accept",	 "range",	  "cursor",
	"start",	"end",		 "from",	"to",			"precision", "radius",	  "near",
	"bbox",		NULL
};

/* A word that stands before or behind a name ("min_price", "price_min"), or as operator. */
typedef struct BoundWord
{
	const char *word;
	Bound bound;
	bool is_operator; /* behind a bracket, a dot or two underscores, or one as well */
	bool is_prefix;	  /* may stand before the name */
} BoundWord;

static const BoundWord bound_words[] = {
	{ "eq", BOUND_EQUAL, true, false },		 { "ne", BOUND_NOT_EQUAL, true, false },
	{ "neq", BOUND_NOT_EQUAL, true, false }, { "n", BOUND_NOT_EQUAL, true, false },
	{ "in", BOUND_IN, true, false },		 { "gt", BOUND_ABOVE, true, false },
	{ "gte", BOUND_FROM, true, false },		 { "ge", BOUND_FROM, true, false },
	{ "lt", BOUND_BELOW, true, false },		 { "lte", BOUND_UP_TO, true, false },
	{ "le", BOUND_UP_TO, true, false },		 { "min", BOUND_FROM, false, true },
	{ "minimum", BOUND_FROM, false, true },	 { "max", BOUND_UP_TO, false, true },
	{ "maximum", BOUND_UP_TO, false, true }, { "from", BOUND_ABOVE, false, true },
	{ "to", BOUND_BELOW, false, true },		 { "after", BOUND_ABOVE, false, true },
	{ "before", BOUND_BELOW, false, true },	 { "since", BOUND_ABOVE, false, true },
	{ "until", BOUND_BELOW, false, true },	 { "start", BOUND_ABOVE, false, false },
	{ "end", BOUND_BELOW, false, false },
};

/* The columns that filters may be of, by their names in lower-case words. */
static void
index_columns(Table *table)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		const Column *column = &table->columns[i];

		if (column->member == NULL || column->member[0] == '\0' || column->in_path ||
			dq_name_is_used(&table->spoken, column->spoken))
			continue;
		table->spoken_columns = dq_decl_grow(table->spoken_columns, table->spoken.n, sizeof(int));
		table->spoken_columns[table->spoken.n] = i;
		dq_name_use(&table->spoken, column->spoken);
	}
}

/* A column of the rows by its name in lower-case words, or "created_at" by "created". */
static Column *
find_column(Table *table, const char *spoken)
{
	static const char *const endings[] = { "", "_at", "_on", "_date", "_time", NULL };

	dq_openapi_step(table->api);
	if (table->spoken.n == 0)
		index_columns(table);
	for (const char *const *ending = endings; *ending; ending++)
	{
		char *name = psprintf("%s%s", spoken, *ending);
		int index = dq_name_index(&table->spoken, name);
		Column *column = index >= 0 ? &table->columns[table->spoken_columns[index]] : NULL;

		pfree(name);
		/* "created" is created_at only where it is a time. */
		if (column &&
			(**ending == '\0' || strcmp(column->type.name, "timestamptz") == 0 ||
			 strcmp(column->type.name, "date") == 0))
			return column;
	}
	return NULL;
}

/* An exact name needs an exact column. */
static Column *
find_exact(Table *table, const char *spoken)
{
	Column *column = find_column(table, spoken);

	return column && strcmp(column->spoken, spoken) == 0 ? column : NULL;
}

static const BoundWord *
find_bound(const char *word, size_t len)
{
	for (int i = 0; i < lengthof(bound_words); i++)
		if (strlen(bound_words[i].word) == len && strncmp(bound_words[i].word, word, len) == 0)
			return &bound_words[i];
	return NULL;
}

/* "name[gte]", "name.gte", "name__gte": the operator stands behind a mark. */
static bool
read_marked(Table *table, const char *name, Meaning *meaning)
{
	size_t len = strlen(name);
	const BoundWord *word = NULL;
	const char *mark;
	const char *base;

	if (len > 2 && name[len - 1] == ']' && (mark = strrchr(name, '[')) != NULL)
		word = find_bound(mark + 1, name + len - 1 - (mark + 1));
	else if ((mark = strrchr(name, '.')) != NULL)
		word = find_bound(mark + 1, strlen(mark + 1));
	else if ((mark = strstr(name, "__")) != NULL && mark > name)
		word = find_bound(mark + 2, strlen(mark + 2));
	if (word == NULL)
		return false;
	base = pnstrdup(name, mark - name);
	meaning->column = find_column(table, dq_name_snake(base));
	meaning->bound = word->bound;
	meaning->base = base;
	meaning->is_marked = true;
	return meaning->column != NULL;
}

/* "filter[name]", "filter[name][gte]" (JSON:API and others): what stands inside is the name. */
static const char *
inside_filter(const char *name)
{
	static const char *const openings[] = { "filter[", "filters[", "where[", NULL };

	for (const char *const *opening = openings; *opening; opening++)
	{
		size_t len = strlen(*opening);
		const char *close = strchr(name, ']');

		if (strncmp(name, *opening, len) == 0 && close)
			return psprintf("%.*s%s", (int) (close - name - len), name + len, close + 1);
	}
	return NULL;
}

/* "created_after", "min_price": by words. */
static bool
read_worded(Table *table, const char *spoken, Meaning *meaning)
{
	for (int i = 0; i < lengthof(bound_words); i++)
	{
		const BoundWord *word = &bound_words[i];
		size_t len = strlen(word->word);
		size_t whole = strlen(spoken);

		meaning->bound = word->bound;
		meaning->base = NULL;
		if (whole > len + 1 && spoken[whole - len - 1] == '_' &&
			strcmp(spoken + whole - len, word->word) == 0 && strlen(word->word) > 1)
		{
			meaning->column = find_column(table, pnstrdup(spoken, whole - len - 1));
			if (meaning->column)
				return true;
		}
		if (word->is_prefix && whole > len + 1 && spoken[len] == '_' &&
			strncmp(spoken, word->word, len) == 0)
		{
			meaning->column = find_column(table, spoken + len + 1);
			if (meaning->column)
				return true;
		}
	}
	return false;
}

/* "since" and the like alone: the description has to name the column. */
static bool
read_bare(Table *table, const Param *param, Meaning *meaning)
{
	static const char *const names[] = { "since", "until", "before", "after", NULL };
	Column *found = NULL;

	if (!dq_words_is_one_of(param->spoken, names))
		return false;
	for (int i = 0; i < table->ncolumns; i++)
	{
		const char *const words[] = { psprintf("%s ", table->columns[i].member), NULL };

		if (table->columns[i].member == NULL || table->columns[i].member[0] == '\0' ||
			strcmp(table->columns[i].type.name, param->type.name) != 0 ||
			!dq_words_mention(param->description, words))
			continue;
		if (found)
			return false;
		found = &table->columns[i];
	}
	meaning->column = found;
	meaning->base = NULL;
	meaning->bound = find_bound(param->spoken, strlen(param->spoken))->bound;
	return found != NULL;
}

bool
dq_openapi_meaning(Table *table, const Param *param, Meaning *meaning)
{
	const char *name = inside_filter(param->name);
	const char *spoken;
	bool is_bare = name == NULL;
	size_t len;

	if (is_bare)
		name = param->name;
	len = strlen(name);
	/* "ids[]" is a list by its name. */
	if (len > 2 && strcmp(name + len - 2, "[]") == 0)
		name = pnstrdup(name, len - 2);
	spoken = dq_name_snake(name);
	if (is_bare && dq_words_is_one_of(spoken, control_names))
		return false;
	*meaning = (Meaning) { find_exact(table, spoken), BOUND_EQUAL, param->name, false };
	if (meaning->column)
		return true;
	if (read_marked(table, name, meaning))
	{
		if (!is_bare)
			meaning->base = NULL;
		return true;
	}
	if (read_worded(table, spoken, meaning) || read_bare(table, param, meaning))
		return true;
	/* "ids", "statuses": a list of what the column holds. */
	if (param->list == LIST_NONE)
		return false;
	*meaning = (Meaning) { find_exact(table, dq_words_singular(spoken)), BOUND_IN, NULL, false };
	return meaning->column != NULL;
}
