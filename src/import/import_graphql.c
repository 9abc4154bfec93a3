/*
 * import_graphql.c
 *	  The source "graphql": asks a service for its schema by introspection, and reads it.
 */
#include "postgres.h"

#include "import/document.h"
#include "import/import.h"
#include "import/introspection.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "request/graphql.h"

/* The answer's errors in words; NULL: none. */
static const char *
errors_of(const DocNode *root)
{
	const DocNode *first = dq_doc_first(dq_doc_array(root, "errors"));
	const char *message = dq_doc_text(first, "message");

	return first == NULL ? NULL : message ? message : "an error without a message";
}

static void
refuse(const ServerSpec *server, const Document *document, const char *problem)
{
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		char *copy = pstrdup(problem);

		for (char *c = copy; *c; c++)
			if (IS_HIGHBIT_SET(*c))
				*c = '?';
		problem = copy;
	}
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("could not read the GraphQL schema of server \"%s\": %s", server->service->name,
					dq_credentials_redact(server->endpoint->credentials, problem)),
			 errdetail("%s was asked for it by introspection, which a service may refuse.",
					   document->url)));
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
dq_import_graphql(const ServerSpec *server, ServerDefaults *defaults, SchemaDecl *schema)
{
	DocumentQuestion question = { .server = server,
								  .url = server->service->url,
								  .body = dq_introspection_body() };
	Document document;
	const RemoteError *error;
	const DocNode *root;
	const DocNode *told;
	char *problem;

	defaults->on_step = check_interrupts;
	if (server->service->protocol != PROTOCOL_GRAPHQL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("server \"%s\" does not speak GraphQL", server->service->name),
				 errhint("Set option \"protocol\" of the server to 'graphql'.")));
	if (!dq_document_fetch(&question, &document, &error))
		dq_remote_error_raise(error);
	root = dq_document_is_plausible(&document) ?
		dq_doc_read_json(document.text, document.len, &problem) :
		NULL;
	if (root == NULL)
		refuse(server, &document, "the answer is no JSON");
	if (errors_of(root))
		refuse(server, &document, errors_of(root));
	told = dq_doc_object(dq_doc_object(root, "data"), "__schema");
	if (told == NULL)
		refuse(server, &document, "the answer holds no schema");
	if (!dq_introspection_read(told, defaults, schema, &problem))
		refuse(server, &document, problem);
}
