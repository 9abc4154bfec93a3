/*
 * fetch_page.c
 *	  One page of a fetch: from the bytes of its answer to rows in a spool.
 *
 * dq_loop_step() calls page_progress() whenever bytes came or the answer ended, whoever is
 * reading; the page's bytes are split at once and its rows appended to the fetch's spool (the head
 * page) or to a spool of the page's own (a page asked ahead).  A problem with the answer never
 * raises here, because another scan may be driving the loop: it is kept in the page and raised
 * when a reader gets there.
 *
 * Records in a fetch's spool: a row is the element as received (its first byte is one a JSON value
 * can start with); a page mark is 'P' followed by method and URL of the page, fit to be shown.
 */
#include "postgres.h"

#include <ctype.h>

#include "common/hashfn.h"
#include "fetch/cached_fetch.h"
#include "fetch/fetch_activity.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/*
 * Elements and captured members larger than this end with an error; the first is bounded by
 * palloc.
 */
#define MAX_ELEMENT_BYTES ((size_t) 1000 * 1024 * 1024)
#define MAX_CAPTURE_BYTES ((size_t) 64 * 1024)

/* Bytes of the answer's beginning that an error may show. */
#define BEGINNING_BYTES 120

/* Null in place of "data" is a failure; further inside it means that there are no rows. */
#define GRAPHQL_NULLABLE_FROM 2

static void page_progress(Exchange *exchange, void *owner);

/* True where 404 means the end of something rather than a failure. */
static bool
page_accepts_not_found(const Fetch *fetch, const PagePosition *position)
{
	const TableSpec *table = fetch->options.table;

	if (table->graphql)
		return false; /* the one address of a GraphQL service is wrong */
	if (fetch->options.is_lookup)
		return table->not_found != NOT_FOUND_FAIL;
	if (position->index == 0)
		return table->not_found == NOT_FOUND_EMPTY;
	return table->paging.kind == PAGING_PAGE || table->paging.kind == PAGING_OFFSET;
}

/*
 * The errors of a GraphQL answer may stand behind its rows, in which they have left nulls: nobody
 * reads the rows before they are known.
 */
static bool
page_holds_rows(const FetchPage *page)
{
	return page->fetch->options.table->graphql != NULL && !page->is_checked;
}

/*
 * Sends the request of a page; its rows go to the fetch's spool when it is the head, else they
 * wait in its own.
 */
