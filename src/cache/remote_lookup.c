/*
 * remote_lookup.c
 *	  Asking cache servers for answers.
 *
 * A lookup asks all servers that its keys belong to at once, each by one command of many names: the
 * table's generation first, then the keys.  It is over when all have answered, failed, or used up
 * setting distquery.cache_timeout.  The other servers are asked for their generation, in case that
 * something is put there, and not waited for.
 *
 * Who is called from a link's callbacks must not raise; so lookups that are over are told in a step
 * of their own, by one LoopSource for all of them.
 */
#include "postgres.h"

#include "cache/identity.h"
#include "cache/remote_private.h"
#include "transport/loop_source.h"
#include "utils/memutils.h"

static LoopSource teller;
static bool has_teller = false;
static dlist_head over = DLIST_STATIC_INIT(over);
static RemoteLookup *telling = NULL;

static void
list_over(RemoteLookup *remote)
{
	if (remote->is_listed)
		return;
	dlist_push_tail(&over, &remote->node);
	remote->is_listed = true;
	teller.has_news = true;
}

static void
unlist(RemoteLookup *remote)
{
	if (remote->is_listed)
		dlist_delete(&remote->node);
	remote->is_listed = false;
	if (telling == remote)
		telling = NULL;
}

static void
tell_lookups(LoopSource *source)
{
	if (telling)
		list_over(telling);
	telling = NULL;
	while (!dlist_is_empty(&over))
	{
		RemoteLookup *remote = dlist_container(RemoteLookup, node, dlist_head_node(&over));
		CacheLookup *lookup = remote->lookup;

		unlist(remote);
		telling = remote;
		for (int i = 0; i < remote->nparts; i++)
			if (remote->parts[i].lacks_generation)
				dq_remote_propose(&remote->parts[i]);
		lookup->is_over = true;
		lookup->looked_up(lookup->owner);
		telling = NULL;
	}
}

static void
serve_nothing(LoopSource *source, int events)
{
}

static void
prepare_teller(void)
{
	if (has_teller)
		return;
	teller.fd = CURL_SOCKET_BAD;
	teller.deadline_ms = -1;
	teller.serve = serve_nothing;
	teller.tell = tell_lookups;
	dq_loop_add_source(&teller);
	has_teller = true;
}

static void
take_value(void *owner, int i, const CacheBytes *value)
{
	RemotePart *part = owner;
	RemoteLookup *remote = part->whole;
	static const CacheGeneration none = { 0, 0 };
	RemoteValue *kept;
	const char *bytes;
	uint64 len;

	if (i == 0)
	{
		part->has_generation = value->bytes &&
			dq_generation_read(value->bytes, value->len, remote->generation_name,
							   &part->generation);
		part->lacks_generation = value->bytes == NULL;
		return;
	}
	kept = &part->values[i - 1];
	if (value->bytes == NULL || !part->has_generation)
		return;
	bytes = dq_envelope_open(value->bytes, value->len, remote->lookup->keys[kept->key],
							 &part->generation, &none, &len);
	if (bytes == NULL)
		return;
	kept->bytes = MemoryContextAllocExtended(remote->lookup->context, len + 1,
											 MCXT_ALLOC_HUGE | MCXT_ALLOC_NO_OOM);
	if (kept->bytes)
		memcpy(kept->bytes, bytes, len);
	kept->len = len;
}

static void
part_over(void *owner, OrderEnd end)
{
	RemotePart *part = owner;
	RemoteLookup *remote = part->whole;

	part->order = NULL;
	if (end != ORDER_DONE)
	{
		part->has_generation = false;
		part->lacks_generation = false;
		for (int i = 0; i < part->nvalues; i++)
			part->values[i].bytes = NULL;
		remote->has_failed |= part->is_awaited;
	}
	if (part->is_awaited && --remote->awaited == 0)
		list_over(remote);
}

/* Asks a server for its part; what cannot be asked is over. */
static void
begin_part(RemotePart *part)
{
	RemoteLookup *remote = part->whole;
	const RemoteStore *store = remote->store;
	int n = part->nvalues + 1;
	const char **names = palloc(sizeof(char *) * n);
	StringInfoData commands;
	int replies;

	names[0] = dq_remote_name(store, 'g', remote->generation_name);
	for (int i = 0; i < part->nvalues; i++)
		names[i + 1] = dq_remote_name(store, 'v', remote->lookup->keys[part->values[i].key]);
	initStringInfo(&commands);
	replies = store->protocol->get(&commands, names, n);
	part->order = dq_link_order(part->link, &commands, replies, n, dq_cache_timeout_ms, false);
	if (part->order)
	{
		part->order->on_value = take_value;
		part->order->on_end = part_over;
		part->order->owner = part;
	}
}

