/*
 * cache_key.h
 *	  Keys and values of the cache: what tells answers apart, and an answer as bytes.
 */
#ifndef DQ_CACHE_KEY_H
#define DQ_CACHE_KEY_H

#include "cache/shared_cache.h"
#include "cache/store.h"
#include "fetch/fetch_private.h"
#include "request/http_cache.h"

/* Milliseconds since 1970. */
extern int64 dq_cache_now(void);

extern TimestampTz dq_cache_timestamp(int64 ms);

/*
 * What tells the answers of a table's part from others (generations): those whose rows all have this
 * value in a column, by its number in cache_columns; NULL: those that may have any value there.
 */
extern uint64 dq_cache_label(int column, const char *text);

/* The label that every invalidation of anything of the table raises; part of no key. */
extern uint64 dq_cache_any_label(void);

/* The key of a question as it is asked; url stands in the place of the options' own. */
extern CacheKey dq_cache_key(const FetchOptions *options, const char *url);

/* What is known of an answer, besides its rows. */
typedef struct AnswerFacts
{
	int64 asked_at_ms; /* since 1970: the time of its first request */
	int64 rows;
	bool has_policy; /* the service was asked how long it lives */
	HttpPolicy policy;
	const char *headers[HTTP_KEPT_HEADERS]; /* of the only response that it came by; else NULL */
} AnswerFacts;

/*
 * The answer of a finished fetch as bytes, palloc'd; NULL when it is larger than max.  Of facts,
 * rows is the fetch's.
 */
extern char *dq_cache_pack(Fetch *fetch, const AnswerFacts *facts, uint64 max, uint64 *len);

/* The same record by record. */
extern void dq_cache_pack_begin(StringInfo packed, const AnswerFacts *facts);
extern void dq_cache_pack_add(StringInfo packed, const char *record, size_t len);
extern void dq_cache_pack_end(StringInfo packed, int64 rows);

/* Appends the rows of a packed answer in our format to a spool; returns how many. */
extern int64 dq_cache_unpack(const char *bytes, uint64 len, Spool *spool);

/*
 * The next record of a packed answer in our format, from *position (0 at first); false at the end.
 * Borrowed.
 */
extern bool dq_cache_next(const char *bytes, uint64 len, uint64 *position, const char **record,
						  uint32 *record_len);

/* What is known of a packed answer, texts borrowed; false when it is not in our format. */
extern bool dq_cache_facts(const char *bytes, uint64 len, AnswerFacts *facts);

#endif /* DQ_CACHE_KEY_H */