FetchPage *
dq_fetch_page_start(Fetch *fetch, const PagePosition *position, bool is_head)
{
	const TableSpec *table = fetch->options.table;
	MemoryContext context = AllocSetContextCreate(fetch->context, "distquery page",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	FetchPage *page = palloc0(sizeof(FetchPage));

	page->context = context;
	page->fetch = fetch;
	page->position = *position;
	page->url = fetch->options.is_lookup ?
		pstrdup(fetch->options.url) :
		dq_paging_url(&table->paging, fetch->options.url, position);
	initStringInfo(&page->beginning);
	initStringInfo(&page->last_row);
	if (!is_head || page_holds_rows(page))
		page->spool = dq_spool_create_beside(fetch->spool, fetch->memory_bytes);
	if (is_head)
		dq_fetch_page_make_head(page);

	const BoundBody *body = fetch->options.body;
	int nconditions;
	const Header *conditions = dq_cached_conditions(fetch, position, &nconditions);
	Header *headers = palloc(sizeof(Header) * Max(table->nheaders + nconditions, 1));

	if (table->nheaders > 0)
		memcpy(headers, table->headers, sizeof(Header) * table->nheaders);
	if (nconditions > 0)
		memcpy(headers + table->nheaders, conditions, sizeof(Header) * nconditions);

	Request request = { .method = dq_fetch_method(&fetch->options),
						.url = page->url,
						.body = body ? dq_body_text(body, position) : NULL,
						.nheaders = table->nheaders + nconditions,
						.headers = headers,
						.is_idempotent = table->is_idempotent };
	ExchangeOptions options = { .request = &request,
								.endpoint = fetch->options.endpoint,
								.relid = table->relid,
								.scan = fetch->options.scan,
								.relation_name = table->name,
								.group = fetch->group,
								.accept_not_found = page_accepts_not_found(fetch, position),
								.accept_not_modified = nconditions > 0,
								.cache = fetch->cache_use,
								.activity = fetch->activity.place,
								.on_progress = page_progress,
								.owner = page };

	page->exchange = dq_exchange_start(&options);
	MemoryContextSwitchTo(old);
	return page;
}

/*
 * From now on the page's rows go to the fetch's spool; those that came before are moved there.  Rows
 * that are held go when the page is complete.
 */
void
dq_fetch_page_make_head(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	char *shown;
	char *mark;

	page->is_head = true;
	if (page_holds_rows(page))
		return;
	shown = dq_credentials_redact(fetch->options.endpoint->credentials, page->url);
	mark = psprintf("P%s %s", dq_fetch_method(&fetch->options), shown);

	dq_spool_append(fetch->spool, mark, strlen(mark));
	fetch->rows += page->rows;
	if (page->spool)
	{
		SpoolReader *reader = dq_spool_reader(page->spool);
		const char *bytes;
		size_t len;

		dq_spool_release(page->spool);
		while (dq_spool_next(reader, &bytes, &len))
			dq_spool_append(fetch->spool, bytes, len);
		dq_spool_free(page->spool);
		page->spool = NULL;
	}
}

/* Adds what this page's exchange did to the fetch's figures, and lets it go. */
static void
page_release_exchange(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	ExchangeStats stats;

	if (page->exchange == NULL)
		return;
	dq_exchange_stats(page->exchange, &stats);
	if (dq_exchange_state(page->exchange) == EXCHANGE_DONE)
	{
		fetch->latency_ms += stats.first_byte_ms;
		fetch->answers++;
	}
	fetch->stats.requests += stats.requests;
	fetch->stats.retries += stats.retries;
	fetch->stats.connections += stats.connections;
	fetch->stats.bytes += stats.body_bytes;
	fetch->stats.wire_bytes += stats.wire_bytes;
	dq_exchange_free(page->exchange);
	page->exchange = NULL;
}

void
dq_fetch_page_free(FetchPage *page)
{
	page_release_exchange(page);
	if (page->spool)
		dq_spool_free(page->spool);
	MemoryContextDelete(page->context);
}

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
static void
page_fail(FetchPage *page, int sqlstate, const char *problem, const char *hint)
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
	page_release_exchange(page);
}

/*
 * A GraphQL service tells its failures in the answer.  With partial data, some values of the rows
 * are null for an error, and nothing but "path" tells which: such an answer fails as a whole.  This
 * is the place where a declaration could accept it.  False when the page has failed.
 */
static bool
page_check_errors(FetchPage *page)
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
	page_fail(page, ERRCODE_FDW_ERROR,
			  psprintf("the service %s: %s",
					   page->rows > 0 ? "answered in part, with errors" : "answered with errors",
					   errors),
			  NULL);
	return false;
}

static void
page_fail_json(FetchPage *page, const JsonError *error)
{
	const TableSpec *table = page->fetch->options.table;
	const char *rows = page->fetch->options.is_lookup ? table->lookup_rows_text : table->rows_text;
	const char *problem;
	const char *hint = NULL;

	if (error->code == JSONERR_ROWS_MISSING && !page_check_errors(page))
		return;
	if (error->code == JSONERR_ROWS_MISSING || error->code == JSONERR_ROWS_KIND)
	{
		problem = psprintf("expected an array of rows at JSON place \"%s\": %s", rows,
						   error->message);
		hint = "Option \"rows\" says where the rows stand in the answer.";
	}
	else
		problem = psprintf("%s at byte " UINT64_FORMAT, error->message, error->offset);
	page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT, problem, hint);
}

/* What cannot be JSON by its own account is refused before it is read. */
static bool
page_check_content_type(FetchPage *page)
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
			page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
					  psprintf("expected JSON, found content type \"%.*s\"",
							   (int) Min(strcspn(type, "; "), BEGINNING_BYTES), type),
					  NULL);
			return false;
		}
	return true;
}

