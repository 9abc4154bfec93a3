/*
 * compat.h
 *	  What differs between PostgreSQL 14 and 18, under the newest major's names.  The only file with
 *	  #if PG_VERSION_NUM.
 */
#ifndef DQ_COMPAT_H
#define DQ_COMPAT_H

#include "fmgr.h"

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif
#if PG_VERSION_NUM < 150001
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/tuplestore.h"
#endif
#if PG_VERSION_NUM < 150000
#include "postmaster/autovacuum.h"
#include "replication/walsender.h"
#endif

/* Before 16 the macros do not export what is built with -fvisibility=hidden. */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname)                                               \
	extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS);                            \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, funcname)(void); \
	const Pg_finfo_record *CppConcat(pg_finfo_, funcname)(void)                     \
	{                                                                               \
		static const Pg_finfo_record my_finfo = { 1 };                              \
		return &my_finfo;                                                           \
	}                                                                               \
	extern int no_such_variable
#endif

/* 18 moved it before the declaration. */
#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 17 added fdw_restrictinfo, 18 disabled_nodes. */
#if PG_VERSION_NUM >= 180000
#define dq_create_foreignscan_path(root, rel, rows, disabled, startup, total, keys, outer)      \
	create_foreignscan_path(root, rel, NULL, rows, disabled, startup, total, keys, outer, NULL, \
							NIL, NIL)
#elif PG_VERSION_NUM >= 170000
#define dq_create_foreignscan_path(root, rel, rows, disabled, startup, total, keys, outer) \
	create_foreignscan_path(root, rel, NULL, rows, (startup) + (disabled) *disable_cost,   \
							(total) + (disabled) *disable_cost, keys, outer, NULL, NIL, NIL)
#else
#define dq_create_foreignscan_path(root, rel, rows, disabled, startup, total, keys, outer) \
	create_foreignscan_path(root, rel, NULL, rows, (startup) + (disabled) *disable_cost,   \
							(total) + (disabled) *disable_cost, keys, outer, NULL, NIL)
#endif

/* 17 added the planner's state, to look into statistics. */
#if PG_VERSION_NUM >= 170000
#define dq_estimate_array_length(root, node) estimate_array_length(root, node)
#else
#define dq_estimate_array_length(root, node) estimate_array_length(node)
#endif

/* 15 put the sampler's state behind a pointer. */
#if PG_VERSION_NUM >= 150000
#define dq_reservoir_fraction(state) sampler_random_fract(&(state)->randstate)
#else
#define dq_reservoir_fraction(state) sampler_random_fract((state)->randstate)
#endif

/* 17 added fdw_restrictinfo here, too, 18 disabled_nodes. */
#if PG_VERSION_NUM >= 180000
#define dq_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, 0, startup, total, NIL, NULL, NIL, private)
#elif PG_VERSION_NUM >= 170000
#define dq_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, NULL, NIL, private)
#else
#define dq_create_foreign_upper_path(root, rel, target, rows, startup, total, private) \
	create_foreign_upper_path(root, rel, target, rows, startup, total, NIL, NULL, private)
#endif

/* 16 tells relations of joins from those of tables. */
#if PG_VERSION_NUM >= 160000
#define dq_scan_relids(plan) ((plan)->fs_base_relids)
#else
#define dq_scan_relids(plan) ((plan)->fs_relids)
#endif

/* 18 moved it into the statement. */
#if PG_VERSION_NUM >= 180000
#define dq_prune_info(statement, append)                                    \
	((append)->part_prune_index < 0 ?                                       \
		 NULL :                                                             \
		 (const PartitionPruneInfo *) list_nth((statement)->partPruneInfos, \
											   (append)->part_prune_index))
#else
#define dq_prune_info(statement, append) ((append)->part_prune_info)
#endif

