/*
 * transfer.c
 *	  One attempt on the wire: libcurl's handle, and the callbacks that take the answer.
 *
 * Callbacks run inside libcurl: they append to buffers that never raise, note a fault, and return.
 * A full body buffer pauses the transfer until the owner has taken the bytes, so that a small
 * answer that decompresses into a huge one stays bounded.
 */
#include "postgres.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "storage/fd.h"
#include "transport/exchange_private.h"

#define USER_AGENT "distquery/0.1.0"

/* Bounds of one answer's head, and of what waits to be taken. */
#define MAX_HEADER_BYTES ((size_t) 256 * 1024)
#define FULL_BODY_BYTES ((size_t) 4 * 1024 * 1024)
#define RECEIVE_BYTES (64L * 1024)

/* Appends without raising; false when there is no memory. */
static bool
wire_append(Exchange *exchange, WireBuffer *buffer, const char *bytes, size_t len)
{
	if (buffer->len + len + 1 > buffer->size)
	{
		size_t size = Max(buffer->size * 2, 1024);
		char *larger;

		while (size < buffer->len + len + 1)
			size *= 2;
		larger = MemoryContextAllocExtended(exchange->context, size,
											MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
		if (larger == NULL)
			return false;
		if (buffer->data)
		{
			memcpy(larger, buffer->data, buffer->len);
			pfree(buffer->data);
		}
		buffer->data = larger;
		buffer->size = size;
	}
	memcpy(buffer->data + buffer->len, bytes, len);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
	return true;
}

static size_t
take_header(char *bytes, size_t size, size_t n, void *arg)
{
	Exchange *exchange = arg;
	size_t len = size * n;

	if (len > 5 && strncmp(bytes, "HTTP/", 5) == 0)
		exchange->headers.len = 0;
	if (exchange->headers.len + len > MAX_HEADER_BYTES)
	{
		exchange->fault = FAULT_TOO_MANY_HEADERS;
		return 0;
	}
	if (!wire_append(exchange, &exchange->headers, bytes, len))
	{
		exchange->fault = FAULT_OUT_OF_MEMORY;
		return 0;
	}
	return len;
}

static size_t
take_body(char *bytes, size_t size, size_t n, void *arg)
{
	Exchange *exchange = arg;
	size_t len = size * n;
	WireBuffer *buffer = &exchange->body;

	if (exchange->status == 0)
	{
		long status = 0;

		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		exchange->status = (int) status;
		exchange->is_body_wanted = status >= 200 && status < 300;
	}
	if (!exchange->is_body_wanted)
	{
		buffer = &exchange->excerpt;
		if (buffer->len < EXCERPT_BYTES &&
			!wire_append(exchange, buffer, bytes, Min(len, EXCERPT_BYTES - buffer->len)))
			exchange->fault = FAULT_OUT_OF_MEMORY;
		return len;
	}
	if (buffer->len > FULL_BODY_BYTES)
	{
		exchange->is_paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	exchange->body_bytes += len;
	exchange->stats.body_bytes += len;
	if (exchange->endpoint->limits.max_response_bytes > 0 &&
		exchange->body_bytes > exchange->endpoint->limits.max_response_bytes)
	{
		exchange->fault = FAULT_TOO_LARGE;
		return 0;
	}
	if (!wire_append(exchange, buffer, bytes, len))
	{
		exchange->fault = FAULT_OUT_OF_MEMORY;
		return 0;
	}
	dq_loop_tell(exchange);
	return len;
}

/* Link-local addresses are where clouds keep their metadata services; no declaration means them. */
static bool
is_link_local(const struct curl_sockaddr *address)
{
	if (address->family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) &address->addr;

		return (ntohl(in->sin_addr.s_addr) & 0xffff0000) == 0xa9fe0000;
	}
	if (address->family == AF_INET6)
	{
		const unsigned char *bytes = ((const struct sockaddr_in6 *) &address->addr)
										 ->sin6_addr.s6_addr;

		if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *) bytes))
			return bytes[12] == 0xa9 && bytes[13] == 0xfe;
		return bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;
	}
	return false;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Exchange *exchange = arg;
	curl_socket_t fd;

	if (is_link_local(address))
	{
		exchange->fault = FAULT_LINK_LOCAL;
		return CURL_SOCKET_BAD;
	}
	if (!AcquireExternalFD())
	{
		exchange->fault = FAULT_DESCRIPTORS;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	else
		exchange->stats.connections++;
	return fd;
}

static int
close_socket(void *arg, curl_socket_t fd)
{
	ReleaseExternalFD();
	return close(fd);
}

/* What is the same for every request; once a handle. */
void
dq_transfer_prepare_handle(CURL *easy)
{
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long) (CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
	curl_easy_setopt(easy, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 0x7fffffffL);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
}

