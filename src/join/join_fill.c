/*
 * join_fill.c
 *	  What a lookup join does between two outer rows: outer rows in, batches out, answers filed.
 *
 * Outer rows are read ahead and wait in a queue, each with the entry of its key.  Keys that nobody
 * has asked yet are gathered; a batch goes out when it is full, when the outer side has ended, or
 * when the head of the queue cannot wait.  Several batches are on the wire at once.  The oldest is
 * read when the head of the queue needs its answer, or as soon as it is complete, so that rows go up
 * while a slow outer side is still being read and joins of joins overlap.  Rows leave in the order
 * in which the outer side gave them.
 *
 * Reading ahead stops when the head's answer is there, when enough questions are on the wire, or when
 * the waiting rows take their share of work_mem.  A join that may not be read to its end starts with
 * one small batch; batches double in size, and then in number.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "compat.h"
#include "executor/executor.h"
#include "join/join_exec.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Entries of keys may take so much even where work_mem is small: asking twice is dearer. */
#define MIN_ENTRY_BYTES ((int64) 4 * 1024 * 1024)

void
dq_join_show_outer(LookupJoinState *join, TupleTableSlot *outer)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;
	int n = join->plan->nouter;

	slot_getallattrs(outer);
	ExecClearTuple(slot);
	memcpy(slot->tts_values, outer->tts_values, sizeof(Datum) * n);
	memcpy(slot->tts_isnull, outer->tts_isnull, sizeof(bool) * n);
	memset(slot->tts_isnull + n, true, sizeof(bool) * (slot->tts_tupleDescriptor->natts - n));
	ExecStoreVirtualTuple(slot);
	join->css.ss.ps.ps_ExprContext->ecxt_scantuple = slot;
}

void
dq_join_show_inner(LookupJoinState *join, TupleTableSlot *inner)
{
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;
	int n = join->plan->nouter;
	int ninner = join->inner_desc->natts;

	if (inner == NULL)
	{
		memset(slot->tts_isnull + n, true, sizeof(bool) * ninner);
		return;
	}
	slot_getallattrs(inner);
	memcpy(slot->tts_values + n, inner->tts_values, sizeof(Datum) * ninner);
	memcpy(slot->tts_isnull + n, inner->tts_isnull, sizeof(bool) * ninner);
}

void
dq_join_make_table(LookupJoinState *join)
{
	MemoryContext old = MemoryContextSwitchTo(join->context);
	int64 half = (int64) work_mem * 1024 / 2;

	join->table = dq_key_table_create(join->key_ops, join->nkeys, half, Max(half, MIN_ENTRY_BYTES));
	MemoryContextSwitchTo(old);
}

/* Evaluates the inner table's own conditions, once until parameters change. */
static void
bind_conditions(LookupJoinState *join)
{
	MemoryContext old = MemoryContextSwitchTo(join->bound_context);

	join->values = palloc0(sizeof(ConditionValue) * Max(join->plan->inner->nconditions, 1));
	join->is_inner_empty = !dq_reader_evaluate(join->reader, join->values);
	join->is_bound = true;
	MemoryContextSwitchTo(old);
}

/* Keys of the next batch, and batches that may be on the wire, where a reader may stop early. */
static void
grow_batches(LookupJoinState *join)
{
	join->batch_size = Min(join->batch_size * 2, join->max_batch_size);
}

static bool
is_frugal(const LookupJoinState *join)
{
	return join->plan->first_batch > 0;
}

/* Keys of one question, each of which brings one row at most; 0: not known. */
static int
unique_keys(const LookupJoinState *join, const JoinBatch *batch, const Ask *ask)
{
	AttrNumber attnum = linitial_int(join->plan->key_attnums);

	if (!join->plan->is_unique)
		return 0;
	if (batch->nasks == 1)
		return batch->nkeys;
	/* A key that cannot be said makes its question one for all rows, which names other keys or none. */
	if (join->nkeys > 1 || ask->key_name == NULL ||
		strcmp(ask->key_name, join->reader->table->columns[attnum - 1].name) != 0)
		return 0;
	return ask->nkeys;
}

