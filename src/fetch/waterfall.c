/*
 * waterfall.c
 *	  When the requests of a statement were made, and what each waited for.
 *
 * Made of the records of attempts (request_record.h).  Their start is a time of the day, all else is
 * measured from there.  What a request came to before it failed is told by which times there are.
 */
#include "postgres.h"

#include "fetch/waterfall.h"
#include "nodes/pg_list.h"
#include "transport/request_list.h"

static const char signs[WATERFALL_PHASES] = { '.', '-', '=', '#' };
#define CACHED_SIGN '*'

/* Ends of phases from the start of the attempt. */
static void
measure(const RequestRecord *record, double ends[WATERFALL_PHASES])
{
	const RequestTimes *times = &record->times;
	double total = Max(times->total_ms, 0);
	double connected = Max(times->tls_ms, times->connect_ms);

	ends[PHASE_WAIT] = 0;
	if (record->fate == FATE_CACHED)
		connected = total;
	else if (record->is_reused)
		connected = 0;
	else if (connected < 0)
		connected = total;
	ends[PHASE_CONNECT] = Min(connected, total);
	ends[PHASE_FIRST_BYTE] = times->first_byte_ms < 0 ? total : Min(times->first_byte_ms, total);
	ends[PHASE_FIRST_BYTE] = Max(ends[PHASE_FIRST_BYTE], ends[PHASE_CONNECT]);
	ends[PHASE_RECEIVE] = total;
}

/* On an axis that begins at that time of the day. */
static void
place(WaterfallBar *bar, const RequestRecord *record, TimestampTz begin)
{
	double sent = (record->started_at - begin) / 1000.0;

	bar->record = record;
	bar->start_ms = Max(sent - record->times.waited_ms, 0);
	measure(record, bar->ends);
	for (int i = 0; i < WATERFALL_PHASES; i++)
		bar->ends[i] = Max(bar->ends[i] + sent, bar->start_ms);
}

static int
compare_starts(const void *a, const void *b)
{
	const WaterfallBar *one = a;
	const WaterfallBar *two = b;

	if (one->start_ms != two->start_ms)
		return one->start_ms < two->start_ms ? -1 : 1;
	return one->ends[PHASE_WAIT] < two->ends[PHASE_WAIT] ?
		-1 :
		one->ends[PHASE_WAIT] > two->ends[PHASE_WAIT];
}

static TimestampTz
asked_at(const RequestRecord *record)
{
	return record->started_at - (TimestampTz) (record->times.waited_ms * 1000);
}

/* The records of the list, and those of attempts that are under way. */
static Waterfall *
collect(const RequestRecord **records, int n)
{
	Waterfall *waterfall = palloc0(sizeof(Waterfall));
	TimestampTz begin = n > 0 ? asked_at(records[0]) : 0;

	waterfall->bars = palloc(sizeof(WaterfallBar) * Max(n, 1));
	waterfall->nbars = n;
	waterfall->dropped = dq_request_list_dropped();
	for (int i = 0; i < n; i++)
		begin = Min(begin, asked_at(records[i]));
	for (int i = 0; i < n; i++)
	{
		place(&waterfall->bars[i], records[i], begin);
		waterfall->length_ms = Max(waterfall->length_ms, waterfall->bars[i].ends[PHASE_RECEIVE]);
	}
	qsort(waterfall->bars, n, sizeof(WaterfallBar), compare_starts);
	return waterfall;
}

Waterfall *
dq_waterfall_collect(void)
{
	RequestRecord *under_way;
	int nunder_way = dq_records_under_way(&under_way);
	const RequestRecord **records = palloc(sizeof(RequestRecord *) *
										   (MAX_LISTED_REQUESTS + nunder_way));
	int n = 0;

	while (n < MAX_LISTED_REQUESTS && (records[n] = dq_request_list_get(n)) != NULL)
		n++;
	for (int i = 0; i < nunder_way; i++)
		records[n++] = &under_way[i];
	return collect(records, n);
}

Waterfall *
dq_waterfall_collect_current(void)
{
	if (!dq_request_list_is_current())
		return palloc0(sizeof(Waterfall));
	return dq_waterfall_collect();
}

void
dq_waterfall_keep_scan(Waterfall *waterfall, uint32 scan)
{
	int kept = 0;

	for (int i = 0; i < waterfall->nbars; i++)
		if (waterfall->bars[i].record->scan == scan)
			waterfall->bars[kept++] = waterfall->bars[i];
	waterfall->nbars = kept;
}

double
dq_waterfall_ms(const WaterfallBar *bar)
{
	return bar->ends[PHASE_RECEIVE] - bar->start_ms;
}

static int
compare_lengths(const void *a, const void *b)
{
	const WaterfallBar *bar_a = a;
	const WaterfallBar *bar_b = b;
	double one = dq_waterfall_ms(bar_a);
	double two = dq_waterfall_ms(bar_b);

	if (bar_a->is_first != bar_b->is_first)
		return bar_a->is_first ? -1 : 1;
	return one < two ? 1 : one > two ? -1 : compare_starts(a, b);
}

