/*
 * import.h
 *	  Sources of IMPORT FOREIGN SCHEMA: each makes declarations of what it finds at a service.
 */
#ifndef DQ_IMPORT_H
#define DQ_IMPORT_H

#include "import/decl.h"
#include "spec/spec.h"

/*
 * Asks the service and adds a declaration for each table; raises where there is nothing to
 * describe it.  Runs in a context that is deleted after the statement.
 */
typedef void (*ImportRead)(const ServerSpec *server, ServerDefaults *defaults, SchemaDecl *schema);

typedef struct ImportSource
{
	const char *name; /* the remote schema that IMPORT FOREIGN SCHEMA names */
	const char *what; /* "OpenAPI description", for messages */
	ImportRead read;
} ImportSource;

/* import_openapi.c */
extern void dq_import_openapi(const ServerSpec *server, ServerDefaults *defaults,
							  SchemaDecl *schema);

/* import_graphql.c */
extern void dq_import_graphql(const ServerSpec *server, ServerDefaults *defaults,
							  SchemaDecl *schema);

/*
 * import_schema.c: the declarations that a source makes, names and texts in the database's
 * encoding, each option valid.  Raises for a source that there is not.
 */
extern SchemaDecl *dq_import_read(const char *source, const ServerSpec *server);
extern const char *dq_import_what(const char *source);

/*
 * comments.c: the tables of schema are about to be created, in this order; their comments are
 * written when they are.
 */
extern void dq_comments_expect(const SchemaDecl *schema);

/* Registers hooks, once in a backend. */
extern void dq_comments_init(void);

#endif /* DQ_IMPORT_H */
