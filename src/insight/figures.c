/*
 * figures.c
 *	  distquery.table_figures and distquery.reset_figures(): what was learned of tables, in SQL.
 */
#include "postgres.h"

#include <math.h>

#include "compat.h"
#include "fetch/figures.h"
#include "fmgr.h"
#include "funcapi.h"
#include "insight/insight.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(distquery_table_figures);
PG_FUNCTION_INFO_V1(distquery_reset_figures);

static Datum
whole_number(double value)
{
	return Int64GetDatum((int64) rint(value));
}

static void
put_row(ReturnSetInfo *result, const NamedFigures *table)
{
	const FetchFacts *facts = &table->figures.values;
	Datum values[] = {
		ObjectIdGetDatum(table->relid),			  whole_number(facts->rows),
		whole_number(facts->page_rows),			  whole_number(facts->row_bytes),
		whole_number(facts->request_bytes),		  Float8GetDatum(rint(facts->latency_ms * 10) / 10),
		Int64GetDatum(table->figures.fetches),	  TimestampTzGetDatum(table->figures.since),
		TimestampTzGetDatum(table->figures.last), CStringGetTextDatum(dq_insight_scope())
	};
	bool nulls[] = { false,
					 facts->rows < 0,
					 facts->page_rows < 0,
					 facts->row_bytes < 0,
					 facts->request_bytes < 0,
					 facts->latency_ms < 0,
					 false,
					 false,
					 false,
					 false };

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* table_figures() returns a row a table that exists. */
Datum
distquery_table_figures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	NamedFigures *tables;
	int n;

	dq_init_materialized_srf(fcinfo);
	n = dq_figures_list(&tables);
	for (int i = 0; i < n; i++)
		if (get_rel_name(tables[i].relid) != NULL)
			put_row(result, &tables[i]);
	return (Datum) 0;
}

/* reset_figures(foreign_table), of all of this database for NULL; returns of how many. */
Datum
distquery_reset_figures(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(dq_figures_forget(PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0)));
}
