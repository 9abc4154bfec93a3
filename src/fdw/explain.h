/*
 * explain.h
 *	  What EXPLAIN shows of reading a foreign table, whichever node reads it.
 */
#ifndef DQ_EXPLAIN_H
#define DQ_EXPLAIN_H

#include "fdw/table_reader.h"

struct ExplainState;

/*
 * The request as it will be sent.  exprs are those of the plan: values, asked clauses, local ones.
 */
extern void dq_explain_request(TableReader *reader, List *exprs, struct ExplainState *es);

/* Which clauses are asked, which stay local and why. */
extern void dq_explain_clauses(TableReader *reader, List *exprs, struct ExplainState *es);

/* What it took. */
extern void dq_explain_stats(const FetchStats *stats, struct ExplainState *es);

#endif /* DQ_EXPLAIN_H */
