/*
 * fuzz_origin.c
 *	  Headers that tell where a request comes from, as whoever sends them likes: what is taken can be
 *	  sent on as one header, and a trace comes out as it went in.
 *
 * The input is tried as each of traceparent, tracestate and CDN-Loop.  What is checked: nothing that
 * is taken holds a control character or more than ASCII; a traceparent written anew is read as the
 * same trace; and an entry of a database is found wherever it is added to a list.
 */
#include "base.h"

#include "request/cdn_loop.h"
#include "request/trace_context.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define SPAN "00f067aa0ba902b7"
#define OURS CDN_LOOP_PREFIX "0123456789abcdef"

static bool
can_be_sent(const char *value)
{
	for (; *value; value++)
		if (((unsigned char) *value < 0x20 && *value != '\t') || (unsigned char) *value > 0x7e)
			return false;
	return true;
}

static void
try_traceparent(const char *value)
{
	TraceContext context;
	TraceContext again;
	char *made;

	if (dq_traceparent_read(value, &context) != NULL)
		return;
	made = dq_traceparent_make(&context, SPAN);
	check_text(can_be_sent(made), "a traceparent that cannot be sent", made);
	check_text(dq_traceparent_read(made, &again) == NULL, "what is made cannot be read", made);
	check_text(strcmp(context.trace_id, again.trace_id) == 0 && context.flags == again.flags &&
				   strcmp(again.parent_id, SPAN) == 0,
			   "another trace", made);
	check_text(strncmp(context.trace_id, value + 3, TRACE_ID_DIGITS) == 0, "not its trace", value);
}

static void
try_cdn_loop(const char *value)
{
	int all = dq_cdn_loop_count(value, NULL);
	int ours = dq_cdn_loop_count(value, OURS);
	char *longer = psprintf("%s, " OURS, value);

	check_text(ours <= all, "more of one than of all", value);
	check_text(dq_cdn_loop_count(longer, OURS) == ours + 1, "hidden at the end", longer);
	check_text(dq_cdn_loop_count(psprintf(OURS ",%s", value), OURS) == ours + 1,
			   "hidden at the beginning", value);
	if (dq_cdn_loop_problem(value) == NULL)
		check_text(can_be_sent(value), "a CDN-Loop that cannot be sent", value);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *value = palloc(size + 1);

	memcpy(value, data, size);
	value[size] = '\0';
	try_traceparent(value);
	try_cdn_loop(value);
	if (dq_tracestate_problem(value) == NULL)
		check_text(can_be_sent(value), "a tracestate that cannot be sent", value);
	fuzz_release();
	return 0;
}
