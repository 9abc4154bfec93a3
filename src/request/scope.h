/*
 * scope.h
 *	  What a question restricts, and whether one question's answer holds all rows of another's.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_SCOPE_H
#define DQ_SCOPE_H

#include "request/condition.h"
#include "rows/json_key.h"

/* How the numbers of a term may be compared with another's; only within one kind. */
typedef enum ScopeOrder
{
	SCOPE_UNORDERED = 0, /* there are no numbers: values are the same only if their texts are */
	SCOPE_INTEGER,
	SCOPE_DATE,
	SCOPE_TIMESTAMP,
	SCOPE_TIMESTAMPTZ
} ScopeOrder;

/* One condition on a column, all of a question's being joined by AND. */
typedef struct ScopeTerm
{
	int column; /* attribute number */
	ConditionOp op;
	int nvalues;
	const char **texts; /* values as the service is asked with them */
	ScopeOrder order;
	const int64 *numbers; /* the same values, exact; NULL when unordered */
	bool is_checked;	  /* rows are held against the condition again when they are read */
	JsonKeyKind key;	  /* how rows are told apart by the column's JSON value */
	const char *json;	  /* where the column's value stands in a row; NULL: not in the row */
} ScopeTerm;

typedef struct Scope
{
	const char *base;	   /* URL of the question without its conditions */
	const char *logic;	   /* the same with its ORs; NULL: it has none */
	bool logic_is_checked; /* rows are held against the ORs again when they are read */
	bool is_whole;		   /* nothing is restricted, in the path neither */
	bool is_ordered;	   /* the service is asked for an order, which the reader relies on */
	int nterms;
	const ScopeTerm *terms;
} Scope;

/*
 * True when every row that belongs to the narrow question is in the answer to the wide one, and
 * those that do not belong will be dropped by the reader's own checks.
 */
extern bool dq_scope_contains(const Scope *wide, const Scope *narrow);

/*
 * The term of a question by which its rows can best be found among others: an equality, checked
 * again, on a column that has a key.  NULL when there is none.
 */
extern const ScopeTerm *dq_scope_key_term(const Scope *scope);

/* A deep copy in the current memory context. */
extern Scope *dq_scope_copy(const Scope *scope);

#endif /* DQ_SCOPE_H */
