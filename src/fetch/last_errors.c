/*
 * last_errors.c
 *	  What the session's latest statement that made requests could not get: distquery.last_errors.
 *
 * The list outlives the statement and its transaction, in a context of its own; the first entry of
 * a later statement that made requests begins it anew.
 */
#include "postgres.h"

#include "fetch/last_errors.h"
#include "fetch/statement.h"
#include "transport/budget.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A statement's entries that are kept, and of its text. */
#define MAX_ENTRIES 1000
#define KEPT_TEXT 1000

static MemoryContext context = NULL;
static LastError *entries = NULL;
static int nentries = 0;
static char *statement_text = NULL;
static uint64 statement = 0; /* whose entries they are */

static void
begin_list(void)
{
	const char *sql = dq_statement_text();

	nentries = 0;
	entries = NULL;
	if (context)
		MemoryContextReset(context);
	else
		context = AllocSetContextCreate(TopMemoryContext, "distquery last errors",
										ALLOCSET_SMALL_SIZES);
	statement = dq_budget_statement();
	entries = MemoryContextAllocZero(context, sizeof(LastError) * MAX_ENTRIES);
	statement_text = sql ? MemoryContextStrdup(context, pnstrdup(sql, strnlen(sql, KEPT_TEXT))) :
						   NULL;
}

/* True when the list has an entry of this table without which the statement went on. */
static bool
has_warned(Oid relid)
{
	for (int i = 0; i < nentries; i++)
		if (entries[i].relid == relid && !entries[i].is_raised)
			return true;
	return false;
}

/* True when the same thing is in the list, as after a rescan. */
static bool
is_noted(Oid relid, const char *missing, const char *reason)
{
	for (int i = 0; i < nentries; i++)
		if (entries[i].relid == relid && strcmp(entries[i].missing, missing) == 0 &&
			strcmp(entries[i].reason, reason) == 0)
			return true;
	return false;
}

static void
warn(const TableSpec *table, const RemoteError *error, const char *missing)
{
	ereport(WARNING,
			(errcode(error->sqlstate), errmsg("foreign table \"%s\" is incomplete", table->name),
			 errdetail("%s. Missing: %s.", error->message, missing),
			 errhint("distquery.last_errors lists all that is missing.")));
}

static void
append(const LastError *from)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	LastError *entry = &entries[nentries];

	*entry = *from;
	entry->table_name = pstrdup(from->table_name);
	entry->server_name = pstrdup(from->server_name);
	entry->reason = pstrdup(from->reason);
	entry->detail = from->detail ? pstrdup(from->detail) : NULL;
	entry->missing = pstrdup(from->missing);
	nentries++;
	MemoryContextSwitchTo(old);
}

void
dq_last_errors_note(const TableSpec *table, const RemoteError *error, const char *missing,
					bool is_raised)
{
	bool is_first;

	/* One whose requests were all refused is a statement of its own, too. */
	dq_budget_count_refusal();
	if (entries == NULL || statement != dq_budget_statement())
		begin_list();
	is_first = !is_raised && !has_warned(table->relid);
	if (nentries < MAX_ENTRIES && !is_noted(table->relid, missing, error->message))
		append(&(LastError) { .at = GetCurrentTimestamp(),
							  .statement = statement_text,
							  .relid = table->relid,
							  .table_name = table->name,
							  .server_name = table->service->name,
							  .kind = error->kind,
							  .reason = error->message,
							  .detail = error->detail,
							  .missing = (char *) missing,
							  .is_raised = is_raised });
	if (is_first)
		warn(table, error, missing);
}

const LastError *
dq_last_errors_get(int i)
{
	if (statement != dq_budget_statement() || i >= nentries)
		return NULL;
	return &entries[i];
}
