/*
 * fetch_group.c
 *	  The fetches of one executed statement: asked at once, asked once, released together.
 *
 * A group is found by the executor's query context, so that all scans of a plan tree, its
 * InitPlans and SubPlans included, share one.  It lives in a child of that context; PostgreSQL
 * deletes the context on every exit path (end of query, error, rollback to a savepoint, a cursor
 * closed early), and with it goes everything that is on the wire.
 *
 * A fetch that nobody reads any more but whose rows are still kept is idle: the next question for
 * the same request is answered from it.  Idle fetches are bounded by work_mem; the least recently
 * used is dropped first.
 */
#include "postgres.h"

#include "fetch/cached_fetch.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/*
 * Streams under way never spill while they are being read, so a share is never smaller than a few
 * chunks.
 */
#define MIN_SHARE_BYTES ((int64) 2 * 1024 * 1024)

typedef struct Starter
{
	dlist_node node;
	FetchStarter start; /* NULL: waits for parameters */
	void *scan;
} Starter;

typedef struct IdentityEntry
{
	uint64 hash; /* key */
	Fetch *fetch;
} IdentityEntry;

struct FetchGroup
{
	dlist_node node; /* in groups */
	MemoryContext query_context;
	MemoryContext context;
	dlist_head starters;
	int nscans;
	bool has_begun;
	bool is_parked;		 /* its exchanges on the wire hold no slots */
	bool must_be_whole;	 /* on_error does not hold */
	HTAB *by_identity;	 /* IdentityEntry */
	dlist_head renewals; /* fetches that renew what was served stale; nobody reads them */
	dlist_head idle;	 /* least recently used first */
	int64 idle_bytes;
};

/* All groups of this backend; a handful at most (one for each nested executor run). */
static dlist_head groups = DLIST_STATIC_INIT(groups);

/* The group that new scans join instead of their own query's, if any. */
static FetchGroup *adopting = NULL;

static void
group_forget(void *arg)
{
	FetchGroup *group = arg;

	dlist_delete(&group->node);
	if (adopting == group)
		adopting = NULL;
}

FetchGroup *
dq_fetch_group_adopt(MemoryContext context)
{
	adopting = dq_fetch_group(context);
	adopting->must_be_whole = true;
	return adopting;
}

void
dq_fetch_group_adopt_end(FetchGroup *group)
{
	adopting = NULL;
	/* A query that planning ran has begun the group before its scans were there. */
	group->has_begun = false;
}

FetchGroup *
dq_fetch_group(MemoryContext query_context)
{
	dlist_iter iter;

	if (adopting)
		return adopting;
	dlist_foreach(iter, &groups)
	{
		FetchGroup *group = dlist_container(FetchGroup, node, iter.cur);

		if (group->query_context == query_context)
			return group;
	}

	MemoryContext context = AllocSetContextCreate(query_context, "distquery fetches",
												  ALLOCSET_SMALL_SIZES);
	FetchGroup *group = MemoryContextAllocZero(context, sizeof(FetchGroup));
	MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(*callback));
	HASHCTL control = { .keysize = sizeof(uint64),
						.entrysize = sizeof(IdentityEntry),
						.hcxt = context };

	group->query_context = query_context;
	group->context = context;
	dlist_init(&group->starters);
	dlist_init(&group->idle);
	dlist_init(&group->renewals);
	group->by_identity = hash_create("distquery fetches", 16, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	callback->func = group_forget;
	callback->arg = group;
	dlist_push_head(&groups, &group->node);
	MemoryContextRegisterResetCallback(context, callback);
	return group;
}

void
dq_fetch_group_park(MemoryContext query_context)
{
	dlist_iter iter;

	dlist_foreach(iter, &groups)
	{
		FetchGroup *group = dlist_container(FetchGroup, node, iter.cur);

		if (query_context && group->query_context != query_context)
			continue;
		group->is_parked = true;
		if (query_context)
			dq_exchange_park(group);
	}
	if (query_context == NULL)
		dq_exchange_park(NULL);
}

void
dq_fetch_group_unpark(FetchGroup *group)
{
	if (group && !group->is_parked)
		return;
	if (group)
		group->is_parked = false;
	dq_exchange_unpark(group);
}

bool
dq_fetch_group_must_be_whole(const FetchGroup *group)
{
	return group->must_be_whole;
}

