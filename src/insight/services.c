/*
 * services.c
 *	  distquery.services: what is known of each service; and resetting that.
 *
 * Who has USAGE on a server sees it, members of pg_read_all_stats see all.  A breaker is reset by the
 * server's owner, figures too; those of all servers by superusers.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_user_mapping.h"
#include "compat.h"
#include "fmgr.h"
#include "foreign/foreign.h"
#include "insight/insight.h"
#include "insight/row.h"
#include "miscadmin.h"
#include "service/service_state.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(distquery_service_state);
PG_FUNCTION_INFO_V1(distquery_reset_breaker);
PG_FUNCTION_INFO_V1(distquery_reset_services);

static bool
may_see(Oid serverid)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		dq_server_aclcheck(serverid, GetUserId(), ACL_USAGE) == ACLCHECK_OK;
}

static const char *
state_name(BreakerState state)
{
	switch (state)
	{
		case BREAKER_CLOSED:
			return "closed";
		case BREAKER_OPEN:
			return "open";
		case BREAKER_HALF_OPEN:
			return "half-open";
	}
	return NULL;
}

/* When the service may be asked next, where that is not now; 0: now. */
static int64
next_us(const ServiceState *state, int64 now)
{
	int64 next = 0;

	if (state->breaker.is_open && !state->breaker.is_probing && state->breaker.retry_us > now)
		next = state->breaker.retry_us;
	if (state->not_before_us > now)
		next = Max(next, state->not_before_us);
	return next;
}

static void
add_state(RowBuilder *row, const ServiceState *state)
{
	const Breaker *breaker = &state->breaker;
	int64 now = dq_service_now_us();
	int64 next = next_us(state, now);

	dq_row_text(row, state_name(dq_breaker_state(breaker, now)));
	dq_row_int(row, breaker->failures);
	dq_row_add(row, TimestampTzGetDatum(dq_service_timestamp(breaker->opened_us)),
			   !breaker->is_open);
	dq_row_add(row, TimestampTzGetDatum(dq_service_timestamp(next)), next == 0);
	dq_row_count(row, breaker->openings);
	dq_row_int(row, state->in_flight);
	dq_row_int(row, state->waiting);
}

static void
add_figures(RowBuilder *row, const ServiceFigures *figures)
{
	static const FailureKind kinds[] = { FAILURE_CONNECT, FAILURE_TIMEOUT, FAILURE_CUT_OFF,
										 FAILURE_5XX,	  FAILURE_429,	   FAILURE_4XX,
										 FAILURE_OTHER,	  FAILURE_CONTENT };
	int64 errors = 0;

	dq_row_count(row, figures->requests);
	dq_row_count(row, figures->retries);
	for (int i = 0; i < lengthof(kinds); i++)
		errors += figures->failures[kinds[i]];
	dq_row_count(row, errors);
	for (int i = 0; i < lengthof(kinds); i++)
		dq_row_count(row, figures->failures[kinds[i]]);
	dq_row_count(row, figures->failures[FAILURE_REFUSED]);
	dq_row_count(row, figures->wire_bytes);
	dq_row_count(row, figures->latency.count);
	dq_row_ms(row, figures->latency.sum_ms);
	dq_row_ms(row, dq_histogram_quantile(&figures->latency, 0.5));
	dq_row_ms(row, dq_histogram_quantile(&figures->latency, 0.95));
	dq_row_ms(row, dq_histogram_quantile(&figures->latency, 0.99));
}

/*
 * service_state(oid) returns what is known of a foreign server, NULL where the caller may not see
 * it.
 */
Datum
distquery_service_state(PG_FUNCTION_ARGS)
{
	Oid serverid = PG_GETARG_OID(0);
	RowBuilder row = { .n = 0 };
	ServiceState state;
	TupleDesc tupdesc;
	bool was_asked;

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!may_see(serverid))
		PG_RETURN_NULL();
	memset(&state, 0, sizeof(state));
	was_asked = dq_service_read(serverid, &state);
	add_state(&row, &state);
	add_figures(&row, &state.figures);
	dq_row_add(&row, TimestampTzGetDatum(state.figures.since), !was_asked);
	dq_row_text(&row, dq_insight_scope());
	return dq_row_datum(&row, tupdesc);
}

static Oid
own_server(Name name)
{
	ForeignServer *server = GetForeignServerByName(NameStr(*name), false);

	if (!has_privs_of_role(GetUserId(), server->owner))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_FOREIGN_SERVER, server->servername);
	return server->serverid;
}

/* Closes the breakers of token endpoints, which are known by their mappings. */
static bool
reset_token_endpoints(Oid serverid)
{
	Relation mappings = table_open(UserMappingRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool was_asked = false;

	ScanKeyInit(&key, Anum_pg_user_mapping_umserver, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(serverid));
	scan = systable_beginscan(mappings, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		was_asked |= dq_service_reset_breaker(((Form_pg_user_mapping) GETSTRUCT(tuple))->oid);
	systable_endscan(scan);
	table_close(mappings, AccessShareLock);
	return was_asked;
}

/* reset_breaker(server) closes its circuit breaker; true when there was something to close. */
Datum
distquery_reset_breaker(PG_FUNCTION_ARGS)
{
	Oid serverid = own_server(PG_GETARG_NAME(0));
	bool was_asked = dq_service_reset_breaker(serverid);

	was_asked |= reset_token_endpoints(serverid);
	PG_RETURN_BOOL(was_asked);
}

/* reset_services(server) begins a server's figures anew, NULL: those of all of this database. */
Datum
distquery_reset_services(PG_FUNCTION_ARGS)
{
	if (!PG_ARGISNULL(0))
		dq_service_reset_figures(own_server(PG_GETARG_NAME(0)));
	else if (superuser())
		dq_service_reset_figures(InvalidOid);
	else
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to reset the figures of all servers"),
				 errhint("Name a server that you own.")));
	PG_RETURN_VOID();
}
