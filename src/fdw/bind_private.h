/*
 * bind_private.h
 *	  Conditions on their way into questions; shared by the bind*.c files that make these.
 */
#ifndef DQ_BIND_PRIVATE_H
#define DQ_BIND_PRIVATE_H

#include "fdw/bind.h"

/* Values said together, in one question. */
typedef struct Part
{
	int nvalues;
	Datum *values;
	const char **texts; /* as sent */
} Part;

/* A condition with its parts. */
typedef struct Term
{
	const PlanCondition *condition;
	const ColumnSpec *column;
	const ConditionValue *value;
	int nparts;
	Part *parts;
	bool is_halved;	   /* a part was too long for a URL */
	FmgrInfo *compare; /* made when parts have to be told apart */
} Term;

typedef struct Binder
{
	const TableSpec *table;
	const PlanData *plan;
	int nterms;
	Term *terms;
	int ntrees;
	const BoundTree **trees;  /* ORs; they are in all questions */
	bool can_leave_trees_out; /* all of them are checked locally */
	int nasks;
	int max_asks;
	Ask *asks;
} Binder;

/* One choice of a part for each term. */
typedef struct Choice
{
	const Binder *binder;
	const Part **parts; /* nterms long */
	bool with_trees;	/* the ORs are asked, too */
} Choice;

/*
 * The operator that a part is said by: a single value of a list, and what no list can hold, goes
 * out by "=".
 */
extern ConditionOp dq_bind_part_op(const Term *term, const Part *part);

/* True when the service takes lists of this column's values as a condition. */
extern bool dq_bind_takes_lists(const ColumnSpec *column);

/* Where the condition is said: in the path, or in the body (else in the query string). */
extern bool dq_bind_is_in_path(const Binder *binder, const Term *term);
extern bool dq_bind_is_in_body(const Binder *binder, const Term *term, ConditionOp op);

/*
 * bind_url.c: the URL of a choice without paging, with the first nterms conditions, with ORs or
 * without.
 */
extern char *dq_bind_url(const Choice *choice, int nterms, bool with_trees);

/* The body of a POST, without its paging; NULL where there is none. */
extern const BoundBody *dq_bind_body(const Choice *choice);

/* bind_graphql.c: the same of a GraphQL service */
extern const BoundBody *dq_bind_graphql(const Choice *choice);

/* bind_alone.c: the keys of a choice, each to be asked alone; NULL where they cannot be. */
extern FetchKeys *dq_bind_alone(const Choice *choice, const Scope *scope);

/* bind_wider.c: questions that hold all rows of a choice's; n of them, palloc'd. */
extern FetchWider *dq_bind_wider(const Choice *choice, const Scope *scope, int *n);

/* The values that all rows of a choice's answer have in the table's cache_columns. */
extern void dq_bind_marks(const Choice *choice, const char **marks);

/* How the rows of a choice's answer are asked for by their key alone; NULL where they cannot be. */
extern FetchRowKey *dq_bind_row_key(const Choice *choice);

#endif /* DQ_BIND_PRIVATE_H */
