/*
 * join_exec.c
 *	  The lookup join as a plan node: begin, next row, rescan, end.
 *
 * The outer plan is a child; the inner table is read by the node itself (join_fill.c), which hands
 * over one outer row after the other together with the inner rows that have its key.  Here they are
 * paired as a nested loop would pair them: the join clauses are evaluated for each pair, an outer
 * row without a match is extended by NULLs in a LEFT join, given in an ANTI join, and clauses above
 * the join are evaluated last.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "compat.h"
#include "distquery.h"
#include "executor/executor.h"
#include "join/join_exec.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/typcache.h"

static void begin_join(CustomScanState *node, EState *estate, int eflags);
static TupleTableSlot *exec_join(CustomScanState *node);
static void end_join(CustomScanState *node);
static void rescan_join(CustomScanState *node);

static const CustomExecMethods exec_methods = {
	.CustomName = "Lookup Join",
	.BeginCustomScan = begin_join,
	.ExecCustomScan = exec_join,
	.EndCustomScan = end_join,
	.ReScanCustomScan = rescan_join,
	.ExplainCustomScan = dqExplainLookupJoin,
};

Node *
dq_join_create_state(CustomScan *scan)
{
	LookupJoinState *join = (LookupJoinState *) newNode(sizeof(LookupJoinState), T_CustomScanState);

	join->css.methods = &exec_methods;
	join->plan = dq_join_plan_read(scan->custom_private);
	return (Node *) join;
}

/* The inner table's place in the range table: that of any of its columns. */
static Index
inner_index(const CustomScan *scan, const JoinPlan *plan)
{
	TargetEntry *entry = list_nth(scan->custom_scan_tlist, plan->nouter);

	return castNode(Var, entry->expr)->varno;
}

static bool
has_exec_param(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Param))
		return ((Param *) node)->paramkind == PARAM_EXEC;
	return expression_tree_walker(node, has_exec_param, context);
}

/* How a key's values are told apart, by the operator of its clause. */
static void
prepare_key(KeyColumnOps *ops, Oid opno, Oid collation, Oid value_type)
{
	Oid left;
	Oid right;
	RegProcedure outer_hash;
	RegProcedure inner_hash;

	op_input_types(opno, &left, &right);
	if (IsPolymorphicType(left))
		left = getBaseType(value_type);
	if (!get_op_hash_functions(opno, &outer_hash, &inner_hash))
		elog(ERROR, "operator %u has no hash functions", opno);
	ops->outer_type = left;
	ops->collation = collation;
	get_typlenbyval(left, &ops->len, &ops->byval);
	fmgr_info(outer_hash, &ops->outer_hash);
	fmgr_info(inner_hash, &ops->inner_hash);
	fmgr_info(get_opcode(lookup_type_cache(left, TYPECACHE_EQ_OPR)->eq_opr), &ops->outer_equal);
	fmgr_info(get_opcode(opno), &ops->inner_equal);
}

static void
begin_keys(LookupJoinState *join, const CustomScan *scan)
{
	const JoinPlan *plan = join->plan;

	join->nkeys = list_length(plan->key_attnums);
	join->keys = palloc0(sizeof(ExprState *) * join->nkeys);
	join->key_ops = palloc0(sizeof(KeyColumnOps) * join->nkeys);
	join->key_types = palloc0(sizeof(Oid) * join->nkeys);
	join->key_values = palloc0(sizeof(Datum) * join->nkeys);
	for (int i = 0; i < join->nkeys; i++)
	{
		Expr *key = list_nth(scan->custom_exprs, plan->first_key + i);

		join->keys[i] = ExecInitExpr(key, &join->css.ss.ps);
		join->key_types[i] = exprType((Node *) key);
		prepare_key(&join->key_ops[i], list_nth_oid(plan->key_operators, i),
					list_nth_oid(plan->key_collations, i), join->key_types[i]);
	}
}

