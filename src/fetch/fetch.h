/*
 * fetch.h
 *	  Fetch: one bound question, all its pages and rows.  FetchGroup: the fetches of one executed
 *	  statement.
 */
#ifndef DQ_FETCH_H
#define DQ_FETCH_H

#include "request/scope.h"
#include "spec/spec.h"

typedef struct Fetch Fetch;
typedef struct FetchGroup FetchGroup;
typedef struct FetchReader FetchReader;

/* The keys of a list, or one, which can be asked together, or some of them, or each alone. */
typedef struct FetchKeys
{
	const ScopeTerm *term; /* the list */
	/* URL of the question for n of the keys, by their numbers in term; palloc'd. */
	char *(*url_of)(const void *arg, const int *keys, int n);
	const void *arg;
} FetchKeys;

/* Another question, whose answer holds all rows of the one that is asked. */
typedef struct FetchWider
{
	const char *url;
	const ScopeTerm *key;				  /* its answer is kept by this key; NULL: by the URL */
	const char *marks[MAX_CACHE_COLUMNS]; /* as in FetchOptions */
} FetchWider;

/* How one row is asked for by its key, a text as it stands in the row. */
typedef struct FetchRowKey
{
	JsonKeyKind kind;
	const char *json; /* where the key stands; the table's */
	int mark;		  /* number of the key's column in cache_columns */
	bool by_lookup;	  /* by lookup_path */
	bool by_filter;	  /* by a condition on the collection */
	char *(*url_of)(const TableSpec *table, bool is_lookup, const char *text); /* palloc'd */
} FetchRowKey;

/* What one fetch asks.  Borrowed texts are copied. */
typedef struct FetchOptions
{
	const TableSpec *table;
	const Endpoint *endpoint;
	uint32 scan;			  /* number of the table reader, for records; 0: none */
	const char *url;		  /* of the first page, without paging parameters */
	const BoundBody *body;	  /* of a POST, but for paging; NULL: a GET */
	bool is_lookup;			  /* asks lookup_path: no paging, lookup_rows, 404 is no row */
	int64 row_limit;		  /* rows that can be needed at most, 0: unknown */
	int64 enough;			  /* rows after which it ends; 0: all */
	bool is_frugal;			  /* reading may stop early: no page is asked before it is needed */
	bool keep;				  /* rows will be read again */
	bool is_whole;			  /* asks for the whole collection: tells how large it is */
	bool is_sample;			  /* the service itself is asked, whatever the strategy */
	const PagePosition *page; /* only this page of the collection; NULL: all */
	bool all_first;			  /* all rows are fetched before the first is read; set by strategies */
	const Scope *scope;		  /* what it restricts; NULL: its answer tells of no other question */
	const FetchKeys *keys;	  /* NULL: the answer is kept as a whole */
	const FetchRowKey *row_key; /* rows are kept one by one, too; NULL: they are not */
	/*
	 * For each of the table's cache_columns the one value, as it is sent, that all rows asked for
	 * have there; NULL: they may have any.
	 */
	const char *marks[MAX_CACHE_COLUMNS];
	int nwider;
	const FetchWider *wider; /* less restricted questions that may have been asked before */
	int64 enough_rows;		 /* once so many have come, no page is asked early; 0: unknown */
	bool must_be_whole;		 /* an outage is an error, whatever on_error says */
	/*
	 * Which rows are asked for, such as "id 1, 2" (palloc'd; NULL: all), for distquery.last_errors;
	 * called only where some are missing, while the reader is open.  NULL: nobody can say.
	 */
	char *(*describe_keys)(const void *arg);
	const void *describe_arg;
} FetchOptions;

typedef struct FetchRow
{
	const char *bytes; /* the element; valid until the next call on the group */
	size_t len;
	const char *request; /* "GET http://...": the page that brought it, fit to be shown */
	int64 number;		 /* row of that page, from 1 */
} FetchRow;

/* Where a reader's rows come from. */
typedef enum FetchOrigin
{
	FETCH_ASKED,	 /* the service, while they are read */
	FETCH_STORING,	 /* the service, into the transaction's store */
	FETCH_STORED,	 /* the transaction's store */
	FETCH_MISSED,	 /* the service, into the cache */
	FETCH_HIT,		 /* the cache */
	FETCH_STALE,	 /* the cache, though older than ttl */
	FETCH_COALESCED, /* the cache, into which another session has fetched them meanwhile */
	FETCH_CONFIRMED	 /* the cache, after the service has said that they are still true */
} FetchOrigin;

