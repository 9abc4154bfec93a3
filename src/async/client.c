/*
 * client.c
 *	  What one does with a submitted query: status, result, cancel, discard.
 *
 * Allowed to the members of the role that submitted it.  To everybody else, and once it has
 * expired, a query does not exist.
 */
#include "postgres.h"

#include <signal.h>

#include "access/relation.h"
#include "access/xlog.h"
#include "async/async.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

/* Rows that are in memory at once. */
#define BATCH_ROWS 1000

PG_FUNCTION_INFO_V1(distquery_status);
PG_FUNCTION_INFO_V1(distquery_result);
PG_FUNCTION_INFO_V1(distquery_result_table);
PG_FUNCTION_INFO_V1(distquery_cancel);
PG_FUNCTION_INFO_V1(distquery_discard);

pg_noreturn static void
raise_unknown(const pg_uuid_t *id)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("query \"%s\" does not exist", dq_async_id_text(id)),
			 errdetail("It was never submitted, has expired, or belongs to another role."),
			 errhint("Those of your roles are listed in the view distquery.queries.")));
}

static AsyncQuery *
load_own(const pg_uuid_t *id)
{
	TrustedSection section;
	AsyncQuery *query;

	dq_async_trusted_begin(&section);
	query = dq_async_load(id);
	dq_async_trusted_end(&section);
	if (query == NULL || !has_privs_of_role(GetUserId(), query->owner))
		raise_unknown(id);
	return query;
}

/* The server may have restarted, or lacked workers; what is not committed is not seen by any. */
static void
attend(void)
{
	if (!dq_async_has_submitted())
		dq_async_attend();
}

static bool
has_ended(const AsyncQuery *query)
{
	return strcmp(query->state, "queued") != 0 && strcmp(query->state, "running") != 0;
}

/* status(id) returns the state, and has the queue worked on if nobody does. */
Datum
distquery_status(PG_FUNCTION_ARGS)
{
	AsyncQuery *query = load_own(PG_GETARG_UUID_P(0));

	if (!has_ended(query))
		attend();
	PG_RETURN_TEXT_P(cstring_to_text(query->state));
}

/* As it was raised in the worker. */
pg_noreturn static void
raise_failure(const AsyncQuery *query)
{
	const char *code = query->error_code;

	ereport(ERROR,
			(errcode(code != NULL && strlen(code) == 5 ?
						 MAKE_SQLSTATE(code[0], code[1], code[2], code[3], code[4]) :
						 ERRCODE_INTERNAL_ERROR),
			 errmsg_internal("%s", query->error_message ? query->error_message : "query failed"),
			 query->error_detail ? errdetail_internal("%s", query->error_detail) : 0,
			 query->error_hint ? errhint("%s", query->error_hint) : 0,
			 query->error_context ? errcontext("%s", query->error_context) : 0,
			 errcontext("submitted query \"%s\"", dq_async_id_text(&query->id))));
}

/* The result's table, locked; crash recovery empties an unlogged one, which must not read as none. */
static void
check_result(const AsyncQuery *query)
{
	bool is_lost = true;
	Relation table;

	if (strcmp(query->state, "failed") == 0 || strcmp(query->state, "cancelled") == 0)
		raise_failure(query);
	if (!has_ended(query))
	{
		attend();
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("query \"%s\" has not ended", dq_async_id_text(&query->id)),
				 errdetail("It is %s.", query->state),
				 errhint("Ask distquery.status, or LISTEN %s: its end is notified.",
						 ASYNC_CHANNEL)));
	}
	table = try_relation_open(query->result, AccessShareLock);
	if (table != NULL && RecoveryInProgress() && !RelationIsPermanent(table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("result of query \"%s\" is not on this server",
						dq_async_id_text(&query->id)),
				 errdetail("It is unlogged, and the server is a standby.")));
	if (table != NULL)
	{
		is_lost = table->rd_rel->relkind != RELKIND_RELATION || table->rd_rel->relhasrules ||
			(query->rows > 0 && RelationGetNumberOfBlocks(table) == 0);
		relation_close(table, NoLock);
	}
	if (is_lost)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("result of query \"%s\" is lost", dq_async_id_text(&query->id)),
				 errdetail("Its table was emptied or changed; an unlogged one is emptied when the "
						   "server recovers from a crash."),
				 errhint("Submit the query again.")));
}

static Oid
owner_of(const AsyncQuery *query)
{
	Relation table = relation_open(query->result, NoLock);
	Oid owner = table->rd_rel->relowner;

	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for result of query \"%s\"",
						dq_async_id_text(&query->id)),
				 errdetail("Its table was given to role \"%s\".", GetUserNameFromId(owner, true))));
	relation_close(table, NoLock);
	return owner;
}