static void
begin_quals(LookupJoinState *join, const CustomScan *scan)
{
	int first = join->plan->first_key + join->nkeys;
	List *inner = list_copy_tail(scan->custom_exprs, first);
	List *pair = list_copy_tail(inner, join->plan->ninner_quals);
	List *computed = list_copy_tail(pair, join->plan->njoin_quals);

	inner = list_truncate(inner, join->plan->ninner_quals);
	pair = list_truncate(pair, join->plan->njoin_quals);
	join->inner_qual = ExecInitQual(inner, &join->css.ss.ps);
	join->join_qual = ExecInitQual(pair, &join->css.ss.ps);
	join->computed = palloc0(sizeof(ExprState *) * Max(join->plan->ncomputed, 1));
	for (int i = 0; i < join->plan->ncomputed; i++)
		join->computed[i] = ExecInitExpr(list_nth(computed, i), &join->css.ss.ps);
	join->depends_on_params = join->reader->waits_for_params ||
		has_exec_param((Node *) inner, NULL) || has_exec_param((Node *) computed, NULL);
}

static void
begin_slots(LookupJoinState *join, Relation relation)
{
	EState *estate = join->css.ss.ps.state;
	int n = list_length(join->plan->inner_attnums) + join->plan->ncomputed;
	ListCell *cell;

	join->ncolumns = list_length(join->plan->inner_attnums);
	join->inner_desc = CreateTemplateTupleDesc(n);
	foreach(cell, join->plan->inner_attnums)
		TupleDescCopyEntry(join->inner_desc, foreach_current_index(cell) + 1,
						   RelationGetDescr(relation), lfirst_int(cell));
	for (int i = 0; i < join->plan->ncomputed; i++)
	{
		Node *expr = (Node *) join->computed[i]->expr;
		AttrNumber attnum = join->ncolumns + i + 1;

		TupleDescInitEntry(join->inner_desc, attnum, "?column?", exprType(expr), exprTypmod(expr),
						   0);
		TupleDescInitEntryCollation(join->inner_desc, attnum, exprCollation(expr));
	}
	join->row_values = palloc0(sizeof(Datum) * n);
	join->row_nulls = palloc0(sizeof(bool) * n);
	join->inner_slot = ExecInitExtraTupleSlot(estate, RelationGetDescr(relation), &TTSOpsVirtual);
	join->outer_tuple = ExecInitExtraTupleSlot(estate, ExecGetResultType(join->outer),
											   &TTSOpsMinimalTuple);
	join->inner_tuple = ExecInitExtraTupleSlot(estate, join->inner_desc, &TTSOpsMinimalTuple);
}

static void
begin_asking(LookupJoinState *join, Relation relation, Index index)
{
	EState *estate = join->css.ss.ps.state;
	RangeTblEntry *rte = exec_rt_fetch(index, estate);
	Oid user = dq_rte_checked_user(estate, rte);
	int64 memory = (int64) work_mem * 1024;
	int max_in_flight;

	dq_reader_prepare(join->reader, RelationGetDescr(relation),
					  OidIsValid(user) ? user : GetUserId());
	dq_fetch_group_register(join->reader->group, NULL, join);
	max_in_flight = join->reader->endpoint->limits.service.max_in_flight;
	join->max_batch_size = dq_bind_max_keys(join->reader->table, join->plan->inner);
	if (join->max_batch_size == 1)
		join->max_batch_size = max_in_flight;
	/* As many again wait for a slot, so that one is never without a request. */
	join->asks_limit = max_in_flight * 2;
	join->waiting_limit = memory / 4;
	dq_join_make_table(join);
	join->gathered = palloc0(sizeof(KeyEntry *) * join->max_batch_size);
	dq_join_reset(join, true);
}

