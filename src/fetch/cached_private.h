/*
 * cached_private.h
 *	  Shared by the files of strategy cache, and by nobody else.
 */
#ifndef DQ_CACHED_PRIVATE_H
#define DQ_CACHED_PRIVATE_H

#include "fetch/cache_key.h"
#include "transport/cache_flight.h"

typedef struct CachedKeys CachedKeys;

struct CachedFetch
{
	CacheKey key;
	FlightTicket ticket;
	bool is_leading;
	bool is_following;
	bool is_wanted;	   /* the answer shall be kept */
	bool has_fallback; /* an older answer may take the place of a failure */
	AnswerFacts facts; /* of the answer, once the service is asked */
	uint64 max_value;
	CachedKeys *keys;				/* the answer is kept by key; NULL: as a whole */
	const FetchRowKey *row_key;		/* its rows are kept one by one, too; NULL: they are not */
	int64 known_rows;				/* out of the cache: the first rows of the fetch */
	MemoryContextCallback callback; /* ends the flight with the fetch */
};

/* An answer out of the cache. */
typedef struct CachedAnswer
{
	char *bytes;
	uint64 len;
	AnswerFacts facts;
	int64 age_ms;
	int64 lifetime_ms;
} CachedAnswer;

/* An answer that is not older than ttl and grace; false, and nothing kept, when there is none. */
extern bool dq_cached_find(const TableSpec *table, CacheKey key, int64 grace_ms,
						   CachedAnswer *found);

extern bool dq_cached_is_fresh(const CachedAnswer *found);

/* How much older than ttl an answer may be that takes the place of a failure. */
extern int64 dq_cached_fallback_grace(const TableSpec *table);

/* A fresh answer to another question, small, that holds all rows of this one. */
extern bool dq_cached_find_wider(const FetchOptions *options, CachedAnswer *found);

/* Appends its rows to a fetch's, and frees it. */
extern void dq_cached_append(Fetch *fetch, CachedAnswer *found);

/* The same once its rows were appended by the caller. */
extern void dq_cached_appended(Fetch *fetch, CachedAnswer *found, int64 rows);

/* The keys of a fetch's question; NULL where one of them cannot be told from others. */
extern CachedKeys *dq_cached_keys_create(Fetch *fetch, const FetchOptions *options);

/* Appends the rows of the keys that are in the cache; returns how many are not. */
extern int dq_cached_keys_find(Fetch *fetch, int *nkeys);

/* The same, if all that are missing are there; else nothing. */
extern bool dq_cached_keys_find_all(Fetch *fetch, int64 grace_ms);

/* Forgets which were found. */
extern void dq_cached_keys_reset(Fetch *fetch);

/* Whose a row is that came from the service. */
typedef enum CachedKeyMatch
{
	CACHED_KEY_ASKED, /* of a key that was asked, or of none */
	CACHED_KEY_KNOWN, /* of a key that the cache had the answer of */
	CACHED_KEY_UNCERTAIN
} CachedKeyMatch;

extern CachedKeyMatch dq_cached_keys_match(const CachedKeys *keys, const char *row, size_t len);

/* What names the answer of one key, which url would ask for alone; palloc'd. */
extern char *dq_cached_key_name(const char *url, JsonKeyKind kind, const char *json);

/* The URL that asks for the missing keys. */
extern char *dq_cached_keys_url(const Fetch *fetch, const FetchOptions *options);

/*
 * Keeps the answer of each key that was missing.  Where it is not known that all rows came
 * (is_whole false), only that of keys with a row.
 */
extern void dq_cached_keys_keep(Fetch *fetch, bool is_whole);

/* cached_record.c: the answer came out of the cache, without a request. */
extern void dq_cached_note_record(const Fetch *fetch);

/* cached_rows.c: keeps the rows of an answer as answers to the questions for each. */
extern void dq_cached_rows_keep(Fetch *fetch);

#endif /* DQ_CACHED_PRIVATE_H */
