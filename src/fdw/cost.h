/*
 * cost.h
 *	  What asking a service costs, in PostgreSQL's units: one model for all ways to ask.
 *
 * A unit of PostgreSQL's cost is about a page read.  Here a millisecond of waiting for a service is
 * charged as one unit, up to COST_KNEE_MS; beyond that only logarithmically, so that many pages
 * stay dearer than few, while no ordinary query seems to be work that is worth compiling (the
 * default of jit_above_cost is 100,000).  Decoding is charged by the row, like PostgreSQL's own
 * work.
 *
 * dq_cost_scan and dq_cost_lookup are functions of their arguments and of PostgreSQL's cost
 * settings only: they look nothing up.
 */
#ifndef DQ_COST_H
#define DQ_COST_H

#include "nodes/pathnodes.h"
#include "spec/spec.h"

#define COST_KNEE_MS 2000.0

/* What is known, or assumed, of a table and its service. */
typedef struct CostFacts
{
	double rows;		   /* of the whole collection */
	double row_bytes;	   /* received for one row */
	double latency_ms;	   /* from sending a request to the first byte of its answer */
	double page_rows;	   /* rows that one page brings; 0: every answer is one page */
	double pages_at_once;  /* pages of one question on the wire together, from 1 */
	double end_pages;	   /* pages beyond the rows, to find out that there are no more */
	double in_flight;	   /* requests to the service on the wire together, from 1 */
	double scans_at_once;  /* of the query, whose waiting is shared; from 1 */
	bool has_learned_rows; /* rows is not the declaration's */
} CostFacts;

typedef struct FetchCost
{
	Cost startup; /* until the first row is there */
	Cost total;
	double requests; /* that it is expected to take */
} FetchCost;

/*
 * The facts to plan with: what was learned from earlier fetches, what the declaration says, guesses,
 * in this order.  What ANALYZE found (pg_class.reltuples) stands between the first two: a planner
 * takes the facts that GetForeignRelSize has put into RelationPlan.
 */
extern CostFacts dq_cost_facts(const TableSpec *table);

/* The same for answers that are never paged (lookup_path). */
extern CostFacts dq_cost_unpaged(CostFacts facts);

/* So many rows are in the transaction's store: nothing is waited for. */
extern void dq_cost_is_stored(CostFacts *facts, double rows);

/*
 * A scan: so many questions (lists asked in parts; 1 without), asked at once, that bring so many
 * rows in all.  Of the time that scans wait together each is charged its share, so that their sum is
 * not more than the slowest takes.
 */
extern FetchCost dq_cost_scan(const CostFacts *facts, double questions, double rows);

/*
 * Distinct keys looked up, batch of them in one request (1: each alone), that bring so many rows in
 * all.  Batches run in_flight at a time; one that brings more than a page is followed by its next
 * pages.
 */
extern FetchCost dq_cost_lookup(const CostFacts *facts, double keys, double batch, double rows);

#endif /* DQ_COST_H */
