/*
 * distquery.c
 *	  Start-up: settings, shared memory, and what has to be registered once in a backend.
 */
#include "postgres.h"

#include "async/async.h"
#include "cache/remote_store.h"
#include "cache/shared_cache.h"
#include "compat.h"
#include "distquery.h"
#include "fdw/fdw.h"
#include "fetch/figures.h"
#include "fetch/statement.h"
#include "fmgr.h"
#include "import/import.h"
#include "join/join.h"
#include "spec/spec.h"
#include "transport/activity.h"
#include "transport/budget.h"
#include "service/flight.h"
#include "transport/guard.h"
#include "transport/request_ring.h"
#include "service/service_state.h"
#include "service/shared_state.h"
#include "transport/token_store.h"
#include "transport/trace.h"
#include "transport/user_agent.h"
#include "transport/way.h"
#include "utils/guc.h"
#include "utils/plancache.h"

PG_MODULE_MAGIC;

bool dq_pushdown = true;
bool dq_prefetch = true;
int dq_analyze_rows = 30000;
int dq_max_age_ms = -1;
int dq_forced_strategy = DQ_STRATEGY_DECLARED;

static const struct config_enum_entry strategies[] = { { "declared", DQ_STRATEGY_DECLARED, false },
													   { "live", STRATEGY_LIVE, false },
													   { "store", STRATEGY_STORE, false },
													   { "cache", STRATEGY_CACHE, false },
													   { NULL, 0, false } };
int dq_max_workers = 4;
int dq_lookup_join = LOOKUP_JOIN_AUTO;

static const struct config_enum_entry lookup_join_words[] = { { "auto", LOOKUP_JOIN_AUTO, false },
															  { "on", LOOKUP_JOIN_ON, false },
															  { "off", LOOKUP_JOIN_OFF, false },
															  { NULL, 0, false } };

extern PGDLLEXPORT void _PG_init(void);

/* Cached plans were made under the old value. */
static void
assign_pushdown(bool newval, void *extra)
{
	if (newval != dq_pushdown)
		ResetPlanCache();
}

/* So does whether a scan below an Append may be asked before it is reached. */
static void
assign_prefetch(bool newval, void *extra)
{
	if (newval != dq_prefetch)
		ResetPlanCache();
}

static void
assign_learned_figures(bool newval, void *extra)
{
	if (newval != dq_learned_figures)
		ResetPlanCache();
}

static void
assign_strategy(int newval, void *extra)
{
	if (newval != dq_forced_strategy)
		ResetPlanCache();
}

static void
assign_lookup_join(int newval, void *extra)
{
	if (newval != dq_lookup_join)
		ResetPlanCache();
}

void
_PG_init(void)
{
	DefineCustomBoolVariable("distquery.pushdown", "Asks services for the rows that a query needs.",
							 "When off, whole collections are asked for and conditions are evaluated "
							 "locally; required filters are sent all the same.",
							 &dq_pushdown, true, PGC_USERSET, 0, NULL, assign_pushdown, NULL);
	DefineCustomBoolVariable("distquery.prefetch",
							 "Asks all services of a statement at once when its first row is needed.",
							 NULL, &dq_prefetch, true, PGC_USERSET, 0, NULL, assign_prefetch, NULL);
	DefineCustomIntVariable("distquery.analyze_rows",
							"Rows that ANALYZE reads of a foreign table at most.", NULL,
							&dq_analyze_rows, 30000, 100, INT_MAX, PGC_USERSET, 0, NULL, NULL,
							NULL);
	dq_budget_define();
	dq_guard_define();
	dq_trace_define();
	dq_user_agent_define();
	dq_way_define();
	dq_service_define();
	dq_request_ring_define();
	dq_activity_define();
	DefineCustomBoolVariable("distquery.learned_figures",
							 "Plans with what earlier fetches have shown of tables.",
							 "Rows, sizes and latency; the view distquery.table_figures shows them.",
							 &dq_learned_figures, true, PGC_USERSET, 0, NULL,
							 assign_learned_figures, NULL);
	dq_figures_init();
	dq_async_init();
	dq_cache_define();
	dq_flight_define();
	dq_token_define();
	dq_remote_define();
	dq_shared_init();
	DefineCustomIntVariable("distquery.max_age",
							"Age up to which a cached answer is used; -1 leaves it to ttl.", NULL,
							&dq_max_age_ms, -1, -1, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL, NULL,
							NULL);
	DefineCustomEnumVariable("distquery.strategy",
							 "Forces a strategy for all tables of the session.",
							 "\"declared\" leaves it to each table's option.", &dq_forced_strategy,
							 DQ_STRATEGY_DECLARED, strategies, PGC_USERSET, 0, NULL,
							 assign_strategy, NULL);
	DefineCustomIntVariable("distquery.max_workers",
							"Submitted queries that run at once in a database.",
							"Each takes one of max_worker_processes.", &dq_max_workers, 4, 1, 1024,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("distquery.lookup_join",
							 "Asks for a join's keys in batches instead of row by row or all rows.",
							 "auto: where it is estimated to be cheapest; on: wherever it is possible.",
							 &dq_lookup_join, LOOKUP_JOIN_AUTO, lookup_join_words, PGC_USERSET, 0,
							 NULL, assign_lookup_join, NULL);
	MarkGUCPrefixReserved("distquery");
	dq_statement_init();
	dq_spec_init();
	dq_comments_init();
	dq_stats_init();
	dq_join_init();
}
