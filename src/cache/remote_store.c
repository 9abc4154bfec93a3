/*
 * remote_store.c
 *	  The store of cached answers on servers that databases share: Redis or memcached.
 *
 * An answer is valid in one generation, a random number that stands on the same server and in the
 * answer's envelope.  Invalidating puts another random number in its place.  A generation that was
 * lost comes back as a new one, so that nothing that was put before is found again.  An answer gets
 * the generation that was read before the service was asked for it.
 *
 * A key belongs to one server, whether that answers or not: where servers are listed in the same way,
 * an answer is looked for where it was put, and an invalidation reaches it.
 */
#include "postgres.h"

#include <unistd.h>

#include "cache/identity.h"
#include "cache/remote_private.h"
#include "cache/remote_store.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"

int dq_cache_timeout_ms = 50;

void
dq_remote_define(void)
{
	DefineCustomIntVariable("distquery.cache_timeout",
							"Time that cache servers have to answer before services are asked.",
							NULL, &dq_cache_timeout_ms, 50, 1, 60000, PGC_USERSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	dq_identity_define();
}

const char *
dq_remote_name(const RemoteStore *store, char kind, CacheKey key)
{
	return psprintf("%s%c%08x%08x%08x%08x", store->table->cache_prefix, kind,
					(uint32) (key.high >> 32), (uint32) key.high, (uint32) (key.low >> 32),
					(uint32) key.low);
}

bool
dq_remote_make_generation(CacheGeneration *generation)
{
	return pg_strong_random(generation, sizeof(*generation)) &&
		(generation->high != 0 || generation->low != 0);
}

static uint64
remote_max_value(const CacheStore *store)
{
	return ((const RemoteStore *) store)->protocol->max_value - sizeof(Envelope);
}

static const CacheStoreRoutine remote_routine = {
	.max_value = remote_max_value,
	.begin = dq_remote_begin,
	.has_failed = dq_remote_has_failed,
	.take = dq_remote_take,
	.put = dq_remote_put,
	.land = dq_remote_land,
	.end = dq_remote_end,
};

bool
dq_remote_is_same(const RemoteStore *a, const RemoteStore *b)
{
	if (a->protocol != b->protocol || a->login.db != b->login.db ||
		a->url->nservers != b->url->nservers ||
		strcmp(a->table->cache_prefix, b->table->cache_prefix) != 0)
		return false;
	for (int i = 0; i < a->url->nservers; i++)
		if (a->url->servers[i].port != b->url->servers[i].port ||
			strcmp(a->url->servers[i].host, b->url->servers[i].host) != 0)
			return false;
	return true;
}

static const CacheProtocol *
redis_protocol(const TableSpec *table)
{
	static const CacheProtocol *protocol = NULL;
	char *file = psprintf("%s/%s%s", pkglib_path, REDIS_MODULE, DLSUFFIX);
	RedisProtocol function;

	if (protocol)
		return protocol;
	if (access(file, R_OK) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot keep answers of foreign table \"%s\" in Redis: module \"%s\" is not installed",
						table->name, REDIS_MODULE),
				 errhint(
					 "Set option \"cache_store\" to shared or memcached, or build distquery where hiredis' headers are.")));
	function = (RedisProtocol) load_external_function(psprintf("$libdir/%s", REDIS_MODULE),
													  REDIS_PROTOCOL_FUNCTION, true, NULL);
	protocol = function();
	return protocol;
}

const CacheStore *
dq_remote_store(const TableSpec *table, const Endpoint *endpoint)
{
	RemoteStore *store = palloc0(sizeof(RemoteStore));

	store->base.routine = &remote_routine;
	store->base.figures = table->cache_store;
	store->protocol = table->cache_url->is_redis ? redis_protocol(table) : &dq_memcached_protocol;
	store->base.name = store->protocol->name;
	store->table = table;
	store->url = table->cache_url;
	store->login.username = endpoint->credentials->cache_username;
	store->login.password = endpoint->credentials->cache_password;
	store->login.db = table->cache_url->db;
	return &store->base;
}