/* Asks for the keys gathered. */
static void
start_batch(LookupJoinState *join)
{
	MemoryContext context = AllocSetContextCreate(join->context, "distquery batch of keys",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	JoinBatch *batch = palloc0(sizeof(JoinBatch));
	KeyBatch keys = { .ncolumns = join->nkeys, .types = join->key_types, .nkeys = join->ngathered };
	Datum *values = palloc(sizeof(Datum) * join->nkeys * join->ngathered);
	Ask *asks = NULL;

	batch->context = context;
	batch->nkeys = batch->missing = join->ngathered;
	batch->entries = palloc(sizeof(KeyEntry *) * batch->nkeys);
	for (int i = 0; i < batch->nkeys; i++)
	{
		batch->entries[i] = join->gathered[i];
		batch->entries[i]->batch = batch;
		memcpy(values + i * join->nkeys, batch->entries[i]->values, sizeof(Datum) * join->nkeys);
	}
	keys.values = values;
	join->ngathered = 0;
	dlist_push_tail(&join->batches, &batch->node);

	keys.groups = palloc0(sizeof(int) * batch->nkeys);
	batch->nasks = dq_bind_keys(join->reader->table, join->plan->inner, join->values, &keys, &asks);
	for (int i = 0; i < batch->nkeys; i++)
		batch->entries[i]->group = keys.groups[i];
	batch->asks = palloc0(sizeof(OpenAsk) * Max(batch->nasks, 1));
	for (int i = 0; i < batch->nasks; i++)
	{
		batch->asks[i].ask = asks[i];
		batch->asks[i].enough_rows = unique_keys(join, batch, &asks[i]);
		dq_reader_ask(join->reader, &batch->asks[i], false);
		join->asks_open++;
	}
	join->counters.batches++;
	join->counters.largest_batch = Max(join->counters.largest_batch, batch->nkeys);
	join->counters.smallest_batch = join->counters.smallest_batch == 0 ?
		batch->nkeys :
		Min(join->counters.smallest_batch, batch->nkeys);
	grow_batches(join);
	MemoryContextSwitchTo(old);
}

/* Whether the row at hand passes the table's own conditions; it is in the scan tuple then. */
static bool
pass_row(LookupJoinState *join)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	TupleTableSlot *slot = join->css.ss.ss_ScanTupleSlot;
	int n = join->plan->nouter;

	if (join->plan->ninner_quals + join->plan->ncomputed == 0)
		return true;
	ExecStoreAllNullTuple(slot);
	memcpy(slot->tts_values + n, join->row_values, sizeof(Datum) * join->ncolumns);
	memcpy(slot->tts_isnull + n, join->row_nulls, sizeof(bool) * join->ncolumns);
	econtext->ecxt_scantuple = slot;
	return ExecQual(join->inner_qual, econtext);
}

/* An inner row has come: keeps it with its key, unless its question did not ask for that. */
static void
file_row(LookupJoinState *join, JoinBatch *batch, const Ask *ask)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	TupleTableSlot *slot = join->inner_slot;
	ListCell *cell;
	KeyEntry *entry;

	foreach(cell, join->plan->key_attnums)
	{
		int i = lfirst_int(cell) - 1;

		if (slot->tts_isnull[i])
		{
			join->counters.strangers++;
			return;
		}
		join->key_values[foreach_current_index(cell)] = slot->tts_values[i];
	}
	entry = dq_key_table_find(join->table, join->key_values);
	if (entry == NULL || entry->batch != batch || entry->group != ask->group)
	{
		join->counters.strangers++;
		return;
	}
	if (!entry->is_found)
	{
		batch->missing--;
		batch->found++;
	}
	entry->is_found = true;
	foreach(cell, join->plan->inner_attnums)
	{
		int i = lfirst_int(cell) - 1;

		join->row_values[foreach_current_index(cell)] = slot->tts_values[i];
		join->row_nulls[foreach_current_index(cell)] = slot->tts_isnull[i];
	}
	if (!pass_row(join))
		return;

	MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);

	for (int i = 0; i < join->plan->ncomputed; i++)
		join->row_values[join->ncolumns + i] = ExecEvalExpr(join->computed[i], econtext,
															&join->row_nulls[join->ncolumns + i]);
	dq_key_table_add(join->table, entry,
					 dq_form_minimal_tuple(join->inner_desc, join->row_values, join->row_nulls));
	MemoryContextSwitchTo(old);
}

