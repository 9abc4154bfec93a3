/*
 * fetch_activity.h
 *	  A fetch's part in distquery.activity: from the time when it asks until it has ended.
 */
#ifndef DQ_FETCH_ACTIVITY_H
#define DQ_FETCH_ACTIVITY_H

#include "fetch/fetch_private.h"

/* The fetch asks, or waits for whoever does; more than once does no harm. */
extern void dq_fetch_activity_begin(Fetch *fetch);

/* It waits for another session's answer, or does not any more. */
extern void dq_fetch_activity_wait(Fetch *fetch, bool is_waiting);

/* A page is complete: one more, and what its total tells. */
extern void dq_fetch_activity_page(Fetch *fetch);

/* It has ended.  Also at its release. */
extern void dq_fetch_activity_end(Fetch *fetch);

#endif /* DQ_FETCH_ACTIVITY_H */
