/*
 * resolve.c
 *	  Addresses of a host for sockets of our own, found by libcurl's resolver in the loop.
 *
 * The C library's resolver blocks; libcurl has one that does not, but keeps what it finds to
 * itself.  So libcurl is asked to connect: it has to open a socket for each address, by a callback
 * of ours that writes the address down and refuses.  When all were refused, libcurl is done.
 *
 * No handle is ever freed inside libcurl's frames: dq_resolve_ended() is called between them.
 */
#include "postgres.h"

#include "transport/exchange_private.h"
#include "transport/loop_source.h"
#include "transport/resolve.h"

static Resolve *under_way = NULL;

static curl_socket_t
note_address(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Resolve *resolve = arg;
	ResolvedAddress *noted = &resolve->addresses[resolve->naddresses];

	if (resolve->naddresses < RESOLVE_MAX_ADDRESSES &&
		address->addrlen <= sizeof(struct sockaddr_storage))
	{
		memcpy(&noted->address, &address->addr, address->addrlen);
		noted->len = address->addrlen;
		noted->family = address->family;
		resolve->naddresses++;
	}
	return CURL_SOCKET_BAD;
}

/* Who no longer wants the addresses does not wait for the system's resolver, which cannot be stopped. */
static bool
leave_at_once(CURL *easy)
{
#if LIBCURL_VERSION_NUM >= 0x075700
	return curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#else
	return true;
#endif
}

static bool
prepare_handle(Resolve *resolve, const char *host, int port)
{
	char url[512];
	CURL *easy = resolve->easy;

	if (snprintf(url, sizeof(url), "http://%s:%d/", host, port) >= (int) sizeof(url))
		return false;
	return leave_at_once(easy) && curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_PRIVATE, NULL) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, note_address) == CURLE_OK &&
		curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, resolve) == CURLE_OK;
}

static void
leave_list(Resolve *resolve)
{
	for (Resolve **link = &under_way; *link; link = &(*link)->next)
		if (*link == resolve)
		{
			*link = resolve->next;
			return;
		}
}

bool
dq_resolve_begin(Resolve *resolve, const char *host, int port)
{
	resolve->naddresses = 0;
	resolve->easy = curl_easy_init();
	if (resolve->easy == NULL)
		return false;
	if (!prepare_handle(resolve, host, port) || !dq_loop_add_handle(resolve->easy))
	{
		dq_loop_discard_handle(resolve->easy);
		resolve->easy = NULL;
		return false;
	}
	resolve->next = under_way;
	under_way = resolve;
	return true;
}

void
dq_resolve_cancel(Resolve *resolve)
{
	if (resolve->easy == NULL)
		return;
	leave_list(resolve);
	dq_loop_remove_handle(resolve->easy);
	dq_loop_discard_handle(resolve->easy);
	resolve->easy = NULL;
}

void
dq_resolve_ended(CURL *easy)
{
	for (Resolve *resolve = under_way; resolve; resolve = resolve->next)
		if (resolve->easy == easy)
		{
			dq_resolve_cancel(resolve);
			resolve->on_end(resolve);
			return;
		}
}
