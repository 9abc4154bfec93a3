/*
 * budget.c
 *	  What the statement under way has used: requests and bytes, by table; and how much it may.
 *
 * Bytes are those of answers, decompressed.  They are counted inside libcurl's callbacks, so that
 * nothing there may raise; a table has its line before its first request goes out.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xact.h"
#include "lib/stringinfo.h"
#include "transport/budget.h"
#include "utils/guc.h"

/* Tables beyond that share the last line. */
#define MAX_LINES 100

typedef struct BudgetLine
{
	Oid relid;
	char name[NAMEDATALEN];
	int64 requests;
	int64 bytes;
} BudgetLine;

int dq_max_requests = 0;
double dq_max_bytes = 0;

static BudgetLine lines[MAX_LINES];
static int nlines = 0;
static int64 requests = 0;
static int64 received = 0;
static uint64 runs = 0;
static uint64 statement = 0;	  /* the latest that asked for something */
static bool has_requests = false; /* the one under way has */
static TimestampTz started = 0;	  /* when the client sent it */

void
dq_budget_define(void)
{
	DefineCustomIntVariable("distquery.max_requests",
							"Requests that a statement may make; 0 is no bound.",
							"Further attempts of requests that failed count, too.",
							&dq_max_requests, 0, 0, INT_MAX, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("distquery.max_bytes",
							 "Bytes that a statement may receive, decompressed; 0 is no bound.",
							 NULL, &dq_max_bytes, 0, 0, 1e15, PGC_USERSET, GUC_UNIT_BYTE, NULL,
							 NULL, NULL);
}

void
dq_budget_begin(void)
{
	runs++;
	has_requests = false;
}

/*
 * True when the statement under way has made requests.  What is run without the executor (ANALYZE,
 * IMPORT FOREIGN SCHEMA) is told by when it was sent.
 */
static bool
is_counting(void)
{
	return has_requests && started == GetCurrentStatementStartTimestamp();
}

static void
begin_counting(void)
{
	has_requests = true;
	started = GetCurrentStatementStartTimestamp();
	statement++;
	nlines = 0;
	requests = received = 0;
}

static BudgetLine *
line_of(Oid relid, const char *relation_name)
{
	for (int i = 0; i < nlines; i++)
		if (lines[i].relid == relid)
			return &lines[i];
	if (nlines == MAX_LINES)
		return &lines[MAX_LINES - 1];
	lines[nlines] = (BudgetLine) { .relid = relid };
	strlcpy(lines[nlines].name, relation_name, NAMEDATALEN);
	return &lines[nlines++];
}

bool
dq_budget_allows(void)
{
	return !is_counting() || dq_max_requests == 0 || requests < dq_max_requests;
}

void
dq_budget_count_request(Oid relid, const char *relation_name)
{
	if (!is_counting())
		begin_counting();
	requests++;
	line_of(relid, relation_name)->requests++;
}

void
dq_budget_count_refusal(void)
{
	if (!is_counting())
		begin_counting();
}

bool
dq_budget_count_bytes(Oid relid, size_t bytes)
{
	if (!is_counting())
		begin_counting();
	received += bytes;
	/* A cursor that goes on in a later statement may have no line in it. */
	for (int i = 0; i < nlines; i++)
		if (lines[i].relid == relid)
			lines[i].bytes += bytes;
	return dq_max_bytes == 0 || received <= dq_max_bytes;
}

char *
dq_budget_problem(void)
{
	if (dq_max_bytes > 0 && received > dq_max_bytes)
		return psprintf("the statement has received its %.0f bytes (distquery.max_bytes)",
						dq_max_bytes);
	return psprintf("the statement has made its %d requests (distquery.max_requests)",
					dq_max_requests);
}

char *
dq_budget_describe(void)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "Used by table: ");
	for (int i = 0; i < nlines; i++)
		appendStringInfo(&text, "%s%s " INT64_FORMAT " requests, " INT64_FORMAT " bytes",
						 i > 0 ? "; " : "", lines[i].name, lines[i].requests, lines[i].bytes);
	appendStringInfoChar(&text, '.');
	return text.data;
}

uint64
dq_budget_statement(void)
{
	return statement;
}

uint64
dq_budget_run(void)
{
	return runs;
}
