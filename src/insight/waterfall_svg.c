/*
 * waterfall_svg.c
 *	  distquery.waterfall_svg(): the requests of the session's latest statement as a picture.
 *
 * One SVG document, without scripts, styles or anything that would have to be loaded; ASCII only, so
 * that it is the same in every encoding.  Pointing at a bar shows the request's figures.
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "fmgr.h"
#include "insight/waterfall_names.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define PICTURE_WIDTH 1200
#define BARS_LEFT 420
#define BARS_WIDTH 560
#define HEAD_HEIGHT 64
#define ROW_HEIGHT 18
#define BAR_HEIGHT 12
#define LABEL_WIDTH 40
#define MAX_TICKS 8

PG_FUNCTION_INFO_V1(distquery_waterfall_svg);

static const struct
{
	const char *name;
	const char *color;
} phases[WATERFALL_PHASES] = {
	{ "waits", "#c4c9d0" },
	{ "connects", "#e09f3e" },
	{ "waits for the first byte", "#4a86c5" },
	{ "receives", "#3f9c6b" },
};

/* Characters that XML 1.0 allows, beyond ASCII. */
static bool
is_allowed(pg_wchar c)
{
	return c >= 0xa0 && !(c >= 0xd800 && c <= 0xdfff) && (c & 0xfffe) != 0xfffe && c <= 0x10ffff;
}

/* Appends text of the database's encoding as character data. */
static void
append_escaped(StringInfo out, const char *shown)
{
	const unsigned char *at = (const unsigned char *) pg_server_to_any(shown, strlen(shown),
																	   PG_UTF8);
	const unsigned char *end = at + strlen((const char *) at);

	while (at < end)
	{
		int len = pg_encoding_verifymbchar(PG_UTF8, (const char *) at, end - at);

		if (len > 1)
		{
			pg_wchar c = utf8_to_unicode(at);

			appendStringInfo(out, is_allowed(c) ? "&#x%x;" : "?", c);
		}
		else if (len < 1 || (*at < 0x20 && *at != '\n') || *at == 0x7f)
			appendStringInfoChar(out, '?');
		else if (strchr("&<>\"'", *at))
			appendStringInfo(out, "&#%d;", *at);
		else
			appendStringInfoChar(out, *at);
		at += Max(len, 1);
	}
}

static double
x_of(const Waterfall *waterfall, double ms)
{
	return BARS_LEFT + ms / Max(waterfall->length_ms, 0.001) * BARS_WIDTH;
}

static int
row_y(int row)
{
	return HEAD_HEIGHT + row * ROW_HEIGHT;
}

static void
append_text(StringInfo out, double x, int y, const char *attributes, const char *shown)
{
	appendStringInfo(out, "<text x=\"%.1f\" y=\"%d\"%s>", x, y, attributes);
	append_escaped(out, shown);
	appendStringInfoString(out, "</text>\n");
}

