/*
 * bind.h
 *	  From a plan's conditions and the values of this execution to the questions that are asked.
 */
#ifndef DQ_BIND_H
#define DQ_BIND_H

#include "compat.h"
#include "fdw/plan_data.h"
#include "fetch/fetch.h"

/* The value of one condition, evaluated. */
typedef struct ConditionValue
{
	Oid type;		 /* of the value, of its elements for an array */
	bool is_unknown; /* EXPLAIN cannot know it yet; marker is sent in its place */
	const char *marker;
	bool has_null; /* the value, or one of a list's, is NULL */
	int nvalues;   /* 0 for IS [NOT] NULL */
	Datum *values; /* no NULLs; of an array in order and distinct */
} ConditionValue;

/*
 * Rows of an answer belong to it only if the column's value is one of these: lists are asked in
 * parts.
 */
typedef struct KeyCheck
{
	AttrNumber attnum;
	FmgrInfo *compare; /* column's type against the keys', under COLLATE "C" */
	int nkeys;
	Datum *keys; /* in the type's order under COLLATE "C" */
} KeyCheck;

/* One question: a fetch. */
typedef struct Ask
{
	char *url;
	const BoundBody *body; /* of a POST, but for paging; NULL: a GET */
	bool is_lookup;
	bool is_whole;			  /* nothing is asked for but the collection */
	bool is_sample;			  /* for ANALYZE: no strategy, and */
	const PagePosition *page; /* only this page; NULL: all */
	int nvalues;
	RequestValue *values; /* columns whose value the request determines */
	int nchecks;
	KeyCheck *checks;
	FetchKeys *alone; /* its keys, where each has an answer of its own in the cache; else NULL */
	const char *marks[MAX_CACHE_COLUMNS]; /* as in FetchOptions */
	int nwider;
	FetchWider *wider;	  /* less restricted questions that hold all of its rows */
	FetchRowKey *row_key; /* its rows can be kept one by one; else NULL */
	Scope *scope;		  /* NULL for tables that are always asked */
	const char *key_name; /* column of which rows are asked by value, NULL: none */
	int nkeys;
	const char *const *keys; /* the values as they are spelled, UTF-8 */
	int group;				 /* of the keys of a batch, see dq_bind_keys */
} Ask;

/*
 * Makes the questions, palloc'd in the current context.  values[i] belongs to plan->conditions[i].
 * Raises when a value that must be sent cannot be.
 */
extern int dq_bind_asks(const TableSpec *table, const PlanData *plan, const ConditionValue *values,
						Ask **asks);

/*
 * Fills a ConditionValue from an evaluated scalar or array: NULL elements left out, duplicates
 * too.  False when the condition can be true for no row (a NULL, an empty list).
 */
extern bool dq_bind_value(const PlanCondition *condition, Oid type, Datum datum, bool isnull,
						  ConditionValue *value);

/*
 * The text of a value as it is sent in a query string; NULL when it cannot be said.  is_exact: it is
 * not widened.
 */
extern char *dq_bind_text(const ColumnSpec *column, ConditionOp op, Oid type, Datum value,
						  bool is_exact);

/* False where no value of the column's type can be equal: 3,000,000,000 is no integer. */
extern bool dq_bind_can_equal(const ColumnSpec *column, ConditionOp op, Oid type, Datum value);

/* Raises for a value that has to be sent and cannot be said. */
pg_noreturn extern void dq_bind_unsendable(const TableSpec *table, const ColumnSpec *column);

/*
 * Keys of a lookup join, asked together.  Composite keys are rows of ncolumns values; none is NULL,
 * all rows differ.
 */
typedef struct KeyBatch
{
	int ncolumns;
	const Oid *types; /* of each column's values */
	int nkeys;
	const Datum *values; /* nkeys rows of ncolumns values */
	int *groups;		 /* set for each key: the group that it is asked in */
} KeyBatch;

/*
 * The questions for a batch of keys: dq_bind_asks with the conditions of keys (PlanCondition.key)
 * filled, once for each group of keys that can be asked together.  values are those of the other
 * conditions.  A service that answers with more than it was asked for brings a row by the questions
 * of several groups: it counts where its key is of the question's own.
 */
extern int dq_bind_keys(const TableSpec *table, const PlanData *plan, const ConditionValue *values,
						const KeyBatch *batch, Ask **asks);

/* Keys that one question can hold: max_batch if some column of the key can be listed, else 1. */
extern int dq_bind_max_keys(const TableSpec *table, const PlanData *plan);

/* False when a value of a list has to be asked alone. */
extern bool dq_bind_can_list(const ColumnSpec *column, const char *text);

/* A list of n values, none NULL, as a condition's value: in order and distinct. Takes values over. */
extern void dq_bind_list(ConditionValue *value, Oid type, Datum *values, int n);

/* Raises for columns that must be restricted and are not. */
pg_noreturn extern void dq_bind_missing(const TableSpec *table, const PlanData *plan);

#endif /* DQ_BIND_H */
