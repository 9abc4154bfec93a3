/*
 * link_order.c
 *	  Links that this backend has, and commands for them.
 */
#include "postgres.h"

#include <errno.h>
#include <sys/socket.h>

#include "cache/link_private.h"
#include "transport/guard.h"
#include "transport/loop.h"
#include "utils/memutils.h"

/* Links that a backend keeps: of more, the one goes that nobody uses and was not used for longest. */
#define KEPT_LINKS 64

/* Bytes that may wait to be sent. */
#define MAX_UNSENT ((int) 32 * 1024 * 1024)

static CacheLink **links = NULL;
static int max_links = 0;
static int nlinks = 0;

/*
 * A connection that its server has closed while nobody looked, or that was made when other hosts were
 * allowed.
 */
static void
check_idle(CacheLink *link)
{
	char byte;

	if (link->state != LINK_CONNECTED || !dlist_is_empty(&link->orders))
		return;
	if (link->allowed_by != dq_guard_generation() ||
		recv(link->source.fd, &byte, 1, MSG_PEEK) >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
		dq_link_close(link);
}

int
dq_link_unsent(const CacheLink *link)
{
	return link->out.data ? link->out.len - link->sent : 0;
}

static bool
has_room(const CacheLink *link, int bytes)
{
	int unsent = dq_link_unsent(link);

	return unsent + bytes <= MAX_UNSENT || unsent == 0;
}

/* Appends to what waits to be sent; may raise, before anything has changed. */
static void
append_commands(CacheLink *link, const StringInfoData *commands)
{
	MemoryContext old = MemoryContextSwitchTo(link->context);

	if (link->out.data == NULL)
		initStringInfo(&link->out);
	if (link->sent > 0)
	{
		memmove(link->out.data, link->out.data + link->sent, link->out.len - link->sent);
		link->out.len -= link->sent;
		link->sent = 0;
	}
	enlargeStringInfo(&link->out, commands->len);
	appendBinaryStringInfo(&link->out, commands->data, commands->len);
	MemoryContextSwitchTo(old);
}

static CacheOrder *
make_order(CacheLink *link, int replies, int nvalues, double timeout_ms)
{
	CacheOrder *order = MemoryContextAllocZero(link->context, sizeof(CacheOrder));

	order->replies = replies;
	order->nvalues = nvalues;
	order->since_ms = dq_loop_clock_ms();
	order->deadline_ms = order->since_ms + timeout_ms;
	return order;
}

/* Queues what greets the server, whose failure is the link's, and the first commands behind it. */
static void
begin_with_greeting(CacheLink *link, const StringInfoData *commands, double timeout_ms)
{
	StringInfoData all;
	CacheOrder *greeting = NULL;
	int replies;

	initStringInfo(&all);
	replies = link->protocol->greet(&all, &link->login);
	if (replies > 0)
		greeting = make_order(link, replies, 0, timeout_ms);
	appendBinaryStringInfo(&all, commands->data, commands->len);
	append_commands(link, &all);
	explicit_bzero(all.data, all.len);
	pfree(all.data);
	if (greeting)
	{
		greeting->owner = link;
		dlist_push_tail(&link->orders, &greeting->node);
	}
}

CacheOrder *
dq_link_order(CacheLink *link, const StringInfoData *commands, int replies, int nvalues,
			  double timeout_ms, bool is_urgent)
{
	CacheOrder *order;

	dq_guard_prepare();
	check_idle(link);
	if (!has_room(link, commands->len) ||
		(!is_urgent && !dq_breaker_allows(&link->breaker, dq_link_now_us())))
		return NULL;
	order = make_order(link, replies, nvalues, timeout_ms);
	if (link->state == LINK_CLOSED && dlist_is_empty(&link->orders))
		begin_with_greeting(link, commands, timeout_ms);
	else
		append_commands(link, commands);
	dlist_push_tail(&link->orders, &order->node);
	link->used_us = dq_link_now_us();
	link->is_probe |= dq_breaker_begin(&link->breaker);
	return order;
}

void
dq_link_go(CacheLink *link)
{
	if (link->state == LINK_CLOSED && !dlist_is_empty(&link->orders))
		dq_link_open(link);
	else if (link->state == LINK_CONNECTED)
		dq_link_transmit(link);
	dq_link_watch(link);
}

/*
 * Links
 */

static bool
is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
is_link_to(const CacheLink *link, const CacheProtocol *protocol, const char *host, int port,
		   const CacheLogin *login)
{
	return link->protocol == protocol && link->port == port && link->login.db == login->db &&
		strcmp(link->host, host) == 0 && is_same_text(link->login.username, login->username) &&
		is_same_text(link->login.password, login->password);
}

static char *
copy_text(MemoryContext context, const char *text)
{
	return text ? MemoryContextStrdup(context, text) : NULL;
}

/* The place of a link that has nothing to do, the one that was not used for longest; -1: none. */
static int
find_unused(void)
{
	int found = -1;

	for (int i = 0; i < nlinks; i++)
		if (links[i]->pins == 0 && dlist_is_empty(&links[i]->orders) &&
			!links[i]->source.has_news && (found < 0 || links[i]->used_us < links[found]->used_us))
			found = i;
	return found;
}

/* The place for one more link: that of one which nobody uses, where there are many, or a new one. */
static int
find_place(void)
{
	int place = nlinks < KEPT_LINKS ? -1 : find_unused();

	if (place >= 0)
		return place;
	if (nlinks == max_links)
	{
		int size = Max(KEPT_LINKS, max_links * 2);

		links = links ? repalloc(links, sizeof(CacheLink *) * size) :
						MemoryContextAlloc(TopMemoryContext, sizeof(CacheLink *) * size);
		max_links = size;
	}
	return nlinks;
}

void
dq_link_pin(CacheLink *link)
{
	link->pins++;
}

void
dq_link_unpin(CacheLink *link)
{
	link->pins--;
}

static void
free_link(CacheLink *link)
{
	dq_link_close(link);
	dq_loop_remove_source(&link->source);
	if (link->login.password)
		explicit_bzero((char *) link->login.password, strlen(link->login.password));
	MemoryContextDelete(link->context);
}

static CacheLink *
make_link(const CacheProtocol *protocol, const char *host, int port, const CacheLogin *login)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext, "distquery cache link",
												  ALLOCSET_SMALL_SIZES);
	CacheLink *link = MemoryContextAllocZero(context, sizeof(CacheLink));

	link->context = context;
	link->protocol = protocol;
	link->host = MemoryContextStrdup(context, host);
	link->port = port;
	link->login.username = copy_text(context, login->username);
	link->login.password = copy_text(context, login->password);
	link->login.db = login->db;
	link->credentials.cache_password = link->login.password;
	link->source.fd = CURL_SOCKET_BAD;
	link->source.deadline_ms = -1;
	link->heard_ms = -1;
	link->source.serve = dq_link_serve;
	link->source.tell = dq_link_tell;
	link->resolve.on_end = dq_link_resolved;
	link->used_us = dq_link_now_us();
	dlist_init(&link->orders);
	dq_loop_add_source(&link->source);
	return link;
}

CacheLink *
dq_link_find(const CacheProtocol *protocol, const char *host, int port, const CacheLogin *login)
{
	CacheLink *link;
	int place;

	for (int i = 0; i < nlinks; i++)
		if (is_link_to(links[i], protocol, host, port, login))
			return links[i];
	place = find_place();
	link = make_link(protocol, host, port, login);
	if (place < nlinks)
		free_link(links[place]);
	else
		nlinks++;
	links[place] = link;
	return link;
}
