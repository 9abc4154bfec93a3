/*
 * queue.c
 *	  Rows of the queue and their states.
 *
 *	  queued --> running --> done | failed | cancelled
 *	    ^  \________|_________________________^
 *	    |___________| (the worker ended, and another attempt is left)
 *
 * Each function is one statement on distquery.async_query.  Whoever ends a query notifies channel
 * "distquery" in the same transaction.  All need a trusted section.
 */
#include "postgres.h"

#include "async/async.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

char *
dq_async_id_text(const pg_uuid_t *id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(id)));
}

/* Any role may listen, so there is nothing of the query or its result in it. */
static void
notify_end(const pg_uuid_t *id, const char *state)
{
	Async_Notify(ASYNC_CHANNEL,
				 psprintf("{\"id\":\"%s\",\"state\":\"%s\"}", dq_async_id_text(id), state));
}

/* Column of the first row that SPI returned. */
static Datum
column(int number, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, is_null);
}

static char *
text_column(MemoryContext context, int number)
{
	char *text = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number);

	return text ? MemoryContextStrdup(context, text) : NULL;
}

static int64
int_column(int number, bool is_int64)
{
	bool is_null;
	Datum value = column(number, &is_null);

	if (is_null)
		return 0;
	return is_int64 ? DatumGetInt64(value) : DatumGetInt32(value);
}

/* Stored short arrays have a short header, which only detoasting makes a full one. */
static ArrayType *
array_column(MemoryContext context, int number)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	bool is_null;
	ArrayType *array = DatumGetArrayTypePCopy(column(number, &is_null));

	MemoryContextSwitchTo(old);
	return array;
}

/* NULL when there is none, or it has expired. */
AsyncQuery *
dq_async_load(const pg_uuid_t *id)
{
	Oid types[] = { UUIDOID };
	Datum values[] = { UUIDPGetDatum(id) };
	bool is_null;

	if (dq_async_execute("SELECT query, session_role, owner, settings, unlogged, state, pid, rows,"
						 " result, error_code, error_message, error_detail, error_hint,"
						 " error_context FROM distquery.async_query"
						 " WHERE id = $1 AND (expires_at > clock_timestamp()) IS NOT FALSE",
						 1, types, values, NULL) == 0)
		return NULL;

	/* Outlives the section, as SPI's own memory does not. */
	AsyncQuery *query = SPI_palloc(sizeof(AsyncQuery));
	MemoryContext context = GetMemoryChunkContext(query);

	query->id = *id;
	query->sql = text_column(context, 1);
	query->session_role = DatumGetObjectId(column(2, &is_null));
	query->owner = DatumGetObjectId(column(3, &is_null));
	query->settings = array_column(context, 4);
	query->is_unlogged = DatumGetBool(column(5, &is_null));
	query->state = text_column(context, 6);
	query->pid = (int) int_column(7, false);
	query->rows = int_column(8, true);
	query->result = (Oid) int_column(9, false);
	query->error_code = text_column(context, 10);
	query->error_message = text_column(context, 11);
	query->error_detail = text_column(context, 12);
	query->error_hint = text_column(context, 13);
	query->error_context = text_column(context, 14);
	return query;
}

void
dq_async_insert(const AsyncQuery *query, Interval *lifetime, int max_attempts)
{
	Oid types[] = { UUIDOID, TEXTOID, OIDOID, OIDOID, TEXTARRAYOID, BOOLOID, INTERVALOID, INT4OID };
	Datum values[] = { UUIDPGetDatum(&query->id),
					   CStringGetTextDatum(query->sql),
					   ObjectIdGetDatum(query->session_role),
					   ObjectIdGetDatum(query->owner),
					   PointerGetDatum(query->settings),
					   BoolGetDatum(query->is_unlogged),
					   IntervalPGetDatum(lifetime),
					   Int32GetDatum(max_attempts) };

	dq_async_execute("INSERT INTO distquery.async_query (id, query, session_role, owner, settings,"
					 " unlogged, lifetime, max_attempts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
					 lengthof(types), types, values, NULL);
}

bool
dq_async_begin(const pg_uuid_t *id)
{
	Oid types[] = { UUIDOID, INT4OID };
	Datum values[] = { UUIDPGetDatum(id), Int32GetDatum(MyProcPid) };

	return dq_async_execute("UPDATE distquery.async_query SET state = 'running', pid = $2,"
							" started_at = clock_timestamp(), attempts = attempts + 1"
							" WHERE id = $1 AND state = 'queued'",
							lengthof(types), types, values, NULL) > 0;
}

