/*
 * shared_memory.c
 *	  distquery.shared_memory: the areas of shared memory, and how full they are.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "insight/insight.h"
#include "service/shared_state.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(distquery_shared_memory);

const char *
dq_insight_scope(void)
{
	return dq_shared_scope() == SHARED_BY_ALL ? "server" : "session";
}

/* shared_memory() returns a row an area. */
Datum
distquery_shared_memory(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	SharedArea *area;

	dq_init_materialized_srf(fcinfo);
	dq_shared_attach();
	for (int i = 0; (area = dq_shared_area(i)) != NULL; i++)
	{
		bool is_table = dq_shared_area_is_table(area);
		SharedTable *table = dq_shared_lock(area, LW_SHARED);
		int count = is_table ? dq_shared_table_count(table) : 0;
		int room = is_table ? dq_shared_table_room(table) : 0;
		int64 evicted = is_table ? dq_shared_table_evicted(table) : 0;

		dq_shared_unlock(area);

		Datum values[] = { CStringGetTextDatum(dq_shared_area_name(area)),
						   CStringGetTextDatum(dq_insight_scope()),
						   Int64GetDatum((int64) dq_shared_area_bytes(area)),
						   Int32GetDatum(count),
						   Int32GetDatum(room),
						   Int64GetDatum(evicted) };
		bool nulls[] = { false, false, false, !is_table, !is_table, !is_table };

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
