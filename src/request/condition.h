/*
 * condition.h
 *	  Conditions that a service can be asked for, with their values bound.
 */
#ifndef DQ_CONDITION_H
#define DQ_CONDITION_H

#include "request/template.h"

typedef enum ConditionOp
{
	COND_EQ = 0,
	COND_NE,
	COND_LT,
	COND_LE,
	COND_GT,
	COND_GE,
	COND_IN,
	COND_LIKE,
	COND_NULL,
	COND_NOTNULL
} ConditionOp;

#define COND_COUNT (COND_NOTNULL + 1)

/* A set of ConditionOps. */
typedef uint32 ConditionOpSet;
#define COND_BIT(op) ((ConditionOpSet) 1 << (op))

/*
 * One condition with the text of its values, as the service shall see them before encoding
 * (UTF-8).
 */
typedef struct BoundCondition
{
	const char *name; /* the parameter's name at the service */
	ConditionOp op;
	const Template *spell; /* how to say it; never NULL */
	bool is_text;		   /* values are strings there, not numbers, moments, ... */
	int nvalues;		   /* 0 for IS [NOT] NULL, 1 for comparisons, n for IN */
	const char **values;
} BoundCondition;

/* The operator as SQL and option filter write it: "=", "in", "like", "null", ... */
extern const char *dq_condition_op_name(ConditionOp op);

/*
 * Parses option filter, a list separated by white space, e.g. "= in >=".  "null" covers both IS
 * NULL and IS NOT NULL.  False with *problem (palloc'd) naming the word not understood.
 */
extern bool dq_condition_ops_parse(const char *text, ConditionOpSet *ops, char **problem);

/*
 * The placeholders that a template of this operator may use, NULL-terminated (see
 * dq_template_compile).  {quoted} stands in double quotes, {literal} is a literal of OData: text in
 * single quotes, anything else as it is.  Of a list, {values}, {quoted} and {literals} are joined by
 * commas, {value} and {literal} repeat the template for each.  Of a pattern, {regex} is a regular
 * expression, {infix} and {infix_literal} its longest piece without wildcards.
 */
extern const char *const *dq_condition_placeholders(ConditionOp op);

/* True when a list said by this template is said once for each key. */
extern bool dq_condition_repeats(const Template *spell_in);

/* Appends the pieces of one condition, several of them (see above) joined by joiner. */
extern void dq_condition_spell(StringInfo out, const BoundCondition *condition, const char *joiner);

/*
 * False when value cannot stand inside this condition's {values} list and has to be asked alone:
 * it holds the list's separator (a comma), is empty, or begins or ends with white space, which
 * many services strip.
 */
extern bool dq_condition_can_list(const Template *spell_in, const char *value);

/* A LIKE pattern that means the same, without needless escapes; palloc'd. */
extern char *dq_condition_like_pattern(const char *pattern);

/*
 * A LIKE pattern as an anchored regular expression of JavaScript (and PCRE), at least as wide;
 * palloc'd.
 */
extern char *dq_condition_like_regex(const char *pattern);

/* The longest run of a LIKE pattern without wildcards, unescaped; palloc'd, maybe "". */
extern char *dq_condition_like_infix(const char *pattern);

#endif /* DQ_CONDITION_H */
