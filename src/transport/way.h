/*
 * way.h
 *	  The way that led to the statement under way: which databases have passed a request on, so that
 *	  services that query each other do not do so for ever.
 */
#ifndef DQ_WAY_H
#define DQ_WAY_H

/* In _PG_init: defines distquery.cdn_loop, distquery.max_hops, distquery.max_reentries. */
extern void dq_way_define(void);

/* What this database is called on the way; static. */
extern const char *dq_way_id(void);

/* NULL when a request may be made, else why not, as a phrase; palloc'd. */
extern char *dq_way_problem(void);

/* What there is to know and to do about it; palloc'd. */
extern char *dq_way_detail(void);
extern const char *dq_way_hint(void);

/* True where the session answers a request that has come through this database before. */
extern bool dq_way_is_reentry(void);

/* Header CDN-Loop of a request; palloc'd.  What is declared for it (NULL: nothing) goes first. */
extern char *dq_way_header(const char *declared);

#endif /* DQ_WAY_H */
