/*
 * fetch_private.h
 *	  Structs shared by the files of fetch/, and by nobody else.
 *
 * A FetchGroup owns its Fetches, a Fetch its FetchPages, each in a memory context below its
 * owner's; releasing a context releases libcurl's handles and temporary files below it.
 */
#ifndef DQ_FETCH_PRIVATE_H
#define DQ_FETCH_PRIVATE_H

#include "fetch/fetch.h"
#include "fetch/key_index.h"
#include "lib/ilist.h"
#include "rows/splitter.h"
#include "transport/spool.h"
#include "utils/timestamp.h"

typedef struct StoredAnswer StoredAnswer;
typedef struct ReaderLease ReaderLease;
typedef struct CachedFetch CachedFetch;

/* Members of the answer that are wanted besides the rows. */
enum Capture
{
	CAPTURE_NEXT,
	CAPTURE_TOTAL,
	CAPTURE_HAS_NEXT,
	CAPTURE_ERRORS, /* of a GraphQL answer */
	N_CAPTURES
};

/* Bytes of the answer's beginning that an error may show. */
#define BEGINNING_BYTES 120

typedef struct FetchPage
{
	dlist_node node; /* in Fetch.ahead, unless it is the head */
	MemoryContext context;
	Fetch *fetch;
	PagePosition position;
	char *url;			   /* as sent */
	Exchange *exchange;	   /* NULL once its answer was taken */
	RowSplitter *splitter; /* NULL until the first byte */
	int restarts;		   /* of the exchange, as far as the splitter knows */
	bool is_head;		   /* rows are taken from it, or will be */
	Spool *spool;		   /* rows of a page that is asked ahead or holds them; else NULL */
	bool is_checked;	   /* its answer holds no errors of GraphQL, as far as that is known */
	bool is_receiving;	   /* between taking bytes and having spooled their rows */
	int64 rows;
	uint64 content_hash;  /* over the rows' bytes */
	bool is_complete;	  /* facts are final, or error is set */
	bool is_not_modified; /* status 304: its rows are those of the answer it was asked to confirm */
	PageFacts facts;
	RemoteError *error;		  /* NULL: none */
	StringInfoData last_row;  /* where the next cursor stands in it */
	StringInfoData beginning; /* first bytes of the answer, for error messages */
} FetchPage;

/* Its part in distquery.activity (fetch_activity.h). */
typedef struct FetchActivity
{
	Activity *place; /* NULL: not shown */
	bool is_registered;
	bool is_waiting; /* for another session's answer */
	bool is_foretold;
	int64 total_pages; /* as told so far */
	int64 total_rows;
	MemoryContextCallback callback;
} FetchActivity;

struct Fetch
{
	dlist_node lru_node; /* in FetchGroup.idle while it has no readers */
	bool is_idle;
	MemoryContext context;
	FetchGroup *group;	  /* NULL: belongs to the transaction's store */
	StoredAnswer *stored; /* of that store, else NULL */
	CachedFetch *cache;	  /* of strategy cache, else NULL */
	CacheUse cache_use;	  /* of its requests */
	FetchOrigin origin;
	TimestampTz asked_at; /* of its rows; 0: not known yet */
	FetchOptions options; /* texts copied */
	uint64 identity_hash;
	char *identity; /* bytes of the request and of the shape of its answer */
	int identity_len;
	Spool *spool;		/* page marks and rows in order, see fetch_page.c */
	int64 memory_bytes; /* share of work_mem */
	PagingState *paging;
	FetchPage *head;	 /* the page that rows are taken from, NULL between pages */
	dlist_head ahead;	 /* later pages under way, in order */
	int64 ahead_started; /* of the pages that the total foretold */
	bool has_pending;	 /* pending is to be asked when a reader wants it */
	PagePosition pending;
	int64 rows;		  /* spooled so far */
	int64 rows_read;  /* by the reader that is farthest */
	bool is_finished; /* all rows are in the spool, or error is set */
	RemoteError *error;
	char *missing; /* what is, with the error */
	int nreaders;
	dlist_head readers; /* open ones */
	FetchStats stats;	/* of the exchanges that ended */
	instr_time started;
	bool has_first_byte;
	double latency_ms; /* of the answers that were complete, summed up */
	int answers;
	bool has_taught; /* dq_figures_note was called */
	FetchActivity activity;
};

