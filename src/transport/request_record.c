/*
 * request_record.c
 *	  Records of HTTP attempts: what is measured when, and who gets them.
 *
 *	dq_record_prepare()	an exchange begins, or its URL changes: what its attempts have in common
 *	dq_record_begin()	an attempt is on the wire
 *	dq_record_measure()	it is about to be taken off; libcurl still knows its times
 *	dq_record_end()		it is known how it ended: the record is handed out
 *
 * The log of requests (trace.h) is written then, too.  The latter two run in reset callbacks of memory contexts, too, and never raise.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "transport/exchange_private.h"
#include "transport/request_list.h"
#include "transport/request_ring.h"
#include "utils/backend_status.h"
#include "utils/timestamp.h"

/* Since then libcurl counts the body of a request apart from its head. */
#define BODY_COUNTED_APART 0x080700

#define ELLIPSIS "..."

/* So long the time of day is reckoned from one look at it. */
#define LONGEST_BASE_MS 1000.0
#define LONGEST_PAUSE_MS 0.05

const char *
dq_cache_use_name(CacheUse use)
{
	static const char *const names[] = { "off", "hit", "miss", "stale", "coalesced" };

	return names[use];
}

const char *
dq_fate_name(RequestFate fate)
{
	static const char *const names[] = { "ended", "left", "cancelled", "under way", "cached" };

	return names[fate];
}

const char *
dq_record_outcome(const RequestRecord *record)
{
	if (record->fate != FATE_ENDED)
		return dq_fate_name(record->fate);
	return record->failure == FAILURE_NONE ? "ok" : dq_failure_name(record->failure);
}

Size
dq_record_size(const RequestRecord *record)
{
	return offsetof(RequestRecord, url) + strlen(record->url) + 1;
}

/* Databases of other encodings read it: what is not ASCII, or would disturb a terminal, goes. */
char *
dq_record_url(const Credentials *credentials, const char *url)
{
	char *shown = dq_credentials_redact(credentials, url);

	if (strlen(shown) >= RECORD_URL_BYTES)
		memcpy(shown + RECORD_URL_BYTES - sizeof(ELLIPSIS), ELLIPSIS, sizeof(ELLIPSIS));
	for (char *c = shown; *c; c++)
		if (*c < 0x20 || *c >= 0x7f)
			*c = '?';
	return shown;
}

void
dq_record_init(RequestRecord *record, const char *method, const char *shown_url)
{
	memset(record, 0, offsetof(RequestRecord, url));
	record->database = MyDatabaseId;
	record->pid = MyProcPid;
	record->times = (RequestTimes) { 0, -1, -1, -1, -1, -1 };
	strlcpy(record->method, method, RECORD_METHOD_BYTES);
	memcpy(record->url, shown_url, strlen(shown_url) + 1);
}

void
dq_record_note(const RequestRecord *record)
{
	dq_request_list_add(record);
	dq_request_ring_add(record);
}

void
dq_record_prepare(Exchange *exchange)
{
	exchange->shown_url = dq_record_url(exchange->endpoint->credentials, exchange->request.url);
	exchange->userid = GetUserId();
	INSTR_TIME_SET_CURRENT(exchange->waiting_since);
}

static double
ms_between(instr_time from, instr_time to)
{
	INSTR_TIME_SUBTRACT(to, from);
	return INSTR_TIME_GET_MILLISEC(to);
}

/* A time of the clock that measures as one that can be shown, reckoned anew each second. */
static TimestampTz
timestamp_of(instr_time time)
{
	static instr_time base;
	static TimestampTz base_at = 0;
	bool is_stale = base_at == 0 || ms_between(base, time) > LONGEST_BASE_MS;

	/* Anew where the process stood still between the two looks. */
	for (int tries = 0; is_stale && tries < 3; tries++)
	{
		instr_time after;

		INSTR_TIME_SET_CURRENT(base);
		base_at = GetCurrentTimestamp();
		INSTR_TIME_SET_CURRENT(after);
		is_stale = ms_between(base, after) > LONGEST_PAUSE_MS;
	}
	return base_at + (TimestampTz) (ms_between(base, time) * 1000);
}

void
dq_record_begin(Exchange *exchange)
{
	AttemptFigures *figures = &exchange->figures;

	figures->is_due = true;
	INSTR_TIME_SET_CURRENT(figures->started);
	figures->started_at = timestamp_of(figures->started);
	figures->query_id = (uint64) pgstat_get_my_query_id();
	figures->rows = 0;
	figures->times.waited_ms = ms_between(exchange->waiting_since, figures->started);
}

