/*
 * remote_store.h
 *	  The store of cached answers on servers that databases share: Redis or memcached.
 */
#ifndef DQ_REMOTE_STORE_H
#define DQ_REMOTE_STORE_H

#include "cache/store.h"

/* In _PG_init: the settings. */
extern void dq_remote_define(void);

/* The store of a table that is kept remotely; palloc'd.  Raises where a module is missing. */
extern const CacheStore *dq_remote_store(const TableSpec *table, const Endpoint *endpoint);

/*
 * Makes the answers of a table unfindable on its servers, for all who share them: at once, and again
 * when the transaction has committed.  Raises where a server does not confirm it.
 */
extern void dq_remote_invalidate(const TableSpec *table, const Endpoint *endpoint);

/*
 * The end of a statement: waits until servers have what was put there, or their time is over, since
 * nobody may drive the loop for long.
 */
extern void dq_remote_settle(void);

#endif /* DQ_REMOTE_STORE_H */
