/*
 * guard.h
 *	  Which hosts and addresses this backend connects to (setting distquery.allowed_hosts).
 */
#ifndef DQ_GUARD_H
#define DQ_GUARD_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "request/host_rules.h"
#include "transport/exchange.h"

/* Whom a request is for, and, where that was refused, why. */
typedef struct GuardState
{
	char *host; /* of the URL */
	int port;
	char *peer_host; /* connected to: the same, or the proxy's */
	int peer_port;
	HostVerdict verdict;				/* other than HOST_ALLOWED: it was refused */
	bool is_peer_refused;				/* it was the peer, at this address */
	char address[INET6_ADDRSTRLEN + 1]; /* "" where none was known yet */
} GuardState;

/* In _PG_init: defines the setting. */
extern void dq_guard_define(void);

/* Before libcurl may call anything below: reads the setting, if it has changed.  May raise. */
extern void dq_guard_prepare(void);

/*
 * Which reading of the setting that was: connections that are not libcurl's, and kept, are closed by
 * their owner when it is another one than when they were made.
 */
extern uint64 dq_guard_generation(void);

/* True when the setting restricts anything. */
extern bool dq_guard_has_rules(void);

/*
 * Before a request is sent: false when its URL, or the proxy, can already be said not to be allowed.
 * Fills *state.
 */
extern bool dq_guard_admits_url(GuardState *state, const char *url, const char *proxy);

/*
 * Before a connection is made or used: false when the address is refused, with *state saying why.
 * Called inside libcurl: cannot raise.
 */
extern bool dq_guard_admits_address(GuardState *state, const struct sockaddr *address);

/* The same for an address in words; of a connection that is used again, it was opened for others. */
extern bool dq_guard_admits_peer(GuardState *state, const char *address, int port);

/* What was refused, why, and what to do; palloc'd. */
extern char *dq_guard_problem(const GuardState *state);
extern char *dq_guard_detail(const GuardState *state);
extern const char *dq_guard_hint(const GuardState *state);

#endif /* DQ_GUARD_H */
