/*
 * fdw.c
 *	  The foreign data wrapper's handler: which callback is which function.
 */
#include "postgres.h"

#include "compat.h"
#include "fdw/fdw.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(distquery_handler);

Datum
distquery_handler(PG_FUNCTION_ARGS)
{
	FdwRoutine *routine = makeNode(FdwRoutine);

	routine->GetForeignRelSize = dqGetForeignRelSize;
	routine->GetForeignPaths = dqGetForeignPaths;
	routine->GetForeignPlan = dqGetForeignPlan;
	routine->GetForeignUpperPaths = dqGetForeignUpperPaths;
	routine->BeginForeignScan = dqBeginForeignScan;
	routine->IterateForeignScan = dqIterateForeignScan;
	routine->ReScanForeignScan = dqReScanForeignScan;
	routine->EndForeignScan = dqEndForeignScan;
	routine->IsForeignPathAsyncCapable = dqIsForeignPathAsyncCapable;
	routine->ForeignAsyncRequest = dqForeignAsyncRequest;
	routine->ForeignAsyncConfigureWait = dqForeignAsyncConfigureWait;
	routine->ForeignAsyncNotify = dqForeignAsyncNotify;
	routine->AnalyzeForeignTable = dqAnalyzeForeignTable;
	routine->ExplainForeignScan = dqExplainForeignScan;
	routine->ImportForeignSchema = dqImportForeignSchema;
	PG_RETURN_POINTER(routine);
}