#define FETCH_ORIGINS (FETCH_CONFIRMED + 1)

typedef struct FetchStats
{
	int64 requests;
	int64 pages;
	int64 rows;
	int64 bytes; /* decompressed */
	int64 wire_bytes;
	int64 retries;
	int64 connections;
	double first_byte_ms; /* from the start of the fetch to the first byte of its first page */
	double total_ms;	  /* from the start to the last byte, or to now */
	bool is_shared;		  /* answered by a fetch that another scan had started */
	bool is_partial;	  /* an outage was passed over (on_error): rows are missing */
	bool has_total;
	int64 total;				  /* rows of the whole answer, as the service says */
	int64 page_rows;			  /* of the largest page */
	int64 keys_found;			  /* of lists: answered by the cache */
	int64 keys_asked;			  /* and by the service */
	const char *cache_store;	  /* as in dq_cache_store_note(); NULL: not worth a word */
	int64 age_ms;				  /* of the oldest cached answer when it was found */
	int64 origins[FETCH_ORIGINS]; /* questions by where their rows came from */
} FetchStats;

/*
 * The group of a statement, made at the first call for this executor state; it is released with
 * the context (es_query_cxt), which takes every transfer off the wire.
 */
extern FetchGroup *dq_fetch_group(MemoryContext query_context);

/*
 * Until adopt_end, scans that begin join this group whatever their query context: several
 * statements asked at once. The group lives in context, which must outlive those scans.  Option
 * on_error does not hold in it: an outage is an error.
 */
extern FetchGroup *dq_fetch_group_adopt(MemoryContext context);
extern void dq_fetch_group_adopt_end(FetchGroup *group);

/*
 * Starts what a scan can ask without waiting for another's rows; called by dq_fetch_group_begin().
 */
typedef void (*FetchStarter)(void *scan);

/*
 * Makes a scan known; NULL starter: it counts for memory shares only.  dq_fetch_group_unregister()
 * when it ends.
 */
extern void dq_fetch_group_register(FetchGroup *group, FetchStarter starter, void *scan);
extern void dq_fetch_group_unregister(FetchGroup *group, void *scan);

/* At the first row that any scan needs: runs all starters, once. */
extern void dq_fetch_group_begin(FetchGroup *group);

/*
 * Starts a fetch, or joins one of the same request in this group; returns a reader at its first
 * row.  Nothing is waited for.
 */
extern FetchReader *dq_fetch_start(FetchGroup *group, const FetchOptions *options);

/*
 * The next row; drives the loop while there is none.  False at the end.  Raises what went wrong
 * with this fetch, and only this one; an outage that option on_error passes over is the end, with a
 * WARNING, noted in distquery.last_errors.
 */
extern bool dq_fetch_next(FetchReader *reader, FetchRow *row);

/* True when no answer is on the wire: all rows have come, or the next page waits to be needed. */
extern bool dq_fetch_is_idle(const FetchReader *reader);

/* True when all rows that have come were read, and reading on asks for another page. */
extern bool dq_fetch_needs_page(const FetchReader *reader);

typedef enum FetchResult
{
	FETCH_ROW,
	FETCH_END,
	FETCH_WAIT,	 /* neither is there yet */
	FETCH_FAILED /* dq_fetch_next would raise why */
} FetchResult;

/* The same without driving the loop or raising what went wrong with the fetch. */
extern FetchResult dq_fetch_try_next(FetchReader *reader, FetchRow *row);

/*
 * Back to the first row; false when the rows are not kept any more (the fetch has to be started
 * again).
 */
extern bool dq_fetch_rewind(FetchReader *reader);

extern void dq_fetch_stats(const FetchReader *reader, FetchStats *stats);

/*
 * Ends this reader; a fetch without readers is cancelled, or kept for a later question of the same
 * URL while memory lasts.
 */
extern void dq_fetch_close(FetchReader *reader);

#endif /* DQ_FETCH_H */
