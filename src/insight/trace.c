/*
 * trace.c
 *	  What this database is called on the way of requests.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "transport/way.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(distquery_loop_id);

Datum
distquery_loop_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(dq_way_id()));
}
