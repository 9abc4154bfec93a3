/*
 * document.h
 *	  Getting a description from a service: by our own transport, with the user's credentials and
 *	  the server's limits, interruptible.
 */
#ifndef DQ_DOCUMENT_H
#define DQ_DOCUMENT_H

#include "import/doc.h"
#include "spec/spec.h"

/* Largest description, decompressed; the server's max_response may be less. */
#define MAX_DOCUMENT_BYTES ((int64) 64 * 1024 * 1024)

typedef struct DocumentQuestion
{
	const ServerSpec *server;
	const char *url;	/* absolute, encoded */
	const char *accept; /* value of the header; NULL: the transport's own */
	const char *body;	/* NULL: GET, else POST of JSON */
} DocumentQuestion;

typedef struct Document
{
	char *text;
	size_t len;
	const char *url;		  /* fit to be shown */
	const char *content_type; /* "" without one */
} Document;

/*
 * Waits for the answer.  False where a service answered with another status than 2xx: *error
 * then says so and may be raised (dq_remote_error_raise()).  All else that goes wrong is raised.
 * Palloc'd in the current context.
 */
extern bool dq_document_fetch(const DocumentQuestion *question, Document *document,
							  const RemoteError **error);

/* Reads JSON, or YAML where it looks like that; raises what is wrong with it. */
extern const DocNode *dq_document_read(const ServerSpec *server, Document *document);

/* True when a document might be JSON or YAML at all, and no web page. */
extern bool dq_document_is_plausible(const Document *document);

/* doc_yaml.c: needs a loadable module of its own; raises without it. */
extern const DocNode *dq_doc_read_yaml(const char *text, size_t len, char **problem);

#endif /* DQ_DOCUMENT_H */
