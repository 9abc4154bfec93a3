/*
 * last_errors.c
 *	  distquery.last_errors: what the session's latest statement that made requests could not get.
 */
#include "postgres.h"

#include "compat.h"
#include "fetch/last_errors.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(distquery_last_errors);

static Datum
optional_text(const char *value, bool *isnull)
{
	*isnull = value == NULL;
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

/* last_errors() returns a row an answer that is missing, in part or whole. */
Datum
distquery_last_errors(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	const LastError *error;

	dq_init_materialized_srf(fcinfo);
	for (int i = 0; (error = dq_last_errors_get(i)) != NULL; i++)
	{
		bool nulls[9] = { false };
		Datum values[9] = { TimestampTzGetDatum(error->at) };

		values[1] = optional_text(error->statement, &nulls[1]);
		values[2] = ObjectIdGetDatum(error->relid);
		values[3] = DirectFunctionCall1(namein, CStringGetDatum(error->server_name));
		values[4] = CStringGetTextDatum(dq_failure_name(error->kind));
		values[5] = CStringGetTextDatum(error->reason);
		values[6] = optional_text(error->detail, &nulls[6]);
		values[7] = CStringGetTextDatum(error->missing);
		values[8] = BoolGetDatum(error->is_raised);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
