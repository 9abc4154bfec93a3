/*
 * pruning.h
 *	  Which scans may turn out to be of no use while the query runs.
 */
#ifndef DQ_PRUNING_H
#define DQ_PRUNING_H

#include "nodes/plannodes.h"

/* True for a scan of a partition that may be pruned at run time. */
extern bool dq_scan_is_prunable(const PlannedStmt *statement, const Plan *scan);

#endif /* DQ_PRUNING_H */
