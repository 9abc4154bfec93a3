/*
 * budget.h
 *	  What the statement under way has used: requests and bytes, by table; and how much it may.
 *
 * A statement is what the client sent, with everything that runs inside it.  It begins by
 * dq_budget_begin(); what it used is known until the next one makes a request.
 */
#ifndef DQ_BUDGET_H
#define DQ_BUDGET_H

/* distquery.max_requests, distquery.max_bytes; 0: no bound. */
extern int dq_max_requests;
extern double dq_max_bytes;

/* In _PG_init: defines the settings. */
extern void dq_budget_define(void);

/* A new statement begins. */
extern void dq_budget_begin(void);

/* Whether the statement may make one more request. */
extern bool dq_budget_allows(void);

/* It makes one. */
extern void dq_budget_count_request(Oid relid, const char *relation_name);

/* One was not sent, as the service is known to be down: a statement that asks nothing else counts. */
extern void dq_budget_count_refusal(void);

/* Bytes of an answer came; false when they are too many.  Cannot raise. */
extern bool dq_budget_count_bytes(Oid relid, size_t bytes);

/* Which of its budgets the statement has used up, as a phrase; palloc'd. */
extern char *dq_budget_problem(void);

/* "orders 12 requests, 34 kB; ...": what was used, by table; palloc'd. */
extern char *dq_budget_describe(void);

/*
 * Tells statements that asked for something apart: the number of the latest, 0 before the first.
 */
extern uint64 dq_budget_statement(void);

/* Counts the dq_budget_begin(): with the time when a statement was sent it tells statements apart. */
extern uint64 dq_budget_run(void);

#endif /* DQ_BUDGET_H */