/* 18 replaced btree strategies in path keys by CompareType. */
#if PG_VERSION_NUM >= 180000
#define dq_pathkey_is_descending(key) ((key)->pk_cmptype == COMPARE_GT)
#else
#define dq_pathkey_is_descending(key) ((key)->pk_strategy == BTGreaterStrategyNumber)
#endif

/*
 * The user whose rights and mapping a foreign scan uses; 16 moved it from the range table entry
 * into the plan.
 */
#if PG_VERSION_NUM >= 160000
#define dq_scan_checked_user(scan_node, rte) \
	(((ForeignScan *) (scan_node)->ss.ps.plan)->checkAsUser)
#else
#define dq_scan_checked_user(scan_node, rte) ((rte)->checkAsUser)
#endif

/* The same while planning. */
#if PG_VERSION_NUM >= 160000
#define dq_rel_checked_user(root, rel) ((rel)->userid)
#else
#define dq_rel_checked_user(root, rel) (planner_rt_fetch((rel)->relid, root)->checkAsUser)
#endif

/* 16 gives the settings as a list of its own, with its length. */
#if PG_VERSION_NUM >= 160000
#define dq_get_guc_variables(n) get_guc_variables(n)
#else
#define dq_get_guc_variables(n) (*(n) = GetNumConfigOptions(), get_guc_variables())
#endif

/* 15 renamed it: analysis of a statement without parameters. */
#if PG_VERSION_NUM >= 150000
#define dq_parse_analyze(statement, sql) parse_analyze_fixedparams(statement, sql, NULL, 0, NULL)
#else
#define dq_parse_analyze(statement, sql) parse_analyze(statement, sql, NULL, 0, NULL)
#endif

/* 17 ties wait event sets to a resource owner; ours belongs to the backend. */
#if PG_VERSION_NUM >= 170000
#define dq_create_wait_event_set(nevents) CreateWaitEventSet(NULL, nevents)
#else
#define dq_create_wait_event_set(nevents) CreateWaitEventSet(TopMemoryContext, nevents)
#endif

/* 16 added the exact reader. */
#if PG_VERSION_NUM >= 160000
#define dq_buffile_read_exact(file, bytes, len) BufFileReadExact(file, bytes, len)
#else
#define dq_buffile_read_exact(file, bytes, len)                                                   \
	do                                                                                            \
	{                                                                                             \
		if (BufFileRead(file, bytes, len) != (len))                                               \
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not read temporary file"))); \
	} while (0)
#endif

/* 14 has none, and 15.0 named it otherwise. */
#if PG_VERSION_NUM >= 150001
#define dq_init_materialized_srf(fcinfo) InitMaterializedSRF(fcinfo, 0)
#else
static inline void
dq_init_materialized_srf(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller_context;
	TupleDesc tupdesc;

	if (result == NULL || !IsA(result, ReturnSetInfo))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	if (!(result->allowedModes & SFRM_Materialize))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("materialize mode required, but it is not allowed in this context")));
	caller_context = MemoryContextSwitchTo(result->econtext->ecxt_per_query_memory);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	result->returnMode = SFRM_Materialize;
	result->setResult = tuplestore_begin_heap((result->allowedModes & SFRM_Materialize_Random) != 0,
											  false, work_mem);
	result->setDesc = tupdesc;
	MemoryContextSwitchTo(caller_context);
}
#endif

/* 15 moved asking for shared memory into a hook. */
#if PG_VERSION_NUM >= 150000
#define dq_request_shared_memory(hook, previous) \
	do                                           \
	{                                            \
		(previous) = shmem_request_hook;         \
		shmem_request_hook = (hook);             \
	} while (0)
#else
typedef void (*shmem_request_hook_type)(void);
#define dq_request_shared_memory(hook, previous) (hook)()
#endif