/* Rows after + 1 to after + limit, as a query whose one column is the object. */
static Portal
open_result(const AsyncQuery *query, int64 after, const int32 *limit)
{
	char *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(query->result)),
											 get_rel_name(query->result));
	char *number = get_attname(query->result, 1, false);
	const char *column = quote_identifier(number);
	Oid types[] = { INT8OID, INT4OID, TEXTOID };
	Datum values[] = { Int64GetDatum(after), limit ? Int32GetDatum(*limit) : (Datum) 0,
					   CStringGetTextDatum(number) };
	char nulls[] = { ' ', limit ? ' ' : 'n', ' ' };
	char *sql = psprintf("SELECT to_jsonb(r.*) - $3 FROM ONLY %s AS r WHERE r.%s > $1"
						 " ORDER BY r.%s LIMIT $2",
						 table, column, column);

	return SPI_cursor_open_with_args(NULL, sql, lengthof(types), types, values, nulls, false,
									 CURSOR_OPT_NO_SCROLL);
}

/* Read as the table's owner, because reading may call functions of the owner's types. */
static void
read_result(const AsyncQuery *query, int64 after, const int32 *limit, Tuplestorestate *store,
			TupleDesc description)
{
	TrustedSection section;
	Portal rows;

	dq_async_restricted_begin(&section, owner_of(query));
	rows = open_result(query, after, limit);
	do
	{
		SPI_cursor_fetch(rows, true, BATCH_ROWS);
		for (uint64 i = 0; i < SPI_processed; i++)
		{
			bool is_null;
			Datum row = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

			tuplestore_putvalues(store, description, &row, &is_null);
		}
		SPI_freetuptable(SPI_tuptable);
	} while (SPI_processed > 0);
	SPI_cursor_close(rows);
	dq_async_trusted_end(&section);
}

static Tuplestorestate *
begin_set(FunctionCallInfo fcinfo, TupleDesc *description)
{
	ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old;

	if (set == NULL || !IsA(set, ReturnSetInfo) || !(set->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	old = MemoryContextSwitchTo(set->econtext->ecxt_per_query_memory);
	*description = CreateTemplateTupleDesc(1);
	TupleDescInitEntry(*description, 1, "result", JSONBOID, -1, 0);
	set->returnMode = SFRM_Materialize;
	set->setDesc = *description;
	set->setResult = tuplestore_begin_heap((set->allowedModes & SFRM_Materialize_Random) != 0,
										   false, work_mem);
	MemoryContextSwitchTo(old);
	return set->setResult;
}

/* result(id, after, limit) returns rows after + 1 to after + limit. */
Datum
distquery_result(PG_FUNCTION_ARGS)
{
	TupleDesc description;
	Tuplestorestate *store = begin_set(fcinfo, &description);
	AsyncQuery *query;
	int32 limit = PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2);

	if (PG_ARGISNULL(0))
		return (Datum) 0;
	if (limit < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_ROW_COUNT_IN_LIMIT_CLAUSE),
				 errmsg("parameter \"limit\" must not be negative")));
	query = load_own(PG_GETARG_UUID_P(0));
	check_result(query);
	read_result(query, PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1), PG_ARGISNULL(2) ? NULL : &limit,
				store, description);
	return (Datum) 0;
}

Datum
distquery_result_table(PG_FUNCTION_ARGS)
{
	AsyncQuery *query = load_own(PG_GETARG_UUID_P(0));

	check_result(query);
	PG_RETURN_OID(query->result);
}

/* As pg_cancel_backend() does: at once, whatever becomes of this transaction. */
static bool
signal_executor(const AsyncQuery *query)
{
	int pid = dq_async_executor_pid(query);

	if (pid == 0)
	{
		attend();
		return false;
	}
	if (kill(pid, SIGINT) != 0)
		ereport(WARNING, (errmsg("could not send signal to process %d: %m", pid)));
	return true;
}

Datum
distquery_cancel(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *id = PG_GETARG_UUID_P(0);
	TrustedSection section;
	AsyncQuery *query;
	bool is_cancelled;

	PreventCommandDuringRecovery("distquery.cancel()");
	query = load_own(id);
	if (has_ended(query))
		PG_RETURN_BOOL(false);
	if (strcmp(query->state, "queued") == 0)
	{
		PreventCommandIfReadOnly("distquery.cancel()");
		dq_async_trusted_begin(&section);
		is_cancelled = dq_async_cancel_queued(id);
		dq_async_trusted_end(&section);
		if (is_cancelled)
			PG_RETURN_BOOL(true);
		query = load_own(id);
	}
	PG_RETURN_BOOL(!has_ended(query) && signal_executor(query));
}

Datum
distquery_discard(PG_FUNCTION_ARGS)
{
	const pg_uuid_t *id = PG_GETARG_UUID_P(0);
	TrustedSection section;
	AsyncQuery *query;

	PreventCommandDuringRecovery("distquery.discard()");
	PreventCommandIfReadOnly("distquery.discard()");
	query = load_own(id);
	if (!has_ended(query))
		PG_RETURN_BOOL(false);
	dq_async_trusted_begin(&section);
	if (!dq_async_result_drop(query->result))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("result of query \"%s\" is being read", dq_async_id_text(id))));
	dq_async_delete(id);
	dq_async_trusted_end(&section);
	PG_RETURN_BOOL(true);
}
