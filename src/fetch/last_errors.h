/*
 * last_errors.h
 *	  What the session's latest statement that made requests could not get: distquery.last_errors.
 */
#ifndef DQ_LAST_ERRORS_H
#define DQ_LAST_ERRORS_H

#include "datatype/timestamp.h"
#include "spec/spec.h"

/* Texts belong to the list. */
typedef struct LastError
{
	TimestampTz at;
	char *statement; /* its text, cut off when it is long */
	Oid relid;
	char *table_name;
	char *server_name;
	FailureKind kind;
	char *reason;	/* the error's message */
	char *detail;	/* may be NULL */
	char *missing;	/* "page 3 and what follows", "keys 1, 2" */
	bool is_raised; /* it ended the statement; else the statement went on without */
} LastError;

/*
 * Notes an answer that could not be had, or not wholly; missing says what of it, in words (fit to
 * be shown).  Where the statement goes on without it, the first for each table is a WARNING.  Also
 * for askers that know better than pages what is missing, such as the keys of a lookup join.
 */
extern void dq_last_errors_note(const TableSpec *table, const RemoteError *error,
								const char *missing, bool is_raised);

/* The list, oldest first: NULL at the end. */
extern const LastError *dq_last_errors_get(int i);

#endif /* DQ_LAST_ERRORS_H */
