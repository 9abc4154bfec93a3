/*
 * openapi_paging.c
 *	  How a collection is paged, as far as its description tells: from the names of parameters, from
 *	  a Link header, from what stands beside the rows.
 *
 * In this order: a Link header, the next page's URL in the answer, a cursor in the answer, an
 * offset, a page number, the id of the last row.  A collection that is paged in a way that cannot be asked for is said to
 * be so (has_unknown_paging): a table of its first page alone would lack rows silently.
 */
#include "base.h"

#include <ctype.h>

#include "import/openapi_private.h"

/* Largest page that is asked for on the strength of a maximum. */
#define MAX_PAGE_SIZE 1000

static const char *const size_names[] = {
	"per_page",		 "page_size",	"pagesize",		  "perpage",	 "limit",
	"size",			 "max_results", "maxresults",	  "max_items",	 "top",
	"take",			 "page_limit",	"count",		  "rows",		 "page_count",
	"rows_per_page", "max",			"items_per_page", "num_results", "results_per_page",
	"max_records",	 "per",			"page_length",	  NULL
};
static const char *const page_names[] = { "page",		"page_number", "page_no", "page_num",
										  "page_index", "pagenumber",  "pageno",  "current_page",
										  "pageindex",	NULL };
static const char *const offset_names[] = { "offset",	   "skip",		 "start_at",
											"start_index", "start",		 "first_result",
											"page_offset", "start_row",	 "start_offset",
											"startat",	   "startindex", NULL };
static const char *const cursor_names[] = { "cursor",
											"page_token",
											"next_token",
											"marker",
											"continuation_token",
											"continue",
											"after",
											"page_cursor",
											"page_after",
											"start_cursor",
											"next_cursor",
											"scroll_id",
											"next_page_token",
											"pagination_token",
											"paging_token",
											"next_marker",
											"next_page",
											"bookmark",
											"position",
											"start_key",
											"pagetoken",
											"nexttoken",
											"next",
											"page",
											NULL };
/* They ask for what follows the row of this id. */
static const char *const row_id_names[] = { "starting_after", "start_after", "after_id", "last_id",
											NULL };

/* They begin at a row in ways that we do not know. */
static const char *const row_cursor_names[] = {
	"since_id", "from_id", "last_key", "exclusive_start_key", "min_id", "max_id", NULL
};
static const char *const next_cursor_names[] = { "next_cursor",
												 "next_page_token",
												 "next_token",
												 "next_page_cursor",
												 "next_marker",
												 "continuation_token",
												 "next_continuation_token",
												 "end_cursor",
												 "cursor",
												 "after",
												 "continue",
												 "next",
												 "next_page",
												 "scroll_id",
												 "marker",
												 "bookmark",
												 "pagination_token",
												 "page_token",
												 "next_page_id",
												 "next_start_key",
												 "position",
												 NULL };
static const char *const next_url_names[] = { "next",		   "next_url",		  "next_page_url",
											  "next_link",	   "odata_next_link", "next_href",
											  "next_page",	   "next_page_link",  "next_uri",
											  "next_page_uri", "nextlink",		  NULL };
static const char *const total_names[] = {
	"total",		  "total_count",   "total_items", "total_results",
	"total_elements", "total_records", "total_rows",  "total_size",
	"totalcount",	  "totalresults",  NULL
};
static const char *const more_names[] = { "has_more", "has_next", "has_next_page", "more", NULL };

static bool
is_integer(const Param *param)
{
	return param->list == LIST_NONE && (param->facts.kinds & (KIND_INTEGER | KIND_NUMBER)) != 0 &&
		param->type.format == NULL;
}

/* A cursor is a text that says nothing to anybody but the service. */
static bool
is_token(const Param *param)
{
	return param->list == LIST_NONE &&
		(param->facts.kinds == 0 || strcmp(param->type.name, "text") == 0);
}

/* The parameter by the first of these names that there is. */
static Param *
find_param(Table *table, const char *const *names, bool counts)
{
	const Operation *operation = table->operation;

	for (; *names; names++)
		for (int i = 0; i < operation->nparams; i++)
		{
			Param *param = &operation->params[i];
			const char *spoken = param->spoken;

			if (param->place != IN_QUERY || param->is_used || param->rejection)
				continue;
			/* "$top", "_limit" and "page[size]" are "top", "limit" and "page_size" by now. */
			if (strcmp(spoken, *names) == 0 && (counts ? is_integer(param) : is_token(param)))
				return param;
		}
	return NULL;
}

