/*
 * page_check.c
 *	  What can be wrong with a page's answer: it is kept as the page's error, and never raises here.
 */
#include "postgres.h"

#include <ctype.h>

#include "fetch/fetch_private.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* The beginning of the answer, fit to be read: no secrets, no control characters, ASCII. */
static char *
page_beginning(FetchPage *page)
{
	for (int i = 0; i < page->beginning.len; i++)
		if (page->beginning.data[i] == '\0')
			page->beginning.data[i] = '?';

	char *shown = dq_credentials_redact(page->fetch->options.endpoint->credentials,
										page->beginning.data);

	for (char *c = shown; *c; c++)
		if ((unsigned char) *c < 0x20 || (unsigned char) *c >= 0x7f)
			*c = isspace((unsigned char) *c) ? ' ' : '?';
	return shown;
}

/*
 * Keeps an error about the answer's content, with the page's URL and the beginning of the answer.
 */
void
dq_fetch_page_fail(FetchPage *page, int sqlstate, const char *problem, const char *hint)
{
	Fetch *fetch = page->fetch;
	const TableSpec *table = fetch->options.table;
	const Credentials *credentials = fetch->options.endpoint->credentials;
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	RemoteError *error = palloc0(sizeof(RemoteError));
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "%s",
					 page->exchange ? dq_exchange_describe(page->exchange) :
									  dq_credentials_redact(credentials, page->url));
	if (page->beginning.len > 0)
		appendStringInfo(&detail, " The answer begins: %s", page_beginning(page));
	error->kind = FAILURE_CONTENT;
	error->sqlstate = sqlstate;
	error->message =
		psprintf("could not read the answer for foreign table \"%s\" from server \"%s\": %s",
				 table->name, fetch->options.endpoint->server_name,
				 dq_credentials_redact(credentials, problem));
	error->detail = detail.data;
	error->hint = hint ? pstrdup(hint) : NULL;
	MemoryContextSwitchTo(old);
	if (page->exchange)
		dq_exchange_note_content_failure(page->exchange);
	page->error = error;
	page->is_complete = true;
	dq_fetch_page_release(page);
}

/*
 * A GraphQL service tells its failures in the answer.  With partial data, some values of the rows
 * are null for an error, and nothing but "path" tells which: such an answer fails as a whole.  This
 * is the place where a declaration could accept it.  False when the page has failed.
 */
bool
dq_fetch_page_check_errors(FetchPage *page)
{
	char *errors;

	if (page->fetch->options.table->graphql == NULL || page->splitter == NULL)
		return true;
	errors = dq_graphql_errors_text(dq_splitter_capture(page->splitter, CAPTURE_ERRORS));
	if (errors == NULL)
		return true;
	if (GetDatabaseEncoding() != PG_UTF8)
		for (char *c = errors; *c; c++)
			if ((unsigned char) *c >= 0x80)
				*c = '?';
	dq_fetch_page_fail(page, ERRCODE_FDW_ERROR,
					   psprintf("the service %s: %s",
								page->rows > 0 ? "answered in part, with errors" :
												 "answered with errors",
								errors),
					   NULL);
	return false;
}

void
dq_fetch_page_fail_json(FetchPage *page, const JsonError *error)
{
	const TableSpec *table = page->fetch->options.table;
	const char *rows = page->fetch->options.is_lookup ? table->lookup_rows_text : table->rows_text;
	const char *problem;
	const char *hint = NULL;

	if (error->code == JSONERR_ROWS_MISSING && !dq_fetch_page_check_errors(page))
		return;
	if (error->code == JSONERR_ROWS_MISSING || error->code == JSONERR_ROWS_KIND)
	{
		problem = psprintf("expected an array of rows at JSON place \"%s\": %s", rows,
						   error->message);
		hint = "Option \"rows\" says where the rows stand in the answer.";
	}
	else
		problem = psprintf("%s at byte " UINT64_FORMAT, error->message, error->offset);
	dq_fetch_page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT, problem, hint);
}

/* What cannot be JSON by its own account is refused before it is read. */
bool
dq_fetch_page_check_content_type(FetchPage *page)
{
	static const char *const refused[] = { "text/html",
										   "text/csv",
										   "text/xml",
										   "application/xml",
										   "application/x-ndjson",
										   "application/ndjson",
										   "application/jsonl",
										   "image/",
										   "audio/",
										   "video/" };
	const char *type = dq_exchange_header(page->exchange, "Content-Type");

	for (int i = 0; type && i < lengthof(refused); i++)
		if (pg_strncasecmp(type, refused[i], strlen(refused[i])) == 0)
		{
			dq_fetch_page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
							   psprintf("expected JSON, found content type \"%.*s\"",
										(int) Min(strcspn(type, "; "), BEGINNING_BYTES), type),
							   NULL);
			return false;
		}
	return true;
}

/* A row without a cursor would end the paging as if there were no more: that must be told. */
bool
dq_fetch_page_check_cursor(FetchPage *page)
{
	const PageFacts *facts = &page->facts;
	const char *place = page->fetch->options.table->next_row_text;

	if (place == NULL || page->fetch->options.is_lookup || facts->not_found || facts->rows == 0 ||
		(facts->next && facts->next[0]) || (facts->has_more_is_known && !facts->has_more))
		return true;
	dq_fetch_page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
					   psprintf("the last row has no cursor at JSON place \"%s\"", place),
					   "Option \"next_row\" says where it stands in a row.");
	return false;
}

/*
 * What leads to the next page has to be understood, or absent: else its rows would be missing without
 * a word.  False, as some services say it, is absent.
 */
bool
dq_fetch_page_check_next(FetchPage *page)
{
	const PageFacts *facts = &page->facts;
	const char *place = page->fetch->options.table->next_text;
	const JsonSlice *next;

	if (place == NULL || page->fetch->options.is_lookup || facts->not_found || facts->next ||
		page->splitter == NULL || (facts->has_more_is_known && !facts->has_more))
		return true;
	next = dq_splitter_capture(page->splitter, CAPTURE_NEXT);
	if (next->kind == JSONK_MISSING || next->kind == JSONK_NULL || next->kind == JSONK_FALSE)
		return true;
	dq_fetch_page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
					   next->kind == JSONK_STRING ?
						   psprintf("what leads to the next page, at JSON place \"%s\", holds \\u0000",
									place) :
						   psprintf("found JSON %s at \"%s\", expected what leads to the next page: a string or a number",
									dq_json_kind_name(next->kind), place),
					   "Option \"next\" says where the next cursor or URL stands in the answer.");
	return false;
}
