/*
 * scan.h
 *	  The state of one foreign scan, for scan.c and explain.c.
 */
#ifndef DQ_SCAN_H
#define DQ_SCAN_H

#include "fdw/bind.h"
#include "nodes/execnodes.h"

/* A question and, once it is asked, its reader. */
typedef struct ScanAsk
{
	Ask ask;
	FetchReader *reader; /* NULL: not asked yet, or read to the end and closed */
	bool was_asked;
} ScanAsk;

/* Lives in a context below es_query_cxt; bound below it, reset whenever parameters change. */
typedef struct DqScanState
{
	ForeignScanState *node;
	MemoryContext context;
	MemoryContext bound_context;
	const TableSpec *table;
	const Endpoint *endpoint;
	PlanData *plan;
	ExprState **value_states; /* nvalues long */
	bool waits_for_params;	  /* a value is a PARAM_EXEC: known only when the scan is reached */
	bool may_raise;			  /* evaluating a value may: only when the scan is reached */
	bool is_rescanned;		  /* EXEC_FLAG_REWIND: rows will be read again */
	FetchGroup *group;
	RowDecoder *decoder;
	bool is_bound;
	int nasks;
	ScanAsk *asks;
	int current;			 /* ask being read */
	int started;			 /* asks started so far */
	FetchRow row;			 /* being decoded, for error messages */
	FetchStats closed_stats; /* of readers that were closed */
} DqScanState;

/*
 * True when evaluating a value cannot raise: constants, parameters, moments and spans of time,
 * lists of these.
 */
extern bool dq_value_is_plain(Node *value);

/* What the scan's fetches did so far, those that are closed included. */
extern FetchStats dq_scan_stats(const DqScanState *scan);

#endif /* DQ_SCAN_H */