static void
set(Table *table, const char *name, const char *value)
{
	dq_decl_option(&table->paging, name, value);
}

/* "(max 100)", "at most 250", "between 1 and 1000" in words; 0 where there is none. */
static int64
told_maximum(const char *description)
{
	static const char *const words[] = { "max", "at most", "up to", NULL };

	for (const char *c = description; *c; c++)
	{
		for (const char *const *word = words; *word; word++)
		{
			const char *digits;

			if (pg_strncasecmp(c, *word, strlen(*word)) != 0)
				continue;
			digits = c + strlen(*word);
			for (int i = 0; i < 30 && *digits && !isdigit((unsigned char) *digits); i++)
				digits++;
			if (isdigit((unsigned char) *digits) && strspn(digits, "0123456789") < 10)
				return strtoll(digits, NULL, 10);
		}
	}
	return 0;
}

/* The most rows that a page may hold, else as many as one does by default; 0: not known. */
static int64
page_size(const Param *size)
{
	int64 number;

	if (dq_doc_integer(size->facts.maximum, &number) && number > 0)
		return Min(number, MAX_PAGE_SIZE);
	number = told_maximum(size->description);
	if (number > 0)
		return Min(number, MAX_PAGE_SIZE);
	if (dq_doc_integer(size->facts.fallback, &number) && number > 0)
		return Min(number, MAX_PAGE_SIZE);
	return size->is_required ? 100 : 0;
}

static void
set_size(Table *table, Param *size)
{
	int64 number = size ? page_size(size) : 0;

	if (size == NULL)
		return;
	size->is_used = true;
	if (number == 0)
		return;
	set(table, "page_size", psprintf(INT64_FORMAT, number));
	set(table, "size_param", size->name);
}

/* The number that the first page has; -1 where only a guess could tell. */
static int64
first_number(const Param *param)
{
	static const char *const zero[] = { "zero-based",	 "zero based",
										"0-based",		 "0 based",
										"0-index",		 "zero-index",
										"starts at 0",	 "starting at 0",
										"starts from 0", "starting from 0",
										"starts with 0", "beginning at 0",
										"begins at 0",	 NULL };
	static const char *const one[] = { "one-based",		  "one based",	   "1-based",
									   "1 based",		  "1-index",	   "one-index",
									   "starts at 1",	  "starting at 1", "starts from 1",
									   "starting from 1", "starts with 1", NULL };
	int64 number;

	if (dq_words_mention(param->description, zero))
		return 0;
	if (dq_words_mention(param->description, one))
		return 1;
	if (dq_doc_integer(param->facts.fallback, &number) && (number == 0 || number == 1))
		return number;
	if (dq_doc_integer(param->facts.minimum, &number) && (number == 0 || number == 1))
		return number;
	return -1;
}

static void
set_total(Table *table)
{
	const char *total = dq_openapi_place(table, total_names, KIND_INTEGER | KIND_NUMBER, false);

	if (total)
		set(table, "total", total);
}

static bool
page_by_link(Table *table, Param *size)
{
	bool has_link = false;

	dq_doc_each(header, table->operation->headers)
		has_link |= pg_strcasecmp(header->key, "Link") == 0;
	if (!has_link)
		return false;
	set(table, "paging", "link");
	set_size(table, size);
	return true;
}

static bool
page_by_url(Table *table, Param *size)
{
	const char *next = dq_openapi_place(table, next_url_names, KIND_STRING, true);

	if (next == NULL)
		next = dq_openapi_next_href(table);
	if (next == NULL)
		return false;
	set(table, "paging", "next");
	set(table, "next", next);
	set_size(table, size);
	return true;
}

static bool
page_by_cursor(Table *table, Param *cursor, Param *size)
{
	const char *next = cursor ? dq_openapi_place(table, next_cursor_names, KIND_STRING, false) :
								NULL;

	if (next == NULL)
		return false;
	set(table, "paging", "cursor");
	set(table, "cursor_param", cursor->name);
	set(table, "next", next);
	set_size(table, size);
	cursor->is_used = true;
	return true;
}

/* The row's "id", of a type whose text is the cursor; NULL: none. */
static const Column *
id_column(const Table *table)
{
	static const char *const types[] = { "text", "bigint", "integer", "uuid", NULL };

	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].json && strcmp(table->columns[i].json, "/id") == 0 &&
			dq_words_is_one_of(table->columns[i].type.name, types))
			return &table->columns[i];
	return NULL;
}

