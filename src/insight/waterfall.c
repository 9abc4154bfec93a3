/*
 * waterfall.c
 *	  distquery.waterfall(): the requests of the session's latest statement as lines of text.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "insight/waterfall_names.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define LABEL_WIDTH 44

PG_FUNCTION_INFO_V1(distquery_waterfall_text);

typedef struct Widths
{
	int name;
	int label;
	int bar;
} Widths;

static void
fit(int *width, StringInfo text)
{
	*width = Max(*width, pg_mbstrlen(text->data));
	resetStringInfo(text);
}

static Widths
measure(const Waterfall *waterfall, int bar_width)
{
	Widths widths = { 0, 0, bar_width };
	StringInfoData text;

	initStringInfo(&text);
	for (int i = 0; i < waterfall->nbars; i++)
	{
		const RequestRecord *record = waterfall->bars[i].record;

		dq_waterfall_name(&text, record);
		fit(&widths.name, &text);
		dq_waterfall_label(&text, record, LABEL_WIDTH);
		fit(&widths.label, &text);
	}
	return widths;
}

/* Blanks from a column's text, which begins at start, to the next column. */
static void
pad(StringInfo out, int start, int width)
{
	appendStringInfoSpaces(out, Max(width - pg_mbstrlen(out->data + start), 0) + 1);
}

static void
append_bar(StringInfo out, const Waterfall *waterfall, const WaterfallBar *bar, Widths widths)
{
	int start = out->len;

	dq_waterfall_name(out, bar->record);
	pad(out, start, widths.name);
	start = out->len;
	dq_waterfall_label(out, bar->record, widths.label);
	pad(out, start, widths.label);
	dq_waterfall_draw(out, waterfall, bar, widths.bar);
	dq_waterfall_numbers(out, waterfall, bar);
	appendStringInfoString(out, "  ");
	dq_waterfall_remark(out, bar->record);
	while (out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
}

static void
check_range(const char *name, int value, int least, int most)
{
	if (value < least || value > most)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between %d and %d", name, least, most)));
}

/* waterfall_text(bar_width, max_bars) returns all lines in one text; '' where nothing was asked. */
Datum
distquery_waterfall_text(PG_FUNCTION_ARGS)
{
	int bar_width = PG_GETARG_INT32(0);
	int max_bars = PG_GETARG_INT32(1);
	Waterfall *waterfall = dq_waterfall_visible();
	int nrequests = waterfall->nbars;
	double longest_ms = 0;
	int left_out;
	Widths widths;
	StringInfoData out;

	check_range("bar_width", bar_width, 10, 500);
	check_range("max_bars", max_bars, 1, 1000);
	initStringInfo(&out);
	if (nrequests == 0)
		PG_RETURN_TEXT_P(cstring_to_text(""));
	left_out = dq_waterfall_shorten(waterfall, max_bars, &longest_ms);
	widths = measure(waterfall, bar_width);
	appendStringInfo(&out, "%d request%s in %.1f ms (" WATERFALL_LEGEND ")", nrequests,
					 nrequests == 1 ? "" : "s", waterfall->length_ms);
	for (int i = 0; i < waterfall->nbars; i++)
	{
		appendStringInfoChar(&out, '\n');
		append_bar(&out, waterfall, &waterfall->bars[i], widths);
	}
	if (left_out > 0)
		appendStringInfo(&out, "\n%d more, of up to %.1f ms", left_out, longest_ms);
	if (waterfall->dropped > 0)
		appendStringInfo(&out, "\n" INT64_FORMAT " earlier ones are not remembered",
						 waterfall->dropped);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
