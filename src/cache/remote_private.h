/*
 * remote_private.h
 *	  Shared by the files that speak of cache servers, and by nobody else.
 */
#ifndef DQ_REMOTE_PRIVATE_H
#define DQ_REMOTE_PRIVATE_H

#include "cache/envelope.h"
#include "cache/link.h"
#include "cache/store.h"

/* A table's servers, and who is at them; texts are the table's and the endpoint's. */
typedef struct RemoteStore
{
	CacheStore base;
	const CacheProtocol *protocol;
	const TableSpec *table;
	const CacheUrl *url;
	CacheLogin login;
} RemoteStore;

/* Answers on their way to servers (remote_put.c). */
typedef struct RemotePuts RemotePuts;

/* What was found under a key; bytes NULL: nothing. */
typedef struct RemoteValue
{
	int key; /* in the lookup */
	char *bytes;
	uint64 len;
} RemoteValue;

/* One server's part of a lookup. */
typedef struct RemotePart
{
	struct RemoteLookup *whole;
	CacheLink *link;
	CacheOrder *order; /* under way, NULL: none */
	bool has_generation;
	bool lacks_generation; /* the server has none */
	CacheGeneration generation;
	CacheGeneration proposed; /* under way to be the generation */
	int nvalues;
	RemoteValue *values;
	bool is_awaited; /* the lookup is not over before it */
} RemotePart;

typedef struct RemoteLookup
{
	dlist_node node; /* in over, once it is over and was not told */
	bool is_listed;
	CacheLookup *lookup;
	const RemoteStore *store;
	CacheKey generation_name;
	int nparts; /* as many as servers */
	RemotePart *parts;
	int awaited;
	bool has_failed; /* a server that has keys of it did not answer */
	RemotePuts *puts;
} RemoteLookup;

/* Setting distquery.cache_timeout. */
extern int dq_cache_timeout_ms;

/* The name of an answer ('v') or a generation ('g') on a server; palloc'd. */
extern const char *dq_remote_name(const RemoteStore *store, char kind, CacheKey key);

/* A generation that nobody has; false when there is no randomness. */
extern bool dq_remote_make_generation(CacheGeneration *generation);

/* Whether both are the same servers under the same prefix. */
extern bool dq_remote_is_same(const RemoteStore *a, const RemoteStore *b);

/* remote_lookup.c */
extern void dq_remote_begin(CacheLookup *lookup);
extern char *dq_remote_take(CacheLookup *lookup, CacheKey key, uint64 *len);
extern bool dq_remote_has_failed(const CacheLookup *lookup);
extern void dq_remote_end(CacheLookup *lookup);

/* Sends what was put on its servers.  Never raises. */
extern void dq_remote_send(RemoteLookup *remote);

/* remote_put.c */
extern void dq_remote_put(CacheLookup *lookup, CacheKey key, const char *bytes, uint64 len,
						  int64 life_ms);
extern void dq_remote_land(CacheLookup *lookup, FlightTicket *ticket);

/* Gives a server that has no generation one; the lookup must have been told what there is. */
extern void dq_remote_propose(RemotePart *part);

/* No more puts are added; NULL: there were none. */
extern void dq_remote_close_puts(RemotePuts *puts);

#endif /* DQ_REMOTE_PRIVATE_H */
