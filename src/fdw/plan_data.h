/*
 * plan_data.h
 *	  What the planner tells the executor about a scan, as node data.
 */
#ifndef DQ_PLAN_DATA_H
#define DQ_PLAN_DATA_H

#include "access/attnum.h"
#include "nodes/pg_list.h"
#include "request/condition.h"

/* A condition that is asked of the service. */
typedef struct PlanCondition
{
	AttrNumber attnum;
	ConditionOp op;
	int value; /* index in ForeignScan.fdw_exprs, -1 without a value */
	bool is_array;
	bool is_exact;
	bool in_tree; /* part of a PlanTree */
	int key;	  /* number of the key of a lookup join that it asks for, from 1; 0: none */
} PlanCondition;

/* An AND or OR of conditions that is asked as a whole. */
typedef struct PlanTree
{
	bool is_exact;
	List *code; /* integers, in prefix order: BoundKind, then a number of parts or of a condition */
} PlanTree;

typedef struct PlanSort
{
	AttrNumber attnum;
	bool is_descending;
} PlanSort;

/*
 * ForeignScan.fdw_exprs holds nvalues values, then the clauses that are asked (nasked: those of
 * single conditions in their order, then the trees'), then those that stay local; clauses are there for EXPLAIN only.
 */
typedef struct PlanData
{
	bool is_lookup;
	bool is_frugal;	 /* the reader may stop early */
	bool is_count;	 /* of rows, by the service's total; nothing is retrieved */
	int64 row_limit; /* 0: none known */
	int64 enough;	 /* rows after which the service need not go on, trusted; 0: all are needed */
	int nvalues;
	int nasked;
	int nconditions;
	PlanCondition *conditions; /* those of trees last */
	int ntrees;
	PlanTree *trees;
	int nsort;
	PlanSort *sort;
	List *retrieved; /* integers: attnums to decode */
	List *fields;	 /* integers: attnums whose members are asked for; NIL: all members */
	List *missing;	 /* integers: attnums that must be restricted and are not */
	List *markers;	 /* String nodes, one for each value: "alias.column" of an outer row, or "" */
	List *reasons;	 /* String nodes, one for each local clause in fdw_exprs */
} PlanData;

/* To and from ForeignScan.fdw_private; plan_data_read palloc's in the current context. */
extern List *dq_plan_data_write(const PlanData *data);
extern PlanData *dq_plan_data_read(List *fdw_private);

#endif /* DQ_PLAN_DATA_H */
