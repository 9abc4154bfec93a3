/*
 * explain_waterfall.h
 *	  The requests of a plan's node in EXPLAIN (ANALYZE, VERBOSE).
 */
#ifndef DQ_EXPLAIN_WATERFALL_H
#define DQ_EXPLAIN_WATERFALL_H

#include "fdw/table_reader.h"

struct ExplainState;

/* Shows what a reader has asked, where that was wanted: with ANALYZE, VERBOSE, times and a summary. */
extern void dq_explain_waterfall(const TableReader *reader, struct ExplainState *es);

#endif /* DQ_EXPLAIN_WATERFALL_H */
