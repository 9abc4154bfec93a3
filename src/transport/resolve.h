/*
 * resolve.h
 *	  Addresses of a host for sockets of our own, found by libcurl's resolver in the loop.
 */
#ifndef DQ_RESOLVE_H
#define DQ_RESOLVE_H

#include <curl/curl.h>
#include <sys/socket.h>

#define RESOLVE_MAX_ADDRESSES 8

typedef struct ResolvedAddress
{
	struct sockaddr_storage address;
	socklen_t len;
	int family;
} ResolvedAddress;

/* Owned by who resolves; must not move while it is under way. */
typedef struct Resolve
{
	CURL *easy; /* NULL: not under way */
	int naddresses;
	ResolvedAddress addresses[RESOLVE_MAX_ADDRESSES];
	/* Called inside of dq_loop_step() when it is over, with or without addresses.  Never raises. */
	void (*on_end)(struct Resolve *resolve);
	struct Resolve *next; /* of those under way */
} Resolve;

/* Begins; false when there is no memory.  The host may be an address, of IPv6 in brackets. */
extern bool dq_resolve_begin(Resolve *resolve, const char *host, int port);

extern void dq_resolve_cancel(Resolve *resolve);

/* For loop.c: libcurl is done with a handle that is no exchange's. */
extern void dq_resolve_ended(CURL *easy);

#endif /* DQ_RESOLVE_H */