static int
compare_keys(const void *a, const void *b)
{
	const CacheKey *x = a;
	const CacheKey *y = b;

	if (x->low != y->low)
		return x->low < y->low ? -1 : 1;
	return x->high < y->high ? -1 : x->high > y->high;
}

/* Which server has which keys; each part's are together, and in order. */
static void
divide(RemoteLookup *remote)
{
	const RemoteStore *store = remote->store;
	CacheLookup *lookup = remote->lookup;
	RemoteValue *values = palloc0(sizeof(RemoteValue) * Max(lookup->nkeys, 1));
	int *servers = palloc(sizeof(int) * Max(lookup->nkeys, 1));
	int n = 0;

	qsort(lookup->keys, lookup->nkeys, sizeof(CacheKey), compare_keys);
	for (int i = 0; i < lookup->nkeys; i++)
		servers[i] = dq_cache_url_server(store->url, lookup->keys[i].low);
	for (int server = 0; server < remote->nparts; server++)
	{
		RemotePart *part = &remote->parts[server];
		const CacheServerAddress *address = &store->url->servers[server];

		part->whole = remote;
		part->values = &values[n];
		for (int i = 0; i < lookup->nkeys; i++)
			if (servers[i] == server)
				values[n++].key = i;
		part->nvalues = (int) (&values[n] - part->values);
		part->is_awaited = part->nvalues > 0;
		part->link = dq_link_find(store->protocol, address->host, address->port, &store->login);
		dq_link_pin(part->link);
	}
}

void
dq_remote_begin(CacheLookup *lookup)
{
	const RemoteStore *store = (const RemoteStore *) lookup->store;
	MemoryContext old = MemoryContextSwitchTo(lookup->context);
	RemoteLookup *remote = palloc0(sizeof(RemoteLookup));
	bool is_over;

	prepare_teller();
	lookup->state = remote;
	remote->lookup = lookup;
	remote->store = store;
	remote->nparts = store->url->nservers;
	remote->parts = palloc0(sizeof(RemotePart) * remote->nparts);
	remote->generation_name = dq_identity_generation(store->table, 0);
	divide(remote);
	for (int i = 0; i < remote->nparts; i++)
		begin_part(&remote->parts[i]);
	for (int i = 0; i < remote->nparts; i++)
	{
		RemotePart *part = &remote->parts[i];

		if (part->order && part->is_awaited)
			remote->awaited++;
		remote->has_failed |= part->is_awaited && part->order == NULL;
	}
	is_over = remote->awaited == 0;
	for (int i = 0; i < remote->nparts; i++)
		dq_link_go(remote->parts[i].link);
	/* What ended at once is not told. */
	is_over |= remote->awaited == 0;
	unlist(remote);
	lookup->is_over = is_over;
	MemoryContextSwitchTo(old);
}

char *
dq_remote_take(CacheLookup *lookup, CacheKey key, uint64 *len)
{
	const RemoteLookup *remote = lookup->state;
	const RemotePart *part = &remote->parts[dq_cache_url_server(remote->store->url, key.low)];
	int low = 0;
	int high = part->nvalues - 1;

	while (low <= high)
	{
		int middle = low + (high - low) / 2;
		const RemoteValue *value = &part->values[middle];
		int order = compare_keys(&key, &lookup->keys[value->key]);

		if (order < 0)
			high = middle - 1;
		else if (order > 0)
			low = middle + 1;
		else if (value->bytes == NULL)
			return NULL;
		else
		{
			*len = value->len;
			return memcpy(MemoryContextAllocHuge(CurrentMemoryContext, value->len + 1),
						  value->bytes, value->len);
		}
	}
	return NULL;
}

bool
dq_remote_has_failed(const CacheLookup *lookup)
{
	return ((const RemoteLookup *) lookup->state)->has_failed;
}

void
dq_remote_send(RemoteLookup *remote)
{
	for (int i = 0; i < remote->nparts; i++)
		if (remote->parts[i].link && dq_link_unsent(remote->parts[i].link) > 0)
			dq_link_go(remote->parts[i].link);
}

void
dq_remote_end(CacheLookup *lookup)
{
	RemoteLookup *remote = lookup->state;

	if (remote == NULL)
		return;
	dq_remote_send(remote);
	unlist(remote);
	for (int i = 0; i < remote->nparts; i++)
	{
		if (remote->parts[i].order)
			dq_link_forget(remote->parts[i].order);
		if (remote->parts[i].link)
			dq_link_unpin(remote->parts[i].link);
	}
	dq_remote_close_puts(remote->puts);
}
