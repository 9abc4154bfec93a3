/*
 * extent.h
 *	  How much of a table a scan asks for: which members of its rows, and how many rows.
 */
#ifndef DQ_EXTENT_H
#define DQ_EXTENT_H

#include "fdw/relation.h"

/* True when everything that a scan restricts is asked, and trusted to be answered exactly. */
extern bool dq_extent_is_exact(const TableSpec *table, const ScanChoice *choice);

/*
 * Rows that the query can use at most, where that is known and no clause drops any here; else 0.
 * pathkeys are the scan's.
 */
extern int64 dq_extent_row_limit(PlannerInfo *root, const ScanChoice *choice, List *pathkeys);

/*
 * The columns (integers) whose members the service is asked for, when these are needed; NIL: all
 * members.  needed are the columns that the scan decodes.
 */
extern List *dq_extent_fields(PlannerInfo *root, RelOptInfo *rel, const ScanChoice *choice,
							  List *needed);

/* Columns (integers) of output and clauses, with those of lists that may be asked in parts. */
extern List *dq_extent_columns(RelOptInfo *rel, List *clauses, const ScanChoice *choice);

#endif /* DQ_EXTENT_H */
