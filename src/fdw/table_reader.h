/*
 * table_reader.h
 *	  How the executor reads rows of one foreign table: values in, questions out, rows up.  Shared by
 *	  the foreign scan and the lookup join.
 */
#ifndef DQ_TABLE_READER_H
#define DQ_TABLE_READER_H

#include "fdw/bind.h"
#include "nodes/execnodes.h"

/* Lives in a context below es_query_cxt. */
typedef struct TableReader
{
	uint32 number;	   /* tells readers of this backend apart */
	PlanState *parent; /* in whose expression context values are evaluated */
	MemoryContext context;
	const TableSpec *table;
	const Endpoint *endpoint; /* NULL under EXPLAIN without ANALYZE, like group and decoder */
	const PlanData *plan;
	ExprState **value_states; /* plan->nvalues long */
	bool waits_for_params;	  /* a value is a PARAM_EXEC: known only when the node is reached */
	bool may_raise;			  /* evaluating a value may: only when the node is reached */
	FetchGroup *group;
	RowDecoder *decoder;
	bool must_be_whole;		 /* an outage is an error, whatever option on_error says */
	FetchRow row;			 /* being decoded, for error messages */
	FetchStats closed_stats; /* of questions that were closed */
} TableReader;

/* A question and, once it is asked, its reader. */
typedef struct OpenAsk
{
	Ask ask;
	FetchReader *reader; /* NULL: not asked yet, or read to the end and closed */
	int64 enough_rows;	 /* as in FetchOptions */
} OpenAsk;

/*
 * Made in a context of its own below the current one; values are the expressions of the plan's
 * conditions, the first plan->nvalues of exprs.
 */
extern TableReader *dq_reader_create(PlanState *parent, Relation relation, const PlanData *plan,
									 List *exprs);

/* The same for a table by its OID. */
extern TableReader *dq_reader_create_for(PlanState *parent, Oid relid, const PlanData *plan,
										 List *exprs);

/*
 * Makes it fit for asking, as this user; not under plain EXPLAIN.  NULL tupdesc: no row will be
 * decoded.
 */
extern void dq_reader_prepare(TableReader *reader, TupleDesc tupdesc, Oid userid);

/*
 * Evaluates the conditions' values, plan->nconditions long, in the current context; those of keys
 * (PlanCondition.key) are left empty.  False when no row can satisfy them all.
 */
extern bool dq_reader_evaluate(TableReader *reader, ConditionValue *values);

/* Puts a question on the wire; keep: its rows will be read again. */
extern void dq_reader_ask(TableReader *reader, OpenAsk *ask, bool keep);

/*
 * Stores the next row that belongs to the question into slot (of the relation's type); false at the
 * end.  Waits.
 */
extern bool dq_reader_next(TableReader *reader, OpenAsk *ask, TupleTableSlot *slot);

/* The rows that belong to a question, by the service's total where it tells one.  Waits. */
extern int64 dq_reader_count(TableReader *reader, OpenAsk *ask);

/* The same without waiting, or raising what a service did wrong. */
extern FetchResult dq_reader_try_next(TableReader *reader, OpenAsk *ask, TupleTableSlot *slot);

/* Ends a question that may be open; its figures are kept. */
extern void dq_reader_close(TableReader *reader, OpenAsk *ask);

/* Adds what one open question did so far. */
extern void dq_reader_add_stats(FetchStats *sum, const OpenAsk *ask);

/*
 * True when evaluating a value cannot raise: constants, parameters, moments and spans of time,
 * lists of these.
 */
extern bool dq_value_is_plain(Node *value);

#endif /* DQ_TABLE_READER_H */
