/*
 * request_list.h
 *	  The records of the session's latest statement that asked anything: of its HTTP attempts, and of
 *	  answers from the cache.
 *
 * A statement is what the client sent: one outermost run of the executor, or a command such as
 * ANALYZE.  Its list outlives it, until a later statement asks something.  Attempts are in it when
 * they have ended; those that have not are given by dq_records_under_way().
 */
#ifndef DQ_REQUEST_LIST_H
#define DQ_REQUEST_LIST_H

#include "transport/request_record.h"

/* The latest so many are kept. */
#define MAX_LISTED_REQUESTS 1000

/* Something is asked: begins a new list if that is of another statement. */
extern void dq_request_list_begin(void);

/* After a dq_request_list_begin().  Cannot raise; without memory it is counted as dropped. */
extern void dq_request_list_add(const RequestRecord *record);

/* In the order in which they ended: NULL behind the last.  Valid until something is asked or ends. */
extern const RequestRecord *dq_request_list_get(int i);

/* Records that are not there any more. */
extern int64 dq_request_list_dropped(void);

/* True when the list is of the statement under way: not so when that has asked nothing. */
extern bool dq_request_list_is_current(void);

#endif /* DQ_REQUEST_LIST_H */
