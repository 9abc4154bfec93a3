/*
 * bind_tree.h
 *	  The ORs of a plan with this execution's values.
 */
#ifndef DQ_BIND_TREE_H
#define DQ_BIND_TREE_H

#include "fdw/bind.h"

/* What became of a tree once its values were known. */
typedef enum TreeVerdict
{
	TREE_ASKED,	  /* to be said */
	TREE_OMITTED, /* true for every row, or part of it cannot be said: nothing is asked */
	TREE_FALSE	  /* true for no row */
} TreeVerdict;

/*
 * Binds one of plan->trees; values are as for dq_bind_asks.  Raises when a value that must be sent
 * cannot be.
 */
extern TreeVerdict dq_bind_tree(const TableSpec *table, const PlanData *plan, int number,
								const ConditionValue *values, const BoundTree **tree);

#endif /* DQ_BIND_TREE_H */
