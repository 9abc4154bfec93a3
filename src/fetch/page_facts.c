/*
 * page_facts.c
 *	  What paging has to know of a page that was received: how many rows, what comes next.
 */
#include "postgres.h"

#include "fetch/fetch_private.h"

/* The text of a string or number; NULL for anything else. */
static char *
slice_text(const JsonSlice *slice)
{
	StringInfoData unescaped;
	JsonError error;

	if (slice->kind != JSONK_STRING && slice->kind != JSONK_NUMBER)
		return NULL;
	if (slice->kind == JSONK_NUMBER)
		return pnstrdup(slice->start, slice->len);
	initStringInfo(&unescaped);
	if (!dq_json_string_append(&unescaped, slice, &error))
		return NULL;
	return unescaped.data;
}

/* The text of a captured string or number; NULL when missing or null. */
static char *
capture_text(FetchPage *page, enum Capture which)
{
	return slice_text(dq_splitter_capture(page->splitter, which));
}

/* The cursor that the page's last row holds; NULL without rows, or where it holds none. */
static char *
last_row_cursor(const FetchPage *page)
{
	const JsonPointer *place = page->fetch->options.table->next_row;
	JsonSlice found;
	JsonError error;
	int culprit;

	if (page->rows == 0 ||
		!dq_json_locate(dq_json_locator_create(&place, 1), page->last_row.data, page->last_row.len,
						&found, &culprit, &error))
		return NULL;
	return slice_text(&found);
}

void
dq_fetch_page_facts(FetchPage *page)
{
	const TableSpec *table = page->fetch->options.table;
	PageFacts *facts = &page->facts;

	facts->position = page->position;
	facts->url = pstrdup(dq_exchange_url(page->exchange));
	facts->rows = page->rows;
	facts->content_hash = page->content_hash;
	facts->not_found = dq_exchange_status(page->exchange) == 404;
	if (page->fetch->options.is_lookup || facts->not_found)
		return;

	if (table->paging.kind == PAGING_LINK)
	{
		const char *link = dq_exchange_header(page->exchange, "Link");

		facts->next = link ? dq_link_header_next(link) : NULL;
	}
	else if (table->next_row)
		facts->next = last_row_cursor(page);
	else if (table->next && page->splitter)
		facts->next = capture_text(page, CAPTURE_NEXT);

	const char *total = NULL;

	if (table->has_next && page->splitter)
	{
		JsonKind kind = dq_splitter_capture(page->splitter, CAPTURE_HAS_NEXT)->kind;

		facts->has_more = kind == JSONK_TRUE;
		facts->has_more_is_known = kind == JSONK_TRUE || kind == JSONK_FALSE;
	}
	if (table->total_header)
		total = dq_exchange_header(page->exchange, table->total_header);
	else if (table->total && page->splitter)
		total = capture_text(page, CAPTURE_TOTAL);
	facts->has_total = total && dq_total_parse(total, &facts->total);
}
