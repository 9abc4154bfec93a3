/*
 * analyze.c
 *	  ANALYZE of a foreign table: a sample of its rows, and how many there are.
 *
 * At most distquery.analyze_rows rows are read.  Where the service tells a total and pages can be
 * asked in any order, the pages are spread over the whole collection, a few on the wire at once;
 * the first one tells how many rows a page brings.  Otherwise the collection is read from its
 * beginning, which is all of it or, of a larger one, a sample that knows only the head.
 *
 * It asks with the credentials of the table's owner, as whom ANALYZE runs.  Nobody but a caller of
 * ANALYZE gets here: autovacuum leaves foreign tables alone.
 */
#include "postgres.h"

#include <math.h>

#include "distquery.h"
#include "executor/executor.h"
#include "fdw/cost.h"
#include "fdw/fdw.h"
#include "fdw/table_reader.h"
#include "fetch/figures.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/sampling.h"

/* Pages on the wire beyond the one that is being read. */
#define PAGES_AHEAD 7

typedef struct Sampler
{
	const TableSpec *table;
	MemoryContext context; /* of the sample */
	EState *estate;
	TableReader *reader;
	TupleTableSlot *slot;
	HeapTuple *rows;
	int target; /* rows that are wanted */
	int nrows;
	double seen; /* rows read */
	double skip; /* rows not to take next, negative: to be drawn */
	ReservoirStateData reservoir;
	bool is_at_end;
	bool has_total;
	double total;
} Sampler;

/* A scan of everything, as the executor would have it. */
static PlanData *
plan_of_all(const TableSpec *table)
{
	PlanData *plan = palloc0(sizeof(PlanData));

	plan->is_frugal = true;
	plan->conditions = palloc0(sizeof(PlanCondition));
	for (int i = 0; i < table->natts; i++)
		if (!table->columns[i].is_dropped)
			plan->retrieved = lappend_int(plan->retrieved, i + 1);
	return plan;
}

/* Everything but the sample lives below the executor state, and goes away with it. */
static void
sampler_begin(Sampler *sampler, Relation relation)
{
	EState *estate = CreateExecutorState();
	MemoryContext old = MemoryContextSwitchTo(estate->es_query_cxt);
	PlanState *parent = (PlanState *) makeNode(ForeignScanState);

	parent->state = estate;
	parent->ps_ExprContext = CreateExprContext(estate);
	sampler->estate = estate;
	sampler->reader = dq_reader_create(parent, relation, plan_of_all(sampler->table), NIL);
	dq_reader_prepare(sampler->reader, RelationGetDescr(relation), relation->rd_rel->relowner);
	/* Statistics of rows that happened to arrive would stay when the service is back. */
	sampler->reader->must_be_whole = true;
	dq_fetch_group_register(sampler->reader->group, NULL, sampler);
	sampler->slot = MakeSingleTupleTableSlot(RelationGetDescr(relation), &TTSOpsVirtual);
	reservoir_init_selection_state(&sampler->reservoir, sampler->target);
	sampler->skip = -1;
	MemoryContextSwitchTo(old);
}

static void
sampler_end(Sampler *sampler)
{
	dq_fetch_group_unregister(sampler->reader->group, sampler);
	ExecDropSingleTupleTableSlot(sampler->slot);
	FreeExecutorState(sampler->estate);
}

/* Where the row goes in the sample, -1: nowhere (Vitter's algorithm Z, as PostgreSQL's own). */
static int
place_for_row(Sampler *sampler)
{
	int place = -1;

	if (sampler->nrows < sampler->target)
		return sampler->nrows++;
	if (sampler->skip < 0)
		sampler->skip = reservoir_get_next_S(&sampler->reservoir, sampler->seen, sampler->target);
	if (sampler->skip <= 0)
	{
		place = (int) (sampler->target * dq_reservoir_fraction(&sampler->reservoir));
		heap_freetuple(sampler->rows[place]);
	}
	sampler->skip--;
	return place;
}

static void
take_row(Sampler *sampler)
{
	int place = place_for_row(sampler);

	sampler->seen++;
	if (place >= 0)
	{
		MemoryContext old = MemoryContextSwitchTo(sampler->context);

		sampler->rows[place] = ExecCopySlotHeapTuple(sampler->slot);
		MemoryContextSwitchTo(old);
	}
}

/* Puts a question for the collection, or one page of it, on the wire. */
static void
ask(Sampler *sampler, OpenAsk *question, const PagePosition *page)
{
	MemoryContext old = MemoryContextSwitchTo(sampler->estate->es_query_cxt);
	Ask *asks;

	dq_bind_asks(sampler->table, sampler->reader->plan, NULL, &asks);
	question->ask = asks[0];
	question->ask.is_sample = true;
	question->ask.page = page;
	dq_reader_ask(sampler->reader, question, false);
	MemoryContextSwitchTo(old);
}

/* Reads an answer to its end, or until enough rows were read; then what is known of its figures. */
static FetchStats
read_answer(Sampler *sampler, OpenAsk *question)
{
	MemoryContext old = MemoryContextSwitchTo(sampler->estate->es_query_cxt);
	FetchStats stats;

	sampler->is_at_end = false;
	while (sampler->seen < dq_analyze_rows)
	{
		ResetExprContext(sampler->reader->parent->ps_ExprContext);
		CHECK_FOR_INTERRUPTS();
		if (!dq_reader_next(sampler->reader, question, sampler->slot))
		{
			sampler->is_at_end = true;
			break;
		}
		take_row(sampler);
	}
	dq_fetch_stats(question->reader, &stats);
	if (stats.has_total)
	{
		sampler->has_total = true;
		sampler->total = stats.total;
	}
	dq_reader_close(sampler->reader, question);
	MemoryContextSwitchTo(old);
	return stats;
}

