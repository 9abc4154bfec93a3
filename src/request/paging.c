/*
 * paging.c
 *	  The state machine that decides which page comes next.
 *
 * A fetch asks dq_paging_first(), hands over the facts of each complete page in order, and is told
 * to go on, to end, or to fail.  What must never happen is an end that leaves rows behind
 * unnoticed, and a loop. So a short page is not trusted to be the last; an offset advances by what
 * was received; the total, where there is one, has to be reached; and whatever comes twice (a
 * page's content, a cursor, a URL) is a failure.
 *
 * With a total, all positions are known after the first page: multiples of the rows it held (the
 * stride), which may be fewer than were asked for.  When a page asked ahead turns out shorter than
 * the stride, advancing by its rows leads to the gap behind it instead of the next multiple, and
 * the caller sees the difference.
 */
#include "base.h"

#include "common/hashfn.h"
#include "common/int.h"
#include "request/paging.h"
#include "request/url.h"

#define SEEN_INITIAL 64 /* slots; a power of two */

#define SHOWN_BYTES 200 /* of a foreign text in a message */

/* A set of 64-bit hashes with open addressing; 0 marks a free slot. */
typedef struct SeenSet
{
	uint64 *slots;
	uint64 nslots;
	uint64 used;
} SeenSet;

struct PagingState
{
	const PagingSpec *spec;
	const char *base_url;
	int64 pages; /* handed over so far */
	int64 rows;	 /* in them */
	bool has_total;
	int64 total;	  /* as the last answer that gave one says */
	int64 enough;	  /* rows that are needed; 0: all */
	int64 first_size; /* rows asked for in the first page */
	int64 stride;	  /* rows from one page ahead to the next; 0: not known */
	bool is_ragged;	  /* a page did not end where the stride said */
	uint64 last_hash; /* content of the page before */
	SeenSet seen;	  /* cursors or URLs */
	char *text;		  /* cursor or URL of the next page */
	char *last_text;  /* of the page before it, which the caller may still hold */
};

static const char *const kind_names[] = { "none", "page", "offset", "cursor", "link", "next" };

static PagingVerdict paging_finish(const PagingState *state, char **problem, char **detail);
static PagingVerdict advance_by_rows(PagingState *state, const PageFacts *facts, PagePosition *next,
									 char **problem, char **detail);
static PagingVerdict advance_by_text(PagingState *state, const PageFacts *facts, PagePosition *next,
									 char **problem, char **detail);

const char *
dq_paging_kind_name(PagingKind kind)
{
	return kind_names[kind];
}

static bool
is_counted(const PagingSpec *spec)
{
	return spec->kind == PAGING_PAGE || spec->kind == PAGING_OFFSET;
}

static int64
saturating_add(int64 a, int64 b)
{
	int64 sum;

	return pg_add_s64_overflow(a, b, &sum) ? PG_INT64_MAX : sum;
}

PagingState *
dq_paging_create(const PagingSpec *spec, const char *base_url)
{
	PagingState *state = palloc0(sizeof(PagingState));

	state->spec = spec;
	state->base_url = base_url;
	return state;
}

PagePosition
dq_paging_first(PagingState *state, int64 size_limit)
{
	const PagingSpec *spec = state->spec;
	PagePosition first = { 0 };

	if (spec->kind == PAGING_NONE)
		return first;
	if (is_counted(spec))
		first.number = spec->first_page;
	first.size = Max(spec->page_size, 0);
	if (size_limit > 0 && first.size > 0 &&
		(spec->size_param || (spec->in_body & PAGING_PARAM_SIZE)))
		first.size = Min(first.size, size_limit);
	state->first_size = first.size;
	return first;
}

void
dq_paging_enough(PagingState *state, int64 rows)
{
	state->enough = rows;
}

PagePosition
dq_paging_smallest(const PagingSpec *spec)
{
	PagePosition first = { .size = 1 };

	if (is_counted(spec))
		first.number = spec->first_page;
	return first;
}

