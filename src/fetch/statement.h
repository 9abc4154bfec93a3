/*
 * statement.h
 *	  The statement that the client sent: where it begins, and where its executor returns.
 */
#ifndef DQ_STATEMENT_H
#define DQ_STATEMENT_H

/* In _PG_init: hooks into the executor. */
extern void dq_statement_init(void);

/* Text of the statement under way; borrowed; NULL where there is none. */
extern const char *dq_statement_text(void);

#endif /* DQ_STATEMENT_H */
