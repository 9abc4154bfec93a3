/*
 * trace.h
 *	  Which trace the session's requests belong to, and the log of requests.
 *
 * Settings distquery.traceparent and distquery.tracestate say it; where they are not set and
 * distquery.trace asks for it, each statement is a trace of its own.
 */
#ifndef DQ_TRACE_H
#define DQ_TRACE_H

#include "request/trace_context.h"
#include "transport/request_record.h"

/* distquery.trace; each does what the one before it does, too. */
typedef enum TraceLevel
{
	TRACE_OFF = 0,
	TRACE_SEND,	  /* statements without a trace get one */
	TRACE_ERRORS, /* requests that fail are logged */
	TRACE_LOG	  /* all requests are logged */
} TraceLevel;

extern int dq_trace_level;

/* What one attempt is known by; empty texts where it belongs to no trace. */
typedef struct TraceSpan
{
	char trace_id[TRACE_ID_DIGITS + 1];
	char span_id[SPAN_ID_DIGITS + 1];
} TraceSpan;

/* In _PG_init: defines the settings. */
extern void dq_trace_define(void);

/* A new span; returns header traceparent, palloc'd, NULL where the request belongs to no trace. */
extern char *dq_trace_begin_span(TraceSpan *span);

/* Header tracestate that goes with it; NULL: none. */
extern const char *dq_trace_state(void);

/*
 * Logs an attempt that has ended, if distquery.trace asks for it; relation_name may be NULL.  May be
 * called in reset callbacks.
 */
extern void dq_trace_log(const RequestRecord *record, const char *relation_name);

#endif /* DQ_TRACE_H */
