/*
 * fetch.c
 *	  One bound question: its pages in order, its rows to any number of readers.
 *
 * Pages are asked one after the other, or, where the first answer gave a total, several ahead of
 * the one that is being read; the rules of what comes next are paging.h's.  Rows collect in a
 * spool.  fetch_pump() moves on whenever the head page has ended: inside dq_loop_step(), so that a
 * fetch runs ahead of its reader, or from dq_fetch_next(), when it had stopped because it was far
 * enough ahead.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "distquery.h"
#include "fetch/cached_fetch.h"
#include "fetch/fetch_activity.h"
#include "fetch/figures.h"
#include "fetch/last_errors.h"
#include "fetch/freshness.h"
#include "fetch/strategy.h"
#include "fetch/transaction_store.h"
#include "transport/flight.h"
#include "transport/loop.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A fetch that nobody reads stops asking for pages when it is ahead by so many bytes or rows. */
#define AHEAD_BYTES ((int64) 64 * 1024 * 1024)
#define AHEAD_ROWS 1000000

/* Pages on the wire at once beyond the head. */
#define AHEAD_PAGES 8

const char *
dq_fetch_method(const FetchOptions *options)
{
	return options->body ? "POST" : "GET";
}

/*
 * What tells one request, and one way to read its answer, from another, but for URL, server, headers
 * and identity.
 */
void
dq_fetch_question(const FetchOptions *options, StringInfo out)
{
	const TableSpec *table = options->table;
	Request request = {
		.method = dq_fetch_method(options),
		.url = "",
		.body = options->body ? dq_body_text(options->body, NULL) : NULL,
	};

	dq_request_identity(&request, out);
	/* Where paging stands in it is part of the body, too. */
	if (options->body)
		appendStringInfo(out, "|%s", options->body->tmpl->source);
	appendStringInfo(out, "|%d|%d|" INT64_FORMAT "|%s|%s|%s|", options->is_lookup,
					 table->paging.kind, table->paging.kind == PAGING_NONE ? 0 : options->row_limit,
					 options->is_lookup ? table->lookup_rows_text : table->rows_text,
					 table->next_text ? table->next_text : "",
					 table->total_text ? table->total_text : "");
	appendStringInfo(out,
					 "%d|%d|" INT64_FORMAT "|" INT64_FORMAT "|" INT64_FORMAT "|" INT64_FORMAT
					 "|%s|%s|%s|%s|%s|",
					 table->not_found, table->paging.last_page, table->paging.page_size,
					 table->paging.first_page, table->paging.max_pages,
					 options->endpoint->limits.max_response_bytes,
					 table->paging.page_param ? table->paging.page_param : "",
					 table->paging.size_param ? table->paging.size_param : "",
					 table->paging.offset_param ? table->paging.offset_param : "",
					 table->paging.cursor_param ? table->paging.cursor_param : "",
					 table->next_row_text ? table->next_row_text : "");
	if (options->enough > 0)
		appendStringInfo(out, "enough " INT64_FORMAT "|", options->enough);
	if (options->page)
		appendStringInfo(out, "page " INT64_FORMAT " " INT64_FORMAT "|", options->page->number,
						 options->page->size);
}

/* The same with server and headers. */
void
dq_fetch_shape(const FetchOptions *options, StringInfo out)
{
	const TableSpec *table = options->table;
	Request headers = {
		.method = "", .url = "", .nheaders = table->nheaders, .headers = table->headers
	};

	dq_fetch_question(options, out);
	dq_request_identity(&headers, out);
	appendStringInfo(out, "|%u|", options->endpoint->serverid);
}

/*
 * What tells one request of this backend from another.  Returns the length of that part which does
 * not depend on the URL.
 */
int
dq_fetch_identity(const FetchOptions *options, StringInfo out)
{
	dq_fetch_shape(options, out);
	dq_credentials_identity(options->endpoint->credentials, out);

	int shape_len = out->len;

	appendStringInfo(out, "|%s", options->url);
	return shape_len;
}

