/*
 * fetch_activity.c
 *	  A fetch's part in distquery.activity: from the time when it asks until it has ended.
 */
#include "postgres.h"

#include "fetch/fetch_activity.h"

static void
release(void *arg)
{
	dq_fetch_activity_end(arg);
}

void
dq_fetch_activity_begin(Fetch *fetch)
{
	FetchActivity *part = &fetch->activity;

	if (part->place)
		return;
	part->callback.func = release;
	part->callback.arg = fetch;
	if (!part->is_registered)
		MemoryContextRegisterResetCallback(fetch->context, &part->callback);
	part->is_registered = true;
	part->place = dq_activity_open(fetch->options.endpoint->serverid, fetch->options.table->relid,
								   fetch->asked_at);
}

void
dq_fetch_activity_wait(Fetch *fetch, bool is_waiting)
{
	FetchActivity *part = &fetch->activity;

	if (is_waiting)
		dq_fetch_activity_begin(fetch);
	if (is_waiting == part->is_waiting)
		return;
	part->is_waiting = is_waiting;
	dq_activity_move(part->place, is_waiting ? ACTIVITY_NONE : ACTIVITY_AWAITING_CACHE,
					 is_waiting ? ACTIVITY_AWAITING_CACHE : ACTIVITY_NONE, 0);
}

void
dq_fetch_activity_page(Fetch *fetch)
{
	FetchActivity *part = &fetch->activity;
	const FetchStats *stats = &fetch->stats;
	int64 rows;
	int64 pages;

	dq_activity_count(part->place, 1, 0, 0);
	if (!stats->has_total || stats->page_rows == 0)
		return;
	rows = Max(stats->total, 0);
	pages = (rows + stats->page_rows - 1) / stats->page_rows;
	dq_activity_expect(part->place, pages - part->total_pages, rows - part->total_rows,
					   !part->is_foretold);
	part->is_foretold = true;
	part->total_pages = pages;
	part->total_rows = rows;
}

void
dq_fetch_activity_end(Fetch *fetch)
{
	dq_fetch_activity_wait(fetch, false);
	dq_activity_close(fetch->activity.place);
	fetch->activity.place = NULL;
}
