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

#include "fetch/cached_fetch.h"
#include "fetch/fetch_activity.h"
#include "fetch/figures.h"
#include "service/flight.h"
#include "transport/loop.h"
#include "utils/memutils.h"

/* A fetch that nobody reads stops asking for pages when it is ahead by so many bytes or rows. */
#define AHEAD_BYTES ((int64) 64 * 1024 * 1024)
#define AHEAD_ROWS 1000000

/* Pages on the wire at once beyond the head. */
#define AHEAD_PAGES 8

static void
fetch_drop_ahead(Fetch *fetch)
{
	while (!dlist_is_empty(&fetch->ahead))
		dq_fetch_page_free(dlist_container(FetchPage, node, dlist_pop_head_node(&fetch->ahead)));
}

/* Tells what the fetch has shown of its table, once: at its end, or when it is left before. */
void
dq_fetch_teach(Fetch *fetch)
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
	dq_fetch_teach(fetch);
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

/* Moves a fetch on as far as it can without waiting. */
void
dq_fetch_move_on(Fetch *fetch)
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
	dq_fetch_move_on(fetch);
	if (!fetch->is_finished)
		dq_loop_step();
	dq_flight_beat();
}
