/*
 * fuzz_paging.c
 *	  A service that answers anything: paging must end, and never leave the service.
 *
 * The first bytes choose the spec; each further line is one page: flags, rows, total, and what it
 * says is next (for link paging a Link header).  What is checked: it ends after max_pages at the
 * latest; each next URL has the service's origin and is new; cursors are new; offsets advance by
 * the rows received; an end has reached the total; pages ahead are those that come in order.
 */
#include "base.h"

#include "request/paging.h"
#include "request/url.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define BASE "http://host:8080/api/items?a=1"
#define MAX_PAGES 64

/* The unread rest of the input. */
typedef struct Input
{
	const uint8_t *data;
	const uint8_t *end;
} Input;

static uint8_t
next_byte(Input *input)
{
	return input->data < input->end ? *input->data++ : 0;
}

/* Small mostly, now and then beyond all measure. */
static int64
next_number(Input *input)
{
	uint8_t byte = next_byte(input);

	if (byte == 0xff)
		return PG_INT64_MAX - next_byte(input);
	if (byte == 0xfe)
		return -(int64) next_byte(input);
	return byte & 0x80 ? (byte & 0x7f) * 16 : byte;
}

static char *
next_text(Input *input)
{
	const uint8_t *stop = input->data;
	char *text;

	while (stop < input->end && *stop != '\n' && *stop != '\0')
		stop++;
	text = pnstrdup((const char *) input->data, stop - input->data);
	input->data = stop < input->end ? stop + 1 : stop;
	return text;
}

static void
check_next(const PagingSpec *spec, const PageFacts *facts, const PagePosition *next, int64 pages)
{
	char *url = dq_paging_url(spec, BASE, next);

	check(next->index == pages, "index");
	check(dq_url_same_origin(BASE, url), "left the origin");
	check(strchr(url, '@') == NULL || strchr(strchr(url + 8, '/'), '@') != NULL,
		  "user information");
	if (spec->kind == PAGING_PAGE)
		check(next->number == facts->position.number + 1, "page number");
	if (spec->kind == PAGING_OFFSET)
		check(next->number == facts->position.number + facts->rows, "offset");
	if (spec->kind == PAGING_CURSOR)
		check(strcmp(next->cursor, facts->next) == 0, "cursor");
	check((next->url != NULL) == (spec->kind == PAGING_LINK || spec->kind == PAGING_NEXT), "url");
}

/*
 * Reads pages as the input says until there is a verdict; the texts asked for are kept to see that
 * none comes twice.
 */
static void
read_pages(const PagingSpec *spec, Input *input, int64 size_limit)
{
	PagingState *state = dq_paging_create(spec, BASE);
	PagePosition at = dq_paging_first(state, size_limit);
	char *asked[MAX_PAGES + 1];
	int64 rows = 0;
	int64 total = -1;

	for (int64 pages = 1;; pages++)
	{
		uint8_t flags = next_byte(input);
		PageFacts facts = { .position = at,
							.url = dq_paging_url(spec, BASE, &at),
							.not_found = (flags & 15) == 15,
							.rows = next_number(input),
							.content_hash = flags & 16 ? 1 : pages + 1,
							.has_total = (flags & 32) != 0 };
		char *text = next_text(input);
		char *problem = NULL;
		char *detail = NULL;

		facts.rows = Max(facts.rows, 0);
		if (facts.has_total)
			facts.has_total = dq_total_parse(text, &facts.total);
		facts.next = spec->kind == PAGING_LINK ? dq_link_header_next(text) : text;
		if (facts.has_total)
			total = facts.total;
		rows = rows > PG_INT64_MAX - facts.rows ? PG_INT64_MAX : rows + facts.rows;
		asked[pages - 1] = pstrdup(facts.url);

		switch (dq_paging_advance(state, &facts, &at, &problem, &detail))
		{
			case PAGING_END:
				check(rows >= total, "rows lost");
				return;
			case PAGING_FAILED:
				check(problem != NULL && problem[0] != '\0', "no problem");
				return;
			case PAGING_CONTINUE:
				break;
		}
		check(problem == NULL, "problem without failure");
		check(pages < spec->max_pages, "too many pages");
		check_next(spec, &facts, &at, pages);
		for (int64 i = 0; i < pages; i++)
			check(strcmp(asked[i], dq_paging_url(spec, BASE, &at)) != 0 ||
					  spec->kind == PAGING_PAGE || spec->kind == PAGING_OFFSET,
				  "asked twice");
		if (dq_paging_ahead(state) >= pages)
		{
			PagePosition ahead = dq_paging_position_ahead(state, pages - 1);

			check(ahead.number == at.number && ahead.size == at.size && ahead.index == at.index,
				  "ahead of another page");
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Input input = { data, data + size };
	uint8_t first = next_byte(&input);
	uint8_t second = next_byte(&input);
	PagingSpec spec = { .kind = first % (PAGING_NEXT + 1),
						.page_size = second & 31,
						.page_param = second & 32 ? "page" : NULL,
						.size_param = second & 64 ? "page[size]" : NULL,
						.offset_param = "offset",
						.cursor_param = "cursor",
						.first_page = first >> 7,
						.last_page = second & 128 ? LAST_PAGE_SHORT : LAST_PAGE_EMPTY,
						.max_pages = MAX_PAGES,
						.has_total = true };
	char *rest = pnstrdup((const char *) input.data, input.end - input.data);
	char *next = dq_link_header_next(rest);

	if (next)
		check(strstr(rest, next) != NULL, "a link from nowhere");
	read_pages(&spec, &input, next_number(&input));
	fuzz_release();
	return 0;
}