static void
mark_first(Waterfall *waterfall)
{
	List *seen = NIL;

	for (int i = 0; i < waterfall->nbars; i++)
	{
		WaterfallBar *bar = &waterfall->bars[i];

		bar->is_first = !list_member_oid(seen, bar->record->relid);
		if (bar->is_first)
			seen = lappend_oid(seen, bar->record->relid);
	}
	list_free(seen);
}

int
dq_waterfall_shorten(Waterfall *waterfall, int bars, double *longest_ms)
{
	int left_out = waterfall->nbars - bars;

	if (left_out <= 0)
		return 0;
	mark_first(waterfall);
	qsort(waterfall->bars, waterfall->nbars, sizeof(WaterfallBar), compare_lengths);
	*longest_ms = 0;
	for (int i = bars; i < waterfall->nbars; i++)
		*longest_ms = Max(*longest_ms, dq_waterfall_ms(&waterfall->bars[i]));
	waterfall->nbars = bars;
	qsort(waterfall->bars, bars, sizeof(WaterfallBar), compare_starts);
	return left_out;
}

/* What follows scheme and host. */
static const char *
path_of(const char *url)
{
	const char *host = strstr(url, "://");
	const char *path = host ? strchr(host + 3, '/') : NULL;

	return path ? path : url;
}

void
dq_waterfall_label(StringInfo out, const RequestRecord *record, int width)
{
	const char *path = path_of(record->url);
	int start = out->len;
	int len;

	if (strcmp(record->method, "GET") != 0)
		appendStringInfo(out, "%s ", record->method);
	appendStringInfoString(out, path);
	len = out->len - start;
	if (len > width)
	{
		/* Pages differ at the end. */
		int head = width / 3;
		int tail = width - head - 2;

		memmove(out->data + start + head + 2, out->data + out->len - tail, tail + 1);
		memcpy(out->data + start + head, "..", 2);
		out->len = start + width;
	}
}

/* The phase that takes most of a column, from one time to the other. */
static WaterfallPhase
phase_of(const WaterfallBar *bar, double from_ms, double to_ms)
{
	WaterfallPhase phase = PHASE_RECEIVE;
	double most = 0;
	double begin = bar->start_ms;

	for (int i = 0; i < WATERFALL_PHASES; i++)
	{
		double share = Min(bar->ends[i], to_ms) - Max(begin, from_ms);

		if (share > most)
		{
			most = share;
			phase = i;
		}
		begin = bar->ends[i];
	}
	return phase;
}

void
dq_waterfall_draw(StringInfo out, const Waterfall *waterfall, const WaterfallBar *bar, int columns)
{
	double column_ms = Max(waterfall->length_ms, 0.001) / columns;
	int from = Min((int) (bar->start_ms / column_ms), columns - 1);
	int to = Min((int) (bar->ends[PHASE_RECEIVE] / column_ms + 0.5), columns);

	/* Also what is too short for a column has one. */
	to = Max(to, from + 1);
	appendStringInfoChar(out, '|');
	appendStringInfoSpaces(out, from);
	for (int i = from; i < to; i++)
		appendStringInfoChar(out,
							 bar->record->fate == FATE_CACHED && to == from + 1 ?
								 CACHED_SIGN :
								 signs[phase_of(bar, i * column_ms, (i + 1) * column_ms)]);
	appendStringInfoSpaces(out, columns - to);
	appendStringInfoChar(out, '|');
}

void
dq_waterfall_numbers(StringInfo out, const Waterfall *waterfall, const WaterfallBar *bar)
{
	int width = snprintf(NULL, 0, "%.1f", waterfall->length_ms);

	appendStringInfo(out, " %*.1f +%*.1f ms", width, bar->start_ms, width, dq_waterfall_ms(bar));
}

static bool
is_of_status(FailureKind kind)
{
	return kind == FAILURE_5XX || kind == FAILURE_429 || kind == FAILURE_4XX;
}

void
dq_waterfall_remark(StringInfo out, const RequestRecord *record)
{
	const char *comma = "";

	if (record->attempt > 1)
	{
		appendStringInfo(out, "attempt %d", record->attempt);
		comma = ", ";
	}
	if (record->fate == FATE_CACHED)
		appendStringInfoString(out, dq_cache_use_name(record->cache));
	else if (record->fate == FATE_ENDED && record->status > 0 && record->status != 200)
		appendStringInfo(out, "%sstatus %d", comma, record->status);
	if ((record->fate != FATE_ENDED && record->fate != FATE_CACHED) ||
		(record->failure != FAILURE_NONE && !is_of_status(record->failure)))
		appendStringInfo(out, "%s%s", comma, dq_record_outcome(record));
}
