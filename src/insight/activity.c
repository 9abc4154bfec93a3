/*
 * activity.c
 *	  distquery.activity: what every backend fetches now, in SQL.
 *
 * As in pg_stat_activity: one sees one's own roles', members of pg_read_all_stats all.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "insight/insight.h"
#include "insight/row.h"
#include "transport/activity.h"
#include "service/shared_state.h"

PG_FUNCTION_INFO_V1(distquery_activity);

/* What is expected is known once all fetches of the table have told; services miscount. */
static void
add_expected(RowBuilder *row, const ActivityFigures *figures, int64 expected, int64 done)
{
	dq_row_add(row, Int64GetDatum(Max(expected, done)), figures->foretold < figures->asked);
}

static void
add_progress(RowBuilder *row, const ActivityFigures *figures)
{
	double progress = figures->total_rows <= figures->rows ?
		1 :
		(double) figures->rows / figures->total_rows;

	dq_row_add(row, Float8GetDatum(progress), figures->foretold < figures->asked);
}

static void
put_figures(ReturnSetInfo *result, const ActivityFigures *figures)
{
	RowBuilder row = { .n = 0 };
	const int *counts = figures->counts;

	dq_row_int(&row, figures->pid);
	dq_row_oid(&row, figures->database);
	dq_row_oid(&row, figures->userid);
	dq_row_add(&row, Int64GetDatum((int64) figures->query_id), figures->query_id == 0);
	dq_row_oid(&row, figures->serverid);
	dq_row_oid(&row, figures->relid);
	dq_row_time(&row, figures->since);
	dq_row_text(&row, dq_activity_state_name(figures->state));
	dq_row_time(&row, figures->changed);
	dq_row_int(&row, figures->fetches);
	dq_row_int(&row, counts[ACTIVITY_RECEIVING] + counts[ACTIVITY_REQUESTING]);
	dq_row_int(&row,
			   counts[ACTIVITY_AWAITING_SLOT] + counts[ACTIVITY_AWAITING_RATE] +
				   counts[ACTIVITY_AWAITING_PERMISSION]);
	dq_row_count(&row, figures->pages);
	add_expected(&row, figures, figures->total_pages, figures->pages);
	dq_row_count(&row, figures->rows);
	add_expected(&row, figures, figures->total_rows, figures->rows);
	dq_row_count(&row, figures->bytes);
	add_progress(&row, figures);
	dq_row_text(&row, dq_insight_scope());
	dq_row_put(&row, result);
}

/* activity() returns a row a table that a backend is fetching and the caller may see. */
Datum
distquery_activity(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	ActivityFigures figures;
	int position = 0;

	dq_init_materialized_srf(fcinfo);
	dq_shared_attach();
	while (dq_activity_next(&position, &figures))
		if (dq_insight_may_see(figures.userid))
			put_figures(result, &figures);
	return (Datum) 0;
}
