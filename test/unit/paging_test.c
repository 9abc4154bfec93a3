/*
 * paging_test.c
 *	  The paging state machine, by cases and against a simulated service.
 */
#include "base.h"

#include "request/paging.h"
#include "tap.h"

#define BASE "http://h/x"
#define MAX_ROWS 2000

static char *problem;
static char *detail;

/* A page of the given facts; the content differs from page to page. */
static PagingVerdict
advance(PagingState *state, PagePosition *position, int64 rows, int64 total, const char *next)
{
	static uint64 content = 0;
	PageFacts facts = { .position = *position,
						.url = position->url ? position->url : BASE,
						.rows = rows,
						.content_hash = rows > 0 ? ++content : 0,
						.has_total = total >= 0,
						.total = total,
						.next = next };

	return dq_paging_advance(state, &facts, position, &problem, &detail);
}

static void
test_page(void)
{
	PagingSpec spec = { .kind = PAGING_PAGE,
						.page_size = 10,
						.page_param = "page",
						.size_param = "per[page]",
						.first_page = 1,
						.max_pages = 5 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);

	is_text(dq_paging_url(&spec, BASE "?a=1", &at), BASE "?a=1&page=1&per%5Bpage%5D=10",
			"first page");
	is_int(advance(state, &at, 10, -1, NULL), PAGING_CONTINUE, "goes on");
	ok(at.index == 1 && at.number == 2 && at.size == 10, "second page");
	is_int(advance(state, &at, 3, -1, NULL), PAGING_CONTINUE, "a short page is no end");
	is_int(advance(state, &at, 0, -1, NULL), PAGING_END, "an empty one is");

	spec.last_page = LAST_PAGE_SHORT;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	is_int(advance(state, &at, 10, -1, NULL), PAGING_CONTINUE, "a full page");
	is_int(advance(state, &at, 9, -1, NULL), PAGING_END, "a short page ends if it may");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	is_int(advance(state, &at, 9, 12, NULL), PAGING_CONTINUE, "not before the total");
	is_int(advance(state, &at, 3, 12, NULL), PAGING_END, "the total ends");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 3);
	is_int(at.size, 3, "a limit makes the page small");
	is_int(advance(state, &at, 3, -1, NULL), PAGING_CONTINUE, "and all others,");
	ok(at.number == 2 && at.size == 3, "since numbers depend on the size");

	spec.last_page = LAST_PAGE_EMPTY;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	for (int i = 0; i < 4; i++)
		is_int(advance(state, &at, 10, -1, NULL), PAGING_CONTINUE, "page %d of 5", i + 1);
	is_int(advance(state, &at, 10, -1, NULL), PAGING_FAILED, "too many pages");
	is_text(problem, "service has more than 5 pages", "says so");
	ok(strstr(detail, "Option max_pages") != NULL, "and names the option");
}

static void
test_offset(void)
{
	PagingSpec spec = { .kind = PAGING_OFFSET,
						.page_size = 10,
						.offset_param = "offset",
						.size_param = "limit",
						.max_pages = 100 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);

	is_text(dq_paging_url(&spec, BASE, &at), BASE "?offset=0&limit=10", "first offset");
	is_int(advance(state, &at, 7, -1, NULL), PAGING_CONTINUE, "a capped page");
	ok(at.number == 7 && at.size == 10, "advances by the rows received");
	is_int(dq_paging_ahead(state), 0, "nothing is foretold without a total");

	PageFacts missing = { .position = at, .url = BASE, .not_found = true };

	is_int(dq_paging_advance(state, &missing, &at, &problem, &detail), PAGING_END,
		   "404 after the first page is the end");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 2);
	is_int(advance(state, &at, 2, 50, NULL), PAGING_CONTINUE, "after a first page under LIMIT");
	ok(at.number == 2 && at.size == 10, "an offset may ask for full pages");
	is_int(dq_paging_ahead(state), 0, "but no stride was learned");

	spec.first_page = 1;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	is_int(at.number, 1, "offsets that begin at 1");
	advance(state, &at, 10, -1, NULL);
	is_int(at.number, 11, "go on from there");

	spec.page_size = 0;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 5);
	is_text(dq_paging_url(&spec, BASE, &at), BASE "?offset=1", "no page_size, no size, no limit");
}

