/*
 * graphql_value.h
 *	  The tree of a field's arguments; shared by the graphql_*.c files only.
 */
#ifndef DQ_GRAPHQL_VALUE_H
#define DQ_GRAPHQL_VALUE_H

#include "request/graphql.h"

typedef enum GraphqlValueKind
{
	GQL_TEXT,	  /* text of the language, sent as it is */
	GQL_VARIABLE, /* text is a name without its dollar sign */
	GQL_OBJECT,
	GQL_LIST
} GraphqlValueKind;

struct GraphqlValue
{
	GraphqlValueKind kind;
	char *name; /* in an object; else NULL */
	char *text;
	GraphqlValue *first; /* of an object or list */
	GraphqlValue *next;	 /* beside this one */
};

/* Length of the name at text, 0: there is none. */
extern size_t dq_graphql_name_length(const char *text);

/* The member of an object by name, NULL if there is none. */
extern GraphqlValue *dq_graphql_member(const GraphqlValue *object, const char *name, size_t len);

/* A new member at the end of an object or list. */
extern GraphqlValue *dq_graphql_append(GraphqlValue *container, const char *name, size_t len,
									   GraphqlValueKind kind);

#endif /* DQ_GRAPHQL_VALUE_H */
