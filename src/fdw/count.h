/*
 * count.h
 *	  count(*) of a table by the total that its service tells.
 */
#ifndef DQ_COUNT_H
#define DQ_COUNT_H

#include "fdw/relation.h"
#include "nodes/plannodes.h"

/* The plan node of a path that dqGetForeignUpperPaths made. */
extern ForeignScan *dq_count_plan(PlannerInfo *root, RelOptInfo *rel, ForeignPath *path,
								  List *tlist);

#endif /* DQ_COUNT_H */