/* True when reading on would ask for another page, and none of its rows can have a key of ours. */
static bool
has_all(const LookupJoinState *join, const JoinBatch *batch, const OpenAsk *ask)
{
	int keys = unique_keys(join, batch, &ask->ask);

	return join->plan->is_unique && (batch->missing == 0 || (keys > 0 && batch->found == keys)) &&
		dq_fetch_needs_page(ask->reader);
}

/* Reads what is left of the oldest batch's answers; all its keys are answered then. */
static void
finish_batch(LookupJoinState *join)
{
	JoinBatch *batch = dlist_head_element(JoinBatch, node, &join->batches);

	for (; batch->current < batch->nasks; batch->current++)
	{
		OpenAsk *ask = &batch->asks[batch->current];

		batch->found = 0;
		ResetExprContext(join->css.ss.ps.ps_ExprContext);
		while (!has_all(join, batch, ask) && dq_reader_next(join->reader, ask, join->inner_slot))
		{
			file_row(join, batch, &ask->ask);
			CHECK_FOR_INTERRUPTS();
			ResetExprContext(join->css.ss.ps.ps_ExprContext);
		}
		dq_reader_close(join->reader, ask);
		join->asks_open--;
	}
	ExecClearTuple(join->inner_slot);
	dlist_delete(&batch->node);
	for (int i = 0; i < batch->nkeys; i++)
	{
		KeyEntry *entry = batch->entries[i];

		entry->batch = NULL;
		entry->is_answered = true;
		if (!entry->is_found)
			join->counters.not_found++;
		dq_key_table_settle(join->table, entry);
	}
	MemoryContextDelete(batch->context);
}

/* True when the oldest batch can be read without waiting. */
static bool
is_batch_complete(LookupJoinState *join)
{
	const JoinBatch *batch;

	if (dlist_is_empty(&join->batches))
		return false;
	batch = dlist_head_element(JoinBatch, node, &join->batches);
	for (int i = batch->current; i < batch->nasks; i++)
		if (!dq_fetch_is_idle(batch->asks[i].reader))
			return false;
	return true;
}

static bool
is_answered(const KeyEntry *entry)
{
	return entry == NULL || entry->is_answered;
}

/* Nothing is to be read ahead now. */
static bool
is_far_enough(LookupJoinState *join)
{
	int limit = is_frugal(join) && join->batch_size < join->max_batch_size ? 1 : join->asks_limit;

	if (join->outer_is_done || join->waiting_bytes > join->waiting_limit ||
		join->asks_open >= limit)
		return true;
	return !dlist_is_empty(&join->waiting) &&
		is_answered(dlist_head_element(WaitingRow, node, &join->waiting)->entry);
}

/* The entry of the outer row in the scan tuple; NULL when no inner row can have its key. */
static KeyEntry *
enter_key(LookupJoinState *join)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	MemoryContext old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
	KeyEntry *entry = NULL;
	bool isnull = false;
	bool is_new;

	for (int i = 0; i < join->nkeys && !isnull; i++)
		join->key_values[i] = ExecEvalExpr(join->keys[i], econtext, &isnull);
	join->counters.null_keys += isnull;
	if (!isnull && !join->is_inner_empty)
	{
		entry = dq_key_table_enter(join->table, join->key_values, &is_new);
		if (is_new)
		{
			join->gathered[join->ngathered++] = entry;
			join->counters.keys++;
		}
	}
	MemoryContextSwitchTo(old);
	return entry;
}

static void
add_waiting(LookupJoinState *join, TupleTableSlot *outer)
{
	WaitingRow *row;
	MemoryContext old;

	ResetExprContext(join->css.ss.ps.ps_ExprContext);
	dq_join_show_outer(join, outer);

	KeyEntry *entry = enter_key(join);

	old = MemoryContextSwitchTo(join->waiting_context);
	row = palloc(sizeof(WaitingRow));
	row->entry = entry;
	row->tuple = ExecCopySlotMinimalTuple(outer);
	join->waiting_bytes += GetMemoryChunkSpace(row) + GetMemoryChunkSpace(row->tuple);
	dlist_push_tail(&join->waiting, &row->node);
	join->counters.outer_rows++;
	MemoryContextSwitchTo(old);
}

