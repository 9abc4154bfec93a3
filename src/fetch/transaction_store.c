/*
 * transaction_store.c
 *	  Strategy "store": answers that the transaction keeps.
 *
 * The answer to a question is a Fetch like any other, but it belongs to the transaction: its
 * context is below TopTransactionContext, its temporary file belongs to the transaction's resource
 * owner, and it is fetched to its end before the first row is read.  Its spool holds elements as
 * received, so that another list of columns is no other question.  Nothing is written to the
 * database: it works in READ ONLY transactions and on a standby.
 *
 * A question is answered, in this order, from the answer to the same question; from one that holds
 * all of its rows (dq_scope_contains), by an index where it asks for values of a column
 * (key_index.c); from the service.  "The same" includes the identity: credentials and fixed
 * headers are part of it, so that SET ROLE and SECURITY DEFINER find what they may see.
 *
 * Memory is bounded by work_mem: beyond it, answers that nobody reads are moved to their temporary
 * files, the least recently used first.  Small answers to single questions are forgotten instead,
 * and asked again, since thousands of them would be thousands of files.
 *
 * What a subtransaction fetched is forgotten when it is rolled back; a cursor opened before that
 * goes on reading it.  Readers live in their query's context, which may go without closing them:
 * a Lease closes them then.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "fetch/key_index.h"
#include "fetch/strategy.h"
#include "fetch/transaction_store.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* Smaller answers have no file of their own. */
#define SMALL_BYTES ((int64) 32 * 1024)

/* Rows that planning may look through to count a column's values. */
#define MAX_COUNTED_ROWS 200000

/* Answers to restricted questions that are looked through for one that holds another's rows. */
#define MAX_CANDIDATES 64

struct StoredAnswer
{
	dlist_node lru_node;	   /* in Store.answers, most recently used first */
	dlist_node candidate_node; /* in Store.candidates */
	bool is_candidate;
	bool is_doomed; /* found no more; goes with its last reader */
	Fetch *fetch;
	const Scope *scope; /* NULL: holds the rows of no other question */
	Oid relid;
	int shape_len;
	SubTransactionId subid;
	dlist_head leases;
	int64 memory; /* counted in Store.memory, 0 while it is read */
	bool is_spilled;
	List *indexes; /* KeyIndex pointers */
};

/* Ends a reader together with the query that reads. */
struct ReaderLease
{
	MemoryContextCallback callback;
	dlist_node node; /* in StoredAnswer.leases */
	FetchReader *reader;
};

typedef struct IdentityEntry
{
	uint64 hash; /* key */
	StoredAnswer *answer;
} IdentityEntry;

typedef struct Store
{
	MemoryContext context;
	HTAB *by_identity;
	dlist_head answers;
	dlist_head candidates; /* whole collections first */
	int ncandidates;
	int64 memory;
} Store;

/* Of the current transaction; NULL: it has stored nothing. */
static Store *store = NULL;

/* Takes an answer out of everything by which it is found. */
static void
answer_hide(StoredAnswer *answer)
{
	IdentityEntry *entry = hash_search(store->by_identity, &answer->fetch->identity_hash, HASH_FIND,
									   NULL);

	if (entry && entry->answer == answer)
		hash_search(store->by_identity, &answer->fetch->identity_hash, HASH_REMOVE, NULL);
	if (answer->is_candidate)
	{
		dlist_delete(&answer->candidate_node);
		answer->is_candidate = false;
		store->ncandidates--;
	}
	answer->is_doomed = true;
}

static void
answer_free(StoredAnswer *answer)
{
	if (!answer->is_doomed)
		answer_hide(answer);
	store->memory -= answer->memory;
	dlist_delete(&answer->lru_node);
	while (!dlist_is_empty(&answer->leases))
		dlist_container(ReaderLease, node, dlist_pop_head_node(&answer->leases))->reader = NULL;
	dq_fetch_free(answer->fetch);
}

static void
store_drop(void)
{
	dlist_mutable_iter iter;
	MemoryContext context = store->context;

	dlist_foreach_modify(iter, &store->answers)
		answer_free(dlist_container(StoredAnswer, lru_node, iter.cur));
	store = NULL;
	MemoryContextDelete(context);
}

static void
transaction_event(XactEvent event, void *arg)
{
	if (store && event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE &&
		event != XACT_EVENT_PARALLEL_PRE_COMMIT)
		store_drop();
}

