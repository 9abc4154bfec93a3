/*
 * explain_waterfall.c
 *	  The requests of a plan's node in EXPLAIN (ANALYZE, VERBOSE): as bars in text, as properties in
 *	  the other formats.
 *
 * Each node shows its own, all on the time axis of the statement, so that one sees what was asked at
 * once and what waited for what.
 */
#include "postgres.h"

#include "commands/explain.h"
#include "compat.h"
#include "fdw/explain_waterfall.h"
#include "fetch/waterfall.h"

#define BAR_COLUMNS 40
#define LABEL_WIDTH 40
#define MAX_BARS 40

static void
indent(ExplainState *es, int more)
{
	appendStringInfoSpaces(es->str, es->indent * 2 + more);
}

static int
label_width(const Waterfall *waterfall)
{
	int width = 1;

	for (int i = 0; i < waterfall->nbars; i++)
	{
		StringInfoData label;

		initStringInfo(&label);
		dq_waterfall_label(&label, waterfall->bars[i].record, LABEL_WIDTH);
		width = Max(width, label.len);
	}
	return width;
}

static void
show_bar(const Waterfall *waterfall, const WaterfallBar *bar, int width, ExplainState *es)
{
	int start;

	indent(es, 2);
	start = es->str->len;
	dq_waterfall_label(es->str, bar->record, width);
	appendStringInfoSpaces(es->str, start + width + 1 - es->str->len);
	dq_waterfall_draw(es->str, waterfall, bar, BAR_COLUMNS);
	dq_waterfall_numbers(es->str, waterfall, bar);
	appendStringInfoString(es->str, "  ");
	dq_waterfall_remark(es->str, bar->record);
	while (es->str->data[es->str->len - 1] == ' ')
		es->str->data[--es->str->len] = '\0';
	appendStringInfoChar(es->str, '\n');
}

static void
show_text(Waterfall *waterfall, ExplainState *es)
{
	double longest_ms = 0;
	int left_out = dq_waterfall_shorten(waterfall, MAX_BARS, &longest_ms);
	int width = label_width(waterfall);

	indent(es, 0);
	appendStringInfo(es->str, "Waterfall: %.1f ms (" WATERFALL_LEGEND ")\n", waterfall->length_ms);
	for (int i = 0; i < waterfall->nbars; i++)
		show_bar(waterfall, &waterfall->bars[i], width, es);
	if (left_out > 0)
	{
		indent(es, 2);
		appendStringInfo(es->str, "%d more, of up to %.1f ms\n", left_out, longest_ms);
	}
	if (waterfall->dropped > 0)
	{
		indent(es, 2);
		appendStringInfo(es->str,
						 INT64_FORMAT " earlier requests of the statement are not remembered\n",
						 waterfall->dropped);
	}
}

static void
show_ms(const char *name, double ms, ExplainState *es)
{
	if (ms >= 0)
		ExplainPropertyFloat(name, "ms", ms, 3, es);
}

static void
show_properties_of(const WaterfallBar *bar, ExplainState *es)
{
	const RequestRecord *record = bar->record;
	const RequestTimes *times = &record->times;

	ExplainOpenGroup("Attempt", NULL, true, es);
	ExplainPropertyText("Method", record->method, es);
	ExplainPropertyText("URL", record->url, es);
	ExplainPropertyInteger("Attempt Number", NULL, record->attempt, es);
	if (record->status > 0)
		ExplainPropertyInteger("Status", NULL, record->status, es);
	ExplainPropertyText("Outcome", dq_record_outcome(record), es);
	ExplainPropertyText("Cache Use", dq_cache_use_name(record->cache), es);
	show_ms("Start", bar->start_ms, es);
	show_ms("Waited", times->waited_ms, es);
	show_ms("Name Resolved", times->name_ms, es);
	show_ms("Connected", times->connect_ms, es);
	show_ms("TLS Done", times->tls_ms, es);
	show_ms("First Byte", times->first_byte_ms, es);
	show_ms("Total", times->total_ms, es);
	ExplainPropertyInteger("Rows", NULL, record->rows, es);
	ExplainPropertyInteger("Bytes", "bytes", record->body_bytes, es);
	if (record->trace_id[0])
	{
		ExplainPropertyText("Trace ID", record->trace_id, es);
		ExplainPropertyText("Span ID", record->span_id, es);
	}
	ExplainCloseGroup("Attempt", NULL, true, es);
}

static void
show_properties(const Waterfall *waterfall, ExplainState *es)
{
	ExplainPropertyFloat("Waterfall Length", "ms", waterfall->length_ms, 3, es);
	if (waterfall->dropped > 0)
		ExplainPropertyInteger("Requests Not Remembered", NULL, waterfall->dropped, es);
	ExplainOpenGroup("Waterfall", "Waterfall", false, es);
	for (int i = 0; i < waterfall->nbars; i++)
		show_properties_of(&waterfall->bars[i], es);
	ExplainCloseGroup("Waterfall", "Waterfall", false, es);
}

void
dq_explain_waterfall(const TableReader *reader, ExplainState *es)
{
	Waterfall *waterfall;

	if (!es->analyze || !es->verbose || !es->timing || !es->summary)
		return;
	waterfall = dq_waterfall_collect_current();
	dq_waterfall_keep_scan(waterfall, reader->number);
	if (waterfall->nbars == 0)
		return;
	if (es->format == EXPLAIN_FORMAT_TEXT)
		show_text(waterfall, es);
	else
		show_properties(waterfall, es);
}
