/*
 * protocol.h
 *	  How a cache server is spoken to: commands as bytes, and bytes as replies.
 *
 * A protocol knows nothing of sockets, and its replies come in the order of the commands.
 */
#ifndef DQ_PROTOCOL_H
#define DQ_PROTOCOL_H

#include "lib/stringinfo.h"

/* Who we are at a cache server; NULL: nobody. */
typedef struct CacheLogin
{
	const char *username;
	const char *password;
	int db;
} CacheLogin;

/* Bytes that a reply holds; NULL: there is nothing under the name. */
typedef struct CacheBytes
{
	const char *bytes;
	size_t len;
} CacheBytes;

typedef enum CacheReplyKind
{
	CACHE_REPLY_VALUES,	   /* what is under some names */
	CACHE_REPLY_DONE,	   /* a command was carried out */
	CACHE_REPLY_NOT_DONE,  /* it was not, as it said itself: add, where there is something */
	CACHE_REPLY_TOO_LARGE, /* a value was not kept for its size */
	CACHE_REPLY_ERROR	   /* the server says that it could not; message */
} CacheReplyKind;

/* Borrowed from the parser, until it is asked for the next. */
typedef struct CacheReply
{
	CacheReplyKind kind;
	int nvalues;
	const CacheBytes *values;
	const char *message; /* not terminated */
	size_t message_len;
} CacheReply;

typedef enum CacheParse
{
	CACHE_PARSE_REPLY,
	CACHE_PARSE_MORE,	/* more bytes are needed */
	CACHE_PARSE_GARBAGE /* nothing that comes from here on can be understood */
} CacheParse;

typedef struct CacheProtocol
{
	const char *name; /* of the store */
	size_t max_value; /* bytes under one name */

	/*
	 * Commands, appended to out; each returns how many replies it has.  These may raise for lack of
	 * memory.
	 */
	int (*greet)(StringInfo out, const CacheLogin *login);
	int (*get)(StringInfo out, const char *const *names, int n);
	/* life_ms 0: for ever.  Add keeps what is there already. */
	int (*set)(StringInfo out, const char *name, const CacheBytes *parts, int nparts,
			   int64 life_ms);
	int (*add)(StringInfo out, const char *name, const CacheBytes *value);

	/* A parser of one connection's replies; NULL without memory.  These never raise. */
	void *(*parser_create)(size_t max_value);
	void (*parser_free)(void *parser);
	/* Takes bytes that came; false without memory. */
	bool (*parser_feed)(void *parser, const char *bytes, size_t len);
	CacheParse (*parser_next)(void *parser, CacheReply *reply);
} CacheProtocol;

/* Part of the core. */
extern const CacheProtocol dq_memcached_protocol;

/* The module distquery_redis: by this function of it. */
#define REDIS_MODULE "distquery_redis"
#define REDIS_PROTOCOL_FUNCTION "dq_redis_protocol"
typedef const CacheProtocol *(*RedisProtocol)(void);

#endif /* DQ_PROTOCOL_H */
