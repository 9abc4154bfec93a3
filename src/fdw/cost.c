/*
 * cost.c
 *	  What asking a service costs, in PostgreSQL's units.  See cost.h for the scale.
 *
 * Requests that can be on the wire together are charged as rounds: 100 batches of which 16 run at
 * once take as long as 7 one after the other.
 */
#include "postgres.h"

#include <math.h>

#include "fdw/cost.h"
#include "fetch/figures.h"
#include "optimizer/optimizer.h"

/* Assumed where nothing is known. */
#define GUESSED_LATENCY_MS 25.0
#define STORED_LATENCY_MS 0.05 /* finding stored rows */
#define GUESSED_PAGE_ROWS 100.0
#define GUESSED_ROW_BYTES 200.0

/* Pages asked ahead of the one being read, and questions of one scan (fetch.c, scan.c). */
#define PAGES_AT_ONCE 9.0
#define QUESTIONS_AT_ONCE 17.0

/* Bytes that arrive in a millisecond once an answer has begun: 25 MB a second. */
#define BYTES_A_MS 25000.0

/* Splitting and decoding one row, in tuples that PostgreSQL passes on. */
#define DECODE_TUPLES 2.0

/* Loopback is not taken for free, so that its noise decides nothing. */
#define LEAST_LATENCY_MS 5.0

/* Puts learned figures in the place of what was assumed. */
static void
add_learned(CostFacts *facts, const FetchFacts *learned)
{
	facts->has_learned_rows = learned->rows >= 0;
	if (facts->has_learned_rows)
		facts->rows = learned->rows;
	if (learned->row_bytes > 0)
		facts->row_bytes = learned->row_bytes;
	if (learned->page_rows > 0 && facts->page_rows > 0)
		facts->page_rows = learned->page_rows;
	if (learned->latency_ms >= 0)
		facts->latency_ms = Max(learned->latency_ms, LEAST_LATENCY_MS);
}

CostFacts
dq_cost_facts(const TableSpec *table)
{
	const PagingSpec *paging = &table->paging;
	TableFigures learned;
	CostFacts facts = { .rows = table->estimated_rows,
						.row_bytes = GUESSED_ROW_BYTES,
						.latency_ms = GUESSED_LATENCY_MS,
						.pages_at_once = 1,
						.scans_at_once = 1,
						.in_flight = Max(table->limits.service.max_in_flight, 1) };

	if (paging->kind != PAGING_NONE)
		facts.page_rows = paging->page_size > 0 ? paging->page_size : GUESSED_PAGE_ROWS;
	if (paging->kind == PAGING_PAGE || paging->kind == PAGING_OFFSET)
	{
		if (paging->has_total)
			facts.pages_at_once = Min(PAGES_AT_ONCE, facts.in_flight);
		else if (paging->last_page == LAST_PAGE_EMPTY)
			facts.end_pages = 1;
	}
	if (dq_learned_figures && dq_figures_get(table, &learned))
		add_learned(&facts, &learned.values);
	return facts;
}

CostFacts
dq_cost_unpaged(CostFacts facts)
{
	facts.page_rows = 0;
	facts.end_pages = 0;
	return facts;
}

void
dq_cost_is_stored(CostFacts *facts, double rows)
{
	facts->rows = rows;
	facts->latency_ms = STORED_LATENCY_MS;
	facts->row_bytes = 0;
	facts->page_rows = 0;
}

/*
 * What a request costs the service and us beside waiting: it breaks ties in favour of few large
 * answers, which also spare the service.
 */
#define REQUEST_COST 5.0

/* Waiting, as PostgreSQL's cost. */
static Cost
waiting(double ms)
{
	if (ms <= COST_KNEE_MS)
		return ms;
	return COST_KNEE_MS * (1 + log(ms / COST_KNEE_MS));
}

static double
transfer_ms(const CostFacts *facts, double rows)
{
	return rows * facts->row_bytes / BYTES_A_MS;
}

static Cost
decoding(double rows)
{
	return rows * DECODE_TUPLES * cpu_tuple_cost;
}

/* Pages of one question that brings so many rows. */
static double
pages_of(const CostFacts *facts, double rows)
{
	double full = facts->page_rows > 0 ? Max(ceil(rows / facts->page_rows), 1) : 1;

	return full + facts->end_pages;
}

FetchCost
dq_cost_scan(const CostFacts *facts, double questions, double rows)
{
	double pages = pages_of(facts, rows / Max(questions, 1));
	double rounds = ceil(questions / Min(QUESTIONS_AT_ONCE, facts->in_flight));
	double page_rounds = 1 + ceil((pages - 1) / facts->pages_at_once);
	double ms = rounds * page_rounds * facts->latency_ms + transfer_ms(facts, rows);

	return (FetchCost) { .startup = waiting(Min(facts->latency_ms, ms)) / facts->scans_at_once,
						 .total = waiting(ms) / facts->scans_at_once + decoding(rows) +
							 waiting(questions * pages * REQUEST_COST),
						 .requests = questions * pages };
}

FetchCost
dq_cost_lookup(const CostFacts *facts, double keys, double batch, double rows)
{
	double requests = Max(ceil(keys / Max(batch, 1)), 1);
	double pages = pages_of(facts, rows / requests);
	double rounds = ceil(requests / facts->in_flight);
	double ms = rounds * pages * facts->latency_ms + transfer_ms(facts, rows);

	/* Keys are told apart going out and matched coming back. */
	return (FetchCost) { .startup = waiting(facts->latency_ms),
						 .total = waiting(ms) + decoding(rows) +
							 waiting(requests * pages * REQUEST_COST) +
							 (keys + rows) * 2 * cpu_operator_cost,
						 .requests = requests * pages };
}