static void
subtransaction_event(SubXactEvent event, SubTransactionId subid, SubTransactionId parent, void *arg)
{
	dlist_mutable_iter iter;

	if (store == NULL || (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	dlist_foreach_modify(iter, &store->answers)
	{
		StoredAnswer *answer = dlist_container(StoredAnswer, lru_node, iter.cur);

		if (answer->subid != subid)
			continue;
		answer->subid = parent;
		if (event == SUBXACT_EVENT_COMMIT_SUB)
			continue;
		if (answer->fetch->nreaders == 0)
			answer_free(answer);
		else if (!answer->is_doomed)
			answer_hide(answer);
	}
}

static void
store_open(void)
{
	static bool is_registered = false;
	MemoryContext context;
	Store *fresh;
	HASHCTL control = { .keysize = sizeof(uint64), .entrysize = sizeof(IdentityEntry) };

	if (store)
		return;
	if (!is_registered)
	{
		RegisterXactCallback(transaction_event, NULL);
		RegisterSubXactCallback(subtransaction_event, NULL);
		is_registered = true;
	}
	context = AllocSetContextCreate(TopTransactionContext, "distquery store",
									ALLOCSET_DEFAULT_SIZES);
	fresh = MemoryContextAllocZero(context, sizeof(Store));
	fresh->context = context;
	control.hcxt = context;
	fresh->by_identity = hash_create("distquery stored answers", 64, &control,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	dlist_init(&fresh->answers);
	dlist_init(&fresh->candidates);
	store = fresh;
}

static StoredAnswer *
find_same(const StringInfoData *identity, uint64 hash)
{
	IdentityEntry *entry = hash_search(store->by_identity, &hash, HASH_FIND, NULL);
	const Fetch *fetch = entry ? entry->answer->fetch : NULL;

	if (fetch == NULL || fetch->error || fetch->identity_len != identity->len ||
		memcmp(fetch->identity, identity->data, identity->len) != 0)
		return NULL;
	return entry->answer;
}

/* An answer of the same table, endpoint and reading that holds all rows of the question. */
static StoredAnswer *
find_wider(Oid relid, const char *shape, int shape_len, const Scope *scope)
{
	dlist_iter iter;

	if (scope == NULL)
		return NULL;
	dlist_foreach(iter, &store->candidates)
	{
		StoredAnswer *answer = dlist_container(StoredAnswer, candidate_node, iter.cur);

		if (answer->relid == relid && answer->fetch->error == NULL &&
			answer->shape_len == shape_len &&
			memcmp(answer->fetch->identity, shape, shape_len) == 0 &&
			dq_scope_contains(answer->scope, scope))
			return answer;
	}
	return NULL;
}

/* Whole collections stand at the front and stay; of the others the oldest gives way. */
static void
add_candidate(StoredAnswer *answer)
{
	if (answer->scope->is_whole)
		dlist_push_head(&store->candidates, &answer->candidate_node);
	else
		dlist_push_tail(&store->candidates, &answer->candidate_node);
	answer->is_candidate = true;
	store->ncandidates++;
	if (store->ncandidates > MAX_CANDIDATES)
	{
		dlist_iter iter;

		dlist_foreach(iter, &store->candidates)
		{
			StoredAnswer *oldest = dlist_container(StoredAnswer, candidate_node, iter.cur);

			if (oldest->scope->is_whole)
				continue;
			dlist_delete(&oldest->candidate_node);
			oldest->is_candidate = false;
			store->ncandidates--;
			break;
		}
	}
}

static StoredAnswer *
add_answer(FetchGroup *group, const FetchOptions *options, StringInfo identity, int shape_len,
		   uint64 hash)
{
	ResourceOwner old_owner = CurrentResourceOwner;
	FetchOptions whole = *options;
	IdentityEntry *entry;
	StoredAnswer *answer;
	Fetch *fetch;

	whole.row_limit = 0;
	whole.is_frugal = false;
	whole.keep = true;
	whole.all_first = true;
	CurrentResourceOwner = TopTransactionResourceOwner;
	fetch = dq_fetch_create(store->context, dq_fetch_group_share(group), &whole, identity, hash);
	dq_fetch_ask(fetch);
	CurrentResourceOwner = old_owner;

	MemoryContext old = MemoryContextSwitchTo(fetch->context);

	answer = palloc0(sizeof(StoredAnswer));
	answer->fetch = fetch;
	answer->scope = options->scope ? dq_scope_copy(options->scope) : NULL;
	answer->relid = options->table->relid;
	answer->shape_len = shape_len;
	answer->subid = GetCurrentSubTransactionId();
	dlist_init(&answer->leases);
	entry = hash_search(store->by_identity, &hash, HASH_ENTER, NULL);
	entry->answer = answer;
	fetch->stored = answer;
	dlist_push_head(&store->answers, &answer->lru_node);
	if (answer->scope)
		add_candidate(answer);
	MemoryContextSwitchTo(old);
	return answer;
}

static void
free_reader(FetchReader *reader)
{
	dlist_delete(&reader->lease->node);
	reader->lease->reader = NULL;
	dq_store_rewind(reader);
	if (reader->hashes)
		pfree(reader->hashes);
	if (reader->key_term)
	{
		pfree((char *) reader->key_term->json);
		pfree((void *) reader->key_term);
	}
	dq_fetch_reader_free(reader);
}

/* Drops what cannot serve another question once the last reader has gone; false: it was dropped. */
static bool
keep_answer(StoredAnswer *answer)
{
	const Fetch *fetch = answer->fetch;

	if (fetch->nreaders > 0)
		return true;
	if (answer->is_doomed || fetch->error || !fetch->is_finished)
	{
		answer_free(answer);
		return false;
	}
	answer->memory = MemoryContextMemAllocated(fetch->context, true);
	store->memory += answer->memory;
	return true;
}

/* The query has gone without closing its reader, after an error.  Must not raise. */
static void
lease_ended(void *arg)
{
	ReaderLease *lease = arg;

	if (lease->reader)
	{
		StoredAnswer *answer = lease->reader->fetch->stored;

		free_reader(lease->reader);
		keep_answer(answer);
	}
}

/* A reader that ends with the group. */
static FetchReader *
lease_reader(FetchGroup *group, StoredAnswer *answer)
{
	ReaderLease *lease = MemoryContextAllocZero(dq_fetch_group_context(group), sizeof(ReaderLease));
	FetchReader *reader = dq_fetch_reader(answer->fetch);

	lease->reader = reader;
	lease->callback.func = lease_ended;
	lease->callback.arg = lease;
	reader->lease = lease;
	dlist_push_head(&answer->leases, &lease->node);
	MemoryContextRegisterResetCallback(dq_fetch_group_context(group), &lease->callback);
	store->memory -= answer->memory;
	answer->memory = 0;
	dlist_delete(&answer->lru_node);
	dlist_push_head(&store->answers, &answer->lru_node);
	return reader;
}

/* Notes by which values the reader finds its rows in an answer that holds others, too. */
static void
narrow_reader(FetchReader *reader, const Scope *scope)
{
	const ScopeTerm *term = dq_scope_key_term(scope);
	MemoryContext old = MemoryContextSwitchTo(reader->fetch->context);

	if (term)
	{
		ScopeTerm *copy = palloc(sizeof(ScopeTerm));

		*copy = *term;
		reader->hashes = dq_key_hashes(term, &reader->nhashes);
		copy->json = pstrdup(term->json);
		copy->texts = NULL;
		copy->numbers = NULL;
		reader->key_term = copy;
	}
	MemoryContextSwitchTo(old);
}

FetchReader *
dq_store_start(FetchGroup *group, const FetchOptions *options)
{
	StringInfoData identity;
	FetchOptions whole = *options;
	FetchReader *reader;
	StoredAnswer *answer;
	FetchOrigin origin = FETCH_STORED;
	int shape_len;
	uint64 hash;

	store_open();
	whole.row_limit = 0;
	initStringInfo(&identity);
	shape_len = dq_fetch_identity(&whole, &identity);
	hash = hash_bytes_extended((const unsigned char *) identity.data, identity.len, 0);
	answer = find_same(&identity, hash);
	if (answer == NULL)
	{
		answer = find_wider(options->table->relid, identity.data, shape_len, options->scope);
		if (answer == NULL)
		{
			answer = add_answer(group, options, &identity, shape_len, hash);
			origin = FETCH_STORING;
		}
		reader = lease_reader(group, answer);
		if (origin == FETCH_STORED)
			narrow_reader(reader, options->scope);
	}
	else
		reader = lease_reader(group, answer);
	reader->origin = origin;
	reader->is_shared = origin == FETCH_STORED;
	pfree(identity.data);
	return reader;
}

/* The index for a reader's column, made at its first use. */
static const KeyIndex *
answer_index(StoredAnswer *answer, const ScopeTerm *term)
{
	KeyIndex *index;
	ListCell *cell;
	MemoryContext old;

	foreach(cell, answer->indexes)
		if (dq_key_index_is_for(lfirst(cell), term))
			return lfirst(cell);
	old = MemoryContextSwitchTo(answer->fetch->context);
	index = dq_key_index_create(answer->fetch->spool, term);
	answer->indexes = lappend(answer->indexes, index);
	MemoryContextSwitchTo(old);
	return index;
}

static bool
next_by_key(FetchReader *reader, FetchRow *row)
{
	SpoolPosition position;

	if (!dq_key_cursor_next(reader->key_cursor, &position, &row->number))
		return false;
	dq_spool_read(reader->spool_reader, position, &row->bytes, &row->len);
	row->request = reader->fetch->options.url;
	return true;
}

bool
dq_store_next(FetchReader *reader, FetchRow *row)
{
	if (reader->hashes && reader->key_cursor == NULL)
	{
		const KeyIndex *index = answer_index(reader->fetch->stored, reader->key_term);

		if (dq_key_index_is_usable(index))
		{
			MemoryContext old = MemoryContextSwitchTo(reader->fetch->context);

			reader->key_cursor = dq_key_cursor(index, reader->hashes, reader->nhashes);
			MemoryContextSwitchTo(old);
		}
		else
		{
			pfree(reader->hashes);
			reader->hashes = NULL;
		}
	}
	if (reader->key_cursor)
		return next_by_key(reader, row);
	return dq_fetch_next_spooled(reader, row);
}

void
dq_store_rewind(FetchReader *reader)
{
	if (reader->key_cursor)
		pfree(reader->key_cursor);
	reader->key_cursor = NULL;
}

/* Beyond work_mem, answers that nobody reads are spilled, small ones forgotten. */
static void
bound_memory(void)
{
	int64 limit = (int64) work_mem * 1024;
	dlist_node *node = dlist_is_empty(&store->answers) ? NULL : dlist_tail_node(&store->answers);

	while (store->memory > limit && node)
	{
		StoredAnswer *oldest = dlist_container(StoredAnswer, lru_node, node);
		Fetch *fetch = oldest->fetch;

		node = dlist_has_prev(&store->answers, node) ? dlist_prev_node(&store->answers, node) :
													   NULL;
		if (fetch->nreaders > 0 || oldest->is_spilled)
			continue;
		if (dq_spool_bytes(fetch->spool) <= SMALL_BYTES)
		{
			if (oldest->scope == NULL || !oldest->scope->is_whole)
				answer_free(oldest);
			continue;
		}
		oldest->is_spilled = true;
		dq_spool_spill(fetch->spool);
		store->memory -= oldest->memory;
		oldest->memory = MemoryContextMemAllocated(fetch->context, true);
		store->memory += oldest->memory;
	}
}

void
dq_store_close(FetchReader *reader)
{
	StoredAnswer *answer = reader->fetch->stored;

	free_reader(reader);
	if (keep_answer(answer))
		bound_memory();
}

static StoredAnswer *
find_whole(const TableSpec *table, const Endpoint *endpoint)
{
	dlist_iter iter;

	if (store == NULL)
		return NULL;
	dlist_foreach(iter, &store->candidates)
	{
		StoredAnswer *answer = dlist_container(StoredAnswer, candidate_node, iter.cur);
		const Fetch *fetch = answer->fetch;

		if (!answer->scope->is_whole)
			return NULL;
		if (answer->relid == table->relid && fetch->options.endpoint == endpoint &&
			fetch->options.table == table && fetch->is_finished && fetch->error == NULL)
			return answer;
	}
	return NULL;
}

bool
dq_store_has_whole(const TableSpec *table, const Endpoint *endpoint, int64 *rows)
{
	const StoredAnswer *answer = find_whole(table, endpoint);

	if (answer)
		*rows = answer->fetch->rows;
	return answer != NULL;
}

bool
dq_store_distinct(const TableSpec *table, const Endpoint *endpoint, const ScopeTerm *term,
				  double *distinct, double *nulls)
{
	StoredAnswer *answer = find_whole(table, endpoint);
	const KeyIndex *index;
	int64 values;
	int64 rows;

	if (answer == NULL || term->key == JSON_KEY_NONE || term->json == NULL ||
		answer->fetch->rows == 0 || answer->fetch->rows > MAX_COUNTED_ROWS)
		return false;
	index = answer_index(answer, term);
	if (!dq_key_index_is_usable(index))
		return false;
	dq_key_index_counts(index, &values, &rows);
	*distinct = values;
	*nulls = 1.0 - (double) rows / answer->fetch->rows;
	return true;
}
