/*
 * user_agent.h
 *	  How requests name us: header User-Agent.
 */
#ifndef DQ_USER_AGENT_H
#define DQ_USER_AGENT_H

/* In _PG_init: defines distquery.send_application_name. */
extern void dq_user_agent_define(void);

/* "distquery/0.1.0 PostgreSQL/15 (application_name)"; palloc'd. */
extern char *dq_user_agent(void);

#endif /* DQ_USER_AGENT_H */
