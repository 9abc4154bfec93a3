/*
 * document.c
 *	  Fetches one document and reads it.
 *
 * The exchange is driven by the backend's event loop, which checks for interrupts; it lives in the
 * context that is current, whose reset takes it off the wire on every exit path.
 */
#include "postgres.h"

#include "import/document.h"
#include "mb/pg_wchar.h"
#include "request/url.h"
#include "transport/loop.h"

/* The answer is taken below, whoever drives the loop. */
static void
note_progress(Exchange *exchange, void *owner)
{
}

/* Credentials go to the service's own origin only. */
static const Endpoint *
endpoint_for(const ServerSpec *server, const char *url)
{
	static const Credentials nobody = { .auth = AUTH_NONE };
	Endpoint *endpoint = palloc(sizeof(Endpoint));
	int64 *bound = &endpoint->limits.max_response_bytes;

	*endpoint = *server->endpoint;
	if (*bound <= 0 || *bound > MAX_DOCUMENT_BYTES)
		*bound = MAX_DOCUMENT_BYTES;
	if (!dq_url_same_origin(server->service->url, url))
		endpoint->credentials = &nobody;
	return endpoint;
}

static Exchange *
start_exchange(const DocumentQuestion *question)
{
	const ServerSpec *server = question->server;
	bool is_own = dq_url_same_origin(server->service->url, question->url);
	Header *headers = palloc(sizeof(Header) * (server->nheaders + 1));
	Request request = { .method = question->body ? "POST" : "GET",
						.url = question->url,
						.headers = headers,
						.body = question->body,
						.is_idempotent = true };

	/* Fixed headers may be meant for the service alone, as credentials are. */
	for (int i = 0; is_own && i < server->nheaders; i++)
		if (question->accept == NULL || pg_strcasecmp(server->headers[i].name, "Accept") != 0)
			headers[request.nheaders++] = server->headers[i];
	if (question->accept)
		headers[request.nheaders++] = (Header) { "Accept", question->accept };

	ExchangeOptions options = { .request = &request,
								.endpoint = endpoint_for(server, question->url),
								.on_progress = note_progress };

	return dq_exchange_start(&options);
}

/* Takes the answer's bytes as they come; false when the exchange has failed. */
static bool
receive(Exchange *exchange, StringInfo body)
{
	int restarts = 0;

	for (;;)
	{
		const char *bytes;
		size_t len;
		ExchangeState state = dq_exchange_state(exchange);

		if (dq_exchange_restarts(exchange) != restarts)
		{
			restarts = dq_exchange_restarts(exchange);
			resetStringInfo(body);
		}
		while (dq_exchange_take(exchange, &bytes, &len))
			appendBinaryStringInfo(body, bytes, len);
		if (state == EXCHANGE_DONE || state == EXCHANGE_FAILED)
			return state == EXCHANGE_DONE;
		dq_loop_step();
	}
}

bool
dq_document_fetch(const DocumentQuestion *question, Document *document, const RemoteError **error)
{
	Exchange *exchange = start_exchange(question);
	const char *type;
	StringInfoData body;

	initStringInfo(&body);
	if (!receive(exchange, &body))
	{
		*error = dq_exchange_error(exchange);
		if (dq_exchange_status(exchange) < 300)
			dq_remote_error_raise(*error);
		pfree(body.data);
		return false;
	}
	type = dq_exchange_header(exchange, "Content-Type");
	*document = (Document) { .text = body.data,
							 .len = body.len,
							 .url = dq_credentials_redact(question->server->endpoint->credentials,
														  question->url),
							 .content_type = type ? pstrdup(type) : "" };
	dq_exchange_free(exchange);
	return true;
}

/* The first byte that is neither white space nor part of a byte order mark; 0: there is none. */
static char
first_byte(const Document *document)
{
	for (size_t i = 0; i < document->len; i++)
		if (!strchr(" \t\r\n\xEF\xBB\xBF", document->text[i]))
			return document->text[i];
	return '\0';
}

bool
dq_document_is_plausible(const Document *document)
{
	char first = first_byte(document);

	return first != '\0' && first != '<' &&
		pg_strncasecmp(document->content_type, "text/html", 9) != 0;
}

/* "in JSON" or "in YAML": by the first byte, since content types are seldom told right. */
const DocNode *
dq_document_read(const ServerSpec *server, Document *document)
{
	char first = first_byte(document);
	bool is_json = first == '{' || first == '[';
	const DocNode *root;
	char *problem;

	if (!dq_document_is_plausible(document))
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("could not read the API description of server \"%s\": it is neither JSON nor YAML",
						server->service->name),
				 errdetail("%s answers with content type \"%s\", %zu bytes.", document->url,
						   document->content_type, document->len),
				 errhint("Option \"openapi\" of the server names the description's URL or path.")));
	root = is_json ? dq_doc_read_json(document->text, document->len, &problem) :
					 dq_doc_read_yaml(document->text, document->len, &problem);
	if (root == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_STRING_FORMAT),
				 errmsg("could not read the API description of server \"%s\": %s",
						server->service->name, problem),
				 errdetail("It was fetched from %s and taken for %s.", document->url,
						   is_json ? "JSON" : "YAML")));
	return root;
}
