/*
 * cached_private.h
 *	  Shared by the files of strategy cache, and by nobody else.
 */
#ifndef DQ_CACHED_PRIVATE_H
#define DQ_CACHED_PRIVATE_H

#include "fetch/cache_key.h"
#include "service/flight.h"

typedef struct CachedKeys CachedKeys;

/* What a fetch asks its store for, and goes on with when that was answered. */
typedef enum CachedStep
{
	CACHED_STEP_NONE,
	CACHED_STEP_FIRST,	  /* its answer */
	CACHED_STEP_WIDER,	  /* answers that hold more */
	CACHED_STEP_LEADER,	  /* got the lead: what the leader before has left */
	CACHED_STEP_FOLLOWER, /* the leader's answer */
	CACHED_STEP_RENEWAL,  /* nothing, but the store's generation */
	CACHED_STEP_BROKEN	  /* an error has broken off one of these */
} CachedStep;

/* What a kept answer is good for; each for what follows as well. */
typedef enum CachedState
{
	CACHED_FRESH,
	CACHED_STALE,	 /* to be used while a new one is asked for */
	CACHED_FALLBACK, /* to take the place of a failure */
	CACHED_OLD		 /* to be confirmed by the service */
} CachedState;

/* An answer out of the cache. */
typedef struct CachedAnswer
{
	char *bytes;
	uint64 len;
	AnswerFacts facts;
	int64 age_ms;
	CachedState state;
} CachedAnswer;

/* Other questions that are tried. */
#define MAX_WIDER 12

struct CachedFetch
{
	const CacheStore *store;
	CacheLookup *first;	 /* before the service was asked: older answers, too */
	CacheLookup *latest; /* that, or a later one */
	CachedStep step;
	const FetchKeys *starting; /* while the fetch is started */
	int nwider;
	CacheKey wider[MAX_WIDER]; /* of questions whose answers hold all rows of this one */
	CacheKey key;
	FlightTicket ticket;
	bool is_leading;
	bool is_following;
	bool is_wanted;	   /* the answer shall be kept */
	bool has_fallback; /* an older answer may take the place of a failure */
	AnswerFacts facts; /* of the answer, once the service is asked */
	CachedAnswer old;  /* that the service is asked to confirm; no bytes: none */
	bool is_confirmed;
	uint64 max_value;
	CachedKeys *keys;				/* the answer is kept by key; NULL: as a whole */
	uint64 epoch;					/* of the table's invalidations, when the fetch was started */
	const FetchRowKey *row_key;		/* its rows are kept one by one, too; NULL: they are not */
	int64 known_rows;				/* out of the cache: the first rows of the fetch */
	MemoryContextCallback callback; /* ends the flight with the fetch */
};

/* cached_fetch.c: for the end of a fetch.  Gives up the lead, or waiting for a leader. */
extern void dq_cached_leave_flight(void *cache);

/* Ceases to look for anything; what was found is given back. */
extern void dq_cached_end_lookups(CachedFetch *cache);

/* cached_end.c: an error of our own, which another scan has met, has left this fetch half way. */
extern void dq_cached_fail_half_way(Fetch *fetch);

/* All rows are there. */
extern void dq_cached_finish(Fetch *fetch, FetchOrigin origin);

/* The rows of an answer are all rows. */
extern void dq_cached_take(Fetch *fetch, CachedAnswer *found, FetchOrigin origin);

/* Counts for the fetch: keys, where it asks for several. */
extern void dq_cached_count(const Fetch *fetch, CacheEvent event);

/* The kept answer, if it is good for that; else false, and nothing is allocated. */
extern bool dq_cached_find(CacheLookup *lookup, CacheKey key, CachedState worst,
						   CachedAnswer *found);

/* Whether an answer that came just now is one: a service may take longer than ttl. */
extern bool dq_cached_is_fresh(const TableSpec *table, CacheKey key, const AnswerFacts *facts);

/* Whether an older answer may take the place of a failure, as the table's options say. */
extern bool dq_cached_may_fall_back(const TableSpec *table);

/* Notes the other questions whose answers hold all rows of this one. */
extern void dq_cached_note_wider(CachedFetch *cache, const FetchOptions *options, const char *name);

/* Remembers a question whose answer is kept by that name, for the session's later ones. */
extern void dq_cached_remember(const FetchOptions *options, const char *name);

/* A fresh answer to one of them, and a small one. */
extern bool dq_cached_find_wider(const CachedFetch *cache, CachedAnswer *found);

/* How long an answer may be of use to anybody, whatever it is needed for. */
extern int64 dq_cached_longest_life(const TableSpec *table, const AnswerFacts *facts);

/* Appends its rows to a fetch's, and frees it. */
extern void dq_cached_append(Fetch *fetch, CachedAnswer *found);

/* The same once its rows were appended by the caller. */
extern void dq_cached_appended(Fetch *fetch, CachedAnswer *found, int64 rows);

/* The keys of a fetch's question; NULL where one of them cannot be told from others. */
extern CachedKeys *dq_cached_keys_create(Fetch *fetch, const FetchOptions *options);

/* Appends the rows of the keys that are in the cache; returns how many are not. */
extern int dq_cached_keys_find(Fetch *fetch, int *nkeys);

/* The same, if all that are missing are there; else nothing. */
extern bool dq_cached_keys_find_all(Fetch *fetch, CacheLookup *lookup, CachedState worst);

/* Where the answers of the missing keys are kept; palloc'd. */
extern CacheKey *dq_cached_keys_names(const CachedKeys *keys, int *n);

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
extern char *dq_cached_keys_url(const CachedKeys *keys, const FetchKeys *questions);

/*
 * Keeps the answer of each key that was missing.  Where it is not known that all rows came
 * (is_whole false), only that of keys with a row.  False when others find not all of them, or none
 * that they may use.
 */
extern bool dq_cached_keys_keep(Fetch *fetch, bool is_whole);

/* cached_record.c: the answer came out of the cache, without a request. */
extern void dq_cached_note_record(const Fetch *fetch);

/*
 * cached_http.c, ttl 'http'.  Before the service is asked: the kept answer that it may confirm, if
 * there is one.
 */
extern void dq_cached_prepare_confirmation(Fetch *fetch);

/*
 * What is kept with the answer, or with parts of it.  What it had lived elsewhere when it was asked
 * for is taken from the time.
 */
extern AnswerFacts dq_cached_whole_facts(const CachedFetch *cache);
extern AnswerFacts dq_cached_part_facts(const CachedFetch *cache);

/* Whether the answer may be kept at all. */
extern bool dq_cached_may_keep(const Fetch *fetch);

/* cached_rows.c: keeps the rows of an answer as answers to the questions for each. */
extern void dq_cached_rows_keep(Fetch *fetch);

#endif /* DQ_CACHED_PRIVATE_H */
