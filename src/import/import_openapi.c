/*
 * import_openapi.c
 *	  The source "openapi": finds a service's description and reads it.
 */
#include "postgres.h"

#include "import/document.h"
#include "import/import.h"
#include "import/openapi.h"
#include "miscadmin.h"
#include "request/url.h"

#define ACCEPT                                                                       \
	"application/openapi+json, application/vnd.oai.openapi+json, application/json, " \
	"application/yaml;q=0.8, */*;q=0.5"

/* Where frameworks put their descriptions, most usual first. */
static const char *const usual_places[] = {
	"/openapi.json",			/* FastAPI, Fastify, many by hand */
	"/v3/api-docs",				/* springdoc */
	"/swagger.json",			/* go-swagger, flask-restx, ... */
	"/swagger/v1/swagger.json", /* Swashbuckle of ASP.NET */
	"/openapi/v1.json",			/* ASP.NET Core from 9 on */
	"/api-docs",				/* swagger-jsdoc and others */
	"/api-json",				/* NestJS */
	"/openapi",					/* MicroProfile: Helidon, Open Liberty */
	"/q/openapi",				/* Quarkus */
	"/schema/openapi.json",		/* Litestar */
	"/api/schema/?format=json", /* drf-spectacular */
	"/api/openapi.json",
	"/v2/api-docs", /* springfox */
	"/openapi/v2",	/* Kubernetes */
	"/docs/openapi.json",
	"/.well-known/openapi.json",
	"/openapi.yaml",
	"/swagger.yaml",
	"/.well-known/openapi.yaml",
	"/", /* PostgREST */
};

/* The URL of a place below the server's, or at the root of its origin. */
static char *
url_of(const ServerSpec *server, const char *place, bool is_below)
{
	return psprintf("%s%s", is_below ? server->service->url : dq_url_origin(server->service->url),
					place);
}

/* True when there is a description at url; root is its tree. */
static const DocNode *
try_place(const ServerSpec *server, const char *url, Document *document,
		  const RemoteError **refusal)
{
	DocumentQuestion question = { .server = server, .url = url, .accept = ACCEPT };
	const RemoteError *error;
	const DocNode *root;
	char *problem;
	char first;

	if (!dq_document_fetch(&question, document, &error))
	{
		/* A place that is there, but not for us, is worth telling. */
		if (*refusal == NULL && error->sqlstate == ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION)
			*refusal = error;
		return NULL;
	}
	if (!dq_document_is_plausible(document))
		return NULL;
	first = document->text[strspn(document->text, " \t\r\n")];
	/* Something else may live here: what cannot be read at all is no description. */
	if (first == '{')
	{
		root = dq_doc_read_json(document->text, document->len, &problem);
		return root && dq_openapi_is_description(root) ? root : NULL;
	}
	if (strstr(document->text, "openapi:") || strstr(document->text, "swagger:"))
		return dq_document_read(server, document);
	return NULL;
}

static const DocNode *
search_places(const ServerSpec *server, Document *document)
{
	bool has_path = strcmp(server->service->url, dq_url_origin(server->service->url)) != 0;
	const RemoteError *refusal = NULL;
	StringInfoData tried;

	initStringInfo(&tried);
	for (int round = 0; round < (has_path ? 2 : 1); round++)
		for (int i = 0; i < lengthof(usual_places); i++)
		{
			const char *url = url_of(server, usual_places[i], round == 0);
			const DocNode *root = try_place(server, url, document, &refusal);

			if (root)
				return root;
			appendStringInfo(&tried, "%s%s", tried.len ? ", " : "",
							 round == 0 ? usual_places[i] : url);
		}
	if (refusal)
		dq_remote_error_raise(refusal);
	ereport(ERROR,
			(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
			 errmsg("server \"%s\" has no API description at the usual places",
					server->service->name),
			 errdetail("Tried below %s: %s.", server->service->url, tried.data),
			 errhint("Set option \"openapi\" of the server to its URL or path.")));
}

static const DocNode *
find_description(const ServerSpec *server, Document *document)
{
	const char *place = server->openapi;
	DocumentQuestion question = { .server = server, .accept = ACCEPT };
	const RemoteError *error;

	if (place == NULL)
		return search_places(server, document);
	question.url = place[0] == '/' ? url_of(server, place, true) : place;
	if (!dq_document_fetch(&question, document, &error))
	{
		RemoteError told = *error;

		if (told.sqlstate == ERRCODE_FDW_TABLE_NOT_FOUND)
			told.hint = "Option \"openapi\" of the server names the description's URL or path.";
		dq_remote_error_raise(&told);
	}
	return dq_document_read(server, document);
}

static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

void
dq_import_openapi(const ServerSpec *server, ServerDefaults *defaults, SchemaDecl *schema)
{
	Document document;
	const DocNode *root;
	char *problem;

	if (server->service->protocol == PROTOCOL_GRAPHQL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_SCHEMA_NOT_FOUND),
				 errmsg("server \"%s\" speaks GraphQL, which has its own description",
						server->service->name),
				 errhint("Name the remote schema \"graphql\".")));
	root = find_description(server, &document);
	defaults->document_url = document.url;
	defaults->on_step = check_interrupts;
	if (!dq_openapi_read(root, defaults, schema, &problem))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("could not read the API description of server \"%s\": %s",
						server->service->name, problem),
				 errdetail("It was fetched from %s.", document.url)));
}