/* 17 gives shared memory by name to libraries that are not preloaded; NULL before. */
#if PG_VERSION_NUM >= 170000
static inline void *
dq_named_dsm_segment(const char *name, size_t size, void (*initialize)(void *))
{
	bool found;

	return GetNamedDSMSegment(name, size, initialize, &found);
}
#else
#define dq_named_dsm_segment(name, size, initialize) NULL
#endif

/* Before 15 every custom scan was taken to be able to project. */
#if PG_VERSION_NUM >= 150000
#define DQ_CUSTOMPATH_SUPPORT_PROJECTION CUSTOMPATH_SUPPORT_PROJECTION
#else
#define DQ_CUSTOMPATH_SUPPORT_PROJECTION 0
#endif

/* 18 counts disabled nodes instead of adding a large cost. */
#if PG_VERSION_NUM >= 180000
#define dq_path_set_disabled(path, outer) ((path).disabled_nodes = (outer)->disabled_nodes)
#else
#define dq_path_set_disabled(path, outer) ((void) 0)
#endif

/* The user whose rights count for a table that no ForeignScan node reads. */
#if PG_VERSION_NUM >= 160000
#define dq_rte_checked_user(estate, rte) \
	((rte)->perminfoindex == 0 ?         \
		 InvalidOid :                    \
		 getRTEPermissionInfo((estate)->es_rteperminfos, (rte))->checkAsUser)
#else
#define dq_rte_checked_user(estate, rte) ((rte)->checkAsUser)
#endif

/* 18 tells result relations apart. */
#if PG_VERSION_NUM >= 180000
#define dq_range_table_relation(estate, index) ExecGetRangeTableRelation(estate, index, false)
#else
#define dq_range_table_relation(estate, index) ExecGetRangeTableRelation(estate, index)
#endif

/* 18 added room to reserve before the tuple. */
#if PG_VERSION_NUM >= 180000
#define dq_form_minimal_tuple(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls, 0)
#else
#define dq_form_minimal_tuple(desc, values, nulls) heap_form_minimal_tuple(desc, values, nulls)
#endif

/* 16 has one function for the rights on all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define dq_server_aclcheck(serverid, role, mode) \
	object_aclcheck(ForeignServerRelationId, serverid, role, mode)
#else
#define dq_server_aclcheck(serverid, role, mode) pg_foreign_server_aclcheck(serverid, role, mode)
#endif

/* 18 took a parameter away from the executor's run. */
#if PG_VERSION_NUM >= 180000
#define DQ_EXECUTOR_RUN_PARAMETERS QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define DQ_EXECUTOR_RUN_ARGUMENTS queryDesc, direction, count
#else
#define DQ_EXECUTOR_RUN_PARAMETERS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define DQ_EXECUTOR_RUN_ARGUMENTS queryDesc, direction, count, execute_once
#endif

/* 17 added transaction_timeout. */
#if PG_VERSION_NUM >= 170000
#define DQ_TRANSACTION_TIMEOUT TRANSACTION_TIMEOUT
#else
#define DQ_TRANSACTION_TIMEOUT STATEMENT_TIMEOUT
#endif

/* Before 15 it is not known yet when shared memory is asked for. */
#if PG_VERSION_NUM >= 150000
#define dq_max_backends() (MaxBackends)
#else
#define dq_max_backends() \
	(MaxConnections + autovacuum_max_workers + 1 + max_worker_processes + max_wal_senders)
#endif

/* 17 lets extensions name what they wait for. */
#if PG_VERSION_NUM >= 170000
#define dq_wait_event_new(name) WaitEventExtensionNew(name)
#else
#define dq_wait_event_new(name) PG_WAIT_EXTENSION
#endif

/* 17 gave the number of a backend's PGPROC a variable of its own. */
#if PG_VERSION_NUM >= 170000
#define dq_my_proc_number() (MyProcNumber)
#else
#define dq_my_proc_number() (MyProc->pgprocno)
#endif
#define dq_proc_by_number(number) (&ProcGlobal->allProcs[(number)])

#endif /* DQ_COMPAT_H */