/* Rows to ask for in one page of offset paging, when so many come before it. */
static int64
size_after(const PagingState *state, int64 rows)
{
	int64 size = state->stride > 0 ? state->stride : state->spec->page_size;

	return state->enough > 0 ? Min(size, Max(state->enough - rows, 1)) : size;
}

/*
 * Rows to ask for after the first page.  A page number means nothing without the size it was made
 * for, and a cursor may hide one, so only offsets are free to change it: to the stride, or back to
 * page_size where a LIMIT made the first page small.
 */
static int64
later_size(const PagingState *state)
{
	if (state->spec->kind != PAGING_OFFSET || state->first_size == 0)
		return state->first_size;
	return size_after(state, state->rows);
}

PagingVerdict
dq_paging_advance(PagingState *state, const PageFacts *facts, PagePosition *next, char **problem,
				  char **detail)
{
	const PagingSpec *spec = state->spec;
	bool is_repeated = state->pages > 0 && facts->rows > 0 && !spec->rows_may_repeat &&
		facts->content_hash == state->last_hash;
	PagingVerdict verdict;

	*problem = NULL;
	*detail = NULL;
	memset(next, 0, sizeof(*next));
	state->pages++;
	state->rows = saturating_add(state->rows, Max(facts->rows, 0));
	state->last_hash = facts->rows > 0 ? facts->content_hash : 0;
	if (facts->has_total)
	{
		state->has_total = true;
		state->total = facts->total;
	}

	if (state->enough > 0 && state->rows >= state->enough)
		return PAGING_END;
	if (facts->not_found || spec->kind == PAGING_NONE)
		return paging_finish(state, problem, detail);
	if (is_repeated)
	{
		*problem = pstrdup("service sent the same page twice");
		*detail = psprintf("Page " INT64_FORMAT
						   " has the content of the page before it; option paging or "
						   "its parameter names may not fit the service.",
						   state->pages);
		return PAGING_FAILED;
	}
	verdict = is_counted(spec) ? advance_by_rows(state, facts, next, problem, detail) :
								 advance_by_text(state, facts, next, problem, detail);
	if (verdict == PAGING_CONTINUE && spec->max_pages > 0 && state->pages >= spec->max_pages)
	{
		*problem = psprintf("service has more than " INT64_FORMAT " pages", spec->max_pages);
		*detail = psprintf("After " INT64_FORMAT
						   " rows it still has a next page. Option max_pages sets how "
						   "many are asked for at most.",
						   state->rows);
		return PAGING_FAILED;
	}
	next->index = state->pages;
	return verdict;
}

/* The service says that nothing follows: believed, unless it has promised more. */
static PagingVerdict
paging_finish(const PagingState *state, char **problem, char **detail)
{
	if (!state->has_total || state->rows >= state->total)
		return PAGING_END;
	*problem = psprintf("service returned " INT64_FORMAT " rows of " INT64_FORMAT, state->rows,
						state->total);
	if (state->spec->kind == PAGING_NONE)
		*detail = pstrdup(
			"The answer is one page of several; option paging says how to ask for the others.");
	else
		*detail = psprintf("Its pages ended after page " INT64_FORMAT
						   ", but its total promised more rows.",
						   state->pages);
	return PAGING_FAILED;
}

/* After the first page: how far apart pages asked ahead are. */
static void
learn_stride(PagingState *state, int64 rows)
{
	const PagingSpec *spec = state->spec;
	bool is_cut = state->first_size < spec->page_size;

	/*
	 * A first page made small by a LIMIT is no measure for the others, except where they have to
	 * keep its size.
	 */
	if (state->has_total && !(spec->kind == PAGING_OFFSET && is_cut))
		state->stride = rows;
}