FetchReader *
dq_fetch_reader(Fetch *fetch)
{
	FetchReader *reader = MemoryContextAllocZero(fetch->context, sizeof(FetchReader));
	MemoryContext old = MemoryContextSwitchTo(fetch->context);

	reader->fetch = fetch;
	reader->spool_reader = dq_spool_reader(fetch->spool);
	reader->table = fetch->options.table;
	fetch->nreaders++;
	dlist_push_tail(&fetch->readers, &reader->node);
	MemoryContextSwitchTo(old);
	return reader;
}

void
dq_fetch_reader_free(FetchReader *reader)
{
	dq_spool_reader_free(reader->spool_reader);
	if (reader->page_request)
		pfree(reader->page_request);
	reader->fetch->nreaders--;
	dlist_delete(&reader->node);
	pfree(reader);
}

/* A fetch below a context, not asked yet; its temporary file is the current owner's. */
Fetch *
dq_fetch_create(MemoryContext parent, int64 memory_bytes, const FetchOptions *options,
				StringInfo identity, uint64 hash)
{
	MemoryContext context = AllocSetContextCreate(parent, "distquery fetch", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Fetch *fetch = palloc0(sizeof(Fetch));

	fetch->context = context;
	fetch->options = *options;
	fetch->options.url = pstrdup(options->url);
	fetch->options.body = options->body ? dq_body_copy(options->body) : NULL;
	fetch->options.scope = NULL;
	fetch->options.keys = NULL;
	fetch->options.row_key = NULL;
	fetch->options.nwider = 0;
	fetch->options.wider = NULL;
	for (int i = 0; i < MAX_CACHE_COLUMNS; i++)
		fetch->options.marks[i] = options->marks[i] ? pstrdup(options->marks[i]) : NULL;
	if (options->page)
		fetch->options.page = memcpy(palloc(sizeof(PagePosition)), options->page,
									 sizeof(PagePosition));
	fetch->identity_hash = hash;
	fetch->identity_len = identity->len;
	fetch->identity = memcpy(palloc(identity->len + 1), identity->data, identity->len + 1);
	fetch->memory_bytes = memory_bytes;
	fetch->spool = dq_spool_create(fetch->memory_bytes);
	dlist_init(&fetch->ahead);
	dlist_init(&fetch->readers);
	INSTR_TIME_SET_CURRENT(fetch->started);
	MemoryContextSwitchTo(old);
	return fetch;
}

/* Asks for the first page. */
void
dq_fetch_ask(Fetch *fetch)
{
	const FetchOptions *options = &fetch->options;
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	PagePosition first = { .index = 0 };

	dq_figures_attach();
	if (options->page)
		first = *options->page;
	else if (!options->is_lookup)
	{
		fetch->paging = dq_paging_create(&options->table->paging, options->url);
		first = dq_paging_first(fetch->paging, options->row_limit);
		dq_paging_enough(fetch->paging, options->enough);
	}
	fetch->asked_at = GetCurrentTimestamp();
	dq_fetch_activity_begin(fetch);
	INSTR_TIME_SET_CURRENT(fetch->started);
	fetch->head = dq_fetch_page_start(fetch, &first, true);
	MemoryContextSwitchTo(old);
}

/* Another scan reads a fetch as well. */
void
dq_fetch_join(Fetch *fetch, const FetchOptions *options)
{
	fetch->options.is_whole |= options->is_whole;
	fetch->options.keep |= options->keep;
	fetch->options.is_frugal &= options->is_frugal;
}

void
dq_fetch_free(Fetch *fetch)
{
	dq_spool_free(fetch->spool);
	MemoryContextDelete(fetch->context);
}

/* Asks the service, unless the group does so already. */
static FetchReader *
start_live(FetchGroup *group, const FetchOptions *options)
{
	StringInfoData identity;
	FetchReader *reader;

	initStringInfo(&identity);
	dq_fetch_identity(options, &identity);

	uint64 hash = hash_bytes_extended((const unsigned char *) identity.data, identity.len, 0);
	Fetch *fetch = dq_fetch_group_find(group, identity.data, identity.len, hash);

	bool is_new = fetch == NULL;

	if (is_new)
	{
		fetch = dq_fetch_create(dq_fetch_group_context(group), dq_fetch_group_share(group), options,
								&identity, hash);
		fetch->group = group;
		dq_fetch_ask(fetch);
		dq_fetch_group_add(group, fetch);
	}
	dq_fetch_join(fetch, options);
	pfree(identity.data);
	reader = dq_fetch_reader(fetch);
	reader->is_shared = !is_new;
	reader->table = options->table;
	reader->describe_keys = options->describe_keys;
	reader->describe_arg = options->describe_arg;
	reader->passes_over = options->table->on_error == ON_ERROR_EMPTY && !options->must_be_whole &&
		!dq_fetch_group_must_be_whole(group);
	return reader;
}

FetchReader *
dq_fetch_start(FetchGroup *group, const FetchOptions *options)
{
	/* A sample, or a single page, tells of no question. */
	if (options->page || options->is_sample)
		return start_live(group, options);
	switch (dq_strategy(options->table))
	{
		case STRATEGY_STORE:
			return dq_store_start(group, options);
		case STRATEGY_CACHE:
			if (dq_cached_can_keep(options) && dq_max_age_ms != 0)
				return dq_cached_start(group, options);
			break;
		case STRATEGY_LIVE:
			break;
	}
	return start_live(group, options);
}

static void
fetch_drop_ahead(Fetch *fetch)
{
	while (!dlist_is_empty(&fetch->ahead))
		dq_fetch_page_free(dlist_container(FetchPage, node, dlist_pop_head_node(&fetch->ahead)));
}

/* Tells what the fetch has shown of its table, once: at its end, or when it is left before. */
static void
fetch_teach(Fetch *fetch)
{
	const FetchStats *stats = &fetch->stats;
	bool is_complete = fetch->is_finished && fetch->options.page == NULL;
	FetchFacts facts = { -1, -1, -1, -1, -1 };

	if (fetch->has_taught || fetch->error || fetch->answers == 0)
		return;
	fetch->has_taught = true;
	facts.latency_ms = fetch->latency_ms / fetch->answers;
	facts.request_bytes = (double) stats->wire_bytes / stats->requests;
	if (fetch->rows > 0)
		facts.row_bytes = (double) stats->bytes / fetch->rows;
	if (fetch->rows > stats->page_rows && fetch->options.row_limit == 0)
		facts.page_rows = stats->page_rows;
	if (fetch->options.is_whole && stats->has_total)
		facts.rows = stats->total;
	else if (fetch->options.is_whole && is_complete)
		facts.rows = fetch->rows;
	dq_figures_note(fetch->options.table, &facts);
}

static void
fetch_end(Fetch *fetch, RemoteError *error)
{
	instr_time now;

	fetch->error = error;
	fetch->is_finished = true;
	fetch_drop_ahead(fetch);
	dq_fetch_activity_end(fetch);
	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, fetch->started);
	fetch->stats.total_ms = INSTR_TIME_GET_MILLISEC(now);
	fetch->stats.rows = fetch->rows;
	fetch_teach(fetch);
	if (fetch->cache)
		dq_cached_ended(fetch);
}