/* Makes the splitter at the first byte of an attempt, anew after a retry. */
static void
page_prepare_splitter(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	const TableSpec *table = fetch->options.table;
	MemoryContext old = MemoryContextSwitchTo(page->context);
	bool is_lookup = fetch->options.is_lookup;
	const JsonPointer *captures[N_CAPTURES] = { NULL };
	SplitterConfig config = { .rows = is_lookup ? table->lookup_rows : table->rows,
							  .rows_are_members = is_lookup && table->rows_are_members,
							  .nullable_from = table->graphql ? GRAPHQL_NULLABLE_FROM : 0,
							  .captures = captures,
							  .ncaptures = N_CAPTURES,
							  .max_element_bytes = MAX_ELEMENT_BYTES,
							  .max_capture_bytes = MAX_CAPTURE_BYTES };

	if (!is_lookup)
	{
		captures[CAPTURE_NEXT] = table->next;
		captures[CAPTURE_TOTAL] = table->total;
		captures[CAPTURE_HAS_NEXT] = table->has_next;
	}
	if (table->graphql)
		captures[CAPTURE_ERRORS] = table->graphql->errors;
	if (page->rows > 0)
	{
		/* Of an attempt that failed. */
		dq_activity_count(fetch->activity.place, 0, -page->rows, 0);
		dq_spool_free(page->spool);
		page->spool = dq_spool_create_beside(fetch->spool, fetch->memory_bytes);
		page->rows = 0;
		page->content_hash = 0;
	}
	if (page->splitter)
		dq_splitter_free(page->splitter);
	page->splitter = dq_splitter_create(&config);
	page->restarts = dq_exchange_restarts(page->exchange);
	resetStringInfo(&page->beginning);
	MemoryContextSwitchTo(old);
}

/*
 * GraphQL has null where there is no such row: in a list, under the alias of a key, as the node of
 * an edge.
 */
static bool
is_absent_row(const FetchPage *page, const JsonSlice *element)
{
	const GraphqlSpec *graphql = page->fetch->options.table->graphql;
	const char *place;
	JsonSlice value = *element;

	if (graphql == NULL)
		return false;
	place = page->fetch->options.is_lookup ? graphql->lookup_element : graphql->element;
	/* Nothing else is selected on the way, so the only member leads there; of two the last counts. */
	for (; *place && value.kind == JSONK_OBJECT; place = strchr(place + 1, '/'))
	{
		JsonIterator iterator;
		JsonSlice container = value;
		JsonSlice key;
		bool has_member = false;

		dq_json_iterate(&iterator, &container);
		while (dq_json_iterator_next(&iterator, &key, &value))
			has_member = true;
		if (!has_member)
			return false;
		if (strchr(place + 1, '/') == NULL)
			break;
	}
	return value.kind == JSONK_NULL;
}

/* Splits the bytes that came; false when the page has failed. */
static bool
page_receive(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	const char *bytes;
	size_t len;
	JsonSlice element;
	JsonError error;
	bool is_first = false;

	/*
	 * Spooling raised (temp_file_limit, a full disk) while another scan drove the loop and
	 * survived it: bytes are lost.
	 */
	if (page->is_receiving)
	{
		page_fail(page, ERRCODE_FDW_ERROR, "an error interrupted its reading", NULL);
		return false;
	}
	if (!dq_exchange_take(page->exchange, &bytes, &len))
		return true;
	if (page->splitter == NULL || page->restarts != dq_exchange_restarts(page->exchange))
	{
		page_prepare_splitter(page);
		is_first = true;
	}
	if (page->beginning.len < BEGINNING_BYTES)
		appendBinaryStringInfo(&page->beginning, bytes,
							   Min(len, BEGINNING_BYTES - page->beginning.len));
	if (is_first && !page_check_content_type(page))
		return false;

	Spool *spool = page->spool ? page->spool : fetch->spool;
	bool is_paged = fetch->options.table->paging.kind != PAGING_NONE;
	int64 rows_before = page->rows;

	page->is_receiving = true;
	dq_splitter_feed(page->splitter, bytes, len);
	for (;;)
	{
		SplitResult result = dq_splitter_next(page->splitter, &element, &error);

		if (result == SPLIT_ELEMENT)
		{
			/* Rows that are held can come anew. */
			if (page->rows++ == 0 && !page_holds_rows(page))
				dq_exchange_commit(page->exchange);
			if (is_paged)
				page->content_hash = hash_bytes_extended((const unsigned char *) element.start,
														 element.len, page->content_hash);
			if (fetch->options.table->next_row)
			{
				resetStringInfo(&page->last_row);
				appendBinaryStringInfo(&page->last_row, element.start, element.len);
			}
			if (!is_absent_row(page, &element))
				dq_spool_append(spool, element.start, element.len);
			continue;
		}
		page->is_receiving = false;
		dq_exchange_count_rows(page->exchange, page->rows - rows_before, (int64) len);
		if (page->spool == NULL)
			fetch->rows += page->rows - rows_before;
		if (result == SPLIT_ERROR)
		{
			page_fail_json(page, &error);
			return false;
		}
		return true;
	}
}

