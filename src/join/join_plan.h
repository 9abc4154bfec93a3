/*
 * join_plan.h
 *	  What the planner tells the executor about a lookup join; shared by the files of join/.
 *
 * CustomScan.custom_exprs holds, in this order: the inner table's values, asked and local clauses
 * (as in a foreign scan), the keys, the clauses that an inner row must pass, the join clauses, and what
 * is computed from an inner row.  custom_scan_tlist holds the outer plan's columns, the inner ones, what
 * is computed, and at the end inner columns that stand in asked clauses alone and are always NULL.
 */
#ifndef DQ_JOIN_PLAN_H
#define DQ_JOIN_PLAN_H

#include "fdw/plan_data.h"
#include "fdw/relation.h"
#include "nodes/extensible.h"
#include "nodes/plannodes.h"

typedef struct JoinPlan
{
	JoinType type;		   /* INNER, LEFT, SEMI or ANTI */
	bool has_single_match; /* one inner row at most is wanted for an outer one */
	bool is_unique;		   /* a key has one inner row at most */
	PlanData *inner;	   /* conditions with .key set ask for keys */
	int nouter;			   /* columns of the outer plan */
	List *inner_attnums;   /* integers: columns of the inner table behind them */
	List *key_attnums;	   /* integers: the inner column of each key */
	List *key_operators;   /* OIDs: outer value = inner value */
	List *key_collations;  /* OIDs */
	int first_key;		   /* in custom_exprs */
	int ninner_quals;
	int njoin_quals;
	int ncomputed;	   /* values computed from an inner row */
	int64 first_batch; /* keys of the first batch; 0: as many as fit, the join is read to its end */
} JoinPlan;

/* A RestrictInfo whose equality gives a key, with its match. */
typedef struct JoinKey
{
	RestrictInfo *info;
	ClauseMatch match;
} JoinKey;

/*
 * The keys among the clauses of a join (JoinKey pointers) and what the inner table is asked with
 * them; NIL when there is none that the service can be asked.
 */
extern List *dq_join_keys(RelOptInfo *joinrel, RelOptInfo *outerrel, RelOptInfo *innerrel,
						  JoinType type, List *restrictlist, ScanChoice *choice);

/* CustomPathMethods.PlanCustomPath */
extern Plan *dq_join_plan_path(PlannerInfo *root, RelOptInfo *rel, CustomPath *path, List *tlist,
							   List *clauses, List *custom_plans);

/* What CustomPath.custom_private holds. */
typedef struct JoinPathFacts
{
	JoinType type;
	bool has_single_match;
	Index inner_relid;
	List *restrictlist;
} JoinPathFacts;

extern List *dq_join_facts_write(const JoinPathFacts *facts);
extern JoinPathFacts dq_join_facts_read(List *custom_private);

extern List *dq_join_plan_write(const JoinPlan *plan);
extern JoinPlan *dq_join_plan_read(List *custom_private);

extern const CustomScanMethods dq_join_scan_methods;

/* join_exec.c: CustomScanMethods.CreateCustomScanState */
extern Node *dq_join_create_state(CustomScan *scan);

#endif /* DQ_JOIN_PLAN_H */
