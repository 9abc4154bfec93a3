/*
 * bind_scope.h
 *	  A bound condition as a term of a question's scope.
 */
#ifndef DQ_BIND_SCOPE_H
#define DQ_BIND_SCOPE_H

#include "fdw/plan_data.h"
#include "request/scope.h"
#include "spec/spec.h"

/* type is that of the values; texts are borrowed, the rest is palloc'd. */
extern void dq_scope_term(ScopeTerm *term, const ColumnSpec *column, const PlanCondition *condition,
						  Oid type, int nvalues, const Datum *values, const char **texts);

/* The column alone, for counting its values. */
extern ScopeTerm dq_scope_column(const ColumnSpec *column);

#endif /* DQ_BIND_SCOPE_H */
