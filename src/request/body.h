/*
 * body.h
 *	  Templates of request bodies: JSON with holes that values are put into.
 *
 * A hole is a string that is nothing but a name in braces.  "{status}" takes the value of a
 * condition "=" or IN on column status, "{created_at >=}" that of another operator; "{$size}",
 * "{$offset}", "{$page}" and "{$cursor}" belong to paging.  A value comes as JSON of its own and
 * replaces the whole string, so no value can change the structure around it.
 *
 * What has no value is left out: the member whose value it is; the element of an array in which no
 * hole has one; an object or array of which nothing is left.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_BODY_H
#define DQ_BODY_H

#include "request/condition.h"
#include "request/paging.h"

typedef struct BodyHole
{
	char *name;			/* of the column, UTF-8; NULL: of paging */
	ConditionOpSet ops; /* whose values it takes */
	bool is_list;		/* always an array: "{id in}" */
	PagingParams page;	/* the one it says, 0: of a column */
} BodyHole;

typedef struct BodyNode BodyNode;

typedef struct BodyTemplate
{
	char *source; /* as written, UTF-8 */
	BodyNode *root;
	int nholes;
	BodyHole *holes;
} BodyTemplate;

/* What stands in a hole; no values: nothing does. */
typedef struct BodyValue
{
	bool is_list; /* an array, even with one value */
	int nvalues;
	const char **values; /* JSON texts */
} BodyValue;

/* A body that lacks its paging only. */
typedef struct BoundBody
{
	const BodyTemplate *tmpl;
	const BodyValue *values; /* by hole; those of paging are not looked at */
} BoundBody;

typedef enum JsonForm
{
	JSON_FORM_STRING, /* the value's text in quotes */
	JSON_FORM_BARE	  /* as it is: numbers, true and false */
} JsonForm;

/*
 * Compiles a template; NULL with a phrase (palloc'd) in *problem when it is no JSON object or
 * array, or a hole is not understood.  Palloc'd in the current context.
 */
extern BodyTemplate *dq_body_compile(const char *source, char **problem);

/* The operators of this column that the body says; 0: it is not named. */
extern ConditionOpSet dq_body_ops(const BodyTemplate *tmpl, const char *column);

/* What the body says of paging. */
extern PagingParams dq_body_paging(const BodyTemplate *tmpl);

/* The text to send for a page; without a position, holes of paging have no value.  Palloc'd. */
extern char *dq_body_text(const BoundBody *body, const PagePosition *position);

/* A copy in the current context that borrows nothing. */
extern BoundBody *dq_body_copy(const BoundBody *body);

/* Appends a text as a JSON string. */
extern void dq_json_quote(StringInfo out, const char *text);

/* A value's text as JSON; palloc'd.  Of JSON_FORM_BARE what is no JSON is quoted all the same. */
extern char *dq_json_value(JsonForm form, const char *text);

#endif /* DQ_BODY_H */