static bool
page_by_row(Table *table, Param *after, Param *size)
{
	const char *more = dq_openapi_place(table, more_names, KIND_BOOLEAN, false);

	if (after == NULL || id_column(table) == NULL)
		return false;
	set(table, "paging", "cursor");
	set(table, "cursor_param", after->name);
	set(table, "next_row", "/id");
	if (more)
		set(table, "has_next", more);
	set_size(table, size);
	after->is_used = true;
	return true;
}

/* The first offset is 0, where nothing else is said; "start index" may mean either. */
static bool
page_by_offset(Table *table, Param *offset, Param *size)
{
	bool is_index = offset && strstr(offset->spoken, "index") != NULL;
	bool is_start = offset && strcmp(offset->spoken, "start") == 0;
	int64 first;

	if (offset == NULL || (is_start && size == NULL))
		return false;
	first = first_number(offset);
	if (first < 0 && is_index)
		return false;
	set(table, "paging", "offset");
	set(table, "offset_param", offset->name);
	set(table, "first_page", first == 1 ? "1" : "0");
	set_total(table);
	set_size(table, size);
	offset->is_used = true;
	return true;
}

/* Pages begin with 1 by custom; an index may begin with 0, where a wrong guess is an error. */
static bool
page_by_number(Table *table, Param *page, Param *size)
{
	int64 first;

	if (page == NULL)
		return false;
	first = first_number(page);
	if (first < 0)
	{
		bool is_index = strstr(page->spoken, "index") != NULL;

		first = is_index ? 0 : 1;
		dq_decl_note(table->decl,
					 "the first page is taken to be " INT64_FORMAT
					 ", which the description does not say",
					 first);
	}
	set(table, "paging", "page");
	set(table, "page_param", page->name);
	set(table, "first_page", first == 1 ? "1" : "0");
	set_total(table);
	set_size(table, size);
	page->is_used = true;
	return true;
}

/* A service that limits its answer without a way to ask for more has no more to give. */
static void
note_limit(Table *table, Param *size)
{
	int64 number = page_size(size);

	size->is_used = true;
	if (number > 0 && strpbrk(size->name, "&=#+%?{} ") == NULL)
		table->fixed = psprintf("%s%s%s=" INT64_FORMAT, table->fixed, table->fixed[0] ? "&" : "",
								size->name, number);
	dq_decl_note(table->decl,
				 "the service answers with a limited number of rows (parameter \"%s\") and has no parameter for more",
				 size->name);
}

/* What in the answer tells that there is more, though nothing tells how to ask for it. */
static const char *
leading_on(const Table *table)
{
	static const char *const names[] = {
		"next_cursor", "next_token",		 "next_page_token", "next_url", "next_link",
		"next_page",   "continuation_token", "end_cursor",		"next",		NULL
	};
	const char *place = dq_openapi_place(table, names, KIND_STRING | KIND_INTEGER, false);

	return place ? place : dq_openapi_place(table, more_names, KIND_BOOLEAN, false);
}

void
dq_openapi_paging(Table *table)
{
	Param *size = find_param(table, size_names, true);
	Param *cursor = find_param(table, cursor_names, false);
	Param *offset = find_param(table, offset_names, true);
	Param *page = find_param(table, page_names, true);
	Param *row_cursor = find_param(table, row_cursor_names, false);
	Param *after = find_param(table, row_id_names, false);

	const char *leads_on;

	if (after == NULL)
		after = find_param(table, row_id_names, true);

	table->is_paged = page_by_link(table, size) || page_by_url(table, size) ||
		page_by_cursor(table, cursor, size) || page_by_offset(table, offset, size) ||
		page_by_number(table, page, size) || page_by_row(table, after, size);
	if (table->is_paged)
	{
		/* Other ways to page are no filters. */
		Param *others[] = { cursor, offset, page, row_cursor, after };

		for (int i = 0; i < lengthof(others); i++)
			if (others[i] && !others[i]->is_required)
				others[i]->is_used = true;
		return;
	}
	if (row_cursor == NULL)
		row_cursor = find_param(table, row_cursor_names, true);
	leads_on = leading_on(table);
	if (row_cursor == NULL)
		row_cursor = after ? after : cursor ? cursor : offset;
	if (row_cursor || leads_on)
	{
		table->has_unknown_paging = true;
		dq_decl_note(table->decl, row_cursor ? "parameter \"%s\"" : "member \"%s\"",
					 row_cursor ? row_cursor->name : leads_on);
	}
	else if (size)
		note_limit(table, size);
}
