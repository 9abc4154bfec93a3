/*
 * clause.h
 *	  Which SQL clauses a service can be asked, and why not the others.
 */
#ifndef DQ_CLAUSE_H
#define DQ_CLAUSE_H

#include "nodes/pathnodes.h"
#include "spec/spec.h"

/* A clause "column op value" that the service can evaluate. */
typedef struct ClauseMatch
{
	Expr *clause; /* the whole clause */
	AttrNumber attnum;
	ConditionOp op;
	Expr *value;   /* no Var of this table; NULL for IS [NOT] NULL */
	bool is_array; /* value is an array: op is COND_IN */
	bool is_exact; /* the service is trusted: no local recheck */
	int key;	   /* number of the key in a lookup join, from 1; 0: a condition of its own */
} ClauseMatch;

/*
 * Tells whether a clause over the relation relid (and values that do not depend on it) can be
 * asked.  Returns NULL and fills match when it can, else the reason why not, fit for EXPLAIN.
 */
extern const char *dq_clause_match(const TableSpec *table, Index relid, Expr *clause,
								   ClauseMatch *match);

/*
 * The same for "column <> ALL (array)", an AND of "<>": op is COND_NE, the value an array.  Only for
 * trees (clause_tree.h).
 */
extern const char *dq_clause_match_none(const TableSpec *table, Index relid,
										ScalarArrayOpExpr *clause, ClauseMatch *match);

/*
 * The same for an equality whose other side is a key of a lookup join: many values will be asked, in
 * lists or one by one, and always checked locally.
 */
extern const char *dq_clause_match_key(const TableSpec *table, Index relid, Expr *clause,
									   ClauseMatch *match);

/*
 * clause_text.c: true when it is known now that the value can be said in the dialect.  Where it
 * turns out later that it cannot, the condition is left out of the question, so it must not be
 * trusted before.
 */
extern bool dq_clause_is_sayable(const ColumnSpec *column, ConditionOp op, Expr *value,
								 bool is_array);

/* What a scan with these clauses asks, and what stays local. */
typedef struct ScanChoice
{
	List *asked;	/* ClauseMatch pointers */
	List *trees;	/* TreeMatch pointers (clause_tree.h): ORs that are asked as a whole */
	List *local;	/* Expr pointers: clauses not asked */
	List *reasons;	/* char pointers, one for each of local */
	bool is_lookup; /* one item each by lookup_path */
	List *missing;	/* integers: attnums that must be restricted and are not */
	bool binds_key; /* every key column is asked by "=" */
} ScanChoice;

/*
 * Chooses among clauses (Exprs): at most one condition a column and direction, lookups by key
 * where they fit.
 */
extern void dq_clause_choose(const TableSpec *table, Index relid, List *clauses,
							 ScanChoice *choice);

/* The same beside keys (ClauseMatch pointers of dq_clause_match_key), which have precedence. */
extern void dq_clause_choose_with_keys(const TableSpec *table, Index relid, List *keys,
									   List *clauses, ScanChoice *choice);

#endif /* DQ_CLAUSE_H */
