/*
 * fdw.h
 *	  PostgreSQL's callbacks, by file; wired together in fdw.c.
 */
#ifndef DQ_FDW_H
#define DQ_FDW_H

#include "foreign/fdwapi.h"

/* plan.c */
extern void dqGetForeignRelSize(PlannerInfo *root, RelOptInfo *rel, Oid relid);
extern ForeignScan *dqGetForeignPlan(PlannerInfo *root, RelOptInfo *rel, Oid relid,
									 ForeignPath *path, List *tlist, List *scan_clauses,
									 Plan *outer_plan);

/* paths.c */
extern void dqGetForeignPaths(PlannerInfo *root, RelOptInfo *rel, Oid relid);

/* count.c */
extern void dqGetForeignUpperPaths(PlannerInfo *root, UpperRelationKind stage,
								   RelOptInfo *input_rel, RelOptInfo *output_rel, void *extra);

/* stats.c: registers the planner's hook, once in a backend */
extern void dq_stats_init(void);

/* scan.c */
extern void dqBeginForeignScan(ForeignScanState *node, int eflags);
extern TupleTableSlot *dqIterateForeignScan(ForeignScanState *node);
extern void dqReScanForeignScan(ForeignScanState *node);
extern void dqEndForeignScan(ForeignScanState *node);

/* append.c */
extern bool dqIsForeignPathAsyncCapable(ForeignPath *path);
extern void dqForeignAsyncRequest(AsyncRequest *request);
extern void dqForeignAsyncConfigureWait(AsyncRequest *request);
extern void dqForeignAsyncNotify(AsyncRequest *request);

/* analyze.c */
extern bool dqAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func,
								  BlockNumber *pages);

/* explain.c */
extern void dqExplainForeignScan(ForeignScanState *node, struct ExplainState *es);

/* import/import.c */
extern List *dqImportForeignSchema(ImportForeignSchemaStmt *stmt, Oid serverid);

#endif /* DQ_FDW_H */
