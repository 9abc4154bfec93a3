/*
 * requests.c
 *	  distquery.requests and distquery.reset_requests(): the latest requests of all sessions, in SQL.
 *
 * As in pg_stat_activity: one sees one's own roles', members of pg_read_all_stats all.
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "compat.h"
#include "fmgr.h"
#include "insight/insight.h"
#include "insight/row.h"
#include "miscadmin.h"
#include "transport/request_ring.h"
#include "service/shared_state.h"
#include "utils/acl.h"

PG_FUNCTION_INFO_V1(distquery_requests);
PG_FUNCTION_INFO_V1(distquery_reset_requests);

bool
dq_insight_may_see(Oid role)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(GetUserId(), role);
}

/* From the end of one phase to that of the next, where it came to both or the first was left out. */
static double
phase_ms(double before, double end)
{
	return end < 0 || before < 0 ? end : Max(end - before, 0);
}

static void
add_times(RowBuilder *row, const RequestTimes *times)
{
	dq_row_ms(row, times->waited_ms);
	dq_row_ms(row, times->name_ms);
	dq_row_ms(row, phase_ms(times->name_ms, times->connect_ms));
	dq_row_ms(row, phase_ms(times->connect_ms, times->tls_ms));
	dq_row_ms(row, times->first_byte_ms);
	dq_row_ms(row, times->total_ms);
}

static const char *
text_or_null(const char *value)
{
	return value[0] ? value : NULL;
}

static void
put_record(ReturnSetInfo *result, const RequestRecord *record)
{
	RowBuilder row = { .n = 0 };

	dq_row_time(&row, record->started_at);
	dq_row_int(&row, record->pid);
	dq_row_oid(&row, record->database);
	dq_row_oid(&row, record->userid);
	dq_row_add(&row, Int64GetDatum((int64) record->query_id), record->query_id == 0);
	dq_row_oid(&row, record->serverid);
	dq_row_oid(&row, record->relid);
	dq_row_text(&row, record->method);
	dq_row_text(&row, record->url);
	dq_row_add(&row, Int32GetDatum(record->status), record->status == 0);
	dq_row_text(&row, dq_record_outcome(record));
	dq_row_int(&row, record->attempt);
	dq_row_text(&row, dq_cache_use_name(record->cache));
	dq_row_count(&row, record->rows);
	dq_row_count(&row, record->body_bytes);
	dq_row_count(&row, record->wire_bytes);
	dq_row_count(&row, record->sent_bytes);
	dq_row_bool(&row, record->is_reused);
	add_times(&row, &record->times);
	dq_row_text(&row, text_or_null(record->trace_id));
	dq_row_text(&row, text_or_null(record->span_id));
	dq_row_text(&row, dq_insight_scope());
	dq_row_put(&row, result);
}

/* requests() returns a row a record that the caller may see, oldest first. */
Datum
distquery_requests(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RequestRingScan scan;
	RequestRecord record;

	dq_init_materialized_srf(fcinfo);
	dq_shared_attach();
	dq_request_ring_begin(&scan);
	while (dq_request_ring_next(&scan, &record))
	{
		CHECK_FOR_INTERRUPTS();
		if (dq_insight_may_see(record.userid))
			put_record(result, &record);
	}
	return (Datum) 0;
}

/* reset_requests() forgets the requests of all sessions. */
Datum
distquery_reset_requests(PG_FUNCTION_ARGS)
{
	dq_shared_attach();
	dq_request_ring_reset();
	PG_RETURN_VOID();
}
