/*
 * introspection.h
 *	  Tables from a GraphQL schema, as its introspection tells it
 *	  (https://spec.graphql.org/October2021/#sec-Introspection).
 *
 * Pure: nothing here raises but for lack of memory.
 */
#ifndef DQ_INTROSPECTION_H
#define DQ_INTROSPECTION_H

#include "import/decl.h"
#include "import/doc.h"

/* The query to send, as the body of a POST. */
extern const char *dq_introspection_body(void);

/*
 * Adds a declaration for each field of the query type that gives a collection.  schema is the
 * answer's "/data/__schema".  False with *problem, a phrase, when it is none.
 */
extern bool dq_introspection_read(const DocNode *schema, const ServerDefaults *defaults,
								  SchemaDecl *decl, char **problem);

#endif /* DQ_INTROSPECTION_H */
