/*
 * link_private.h
 *	  Shared by the files of links, and by nobody else.
 *
 *	CLOSED --first order--> RESOLVING --addresses--> CONNECTING --writable--> CONNECTED
 *	   ^                        |                        |                        |
 *	   +------------------------+------ a failure -------+------------------------+
 *
 * Orders are queued in any state; what greets the server stands before them.
 */
#ifndef DQ_LINK_PRIVATE_H
#define DQ_LINK_PRIVATE_H

#include "cache/link.h"
#include "service/breaker.h"
#include "transport/credentials.h"
#include "transport/loop_source.h"
#include "transport/resolve.h"

/* Failures in a row after which a server is left alone, and for how long. */
#define LINK_BREAKER_FAILURES 3
#define LINK_BREAKER_COOLDOWN_US (INT64CONST(10) * 1000 * 1000)

#define PROBLEM_BYTES 256

typedef enum LinkState
{
	LINK_CLOSED,
	LINK_RESOLVING,
	LINK_CONNECTING,
	LINK_CONNECTED
} LinkState;

struct CacheLink
{
	LoopSource source;
	MemoryContext context;
	const CacheProtocol *protocol;
	char *host; /* as declared */
	int port;
	CacheLogin login;		 /* texts of its own */
	Credentials credentials; /* the same, to be taken out of messages */
	LinkState state;
	Resolve resolve;
	int64 resolved_us; /* when; 0: never */
	int next_address;
	StringInfoData out; /* commands; those before sent are gone */
	int sent;
	void *parser; /* of a connection */
	dlist_head orders;
	Breaker breaker;
	bool is_probe;
	double heard_ms; /* of dq_loop_clock_ms(): when something came last */
	int64 used_us;
	int pins;
	uint64 allowed_by;			 /* dq_guard_generation() at the connection's making */
	int64 warned_us;			 /* 0: never */
	bool has_warning;			 /* problem is to be told */
	char problem[PROBLEM_BYTES]; /* the latest, as it was said */
};

/* link.c: none of these raises */
extern int64 dq_link_now_us(void);
extern void dq_link_close(CacheLink *link);
extern void dq_link_fail(CacheLink *link, const char *problem, const char *detail,
						 size_t detail_len);
extern void dq_link_fail_by_errno(CacheLink *link, const char *what, int error);
extern void dq_link_watch(CacheLink *link);
extern void dq_link_transmit(CacheLink *link);
extern void dq_link_serve(LoopSource *source, int events);

/* The same but for this: in the loop's step, where warnings may be said. */
extern void dq_link_tell(LoopSource *source);

/* link_connect.c: nor do these */
extern void dq_link_open(CacheLink *link);
extern void dq_link_check_connection(CacheLink *link);
extern void dq_link_resolved(Resolve *resolve);

#endif /* DQ_LINK_PRIVATE_H */