static void
test_total(void)
{
	PagingSpec spec = { .kind = PAGING_PAGE,
						.page_size = 10,
						.page_param = "page",
						.first_page = 1,
						.max_pages = 100,
						.has_total = true };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);

	is_int(advance(state, &at, 0, 0, NULL), PAGING_END, "no rows of none");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	advance(state, &at, 95, 100, NULL);
	is_int(advance(state, &at, 0, 100, NULL), PAGING_FAILED, "fewer rows than the total");
	is_text(problem, "service returned 95 rows of 100", "says so");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	advance(state, &at, 95, 100, NULL);
	is_int(advance(state, &at, 0, 95, NULL), PAGING_END, "the last answer's total counts");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	advance(state, &at, 10, 100, NULL);
	is_int(advance(state, &at, 10, 5, NULL), PAGING_END, "more rows than the total are no error");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	advance(state, &at, 10, 30, NULL);
	is_int(advance(state, &at, 10, -1, NULL), PAGING_CONTINUE, "an answer without total");
	is_int(advance(state, &at, 0, -1, NULL), PAGING_FAILED, "does not take the promise back");

	spec.kind = PAGING_NONE;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	is_text(dq_paging_url(&spec, BASE, &at), BASE, "no paging, no parameters");
	is_int(advance(state, &at, 10, 30, NULL), PAGING_FAILED, "one page of several");
	ok(strstr(detail, "option paging") != NULL, "names the option");
	state = dq_paging_create(&spec, BASE);
	is_int(advance(state, &at, 10, -1, NULL), PAGING_END, "one page is all");
}

/* Rows that are enough: nothing beyond them is asked, and their end is no failure. */
static void
test_enough(void)
{
	PagingSpec spec = { .kind = PAGING_OFFSET,
						.page_size = 100,
						.offset_param = "offset",
						.size_param = "limit",
						.max_pages = 100 };
	PagingSpec none = { .kind = PAGING_NONE, .max_pages = 100 };
	PagingSpec page = { .kind = PAGING_PAGE, .page_size = 100, .first_page = 0, .max_pages = 100 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 250);

	dq_paging_enough(state, 250);
	is_int(at.size, 100, "a full page");
	is_int(advance(state, &at, 100, -1, NULL), PAGING_CONTINUE, "goes on");
	is_int(at.size, 100, "with another");
	is_int(advance(state, &at, 100, -1, NULL), PAGING_CONTINUE, "goes on");
	ok(at.number == 200 && at.size == 50, "the last asks for what is missing");
	is_int(advance(state, &at, 50, 30000, NULL), PAGING_END, "and ends, whatever the total");

	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 250);
	dq_paging_enough(state, 250);
	is_int(advance(state, &at, 100, 30000, NULL), PAGING_CONTINUE, "with a total");
	is_int(dq_paging_ahead(state), 2, "two pages can be asked ahead");
	ok(dq_paging_position_ahead(state, 0).size == 100 &&
		   dq_paging_position_ahead(state, 1).size == 50,
	   "the second for what is missing");
	is_int(advance(state, &at, 100, 30000, NULL), PAGING_CONTINUE, "goes on");
	ok(at.number == 200 && at.size == 50, "where it was asked ahead");

	state = dq_paging_create(&none, BASE);
	at = dq_paging_first(state, 7);
	dq_paging_enough(state, 7);
	is_int(advance(state, &at, 7, 100, NULL), PAGING_END, "enough of a single page");
	state = dq_paging_create(&none, BASE);
	at = dq_paging_first(state, 7);
	dq_paging_enough(state, 7);
	is_int(advance(state, &at, 6, 100, NULL), PAGING_FAILED, "but not less than that");

	at = dq_paging_smallest(&page);
	ok(at.number == 0 && at.size == 1 && at.index == 0, "the smallest page");
	at = dq_paging_smallest(&spec);
	ok(at.number == 0 && at.size == 1, "the smallest page by offset");
}

