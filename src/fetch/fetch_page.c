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

#include "common/hashfn.h"
#include "fetch/cached_fetch.h"
#include "fetch/fetch_activity.h"
#include "utils/memutils.h"

/*
 * Elements and captured members larger than this end with an error; the first is bounded by
 * palloc.
 */
#define MAX_ELEMENT_BYTES ((size_t) 1000 * 1024 * 1024)
#define MAX_CAPTURE_BYTES ((size_t) 64 * 1024)

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

/*
 * Adds what this page's exchange did to the fetch's figures, and lets it go with what has read the
 * answer: a page may wait long to be read, and a large row has made its buffer large.
 */
void
dq_fetch_page_release(FetchPage *page)
{
	Fetch *fetch = page->fetch;
	ExchangeStats stats;

	if (page->splitter)
		dq_splitter_free(page->splitter);
	page->splitter = NULL;
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
	dq_fetch_page_release(page);
	if (page->spool)
		dq_spool_free(page->spool);
	MemoryContextDelete(page->context);
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
		dq_fetch_page_fail(page, ERRCODE_FDW_ERROR, "an error interrupted its reading", NULL);
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
	if (is_first && !dq_fetch_page_check_content_type(page))
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
			dq_fetch_page_fail_json(page, &error);
			return false;
		}
		return true;
	}
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
			if (!dq_fetch_page_check_content_type(page))
				return;
		}
		if (!dq_splitter_finish(page->splitter, &error))
		{
			dq_fetch_page_fail_json(page, &error);
			return;
		}
	}
	if (!dq_fetch_page_check_errors(page))
		return;

	MemoryContext old = MemoryContextSwitchTo(page->context);

	dq_fetch_page_facts(page);
	MemoryContextSwitchTo(old);
	if (!dq_fetch_page_check_cursor(page) || !dq_fetch_page_check_next(page))
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
	dq_fetch_page_release(page);
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
			dq_fetch_page_release(page);
		}
	}
	if (page->is_complete)
		dq_fetch_page_ended(fetch, page);
}
