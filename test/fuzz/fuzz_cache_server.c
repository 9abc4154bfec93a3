/*
 * fuzz_cache_server.c
 *	  What a cache server may say, and what may be declared of it.
 *
 * The first byte chooses: memcached's replies, a value in its envelope, a generation's text, or a
 * URL of servers.  What is checked: replies lie inside of what came, are the same however the bytes
 * come in, and each takes some; only what was sealed opens; a URL that is good has servers, one of
 * which takes each key.
 */
#include "base.h"

#include "cache/envelope.h"
#include "cache/memcached_reply.h"
#include "request/cache_url.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define MAX_VALUE 4096

static bool
lies_within(const char *bytes, size_t len, const char *all, size_t size)
{
	return bytes >= all && len <= size && bytes + len <= all + size;
}

static void
check_replies(const char *all, size_t size)
{
	size_t at = 0;

	while (at < size)
	{
		CacheReply reply;
		CacheReply again;
		CacheBytes value;
		CacheBytes value_again;
		size_t used = 0;
		size_t used_again = 0;
		CacheParse result = dq_memcached_reply(all + at, size - at, MAX_VALUE, &reply, &value,
											   &used);

		if (result != CACHE_PARSE_REPLY)
			return;
		check(used > 0 && used <= size - at, "a reply takes what is there");
		for (int i = 0; i < reply.nvalues; i++)
			check(reply.values[i].bytes == NULL ||
					  (reply.values[i].len <= MAX_VALUE &&
					   lies_within(reply.values[i].bytes, reply.values[i].len, all + at, used)),
				  "values lie within their reply");
		check(reply.message == NULL ||
				  lies_within(reply.message, reply.message_len, all + at, used),
			  "messages lie within their reply");
		/* Without its last byte it is not there yet; with nothing behind it, it is the same. */
		check(dq_memcached_reply(all + at, used - 1, MAX_VALUE, &again, &value_again,
								 &used_again) == CACHE_PARSE_MORE,
			  "a reply ends where it says");
		check(dq_memcached_reply(all + at, used, MAX_VALUE, &again, &value_again, &used_again) ==
					  CACHE_PARSE_REPLY &&
				  used_again == used && again.kind == reply.kind,
			  "what follows makes no difference");
		at += used;
	}
}

static void
check_envelope(const char *bytes, size_t size)
{
	CacheKey key = { 1, 2 };
	CacheGeneration table = { 3, 4 };
	CacheGeneration part = { 0, 0 };
	Envelope envelope;
	char *value;
	uint64 len = 0;

	check(dq_envelope_open(bytes, size, key, &table, &part, &len) == NULL || len <= size,
		  "an answer lies within its value");
	dq_envelope_seal(&envelope, key, &table, &part, bytes, size);
	value = palloc(sizeof(envelope) + size + 1);
	memcpy(value, &envelope, sizeof(envelope));
	memcpy(value + sizeof(envelope), bytes, size);
	check(dq_envelope_open(value, sizeof(envelope) + size, key, &table, &part, &len) != NULL &&
			  len == size,
		  "what was sealed opens");
	if (size > 0)
	{
		value[(unsigned char) bytes[0] % (sizeof(envelope) + size)] ^= 1;
		check(dq_envelope_open(value, sizeof(envelope) + size, key, &table, &part, &len) == NULL,
			  "what was changed does not");
	}
}

static void
check_generation(const char *text, size_t size)
{
	CacheKey name = { 5, 6 };
	CacheGeneration generation = { 0, 0 };
	char written[GENERATION_TEXT_BYTES];

	if (dq_generation_read(text, size, name, &generation))
	{
		dq_generation_write(written, name, &generation);
		check(size == sizeof(written) && memcmp(written, text, size) == 0,
			  "a generation is written as it was read");
	}
}

static void
check_url(const char *text)
{
	const char *problem;
	const char *hint;
	CacheUrl *url = dq_cache_url_parse(text, &problem, &hint);
	int server;

	check((url == NULL) == (problem != NULL), "a URL is good or has a problem");
	if (url == NULL)
		return;
	check(url->nservers > 0 && url->nservers <= CACHE_URL_MAX_SERVERS, "it has servers");
	for (int i = 0; i < url->nservers; i++)
		check(url->servers[i].host[0] != '\0' && url->servers[i].port > 0 &&
				  url->servers[i].port < 65536,
			  "with host and port");
	server = dq_cache_url_server(url, strlen(text));
	check(server >= 0 && server < url->nservers, "one of them takes a key");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return 0;
	text = palloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 4)
	{
		case 0:
			check_replies(text, size - 1);
			break;
		case 1:
			check_envelope(text, size - 1);
			break;
		case 2:
			check_generation(text, size - 1);
			break;
		default:
			check_url(text);
	}
	fuzz_release();
	return 0;
}