/* What libcurl measured, in ms; 0 is nothing. */
static double
measured_ms(CURL *easy, CURLINFO what)
{
	curl_off_t micros = 0;

	curl_easy_getinfo(easy, what, &micros);
	return micros > 0 ? micros / 1000.0 : -1;
}

static int64
sent_bytes(CURL *easy)
{
	static unsigned int version = 0;
	long head = 0;
	curl_off_t body = 0;

	if (version == 0)
		version = curl_version_info(CURLVERSION_NOW)->version_num;
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &head);
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &body);
	return version >= BODY_COUNTED_APART ? (int64) head + body : Max((int64) head, body);
}

void
dq_record_measure(Exchange *exchange)
{
	AttemptFigures *figures = &exchange->figures;
	RequestTimes *times = &figures->times;
	CURL *easy = exchange->easy;
	long connections = 0;
	instr_time now;

	if (!figures->is_due)
		return;
	INSTR_TIME_SET_CURRENT(now);
	times->total_ms = ms_between(figures->started, now);
	curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
	figures->is_reused = connections == 0 && measured_ms(easy, CURLINFO_PRETRANSFER_TIME_T) >= 0;
	times->name_ms = times->connect_ms = times->tls_ms = -1;
	if (!figures->is_reused)
	{
		times->name_ms = measured_ms(easy, CURLINFO_NAMELOOKUP_TIME_T);
		times->connect_ms = measured_ms(easy, CURLINFO_CONNECT_TIME_T);
		times->tls_ms = measured_ms(easy, CURLINFO_APPCONNECT_TIME_T);
	}
	times->first_byte_ms = measured_ms(easy, CURLINFO_STARTTRANSFER_TIME_T);
	figures->sent_bytes = sent_bytes(easy);
}

TimestampTz
dq_record_ended_at(const Exchange *exchange)
{
	const AttemptFigures *figures = &exchange->figures;

	return figures->started_at == 0 ?
		0 :
		figures->started_at + (TimestampTz) (figures->times.total_ms * 1000);
}

static void
fill(RequestRecord *record, const Exchange *exchange, RequestFate fate, FailureKind failure)
{
	const AttemptFigures *figures = &exchange->figures;

	dq_record_init(record, exchange->request.method, exchange->shown_url);
	record->started_at = figures->started_at;
	record->query_id = figures->query_id;
	record->userid = exchange->userid;
	record->serverid = exchange->endpoint->serverid;
	record->relid = exchange->relid;
	record->scan = exchange->scan;
	record->attempt = exchange->attempt;
	record->status = exchange->status;
	record->is_reused = figures->is_reused;
	record->fate = fate;
	record->failure = failure;
	record->cache = exchange->cache;
	record->rows = figures->rows;
	record->body_bytes = exchange->body_bytes;
	record->wire_bytes = exchange->attempt_wire_bytes;
	record->sent_bytes = figures->sent_bytes;
	record->times = figures->times;
	memcpy(record->trace_id, exchange->span.trace_id, sizeof(record->trace_id));
	memcpy(record->span_id, exchange->span.span_id, sizeof(record->span_id));
}

void
dq_record_end(Exchange *exchange, RequestFate fate, FailureKind failure)
{
	RequestRecord record;

	if (!exchange->figures.is_due)
		return;
	exchange->figures.is_due = false;
	fill(&record, exchange, fate, failure);
	dq_record_note(&record);
	dq_trace_log(&record, exchange->relation_name);
}

/* An answer, or one that is not wanted any more. */
void
dq_record_release(Exchange *exchange)
{
	if (exchange->state == EXCHANGE_DONE || exchange->has_content_failure)
		dq_record_end(exchange, FATE_ENDED,
					  exchange->has_content_failure ? FAILURE_CONTENT : FAILURE_NONE);
	else
		dq_record_end(exchange, IsTransactionState() ? FATE_LEFT : FATE_CANCELLED, FAILURE_NONE);
}

int
dq_records_under_way(RequestRecord **records)
{
	int n = 0;
	dlist_iter iter;

	dlist_foreach(iter, dq_loop_active()) n++;
	*records = palloc(sizeof(RequestRecord) * Max(n, 1));
	n = 0;
	dlist_foreach(iter, dq_loop_active())
	{
		Exchange *exchange = dlist_container(Exchange, active_node, iter.cur);
		curl_off_t bytes = 0;

		if (!exchange->figures.is_due || exchange->easy == NULL)
			continue;
		dq_record_measure(exchange);
		curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
		fill(&(*records)[n], exchange, FATE_UNDER_WAY, FAILURE_NONE);
		(*records)[n++].wire_bytes = bytes;
	}
	return n;
}