/* The paging rules refused what the service did. */
static RemoteError *
fetch_paging_error(Fetch *fetch, const FetchPage *page, const char *problem, const char *detail)
{
	const TableSpec *table = fetch->options.table;
	const Credentials *credentials = fetch->options.endpoint->credentials;
	RemoteError *error = MemoryContextAllocZero(fetch->context, sizeof(RemoteError));
	MemoryContext old = MemoryContextSwitchTo(fetch->context);

	error->kind = FAILURE_CONTENT;
	error->sqlstate = ERRCODE_FDW_ERROR;
	error->message = psprintf("could not page through foreign table \"%s\" of server \"%s\": %s",
							  table->name, fetch->options.endpoint->server_name,
							  dq_credentials_redact(credentials, problem));
	error->detail = psprintf("Page " INT64_FORMAT " was %s %s.%s%s", page->position.index + 1,
							 dq_fetch_method(&fetch->options),
							 dq_credentials_redact(credentials, page->url), detail ? " " : "",
							 detail ? dq_credentials_redact(credentials, detail) : "");
	MemoryContextSwitchTo(old);
	return error;
}

/* What is missing when this page failed, in words. */
static char *
fetch_missing(const Fetch *fetch, const FetchPage *page)
{
	if (page->rows > 0)
		return psprintf("all rows after the first " INT64_FORMAT, fetch->rows);
	return page->position.index == 0 ?
		pstrdup("all rows") :
		psprintf("page " INT64_FORMAT " and all after it", page->position.index + 1);
}

