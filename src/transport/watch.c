/*
 * watch.c
 *	  The sockets that libcurl wants watched, on PostgreSQL's WaitEventSet.
 *
 * libcurl says through a callback which sockets it wants watched for what; it is noted in
 * sockets[].  dq_watch_wait() makes the wait event set agree with these notes.  A WaitEventSet
 * cannot drop a socket, so it is built anew (is_stale) when one that it watches was closed, since
 * its number may be used again at once and is another socket to epoll; or when one stirs that
 * libcurl has no use for.  Otherwise it is kept between statements.
 *
 * Sockets of connections are known from their opening to their closing, so that an idle one of a
 * kept connection can stay in the set, and counted by AcquireExternalFD as long.  Others, such as
 * those by which libcurl's resolver thread reports, are dropped as soon as libcurl does not ask for
 * them.
 *
 * Libcurl does not always tell the closing of a socket that was still connecting (7.88 does not).
 * So whenever it ceases to ask for a socket, the inode number says whether this is still the one
 * that was opened.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include "compat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "transport/watch.h"
#include "utils/memutils.h"

/* Of what came unasked so much is read, 8 kB each. */
#define MAX_DROPPED_PIECES 256

typedef struct WatchedSocket
{
	curl_socket_t fd;
	int what;			/* CURL_POLL_IN, OUT or INOUT; CURL_POLL_NONE: libcurl does not ask */
	bool is_connection; /* opened by us, and counted */
	bool is_doubtful;	/* may have been closed without a word */
	bool is_kept;		/* nothing may come before libcurl asks for it again */
	ino_t inode;		/* of a connection */
	int position;		/* in the wait event set, -1: not there */
	uint32 watched;		/* WL_SOCKET_* that it is watched for there */
} WatchedSocket;

static WatchedSocket *sockets = NULL;
static int nsockets = 0;
static int max_sockets = 0;
static bool has_failed = false; /* no memory for one more: raised by the next wait */
static WaitEventSet *wait_set = NULL;
static int wait_set_size = 0; /* sockets that it has room for */
static int wait_set_used = 0;
static bool is_stale = true;

static WatchedSocket *
find_socket(curl_socket_t fd)
{
	for (int i = 0; i < nsockets; i++)
		if (sockets[i].fd == fd)
			return &sockets[i];
	return NULL;
}

static void
forget_socket(WatchedSocket *known)
{
	if (known->position >= 0)
		is_stale = true;
	if (known->is_connection)
		ReleaseExternalFD();
	*known = sockets[--nsockets];
}

/* A new entry; NULL when there is no memory. */
static WatchedSocket *
add_socket(curl_socket_t fd)
{
	if (nsockets == max_sockets)
	{
		int size = Max(32, max_sockets * 2);
		WatchedSocket *larger = MemoryContextAllocExtended(TopMemoryContext,
														   sizeof(WatchedSocket) * size,
														   MCXT_ALLOC_NO_OOM);

		if (larger == NULL)
			return NULL;
		if (sockets)
		{
			memcpy(larger, sockets, sizeof(WatchedSocket) * nsockets);
			pfree(sockets);
		}
		sockets = larger;
		max_sockets = size;
	}
	sockets[nsockets] = (WatchedSocket) { .fd = fd, .what = CURL_POLL_NONE, .position = -1 };
	return &sockets[nsockets++];
}

