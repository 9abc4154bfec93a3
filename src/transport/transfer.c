/*
 * transfer.c
 *	  One attempt on the wire: libcurl's handle, and the callbacks that take the answer.
 *
 * Callbacks run inside libcurl: they append to buffers that never raise, note a fault, and return.
 * Nothing is ever paused: what one receive buffer decompresses to waits in memory until the loop has
 * called the owner.  With gzip that is RECEIVE_BYTES times 1032 at worst; brotli, zstd and nested
 * codings have no such bound, so what they inflate beyond it ends with an error.
 *
 * Handles are used again.  What is the same for all requests is set once a handle
 * (dq_transfer_prepare_handle); what a request sets beyond that is taken back by
 * dq_transfer_stop().
 */
#include "postgres.h"

#include <sys/socket.h>
#include <unistd.h>

#include "storage/fd.h"
#include "transport/budget.h"
#include "transport/exchange_private.h"
#include "transport/request_list.h"
#include "transport/user_agent.h"
#include "transport/redirect.h"
#include "transport/watch.h"
#include "transport/way.h"

/* Bounds of one answer's head, and of what is read of the body of an error status. */
#define MAX_HEADER_BYTES ((size_t) 256 * 1024)
#define MAX_ERROR_BODY_BYTES ((int64) 1024 * 1024)
#define RECEIVE_BYTES (32L * 1024)

/* A list: ours is joined to what is declared. */
#define WAY_HEADER "CDN-Loop"

/* A larger buffer is not kept once its bytes were taken. */
#define KEPT_BUFFER_BYTES ((size_t) 1024 * 1024)

/* What is not gzip any more: so many bytes wait, and there are so many times those received. */
#define INFLATED_BYTES ((size_t) 32 * 1024 * 1024)
#define INFLATED_RATIO 1100

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
	exchange->header_bytes += len;
	if (exchange->header_bytes > MAX_HEADER_BYTES)
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

/*
 * Keeps the beginning of a body that is no answer; the rest is read, so that the connection can be
 * kept, if it is short.
 */
static size_t
take_excerpt(Exchange *exchange, const char *bytes, size_t len)
{
	WireBuffer *buffer = &exchange->excerpt;

	exchange->body_bytes += len;
	if (exchange->body_bytes > MAX_ERROR_BODY_BYTES)
	{
		exchange->is_excerpt_enough = true;
		return 0;
	}
	if (buffer->len < EXCERPT_BYTES &&
		!wire_append(exchange, buffer, bytes, Min(len, EXCERPT_BYTES - buffer->len)))
	{
		exchange->fault = FAULT_OUT_OF_MEMORY;
		return 0;
	}
	return len;
}

/* Content-Length alone refuses nothing: LIMIT may need only the beginning of a long answer. */
static bool
is_too_large(const Exchange *exchange, size_t len)
{
	int64 limit = exchange->endpoint->limits.max_response_bytes;

	return limit > 0 && exchange->body_bytes + (int64) len > limit;
}

/* Of bytes received libcurl may not have counted those that it is about to hand out. */
static bool
is_inflated(const Exchange *exchange, size_t len)
{
	curl_off_t received = 0;

	if (exchange->body.len + len <= INFLATED_BYTES)
		return false;
	curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	return exchange->body_bytes + (int64) len > INFLATED_RATIO * ((int64) received + RECEIVE_BYTES);
}

static size_t
take_body(char *bytes, size_t size, size_t n, void *arg)
{
	Exchange *exchange = arg;
	size_t len = size * n;

	if (exchange->status == 0)
	{
		long status = 0;

		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		exchange->status = (int) status;
		exchange->is_body_wanted = status >= 200 && status < 300;
		dq_exchange_show(exchange, ACTIVITY_RECEIVING);
	}
	if (!exchange->is_body_wanted)
		return take_excerpt(exchange, bytes, len);
	if (is_too_large(exchange, len))
	{
		exchange->fault = FAULT_TOO_LARGE;
		return 0;
	}
	if (is_inflated(exchange, len))
	{
		exchange->fault = FAULT_INFLATED;
		return 0;
	}
	if (!exchange->is_token_request && !dq_budget_count_bytes(exchange->relid, len))
	{
		exchange->fault = FAULT_BUDGET;
		return 0;
	}
	exchange->body_bytes += len;
	exchange->stats.body_bytes += len;
	if (!wire_append(exchange, &exchange->body, bytes, len))
	{
		exchange->fault = FAULT_OUT_OF_MEMORY;
		return 0;
	}
	dq_loop_count(len);
	dq_loop_tell(exchange);
	return len;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	Exchange *exchange = arg;
	curl_socket_t fd;

	if (!dq_guard_admits_address(&exchange->guard, &address->addr))
	{
		exchange->fault = FAULT_ADDRESS;
		return CURL_SOCKET_BAD;
	}
	if (!AcquireExternalFD())
	{
		exchange->fault = FAULT_DESCRIPTORS;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd != CURL_SOCKET_BAD && !dq_watch_opened(fd))
	{
		exchange->fault = FAULT_OUT_OF_MEMORY;
		close(fd);
		fd = CURL_SOCKET_BAD;
	}
	if (fd == CURL_SOCKET_BAD)
		ReleaseExternalFD();
	return fd;
}

