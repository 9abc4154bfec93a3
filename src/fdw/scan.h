/*
 * scan.h
 *	  The state of one foreign scan, for scan.c and explain.c.
 */
#ifndef DQ_SCAN_H
#define DQ_SCAN_H

#include "fdw/table_reader.h"

/* Lives in a context below es_query_cxt; questions below it, reset whenever parameters change. */
typedef struct DqScanState
{
	ForeignScanState *node;
	TableReader *reader;
	PlanData *plan;
	MemoryContext bound_context;
	bool is_rescanned;	/* EXEC_FLAG_REWIND: rows will be read again */
	bool is_tried;		/* the next Iterate must not wait (append.c) ... */
	bool would_wait;	/* ... and has found no row for that reason alone, */
	bool has_failed;	/* or because the service failed, which is not told yet */
	bool tells_failure; /* now it is to be told */
	bool is_bound;
	int nasks;
	OpenAsk *asks;
	int current;	 /* ask being read */
	int started;	 /* asks started so far */
	bool is_counted; /* of a count: its one row has been given */
} DqScanState;

/*
 * The next row without waiting; the slot is empty at the end, and where would_wait or has_failed
 * are set.
 */
extern TupleTableSlot *dq_scan_try(DqScanState *scan);

/* What the scan's fetches did so far, those that are closed included. */
extern FetchStats dq_scan_stats(const DqScanState *scan);

#endif /* DQ_SCAN_H */
