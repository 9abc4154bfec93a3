/*
 * relation.h
 *	  What planning keeps about one foreign table between its callbacks (RelOptInfo.fdw_private).
 */
#ifndef DQ_RELATION_H
#define DQ_RELATION_H

#include "fdw/clause.h"
#include "fdw/cost.h"
#include "fdw/plan_data.h"

typedef struct RelationPlan
{
	const TableSpec *table;
	ScanChoice choice; /* with the table's own restrictions only */
	CostFacts facts;
	const Endpoint *endpoint; /* of stored tables only */
	bool is_stored; /* the transaction has the whole collection: nothing has to be asked */
} RelationPlan;

/* True for a foreign table of this wrapper that has been planned for: its fdw_private is a RelationPlan. */
extern bool dq_relation_is_ours(const RelOptInfo *rel);

/*
 * Writes what a choice asks into data, conditions and trees, its values into exprs; clauses that
 * the service is trusted with are added to recheck.
 */
extern void dq_relation_add_conditions(PlannerInfo *root, PlanData *data, const ScanChoice *choice,
									   List **exprs, List **recheck);

/* Clauses of RestrictInfos, pseudoconstants left out. */
extern List *dq_relation_clauses(List *restrict_infos);

/*
 * The order that the query wants as keys the service can sort by; NIL when it cannot. PlanSort
 * pointers.
 */
extern List *dq_relation_sort(PlannerInfo *root, RelOptInfo *rel, const RelationPlan *plan);

/*
 * Writes a choice into data.  Returns its expressions: values, asked clauses, local clauses; clauses
 * that need no local recheck are added to *recheck.
 */
extern List *dq_relation_plan_choice(PlannerInfo *root, const ScanChoice *choice, PlanData *data,
									 List **recheck);

#endif /* DQ_RELATION_H */