static int
close_socket(void *arg, curl_socket_t fd)
{
	dq_watch_closed(fd);
	return close(fd);
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* A connection is there, perhaps one that was opened before the setting changed. */
static int
check_connection(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	Exchange *exchange = arg;

	if (dq_guard_admits_peer(&exchange->guard, peer, peer_port))
	{
		/* One address of a name may be refused while another one answers. */
		if (exchange->fault == FAULT_ADDRESS || exchange->fault == FAULT_DESCRIPTORS)
			exchange->fault = FAULT_NONE;
		return CURL_PREREQFUNC_OK;
	}
	exchange->fault = FAULT_ADDRESS;
	return CURL_PREREQFUNC_ABORT;
}
#endif

/* Whether a kept connection is asked for its address before it is used. */
static bool
may_use_kept_connection(void)
{
#if LIBCURL_VERSION_NUM >= 0x075000
	return true;
#else
	return !dq_guard_has_rules();
#endif
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
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* not the environment's */
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
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
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, check_connection);
#endif
}

static bool
add_header_line(Exchange *exchange, const char *line)
{
	struct curl_slist *longer = curl_slist_append(exchange->header_list, line);

	if (longer == NULL)
		return false;
	exchange->header_list = longer;
	return true;
}

/* To libcurl "Name:" takes a header away; an empty one is "Name;". */
static bool
add_header(Exchange *exchange, const char *name, const char *value)
{
	char *line = *value ? psprintf("%s: %s", name, value) : psprintf("%s;", name);
	bool is_added = add_header_line(exchange, line);

	pfree(line);
	return is_added;
}

/* What is declared for a header; NULL: nothing. */
static const char *
declared_header(const Request *request, const char *name)
{
	for (int i = 0; i < request->nheaders; i++)
		if (pg_strcasecmp(request->headers[i].name, name) == 0)
			return request->headers[i].value;
	return NULL;
}

static bool
has_header(const Request *request, const char *name)
{
	return declared_header(request, name) != NULL;
}

/* What tells the service where the request comes from; what option headers says goes first. */
static bool
set_origin_headers(Exchange *exchange)
{
	const Request *request = &exchange->request;
	char *traceparent = has_header(request, "traceparent") ? NULL :
															 dq_trace_begin_span(&exchange->span);
	const char *tracestate = dq_trace_state();

	if (!has_header(request, "User-Agent") && !add_header(exchange, "User-Agent", dq_user_agent()))
		return false;
	if (traceparent &&
		(!add_header(exchange, "traceparent", traceparent) ||
		 (tracestate && !has_header(request, "tracestate") &&
		  !add_header(exchange, "tracestate", tracestate))))
		return false;
	return add_header(exchange, WAY_HEADER, dq_way_header(declared_header(request, WAY_HEADER)));
}

static bool
set_headers(Exchange *exchange)
{
	const Request *request = &exchange->request;

	if (!set_origin_headers(exchange))
		return false;
	if (!has_header(request, "Accept") && !add_header(exchange, "Accept", "application/json"))
		return false;
	if (request->body && !has_header(request, "Content-Type") &&
		!add_header(exchange, "Content-Type", "application/json"))
		return false;
	/* Before a long body libcurl would wait a second for "100 Continue". */
	if (request->body && !add_header_line(exchange, "Expect:"))
		return false;
	for (int i = 0; i < request->nheaders; i++)
		if (pg_strcasecmp(request->headers[i].name, WAY_HEADER) != 0 &&
			!add_header(exchange, request->headers[i].name, request->headers[i].value))
			return false;
	return true;
}

/* A line break in a header would begin another one (CWE-93): nothing of the list is sent then. */
static bool
has_line_break(const Exchange *exchange)
{
	for (const struct curl_slist *item = exchange->header_list; item; item = item->next)
		if (strpbrk(item->data, "\r\n"))
			return true;
	return false;
}

/* libcurl copies the body: that with the secrets of the credentials is not kept here. */
static bool
set_body(Exchange *exchange)
{
	char *body = dq_credentials_body(exchange->endpoint->credentials, exchange->request.body);
	bool is_good;

	curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(body));
	is_good = curl_easy_setopt(exchange->easy, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK;
	explicit_bzero(body, strlen(body));
	pfree(body);
	return is_good;
}

/*
 * Sets what differs from request to request; false when libcurl has no memory for it, or fault is
 * set.
 */
