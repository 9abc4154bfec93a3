/*
 * url.h
 *	  URLs: encoding, joining, origins (RFC 3986), on top of libcurl's URL API.
 *
 * Pure room: nothing here raises.  Texts returned are palloc'd in the current context.
 */
#ifndef DQ_URL_H
#define DQ_URL_H

#include "lib/stringinfo.h"

/* Appends value with every byte percent-encoded but the unreserved ones (RFC 3986 section 2.3). */
extern void dq_url_encode(StringInfo out, const char *value);

/* The same for a parameter's name, where "$" stays as it is (OData's $top). */
extern void dq_url_encode_name(StringInfo out, const char *name);

/*
 * Appends text of an operator's template: what is legal in a path or query stays, "%" with two hex
 * digits too; the rest is percent-encoded, square brackets and "#" included (strict servers refuse
 * the former, the latter would cut the URL off).
 */
extern void dq_url_encode_literal(StringInfo out, const char *text);

/*
 * Checks a base URL: http or https, a host, no user information, no query, no fragment.  Returns
 * NULL when it is good, else what is wrong with it (a static phrase that never quotes a password).
 */
extern const char *dq_url_problem(const char *url);

/*
 * Resolves a reference found in an answer (RFC 3986 section 5) against the URL it was found in.
 * NULL when it is no URL, or not http(s), or carries user information.
 */
extern char *dq_url_resolve(const char *base, const char *reference);

/* True when both have the same scheme, host and port (RFC 6454), default ports filled in. */
extern bool dq_url_same_origin(const char *a, const char *b);

/* True when its host is this machine: localhost, 127.0.0.0/8 or [::1]. */
extern bool dq_url_is_loopback(const char *url);

/* scheme://host:port of a URL, for messages; user information is never part of it. */
extern char *dq_url_origin(const char *url);

/* Host (without brackets) and port of a URL; false when it has none.  *host is palloc'd. */
extern bool dq_url_host(const char *url, char **host, int *port);

/*
 * url with "name=value" pairs appended by ? or & as fits; query is already encoded and may be "".
 */
extern char *dq_url_add_query(const char *url, const char *query);

#endif /* DQ_URL_H */
