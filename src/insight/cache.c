/*
 * cache.c
 *	  distquery.invalidate(), distquery.freshness() and distquery.cache_stats.
 */
#include "postgres.h"

#include "cache/identity.h"
#include "cache/remote_store.h"
#include "cache/shared_cache.h"
#include "catalog/pg_class.h"
#include "compat.h"
#include "fdw/filter.h"
#include "fetch/freshness.h"
#include "fetch/invalidation.h"
#include "fmgr.h"
#include "foreign/fdwapi.h"
#include "foreign/foreign.h"
#include "funcapi.h"
#include "insight/insight.h"
#include "miscadmin.h"
#include "spec/spec.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(distquery_invalidate);
PG_FUNCTION_INFO_V1(distquery_freshness);
PG_FUNCTION_INFO_V1(distquery_cache_stats);

/* A foreign table of ours that the user may read; raises otherwise. */
static void
check_source(Oid table)
{
	char *name = get_rel_name(table);
	ForeignServer *server = NULL;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", table)));
	if (get_rel_relkind(table) == RELKIND_FOREIGN_TABLE)
		server = GetForeignServer(GetForeignServerIdByRelId(table));
	if (server == NULL || strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "distquery") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a foreign table of distquery", name)));
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FOREIGN_TABLE, name);
}

/* As the current user, whose login at the servers it is. */
static void
invalidate_remotely(Oid source)
{
	const TableSpec *table = dq_spec_for_table(source);

	if (dq_identity_wants_remote(table))
		dq_remote_invalidate(table, dq_spec_endpoint(table, GetUserId()));
}

/* Where it is not known which answers may hold rows that pass the filter, it is all of them. */
static void
invalidate_rows(const TableSpec *table, const char *filter)
{
	const char **texts;
	int column;
	int n;

	if (dq_filter_marks(table, filter, &column, &texts, &n))
		dq_cache_invalidate_rows(table->relid, column, texts, n);
	else
	{
		dq_cache_invalidate(table->relid);
		ereport(NOTICE,
				(errmsg("all cached answers of foreign table \"%s\" are invalidated", table->name),
				 errdetail("The filter does not say which of them hold its rows."),
				 errhint(
					 "Filter by \"=\" or IN a key column, or the column of option \"cache_partition\".")));
	}
}

/* invalidate(source, filter) */
Datum
distquery_invalidate(PG_FUNCTION_ARGS)
{
	Oid source;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	source = PG_GETARG_OID(0);
	check_source(source);
	if (PG_ARGISNULL(1))
		dq_cache_invalidate(source);
	else
		invalidate_rows(dq_spec_for_table(source), text_to_cstring(PG_GETARG_TEXT_PP(1)));
	invalidate_remotely(source);
	PG_RETURN_VOID();
}

/* freshness(source) */
Datum
distquery_freshness(PG_FUNCTION_ARGS)
{
	TimestampTz asked_at;

	check_source(PG_GETARG_OID(0));
	if (!dq_freshness(PG_GETARG_OID(0), &asked_at))
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(asked_at);
}

/* cache_stats() returns a row a table of this database. */
Datum
distquery_cache_stats(PG_FUNCTION_ARGS)
{
	static const char *const stores[] = { "shared", "redis", "memcached" };
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	CacheFigures *tables;
	int n;

	dq_init_materialized_srf(fcinfo);
	dq_cache_prepare();
	tables = dq_cache_all_figures(&n);
	for (int i = 0; i < n; i++)
	{
		const CacheFigures *table = &tables[i];
		Datum values[] = {
			ObjectIdGetDatum(table->table), CStringGetTextDatum(stores[table->store]),
			Int64GetDatum(table->hits),		Int64GetDatum(table->misses),
			Int64GetDatum(table->stale),	Int64GetDatum(table->coalesced),
			Int64GetDatum(table->stored),	Int64GetDatum(table->refused),
			Int64GetDatum(table->evicted),	Int64GetDatum(table->entries),
			Int64GetDatum(table->bytes),	CStringGetTextDatum(dq_insight_scope())
		};
		bool nulls[lengthof(values)] = { false };

		/* What a server evicts and has it does not tell. */
		nulls[8] = nulls[9] = nulls[10] = table->store != CACHE_STORE_SHARED;

		if (get_rel_relkind(table->table) == RELKIND_FOREIGN_TABLE)
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