/* PAGE and OFFSET. */
static PagingVerdict
advance_by_rows(PagingState *state, const PageFacts *facts, PagePosition *next, char **problem,
				char **detail)
{
	const PagingSpec *spec = state->spec;
	bool is_short = facts->position.size > 0 && facts->rows < facts->position.size;

	if (facts->rows <= 0 || (facts->has_more_is_known && !facts->has_more))
		return paging_finish(state, problem, detail);
	if (state->has_total && state->rows >= state->total)
		return PAGING_END;

	/* A total that is not reached says more about what follows than a short page. */
	if (is_short && spec->last_page == LAST_PAGE_SHORT && !state->has_total)
		return PAGING_END;

	if (state->pages == 1)
		learn_stride(state, facts->rows);
	else if (facts->rows != state->stride)
		state->is_ragged = true;
	next->number = saturating_add(facts->position.number,
								  spec->kind == PAGING_PAGE ? 1 : facts->rows);
	if (next->number == PG_INT64_MAX)
	{
		*problem = pstrdup("page numbers of service are too large");
		return PAGING_FAILED;
	}
	next->size = later_size(state);
	return PAGING_CONTINUE;
}

/* Adds a text to the set; false when it was there. */
static bool
seen_add(SeenSet *seen, const char *text)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 0);
	uint64 slot;

	if (hash == 0)
		hash = 1;
	if (seen->used * 2 >= seen->nslots)
	{
		SeenSet larger = { 0 };

		larger.nslots = seen->nslots ? seen->nslots * 2 : SEEN_INITIAL;
		larger.slots = palloc0(larger.nslots * sizeof(uint64));
		larger.used = seen->used;
		for (uint64 i = 0; i < seen->nslots; i++)
		{
			if (seen->slots[i] == 0)
				continue;
			for (slot = seen->slots[i] & (larger.nslots - 1); larger.slots[slot];)
				slot = (slot + 1) & (larger.nslots - 1);
			larger.slots[slot] = seen->slots[i];
		}
		if (seen->slots)
			pfree(seen->slots);
		*seen = larger;
	}
	for (slot = hash & (seen->nslots - 1); seen->slots[slot];
		 slot = (slot + 1) & (seen->nslots - 1))
		if (seen->slots[slot] == hash)
			return false;
	seen->slots[slot] = hash;
	seen->used++;
	return true;
}

/* Keeps the next page's text; the one before stays valid until the next call. */
static void
keep_text(PagingState *state, char *text)
{
	if (state->last_text)
		pfree(state->last_text);
	state->last_text = state->text;
	state->text = text;
}

/* The beginning of a text for a message, cut between UTF-8 characters. */
static char *
shorten(const char *text)
{
	size_t len = strnlen(text, SHOWN_BYTES);

	while (len > 0 && ((unsigned char) text[len] & 0xC0) == 0x80)
		len--;
	return pnstrdup(text, len);
}

/* The URL that a page names as the next; NULL with *problem when it must not be followed. */
static char *
next_url(PagingState *state, const PageFacts *facts, char **problem, char **detail)
{
	char *url = dq_url_resolve(facts->url, facts->next);
	char *own;

	if (url == NULL)
	{
		*problem = pstrdup("next page of service has no usable URL");
		*detail = strchr(facts->next, '@') ?
			pstrdup("It must be an http or https URL without user name and password.") :
			psprintf("It says \"%s\"; that must be an http or https URL.", shorten(facts->next));
		return NULL;
	}
	if (!dq_url_same_origin(state->base_url, url))
	{
		*problem = pstrdup("next page of service is on another origin");
		*detail = psprintf("The service is %s, its next page is on %s.",
						   dq_url_origin(state->base_url), dq_url_origin(url));
		pfree(url);
		return NULL;
	}

	/* A link back to the page that it stands on, however written, is a loop. */
	seen_add(&state->seen, facts->url);
	own = dq_url_resolve(facts->url, "");
	if (own)
	{
		seen_add(&state->seen, own);
		pfree(own);
	}
	return url;
}