static void
begin_join(CustomScanState *node, EState *estate, int eflags)
{
	LookupJoinState *join = (LookupJoinState *) node;
	CustomScan *scan = (CustomScan *) node->ss.ps.plan;
	Index index = inner_index(scan, join->plan);
	Relation relation = dq_range_table_relation(estate, index);
	MemoryContext old;

	join->context = AllocSetContextCreate(estate->es_query_cxt, "distquery lookup join",
										  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(join->context);
	join->bound_context = AllocSetContextCreate(join->context, "distquery conditions",
												ALLOCSET_SMALL_SIZES);
	join->waiting_context = AllocSetContextCreate(join->context, "distquery outer rows",
												  ALLOCSET_DEFAULT_SIZES);
	dlist_init(&join->waiting);
	dlist_init(&join->batches);
	join->outer = ExecInitNode(linitial(scan->custom_plans), estate,
							   eflags & ~(EXEC_FLAG_BACKWARD | EXEC_FLAG_MARK));
	node->custom_ps = list_make1(join->outer);
	join->reader = dq_reader_create(&node->ss.ps, relation, join->plan->inner, scan->custom_exprs);
	begin_keys(join, scan);
	begin_quals(join, scan);
	begin_slots(join, relation);
	if (!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
		begin_asking(join, relation, index);
	MemoryContextSwitchTo(old);
}

/* The row of the scan tuple at hand, unless a clause above the join refuses it; else NULL. */
static TupleTableSlot *
give_row(LookupJoinState *join)
{
	ScanState *ss = &join->css.ss;

	if (!ExecQual(ss->ps.qual, ss->ps.ps_ExprContext))
	{
		InstrCountFiltered1(ss, 1);
		return NULL;
	}
	return ss->ps.ps_ProjInfo ? ExecProject(ss->ps.ps_ProjInfo) : ss->ss_ScanTupleSlot;
}

/* The next pair of the current outer row that makes a row; NULL when there is none left. */
static TupleTableSlot *
next_pair(LookupJoinState *join)
{
	ExprContext *econtext = join->css.ss.ps.ps_ExprContext;
	MinimalTuple tuple;
	TupleTableSlot *row;

	while (join->current && (tuple = dq_key_table_cursor_next(join->table, &join->cursor)) != NULL)
	{
		ResetExprContext(econtext);
		CHECK_FOR_INTERRUPTS();
		ExecStoreMinimalTuple(tuple, join->inner_tuple, false);
		dq_join_show_inner(join, join->inner_tuple);
		if (!ExecQual(join->join_qual, econtext))
		{
			InstrCountFiltered2(&join->css.ss, 1);
			continue;
		}
		join->is_matched = true;
		if (join->plan->type == JOIN_ANTI)
			return NULL;
		if (join->plan->has_single_match)
			join->cursor = (KeyRowCursor) { .fileno = -1 };
		row = give_row(join);
		if (row)
			return row;
	}
	return NULL;
}

static TupleTableSlot *
exec_join(CustomScanState *node)
{
	LookupJoinState *join = (LookupJoinState *) node;
	TupleTableSlot *row;

	ResetExprContext(node->ss.ps.ps_ExprContext);
	if (node->ss.ps.state->es_epq_active == NULL)
		dq_fetch_group_begin(join->reader->group);
	for (;;)
	{
		bool extends;

		CHECK_FOR_INTERRUPTS();
		if (!join->has_current)
		{
			if (!dq_join_advance(join))
				return ExecClearTuple(node->ss.ps.ps_ResultTupleSlot);
			join->is_matched = false;
		}
		row = next_pair(join);
		if (row)
			return row;
		extends = !join->is_matched &&
			(join->plan->type == JOIN_LEFT || join->plan->type == JOIN_ANTI);
		if (extends)
		{
			ResetExprContext(node->ss.ps.ps_ExprContext);
			dq_join_show_inner(join, NULL);
			row = give_row(join);
		}
		dq_join_finish_current(join);
		if (row)
			return row;
	}
}

static void
rescan_join(CustomScanState *node)
{
	LookupJoinState *join = (LookupJoinState *) node;
	bool is_same = node->ss.ps.chgParam == NULL || !join->depends_on_params;

	dq_join_reset(join, is_same);
	if (node->ss.ps.chgParam)
		UpdateChangedParamSet(join->outer, node->ss.ps.chgParam);
	if (join->outer->chgParam == NULL)
		ExecReScan(join->outer);
}

static void
end_join(CustomScanState *node)
{
	LookupJoinState *join = (LookupJoinState *) node;

	if (join->table)
	{
		dq_join_reset(join, false);
		dq_fetch_group_unregister(join->reader->group, join);
		dq_key_table_free(join->table);
		join->table = NULL;
	}
	ExecEndNode(join->outer);
}
