/*
 * link_connect.c
 *	  How a link gets its connection: addresses by libcurl's resolver, then one after the other.
 *
 * distquery.allowed_hosts holds for cache servers, too.  Nothing here raises.
 */
#include "postgres.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/link_private.h"
#include "storage/fd.h"
#include "transport/guard.h"
#include "transport/watch.h"

/* Addresses of a name are asked for again after that. */
#define ADDRESSES_LIVE_US (INT64CONST(60) * 1000 * 1000)

static bool
is_allowed(CacheLink *link, const ResolvedAddress *address)
{
	char host[NI_MAXHOST];
	size_t len = strlen(link->host);
	bool has_brackets = link->host[0] == '[';
	GuardState guard = {
		.host = host, .port = link->port, .peer_host = host, .peer_port = link->port
	};

	snprintf(host, sizeof(host), "%.*s", (int) (len - (has_brackets ? 2 : 0)),
			 link->host + (has_brackets ? 1 : 0));
	return dq_guard_admits_address(&guard, (const struct sockaddr *) &address->address);
}

static curl_socket_t
open_socket(CacheLink *link, const ResolvedAddress *address)
{
	int on = 1;
	curl_socket_t fd;

	if (!AcquireExternalFD())
		return CURL_SOCKET_BAD;
	fd = socket(address->family, SOCK_STREAM, 0);
	if (fd < 0)
	{
		ReleaseExternalFD();
		return CURL_SOCKET_BAD;
	}
	if (!pg_set_noblock(fd) || !dq_watch_opened(fd))
	{
		close(fd);
		ReleaseExternalFD();
		return CURL_SOCKET_BAD;
	}
	(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void) setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	return fd;
}

static void
connected(CacheLink *link)
{
	MemoryContext old = MemoryContextSwitchTo(link->context);

	link->parser = link->protocol->parser_create(link->protocol->max_value);
	MemoryContextSwitchTo(old);
	link->state = LINK_CONNECTED;
	link->allowed_by = dq_guard_generation();
	if (link->parser == NULL)
		dq_link_fail(link, "out of memory", NULL, 0);
	else
		dq_link_transmit(link);
}

/* Tries the addresses from the next one on. */
static void
connect_next(CacheLink *link)
{
	int error = 0;

	while (link->next_address < link->resolve.naddresses)
	{
		const ResolvedAddress *address = &link->resolve.addresses[link->next_address++];

		if (!is_allowed(link, address))
		{
			error = EACCES;
			continue;
		}
		link->source.fd = open_socket(link, address);
		if (link->source.fd == CURL_SOCKET_BAD)
		{
			error = EMFILE;
			continue;
		}
		link->state = LINK_CONNECTING;
		if (connect(link->source.fd, (const struct sockaddr *) &address->address, address->len) == 0)
		{
			connected(link);
			return;
		}
		if (errno == EINPROGRESS)
			return;
		error = errno;
		dq_watch_closed(link->source.fd);
		close(link->source.fd);
		link->source.fd = CURL_SOCKET_BAD;
	}
	link->resolved_us = 0;
	if (error == EACCES)
		dq_link_fail(link, "it is not allowed by distquery.allowed_hosts", NULL, 0);
	else if (error)
		dq_link_fail_by_errno(link, "could not connect: ", error);
	else
		dq_link_fail(link, "its name could not be resolved", NULL, 0);
}

/* The attempt to connect has come to an end. */
void
dq_link_check_connection(CacheLink *link)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(link->source.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0)
	{
		connected(link);
		return;
	}
	dq_watch_closed(link->source.fd);
	close(link->source.fd);
	link->source.fd = CURL_SOCKET_BAD;
	if (link->next_address < link->resolve.naddresses)
		connect_next(link);
	else
	{
		link->resolved_us = 0;
		dq_link_fail_by_errno(link, "could not connect: ", error);
	}
}

void
dq_link_resolved(Resolve *resolve)
{
	CacheLink *link = (CacheLink *) ((char *) resolve - offsetof(CacheLink, resolve));

	link->resolved_us = dq_link_now_us();
	link->next_address = 0;
	connect_next(link);
	dq_link_watch(link);
}

void
dq_link_open(CacheLink *link)
{
	if (link->resolved_us != 0 && dq_link_now_us() - link->resolved_us < ADDRESSES_LIVE_US)
	{
		link->next_address = 0;
		connect_next(link);
		return;
	}
	link->state = LINK_RESOLVING;
	if (!dq_resolve_begin(&link->resolve, link->host, link->port))
		dq_link_fail(link, "its name could not be resolved", NULL, 0);
}