/* CURSOR, LINK and NEXT. */
static PagingVerdict
advance_by_text(PagingState *state, const PageFacts *facts, PagePosition *next, char **problem,
				char **detail)
{
	bool is_cursor = state->spec->kind == PAGING_CURSOR;
	char *text;

	if (facts->has_more_is_known && !facts->has_more)
		return paging_finish(state, problem, detail);
	if (facts->next == NULL || facts->next[0] == '\0')
	{
		if (!facts->has_more_is_known)
			return paging_finish(state, problem, detail);
		*problem = psprintf("service says that another page follows, but gives no %s",
							is_cursor ? "cursor" : "URL");
		return PAGING_FAILED;
	}
	text = is_cursor ? pstrdup(facts->next) : next_url(state, facts, problem, detail);
	if (text == NULL)
		return PAGING_FAILED;
	if (!seen_add(&state->seen, text))
	{
		*problem = pstrdup(is_cursor ? "service sent the same cursor twice" :
									   "service sent the same next URL twice");
		*detail = psprintf("Page " INT64_FORMAT " leads back to a page that was asked for before.",
						   state->pages);
		pfree(text);
		return PAGING_FAILED;
	}
	keep_text(state, text);
	if (is_cursor)
		next->cursor = text;
	else
		next->url = text;
	next->size = later_size(state);
	return PAGING_CONTINUE;
}

int64
dq_paging_ahead(const PagingState *state)
{
	int64 count;
	int64 wanted = state->enough > 0 ? Min(state->total, state->enough) : state->total;

	if (state->stride <= 0 || state->is_ragged || wanted <= state->stride)
		return 0;
	count = (wanted - 1) / state->stride;
	if (state->spec->max_pages > 0)
		count = Min(count, state->spec->max_pages - 1);
	return count;
}

PagePosition
dq_paging_position_ahead(const PagingState *state, int64 index)
{
	PagePosition position = { 0 };
	int64 distance = index + 1;

	if (state->spec->kind == PAGING_OFFSET &&
		pg_mul_s64_overflow(state->stride, index + 1, &distance))
		distance = PG_INT64_MAX;
	position.index = index + 1;
	position.number = saturating_add(state->spec->first_page, distance);
	position.size = state->spec->kind == PAGING_OFFSET && state->first_size > 0 ?
		size_after(state, distance) :
		later_size(state);
	return position;
}

/* Appends "name=value" behind an &. */
static void
append_param(StringInfo query, const char *name, const char *value)
{
	if (query->len > 0)
		appendStringInfoChar(query, '&');
	dq_url_encode_name(query, name);
	appendStringInfoChar(query, '=');
	dq_url_encode(query, value);
}

static void
append_number_param(StringInfo query, const char *name, int64 number)
{
	char value[32];

	snprintf(value, sizeof(value), INT64_FORMAT, number);
	append_param(query, name, value);
}

static bool
is_in_url(const PagingSpec *spec, const char *name, PagingParams param)
{
	return name && !(spec->in_body & param);
}

char *
dq_paging_url(const PagingSpec *spec, const char *base_url, const PagePosition *position)
{
	StringInfoData query;
	char *url;

	if (position->url)
		return pstrdup(position->url);
	initStringInfo(&query);
	if (spec->kind == PAGING_PAGE && is_in_url(spec, spec->page_param, PAGING_PARAM_PAGE))
		append_number_param(&query, spec->page_param, position->number);
	if (spec->kind == PAGING_OFFSET && is_in_url(spec, spec->offset_param, PAGING_PARAM_OFFSET))
		append_number_param(&query, spec->offset_param, position->number);
	if (spec->kind == PAGING_CURSOR && position->cursor &&
		is_in_url(spec, spec->cursor_param, PAGING_PARAM_CURSOR))
		append_param(&query, spec->cursor_param, position->cursor);
	if (spec->kind != PAGING_NONE && position->size > 0 &&
		is_in_url(spec, spec->size_param, PAGING_PARAM_SIZE))
		append_number_param(&query, spec->size_param, position->size);
	url = dq_url_add_query(base_url, query.data);
	pfree(query.data);
	return url;
}
