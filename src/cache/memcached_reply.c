/*
 * memcached_reply.c
 *	  Replies of memcached's meta protocol.
 *
 *	VA <bytes> <flags>\r\n<bytes>\r\n	a value
 *	EN\r\n								there is none
 *	HD, STORED							a command was carried out
 *	NS, NF, EX							it was not, by its own conditions
 *	ERROR, CLIENT_ERROR <text>, SERVER_ERROR <text>
 */
#include "base.h"

#include "cache/memcached_reply.h"

/* A line without its end. */
#define MAX_LINE 2048

static bool
begins_with(const char *line, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	return len >= word_len && memcmp(line, word, word_len) == 0 &&
		(len == word_len || line[word_len] == ' ');
}

/* The bytes of a value; false when no number of them stands there. */
static bool
read_size(const char *line, size_t len, size_t max_value, size_t *size)
{
	size_t at = 3;

	*size = 0;
	while (at < len && line[at] >= '0' && line[at] <= '9')
	{
		*size = *size * 10 + (size_t) (line[at++] - '0');
		if (*size > max_value)
			return false;
	}
	return at > 3 && (at == len || line[at] == ' ');
}

static CacheParse
read_value(const char *bytes, size_t len, size_t line_len, size_t max_value, CacheReply *reply,
		   CacheBytes *value, size_t *used)
{
	size_t begin = line_len + 2;
	size_t size;

	if (!read_size(bytes, line_len, max_value, &size))
		return CACHE_PARSE_GARBAGE;
	if (len < begin + size + 2)
		return CACHE_PARSE_MORE;
	if (memcmp(bytes + begin + size, "\r\n", 2) != 0)
		return CACHE_PARSE_GARBAGE;
	*value = (CacheBytes) { bytes + begin, size };
	*used = begin + size + 2;
	reply->kind = CACHE_REPLY_VALUES;
	reply->nvalues = 1;
	reply->values = value;
	return CACHE_PARSE_REPLY;
}

static CacheParse
read_line(const char *line, size_t len, CacheReply *reply, CacheBytes *value)
{
	static const struct
	{
		const char *word;
		CacheReplyKind kind;
	} done[] = { { "HD", CACHE_REPLY_DONE },
				 { "STORED", CACHE_REPLY_DONE },
				 { "NS", CACHE_REPLY_NOT_DONE },
				 { "NF", CACHE_REPLY_NOT_DONE },
				 { "EX", CACHE_REPLY_NOT_DONE } };

	if (begins_with(line, len, "EN"))
	{
		*value = (CacheBytes) { NULL, 0 };
		reply->kind = CACHE_REPLY_VALUES;
		reply->nvalues = 1;
		reply->values = value;
		return CACHE_PARSE_REPLY;
	}
	for (size_t i = 0; i < lengthof(done); i++)
		if (begins_with(line, len, done[i].word))
		{
			reply->kind = done[i].kind;
			return CACHE_PARSE_REPLY;
		}
	if (!begins_with(line, len, "ERROR") && !begins_with(line, len, "CLIENT_ERROR") &&
		!begins_with(line, len, "SERVER_ERROR"))
		return CACHE_PARSE_GARBAGE;
	reply->kind = begins_with(line, len, "SERVER_ERROR object too large for cache") ?
		CACHE_REPLY_TOO_LARGE :
		CACHE_REPLY_ERROR;
	reply->message = line;
	reply->message_len = len;
	return CACHE_PARSE_REPLY;
}

CacheParse
dq_memcached_reply(const char *bytes, size_t len, size_t max_value, CacheReply *reply,
				   CacheBytes *value, size_t *used)
{
	const char *end = memchr(bytes, '\n', Min(len, MAX_LINE + 2));
	size_t line_len;

	memset(reply, 0, sizeof(*reply));
	if (end == NULL)
		return len >= MAX_LINE + 2 ? CACHE_PARSE_GARBAGE : CACHE_PARSE_MORE;
	if (end == bytes || end[-1] != '\r')
		return CACHE_PARSE_GARBAGE;
	line_len = (size_t) (end - bytes) - 1;
	if (begins_with(bytes, line_len, "VA"))
		return read_value(bytes, len, line_len, max_value, reply, value, used);
	*used = line_len + 2;
	return read_line(bytes, line_len, reply, value);
}
