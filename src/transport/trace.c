/*
 * trace.c
 *	  Which trace the session's requests belong to (W3C Trace Context).
 *
 * Each attempt is a span of its own, so that what a service records of it has one parent.  The trace
 * id and the flags are the caller's; only a statement that has none gets a new trace id, and is
 * marked as sampled: whoever sets distquery.trace wants to see it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "transport/budget.h"
#include "transport/trace.h"
#include "utils/guc.h"

int dq_trace_level = TRACE_OFF;

static char *traceparent = NULL;
static char *tracestate = NULL;

static const struct config_enum_entry levels[] = {
	{ "off", TRACE_OFF, false }, { "send", TRACE_SEND, false }, { "errors", TRACE_ERRORS, false },
	{ "log", TRACE_LOG, false }, { "on", TRACE_LOG, true },		{ "true", TRACE_LOG, true },
	{ "yes", TRACE_LOG, true },	 { "1", TRACE_LOG, true },		{ "false", TRACE_OFF, true },
	{ "no", TRACE_OFF, true },	 { "0", TRACE_OFF, true },		{ NULL, 0, false }
};

static bool
check_traceparent(char **newval, void **extra, GucSource source)
{
	TraceContext context;
	const char *problem;

	if (**newval == '\0')
		return true;
	problem = dq_traceparent_read(*newval, &context);
	if (problem == NULL)
		return true;
	GUC_check_errdetail("It is no header traceparent: %s.", problem);
	GUC_check_errhint("For example 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01; "
					  "distquery.adopt_headers() takes it from a request's headers.");
	return false;
}

static bool
check_tracestate(char **newval, void **extra, GucSource source)
{
	const char *problem = dq_tracestate_problem(*newval);

	if (problem == NULL)
		return true;
	GUC_check_errdetail("It is no header tracestate: %s.", problem);
	return false;
}

void
dq_trace_define(void)
{
	DefineCustomEnumVariable("distquery.trace", "Logs requests, and traces statements.",
							 "send: a statement without distquery.traceparent gets a trace id of its "
							 "own, which services are told; errors: requests that fail are logged, too; "
							 "log: all requests are.",
							 &dq_trace_level, TRACE_OFF, levels, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("distquery.traceparent",
							   "Trace that requests belong to: header traceparent (W3C).",
							   "Services are told trace id and flags, with a span id of each request.",
							   &traceparent, "", PGC_USERSET, 0, check_traceparent, NULL, NULL);
	DefineCustomStringVariable("distquery.tracestate",
							   "Sent on with distquery.traceparent: header tracestate (W3C).", NULL,
							   &tracestate, "", PGC_USERSET, 0, check_tracestate, NULL, NULL);
}

/* Random digits, not all zero; false where there is no randomness. */
static bool
random_id(int digits, char *id)
{
	uint8 bytes[TRACE_ID_DIGITS / 2];

	if (!pg_strong_random(bytes, digits / 2))
		return false;
	bytes[0] |= 1;
	dq_trace_hex(bytes, digits / 2, id);
	return true;
}

/* The trace of a statement that has none of its own. */
static bool
statement_trace(TraceContext *context)
{
	static uint64 run = 0;
	static TimestampTz sent_at = 0;
	static char trace_id[TRACE_ID_DIGITS + 1] = "";

	if (run != dq_budget_run() || sent_at != GetCurrentStatementStartTimestamp() ||
		trace_id[0] == '\0')
	{
		if (!random_id(TRACE_ID_DIGITS, trace_id))
			return false;
		run = dq_budget_run();
		sent_at = GetCurrentStatementStartTimestamp();
	}
	memcpy(context->trace_id, trace_id, sizeof(trace_id));
	context->flags = TRACE_FLAG_SAMPLED;
	return true;
}

static bool
is_set(const char *value)
{
	return value && value[0] != '\0';
}

char *
dq_trace_begin_span(TraceSpan *span)
{
	TraceContext context;

	span->trace_id[0] = span->span_id[0] = '\0';
	if (is_set(traceparent))
	{
		if (dq_traceparent_read(traceparent, &context) != NULL)
			return NULL;
	}
	else if (dq_trace_level == TRACE_OFF || !statement_trace(&context))
		return NULL;
	if (!random_id(SPAN_ID_DIGITS, span->span_id))
		return NULL;
	memcpy(span->trace_id, context.trace_id, sizeof(span->trace_id));
	return dq_traceparent_make(&context, span->span_id);
}

const char *
dq_trace_state(void)
{
	return is_set(traceparent) && is_set(tracestate) ? tracestate : NULL;
}
