/*
 * redirect.c
 *	  Following a service's redirect, where its declaration allows it (option redirects).
 *
 * Not by libcurl: each hop is a request of its own, which waits for its turn, is counted and
 * recorded, and is judged by guard.c as all are.  A redirect is an answer of the service; the
 * attempts and the timeout of a hop are those of any request.
 *
 * What a hop must not do:
 *
 *	- leave the protocol: https to http would show everything, the other way round nobody means,
 *	- take credentials or declared headers to another origin (RFC 9110, section 15.4).  Once gone,
 *	they do not come back, even if a later hop leads home: that hop is the other origin's wish.
 *	A URL that repeats a secret is not followed at all,
 *	- turn a POST into a GET (301, 302 and 303 do, by custom), which would ask something else, nor
 *	take a body to another origin.
 */
#include "postgres.h"

#include "request/url.h"
#include "transport/redirect.h"

static bool
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static bool
has_same_scheme(const char *a, const char *b)
{
	size_t len = strcspn(a, ":");

	return strcspn(b, ":") == len && pg_strncasecmp(a, b, len) == 0;
}

/* NULL when the exchange may go there, else why not. */
static char *
hop_problem(const Exchange *exchange, const char *url)
{
	const Request *request = &exchange->request;
	bool is_same_origin = dq_url_same_origin(request->url, url);

	if (!has_same_scheme(request->url, url))
		return psprintf("it leads to another protocol, %.*s", (int) strcspn(url, ":"), url);
	if (request->body && exchange->status != 307 && exchange->status != 308)
		return pstrdup("it would turn a POST into a GET");
	if (request->body && !is_same_origin)
		return psprintf("it would take the body of a POST to another origin, %.200s",
						dq_url_origin(url));
	if (!is_same_origin &&
		strcmp(dq_credentials_redact(exchange->endpoint->credentials, url), url) != 0)
		return psprintf("it would take credentials to another origin, %.200s", dq_url_origin(url));
	return NULL;
}

bool
dq_redirect_follow(Exchange *exchange)
{
	int most = exchange->endpoint->limits.redirects;
	const char *location;
	char *url;

	exchange->redirect_problem = NULL;
	/* A token endpoint gets a secret in its body: it is where it was declared to be. */
	if (!is_redirect(exchange->status) || most == 0 || exchange->is_token_request)
		return false;
	location = dq_exchange_header(exchange, "Location");
	url = location ? dq_url_resolve(exchange->request.url, location) : NULL;
	if (exchange->hops >= most)
		exchange->redirect_problem = psprintf("there were %d redirects before (redirects)", most);
	else if (url == NULL)
		exchange->redirect_problem = pstrdup(
			"its Location is no http or https URL without user name and password");
	else
		exchange->redirect_problem = hop_problem(exchange, url);
	if (exchange->redirect_problem)
		return false;

	if (!dq_url_same_origin(exchange->request.url, url))
	{
		exchange->has_left_origin = true;
		exchange->request.nheaders = 0;
	}
	if (exchange->hops == 0)
		exchange->first_url = exchange->request.url;
	exchange->request.url = url;
	exchange->hops++;
	return true;
}

const Credentials *
dq_redirect_credentials(const Exchange *exchange)
{
	static const Credentials nobody = { .auth = AUTH_NONE };

	return exchange->has_left_origin ? &nobody : exchange->endpoint->credentials;
}