static void
test_repeats(void)
{
	PagingSpec spec = { .kind = PAGING_PAGE, .page_param = "page", .max_pages = 100 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PageFacts facts = {
		.position = dq_paging_first(state, 0), .url = BASE, .rows = 5, .content_hash = 7
	};
	PagePosition next;

	is_int(dq_paging_advance(state, &facts, &next, &problem, &detail), PAGING_CONTINUE, "a page");
	facts.position = next;
	is_int(dq_paging_advance(state, &facts, &next, &problem, &detail), PAGING_FAILED,
		   "the same again");
	is_text(problem, "service sent the same page twice", "says so");

	spec.kind = PAGING_CURSOR;
	spec.cursor_param = "after";
	state = dq_paging_create(&spec, BASE);
	next = dq_paging_first(state, 0);
	is_text(dq_paging_url(&spec, BASE, &next), BASE, "no cursor for the first page");
	advance(state, &next, 5, -1, "a&b");
	is_text(dq_paging_url(&spec, BASE, &next), BASE "?after=a%26b", "a cursor is encoded");
	advance(state, &next, 5, -1, "c");
	is_int(advance(state, &next, 5, -1, "a&b"), PAGING_FAILED, "a cursor from long ago");
	is_text(problem, "service sent the same cursor twice", "says so");

	state = dq_paging_create(&spec, BASE);
	next = dq_paging_first(state, 0);
	is_int(advance(state, &next, 0, -1, "c"), PAGING_CONTINUE,
		   "an empty page with a cursor is no end");
	is_int(advance(state, &next, 5, -1, ""), PAGING_END, "an empty cursor is");

	state = dq_paging_create(&spec, BASE);
	next = dq_paging_first(state, 0);
	is_int(advance(state, &next, 5, 6, NULL), PAGING_FAILED, "a cursor that ends before the total");
}

static void
test_next(void)
{
	static const struct
	{
		const char *next;
		PagingVerdict verdict;
		const char *url; /* or part of the detail */
	} cases[] = {
		{ "/y?p=2", PAGING_CONTINUE, "http://h/y?p=2" },
		{ "?p=2", PAGING_CONTINUE, "http://h/x?p=2" },
		{ "http://h:80/x?p=2", PAGING_CONTINUE, "http://h:80/x?p=2" },
		{ "", PAGING_END, NULL },
		{ NULL, PAGING_END, NULL },
		{ "http://evil/x", PAGING_FAILED,
		  "The service is http://h:80, its next page is on http://evil:80." },
		{ "https://h/x", PAGING_FAILED,
		  "The service is http://h:80, its next page is on https://h:443." },
		{ "http://u:secret@h/x", PAGING_FAILED,
		  "It must be an http or https URL without user name and password." },
		{ "file:///etc/passwd", PAGING_FAILED,
		  "It says \"file:///etc/passwd\"; that must be an http or https URL." },
		{ BASE, PAGING_FAILED, "Page 1 leads back to a page that was asked for before." },
		{ "#", PAGING_FAILED, "Page 1 leads back to a page that was asked for before." },
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		PagingSpec spec = { .kind = i % 2 ? PAGING_LINK : PAGING_NEXT, .max_pages = 100 };
		PagingState *state = dq_paging_create(&spec, BASE);
		PagePosition at = dq_paging_first(state, 0);

		if (is_int(advance(state, &at, 5, -1, cases[i].next), cases[i].verdict, "next \"%s\"",
				   cases[i].next ? cases[i].next : "(none)") &&
			cases[i].url)
			is_text(at.url ? dq_paging_url(&spec, BASE, &at) : detail, cases[i].url,
					"leads where it should");
	}

	PagingSpec spec = { .kind = PAGING_LINK, .max_pages = 100, .page_size = 9, .size_param = "n" };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);

	is_text(dq_paging_url(&spec, BASE, &at), BASE "?n=9", "the first page says its size");
	advance(state, &at, 9, -1, "?p=2");
	is_text(dq_paging_url(&spec, BASE, &at), BASE "?p=2", "a URL is used as it is");
	is_int(advance(state, &at, 9, -1, "?p=3"), PAGING_CONTINUE, "relative to the page's own URL");
	is_int(advance(state, &at, 9, -1, "?p=2"), PAGING_FAILED, "a URL from long ago");
}

static void
test_long_next(void)
{
	PagingSpec spec = { .kind = PAGING_NEXT, .max_pages = 10 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);
	StringInfoData next;

	initStringInfo(&next);
	appendStringInfoString(&next, "ftp://");
	for (int i = 0; i < 300; i++)
		appendStringInfoString(&next, "\xc3\xa4");
	is_int(advance(state, &at, 1, -1, next.data), PAGING_FAILED, "a long URL that is none");
	ok(strlen(detail) < 280 && ((unsigned char) strstr(detail, "\"; that")[-1] & 0xC0) == 0x80,
	   "is shown shortened between characters");
}

