/*
 * cdn_loop.c
 *	  Header CDN-Loop (RFC 8586): who has passed a request on.
 *
 *	  CDN-Loop = #cdn-info
 *	  cdn-info = cdn-id *( OWS ";" OWS parameter )
 *	  cdn-id   = ( uri-host [ ":" port ] ) / pseudonym
 *
 * Others' entries are passed over, whatever they look like: the list has come from outside.  Every
 * comma ends an entry, also one in a quoted string: else a quotation mark sent by whoever began it
 * all would hide the entries that follow.
 */
#include "base.h"

#include "request/cdn_loop.h"

/* What services accept of one header line at least. */
#define MAX_LENGTH 4000

const char *
dq_cdn_loop_problem(const char *value)
{
	if (strlen(value) > MAX_LENGTH)
		return "it is longer than 4000 bytes";
	for (const char *at = value; *at; at++)
		if ((*at < 0x20 && *at != '\t') || *at > 0x7e)
			return "it holds something else than printable ASCII";
	return NULL;
}

int
dq_cdn_loop_count(const char *value, const char *id)
{
	int count = 0;

	for (const char *at = value; *at;)
	{
		size_t name_len;

		at += strspn(at, " \t,");
		name_len = strcspn(at, " \t;,");
		if (name_len == CDN_LOOP_ID_LENGTH &&
			pg_strncasecmp(at, id ? id : CDN_LOOP_PREFIX,
						   id ? name_len : strlen(CDN_LOOP_PREFIX)) == 0)
			count++;
		at += strcspn(at, ",");
	}
	return count;
}
