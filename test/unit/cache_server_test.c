/*
 * cache_server_test.c
 *	  What is said to and by cache servers: URLs, replies of memcached, envelopes.
 */
#include "base.h"

#include "cache/envelope.h"
#include "cache/memcached_reply.h"
#include "request/cache_url.h"
#include "tap.h"

static void
test_urls(void)
{
	static const struct
	{
		const char *url;
		const char *problem;
	} cases[] = {
		{ "redis://a", NULL },
		{ "redis://a/", NULL },
		{ "redis://a.b-c_d:1,[::1]:2,10.0.0.1/15", NULL },
		{ "memcached://a:1,b", NULL },
		{ "http://a", "it must begin with redis:// or memcached://" },
		{ "", "it must begin with redis:// or memcached://" },
		{ "rediss://a", "TLS to a cache is not supported" },
		{ "redis://u:p@a", "credentials do not belong in a URL, where everybody can read them" },
		{ "redis://", "a server is written as host, host:port or [address]:port" },
		{ "redis://a:", "a server is written as host, host:port or [address]:port" },
		{ "redis://a:0", "a server is written as host, host:port or [address]:port" },
		{ "redis://a:65536", "a server is written as host, host:port or [address]:port" },
		{ "redis://a,", "a server is written as host, host:port or [address]:port" },
		{ "redis://[::1", "a server is written as host, host:port or [address]:port" },
		{ "redis://[a]x", "a server is written as host, host:port or [address]:port" },
		{ "redis://a b", "a server is written as host, host:port or [address]:port" },
		{ "redis://a/x", "behind the slash stands the number of a database" },
		{ "redis://a/1/2", "behind the slash stands the number of a database" },
		{ "memcached://a/1", "nothing stands behind the servers of memcached" },
	};
	const char *problem;
	const char *hint;
	CacheUrl *url;

	for (int i = 0; i < lengthof(cases); i++)
	{
		url = dq_cache_url_parse(cases[i].url, &problem, &hint);
		is_text(problem, cases[i].problem, "%s", cases[i].url);
		ok((url != NULL) == (problem == NULL), "is read or refused");
	}
	url = dq_cache_url_parse("redis://a.b:1,[::1],c/15", &problem, &hint);
	is_int(url->nservers, 3, "three servers");
	is_text(url->servers[1].host, "[::1]", "an address of IPv6");
	is_int(url->servers[0].port, 1, "a port");
	is_int(url->servers[2].port, 6379, "the port of Redis");
	is_int(url->db, 15, "a database");
}

/* Each server has its share, and a further one takes over no more than its own. */
static void
test_rendezvous(void)
{
	const char *problem;
	const char *hint;
	CacheUrl *three = dq_cache_url_parse("memcached://a,b,c", &problem, &hint);
	CacheUrl *four = dq_cache_url_parse("memcached://a,b,d,c", &problem, &hint);
	int counts[3] = { 0 };
	int moved = 0;
	int moved_elsewhere = 0;

	for (uint64 key = 0; key < 3000; key++)
	{
		int before = dq_cache_url_server(three, key * UINT64CONST(0x9E3779B97F4A7C15));
		int after = dq_cache_url_server(four, key * UINT64CONST(0x9E3779B97F4A7C15));

		counts[before]++;
		moved += after == 2;
		moved_elsewhere += after != 2 &&
			strcmp(three->servers[before].host, four->servers[after].host) != 0;
	}
	for (int i = 0; i < 3; i++)
		ok(counts[i] > 850 && counts[i] < 1150, "server %d has its share, %d keys", i, counts[i]);
	ok(moved > 600 && moved < 900, "a fourth takes over its share, %d keys", moved);
	is_int(moved_elsewhere, 0, "no other key moves");
}