/* True where pages can be asked in any order. */
static bool
can_spread(const PagingSpec *paging)
{
	return paging->has_total && (paging->kind == PAGING_PAGE || paging->kind == PAGING_OFFSET);
}

static PagePosition
page_position(const PagingSpec *paging, int64 index, int64 page_rows)
{
	int64 step = paging->kind == PAGING_PAGE ? 1 : page_rows;

	return (PagePosition) { .index = index,
							.number = paging->first_page + index * step,
							.size = paging->page_size };
}

/*
 * Pages after the first, as many as may be read, one out of each of as many equal parts of the
 * collection; how many.
 */
static int
choose_pages(Sampler *sampler, int64 page_rows, PagePosition **pages)
{
	int64 others = (int64) ceil(sampler->total / page_rows) - 1;
	int64 wanted = Min(others, (dq_analyze_rows - (int64) sampler->seen) / page_rows);
	int64 last = 0;
	int n = 0;

	*pages = palloc(sizeof(PagePosition) * Max(wanted, 1));
	for (int64 i = 0; i < wanted; i++)
	{
		double place = i + dq_reservoir_fraction(&sampler->reservoir);
		int64 index = Max(last + 1, 1 + (int64) (place * others / wanted));

		if (index > others)
			break;
		(*pages)[n++] = page_position(&sampler->table->paging, index, page_rows);
		last = index;
	}
	return n;
}

/* Reads chosen pages, a few of them on the wire at once. */
static void
read_pages(Sampler *sampler, const PagePosition *pages, int n)
{
	OpenAsk *questions = palloc0(sizeof(OpenAsk) * Max(n, 1));
	int started = 0;

	for (int i = 0; i < n; i++)
	{
		for (; started < n && started <= i + PAGES_AHEAD; started++)
			ask(sampler, &questions[started], &pages[started]);
		read_answer(sampler, &questions[i]);
	}
}

static void
read_spread(Sampler *sampler)
{
	PagePosition first = page_position(&sampler->table->paging, 0, 0);
	OpenAsk question = { 0 };

	ask(sampler, &question, &first);

	FetchStats stats = read_answer(sampler, &question);

	if (sampler->has_total && stats.page_rows > 0)
	{
		PagePosition *pages;
		int n = choose_pages(sampler, stats.page_rows, &pages);

		read_pages(sampler, pages, n);
	}
}

static void
read_from_beginning(Sampler *sampler)
{
	OpenAsk question = { 0 };

	ask(sampler, &question, NULL);
	read_answer(sampler, &question);
}

/* How many rows there are: told, counted, or else what was believed before. */
static double
count_rows(const Sampler *sampler, Relation relation, bool *is_known)
{
	CostFacts facts = dq_cost_facts(sampler->table);
	double believed = facts.rows;

	*is_known = true;
	if (sampler->has_total)
		return sampler->total;
	if (sampler->is_at_end)
		return sampler->seen;
	*is_known = false;
	if (!facts.has_learned_rows && relation->rd_rel->reltuples > 0)
		believed = relation->rd_rel->reltuples;
	return Max(believed, sampler->seen);
}

static int
acquire_sample_rows(Relation relation, int elevel, HeapTuple *rows, int target, double *total_rows,
					double *dead_rows)
{
	Sampler sampler = { .table = dq_spec_for_table(RelationGetRelid(relation)),
						.context = CurrentMemoryContext,
						.rows = rows,
						.target = target };
	bool is_known;

	sampler_begin(&sampler, relation);
	if (can_spread(&sampler.table->paging))
		read_spread(&sampler);
	if (!sampler.has_total)
	{
		sampler.seen = sampler.nrows = 0;
		read_from_beginning(&sampler);
	}
	*dead_rows = 0;
	*total_rows = count_rows(&sampler, relation, &is_known);
	if (is_known)
		dq_figures_set_rows(sampler.table, *total_rows);
	ereport(elevel,
			(errmsg("\"%s\": read %.0f of %s%.0f rows (requests: " INT64_FORMAT
					"); %d rows in sample",
					sampler.table->name, sampler.seen, is_known ? "" : "about ", *total_rows,
					sampler.reader->closed_stats.requests, sampler.nrows),
			 is_known ? 0 :
						errdetail("Reading stopped at distquery.analyze_rows, and the service "
								  "tells no total: the sample is the beginning of the table.")));
	sampler_end(&sampler);
	return sampler.nrows;
}

/* A column without which the service cannot be asked; NULL when there is none. */
static const ColumnSpec *
required_column(const TableSpec *table)
{
	for (int i = 0; i < table->natts; i++)
		if (!table->columns[i].is_dropped && table->columns[i].is_required)
			return &table->columns[i];
	return NULL;
}

bool
dqAnalyzeForeignTable(Relation relation, AcquireSampleRowsFunc *func, BlockNumber *pages)
{
	const TableSpec *table = dq_spec_for_table(RelationGetRelid(relation));
	const ColumnSpec *required = required_column(table);
	CostFacts facts = dq_cost_facts(table);

	if (required)
	{
		ereport(WARNING,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("foreign table \"%s\" cannot be sampled: it needs a condition on column \"%s\"",
						table->name, required->name),
				 errdetail("Its service has no question whose answer is the whole collection."),
				 errhint("Option \"estimated_rows\" tells the planner how large it is.")));
		return false;
	}
	*func = acquire_sample_rows;
	*pages = (BlockNumber) Min(Max(ceil(facts.rows * facts.row_bytes / BLCKSZ), 1), 1e9);
	return true;
}