static void
test_many_cursors(void)
{
	PagingSpec spec = { .kind = PAGING_CURSOR, .cursor_param = "c", .max_pages = 1000000 };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);
	int failed = 0;
	char cursor[32];

	for (int i = 0; i < 100000; i++)
	{
		snprintf(cursor, sizeof(cursor), "%d", i);
		failed += advance(state, &at, 1, -1, cursor) != PAGING_CONTINUE;
	}
	is_int(failed, 0, "100,000 cursors are told apart");
	is_int(advance(state, &at, 1, -1, "50000"), PAGING_FAILED, "and one of them is known again");
}

/*
 * A service with numbered rows.  It caps pages, may hold pages shorter than asked for, and may
 * grow while it is read.
 */
typedef struct Service
{
	int64 rows;
	int64 own_size; /* where none is asked for */
	int64 cap;		/* rows of a page at most */
	bool is_ragged; /* offset pages of any length from 1 */
	bool gives_total;
	bool grows;		/* by one row now and then, at the end */
	bool gives_404; /* behind its end */
	PagingKind kind;
	unsigned seed;
	int times[MAX_ROWS]; /* how often each row was taken */
} Service;

/* Answers one page; its rows count only if the caller uses it, see service_take(). */
static PageFacts
service_answer(Service *service, const PagePosition *position, int64 first_page)
{
	PageFacts facts = { .position = *position, .url = position->url ? position->url : BASE };
	int64 size = position->size > 0 ? position->size : service->own_size;
	int64 begin;

	size = Min(size, service->cap);
	if (service->kind == PAGING_PAGE)
		begin = (position->number - first_page) * size;
	else if (service->kind == PAGING_OFFSET)
		begin = position->number - first_page;
	else
		begin = position->cursor ? atol(position->cursor) :
			position->url		 ? atol(strchr(position->url, '=') + 1) :
								   0;
	if (service->is_ragged && service->kind != PAGING_PAGE)
		size = 1 + rand_r(&service->seed) % size;
	if (service->grows && service->rows < MAX_ROWS && rand_r(&service->seed) % 4 == 0)
		service->rows++;
	facts.rows = Max(Min(size, service->rows - begin), 0);
	facts.content_hash = facts.rows ? (uint64) begin * 4096 + facts.rows : 0;
	facts.not_found = facts.rows == 0 && begin > 0 && service->gives_404;
	facts.has_total = service->gives_total && !facts.not_found;
	facts.total = service->rows;
	if (begin + facts.rows < service->rows)
		facts.next = psprintf(service->kind == PAGING_CURSOR ? INT64_FORMAT : "/x?at=" INT64_FORMAT,
							  begin + facts.rows);
	return facts;
}

static void
service_take(Service *service, const PageFacts *facts)
{
	int64 begin = facts->content_hash / 4096;

	for (int64 i = 0; i < facts->rows; i++)
		service->times[begin + i]++;
}

/* Reads all pages, asking ahead as the fetch does.  Returns false on a failure. */
static bool
service_read(Service *service, const PagingSpec *spec, int64 size_limit, int64 *ahead_used)
{
	PagingState *state = dq_paging_create(spec, BASE);
	PagePosition at = dq_paging_first(state, size_limit);
	PageFacts ahead[3];
	int nahead = 0;
	int64 started = 0;

	for (;;)
	{
		PageFacts facts;

		if (nahead > 0 && ahead[0].position.number == at.number && ahead[0].position.size == at.size)
		{
			facts = ahead[0];
			facts.position.index = at.index;
			memmove(ahead, ahead + 1, sizeof(ahead[0]) * --nahead);
			(*ahead_used)++;
		}
		else
		{
			if (nahead > 0)
				started = PG_INT64_MAX;
			nahead = 0;
			facts = service_answer(service, &at, spec->first_page);
		}
		service_take(service, &facts);

		switch (dq_paging_advance(state, &facts, &at, &problem, &detail))
		{
			case PAGING_END:
				return true;
			case PAGING_FAILED:
				return false;
			case PAGING_CONTINUE:
				break;
		}
		while (nahead < lengthof(ahead) && started < dq_paging_ahead(state))
		{
			PagePosition position = dq_paging_position_ahead(state, started++);

			ahead[nahead++] = service_answer(service, &position, spec->first_page);
		}
	}
}