static void
read_ahead(LookupJoinState *join)
{
	while (!is_far_enough(join))
	{
		TupleTableSlot *outer = ExecProcNode(join->outer);

		if (TupIsNull(outer))
		{
			join->outer_is_done = true;
			break;
		}
		add_waiting(join, outer);
		if (join->ngathered >= join->batch_size)
			start_batch(join);
		if (is_batch_complete(join))
			finish_batch(join);
		CHECK_FOR_INTERRUPTS();
	}
	if (join->outer_is_done && join->ngathered > 0)
		start_batch(join);
}

/* Takes the head of the queue as the current outer row. */
static void
take_head(LookupJoinState *join)
{
	WaitingRow *row = dlist_head_element(WaitingRow, node, &join->waiting);

	dlist_delete(&row->node);
	join->waiting_bytes -= GetMemoryChunkSpace(row) + GetMemoryChunkSpace(row->tuple);
	join->current = row->entry;
	join->has_current = true;
	ExecStoreMinimalTuple(row->tuple, join->outer_tuple, true);
	pfree(row);
	dq_join_show_outer(join, join->outer_tuple);
	if (join->current)
		dq_key_table_cursor_open(&join->cursor, join->current);
}

bool
dq_join_advance(LookupJoinState *join)
{
	if (!join->is_bound)
		bind_conditions(join);
	for (;;)
	{
		read_ahead(join);
		if (dlist_is_empty(&join->waiting))
			return false;

		KeyEntry *entry = dlist_head_element(WaitingRow, node, &join->waiting)->entry;

		if (is_answered(entry))
		{
			take_head(join);
			return true;
		}
		if (entry->batch == NULL)
			start_batch(join);
		finish_batch(join);
	}
}

void
dq_join_finish_current(LookupJoinState *join)
{
	join->has_current = false;
	if (join->current)
	{
		join->current->waiting--;
		dq_key_table_settle(join->table, join->current);
		join->current = NULL;
	}
}

/* Takes batches off the wire; their keys are forgotten, for they have no answer. */
static void
drop_batches(LookupJoinState *join)
{
	while (!dlist_is_empty(&join->batches))
	{
		JoinBatch *batch = dlist_container(JoinBatch, node, dlist_pop_head_node(&join->batches));

		for (int i = 0; i < batch->nasks; i++)
			dq_reader_close(join->reader, &batch->asks[i]);
		for (int i = 0; i < batch->nkeys; i++)
			dq_key_table_remove(join->table, batch->entries[i]);
		MemoryContextDelete(batch->context);
	}
	for (int i = 0; i < join->ngathered; i++)
		dq_key_table_remove(join->table, join->gathered[i]);
	join->ngathered = 0;
	join->asks_open = 0;
}

static void
drop_waiting(LookupJoinState *join)
{
	while (!dlist_is_empty(&join->waiting))
	{
		WaitingRow *row = dlist_container(WaitingRow, node, dlist_pop_head_node(&join->waiting));

		if (row->entry && row->entry->is_answered)
		{
			row->entry->waiting--;
			dq_key_table_settle(join->table, row->entry);
		}
	}
	ExecClearTuple(join->outer_tuple);
	ExecClearTuple(join->inner_tuple);
	MemoryContextReset(join->waiting_context);
	join->waiting_bytes = 0;
}

void
dq_join_reset(LookupJoinState *join, bool keep_answers)
{
	dq_join_finish_current(join);
	drop_waiting(join);
	drop_batches(join);
	join->outer_is_done = false;
	join->batch_size = is_frugal(join) ? Min(join->plan->first_batch, join->max_batch_size) :
										 join->max_batch_size;
	if (keep_answers)
		return;
	dq_key_table_free(join->table);
	dq_join_make_table(join);
	join->is_bound = false;
	MemoryContextReset(join->bound_context);
}