static bool
add_header(Exchange *exchange, const char *name, const char *value)
{
	char *line = psprintf("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(exchange->header_list, line);

	pfree(line);
	if (longer == NULL)
		return false;
	exchange->header_list = longer;
	return true;
}

static bool
has_header(const Request *request, const char *name)
{
	for (int i = 0; i < request->nheaders; i++)
		if (pg_strcasecmp(request->headers[i].name, name) == 0)
			return true;
	return false;
}

static bool
set_headers(Exchange *exchange)
{
	const Request *request = &exchange->request;

	if (!has_header(request, "Accept") && !add_header(exchange, "Accept", "application/json"))
		return false;
	if (request->body && !has_header(request, "Content-Type") &&
		!add_header(exchange, "Content-Type", "application/json"))
		return false;
	for (int i = 0; i < request->nheaders; i++)
		if (!add_header(exchange, request->headers[i].name, request->headers[i].value))
			return false;
	return true;
}

/* Sets what differs from request to request; false when libcurl has no memory for it. */
static bool
set_request(Exchange *exchange)
{
	CURL *easy = exchange->easy;
	const TransferLimits *limits = &exchange->endpoint->limits;
	const Request *request = &exchange->request;
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	bool is_good;

	exchange->sent_url = pstrdup(request->url);
	is_good = set_headers(exchange) &&
		dq_credentials_apply(exchange->endpoint->credentials, easy, &exchange->header_list,
							 &exchange->sent_url);
	MemoryContextSwitchTo(old);
	if (request->body)
	{
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(request->body));
		is_good &= curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) == CURLE_OK;
	}
	else
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	is_good &= curl_easy_setopt(easy, CURLOPT_URL, exchange->sent_url) == CURLE_OK;
	is_good &= curl_easy_setopt(easy, CURLOPT_PROXY, limits->proxy ? limits->proxy : "") ==
		CURLE_OK;
	if (limits->ca_file)
		is_good &= curl_easy_setopt(easy, CURLOPT_CAINFO, limits->ca_file) == CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->header_list);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_error);
	return is_good;
}

/* Puts a fresh attempt on the wire; false when libcurl has no memory for it. */
bool
dq_transfer_start(Exchange *exchange)
{
	exchange->fault = FAULT_NONE;
	exchange->status = 0;
	exchange->is_body_wanted = false;
	exchange->is_paused = false;
	exchange->body_bytes = 0;
	exchange->body.len = exchange->headers.len = exchange->excerpt.len = 0;
	exchange->curl_error[0] = '\0';
	exchange->attempt_started_ms = dq_loop_clock_ms();
	exchange->easy = dq_loop_handle();
	if (exchange->easy == NULL)
		return false;
	if (!set_request(exchange) || !dq_loop_add(exchange))
	{
		curl_easy_cleanup(exchange->easy);
		exchange->easy = NULL;
		curl_slist_free_all(exchange->header_list);
		exchange->header_list = NULL;
		return false;
	}
	exchange->stats.requests++;
	return true;
}

/* Notes the attempt's figures and takes it off the wire.  Cannot raise, may run twice. */
void
dq_transfer_stop(Exchange *exchange)
{
	curl_off_t micros = 0;
	curl_off_t bytes = 0;

	if (exchange->easy == NULL)
		return;
	curl_easy_getinfo(exchange->easy, CURLINFO_STARTTRANSFER_TIME_T, &micros);
	curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	exchange->stats.first_byte_ms = micros / 1000.0;
	exchange->stats.wire_bytes += bytes;
	dq_loop_remove(exchange);
	/* The handle outlives the exchange: nothing of it may stay behind. */
	curl_easy_setopt(exchange->easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_USERNAME, NULL);
	curl_easy_setopt(exchange->easy, CURLOPT_PASSWORD, NULL);
	if (exchange->endpoint->limits.ca_file)
		curl_easy_cleanup(exchange->easy);
	else
		dq_loop_return_handle(exchange->easy);
	exchange->easy = NULL;
	curl_slist_free_all(exchange->header_list);
	exchange->header_list = NULL;
}

/*
 * Lets a transfer go on whose bytes have been taken; outside libcurl.  What it had received
 * meanwhile comes to take_body() in here, and when that refuses it, only this call says so.
 */
void
dq_transfer_resume(Exchange *exchange)
{
	CURLcode code;

	if (!exchange->is_paused || exchange->easy == NULL || exchange->body.len > 0)
		return;
	exchange->is_paused = false;
	code = curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
	if (code != CURLE_OK)
		dq_exchange_attempt_ended(exchange, code);
}
