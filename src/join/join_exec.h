/*
 * join_exec.h
 *	  The state of one lookup join, for the files of join/.
 */
#ifndef DQ_JOIN_EXEC_H
#define DQ_JOIN_EXEC_H

#include "fdw/table_reader.h"
#include "join/join_plan.h"
#include "join/key_table.h"

/* Keys asked together, in a context of its own. */
typedef struct JoinBatch
{
	dlist_node node; /* in LookupJoinState.batches, in the order of asking */
	MemoryContext context;
	int nkeys;
	KeyEntry **entries;
	int missing; /* keys that no row has come for */
	int nasks;
	OpenAsk *asks;
	int current; /* ask being read */
	int found;	 /* keys that it was the first to bring a row for */
} JoinBatch;

/* An outer row that waits for its key's answer. */
typedef struct WaitingRow
{
	dlist_node node;
	KeyEntry *entry; /* NULL: the key is NULL, or no inner row can match */
	MinimalTuple tuple;
} WaitingRow;

typedef struct JoinCounters
{
	int64 outer_rows;
	int64 null_keys; /* outer rows whose key is NULL */
	int64 keys;		 /* distinct, each asked once (again where memory was short) */
	int64 not_found; /* keys that the service had no row for */
	int64 strangers; /* rows that no key of their question asked for */
	int64 batches;
	int smallest_batch; /* keys */
	int largest_batch;
} JoinCounters;

typedef struct LookupJoinState
{
	CustomScanState css;
	JoinPlan *plan;
	PlanState *outer;
	TableReader *reader;
	MemoryContext context;
	MemoryContext bound_context; /* values of conditions; reset by a rescan */

	/* expressions */
	ExprState **keys;
	ExprState *inner_qual;
	ExprState *join_qual;
	ExprState **computed; /* plan->ncomputed long */
	int nkeys;
	KeyColumnOps *key_ops;
	Oid *key_types;
	bool depends_on_params; /* what an inner row is may change with a rescan */

	/* slots */
	TupleTableSlot *inner_slot;	 /* of the inner table's type */
	TupleTableSlot *outer_tuple; /* the outer row being joined */
	TupleTableSlot *inner_tuple; /* inner row as kept */
	TupleDesc inner_desc;		 /* columns kept, then computed values */
	int ncolumns;				 /* of the former */
	Datum *key_values;			 /* scratch, nkeys long */
	Datum *row_values;			 /* scratch, a row of inner_desc */
	bool *row_nulls;

	/* what is under way */
	bool is_bound;
	bool is_inner_empty; /* the table's own conditions are true for no row */
	ConditionValue *values;
	KeyTable *table;
	dlist_head waiting; /* WaitingRow, in outer order */
	int64 waiting_bytes;
	int64 waiting_limit;
	MemoryContext waiting_context;
	bool outer_is_done;
	KeyEntry **gathered; /* keys of the next batch */
	int ngathered;
	int batch_size; /* of the next batch, keys */
	int max_batch_size;
	int asks_limit; /* questions on the wire at once */
	dlist_head batches;
	int asks_open;

	/* the outer row being joined */
	bool has_current;
	KeyEntry *current;
	KeyRowCursor cursor;
	bool is_matched;

	JoinCounters counters;
} LookupJoinState;

/* join_fill.c: outer rows in, batches out, answers filed. */

/* An empty table of keys. */
extern void dq_join_make_table(LookupJoinState *join);

/* Makes the next outer row with its answer the current one; false when there is none left. */
extern bool dq_join_advance(LookupJoinState *join);

/* Lets the current outer row go. */
extern void dq_join_finish_current(LookupJoinState *join);

/* Drops everything under way; answers that are still right are kept. */
extern void dq_join_reset(LookupJoinState *join, bool keep_answers);

/* Puts the outer row at hand, or an inner one (NULL: none), into the scan tuple. */
extern void dq_join_show_outer(LookupJoinState *join, TupleTableSlot *outer);
extern void dq_join_show_inner(LookupJoinState *join, TupleTableSlot *inner);

/* join_explain.c: CustomExecMethods.ExplainCustomScan */
extern void dqExplainLookupJoin(CustomScanState *node, List *ancestors, struct ExplainState *es);

#endif /* DQ_JOIN_EXEC_H */
