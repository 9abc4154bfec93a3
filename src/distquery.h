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

/* distquery.strategy: a Strategy for all tables of the session, or this. */
#define DQ_STRATEGY_DECLARED (-1)
extern int dq_forced_strategy;
/* distquery.lookup_join: gather keys of outer rows and ask for them in batches. */
typedef enum LookupJoin
{
	LOOKUP_JOIN_OFF = 0,
	LOOKUP_JOIN_AUTO, /* where it is estimated to be cheapest */
	LOOKUP_JOIN_ON	  /* wherever it is possible */
} LookupJoin;

extern int dq_lookup_join;

/* distquery.max_age: no cached answer is used that is older; -1: as ttl says. */
extern int dq_max_age_ms;

#endif /* DISTQUERY_H */