static void
append_head(StringInfo out, const Waterfall *waterfall)
{
	int height = row_y(waterfall->nbars) + ROW_HEIGHT;
	double x = BARS_LEFT;
	char *summary = psprintf("%d request%s in %.1f ms", waterfall->nbars,
							 waterfall->nbars == 1 ? "" : "s", waterfall->length_ms);

	appendStringInfo(out,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
					 "viewBox=\"0 0 %d %d\" role=\"img\" font-family=\"monospace\" "
					 "font-size=\"11\">\n",
					 PICTURE_WIDTH, height, PICTURE_WIDTH, height);
	appendStringInfo(out, "<title>%s</title>\n", summary);
	appendStringInfoString(out, "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
	append_text(out, 8, 20, " font-size=\"13\"", summary);
	if (waterfall->dropped > 0)
		append_text(out, 8, 38, "",
					psprintf(INT64_FORMAT " earlier ones are not remembered", waterfall->dropped));
	for (int i = 0; i < WATERFALL_PHASES; i++)
	{
		appendStringInfo(out,
						 "<rect x=\"%.1f\" y=\"10\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", x,
						 phases[i].color);
		append_text(out, x + 17, 20, "", phases[i].name);
		x += 36 + 7 * strlen(phases[i].name);
	}
}

/* 1, 2 or 5 times a power of ten, so that there are not too many of them. */
static double
tick_ms(double length_ms)
{
	double step = pow(10, floor(log10(Max(length_ms, 0.001) / MAX_TICKS)));

	if (length_ms / step > MAX_TICKS * 5)
		return step * 10;
	if (length_ms / step > MAX_TICKS * 2)
		return step * 5;
	return length_ms / step > MAX_TICKS ? step * 2 : step;
}

static void
append_axis(StringInfo out, const Waterfall *waterfall)
{
	double step = tick_ms(waterfall->length_ms);

	for (int i = 0; i * step <= waterfall->length_ms; i++)
	{
		double x = x_of(waterfall, i * step);

		appendStringInfo(out,
						 "<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#e3e6ea\"/>\n",
						 x, HEAD_HEIGHT - 6, x, row_y(waterfall->nbars));
		append_text(out, x, HEAD_HEIGHT - 10, " text-anchor=\"middle\" fill=\"#6b7280\"",
					psprintf("%.*f%s", step < 1 ? 3 : 0, i * step, i == 0 ? " ms" : ""));
	}
}

static void
append_ms(StringInfo out, const char *name, double ms)
{
	if (ms >= 0)
		appendStringInfo(out, "%s %.1f ms\n", name, ms);
}

/* All that is known of a request, for who points at its bar. */
static void
append_details(StringInfo out, const WaterfallBar *bar)
{
	const RequestRecord *record = bar->record;
	const RequestTimes *times = &record->times;
	StringInfoData details;

	initStringInfo(&details);
	appendStringInfo(&details, "%s %s\n", record->method, record->url);
	if (record->status > 0)
		appendStringInfo(&details, "status %d, ", record->status);
	appendStringInfo(&details, "%s, attempt %d, cache %s\n", dq_record_outcome(record),
					 record->attempt, dq_cache_use_name(record->cache));
	append_ms(&details, "asked at", bar->start_ms);
	append_ms(&details, "waited", times->waited_ms);
	append_ms(&details, "name resolved after", times->name_ms);
	append_ms(&details, "connected after", times->connect_ms);
	append_ms(&details, "TLS after", times->tls_ms);
	append_ms(&details, "first byte after", times->first_byte_ms);
	append_ms(&details, "all after", times->total_ms);
	if (record->trace_id[0])
		appendStringInfo(&details, "trace %s, span %s\n", record->trace_id, record->span_id);
	appendStringInfo(&details, INT64_FORMAT " rows, " INT64_FORMAT " bytes", record->rows,
					 record->body_bytes);
	appendStringInfoString(out, "<title>");
	append_escaped(out, details.data);
	appendStringInfoString(out, "</title>\n");
}

static void
append_phases(StringInfo out, const Waterfall *waterfall, const WaterfallBar *bar, int y)
{
	double begin = bar->start_ms;

	for (int i = 0; i < WATERFALL_PHASES; i++)
	{
		double x = x_of(waterfall, begin);
		double width = x_of(waterfall, bar->ends[i]) - x;

		if (width > 0)
			appendStringInfo(out,
							 "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"/>\n",
							 x, y, width, BAR_HEIGHT, phases[i].color);
		begin = bar->ends[i];
	}
	/* What takes hardly any time can be seen, too. */
	appendStringInfo(out, "<rect x=\"%.2f\" y=\"%d\" width=\"1\" height=\"%d\" fill=\"%s\"/>\n",
					 x_of(waterfall, bar->start_ms), y, BAR_HEIGHT,
					 bar->record->failure == FAILURE_NONE ? "#374151" : "#c0392b");
}

static void
append_row(StringInfo out, const Waterfall *waterfall, int row)
{
	const WaterfallBar *bar = &waterfall->bars[row];
	bool has_failed = bar->record->failure != FAILURE_NONE;
	int y = row_y(row);
	StringInfoData label;

	initStringInfo(&label);
	dq_waterfall_name(&label, bar->record);
	appendStringInfoChar(&label, ' ');
	dq_waterfall_label(&label, bar->record, LABEL_WIDTH);
	appendStringInfoString(out, "<g>\n");
	append_details(out, bar);
	append_text(out, BARS_LEFT - 10, y + 10, " text-anchor=\"end\"", label.data);
	append_phases(out, waterfall, bar, y);
	resetStringInfo(&label);
	appendStringInfo(&label, "%.1f ms  ", dq_waterfall_ms(bar));
	dq_waterfall_remark(&label, bar->record);
	while (label.data[label.len - 1] == ' ')
		label.data[--label.len] = '\0';
	append_text(out, BARS_LEFT + BARS_WIDTH + 10, y + 10, has_failed ? " fill=\"#c0392b\"" : "",
				label.data);
	appendStringInfoString(out, "</g>\n");
}

/* waterfall_svg() returns the picture; NULL where nothing was asked. */
Datum
distquery_waterfall_svg(PG_FUNCTION_ARGS)
{
	Waterfall *waterfall = dq_waterfall_visible();
	StringInfoData out;

	if (waterfall->nbars == 0)
		PG_RETURN_NULL();
	initStringInfo(&out);
	append_head(&out, waterfall);
	append_axis(&out, waterfall);
	for (int i = 0; i < waterfall->nbars; i++)
		append_row(&out, waterfall, i);
	appendStringInfoString(&out, "</svg>\n");
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
