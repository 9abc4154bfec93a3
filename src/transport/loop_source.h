/*
 * loop_source.h
 *	  What the loop serves besides exchanges: a socket of our own, and a deadline.
 */
#ifndef DQ_LOOP_SOURCE_H
#define DQ_LOOP_SOURCE_H

#include <curl/curl.h>

#include "lib/ilist.h"

typedef struct LoopSource
{
	dlist_node node;	/* in the loop's list, from its first use on */
	curl_socket_t fd;	/* watched by dq_watch_own(); CURL_SOCKET_BAD: none */
	double deadline_ms; /* of dq_loop_clock_ms(); negative: none */
	bool has_news;		/* tell() is to be called */
	/* The socket is ready (CURL_CSELECT_IN and _OUT), or, with 0, the deadline is over.  Never raises. */
	void (*serve)(struct LoopSource *source, int events);
	/* Calls its owners, who may raise; it is called again then.  In a short-lived context. */
	void (*tell)(struct LoopSource *source);
} LoopSource;

/* Has the loop serve it; it must not move, and be removed before it is freed. */
extern void dq_loop_add_source(LoopSource *source);
extern void dq_loop_remove_source(LoopSource *source);

/* A handle that is no exchange's, for resolve.c; false when libcurl refuses. */
extern bool dq_loop_add_handle(CURL *easy);
extern void dq_loop_remove_handle(CURL *easy);

#endif /* DQ_LOOP_SOURCE_H */
