/*
 * submit.c
 *	  distquery.submit(): what may be queued, and what happens when its transaction commits.
 *
 * The statement is parsed and analyzed here, so that mistakes are told to the one who makes them; it
 * is parsed again when it runs.  Nothing is started before the commit: see process.c for why no
 * wake-up is lost.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "async/async.h"
#include "catalog/pg_authid.h"
#include "compat.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/analyze.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/syscache.h"

/* Columns of a table, less the one that numbers the rows. */
#define MAX_COLUMNS (1600 - 1)
#define MAX_ATTEMPTS 100
#define MAX_LIFETIME_YEARS 100

PG_FUNCTION_INFO_V1(distquery_submit);

/* Of this transaction: it has submitted; process ID of the dispatcher to be woken by the commit. */
static bool has_submitted = false;
static int dispatcher_to_wake = 0;

/* Before the commit, where raising is possible still. */
static void
prepare_commit(void)
{
	LOCKTAG tag;

	dq_async_lock_tag(&tag, ASYNC_LOCK_SUBMIT);
	(void) LockAcquire(&tag, ShareLock, false, false);
	dispatcher_to_wake = dq_async_dispatcher();
	if (dispatcher_to_wake == 0)
		dq_async_attend();
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!has_submitted)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			prepare_commit();
			break;
		case XACT_EVENT_PRE_PREPARE:
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("cannot PREPARE a transaction that has submitted queries")));
			break;
		case XACT_EVENT_COMMIT:
			if (dispatcher_to_wake != 0)
				dq_async_wake(dispatcher_to_wake);
			has_submitted = false;
			dispatcher_to_wake = 0;
			break;
		case XACT_EVENT_ABORT:
			has_submitted = false;
			dispatcher_to_wake = 0;
			break;
		default:
			break;
	}
}

bool
dq_async_has_submitted(void)
{
	return has_submitted;
}

static void
note_submitted(void)
{
	static bool is_registered = false;

	if (!is_registered)
		RegisterXactCallback(at_transaction_end, NULL);
	is_registered = true;
	has_submitted = true;
}

/* The executor has to become the same user again, and no more than that. */
static void
check_identity(void)
{
	Oid session = GetSessionUserId();
	HeapTuple role;
	bool can_login;

	if (GetUserId() != GetOuterUserId() || InSecurityRestrictedOperation())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("cannot submit a query as role \"%s\" for session user \"%s\"",
						GetUserNameFromId(GetUserId(), false), GetUserNameFromId(session, false)),
				 errdetail("In a SECURITY DEFINER function the query would run with rights that "
						   "the session cannot take on."),
				 errhint("Submit it from a SECURITY INVOKER function, or after SET ROLE.")));
	role = SearchSysCache1(AUTHOID, ObjectIdGetDatum(session));
	can_login = HeapTupleIsValid(role) && ((Form_pg_authid) GETSTRUCT(role))->rolcanlogin;
	if (HeapTupleIsValid(role))
		ReleaseSysCache(role);
	if (!can_login)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION),
				 errmsg("session user \"%s\" is not permitted to log in",
						GetUserNameFromId(session, true)),
				 errdetail("A submitted query connects as the session user."),
				 errhint("Use ALTER ROLE ... LOGIN, or SET ROLE instead of SET SESSION "
						 "AUTHORIZATION.")));
}

/* Positions of errors are those in the submitted text. */
static void
add_context(void *arg)
{
	const char *sql = arg;
	int position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(sql);
	}
	errcontext("submitted query");
}

pg_noreturn static void
refuse(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("cannot submit this statement"),
			 errdetail("%s", detail), errhint("Submit one SELECT, VALUES or TABLE statement.")));
}

static bool
has_into(const SelectStmt *select)
{
	while (select->op != SETOP_NONE && select->larg != NULL)
		select = select->larg;
	return select->intoClause != NULL;
}

static int
count_columns(const Query *query)
{
	ListCell *cell;
	int n = 0;

	foreach(cell, query->targetList)
		n += !lfirst_node(TargetEntry, cell)->resjunk;
	return n;
}

static void
check_statement(const char *sql)
{
	ErrorContextCallback context = { error_context_stack, add_context, unconstify(char *, sql) };
	List *statements;
	RawStmt *statement;
	Query *query;

	error_context_stack = &context;
	statements = raw_parser(sql, RAW_PARSE_DEFAULT);
	if (list_length(statements) != 1)
		refuse(statements == NIL ? "It is empty." : "There are several statements.");
	statement = linitial_node(RawStmt, statements);
	if (!IsA(statement->stmt, SelectStmt))
		refuse("It is none that only returns rows.");
	if (has_into((SelectStmt *) statement->stmt))
		refuse("SELECT INTO creates a table.");
	query = dq_parse_analyze(statement, sql);
	if (query->hasModifyingCTE)
		refuse("A part in WITH modifies data.");
	if (query->commandType != CMD_SELECT || query->utilityStmt != NULL)
		refuse("It is none that only returns rows.");
	if (isQueryUsingTempRelation(query))
		refuse("It reads a temporary table, which only this session has.");
	if (count_columns(query) > MAX_COLUMNS)
		refuse("It has more than 1599 columns.");
	error_context_stack = context.previous;
}

static bool
is_longer(const Interval *interval, const Interval *other)
{
	return DatumGetBool(
		DirectFunctionCall2(interval_gt, IntervalPGetDatum(interval), IntervalPGetDatum(other)));
}

static void
check_options(const Interval *lifetime, int attempts)
{
	Interval none = { 0 };
	Interval most = { .month = MAX_LIFETIME_YEARS * MONTHS_PER_YEAR };

	if (!is_longer(lifetime, &none) || is_longer(lifetime, &most))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"expires_in\" must be longer than zero, and %d years at most",
						MAX_LIFETIME_YEARS)));
	if (attempts < 1 || attempts > MAX_ATTEMPTS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("parameter \"attempts\" must be between 1 and %d", MAX_ATTEMPTS)));
}

/* submit(sql, expires_in, unlogged, attempts) returns the id of the query. */
Datum
distquery_submit(PG_FUNCTION_ARGS)
{
	static const char *const names[] = { "sql", "expires_in", "unlogged", "attempts" };
	AsyncQuery query = { 0 };
	TrustedSection section;

	for (int i = 0; i < lengthof(names); i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("parameter \"%s\" must not be null", names[i])));
	PreventCommandDuringRecovery("distquery.submit()");
	PreventCommandIfReadOnly("distquery.submit()");
	check_identity();
	query.sql = text_to_cstring(PG_GETARG_TEXT_PP(0));
	query.is_unlogged = PG_GETARG_BOOL(2);
	check_options(PG_GETARG_INTERVAL_P(1), PG_GETARG_INT32(3));
	check_statement(query.sql);
	query.id = *DatumGetUUIDP(DirectFunctionCall1(gen_random_uuid, (Datum) 0));
	query.session_role = GetSessionUserId();
	query.owner = GetUserId();
	query.settings = dq_async_settings_capture();

	dq_async_trusted_begin(&section);
	dq_async_insert(&query, PG_GETARG_INTERVAL_P(1), PG_GETARG_INT32(3));
	dq_async_trusted_end(&section);
	note_submitted();

	pg_uuid_t *id = palloc(sizeof(*id));

	*id = query.id;
	PG_RETURN_UUID_P(id);
}