static void
test_service(void)
{
	static const PagingKind kinds[] = { PAGING_PAGE, PAGING_OFFSET, PAGING_CURSOR, PAGING_LINK,
										PAGING_NEXT };
	unsigned seed = 42;
	int failed = 0;
	int lost = 0;
	int doubled = 0;
	int64 ahead_used = 0;
	Service *service = palloc(sizeof(Service));

	for (int i = 0; i < 20000; i++)
	{
		PagingSpec spec = { .page_param = "p",
							.size_param = "n",
							.offset_param = "o",
							.cursor_param = "c",
							.max_pages = 100000 };
		int64 rows_at_start;

		memset(service, 0, sizeof(*service));
		service->seed = rand_r(&seed);
		service->kind = spec.kind = kinds[rand_r(&seed) % lengthof(kinds)];
		service->rows = rand_r(&seed) % 4 ? rand_r(&seed) % 60 : rand_r(&seed) % 1000;
		service->own_size = 1 + rand_r(&seed) % 50;
		service->cap = rand_r(&seed) % 2 ? 1 + rand_r(&seed) % 30 : MAX_ROWS;
		service->is_ragged = rand_r(&seed) % 3 == 0;
		service->gives_total = spec.has_total = rand_r(&seed) % 2;
		service->grows = rand_r(&seed) % 3 == 0;
		service->gives_404 = rand_r(&seed) % 2;
		spec.page_size = rand_r(&seed) % 2 ? rand_r(&seed) % 60 : 0;
		spec.first_page = rand_r(&seed) % 2;
		if (service->cap == MAX_ROWS && !service->is_ragged && rand_r(&seed) % 2)
			spec.last_page = LAST_PAGE_SHORT;
		rows_at_start = service->rows;

		if (!service_read(service, &spec, rand_r(&seed) % 3 ? 0 : 1 + rand_r(&seed) % 20,
						  &ahead_used))
		{
			failed++;
			printf("# run %d, paging %s: %s. %s\n", i, dq_paging_kind_name(spec.kind), problem,
				   detail);
		}
		for (int64 row = 0; row < MAX_ROWS; row++)
		{
			lost += row < rows_at_start && service->times[row] == 0;
			doubled += service->times[row] > 1;
		}
	}
	is_int(failed, 0, "no reading of 20,000 simulated services fails");
	is_int(lost, 0, "no row is lost");
	is_int(doubled, 0, "no row comes twice");
	ok(ahead_used > 1000, INT64_FORMAT " pages asked ahead were used", ahead_used);
}

static void
test_ahead(void)
{
	PagingSpec spec = { .kind = PAGING_OFFSET,
						.page_size = 500,
						.offset_param = "o",
						.size_param = "n",
						.first_page = 0,
						.max_pages = 100,
						.has_total = true };
	PagingState *state = dq_paging_create(&spec, BASE);
	PagePosition at = dq_paging_first(state, 0);
	PagePosition ahead;

	advance(state, &at, 100, 950, NULL);
	is_int(dq_paging_ahead(state), 9, "nine further pages of the size of the first");
	ahead = dq_paging_position_ahead(state, 0);
	ok(at.number == 100 && at.size == 100 && ahead.number == 100 && ahead.size == 100 &&
		   ahead.index == 1,
	   "the next page is the first ahead");
	ahead = dq_paging_position_ahead(state, 8);
	is_int(ahead.number, 900, "the last one's offset");
	advance(state, &at, 60, 950, NULL);
	ok(at.number == 160 && at.size == 100, "a gap has to be filled");
	is_int(dq_paging_ahead(state), 0, "and nothing is foretold any more");

	spec.kind = PAGING_PAGE;
	spec.max_pages = 4;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	advance(state, &at, 100, 950, NULL);
	is_int(dq_paging_ahead(state), 3, "no more pages than max_pages");
	ahead = dq_paging_position_ahead(state, 2);
	ok(ahead.number == 3 && ahead.size == 500, "page numbers keep the size");

	spec.kind = PAGING_OFFSET;
	state = dq_paging_create(&spec, BASE);
	at = dq_paging_first(state, 0);
	spec.first_page = PG_INT64_MAX - 5;
	at.number = spec.first_page;
	is_int(advance(state, &at, 10, -1, NULL), PAGING_FAILED, "offsets do not overflow");
}

int
main(void)
{
	test_page();
	test_offset();
	test_total();
	test_enough();
	test_repeats();
	test_next();
	test_long_next();
	test_many_cursors();
	test_ahead();
	test_service();
	return tap_done();
}
