/*
 * redis_module.c
 *	  The loadable module distquery_redis: the protocol of Redis, by hiredis.
 *
 * Apart from the core, so that this does not need hiredis.  Of hiredis only what turns commands into
 * bytes and bytes into replies is used; sockets and waiting are the core's.
 *
 * hiredis allocates by malloc.  A command is copied at once; of replies one at a time is held, and
 * given back when the next is asked for.
 */
#include "postgres.h"

#include <hiredis.h>

#include "cache/protocol.h"
#include "compat.h"
#include "fmgr.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT const CacheProtocol *dq_redis_protocol(void);

#define MAX_VALUE ((size_t) 16 * 1024 * 1024)

/* More names than one MGET has (option max_batch). */
#define MAX_VALUES (256 * 1024)

/* Bytes of one reply, whatever it says of itself. */
#define MAX_REPLY ((size_t) 256 * 1024 * 1024)

typedef struct RedisParser
{
	redisReader *reader;
	redisReply *reply; /* the latest */
	CacheBytes *values;
	int size;	/* of values */
	size_t fed; /* bytes since the latest reply */
} RedisParser;

static void
append_command(StringInfo out, int argc, const char **argv, const size_t *lengths)
{
	char *command = NULL;
	long long len = redisFormatCommandArgv(&command, argc, argv, lengths);

	if (len < 0 || len > MaxAllocSize / 2)
	{
		if (command)
			redisFreeCommand(command);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	PG_TRY();
	{
		appendBinaryStringInfo(out, command, (int) len);
	}
	PG_FINALLY();
	{
		redisFreeCommand(command);
	}
	PG_END_TRY();
}

static int
redis_greet(StringInfo out, const CacheLogin *login)
{
	int replies = 0;

	if (login->password)
	{
		const char *argv[3] = { "AUTH" };
		size_t lengths[3];
		int argc = 1;

		if (login->username)
			argv[argc++] = login->username;
		argv[argc++] = login->password;
		for (int i = 0; i < argc; i++)
			lengths[i] = strlen(argv[i]);
		append_command(out, argc, argv, lengths);
		replies++;
	}
	if (login->db > 0)
	{
		char db[16];
		const char *argv[] = { "SELECT", db };
		size_t lengths[2] = { 6 };

		lengths[1] = (size_t) snprintf(db, sizeof(db), "%d", login->db);
		append_command(out, 2, argv, lengths);
		replies++;
	}
	return replies;
}

static int
redis_get(StringInfo out, const char *const *names, int n)
{
	const char **argv = palloc(sizeof(char *) * (n + 1));
	size_t *lengths = palloc(sizeof(size_t) * (n + 1));

	argv[0] = "MGET";
	lengths[0] = 4;
	for (int i = 0; i < n; i++)
	{
		argv[i + 1] = names[i];
		lengths[i + 1] = strlen(names[i]);
	}
	append_command(out, n + 1, argv, lengths);
	pfree(argv);
	pfree(lengths);
	return 1;
}

/* SET, with the value in one piece, as the formatter wants it. */
static int
store(StringInfo out, const char *name, const CacheBytes *parts, int nparts, const char *option,
	  const char *argument)
{
	const char *argv[5] = { "SET", name };
	size_t lengths[5] = { 3, strlen(name) };
	size_t len = 0;
	char *value;
	int argc = 3;

	for (int i = 0; i < nparts; i++)
		len += parts[i].len;
	value = palloc(Max(len, 1));
	for (int i = 0, at = 0; i < nparts; at += (int) parts[i++].len)
		memcpy(value + at, parts[i].bytes, parts[i].len);
	argv[2] = value;
	lengths[2] = len;
	if (option)
	{
		argv[argc] = option;
		lengths[argc++] = strlen(option);
	}
	if (argument)
	{
		argv[argc] = argument;
		lengths[argc++] = strlen(argument);
	}
	append_command(out, argc, argv, lengths);
	pfree(value);
	return 1;
}

static int
redis_set(StringInfo out, const char *name, const CacheBytes *parts, int nparts, int64 life_ms)
{
	char life[32];

	snprintf(life, sizeof(life), INT64_FORMAT, life_ms);
	return store(out, name, parts, nparts, life_ms > 0 ? "PX" : NULL, life_ms > 0 ? life : NULL);
}

static int
redis_add(StringInfo out, const char *name, const CacheBytes *value)
{
	return store(out, name, value, 1, "NX", NULL);
}

static void
free_reply(RedisParser *parser)
{
	if (parser->reply)
		freeReplyObject(parser->reply);
	parser->reply = NULL;
}

static void
parser_free(void *arg)
{
	RedisParser *parser = arg;

	free_reply(parser);
	if (parser->reader)
		redisReaderFree(parser->reader);
	if (parser->values)
		pfree(parser->values);
	pfree(parser);
}

/* hiredis believes any number of elements that it is told; its functions are the same for all readers. */
static redisReplyObjectFunctions functions;

#if HIREDIS_MAJOR >= 1
typedef size_t ArraySize;
#else
typedef int ArraySize;
#endif

static void *(*create_array)(const redisReadTask *task, ArraySize elements);

static void *
create_bounded_array(const redisReadTask *task, ArraySize elements)
{
	if (elements > MAX_VALUES || task->parent)
		return NULL;
	return create_array(task, elements);
}

static void *
parser_create(size_t max_value)
{
	RedisParser *parser = palloc_extended(sizeof(RedisParser), MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);

	if (parser == NULL)
		return NULL;
	parser->reader = redisReaderCreate();
	if (parser->reader == NULL)
	{
		parser_free(parser);
		return NULL;
	}
	create_array = parser->reader->fn->createArray;
	functions = *parser->reader->fn;
	functions.createArray = create_bounded_array;
	parser->reader->fn = &functions;
	return parser;
}

static bool
parser_feed(void *arg, const char *bytes, size_t len)
{
	RedisParser *parser = arg;

	parser->fed += len;
	return parser->fed <= MAX_REPLY && redisReaderFeed(parser->reader, bytes, len) == REDIS_OK;
}

static bool
reserve_values(RedisParser *parser, size_t n)
{
	CacheBytes *larger;

	if (n <= (size_t) parser->size)
		return true;
	if (n > MAX_VALUES)
		return false;
	larger = palloc_extended(sizeof(CacheBytes) * n, MCXT_ALLOC_NO_OOM);
	if (larger == NULL)
		return false;
	if (parser->values)
		pfree(parser->values);
	parser->values = larger;
	parser->size = (int) n;
	return true;
}

static CacheParse
read_array(RedisParser *parser, CacheReply *reply)
{
	const redisReply *array = parser->reply;

	if (!reserve_values(parser, array->elements))
		return CACHE_PARSE_GARBAGE;
	for (size_t i = 0; i < array->elements; i++)
	{
		const redisReply *element = array->element[i];

		if (element->type == REDIS_REPLY_STRING)
			parser->values[i] = (CacheBytes) { element->str, element->len };
		else if (element->type == REDIS_REPLY_NIL)
			parser->values[i] = (CacheBytes) { NULL, 0 };
		else
			return CACHE_PARSE_GARBAGE;
	}
	reply->kind = CACHE_REPLY_VALUES;
	reply->nvalues = (int) array->elements;
	reply->values = parser->values;
	return CACHE_PARSE_REPLY;
}

static CacheParse
parser_next(void *arg, CacheReply *reply)
{
	RedisParser *parser = arg;
	void *found = NULL;

	memset(reply, 0, sizeof(*reply));
	free_reply(parser);
	if (redisReaderGetReply(parser->reader, &found) != REDIS_OK)
		return CACHE_PARSE_GARBAGE;
	if (found == NULL)
		return CACHE_PARSE_MORE;
	parser->reply = found;
	parser->fed = 0;
	switch (parser->reply->type)
	{
		case REDIS_REPLY_ARRAY:
			return read_array(parser, reply);
		case REDIS_REPLY_STATUS:
			reply->kind = CACHE_REPLY_DONE;
			return CACHE_PARSE_REPLY;
		case REDIS_REPLY_NIL: /* SET with NX, where there was something */
			reply->kind = CACHE_REPLY_NOT_DONE;
			return CACHE_PARSE_REPLY;
		case REDIS_REPLY_ERROR:
			reply->kind = CACHE_REPLY_ERROR;
			reply->message = parser->reply->str;
			reply->message_len = parser->reply->len;
			return CACHE_PARSE_REPLY;
		default:
			return CACHE_PARSE_GARBAGE;
	}
}

static const CacheProtocol protocol = {
	.name = "redis",
	.max_value = MAX_VALUE,
	.greet = redis_greet,
	.get = redis_get,
	.set = redis_set,
	.add = redis_add,
	.parser_create = parser_create,
	.parser_free = parser_free,
	.parser_feed = parser_feed,
	.parser_next = parser_next,
};

const CacheProtocol *
dq_redis_protocol(void)
{
	return &protocol;
}
