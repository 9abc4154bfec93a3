/*
 * distquery.h
 *	  Settings of the extension, for every room above spec/.
 */
#ifndef DISTQUERY_H
#define DISTQUERY_H

/* distquery.pushdown: ask services for what the query needs; off asks for whole collections. */
extern bool dq_pushdown;

/* distquery.prefetch: ask all services of a statement at its first row. */
extern bool dq_prefetch;

/* distquery.analyze_rows: what ANALYZE reads of a foreign table at most. */
extern int dq_analyze_rows;

#endif /* DISTQUERY_H */