/* True while the fetch is far enough ahead of its readers, or must not ask before it is asked. */
static bool
fetch_should_wait(const Fetch *fetch)
{
	if (fetch->options.is_frugal ||
		(fetch->options.enough_rows > 0 && fetch->rows >= fetch->options.enough_rows))
		return true;
	if (fetch->options.all_first)
		return false;
	return dq_spool_bytes(fetch->spool) > AHEAD_BYTES ||
		fetch->rows - fetch->rows_read > AHEAD_ROWS;
}

/* Asks for pages that the total foretold, up to AHEAD_PAGES on the wire. */
static void
fetch_start_ahead(Fetch *fetch)
{
	int64 foretold = dq_paging_ahead(fetch->paging);
	int under_way = 0;
	dlist_iter iter;

	if (fetch_should_wait(fetch))
		return;
	dlist_foreach(iter, &fetch->ahead) under_way++;
	for (; under_way < AHEAD_PAGES && fetch->ahead_started < foretold; under_way++)
	{
		PagePosition position = dq_paging_position_ahead(fetch->paging, fetch->ahead_started++);
		FetchPage *page = dq_fetch_page_start(fetch, &position, false);

		dlist_push_tail(&fetch->ahead, &page->node);
	}
}

/* Makes the page at this position the head: one asked ahead if it fits, else a new one. */
static void
fetch_take_page(Fetch *fetch, const PagePosition *position)
{
	if (!dlist_is_empty(&fetch->ahead))
	{
		FetchPage *page = dlist_head_element(FetchPage, node, &fetch->ahead);

		if (page->position.number == position->number && page->position.size == position->size)
		{
			dlist_delete(&page->node);
			page->position.index = position->index;
			page->facts.position.index = position->index;
			dq_fetch_page_make_head(page);
			fetch->head = page;
			return;
		}
		fetch_drop_ahead(fetch);
		fetch->ahead_started = PG_INT64_MAX;
	}
	fetch->head = dq_fetch_page_start(fetch, position, true);
}

/*
 * Moves on from pages that have ended; asks for the next unless the fetch is far ahead and nobody
 * waits.
 */
