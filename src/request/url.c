/*
 * url.c
 *	  URLs: encoding, joining, origins, on top of libcurl's URL API.
 *
 * libcurl is asked wherever a URL is taken apart, so that what is judged here is what the transport
 * will connect to.  A CURLU handle lives within one function; the parts wanted are copied by malloc
 * (libcurl's own) and given back before anything else is done.
 */
#include "base.h"

#include <curl/curl.h>

#include "request/url.h"

/* Scheme, host and port of a URL; owned by libcurl, see origin_free(). */
typedef struct Origin
{
	char *scheme;
	char *host;
	char *port;
} Origin;

static const char hex_digits[] = "0123456789ABCDEF";

static bool
is_alnum(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* RFC 3986 section 2.3 */
static bool
is_unreserved(unsigned char c)
{
	return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void
append_encoded(StringInfo out, unsigned char c)
{
	appendStringInfoChar(out, '%');
	appendStringInfoChar(out, hex_digits[c >> 4]);
	appendStringInfoChar(out, hex_digits[c & 15]);
}

void
dq_url_encode(StringInfo out, const char *value)
{
	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
	{
		if (is_unreserved(*p))
			appendStringInfoChar(out, *p);
		else
			append_encoded(out, *p);
	}
}

void
dq_url_encode_name(StringInfo out, const char *name)
{
	for (const unsigned char *p = (const unsigned char *) name; *p; p++)
	{
		if (is_unreserved(*p) || *p == '$')
			appendStringInfoChar(out, *p);
		else
			append_encoded(out, *p);
	}
}

/* Copies text; bytes that are neither unreserved, a percent triplet, nor in keep are encoded. */
static void
encode_except(StringInfo out, const char *text, const char *keep)
{
	for (const unsigned char *p = (const unsigned char *) text; *p; p++)
	{
		bool is_triplet = p[0] == '%' && is_hex(p[1]) && is_hex(p[2]);

		if (is_unreserved(*p) || is_triplet || strchr(keep, *p))
			appendStringInfoChar(out, *p);
		else
			append_encoded(out, *p);
	}
}

void
dq_url_encode_literal(StringInfo out, const char *text)
{
	encode_except(out, text, "!$&'()*+,;=:@/?");
}

/* Parses url into a new handle; NULL when it is none. */
static CURLU *
url_parse(const char *url)
{
	CURLU *handle = curl_url();

	if (handle && curl_url_set(handle, CURLUPART_URL, url, 0) != CURLUE_OK)
	{
		curl_url_cleanup(handle);
		handle = NULL;
	}
	return handle;
}

static bool
url_has(CURLU *handle, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(handle, part, &text, 0) == CURLUE_OK;

	curl_free(text);
	return has;
}

static bool
url_is_http(CURLU *handle)
{
	char *scheme = NULL;
	bool is_http = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		(pg_strcasecmp(scheme, "http") == 0 || pg_strcasecmp(scheme, "https") == 0);

	curl_free(scheme);
	return is_http;
}

static bool
url_has_user_information(CURLU *handle)
{
	return url_has(handle, CURLUPART_USER) || url_has(handle, CURLUPART_PASSWORD) ||
		url_has(handle, CURLUPART_OPTIONS);
}

static bool
has_illegal_byte(const char *url)
{
	for (const unsigned char *p = (const unsigned char *) url; *p; p++)
		if (!is_unreserved(*p) && !strchr("!$&'()*+,;=:@/?#[]%", *p))
			return true;
	return false;
}

const char *
dq_url_problem(const char *url)
{
	const char *problem = NULL;
	const char *authority = strstr(url, "://");
	CURLU *handle;

	if (pg_strncasecmp(url, "http://", 7) != 0 && pg_strncasecmp(url, "https://", 8) != 0)
		return "it must begin with http:// or https://";
	if (strchr("/?#", authority[3]))
		return "it has no host";
	if (has_illegal_byte(url))
		return "it holds a character that cannot stand in a URL";
	handle = url_parse(url);
	if (handle == NULL)
		return "it is not a valid URL";
	if (!url_has(handle, CURLUPART_HOST))
		problem = "it has no host";
	else if (url_has_user_information(handle) ||
			 authority[3 + strcspn(authority + 3, "/?#@")] == '@')
		problem = "it must not hold a user name or password; these belong into a user mapping";
	else if (strchr(url, '#'))
		problem = "it must not have a fragment";
	else if (strchr(url, '?'))
		problem = "it must not have a query string";
	curl_url_cleanup(handle);
	return problem;
}

/* The text of a handle without fragment, if it may be asked for; palloc'd. */
static char *
url_text(CURLU *handle)
{
	char *text = NULL;
	char *copy = NULL;

	if (url_is_http(handle) && url_has(handle, CURLUPART_HOST) &&
		!url_has_user_information(handle) &&
		curl_url_set(handle, CURLUPART_FRAGMENT, NULL, 0) == CURLUE_OK &&
		curl_url_get(handle, CURLUPART_URL, &text, 0) == CURLUE_OK)
		copy = pstrdup(text);
	curl_free(text);
	return copy;
}

char *
dq_url_resolve(const char *base, const char *reference)
{
	char *resolved = NULL;
	char *first;
	CURLU *handle;
	StringInfoData cleaned;

	/*
	 * A body may hold a URL that was never encoded; brackets stay, they may belong to an IPv6
	 * host.
	 */
	initStringInfo(&cleaned);
	reference += strspn(reference, " \t\r\n");
	first = pnstrdup(reference, strcspn(reference, "#"));
	for (size_t len = strlen(first); len > 0 && strchr(" \t\r\n", first[len - 1]);)
		first[--len] = '\0';
	encode_except(&cleaned, first, "!$&'()*+,;=:@/?[]%");

	handle = url_parse(base);
	if (handle &&
		(cleaned.len == 0 || curl_url_set(handle, CURLUPART_URL, cleaned.data, 0) == CURLUE_OK))
		resolved = url_text(handle);
	curl_url_cleanup(handle);
	pfree(first);
	pfree(cleaned.data);
	return resolved;
}

static void
origin_free(Origin *origin)
{
	curl_free(origin->scheme);
	curl_free(origin->host);
	curl_free(origin->port);
}

static bool
origin_of(const char *url, Origin *origin)
{
	CURLU *handle = url_parse(url);
	bool is_good;

	memset(origin, 0, sizeof(*origin));
	if (handle == NULL)
		return false;
	is_good = curl_url_get(handle, CURLUPART_SCHEME, &origin->scheme, 0) == CURLUE_OK &&
		curl_url_get(handle, CURLUPART_HOST, &origin->host, 0) == CURLUE_OK &&
		curl_url_get(handle, CURLUPART_PORT, &origin->port, CURLU_DEFAULT_PORT) == CURLUE_OK;
	curl_url_cleanup(handle);
	if (!is_good)
		origin_free(origin);
	return is_good;
}

bool
dq_url_same_origin(const char *a, const char *b)
{
	Origin left;
	Origin right;
	bool is_same = false;

	if (!origin_of(a, &left))
		return false;
	if (origin_of(b, &right))
	{
		is_same = pg_strcasecmp(left.scheme, right.scheme) == 0 &&
			pg_strcasecmp(left.host, right.host) == 0 && strcmp(left.port, right.port) == 0;
		origin_free(&right);
	}
	origin_free(&left);
	return is_same;
}

char *
dq_url_origin(const char *url)
{
	Origin origin;
	char *text;

	if (!origin_of(url, &origin))
		return pstrdup("an unknown origin");
	text = psprintf("%s://%s:%s", origin.scheme, origin.host, origin.port);
	for (char *p = text; *p; p++)
		*p = pg_tolower((unsigned char) *p);
	origin_free(&origin);
	return text;
}

bool
dq_url_host(const char *url, char **host, int *port)
{
	Origin origin;
	size_t len;

	if (!origin_of(url, &origin))
		return false;
	len = strlen(origin.host);
	*host = origin.host[0] == '[' && len > 2 ? pnstrdup(origin.host + 1, len - 2) :
											   pstrdup(origin.host);
	*port = (int) strtol(origin.port, NULL, 10);
	origin_free(&origin);
	return true;
}

char *
dq_url_add_query(const char *url, const char *query)
{
	StringInfoData out;

	initStringInfo(&out);
	appendBinaryStringInfo(&out, url, strcspn(url, "#"));
	if (query[0] != '\0')
	{
		char last = out.len > 0 ? out.data[out.len - 1] : '\0';

		if (strchr(out.data, '?') == NULL)
			appendStringInfoChar(&out, '?');
		else if (last != '?' && last != '&')
			appendStringInfoChar(&out, '&');
		appendStringInfoString(&out, query);
	}
	return out.data;
}

bool
dq_url_is_loopback(const char *url)
{
	CURLU *handle = url_parse(url);
	char *host = NULL;
	bool is_loopback = false;

	if (handle == NULL)
		return false;
	if (curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		is_loopback = pg_strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
			(strncmp(host, "127.", 4) == 0 && host[strspn(host, "0123456789.")] == '\0');
	curl_free(host);
	curl_url_cleanup(handle);
	return is_loopback;
}
