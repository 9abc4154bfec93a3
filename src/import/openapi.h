/*
 * openapi.h
 *	  From a description in OpenAPI 3.0, 3.1 or Swagger 2.0 to declarations of foreign tables.
 *
 * Pure: nothing here raises but for lack of memory.  docs/import.md tells the rules.
 */
#ifndef DQ_OPENAPI_H
#define DQ_OPENAPI_H

#include "import/decl.h"
#include "import/doc.h"

/*
 * Adds a table to schema for each collection that the description knows.  False with *problem, a
 * palloc'd phrase, when the document is no description that we read.
 */
extern bool dq_openapi_read(const DocNode *document, const ServerDefaults *defaults,
							SchemaDecl *schema, char **problem);

/* True when a document seems to be a description at all, of whatever version. */
extern bool dq_openapi_is_description(const DocNode *document);

#endif /* DQ_OPENAPI_H */
