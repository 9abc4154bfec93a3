/*
 * http_cache.h
 *	  What a response says of its being kept (RFC 9111, RFC 5861).
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_HTTP_CACHE_H
#define DQ_HTTP_CACHE_H

/* The headers that say it. */
typedef enum HttpCacheHeader
{
	HTTP_CACHE_CONTROL,
	HTTP_EXPIRES,
	HTTP_VARY,
	HTTP_ETAG,
	HTTP_LAST_MODIFIED,
	HTTP_KEPT_HEADERS, /* those before are kept with an answer, for when it is confirmed (304) */
	HTTP_DATE = HTTP_KEPT_HEADERS,
	HTTP_AGE,
	HTTP_CACHE_HEADERS
} HttpCacheHeader;

/* Their names. */
extern const char *const dq_http_cache_headers[HTTP_CACHE_HEADERS];

/* Who keeps it, for whom. */
typedef struct HttpKeeper
{
	bool is_shared;		/* also for users of other credentials (a shared cache) */
	bool is_authorized; /* credentials were sent */
	bool has_own_agent; /* User-Agent is part of the question; else the session's name is in it */
	const char *key_header; /* the header that held them, besides the usual ones; NULL: none */
	int64 asked_at_ms;		/* since 1970 */
} HttpKeeper;

/* What may be done with an answer. */
typedef struct HttpPolicy
{
	bool may_keep;
	bool must_revalidate; /* never used once it is not fresh */
	int64 age_ms;		  /* when it was asked for */
	int64 fresh_ms;		  /* it is fresh until this age; 0: it has to be confirmed first */
	int64 stale_while_revalidate_ms; /* beyond that; -1: nothing is said */
	int64 stale_if_error_ms;
} HttpPolicy;

/* headers: values as received, several of a name joined by ", "; NULL: absent. */
extern void dq_http_policy(const char *const *headers, const HttpKeeper *keeper,
						   HttpPolicy *policy);

/* Of two responses that make one answer: what holds for both. */
extern void dq_http_policy_join(HttpPolicy *policy, const HttpPolicy *other);

/* Seconds since 1970 of an HTTP date in any of its three formats (RFC 9110 5.6.7); false: malformed. */
extern bool dq_http_date(const char *text, int64 now_s, int64 *seconds);

#endif /* DQ_HTTP_CACHE_H */
