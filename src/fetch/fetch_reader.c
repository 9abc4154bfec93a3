/*
 * fetch_reader.c
 *	  A reader of a fetch: the rows of its spool in order, and why there are no more.
 */
#include "postgres.h"

#include "fetch/cached_fetch.h"
#include "fetch/freshness.h"
#include "fetch/last_errors.h"
#include "fetch/transaction_store.h"
#include "service/flight.h"
#include "utils/memutils.h"

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

FetchReader *
dq_fetch_reader_of(Fetch *fetch, const FetchOptions *options, bool is_shared)
{
	FetchReader *reader = dq_fetch_reader(fetch);

	fetch->options.is_whole |= options->is_whole;
	fetch->options.keep |= options->keep;
	fetch->options.is_frugal &= options->is_frugal;
	reader->is_shared = is_shared;
	reader->table = options->table;
	reader->describe_keys = options->describe_keys;
	reader->describe_arg = options->describe_arg;
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
	dq_fetch_move_on(reader->fetch);
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
	dq_fetch_teach(fetch);
	if (fetch->cache)
		dq_cached_left(fetch);
	dq_fetch_group_retire(fetch->group, fetch);
}
