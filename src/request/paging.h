/*
 * paging.h
 *	  Which page comes next, and when the last one was had: a pure state machine.
 *
 * Rules (see DESIGN.md "No row lost in paging"): a short page is no end unless last_page says so;
 * an offset advances by the rows received; a page that repeats (same cursor, same URL, same
 * content) is an error; a next URL on another origin is an error; fewer rows than total is an
 * error; the total of the last answer counts.  Where the answer says that no page follows, none
 * does; where it says that one does, it has to be reachable.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_PAGING_H
#define DQ_PAGING_H

#include "lib/stringinfo.h"

typedef enum PagingKind
{
	PAGING_NONE = 0,
	PAGING_PAGE,   /* page=1,2,3 */
	PAGING_OFFSET, /* offset=rows so far */
	PAGING_CURSOR, /* cursor=what the last answer gave */
	PAGING_LINK,   /* Link: <...>; rel="next" (RFC 8288) */
	PAGING_NEXT	   /* a URL in the body */
} PagingKind;

typedef enum LastPage
{
	LAST_PAGE_EMPTY = 0, /* only an empty page ends page and offset paging */
	LAST_PAGE_SHORT		 /* a page shorter than asked for does */
} LastPage;

/* Parameters of paging, as a set. */
typedef uint32 PagingParams;
#define PAGING_PARAM_PAGE ((PagingParams) 1 << 0)
#define PAGING_PARAM_SIZE ((PagingParams) 1 << 1)
#define PAGING_PARAM_OFFSET ((PagingParams) 1 << 2)
#define PAGING_PARAM_CURSOR ((PagingParams) 1 << 3)

typedef struct PagingSpec
{
	PagingKind kind;
	int64 page_size;		/* rows asked for in one page; 0: the service's own */
	const char *page_param; /* NULL: not sent */
	const char *size_param;
	const char *offset_param;
	const char *cursor_param;
	PagingParams in_body; /* said in the request's body (body.h), not in its URL */
	int64 first_page;	  /* number of the first page, or the first offset */
	LastPage last_page;
	int64 max_pages;	  /* more pages than that end with an error */
	bool rows_may_repeat; /* equal pages are none asked twice: not all of a row is asked for */
	bool has_total;		  /* the answer is expected to give a total */
} PagingSpec;

/* Where one page starts. */
typedef struct PagePosition
{
	int64 index;		/* 0 for the first page asked */
	int64 number;		/* page number (PAGE) or offset (OFFSET) */
	int64 size;			/* rows to ask for, 0: say nothing */
	const char *cursor; /* CURSOR; NULL on the first page */
	const char *url;	/* LINK, NEXT: absolute URL of this page; NULL on the first page */
} PagePosition;

/* What was learned from one complete page. */
typedef struct PageFacts
{
	PagePosition position;
	const char *url; /* the page's own URL */
	bool not_found;	 /* status 404 */
	int64 rows;
	uint64 content_hash; /* of the rows' bytes, 0 with no rows */
	bool has_total;
	int64 total;			/* rows of the whole answer as the service says */
	const char *next;		/* cursor or URL text from the body or Link header; NULL or "": none */
	bool has_more_is_known; /* the answer says whether a page follows */
	bool has_more;
} PageFacts;

typedef enum PagingVerdict
{
	PAGING_CONTINUE, /* *next is the page to ask for now */
	PAGING_END,
	PAGING_FAILED /* *problem says why, as a palloc'd phrase fit for errmsg */
} PagingVerdict;

typedef struct PagingState PagingState;

/* Palloc'd in the current context, which must outlive it.  spec and base_url are borrowed. */
extern PagingState *dq_paging_create(const PagingSpec *spec, const char *base_url);

/* The first page; size_limit > 0 asks for at most so many rows (LIMIT known to the planner). */
extern PagePosition dq_paging_first(PagingState *state, int64 size_limit);

/* So many rows are enough: fewer than the total are no failure then, and no page goes beyond. */
extern void dq_paging_enough(PagingState *state, int64 rows);

/* The smallest first page, asked for its total only. */
extern PagePosition dq_paging_smallest(const PagingSpec *spec);

/*
 * Pages must be handed over in order.  detail gets more words or NULL.  Texts of *next live in the
 * state, until the advance after the next one.
 */
extern PagingVerdict dq_paging_advance(PagingState *state, const PageFacts *facts,
									   PagePosition *next, char **problem, char **detail);

/*
 * After the first page: positions of all further pages where the total allows asking for them in
 * any order (PAGE, OFFSET). Returns how many there are (0: one by one only).  The caller may start
 * any of them ahead of time, but hands their facts to dq_paging_advance in order, and takes the
 * position *next* from there: when it differs from the one asked ahead (a gap has to be filled),
 * the page asked ahead is thrown away.
 */
extern int64 dq_paging_ahead(const PagingState *state);
extern PagePosition dq_paging_position_ahead(const PagingState *state, int64 index);

/* The URL of a page: base with paging parameters appended, or the position's own URL. Palloc'd. */
extern char *dq_paging_url(const PagingSpec *spec, const char *base_url,
						   const PagePosition *position);

/*
 * The target of rel="next" in the values of Link headers (several joined by commas), NULL if none.
 * Palloc'd.
 */
extern char *dq_link_header_next(const char *value);

/* The total in a header: a plain number, or a Content-Range ("items 0-24/319", "*" is unknown). */
extern bool dq_total_parse(const char *value, int64 *total);

extern const char *dq_paging_kind_name(PagingKind kind);

#endif /* DQ_PAGING_H */