struct FetchReader
{
	dlist_node node; /* in Fetch.readers */
	Fetch *fetch;
	SpoolReader *spool_reader;
	char *page_request; /* method and URL, fit to be shown */
	int64 rows;			/* read in all */
	int64 page_rows;	/* read of this page */
	bool is_shared;
	const TableSpec *table;					 /* whose rows they are to this reader */
	bool passes_over;						 /* an outage is no error to it */
	char *(*describe_keys)(const void *arg); /* as in FetchOptions */
	const void *describe_arg;
	const FetchKeys *keys; /* as in FetchOptions; of strategy cache */
	FetchOrigin origin;
	/* Only of stored answers: */
	ReaderLease *lease;
	const ScopeTerm *key_term; /* rows are found by this column's value, NULL: all are read */
	uint64 *hashes;			   /* of the values asked for; NULL: all rows are read */
	int nhashes;
	KeyCursor *key_cursor; /* made at the first row */
};

/* fetch_group.c */
extern void dq_fetch_group_unpark(FetchGroup *group); /* NULL: what has no group */
extern bool dq_fetch_group_must_be_whole(const FetchGroup *group);
extern MemoryContext dq_fetch_group_context(FetchGroup *group);
extern int64 dq_fetch_group_share(FetchGroup *group);
extern Fetch *dq_fetch_group_find(FetchGroup *group, const char *identity, int len, uint64 hash);
extern void dq_fetch_group_add(FetchGroup *group, Fetch *fetch);
extern void dq_fetch_group_renew(FetchGroup *group, Fetch *fetch);
extern void dq_fetch_group_retire(FetchGroup *group, Fetch *fetch);

/* For statement.c: a query's run has returned (NULL: all have). */
extern void dq_fetch_group_park(MemoryContext query_context);

/* fetch.c: moves it on as far as it can without waiting */
extern void dq_fetch_move_on(Fetch *fetch);

/* Tells what it has shown of its table, once. */
extern void dq_fetch_teach(Fetch *fetch);

/* fetch_create.c, fetch_reader.c, fetch.c */
extern const char *dq_fetch_method(const FetchOptions *options);
extern void dq_fetch_question(const FetchOptions *options, StringInfo out);
extern void dq_fetch_shape(const FetchOptions *options, StringInfo out);
extern int dq_fetch_identity(const FetchOptions *options, StringInfo out);
extern Fetch *dq_fetch_create(MemoryContext parent, int64 memory_bytes, const FetchOptions *options,
							  StringInfo identity, uint64 hash);
extern void dq_fetch_ask(Fetch *fetch);
extern void dq_fetch_advance(Fetch *fetch);
extern void dq_fetch_free(Fetch *fetch);
extern FetchReader *dq_fetch_reader(Fetch *fetch);

/* The same for one who asks with these options; is_shared: another reader has asked before. */
extern FetchReader *dq_fetch_reader_of(Fetch *fetch, const FetchOptions *options, bool is_shared);
extern void dq_fetch_reader_free(FetchReader *reader);
extern bool dq_fetch_next_spooled(FetchReader *reader, FetchRow *row);
extern void dq_fetch_page_ended(Fetch *fetch, FetchPage *page);

/* page_facts.c: fills page->facts, of a complete page */
extern void dq_fetch_page_facts(FetchPage *page);

/*
 * page_check.c: keep an error about the answer's content, with the page's URL and the beginning of
 * the answer; the checks are false when the page has failed.
 */
extern void dq_fetch_page_fail(FetchPage *page, int sqlstate, const char *problem,
							   const char *hint);
extern void dq_fetch_page_fail_json(FetchPage *page, const JsonError *error);
extern bool dq_fetch_page_check_errors(FetchPage *page);
extern bool dq_fetch_page_check_content_type(FetchPage *page);
extern bool dq_fetch_page_check_cursor(FetchPage *page);
extern bool dq_fetch_page_check_next(FetchPage *page);

/* fetch_page.c */
extern void dq_fetch_page_release(FetchPage *page);
extern FetchPage *dq_fetch_page_start(Fetch *fetch, const PagePosition *position, bool is_head);
extern void dq_fetch_page_make_head(FetchPage *page);
extern void dq_fetch_page_free(FetchPage *page);

#endif /* DQ_FETCH_PRIVATE_H */
