/*
 * invalidation.h
 *	  Making cached answers of a table unfindable: at once, for all sessions; and again when the
 *	  transaction has committed.
 */
#ifndef DQ_INVALIDATION_H
#define DQ_INVALIDATION_H

/* All of them. */
extern void dq_cache_invalidate(Oid table);

/*
 * Those that may hold a row with one of these values in a column, by its number in the table's
 * cache_columns.
 */
extern void dq_cache_invalidate_rows(Oid table, int column, const char *const *texts, int n);

#endif /* DQ_INVALIDATION_H */
