/*
 * trace_context.h
 *	  Headers traceparent and tracestate (W3C Trace Context, levels 1 and 2).
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_TRACE_CONTEXT_H
#define DQ_TRACE_CONTEXT_H

#include "base.h"

#define TRACE_ID_DIGITS 32
#define SPAN_ID_DIGITS 16

/* Flags that are defined; all others are sent as zero (3.2.2.5). */
#define TRACE_FLAG_SAMPLED 0x01
#define TRACE_FLAG_RANDOM 0x02

typedef struct TraceContext
{
	char trace_id[TRACE_ID_DIGITS + 1];
	char parent_id[SPAN_ID_DIGITS + 1];
	uint8 flags;
} TraceContext;

/*
 * Reads the value of a traceparent.  NULL when it is good, else what is wrong with it, a static
 * phrase.
 */
extern const char *dq_traceparent_read(const char *value, TraceContext *context);

/* The header's value for a request of this span; palloc'd. */
extern char *dq_traceparent_make(const TraceContext *context, const char *span_id);

/* Writes bytes as lower-case hex digits; digits has room for 2 * n + 1. */
extern void dq_trace_hex(const uint8 *bytes, int n, char *digits);

/* NULL when value can be sent as tracestate, else what is wrong with it, a static phrase. */
extern const char *dq_tracestate_problem(const char *value);

#endif /* DQ_TRACE_CONTEXT_H */
