/*
 * cached_fetch.h
 *	  Strategy "cache": answers that sessions share for a time to live.  For fetch/ only.
 */
#ifndef DQ_CACHED_FETCH_H
#define DQ_CACHED_FETCH_H

#include "fetch/fetch_private.h"

/* Whether the table's options let answers of this kind be kept. */
extern bool dq_cached_can_keep(const FetchOptions *options);

/* A reader of a question's answer: out of the cache, of another session's request, or asked. */
extern FetchReader *dq_cached_start(FetchGroup *group, const FetchOptions *options);

/* The answer's rows are those of the old one; false: they are not, the service has to be asked anew. */
extern bool dq_cached_confirm(Fetch *fetch);

/* Moves a fetch on that waits for another session's request. */
extern void dq_cached_advance(Fetch *fetch);

/* A fetch is over: keeps its answer, or takes an older one in place of a failure. */
extern void dq_cached_ended(Fetch *fetch);

/* A fetch is left before its end: keeps what is known to be complete all the same. */
extern void dq_cached_left(Fetch *fetch);

/*
 * ttl 'http': what makes the first request a conditional one, palloc'd; NULL and 0: nothing does, 304
 * is no answer.
 */
extern const Header *dq_cached_conditions(const Fetch *fetch, const PagePosition *position,
										  int *nheaders);

/* A page's answer is complete: notes what its headers say.  Its exchange is still there. */
extern void dq_cached_page_ended(FetchPage *page);

/* Whether rows have to stay in the spool until the answer is complete. */
extern bool dq_cached_needs_rows(const Fetch *fetch);

/* The end of a statement: waits for requests that renew what was served stale. */
extern void dq_cached_renew(dlist_head *renewals);

/*
 * True for a row (its number in the fetch, from 1) that the service sent although its key was not
 * asked, because the cache had the answer: it is there already.  Raises where that cannot be told.
 */
extern bool dq_cached_is_repeated(const Fetch *fetch, int64 number, const char *row, size_t len);

#endif /* DQ_CACHED_FETCH_H */
