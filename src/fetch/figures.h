/*
 * figures.h
 *	  What earlier fetches have shown of a foreign table: rows, pages, bytes, latency.
 *
 * Kept in shared memory where there is some (service/shared_state.h), else for this backend.  The
 * planner goes by settled values: one that has settled changes only when the average has moved away
 * from it by a large factor, so that a plan does not change from one execution to the next by
 * noise.  Figures belong to a collection as declared: another address or another way of paging
 * begins anew.  They never decide what is asked, only how a query is planned.
 */
#ifndef DQ_FIGURES_H
#define DQ_FIGURES_H

#include "datatype/timestamp.h"
#include "spec/spec.h"

/* What one fetch has shown; negative where it says nothing. */
typedef struct FetchFacts
{
	double rows;		  /* of the whole collection */
	double page_rows;	  /* that a full page brings */
	double row_bytes;	  /* decompressed */
	double request_bytes; /* as received, of one answer */
	double latency_ms;	  /* from sending a request to the first byte of its answer */
} FetchFacts;

/* Settled values; negative where nothing was learned. */
typedef struct TableFigures
{
	FetchFacts values;
	int64 fetches;	   /* that were learned from */
	TimestampTz since; /* the first of them */
	TimestampTz last;
} TableFigures;

typedef struct NamedFigures
{
	Oid relid;
	TableFigures figures;
} NamedFigures;

/* distquery.learned_figures: the planner goes by them. */
extern bool dq_learned_figures;

/* Defines memory and settings; in _PG_init. */
extern void dq_figures_init(void);

/* To be called before dq_figures_note(); may raise. */
extern void dq_figures_attach(void);

/* Learns; never raises. */
extern void dq_figures_note(const TableSpec *table, const FetchFacts *facts);

/* Sets what ANALYZE found, settled at once. */
extern void dq_figures_set_rows(const TableSpec *table, double rows);

/* False when nothing was learned of the table. */
extern bool dq_figures_get(const TableSpec *table, TableFigures *figures);

/* All of this database, palloc'd; how many. */
extern int dq_figures_list(NamedFigures **list);

/* Forgets a table, all of this database for InvalidOid; how many. */
extern int dq_figures_forget(Oid relid);

#endif /* DQ_FIGURES_H */
