/*
 * link.h
 *	  This backend's connection to a cache server, with the commands under way on it.
 *
 * A link connects when it is needed, stays connected, and is shared by all that this backend asks
 * of that server as that user.  Nothing waits: commands are queued, and answered in a later step
 * of the loop, in their order.  A command whose owner has gone is answered all the same, into
 * nothing: so whatever ends a statement leaves a link that can be used.
 *
 * A server that fails, is silent for longer than a command's time or says what cannot be understood
 * loses the connection, and all commands under way fail.  One that is only busy with commands before
 * it keeps the connection, and the command that is late fails alone.  After some failures in a row
 * the server is left alone for a while (breaker.h).  A session is warned at most once a minute.
 */
#ifndef DQ_LINK_H
#define DQ_LINK_H

#include "cache/protocol.h"
#include "lib/ilist.h"

typedef struct CacheLink CacheLink;

typedef enum OrderEnd
{
	ORDER_DONE,
	ORDER_NOT_DONE,	 /* CACHE_REPLY_NOT_DONE */
	ORDER_TOO_LARGE, /* CACHE_REPLY_TOO_LARGE */
	ORDER_FAILED
} OrderEnd;

/* Some commands and who wants to know of them.  Allocated by the link. */
typedef struct CacheOrder
{
	dlist_node node;
	int replies; /* still to come */
	int nvalues; /* that they have to hold all together */
	int got;	 /* so far */
	OrderEnd end;
	double since_ms;	/* of dq_loop_clock_ms() */
	double deadline_ms; /* the same; negative: nobody waits any more */
	/* Both are called in the loop's step and must not raise.  NULL: nobody asks. */
	void (*on_value)(void *owner, int i, const CacheBytes *value); /* borrowed */
	void (*on_end)(void *owner, OrderEnd end);
	void *owner;
} CacheOrder;

/*
 * The link to a server; connects later.  Who keeps it beyond orders of its own pins it: what nobody
 * uses may make room for another.
 */
extern CacheLink *dq_link_find(const CacheProtocol *protocol, const char *host, int port,
							   const CacheLogin *login);

extern void dq_link_pin(CacheLink *link);
extern void dq_link_unpin(CacheLink *link);

/*
 * Queues commands (their bytes, how many replies and values they have), to be sent by dq_link_go().
 * NULL where the server is left alone for now, which does not hold for what is urgent, or too much
 * waits to be sent already.  May raise, and has done nothing then.
 */
extern CacheOrder *dq_link_order(CacheLink *link, const StringInfoData *commands, int replies,
								 int nvalues, double timeout_ms, bool is_urgent);

/* Sends what can be sent, and connects where it has to; orders may end in it.  Never raises. */
extern void dq_link_go(CacheLink *link);

/* Bytes of commands that wait to be sent. */
extern int dq_link_unsent(const CacheLink *link);

/* Nobody wants to know of an order any more. */
extern void dq_link_forget(CacheOrder *order);

/* Serves a link that is connected without the loop until no order is left, for so long; never raises. */
extern void dq_link_drain(CacheLink *link, long ms);

/* "redis server \"host:port\""; palloc'd. */
extern char *dq_link_name(const CacheLink *link);

/* Why it failed last, without secrets, in plain characters; "" when it never did.  palloc'd. */
extern char *dq_link_problem(const CacheLink *link);

#endif /* DQ_LINK_H */