/* A row without a cursor would end the paging as if there were no more: that must be told. */
static bool
page_check_cursor(FetchPage *page)
{
	const PageFacts *facts = &page->facts;
	const char *place = page->fetch->options.table->next_row_text;

	if (place == NULL || page->fetch->options.is_lookup || facts->not_found || facts->rows == 0 ||
		(facts->next && facts->next[0]) || (facts->has_more_is_known && !facts->has_more))
		return true;
	page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
			  psprintf("the last row has no cursor at JSON place \"%s\"", place),
			  "Option \"next_row\" says where it stands in a row.");
	return false;
}

/*
 * What leads to the next page has to be understood, or absent: else its rows would be missing without
 * a word.  False, as some services say it, is absent.
 */
static bool
page_check_next(FetchPage *page)
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
	page_fail(page, ERRCODE_FDW_INVALID_STRING_FORMAT,
			  next->kind == JSONK_STRING ?
				  psprintf("what leads to the next page, at JSON place \"%s\", holds \\u0000",
						   place) :
				  psprintf("found JSON %s at \"%s\", expected what leads to the next page: a string or a number",
						   dq_json_kind_name(next->kind), place),
			  "Option \"next\" says where the next cursor or URL stands in the answer.");
	return false;
}

/* The whole answer is there: checks that it was complete. */
static void
page_finish(FetchPage *page)
{
	int status = dq_exchange_status(page->exchange);
	JsonError error;

	/* No content is no answer of GraphQL. */
	page->is_not_modified = status == 304;
	if (status != 404 && status != 304 && (status != 204 || page->fetch->options.table->graphql))
	{
		if (page->splitter == NULL || page->restarts != dq_exchange_restarts(page->exchange))
		{
			page_prepare_splitter(page);
			if (!page_check_content_type(page))
				return;
		}
		if (!dq_splitter_finish(page->splitter, &error))
		{
			page_fail_json(page, &error);
			return;
		}
	}
	if (!page_check_errors(page))
		return;

	MemoryContext old = MemoryContextSwitchTo(page->context);

	dq_fetch_page_facts(page);
	MemoryContextSwitchTo(old);
	if (!page_check_cursor(page) || !page_check_next(page))
		return;
	dq_cached_page_ended(page);
	page->fetch->stats.pages++;
	page->fetch->stats.page_rows = Max(page->fetch->stats.page_rows, page->rows);
	if (page->facts.has_total)
	{
		page->fetch->stats.has_total = true;
		page->fetch->stats.total = page->facts.total;
	}
	dq_fetch_activity_page(page->fetch);
	page->is_checked = true;
	if (page->is_head && page->spool)
	{
		page->is_receiving = true;
		dq_fetch_page_make_head(page);
		page->is_receiving = false;
	}
	page->is_complete = true;
	page_release_exchange(page);
}

static void
page_progress(Exchange *exchange, void *owner)
{
	FetchPage *page = owner;
	Fetch *fetch = page->fetch;

	if (!fetch->has_first_byte)
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, fetch->started);
		fetch->stats.first_byte_ms = INSTR_TIME_GET_MILLISEC(now);
		fetch->has_first_byte = true;
	}
	if (page_receive(page))
	{
		if (dq_exchange_state(exchange) == EXCHANGE_DONE)
			page_finish(page);
		else if (dq_exchange_state(exchange) == EXCHANGE_FAILED)
		{
			const RemoteError *error = dq_exchange_error(exchange);
			MemoryContext old = MemoryContextSwitchTo(fetch->context);

			page->error = palloc(sizeof(RemoteError));
			*page->error = (RemoteError) { .kind = error->kind,
										   .sqlstate = error->sqlstate,
										   .message = pstrdup(error->message),
										   .detail = error->detail ? pstrdup(error->detail) : NULL,
										   .hint = error->hint ? pstrdup(error->hint) : NULL,
										   .context = error->context ? pstrdup(error->context) :
																	   NULL };
			MemoryContextSwitchTo(old);
			page->is_complete = true;
			page_release_exchange(page);
		}
	}
	if (page->is_complete)
		dq_fetch_page_ended(fetch, page);
}