static void
fetch_pump(Fetch *fetch, bool is_wanted)
{
	MemoryContext old = MemoryContextSwitchTo(fetch->context);

	/* The latter: it waits for another session's request. */
	while (!fetch->is_finished && (fetch->head || fetch->has_pending))
	{
		if (fetch->has_pending)
		{
			bool is_at_hand = !dlist_is_empty(&fetch->ahead);

			if (!is_wanted && !is_at_hand && fetch_should_wait(fetch))
				break;
			fetch->has_pending = false;
			fetch_take_page(fetch, &fetch->pending);
			is_wanted = false;
		}

		FetchPage *page = fetch->head;

		Assert(page != NULL);
		if (!page->is_complete)
			break;
		if (page->error)
		{
			fetch->missing = fetch_missing(fetch, page);
			fetch_end(fetch, page->error);
		}
		else if (page->is_not_modified && !dq_cached_confirm(fetch))
		{
			fetch->pending = page->position;
			fetch->has_pending = true;
		}
		else if (page->is_not_modified || fetch->options.is_lookup || fetch->options.page)
			fetch_end(fetch, NULL);
		else
		{
			char *problem = NULL;
			char *detail = NULL;
			PagingVerdict verdict = dq_paging_advance(fetch->paging, &page->facts, &fetch->pending,
													  &problem, &detail);

			if (verdict == PAGING_CONTINUE)
			{
				fetch->has_pending = true;
				fetch_start_ahead(fetch);
			}
			else if (verdict == PAGING_END)
				fetch_end(fetch, NULL);
			else
				fetch_end(fetch, fetch_paging_error(fetch, page, problem, detail));
		}
		fetch->head = NULL;
		dq_fetch_page_free(page);
	}
	MemoryContextSwitchTo(old);
}

/* A page's answer is complete or has failed; called out of dq_loop_step(). */
void
dq_fetch_page_ended(Fetch *fetch, FetchPage *page)
{
	if (page == fetch->head)
		fetch_pump(fetch, false);
}

/* The reader has come to where the fetch failed: raises, unless an outage is passed over. */
static void
fetch_tell_error(const FetchReader *reader)
{
	const Fetch *fetch = reader->fetch;
	bool is_passed_over = reader->passes_over && dq_failure_is_outage(fetch->error->kind);

	char *missing = fetch->missing ? fetch->missing : pstrdup("all rows");
	char *keys = reader->describe_keys ? reader->describe_keys(reader->describe_arg) : NULL;

	if (keys)
		missing = dq_credentials_redact(fetch->options.endpoint->credentials,
										psprintf("%s with %s", missing, keys));
	dq_last_errors_note(reader->table, fetch->error, missing, !is_passed_over);
	if (!is_passed_over)
		dq_remote_error_raise(fetch->error);
}

/* The next row that is in the spool already. */
bool
dq_fetch_next_spooled(FetchReader *reader, FetchRow *row)
{
	Fetch *fetch = reader->fetch;
	const char *bytes;
	size_t len;

	while (dq_spool_next(reader->spool_reader, &bytes, &len))
	{
		if (bytes[0] == 'P')
		{
			if (reader->page_request)
				pfree(reader->page_request);
			reader->page_request = memcpy(MemoryContextAlloc(fetch->context, len), bytes + 1,
										  len - 1);
			reader->page_request[len - 1] = '\0';
			reader->page_rows = 0;
			continue;
		}
		reader->rows++;
		fetch->rows_read = Max(fetch->rows_read, reader->rows);
		if (dq_cached_is_repeated(fetch, reader->rows, bytes, len))
			continue;
		row->bytes = bytes;
		row->len = len;
		row->request = reader->page_request;
		row->number = ++reader->page_rows;
		return true;
	}
	return false;
}

/* Moves a fetch on as far as it can without waiting. */
static void
fetch_move_on(Fetch *fetch)
{
	dq_fetch_group_unpark(fetch->group);
	if (fetch->cache)
		dq_cached_advance(fetch);
	fetch_pump(fetch, true);
}

/* The same, waiting for the service where it has to. */
void
dq_fetch_advance(Fetch *fetch)
{
	fetch_move_on(fetch);
	if (!fetch->is_finished)
		dq_loop_step();
	dq_flight_beat();
}

