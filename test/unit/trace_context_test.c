/*
 * trace_context_test.c
 *	  What a request tells of where it comes from: traceparent, tracestate, CDN-Loop.
 */
#include "base.h"

#include "request/cdn_loop.h"
#include "request/trace_context.h"
#include "tap.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void
test_traceparent_good(void)
{
	static const struct
	{
		const char *value;
		int flags;
	} good[] = { { "00-" TRACE "-" SPAN "-01", 1 },
				 { "00-" TRACE "-" SPAN "-00", 0 },
				 { "00-" TRACE "-" SPAN "-ff", 3 },
				 { "cc-" TRACE "-" SPAN "-03", 3 },
				 { "cc-" TRACE "-" SPAN "-01-what-comes-later", 1 } };

	for (int i = 0; i < lengthof(good); i++)
	{
		TraceContext context;

		is_text(dq_traceparent_read(good[i].value, &context), NULL, "good: %s", good[i].value);
		is_text(context.trace_id, TRACE, "its trace id");
		is_text(context.parent_id, SPAN, "its parent id");
		is_int(context.flags, good[i].flags, "its flags, those that are defined");
		is_text(dq_traceparent_make(&context, "0123456789abcdef"),
				psprintf("00-" TRACE "-0123456789abcdef-%02x", good[i].flags), "and what is sent");
	}
}

static void
test_traceparent_bad(void)
{
	static const char *const bad[] = { "",
									   "00",
									   "00-" TRACE,
									   "00-" TRACE "-" SPAN,
									   "00-" TRACE "-" SPAN "-",
									   "00-" TRACE "-" SPAN "-0",
									   "00-" TRACE "-" SPAN "-001",
									   "00-" TRACE "-" SPAN "-01-",
									   "00-" TRACE "-" SPAN "-01 ",
									   " 00-" TRACE "-" SPAN "-01",
									   "cc-" TRACE "-" SPAN "-01x",
									   "ff-" TRACE "-" SPAN "-01",
									   "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
									   "00-" TRACE "0-" SPAN "-01",
									   "00-" TRACE "-" SPAN "0-01",
									   "0-" TRACE "-" SPAN "-01",
									   "00_" TRACE "-" SPAN "-01",
									   "00-00000000000000000000000000000000-" SPAN "-01",
									   "00-" TRACE "-0000000000000000-01",
									   "00-" TRACE "-" SPAN "-01\r\nX: y" };
	TraceContext context;

	for (int i = 0; i < lengthof(bad); i++)
		ok(dq_traceparent_read(bad[i], &context) != NULL, "bad: %s",
		   i < 19 ? bad[i] : "line break");
}

static void
test_tracestate(void)
{
	static const char *const good[] = {
		"",			"a=1",	   "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", "a=1 ,\tb@c=x y",
		"0_-*/=!~", "a=1,,b=2"
	};
	static const char *const bad[] = {
		"a", "a=", "=1", "A=1", "_a=1", "a=1;b=2=3", "a b=1", "a=\x01", "a=\xc3\xa4", "a=1\r\nX: y"
	};
	StringInfoData many;

	for (int i = 0; i < lengthof(good); i++)
		is_text(dq_tracestate_problem(good[i]), NULL, "good: %s", good[i]);
	for (int i = 0; i < lengthof(bad); i++)
		ok(dq_tracestate_problem(bad[i]) != NULL, "bad tracestate %d", i);
	initStringInfo(&many);
	for (int i = 0; i < 32; i++)
		appendStringInfo(&many, "%sk%d=1", i ? "," : "", i);
	is_text(dq_tracestate_problem(many.data), NULL, "32 members");
	appendStringInfoString(&many, ",k=1");
	ok(dq_tracestate_problem(many.data) != NULL, "33 members");
	resetStringInfo(&many);
	appendStringInfoString(&many, "a=");
	appendStringInfoSpaces(&many, 600);
	ok(dq_tracestate_problem(many.data) != NULL, "more than 512 bytes");
}

static void
test_cdn_loop(void)
{
#define ONE "distquery-0123456789abcdef"
#define OTHER "distquery-fedcba9876543210"
	static const struct
	{
		const char *value;
		int all;
		int one;
	} lists[] = { { "", 0, 0 },
				  { ONE, 1, 1 },
				  { OTHER, 1, 0 },
				  { ONE ", " OTHER ",\t" ONE, 3, 2 },
				  { "foo123.foocdn.example, barcdn.example; trace=\"abcdef\"," ONE, 1, 1 },
				  { "x; y=\", " ONE, 1, 1 },
				  { ONE ";a=b;c , DISTQUERY-0123456789ABCDEF ; a", 2, 2 },
				  { "," ONE ",, ,", 1, 1 },
				  { "distquery", 0, 0 },
				  { "distquery-0123456789abcde, " ONE "0, x" ONE, 0, 0 },
				  { "distquery-0123456789abcde", 0, 0 } };

	for (int i = 0; i < lengthof(lists); i++)
	{
		is_int(dq_cdn_loop_count(lists[i].value, NULL), lists[i].all, "databases in <%s>",
			   lists[i].value);
		is_int(dq_cdn_loop_count(lists[i].value, ONE), lists[i].one, "this one");
	}
	is_text(dq_cdn_loop_problem("a, b;\tc=\"d\""), NULL, "a list that can be sent");
	ok(dq_cdn_loop_problem("a\r\nX: y") != NULL, "a line break");
	ok(dq_cdn_loop_problem("a\xc3\xa4") != NULL, "not ASCII");
	ok(dq_cdn_loop_problem("a\x7f") != NULL, "a control character");
}

int
main(void)
{
	test_traceparent_good();
	test_traceparent_bad();
	test_tracestate();
	test_cdn_loop();
	return tap_done();
}
