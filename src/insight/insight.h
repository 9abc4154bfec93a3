/*
 * insight.h
 *	  What the views of the running system share.
 */
#ifndef DQ_INSIGHT_H
#define DQ_INSIGHT_H

/* Whose state a view shows: "server" where all backends share it, "session" where they do not. */
extern const char *dq_insight_scope(void);

/* Whether the current user sees what sessions of a role do, as in pg_stat_activity. */
extern bool dq_insight_may_see(Oid role);

#endif /* DQ_INSIGHT_H */
