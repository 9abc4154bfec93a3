/*
 * drop.c
 *	  Event trigger distquery_before_drop: what would stand in the way of a DROP goes first.
 *
 * DROP EXTENSION and DROP SCHEMA of ours would wait for the locks of queries that run; so the
 * queue is locked, that nothing is begun, and its processes are terminated.  DROP OWNED would stumble
 * over results, which are members of the extension; so they are removed, and their queries
 * ended.  All of it only if the DROP itself is permitted; PostgreSQL says so when it is not.
 */
#include "postgres.h"

#include <signal.h>

#include "async/async.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "compat.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "utils/acl.h"

PG_FUNCTION_INFO_V1(distquery_before_drop);

static bool
names(const DropStmt *statement, const char *name)
{
	ListCell *cell;

	foreach(cell, statement->objects)
		if (strcmp(strVal(lfirst(cell)), name) == 0)
			return true;
	return false;
}

/* Whether the current role has the rights of the owner of our extension, or of its schema. */
static bool
owns(const char *catalog_query)
{
	TrustedSection section;
	Oid user = GetUserId();
	bool is_null = true;
	Oid owner = InvalidOid;

	dq_async_trusted_begin(&section);
	if (dq_async_execute(catalog_query, 0, NULL, NULL, NULL) == 1)
		owner = DatumGetObjectId(
			SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	dq_async_trusted_end(&section);
	return OidIsValid(owner) && has_privs_of_role(user, owner);
}

static void
terminate(int pid)
{
	if (pid != 0 && kill(pid, SIGTERM) != 0)
		ereport(WARNING, (errmsg("could not send signal to process %d: %m", pid)));
}

/*
 * The dispatcher takes its executors along.  It is terminated before the queue is locked, because a
 * query may well read the queue, and after it, because another may have been started meanwhile.
 */
static void
stop_all(void)
{
	LOCKTAG executors;

	terminate(dq_async_dispatcher());
	LockRelationOid(dq_async_queue(), AccessExclusiveLock);
	terminate(dq_async_dispatcher());
	dq_async_lock_tag(&executors, ASYNC_LOCK_EXECUTORS);
	(void) LockAcquire(&executors, ExclusiveLock, false, false);
}

static void
remove_all_of(Oid role)
{
	Oid types[] = { OIDOID };
	Datum values[] = { ObjectIdGetDatum(role) };
	TrustedSection section;

	dq_async_trusted_begin(&section);
	dq_async_execute("DELETE FROM distquery.async_query WHERE owner = $1"
					 " RETURNING session_role, pid, result",
					 1, types, values, NULL);

	SPITupleTable *removed = SPI_tuptable;
	uint64 n = SPI_processed;

	for (uint64 i = 0; i < n; i++)
	{
		AsyncQuery query = { 0 };
		bool is_null;
		Datum value;

		query.session_role = DatumGetObjectId(
			SPI_getbinval(removed->vals[i], removed->tupdesc, 1, &is_null));
		value = SPI_getbinval(removed->vals[i], removed->tupdesc, 2, &is_null);
		query.pid = is_null ? 0 : DatumGetInt32(value);
		terminate(dq_async_executor_pid(&query));
		value = SPI_getbinval(removed->vals[i], removed->tupdesc, 3, &is_null);
		if (!is_null)
		{
			LockRelationOid(DatumGetObjectId(value), AccessExclusiveLock);
			(void) dq_async_result_drop(DatumGetObjectId(value));
		}
	}
	dq_async_trusted_end(&section);
}

static void
before_drop(Node *statement)
{
	if (IsA(statement, DropStmt))
	{
		DropStmt *drop = (DropStmt *) statement;

		if ((drop->removeType == OBJECT_EXTENSION && names(drop, "distquery") &&
			 owns("SELECT extowner FROM pg_extension WHERE extname = 'distquery'")) ||
			(drop->removeType == OBJECT_SCHEMA && names(drop, ASYNC_SCHEMA) &&
			 owns("SELECT nspowner FROM pg_namespace WHERE nspname = 'distquery'")))
			stop_all();
	}
	else if (IsA(statement, DropOwnedStmt))
	{
		ListCell *cell;

		foreach(cell, ((DropOwnedStmt *) statement)->roles)
		{
			Oid role = get_rolespec_oid(lfirst(cell), true);

			if (OidIsValid(role) && has_privs_of_role(GetUserId(), role))
				remove_all_of(role);
		}
	}
}

Datum
distquery_before_drop(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function distquery.before_drop can only be called by an event trigger")));
	if (OidIsValid(dq_async_queue()))
		before_drop(((EventTriggerData *) fcinfo->context)->parsetree);
	PG_RETURN_NULL();
}