void
dq_async_done(const AsyncQuery *query, int64 rows, Oid result)
{
	Oid types[] = { UUIDOID, INT8OID, OIDOID };
	Datum values[] = { UUIDPGetDatum(&query->id), Int64GetDatum(rows), ObjectIdGetDatum(result) };

	if (dq_async_execute("UPDATE distquery.async_query SET state = 'done', rows = $2, result = $3,"
						 " pid = NULL, finished_at = t.now, expires_at = t.now + lifetime"
						 " FROM (SELECT clock_timestamp() AS now) t"
						 " WHERE id = $1 AND state = 'running'",
						 lengthof(types), types, values, NULL) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("query \"%s\" was taken out of the queue", dq_async_id_text(&query->id))));
	notify_end(&query->id, "done");
}

void
dq_async_failed(const pg_uuid_t *id, const char *state, const ErrorData *error)
{
	const char *texts[] = { unpack_sql_state(error->sqlerrcode), error->message, error->detail,
							error->hint, error->context };
	Oid types[2 + lengthof(texts)] = { UUIDOID, TEXTOID };
	Datum values[2 + lengthof(texts)] = { UUIDPGetDatum(id), CStringGetTextDatum(state) };
	char nulls[2 + lengthof(texts)] = { ' ', ' ' };

	for (int i = 0; i < lengthof(texts); i++)
	{
		types[2 + i] = TEXTOID;
		nulls[2 + i] = texts[i] ? ' ' : 'n';
		values[2 + i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	if (dq_async_execute("UPDATE distquery.async_query SET state = $2, error_code = $3,"
						 " error_message = $4, error_detail = $5, error_hint = $6,"
						 " error_context = $7, pid = NULL, finished_at = t.now,"
						 " expires_at = t.now + lifetime FROM (SELECT clock_timestamp() AS now) t"
						 " WHERE id = $1 AND state IN ('queued', 'running')",
						 lengthof(types), types, values, nulls) > 0)
		notify_end(id, state);
}

bool
dq_async_cancel_queued(const pg_uuid_t *id)
{
	Oid types[] = { UUIDOID };
	Datum values[] = { UUIDPGetDatum(id) };
	bool is_cancelled =
		dq_async_execute("UPDATE distquery.async_query SET state = 'cancelled', finished_at = t.now,"
						 " expires_at = t.now + lifetime, error_code = '57014',"
						 " error_message = 'query was cancelled before it began'"
						 " FROM (SELECT clock_timestamp() AS now) t"
						 " WHERE id = $1 AND state = 'queued'",
						 1, types, values, NULL) > 0;

	if (is_cancelled)
		notify_end(id, "cancelled");
	return is_cancelled;
}

/*
 * A query that its executor never began counts as an attempt, too: else one whose role cannot
 * connect would be tried for ever.
 */
void
dq_async_abandoned(const pg_uuid_t *id)
{
	Oid types[] = { UUIDOID };
	Datum values[] = { id ? UUIDPGetDatum(id) : (Datum) 0 };

	dq_async_execute("WITH q AS (SELECT id, attempts + (state = 'queued')::int AS n, max_attempts, lifetime"
					 "    FROM distquery.async_query"
					 "   WHERE CASE WHEN $1 IS NULL THEN state = 'running'"
					 "              ELSE id = $1 AND state IN ('queued', 'running') END"
					 "     FOR UPDATE),"
					 " again AS (UPDATE distquery.async_query a"
					 "    SET state = 'queued', pid = NULL, attempts = q.n, started_at = NULL"
					 "   FROM q WHERE a.id = q.id AND q.n < q.max_attempts)"
					 " UPDATE distquery.async_query a"
					 "    SET state = 'failed', pid = NULL, attempts = q.n, finished_at = clock_timestamp(),"
					 "        expires_at = clock_timestamp() + q.lifetime, error_code = '57000',"
					 "        error_message = 'worker ended before the query did',"
					 "        error_detail = 'It could not connect, was terminated, or the server stopped;"
					 " the server log says which.',"
					 "        error_hint = 'Submit the query again, with a higher \"attempts\" to have it run"
					 " again by itself.'"
					 "   FROM q WHERE a.id = q.id AND q.n >= q.max_attempts"
					 " RETURNING a.id",
					 1, types, values, id ? " " : "n");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool is_null;
		Datum failed = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null);

		notify_end(DatumGetUUIDP(failed), "failed");
	}
}

void
dq_async_delete(const pg_uuid_t *id)
{
	Oid types[] = { UUIDOID };
	Datum values[] = { UUIDPGetDatum(id) };

	dq_async_execute("DELETE FROM distquery.async_query WHERE id = $1", 1, types, values, NULL);
}
