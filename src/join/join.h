/*
 * join.h
 *	  The lookup join: keys of outer rows are gathered, asked of a service in batches, and matched.
 */
#ifndef DQ_JOIN_H
#define DQ_JOIN_H

/* Registers the planner's hook and the node; once, from _PG_init. */
extern void dq_join_init(void);

#endif /* DQ_JOIN_H */
