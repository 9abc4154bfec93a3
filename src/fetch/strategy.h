/*
 * strategy.h
 *	  How a table's questions are answered: what planner and EXPLAIN may know of it.
 *
 * Whoever asks calls dq_fetch_start() and reads rows, whatever the strategy is.
 */
#ifndef DQ_STRATEGY_H
#define DQ_STRATEGY_H

#include "fetch/fetch.h"

/* The table's strategy, or the one that the session forces. */
extern Strategy dq_strategy(const TableSpec *table);

extern const char *dq_strategy_name(Strategy strategy);

/*
 * True, and the number of its rows, when this transaction has stored the whole collection of a
 * table, as this endpoint's identity sees it.
 */
extern bool dq_store_has_whole(const TableSpec *table, const Endpoint *endpoint, int64 *rows);

/*
 * How many different values a column of such a collection has, and the fraction of its rows that
 * have none; term says where they stand.  False when they cannot be told apart.
 */
extern bool dq_store_distinct(const TableSpec *table, const Endpoint *endpoint,
							  const ScopeTerm *term, double *distinct, double *nulls);

#endif /* DQ_STRATEGY_H */
