/*
 * cache_url.c
 *	  URLs of cache servers: redis://host:port,host:port/db and memcached://host:port,host:port.
 */
#include "base.h"

#include "request/cache_url.h"

#define REDIS_SCHEME "redis://"
#define MEMCACHED_SCHEME "memcached://"
#define TLS_SCHEME "rediss://"

#define REDIS_PORT 6379
#define MEMCACHED_PORT 11211
#define MAX_DB 1000000

/* A number of at most 7 digits, and nothing else; -1 for anything other. */
static int
read_number(const char *text, size_t len)
{
	int value = 0;

	if (len == 0 || len > 7)
		return -1;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + text[i] - '0';
	}
	return value;
}

static bool
is_host(const char *host, size_t len)
{
	const char *inside = "0123456789abcdefABCDEF:.";

	if (len == 0 || len > 255)
		return false;
	if (host[0] == '[')
		return len > 2 && host[len - 1] == ']' && strspn(host + 1, inside) == len - 2;
	for (size_t i = 0; i < len; i++)
		if (!((host[i] >= '0' && host[i] <= '9') || (host[i] >= 'a' && host[i] <= 'z') ||
			  (host[i] >= 'A' && host[i] <= 'Z') || strchr("-._", host[i])))
			return false;
	return true;
}

static bool
read_server(CacheUrl *url, const char *text, size_t len)
{
	const char *bracket = len > 0 && text[0] == '[' ? memchr(text, ']', len) : NULL;
	size_t host_len = bracket ? bracket + 1 - text : strcspn(text, ":,/");
	CacheServerAddress *server = &url->servers[url->nservers];

	host_len = Min(host_len, len);
	if (!is_host(text, host_len))
		return false;
	server->port = url->is_redis ? REDIS_PORT : MEMCACHED_PORT;
	if (host_len < len)
	{
		if (text[host_len] != ':')
			return false;
		server->port = read_number(text + host_len + 1, len - host_len - 1);
		if (server->port < 1 || server->port > 65535)
			return false;
	}
	server->host = pnstrdup(text, host_len);
	url->nservers++;
	return true;
}

/* The list up to a slash or the end. */
static const char *
read_servers(CacheUrl *url, const char *list, size_t len)
{
	url->servers = palloc0(sizeof(CacheServerAddress) * CACHE_URL_MAX_SERVERS);
	for (size_t at = 0; at <= len;)
	{
		const char *comma = memchr(list + at, ',', len - at);
		size_t end = comma ? (size_t) (comma - list) : len;

		if (url->nservers == CACHE_URL_MAX_SERVERS)
			return "it names too many servers";
		if (!read_server(url, list + at, end - at))
			return "a server is written as host, host:port or [address]:port";
		at = end + 1;
	}
	return NULL;
}

CacheUrl *
dq_cache_url_parse(const char *text, const char **problem, const char **hint)
{
	CacheUrl *url = palloc0(sizeof(CacheUrl));
	const char *list;
	size_t len;

	*hint = NULL;
	*problem = NULL;
	url->is_redis = strncmp(text, REDIS_SCHEME, strlen(REDIS_SCHEME)) == 0;
	if (strncmp(text, TLS_SCHEME, strlen(TLS_SCHEME)) == 0)
	{
		*problem = "TLS to a cache is not supported";
		*hint = "Reach Redis in a trusted network, or by a local tunnel such as stunnel.";
		return NULL;
	}
	if (!url->is_redis && strncmp(text, MEMCACHED_SCHEME, strlen(MEMCACHED_SCHEME)) != 0)
	{
		*problem = "it must begin with redis:// or memcached://";
		return NULL;
	}
	if (strchr(text, '@'))
	{
		*problem = "credentials do not belong in a URL, where everybody can read them";
		*hint = "Set options \"cache_username\" and \"cache_password\" of the user mapping instead.";
		return NULL;
	}
	list = text + strlen(url->is_redis ? REDIS_SCHEME : MEMCACHED_SCHEME);
	len = strcspn(list, "/");
	*problem = read_servers(url, list, len);
	if (*problem)
		return NULL;
	if (list[len] == '/' && list[len + 1] != '\0')
	{
		url->db = url->is_redis ? read_number(list + len + 1, strlen(list + len + 1)) : -1;
		if (url->db < 0 || url->db > MAX_DB)
		{
			*problem = url->is_redis ? "behind the slash stands the number of a database" :
									   "nothing stands behind the servers of memcached";
			return NULL;
		}
	}
	return url;
}

/* The finalizer of MurmurHash3. */
static uint64
mix(uint64 hash)
{
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64CONST(0xc4ceb9fe1a85ec53);
	return hash ^ (hash >> 33);
}

/* FNV-1a. */
static uint64
hash_name(const CacheServerAddress *server)
{
	uint64 hash = UINT64CONST(0xcbf29ce484222325);

	for (const char *c = server->host; *c; c++)
		hash = (hash ^ (unsigned char) *c) * UINT64CONST(0x100000001b3);
	return mix(hash ^ (uint64) server->port);
}

int
dq_cache_url_server(const CacheUrl *url, uint64 key)
{
	int best = 0;
	uint64 highest = 0;

	for (int i = 0; i < url->nservers && url->nservers > 1; i++)
	{
		uint64 weight = mix(hash_name(&url->servers[i]) ^ mix(key));

		if (i == 0 || weight > highest)
		{
			highest = weight;
			best = i;
		}
	}
	return best;
}
