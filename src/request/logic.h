/*
 * logic.h
 *	  AND and OR of conditions, in the words of families that have them.
 */
#ifndef DQ_LOGIC_H
#define DQ_LOGIC_H

#include "request/condition.h"

/* How a family joins conditions; templates with {parts}. */
typedef struct Logic
{
	const Template *whole;	/* all conditions are one parameter; NULL: a parameter each */
	const Template *top;	/* an OR that is a parameter of its own; NULL where whole is set */
	const Template *all;	/* an AND within */
	const Template *any;	/* an OR within */
	const char *all_joiner; /* between the parts of an AND */
	const char *any_joiner; /* between the parts of an OR */
} Logic;

typedef enum BoundKind
{
	BOUND_CONDITION,
	BOUND_ALL,
	BOUND_ANY
} BoundKind;

/* A condition, or several joined. */
typedef struct BoundTree
{
	BoundKind kind;
	BoundCondition condition; /* of BOUND_CONDITION */
	int nparts;				  /* of the others, at least one */
	const struct BoundTree **parts;
} BoundTree;

/* The placeholders of Logic's templates, NULL-terminated. */
extern const char *const *dq_logic_placeholders(void);

/*
 * Appends all trees, joined by AND, as parameters of a query string.  logic may be NULL where all
 * of them are single conditions.
 */
extern void dq_logic_spell(StringInfo out, const Logic *logic, int ntrees,
						   const BoundTree *const *trees);

#endif /* DQ_LOGIC_H */
