/*
 * cached_record.c
 *	  The record of an answer that took no request: it came out of the cache.
 */
#include "postgres.h"

#include "fetch/cached_fetch.h"
#include "fetch/cached_private.h"
#include "miscadmin.h"
#include "transport/request_list.h"
#include "utils/backend_status.h"

static CacheUse
use_of(FetchOrigin origin)
{
	switch (origin)
	{
		case FETCH_HIT:
			return CACHE_USE_HIT;
		case FETCH_STALE:
			return CACHE_USE_STALE;
		default:
			return CACHE_USE_COALESCED;
	}
}

void
dq_cached_note_record(const Fetch *fetch)
{
	const FetchOptions *options = &fetch->options;
	char *shown = dq_record_url(options->endpoint->credentials, options->url);
	RequestRecord record;
	instr_time waited;

	dq_record_init(&record, dq_fetch_method(options), shown);
	pfree(shown);
	INSTR_TIME_SET_CURRENT(waited);
	INSTR_TIME_SUBTRACT(waited, fetch->started);
	record.started_at = GetCurrentTimestamp();
	record.query_id = (uint64) pgstat_get_my_query_id();
	record.userid = GetUserId();
	record.serverid = options->endpoint->serverid;
	record.relid = options->table->relid;
	record.scan = options->scan;
	record.fate = FATE_CACHED;
	record.cache = use_of(fetch->origin);
	record.rows = fetch->rows;
	record.times.waited_ms = INSTR_TIME_GET_MILLISEC(waited);
	record.times.total_ms = 0;
	dq_request_list_begin();
	dq_record_note(&record);
}