static void
test_replies(void)
{
	static const struct
	{
		const char *bytes;
		CacheParse result;
		CacheReplyKind kind;
		const char *value;
	} cases[] = {
		{ "VA 5\r\nhello\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_VALUES, "hello" },
		{ "VA 4 t1 f0\r\na\r\nb\r\nrest", CACHE_PARSE_REPLY, CACHE_REPLY_VALUES, "a\r\nb" },
		{ "VA 0\r\n\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_VALUES, "" },
		{ "EN\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_VALUES, NULL },
		{ "HD\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_DONE, NULL },
		{ "NS \r\n", CACHE_PARSE_REPLY, CACHE_REPLY_NOT_DONE, NULL },
		{ "STORED\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_DONE, NULL },
		{ "ERROR\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_ERROR, NULL },
		{ "CLIENT_ERROR bad\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_ERROR, NULL },
		{ "SERVER_ERROR object too large for cache\r\n", CACHE_PARSE_REPLY, CACHE_REPLY_TOO_LARGE,
		  NULL },
		{ "VA 5\r\nhell", CACHE_PARSE_MORE, 0, NULL },
		{ "VA 5\r\nhello\r", CACHE_PARSE_MORE, 0, NULL },
		{ "VA 5", CACHE_PARSE_MORE, 0, NULL },
		{ "VA 5\r\nhello!!", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "VA x\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "VA -1\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "VA 101\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "VA 18446744073709551616\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "HDX\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "HD\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "\n", CACHE_PARSE_GARBAGE, 0, NULL },
		{ "+OK\r\n", CACHE_PARSE_GARBAGE, 0, NULL },
	};
	char longer[3000];

	for (int i = 0; i < lengthof(cases); i++)
	{
		CacheReply reply;
		CacheBytes value = { NULL, 0 };
		size_t used = 0;
		CacheParse result = dq_memcached_reply(cases[i].bytes, strlen(cases[i].bytes), 100, &reply,
											   &value, &used);

		is_int(result, cases[i].result, "case %d", i);
		if (result != CACHE_PARSE_REPLY)
			continue;
		is_int(reply.kind, cases[i].kind, "its kind");
		is_text(value.bytes ? pnstrdup(value.bytes, value.len) : NULL, cases[i].value, "its value");
	}
	memset(longer, 'x', sizeof(longer));
	is_int(dq_memcached_reply(longer, sizeof(longer), 100, &(CacheReply) { 0 },
							  &(CacheBytes) { NULL, 0 }, &(size_t) { 0 }),
		   CACHE_PARSE_GARBAGE, "a line without end");
}

static void
test_envelopes(void)
{
	CacheKey key = { 1, 2 };
	CacheKey other_key = { 1, 3 };
	CacheGeneration now = { 3, 4 };
	CacheGeneration later = { 3, 5 };
	CacheGeneration none = { 0, 0 };
	Envelope envelope;
	char value[sizeof(Envelope) + 5];
	char text[GENERATION_TEXT_BYTES];
	CacheGeneration generation;
	uint64 len;
	int found = 0;

	dq_envelope_seal(&envelope, key, &now, &none, "hello", 5);
	memcpy(value, &envelope, sizeof(envelope));
	memcpy(value + sizeof(Envelope), "hello", 5);
	ok(dq_envelope_open(value, sizeof(value), key, &now, &none, &len) == value + sizeof(Envelope) &&
		   len == 5,
	   "an answer");
	ok(!dq_envelope_open(value, sizeof(value), other_key, &now, &none, &len), "under another key");
	ok(!dq_envelope_open(value, sizeof(value), key, &later, &none, &len), "in another generation");
	ok(!dq_envelope_open(value, sizeof(value), key, &now, &later, &len), "of another part");
	ok(!dq_envelope_open(value, sizeof(value) - 1, key, &now, &none, &len), "cut off");
	ok(!dq_envelope_open(value, 3, key, &now, &none, &len), "next to nothing");
	for (size_t bit = 0; bit < 8 * sizeof(value); bit++)
	{
		value[bit / 8] ^= 1 << bit % 8;
		found += dq_envelope_open(value, sizeof(value), key, &now, &none, &len) != NULL;
		value[bit / 8] ^= 1 << bit % 8;
	}
	is_int(found, 0, "with any bit turned over");

	dq_generation_write(text, key, &now);
	ok(dq_generation_read(text, sizeof(text), key, &generation) && generation.high == 3 &&
		   generation.low == 4,
	   "a generation");
	ok(!dq_generation_read(text, sizeof(text), other_key, &generation), "of another name");
	ok(!dq_generation_read(text, sizeof(text) - 1, key, &generation), "cut off");
	text[40] = 'g';
	ok(!dq_generation_read(text, sizeof(text), key, &generation), "no number");
}

int
main(void)
{
	test_urls();
	test_rendezvous();
	test_replies();
	test_envelopes();
	return tap_done();
}