static bool
set_request(Exchange *exchange)
{
	CURL *easy = exchange->easy;
	const TransferLimits *limits = &exchange->endpoint->limits;
	const Request *request = &exchange->request;
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	bool is_good;
	bool may_reuse;

	exchange->sent_url = pstrdup(request->url);
	if (!dq_guard_admits_url(&exchange->guard, request->url, limits->proxy))
	{
		MemoryContextSwitchTo(old);
		exchange->fault = FAULT_ADDRESS;
		return false;
	}
	is_good = set_headers(exchange) &&
		dq_credentials_apply(dq_redirect_credentials(exchange), exchange->token, easy,
							 &exchange->header_list, &exchange->sent_url);
	MemoryContextSwitchTo(old);
	if (is_good && has_line_break(exchange))
	{
		exchange->fault = FAULT_LINE_BREAK;
		return false;
	}
	if (request->body)
		is_good &= set_body(exchange);
	else
		curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
	is_good &= curl_easy_setopt(easy, CURLOPT_URL, exchange->sent_url) == CURLE_OK;
	/* Libcurl sends again by itself when a kept connection turns out to be closed. */
	may_reuse = request->is_idempotent && may_use_kept_connection();
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, may_reuse ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, may_reuse ? 0L : 1L);
	/* Wait for a TLS connection that may turn out to carry many requests, rather than open many. */
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT,
					 pg_strncasecmp(request->url, "https:", 6) == 0 ? 1L : 0L);
	if (limits->proxy)
		is_good &= curl_easy_setopt(easy, CURLOPT_PROXY, limits->proxy) == CURLE_OK;
	if (limits->ca_file)
		is_good &= curl_easy_setopt(easy, CURLOPT_CAINFO, limits->ca_file) == CURLE_OK;
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->header_list);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange);
#endif
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_error);
	return is_good;
}

/*
 * Takes back what set_request() set and other requests do not; nothing of the exchange stays behind
 * in the handle.
 */
static void
forget_request(Exchange *exchange)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);
	curl_easy_setopt(easy, CURLOPT_USERNAME, NULL);
	curl_easy_setopt(easy, CURLOPT_PASSWORD, NULL);
	/* The system's authorities cannot be set again, nor a body that was copied be forgotten. */
	if (exchange->endpoint->limits.ca_file || exchange->endpoint->limits.proxy ||
		exchange->request.body || dq_credentials_mark_handle(exchange->endpoint->credentials))
		dq_loop_discard_handle(easy);
	else
		dq_loop_return_handle(easy);
	exchange->easy = NULL;
	curl_slist_free_all(exchange->header_list);
	exchange->header_list = NULL;
}

/* Puts a fresh attempt on the wire; false when libcurl has no memory for it, or fault is set. */
bool
dq_transfer_start(Exchange *exchange)
{
	exchange->fault = FAULT_NONE;
	exchange->status = 0;
	exchange->is_body_wanted = false;
	exchange->is_excerpt_enough = false;
	exchange->os_errno = 0;
	exchange->body_bytes = exchange->attempt_wire_bytes = 0;
	exchange->header_bytes = 0;
	exchange->body.len = exchange->headers.len = exchange->excerpt.len = 0;
	exchange->curl_error[0] = '\0';
	exchange->attempt_started_ms = dq_loop_clock_ms();
	if (exchange->easy)
		forget_request(exchange); /* the last try raised */
	dq_request_list_begin();
	exchange->easy = dq_loop_handle();
	if (exchange->easy == NULL)
		return false;
	dq_watch_end_unasked();
	if (!set_request(exchange) || !dq_loop_add(exchange))
	{
		forget_request(exchange);
		return false;
	}
	exchange->stats.requests++;
	dq_record_begin(exchange);
	return true;
}

/* By HTTP/2 a service may say something between requests, and an answer says whose it is. */
static void
note_kept_connection(CURL *easy)
{
	long version = CURL_HTTP_VERSION_NONE;
	curl_socket_t fd = CURL_SOCKET_BAD;

	curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	if ((version == CURL_HTTP_VERSION_1_0 || version == CURL_HTTP_VERSION_1_1) &&
		curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
		dq_watch_kept(fd);
}

/* The owner has been called: gives back what a burst has taken. */
void
dq_transfer_trim(Exchange *exchange)
{
	WireBuffer *body = &exchange->body;

	if (body->len > 0 || body->size <= KEPT_BUFFER_BYTES)
		return;
	pfree(body->data);
	*body = (WireBuffer) { NULL };
}

/* Notes the attempt's figures and takes it off the wire.  Cannot raise, may run twice. */
void
dq_transfer_stop(Exchange *exchange)
{
	curl_off_t micros = 0;
	curl_off_t bytes = 0;
	long connections = 0;
	long os_errno = 0;

	if (exchange->easy == NULL)
		return;
	dq_record_measure(exchange);
	note_kept_connection(exchange->easy);
	curl_easy_getinfo(exchange->easy, CURLINFO_STARTTRANSFER_TIME_T, &micros);
	curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
	curl_easy_getinfo(exchange->easy, CURLINFO_NUM_CONNECTS, &connections);
	curl_easy_getinfo(exchange->easy, CURLINFO_OS_ERRNO, &os_errno);
	exchange->stats.first_byte_ms = micros / 1000.0;
	exchange->stats.wire_bytes += bytes;
	exchange->attempt_wire_bytes = bytes;
	exchange->stats.connections += (int) connections;
	exchange->os_errno = (int) os_errno;
	dq_loop_remove(exchange);
	forget_request(exchange);
}
