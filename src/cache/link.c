/*
 * link.c
 *	  This backend's connection to a cache server: bytes out and in, and what ends it.
 *
 * dq_link_serve() runs in the loop's step: it sends, receives, and hands replies to orders in turn.
 * It cannot raise, so it allocates without raising, and leaves what it has to say to dq_link_tell().
 */
#include "postgres.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/link_private.h"
#include "portability/instr_time.h"
#include "transport/loop.h"
#include "transport/watch.h"
#include "utils/memutils.h"

#define WARN_EVERY_US (INT64CONST(60) * 1000 * 1000)

/* A buffer that is kept when it was sent. */
#define KEPT_BUFFER (256 * 1024)

#define RECEIVE_BYTES (64 * 1024)

/* Pieces taken from a socket before others are served. */
#define MAX_PIECES 64

static char received[RECEIVE_BYTES];

int64
dq_link_now_us(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

char *
dq_link_name(const CacheLink *link)
{
	return psprintf("%s server \"%s:%d\"", link->protocol->name, link->host, link->port);
}

char *
dq_link_problem(const CacheLink *link)
{
	char *shown = dq_credentials_redact(&link->credentials, link->problem);

	for (char *c = shown; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	return shown;
}

/*
 * Ends
 */

static void
end_order(CacheOrder *order, OrderEnd end)
{
	dlist_delete(&order->node);
	if (order->owner && order->on_end)
		order->on_end(order->owner, end);
	pfree(order);
}

void
dq_link_forget(CacheOrder *order)
{
	order->owner = NULL;
	order->on_value = NULL;
	order->on_end = NULL;
}

void
dq_link_close(CacheLink *link)
{
	dq_resolve_cancel(&link->resolve);
	if (link->source.fd != CURL_SOCKET_BAD)
	{
		dq_watch_closed(link->source.fd);
		close(link->source.fd);
		link->source.fd = CURL_SOCKET_BAD;
	}
	if (link->parser)
		link->protocol->parser_free(link->parser);
	link->parser = NULL;
	link->state = LINK_CLOSED;
	link->source.deadline_ms = -1;
	link->sent = 0;
	if (link->out.data && link->out.maxlen > KEPT_BUFFER)
	{
		pfree(link->out.data);
		link->out.data = NULL;
	}
	link->out.len = 0;
}

/* To be told by link_tell(): our own words, and the server's. */
static void
note_problem(CacheLink *link, const char *problem, const char *detail, size_t detail_len)
{
	size_t len = (size_t) snprintf(link->problem, sizeof(link->problem), "%s", problem);

	for (size_t i = 0; i < detail_len && len + 1 < sizeof(link->problem); i++)
		link->problem[len++] = detail[i] ? detail[i] : '?';
	link->problem[len] = '\0';
	link->has_warning = true;
	link->source.has_news = true;
}

static void
count_failure(CacheLink *link)
{
	dq_breaker_end(&link->breaker, link->is_probe, OUTCOME_FAILED, LINK_BREAKER_FAILURES,
				   LINK_BREAKER_COOLDOWN_US, dq_link_now_us());
	link->is_probe = false;
}

/* Gives up the connection and all orders. */
void
dq_link_fail(CacheLink *link, const char *problem, const char *detail, size_t detail_len)
{
	dlist_mutable_iter iter;

	note_problem(link, problem, detail, detail_len);
	dq_link_close(link);
	count_failure(link);
	dlist_foreach_modify(iter, &link->orders)
		end_order(dlist_container(CacheOrder, node, iter.cur), ORDER_FAILED);
}

void
dq_link_fail_by_errno(CacheLink *link, const char *what, int error)
{
	char buffer[128];
	const char *text = strerror_r(error, buffer, sizeof(buffer));

	dq_link_fail(link, what, text, strlen(text));
}

/*
 * Replies
 */

void
dq_link_watch(CacheLink *link)
{
	bool has_unsent = link->out.data && link->sent < link->out.len;
	dlist_iter iter;

	if (link->source.fd != CURL_SOCKET_BAD)
		dq_watch_own(link->source.fd,
					 link->state == LINK_CONNECTING || has_unsent ? CURL_POLL_INOUT : CURL_POLL_IN);
	link->source.deadline_ms = -1;
	dlist_foreach(iter, &link->orders)
	{
		double deadline = dlist_container(CacheOrder, node, iter.cur)->deadline_ms;

		if (deadline >= 0 && (link->source.deadline_ms < 0 || deadline < link->source.deadline_ms))
			link->source.deadline_ms = deadline;
	}
}

/* Hands a reply to the order that it answers; false when the connection is of no use any more. */
static bool
take_reply(CacheLink *link, const CacheReply *reply)
{
	CacheOrder *order;

	if (dlist_is_empty(&link->orders))
	{
		dq_link_fail(link, "it said something without being asked", NULL, 0);
		return false;
	}
	order = dlist_head_element(CacheOrder, node, &link->orders);
	if (reply->kind == CACHE_REPLY_ERROR && (order->nvalues > 0 || order->owner == link))
	{
		dq_link_fail(link, "it answered: ", reply->message, reply->message_len);
		return false;
	}
	if (reply->nvalues > order->nvalues - order->got)
	{
		dq_link_fail(link, "it answered something else than it was asked", NULL, 0);
		return false;
	}
	for (int i = 0; i < reply->nvalues; i++, order->got++)
		if (order->on_value)
			order->on_value(order->owner, order->got, &reply->values[i]);
	if (reply->kind == CACHE_REPLY_ERROR)
	{
		note_problem(link, "it answered: ", reply->message, reply->message_len);
		order->end = ORDER_FAILED;
	}
	else if (reply->kind == CACHE_REPLY_TOO_LARGE)
		order->end = ORDER_TOO_LARGE;
	else if (reply->kind == CACHE_REPLY_NOT_DONE)
		order->end = ORDER_NOT_DONE;
	if (--order->replies > 0)
		return true;
	if (order->got != order->nvalues)
	{
		dq_link_fail(link, "it answered something else than it was asked", NULL, 0);
		return false;
	}
	dq_breaker_end(&link->breaker, link->is_probe, OUTCOME_ANSWERED, LINK_BREAKER_FAILURES,
				   LINK_BREAKER_COOLDOWN_US, dq_link_now_us());
	link->is_probe = false;
	end_order(order, order->end);
	return true;
}

static bool
take_replies(CacheLink *link)
{
	CacheReply reply;
	CacheParse result;

	while ((result = link->protocol->parser_next(link->parser, &reply)) == CACHE_PARSE_REPLY)
		if (!take_reply(link, &reply))
			return false;
	if (result == CACHE_PARSE_MORE)
		return true;
	dq_link_fail(link, "its answer cannot be understood", NULL, 0);
	return false;
}

/* An idle connection that its server closes was of no use any more, and is no failure. */
static void
closed_by_server(CacheLink *link, int error)
{
	if (dlist_is_empty(&link->orders))
		dq_link_close(link);
	else if (error)
		dq_link_fail_by_errno(link, "the connection broke: ", error);
	else
		dq_link_fail(link, "it closed the connection", NULL, 0);
}

static void
receive(CacheLink *link)
{
	for (int i = 0; i < MAX_PIECES && link->state == LINK_CONNECTED; i++)
	{
		ssize_t n = recv(link->source.fd, received, sizeof(received), 0);
		MemoryContext old;
		bool is_fed;

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
		{
			closed_by_server(link, n < 0 ? errno : 0);
			return;
		}
		link->heard_ms = dq_loop_clock_ms();
		old = MemoryContextSwitchTo(link->context);
		is_fed = link->protocol->parser_feed(link->parser, received, (size_t) n);
		if (!is_fed)
			dq_link_fail(link, "its answer is too large", NULL, 0);
		else if (take_replies(link) && n < (ssize_t) sizeof(received))
			i = MAX_PIECES;
		MemoryContextSwitchTo(old);
	}
}

void
dq_link_transmit(CacheLink *link)
{
	while (link->out.data && link->sent < link->out.len)
	{
		ssize_t n = send(link->source.fd, link->out.data + link->sent,
						 (size_t) (link->out.len - link->sent), MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return;
		if (n < 0)
		{
			closed_by_server(link, errno);
			return;
		}
		link->sent += (int) n;
	}
	link->sent = 0;
	link->out.len = 0;
	if (link->out.data && link->out.maxlen > KEPT_BUFFER)
	{
		pfree(link->out.data);
		link->out.data = NULL;
	}
}

/* Whoever waits for an order that is late waits no longer. */
static void
give_up_late(CacheLink *link)
{
	double now = dq_loop_clock_ms();
	dlist_iter iter;

	dlist_foreach(iter, &link->orders)
	{
		CacheOrder *order = dlist_container(CacheOrder, node, iter.cur);

		if (order->deadline_ms < 0 || order->deadline_ms > now)
			continue;
		if (link->state != LINK_CONNECTED || link->heard_ms <= order->since_ms)
		{
			dq_link_fail(link, "it did not answer in time", NULL, 0);
			return;
		}
		note_problem(link, "it did not answer in time, busy with earlier commands", NULL, 0);
		count_failure(link);
		order->deadline_ms = -1;
		if (order->owner && order->on_end)
			order->on_end(order->owner, ORDER_FAILED);
		dq_link_forget(order);
	}
}

/* Something happened to the socket, or, without events, the time of the first order is over. */
void
dq_link_serve(LoopSource *source, int events)
{
	CacheLink *link = (CacheLink *) source;

	if (link->state == LINK_CONNECTING && events & (CURL_CSELECT_OUT | CURL_CSELECT_IN))
		dq_link_check_connection(link);
	else if (link->state == LINK_CONNECTED)
	{
		if (events & CURL_CSELECT_OUT)
			dq_link_transmit(link);
		if (link->state == LINK_CONNECTED)
			receive(link);
	}
	dq_link_watch(link);
	if (events == 0)
	{
		give_up_late(link);
		dq_link_watch(link);
	}
}

/* In the loop's step, where warnings may be said. */
void
dq_link_tell(LoopSource *source)
{
	CacheLink *link = (CacheLink *) source;
	int64 now = dq_link_now_us();

	if (!link->has_warning)
		return;
	link->has_warning = false;
	if (link->warned_us != 0 && now - link->warned_us < WARN_EVERY_US)
		return;
	link->warned_us = now;
	ereport(WARNING,
			(errcode(ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION),
			 errmsg("could not use the cache on %s", dq_link_name(link)),
			 errdetail("The latest problem: %s.", dq_link_problem(link)),
			 errhint("Services are asked instead.  This is said once a minute in each session.")));
}

void
dq_link_drain(CacheLink *link, long ms)
{
	int64 until_us = dq_link_now_us() + ms * 1000;

	while (link->state == LINK_CONNECTED && !dlist_is_empty(&link->orders))
	{
		struct pollfd ready = { .fd = link->source.fd, .events = POLLIN };
		int64 left_us = until_us - dq_link_now_us();

		if (left_us <= 0)
			return;
		if (link->sent < link->out.len)
			ready.events |= POLLOUT;
		if (poll(&ready, 1, (int) (left_us / 1000) + 1) > 0)
			dq_link_serve(&link->source,
						  (ready.revents & POLLOUT ? CURL_CSELECT_OUT : 0) | CURL_CSELECT_IN);
	}
}
