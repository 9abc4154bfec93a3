/*
 * figures.c
 *	  What earlier fetches have shown of a foreign table, for the planner.
 *
 * One entry a table, of a few numbers.  Sizes and latency are decayed averages: the mean of the
 * first fetches, then each new one counts an eighth.  The number of rows is what the latest fetch
 * of the whole collection has counted, or the total that the service told.  What is settled follows
 * when the average departs from it by TOLERANCE.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "catalog/pg_class.h"
#include "fetch/figures.h"
#include "miscadmin.h"
#include "service/shared_state.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define TOLERANCE 1.5
#define LATENCY_TOLERANCE 2.0
#define LATEST_WEIGHT (1.0 / 8)

typedef struct Figure
{
	double mean;
	double settled; /* what the planner goes by */
	int64 samples;
} Figure;

typedef struct FiguresEntry
{
	uint64 collection; /* of the declaration that the figures belong to */
	Figure rows;
	Figure page_rows;
	Figure row_bytes;
	Figure request_bytes;
	Figure latency_ms;
	int64 fetches;
	TimestampTz since;
	TimestampTz last;
} FiguresEntry;

bool dq_learned_figures = true;

static int max_tables;
static SharedArea *area = NULL;

void
dq_figures_init(void)
{
	dq_shared_define_setting("distquery.shared_tables",
							 "Foreign tables whose learned figures are kept in shared memory.",
							 &max_tables, 512, 8, 1000000);
	area = dq_shared_define_table("distquery tables", RelationRelationId, sizeof(FiguresEntry),
								  &max_tables);
}

void
dq_figures_attach(void)
{
	dq_shared_attach();
}

/* What makes a collection another one. */
static uint64
collection_hash(const TableSpec *table)
{
	const char *parts[] = { table->service->url, table->path->source, table->rows_text,
							table->body ? table->body->source : NULL };
	uint64 hash = table->paging.kind;

	hash = hash_combine64(hash, (uint64) table->paging.page_size);
	for (int i = 0; i < lengthof(parts); i++)
		if (parts[i])
			hash = hash_bytes_extended((const unsigned char *) parts[i], strlen(parts[i]), hash);
	return hash;
}

static void
settle(Figure *figure, double tolerance)
{
	double ratio = (figure->mean + 1) / (figure->settled + 1);

	if (figure->samples == 1 || ratio > tolerance || ratio < 1 / tolerance)
		figure->settled = figure->mean;
}

static void
average(Figure *figure, double value, double tolerance)
{
	if (value < 0)
		return;
	figure->samples++;
	figure->mean += (value - figure->mean) * Max(1.0 / figure->samples, LATEST_WEIGHT);
	settle(figure, tolerance);
}

static void
replace(Figure *figure, double value, double tolerance)
{
	if (value < 0)
		return;
	figure->samples++;
	figure->mean = value;
	settle(figure, tolerance);
}

/* The entry of a table, made or made anew where it is another collection's; NULL without room. */
static FiguresEntry *
enter(SharedTable *all, const TableSpec *table, TimestampTz now)
{
	SharedKey key = { MyDatabaseId, table->relid };
	uint64 hash = collection_hash(table);
	bool found;
	FiguresEntry *entry = dq_shared_table_enter(all, key, &found);

	if (entry == NULL)
		return NULL;
	if (!found || entry->collection != hash)
	{
		memset(entry, 0, sizeof(*entry));
		entry->collection = hash;
		entry->since = now;
	}
	entry->last = now;
	return entry;
}

void
dq_figures_note(const TableSpec *table, const FetchFacts *facts)
{
	TimestampTz now = GetCurrentTimestamp();
	FiguresEntry *entry = enter(dq_shared_lock(area, LW_EXCLUSIVE), table, now);

	if (entry)
	{
		entry->fetches++;
		replace(&entry->rows, facts->rows, TOLERANCE);
		replace(&entry->page_rows, facts->page_rows, TOLERANCE);
		average(&entry->row_bytes, facts->row_bytes, TOLERANCE);
		average(&entry->request_bytes, facts->request_bytes, TOLERANCE);
		average(&entry->latency_ms, facts->latency_ms, LATENCY_TOLERANCE);
	}
	dq_shared_unlock(area);
}

void
dq_figures_set_rows(const TableSpec *table, double rows)
{
	TimestampTz now = GetCurrentTimestamp();

	dq_figures_attach();

	FiguresEntry *entry = enter(dq_shared_lock(area, LW_EXCLUSIVE), table, now);

	if (entry)
	{
		entry->rows.samples++;
		entry->rows.mean = rows;
		entry->rows.settled = rows;
	}
	dq_shared_unlock(area);
}

static double
settled(const Figure *figure)
{
	return figure->samples > 0 ? figure->settled : -1;
}

static void
read_entry(const FiguresEntry *entry, TableFigures *figures)
{
	*figures = (TableFigures) { .values = { .rows = settled(&entry->rows),
											.page_rows = settled(&entry->page_rows),
											.row_bytes = settled(&entry->row_bytes),
											.request_bytes = settled(&entry->request_bytes),
											.latency_ms = settled(&entry->latency_ms) },
								.fetches = entry->fetches,
								.since = entry->since,
								.last = entry->last };
}

bool
dq_figures_get(const TableSpec *table, TableFigures *figures)
{
	SharedKey key = { MyDatabaseId, table->relid };
	uint64 hash = collection_hash(table);
	bool is_known = false;

	dq_figures_attach();

	const FiguresEntry *entry = dq_shared_table_find(dq_shared_lock(area, LW_SHARED), key);

	if (entry && entry->collection == hash)
	{
		read_entry(entry, figures);
		is_known = true;
	}
	dq_shared_unlock(area);
	return is_known;
}

int
dq_figures_list(NamedFigures **list)
{
	SharedTable *all;
	FiguresEntry *entry;
	SharedKey key;
	int n = 0;
	int position = 0;

	dq_figures_attach();
	*list = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(NamedFigures) * max_tables);
	all = dq_shared_lock(area, LW_SHARED);
	while ((entry = dq_shared_table_next(all, &position, &key)) != NULL)
	{
		if (key.database != MyDatabaseId)
			continue;
		(*list)[n].relid = key.object;
		read_entry(entry, &(*list)[n++].figures);
	}
	dq_shared_unlock(area);
	return n;
}

int
dq_figures_forget(Oid relid)
{
	SharedTable *all;
	int before;
	int after;

	dq_figures_attach();
	all = dq_shared_lock(area, LW_EXCLUSIVE);
	before = dq_shared_table_count(all);
	if (OidIsValid(relid))
		dq_shared_table_remove(all, (SharedKey) { MyDatabaseId, relid });
	else
		dq_shared_table_remove_database(all, MyDatabaseId);
	after = dq_shared_table_count(all);
	dq_shared_unlock(area);
	return before - after;
}
