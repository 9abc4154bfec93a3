/*
 * cache_url.h
 *	  URLs of cache servers: redis://host:port,host:port/db and memcached://host:port,host:port.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_CACHE_URL_H
#define DQ_CACHE_URL_H

#include "lib/stringinfo.h"

/* Servers of one URL. */
#define CACHE_URL_MAX_SERVERS 64

typedef struct CacheServerAddress
{
	char *host; /* an address of IPv6 in brackets */
	int port;
} CacheServerAddress;

typedef struct CacheUrl
{
	bool is_redis; /* else memcached */
	int nservers;
	CacheServerAddress *servers;
	int db; /* of Redis */
} CacheUrl;

/*
 * Reads a URL; NULL with *problem (a phrase that never quotes a password) and maybe *hint, both
 * static.
 */
extern CacheUrl *dq_cache_url_parse(const char *url, const char **problem, const char **hint);

/*
 * Which server a key belongs to, by rendezvous: the one whose name hashes highest with it.  When a
 * server is added or goes, only its own keys move.
 */
extern int dq_cache_url_server(const CacheUrl *url, uint64 key);

#endif /* DQ_CACHE_URL_H */
