/*
 * trace_log.c
 *	  The log of requests: a line an attempt, as distquery.trace asks.
 *
 * It goes to the server's log only, and not to the client: an attempt may end while its transaction
 * is being cleaned up.  For the same reason the line is written without allocating, and interrupts
 * are held off.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "transport/trace.h"

#define LINE_BYTES (RECORD_URL_BYTES + NAMEDATALEN + 512)

typedef struct Line
{
	char text[LINE_BYTES];
	int len;
} Line;

static void add(Line *line, const char *format, ...) pg_attribute_printf(2, 3);

static void
add(Line *line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(line->text + line->len, LINE_BYTES - line->len, format, args);
	va_end(args);
	line->len = strlen(line->text);
}

static void
add_ms(Line *line, const char *name, double ms)
{
	if (ms < 0)
		add(line, "%s -", name);
	else
		add(line, "%s %.1f", name, ms);
}

static void
add_times(Line *line, const RequestTimes *times)
{
	add(line, ", %.1f ms (", Max(times->total_ms, 0));
	add_ms(line, "waited", times->waited_ms);
	add_ms(line, ", name", times->name_ms);
	add_ms(line, ", connected", times->connect_ms);
	add_ms(line, ", TLS", times->tls_ms);
	add_ms(line, ", first byte", times->first_byte_ms);
	add(line, ")");
}

static bool
is_wanted(const RequestRecord *record)
{
	if (dq_trace_level == TRACE_ERRORS)
		return record->fate == FATE_ENDED && record->failure != FAILURE_NONE;
	return dq_trace_level == TRACE_LOG;
}

void
dq_trace_log(const RequestRecord *record, const char *relation_name)
{
	Line line = { .len = 0 };

	if (!is_wanted(record))
		return;
	add(&line, "distquery: %s %s", record->method, record->url);
	if (record->status > 0)
		add(&line, ", status %d", record->status);
	if (record->fate != FATE_ENDED)
		add(&line, ", %s", dq_fate_name(record->fate));
	else if (record->failure != FAILURE_NONE)
		add(&line, ", failed (%s)", dq_failure_name(record->failure));
	add(&line, ", attempt %d", record->attempt);
	add_times(&line, &record->times);
	add(&line, ", " INT64_FORMAT " bytes, " INT64_FORMAT " rows", record->body_bytes, record->rows);
	if (relation_name)
		add(&line, ", foreign table \"%s\"", relation_name);
	if (record->trace_id[0])
		add(&line, ", trace %s, span %s", record->trace_id, record->span_id);
	HOLD_INTERRUPTS();
	ereport(LOG_SERVER_ONLY,
			(errmsg_internal("%s", line.text), errhidestmt(true), errhidecontext(true)));
	RESUME_INTERRUPTS();
}
