/*
 * watch.h
 *	  The sockets that libcurl wants watched, on PostgreSQL's WaitEventSet.
 */
#ifndef DQ_WATCH_H
#define DQ_WATCH_H

#include <curl/curl.h>

#include "storage/latch.h"

/* Called inside libcurl, so they take notes only and never raise. */
extern int dq_watch_note(CURL *easy, curl_socket_t fd, int what, void *userp, void *socketp);
extern void dq_watch_closed(curl_socket_t fd);

/* Takes over what AcquireExternalFD counted for a new connection; false: no memory. */
extern bool dq_watch_opened(curl_socket_t fd);

/*
 * An exchange on this connection has ended, and the service has nothing to say before it is asked
 * again (HTTP/1).
 */
extern void dq_watch_kept(curl_socket_t fd);

/*
 * Ends kept connections on which something came all the same; libcurl would take it for the answer
 * to the next request.
 */
extern void dq_watch_end_unasked(void);

/* Watches a socket of our own, known by dq_watch_opened(), for CURL_POLL_IN, OUT or INOUT. */
extern void dq_watch_own(curl_socket_t fd, int what);

/* Takes the descriptor that waiting needs, before connections take the last ones; may raise. */
extern void dq_watch_reserve(void);

/*
 * Waits for the latch, the death of the postmaster or a socket; returns how many events there are.
 * Events of sockets are for libcurl, except where dq_watch_is_idle().
 */
extern int dq_watch_wait(long timeout_ms, uint32 wait_event, WaitEvent *events, int max_events);

/* True when libcurl did not ask for this socket, which is not watched any more then. */
extern bool dq_watch_is_idle(curl_socket_t fd);

#endif /* DQ_WATCH_H */
