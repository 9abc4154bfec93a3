/*
 * transaction_store.h
 *	  Strategy "store": answers that the transaction keeps.  For fetch/ only.
 */
#ifndef DQ_TRANSACTION_STORE_H
#define DQ_TRANSACTION_STORE_H

#include "fetch/fetch_private.h"

/*
 * A reader of the transaction's answer to a question: one that it has already, one that holds all
 * rows of it, or one that is fetched now.  The reader is closed with the group at the latest.
 */
extern FetchReader *dq_store_start(FetchGroup *group, const FetchOptions *options);

/* The next row of a complete stored answer; false at the end. */
extern bool dq_store_next(FetchReader *reader, FetchRow *row);
extern void dq_store_rewind(FetchReader *reader);

/* Ends a reader: the answer stays while memory lasts, if all of it was fetched. */
extern void dq_store_close(FetchReader *reader);

#endif /* DQ_TRANSACTION_STORE_H */
