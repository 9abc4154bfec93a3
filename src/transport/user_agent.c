/*
 * user_agent.c
 *	  How requests name us: header User-Agent (RFC 9110, 10.1.5).
 *
 * The session's application_name is a comment in it, so that it stands in the services' access logs
 * as they are.  It is whatever a client says: what could end the comment or the header is replaced.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "transport/user_agent.h"
#include "utils/guc.h"

/* EXTVERSION of the Makefile; a test compares them. */
#define DQ_VERSION "0.1.0"

static bool send_application_name = true;

void
dq_user_agent_define(void)
{
	DefineCustomBoolVariable("distquery.send_application_name",
							 "Tells services the session's application_name, in header User-Agent.",
							 NULL, &send_application_name, true, PGC_USERSET, 0, NULL, NULL, NULL);
}

/* Appends text as a comment; nothing where it is empty. */
static void
append_comment(StringInfo out, const char *text)
{
	while (*text == ' ')
		text++;
	if (*text == '\0')
		return;
	appendStringInfoString(out, " (");
	for (; *text; text++)
		appendStringInfoChar(out,
							 *text < 0x20 || *text > 0x7e || strchr("()\\", *text) ? '?' : *text);
	while (out->data[out->len - 1] == ' ')
		out->data[--out->len] = '\0';
	appendStringInfoChar(out, ')');
}

char *
dq_user_agent(void)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, "distquery/" DQ_VERSION " PostgreSQL/" PG_MAJORVERSION);
	if (send_application_name && application_name)
		append_comment(&out, application_name);
	return out.data;
}
