/*
 * filter.h
 *	  Conditions that users give as text, to materialize() and invalidate().
 */
#ifndef DQ_FILTER_H
#define DQ_FILTER_H

#include "nodes/nodes.h"
#include "spec/spec.h"

/* The raw expression of a filter; raises unless it is a single condition. */
extern Node *dq_filter_parse(const char *filter);

/*
 * True when all rows that pass a filter have one of a few values in a column of the table's
 * cache_columns: its number there, and the values as a service is asked with them, palloc'd.
 */
extern bool dq_filter_marks(const TableSpec *table, const char *filter, int *column,
							const char ***texts, int *n);

#endif /* DQ_FILTER_H */