void
dq_fetch_group_register(FetchGroup *group, FetchStarter starter, void *scan)
{
	Starter *entry = MemoryContextAllocZero(group->context, sizeof(Starter));

	entry->start = starter;
	entry->scan = scan;
	dlist_push_tail(&group->starters, &entry->node);
	group->nscans++;
}

static void
group_drop(FetchGroup *group, Fetch *fetch)
{
	IdentityEntry *entry = hash_search(group->by_identity, &fetch->identity_hash, HASH_FIND, NULL);

	if (entry && entry->fetch == fetch)
		hash_search(group->by_identity, &fetch->identity_hash, HASH_REMOVE, NULL);
	dq_fetch_free(fetch);
}

/* Drops what was not used for longest until the rest fits. */
static void
drop_idle(FetchGroup *group, int64 bytes)
{
	while (!dlist_is_empty(&group->idle) && (bytes == 0 || group->idle_bytes > bytes))
	{
		Fetch *oldest = dlist_container(Fetch, lru_node, dlist_pop_head_node(&group->idle));

		group->idle_bytes -= MemoryContextMemAllocated(oldest->context, true);
		group_drop(group, oldest);
	}
}

/*
 * The last scan to go takes the idle fetches along: their temporary files are closed, not leaked.
 */
void
dq_fetch_group_unregister(FetchGroup *group, void *scan)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &group->starters)
	{
		Starter *entry = dlist_container(Starter, node, iter.cur);

		if (entry->scan == scan)
		{
			dlist_delete(&entry->node);
			pfree(entry);
		}
	}
	if (!dlist_is_empty(&group->starters))
		return;
	drop_idle(group, 0);
	dq_cached_renew(&group->renewals);
}

/* The group waits for it when its last scan ends. */
void
dq_fetch_group_renew(FetchGroup *group, Fetch *fetch)
{
	dlist_push_tail(&group->renewals, &fetch->lru_node);
}

void
dq_fetch_group_begin(FetchGroup *group)
{
	dlist_iter iter;

	if (group->has_begun)
		return;
	group->has_begun = true;
	dlist_foreach(iter, &group->starters)
	{
		Starter *entry = dlist_container(Starter, node, iter.cur);

		if (entry->start)
			entry->start(entry->scan);
	}
}

MemoryContext
dq_fetch_group_context(FetchGroup *group)
{
	return group->context;
}

/* Bytes that one fetch may hold in memory. */
int64
dq_fetch_group_share(FetchGroup *group)
{
	int64 share = (int64) work_mem * 1024 / Max(group->nscans, 1);

	return Max(share, MIN_SHARE_BYTES);
}

/*
 * The fetch that asks exactly this and whose rows can still be read from the first; NULL if there
 * is none.
 */
Fetch *
dq_fetch_group_find(FetchGroup *group, const char *identity, int len, uint64 hash)
{
	IdentityEntry *entry = hash_search(group->by_identity, &hash, HASH_FIND, NULL);

	if (entry == NULL)
		return NULL;

	Fetch *fetch = entry->fetch;

	if (fetch->identity_len != len || memcmp(fetch->identity, identity, len) != 0 ||
		!dq_spool_is_kept(fetch->spool))
		return NULL;
	if (fetch->is_idle)
	{
		dlist_delete(&fetch->lru_node);
		fetch->is_idle = false;
		group->idle_bytes -= MemoryContextMemAllocated(fetch->context, true);
	}
	return fetch;
}

void
dq_fetch_group_add(FetchGroup *group, Fetch *fetch)
{
	IdentityEntry *entry = hash_search(group->by_identity, &fetch->identity_hash, HASH_ENTER, NULL);

	entry->fetch = fetch;
}

/* Nobody reads this fetch any more: keeps its rows while memory lasts, or ends it. */
void
dq_fetch_group_retire(FetchGroup *group, Fetch *fetch)
{
	IdentityEntry *entry = hash_search(group->by_identity, &fetch->identity_hash, HASH_FIND, NULL);
	bool is_reusable = fetch->is_finished && dq_spool_is_kept(fetch->spool) && entry &&
		entry->fetch == fetch;

	if (!is_reusable)
	{
		group_drop(group, fetch);
		return;
	}
	fetch->is_idle = true;
	dlist_push_tail(&group->idle, &fetch->lru_node);
	group->idle_bytes += MemoryContextMemAllocated(fetch->context, true);
	drop_idle(group, (int64) work_mem * 1024);
}