static ino_t
inode_of(curl_socket_t fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

/* True when the socket is not the one that was opened; it is forgotten then. */
static bool
was_closed(WatchedSocket *known)
{
	if (!known->is_connection || !known->is_doubtful)
		return false;
	known->is_doubtful = false;
	if (inode_of(known->fd) == known->inode)
		return false;
	forget_socket(known);
	return true;
}

bool
dq_watch_opened(curl_socket_t fd)
{
	WatchedSocket *fresh;

	dq_watch_closed(fd);
	fresh = add_socket(fd);
	if (fresh == NULL)
		return false;
	fresh->is_connection = true;
	fresh->is_doubtful = true;
	fresh->inode = inode_of(fd);
	return true;
}

void
dq_watch_closed(curl_socket_t fd)
{
	WatchedSocket *known = find_socket(fd);

	if (known)
		forget_socket(known);
}

void
dq_watch_kept(curl_socket_t fd)
{
	WatchedSocket *known = find_socket(fd);

	if (known && known->is_connection)
		known->is_kept = true;
}

/*
 * Libcurl does not use a connection again that was shut down and has nothing more to read.  Should it
 * go on to read: a part of what came is missing then, which TLS notices.
 */
static void
end_connection(WatchedSocket *known)
{
	char dropped[8192];
	int pieces = 0;

	known->is_kept = false;
	shutdown(known->fd, SHUT_RDWR);
	while (recv(known->fd, dropped, sizeof(dropped), MSG_DONTWAIT) > 0 &&
		   ++pieces < MAX_DROPPED_PIECES)
		;
}

void
dq_watch_end_unasked(void)
{
	char byte;

	for (int i = 0; i < nsockets; i++)
		if (sockets[i].is_kept && sockets[i].what == CURL_POLL_NONE &&
			recv(sockets[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
			end_connection(&sockets[i]);
}

int
dq_watch_note(CURL *easy, curl_socket_t fd, int what, void *userp, void *socketp)
{
	WatchedSocket *known = find_socket(fd);

	if (what == CURL_POLL_REMOVE)
	{
		if (known && known->is_connection)
		{
			known->what = CURL_POLL_NONE;
			known->is_doubtful = true;
		}
		else if (known)
			forget_socket(known);
		return 0;
	}
	if (known == NULL || was_closed(known))
		known = add_socket(fd);
	if (known == NULL)
	{
		has_failed = true;
		return -1;
	}
	known->what = what;
	known->is_kept = false;
	return 0;
}

void
dq_watch_own(curl_socket_t fd, int what)
{
	WatchedSocket *known = find_socket(fd);

	if (known)
		known->what = what;
}

bool
dq_watch_is_idle(curl_socket_t fd)
{
	WatchedSocket *known = find_socket(fd);

	if (known == NULL)
		return true;
	if (known->what != CURL_POLL_NONE)
		return false;
	known->position = -1;
	is_stale = true;
	return true;
}

/* An idle socket does not stir, unless the service closes it. */
static uint32
wanted_events(const WatchedSocket *known)
{
	if (known->what == CURL_POLL_NONE)
		return WL_SOCKET_READABLE;
	return (known->what & CURL_POLL_IN ? WL_SOCKET_READABLE : 0) |
		(known->what & CURL_POLL_OUT ? WL_SOCKET_WRITEABLE : 0);
}

static bool
is_missing(const WatchedSocket *known)
{
	return known->position < 0 && known->what != CURL_POLL_NONE;
}

/* Builds the wait event set, without any socket yet. */
static void
rebuild_wait_set(int size)
{
	WaitEventSet *old = wait_set;

	wait_set = NULL;
	if (old)
		FreeWaitEventSet(old);
	for (int i = 0; i < nsockets; i++)
		sockets[i].position = -1;
	wait_set_size = size;
	wait_set_used = 0;
	wait_set = dq_create_wait_event_set(size + 2);
	AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
	if (IsUnderPostmaster)
		AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
}

void
dq_watch_reserve(void)
{
	if (wait_set == NULL)
	{
		is_stale = true;
		rebuild_wait_set(16);
	}
}

/* Makes the wait event set watch what libcurl wants watched. */
static void
prepare_wait_set(void)
{
	int missing = 0;

	if (has_failed)
	{
		has_failed = false;
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	for (int i = nsockets - 1; i >= 0; i--)
		if (!was_closed(&sockets[i]))
			missing += is_missing(&sockets[i]);
	if (!is_stale && wait_set_used + missing > wait_set_size)
		is_stale = true;
	if (is_stale)
		rebuild_wait_set(Max(16, nsockets * 2));
	is_stale = true; /* should something raise in the middle */
	for (int i = 0; i < nsockets; i++)
	{
		WatchedSocket *known = &sockets[i];
		uint32 wanted = wanted_events(known);

		if (is_missing(known))
		{
			known->position = AddWaitEventToSet(wait_set, wanted, known->fd, NULL, NULL);
			wait_set_used++;
		}
		else if (known->position >= 0 && known->watched != wanted)
			ModifyWaitEvent(wait_set, known->position, wanted, NULL);
		known->watched = wanted;
	}
	is_stale = false;
}

int
dq_watch_wait(long timeout_ms, uint32 wait_event, WaitEvent *events, int max_events)
{
	prepare_wait_set();
	return WaitEventSetWait(wait_set, timeout_ms, events, max_events, wait_event);
}
