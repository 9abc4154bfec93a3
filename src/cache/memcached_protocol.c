/*
 * memcached_protocol.c
 *	  The protocol of memcached: meta commands, which 1.6 and later know.
 *
 * A login is the text protocol's: a "set" whose value is user name and password (memcached -Y).
 */
#include "postgres.h"

#include "cache/memcached_reply.h"
#include "utils/memutils.h"

/* The server's default for an item (-I), less what it needs itself, name included. */
#define MAX_VALUE (1024 * 1024 - 512)

/* Seconds; more would be a date. */
#define MAX_LIFE ((int64) 30 * 24 * 60 * 60)

#define MAX_COMMAND 512

/* What came and was not understood yet: bytes[start] to bytes[end - 1]. */
typedef struct MemcachedParser
{
	char *bytes;
	size_t size;
	size_t start;
	size_t end;
	size_t max_value;
	CacheBytes value;
} MemcachedParser;

static int
memcached_greet(StringInfo out, const CacheLogin *login)
{
	const char *username = login->username ? login->username : "";

	if (login->password == NULL)
		return 0;
	appendStringInfo(out, "set distquery 0 0 %zu\r\n%s %s\r\n",
					 strlen(username) + 1 + strlen(login->password), username, login->password);
	return 1;
}

static int
memcached_get(StringInfo out, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		appendStringInfo(out, "mg %s v\r\n", names[i]);
	return n;
}

static int
store(StringInfo out, const char *name, const CacheBytes *parts, int nparts, const char *flags)
{
	size_t len = 0;

	for (int i = 0; i < nparts; i++)
		len += parts[i].len;
	enlargeStringInfo(out, (int) len + MAX_COMMAND);
	appendStringInfo(out, "ms %s %zu%s\r\n", name, len, flags);
	for (int i = 0; i < nparts; i++)
		appendBinaryStringInfo(out, parts[i].bytes, (int) parts[i].len);
	appendBinaryStringInfo(out, "\r\n", 2);
	return 1;
}

static int
memcached_set(StringInfo out, const char *name, const CacheBytes *parts, int nparts, int64 life_ms)
{
	char flags[32] = "";

	if (life_ms > 0)
		snprintf(flags, sizeof(flags), " T" INT64_FORMAT, Min(life_ms / 1000 + 1, MAX_LIFE));
	return store(out, name, parts, nparts, flags);
}

static int
memcached_add(StringInfo out, const char *name, const CacheBytes *value)
{
	return store(out, name, value, 1, " ME");
}

static void *
parser_create(size_t max_value)
{
	MemcachedParser *parser = palloc_extended(sizeof(MemcachedParser),
											  MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);

	if (parser)
		parser->max_value = max_value;
	return parser;
}

static void
parser_free(void *arg)
{
	MemcachedParser *parser = arg;

	if (parser->bytes)
		pfree(parser->bytes);
	pfree(parser);
}

static bool
parser_feed(void *arg, const char *bytes, size_t len)
{
	MemcachedParser *parser = arg;
	size_t kept = parser->end - parser->start;

	if (parser->end + len > parser->size && kept + len > parser->size)
	{
		size_t size = Max(64 * 1024, (kept + len) * 2);
		char *larger = size > MaxAllocSize ? NULL : palloc_extended(size, MCXT_ALLOC_NO_OOM);

		if (larger == NULL)
			return false;
		if (parser->bytes)
		{
			memcpy(larger, parser->bytes + parser->start, kept);
			pfree(parser->bytes);
		}
		parser->bytes = larger;
		parser->size = size;
		parser->start = 0;
	}
	else if (parser->end + len > parser->size)
	{
		memmove(parser->bytes, parser->bytes + parser->start, kept);
		parser->start = 0;
	}
	parser->end = parser->start + kept;
	memcpy(parser->bytes + parser->end, bytes, len);
	parser->end += len;
	return true;
}

static CacheParse
parser_next(void *arg, CacheReply *reply)
{
	MemcachedParser *parser = arg;
	size_t used = 0;
	CacheParse result;

	if (parser->start == parser->end)
		return CACHE_PARSE_MORE;
	result = dq_memcached_reply(parser->bytes + parser->start, parser->end - parser->start,
								parser->max_value, reply, &parser->value, &used);
	if (result == CACHE_PARSE_REPLY)
		parser->start += used;
	return result;
}

const CacheProtocol dq_memcached_protocol = {
	.name = "memcached",
	.max_value = MAX_VALUE,
	.greet = memcached_greet,
	.get = memcached_get,
	.set = memcached_set,
	.add = memcached_add,
	.parser_create = parser_create,
	.parser_free = parser_free,
	.parser_feed = parser_feed,
	.parser_next = parser_next,
};