/* The next of what is there, or why there is nothing. */
static FetchResult
fetch_take(FetchReader *reader, FetchRow *row)
{
	Fetch *fetch = reader->fetch;

	if (fetch->options.all_first && !fetch->is_finished)
		return FETCH_WAIT;
	if (fetch->options.all_first && fetch->error)
		return FETCH_FAILED;
	if (fetch->stored)
		return dq_store_next(reader, row) ? FETCH_ROW : FETCH_END;
	if (!fetch->options.keep && dq_spool_is_kept(fetch->spool) &&
		dq_spool_bytes(fetch->spool) > fetch->memory_bytes / 2 && !dq_cached_needs_rows(fetch))
		dq_spool_release(fetch->spool);
	if (dq_fetch_next_spooled(reader, row))
		return FETCH_ROW;
	if (fetch->error)
		return FETCH_FAILED;
	return fetch->is_finished ? FETCH_END : FETCH_WAIT;
}

bool
dq_fetch_next(FetchReader *reader, FetchRow *row)
{
	FetchResult result;

	while ((result = fetch_take(reader, row)) == FETCH_WAIT)
		dq_fetch_advance(reader->fetch);
	if (result == FETCH_FAILED)
		fetch_tell_error(reader);
	return result == FETCH_ROW;
}

FetchResult
dq_fetch_try_next(FetchReader *reader, FetchRow *row)
{
	FetchResult result = fetch_take(reader, row);

	if (result != FETCH_WAIT)
		return result;
	fetch_move_on(reader->fetch);
	dq_flight_beat();
	return fetch_take(reader, row);
}

bool
dq_fetch_is_idle(const FetchReader *reader)
{
	return reader->fetch->is_finished || reader->fetch->has_pending;
}

bool
dq_fetch_needs_page(const FetchReader *reader)
{
	return reader->fetch->has_pending && reader->rows == reader->fetch->rows;
}

bool
dq_fetch_rewind(FetchReader *reader)
{
	if (!dq_spool_is_kept(reader->fetch->spool))
		return false;
	dq_spool_rewind(reader->spool_reader);
	if (reader->fetch->stored)
		dq_store_rewind(reader);
	reader->page_rows = 0;
	reader->rows = 0;
	return true;
}

void
dq_fetch_stats(const FetchReader *reader, FetchStats *stats)
{
	const Fetch *fetch = reader->fetch;

	*stats = fetch->stats;
	stats->is_shared = reader->is_shared;
	stats->is_partial = fetch->error != NULL;
	if (fetch->stored)
		stats->origins[reader->origin] = 1;
	else if (!reader->is_shared)
		stats->origins[fetch->origin] = 1;
	stats->rows = fetch->rows;
	if (fetch->head && fetch->head->exchange)
	{
		ExchangeStats live;

		dq_exchange_stats(fetch->head->exchange, &live);
		stats->requests += live.requests;
		stats->retries += live.retries;
		stats->connections += live.connections;
		stats->bytes += live.body_bytes;
		stats->wire_bytes += live.wire_bytes;
	}
	if (!fetch->is_finished)
	{
		instr_time now;

		INSTR_TIME_SET_CURRENT(now);
		INSTR_TIME_SUBTRACT(now, fetch->started);
		stats->total_ms = INSTR_TIME_GET_MILLISEC(now);
	}
}

void
dq_fetch_close(FetchReader *reader)
{
	Fetch *fetch = reader->fetch;

	dq_freshness_note(fetch->options.table->relid, fetch->asked_at);
	if (fetch->stored)
	{
		dq_store_close(reader);
		return;
	}
	dq_fetch_reader_free(reader);
	if (fetch->nreaders > 0)
		return;
	fetch_teach(fetch);
	if (fetch->cache)
		dq_cached_left(fetch);
	dq_fetch_group_retire(fetch->group, fetch);
}

Strategy
dq_strategy(const TableSpec *table)
{
	return dq_forced_strategy == DQ_STRATEGY_DECLARED ? table->strategy :
														(Strategy) dq_forced_strategy;
}

const char *
dq_strategy_name(Strategy strategy)
{
	static const char *const names[] = { "live", "store", "cache" };

	return names[strategy];
}
