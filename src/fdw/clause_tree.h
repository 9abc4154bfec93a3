/*
 * clause_tree.h
 *	  Clauses of several conditions, joined by AND and OR, that a service can be asked as a whole.
 */
#ifndef DQ_CLAUSE_TREE_H
#define DQ_CLAUSE_TREE_H

#include "fdw/clause.h"

typedef struct ClauseTree
{
	BoundKind kind;
	ClauseMatch *leaf; /* of BOUND_CONDITION */
	List *parts;	   /* ClauseTree pointers, of the others */
} ClauseTree;

/* A clause that is asked as one expression. */
typedef struct TreeMatch
{
	Expr *clause;
	ClauseTree *tree;
	bool is_exact; /* every condition in it is */
} TreeMatch;

/*
 * Tells whether a clause that is no single condition can be asked as a whole.  Returns NULL and
 * fills match when it can, else the reason why not.
 */
extern const char *dq_clause_match_tree(const TableSpec *table, Index relid, Expr *clause,
										TreeMatch *match);

/*
 * An OR of equalities of one column is a list: fills match with op COND_IN.  False when the clause
 * is something else, or lists cannot be asked.
 */
extern bool dq_clause_match_list(const TableSpec *table, Index relid, Expr *clause,
								 ClauseMatch *match);

#endif /* DQ_CLAUSE_TREE_H */
