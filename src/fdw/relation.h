/*
 * relation.h
 *	  What planning keeps about one foreign table between its callbacks (RelOptInfo.fdw_private).
 */
#ifndef DQ_RELATION_H
#define DQ_RELATION_H

#include "fdw/clause.h"
#include "fdw/cost.h"

typedef struct RelationPlan
{
	const TableSpec *table;
	ScanChoice choice; /* with the table's own restrictions only */
	CostFacts facts;
	const Endpoint *endpoint; /* of stored tables only */
	bool is_stored; /* the transaction has the whole collection: nothing has to be asked */
} RelationPlan;

/* Clauses of RestrictInfos, pseudoconstants left out. */
extern List *dq_relation_clauses(List *restrict_infos);

/*
 * The order that the query wants as keys the service can sort by; NIL when it cannot. PlanSort
 * pointers.
 */
extern List *dq_relation_sort(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan);

#endif /* DQ_RELATION_H */
