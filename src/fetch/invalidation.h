/*
 * invalidation.h
 *	  Making the cached answers of a table unfindable.
 */
#ifndef DQ_INVALIDATION_H
#define DQ_INVALIDATION_H

/* At once, for all sessions; and again when the transaction has committed. */
extern void dq_cache_invalidate(Oid table);

#endif /* DQ_INVALIDATION_H */
