/*
 * materialize.c
 *	  distquery.materialize() and materialize_all(): query and store.
 *
 * Each source becomes a temporary table.  One portal a source is opened first, all of them in one
 * FetchGroup, so that the first row asked of any starts all requests; the portals are then read in
 * turns, a batch at a time, and written by heap multi-insert.  Indexes and statistics come last.
 * Everything runs with the caller's rights and in the caller's transaction: an error takes the
 * tables with it.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/spi.h"
#include "fdw/filter.h"
#include "fetch/fetch.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/varlena.h"

/* Rows read from one source before the next one's turn. */
#define BATCH_ROWS 1000

typedef enum OnCommit
{
	ON_COMMIT_TABLE_DROP,
	ON_COMMIT_TABLE_PRESERVE
} OnCommit;

typedef struct Source
{
	Oid relid;
	const char *filter; /* NULL: all rows */
	const char *name;	/* of the temporary table */
	Portal portal;
	Relation target;
	BulkInsertState bulk;
	TupleTableSlot **slots; /* BATCH_ROWS */
	bool is_done;
	int64 rows;
} Source;

PG_FUNCTION_INFO_V1(distquery_materialize);
PG_FUNCTION_INFO_V1(distquery_materialize_all);

static OnCommit
parse_on_commit(const char *word)
{
	if (strcmp(word, "drop") == 0)
		return ON_COMMIT_TABLE_DROP;
	if (strcmp(word, "preserve") == 0)
		return ON_COMMIT_TABLE_PRESERVE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for parameter \"on_commit\": \"%s\"", word),
			 errhint("Valid values are \"drop\" and \"preserve\".")));
}

/*
 * A table dropped at commit is of no use to a caller whose statement is the whole transaction.
 * Inside a function or DO block there is more to come: there SPI is connected, which
 * SPI_unregister_relation tells without doing anything.
 */
static void
warn_if_lost(OnCommit on_commit)
{
	bool is_nested = SPI_unregister_relation("") != SPI_ERROR_UNCONNECTED;

	if (on_commit != ON_COMMIT_TABLE_DROP || IsTransactionBlock() || is_nested)
		return;
	ereport(WARNING,
			(errmsg("the temporary table is dropped at the end of this statement"),
			 errdetail(
				 "With on_commit 'drop' a table lives as long as its transaction, which is this statement alone."),
			 errhint("Use BEGIN first, or on_commit => 'preserve'.")));
}

static void
run(const char *command)
{
	int result = SPI_execute(command, false, 0);

	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", command, SPI_result_code_string(result));
}

static char *
source_query(const Source *source)
{
	char *relation = quote_qualified_identifier(get_namespace_name(get_rel_namespace(source->relid)),
												get_rel_name(source->relid));

	if (source->filter == NULL)
		return psprintf("SELECT * FROM %s", relation);
	return psprintf("SELECT * FROM %s WHERE (%s\n)", relation, source->filter);
}

/* Creates the empty table and opens the portal that will fill it. */
static void
open_source(Source *source, OnCommit on_commit)
{
	char *query = source_query(source);
	SPIPlanPtr plan;

	run(psprintf("CREATE TEMPORARY TABLE pg_temp.%s ON COMMIT %s AS %s WITH NO DATA",
				 quote_identifier(source->name),
				 on_commit == ON_COMMIT_TABLE_DROP ? "DROP" : "PRESERVE ROWS", query));
	plan = SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_NO_SCROLL);
	if (plan == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", query, SPI_result_code_string(SPI_result));
	source->portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
}

static void
open_target(Source *source)
{
	RangeVar *name = makeRangeVar("pg_temp", pstrdup(source->name), -1);

	source->target = table_openrv(name, RowExclusiveLock);
	source->bulk = GetBulkInsertState();
	source->slots = palloc(sizeof(TupleTableSlot *) * BATCH_ROWS);
	for (int i = 0; i < BATCH_ROWS; i++)
		source->slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(source->target),
													&TTSOpsHeapTuple);
}

/* Moves one batch from the portal to the table. */
static void
fill_batch(Source *source)
{
	SPI_cursor_fetch(source->portal, true, BATCH_ROWS);

	SPITupleTable *batch = SPI_tuptable;
	int n = SPI_processed;

	for (int i = 0; i < n; i++)
		ExecStoreHeapTuple(batch->vals[i], source->slots[i], false);
	if (n > 0)
		table_multi_insert(source->target, source->slots, n, GetCurrentCommandId(true), 0,
						   source->bulk);
	for (int i = 0; i < n; i++)
		ExecClearTuple(source->slots[i]);
	SPI_freetuptable(batch);
	source->rows += n;
	source->is_done = n < BATCH_ROWS;
}

static void
close_source(Source *source)
{
	SPI_cursor_close(source->portal);
	for (int i = 0; i < BATCH_ROWS; i++)
		ExecDropSingleTupleTableSlot(source->slots[i]);
	FreeBulkInsertState(source->bulk);
	table_finish_bulk_insert(source->target, 0);
	table_close(source->target, NoLock);
}

/* True when the table has every column that an entry of index_on lists. */
static bool
has_columns(Oid relid, const char *columns)
{
	List *names;
	ListCell *cell;

	if (!SplitIdentifierString(pstrdup(columns), ',', &names))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid value for parameter \"index_on\": \"%s\"", columns),
				 errhint("Give a column, or several separated by commas, for each index.")));
	foreach(cell, names)
		if (get_attnum(relid, lfirst(cell)) == InvalidAttrNumber)
			return false;
	return true;
}

/* Indexes come after the rows; with several sources each gets those whose columns it has. */
static void
index_source(const Source *source, ArrayType *index_on, bool is_alone)
{
	Datum *entries;
	int n;
	Oid relid = RangeVarGetRelid(makeRangeVar("pg_temp", pstrdup(source->name), -1), NoLock, false);

	deconstruct_array(index_on, TEXTOID, -1, false, TYPALIGN_INT, &entries, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		char *columns = TextDatumGetCString(entries[i]);

		if (!is_alone && !has_columns(relid, columns))
			continue;
		if (!has_columns(relid, columns))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("relation \"%s\" has no columns \"%s\" to index", source->name,
							columns)));

		List *names;
		ListCell *cell;
		StringInfoData list;

		SplitIdentifierString(columns, ',', &names);
		initStringInfo(&list);
		foreach(cell, names)
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", quote_identifier(lfirst(cell)));
		run(psprintf("CREATE INDEX ON pg_temp.%s (%s)", quote_identifier(source->name), list.data));
	}
	run(psprintf("ANALYZE pg_temp.%s", quote_identifier(source->name)));
}

/* Fills all tables; SPI is connected, and released again, here. */
static void
fill_sources(Source *sources, int n, ArrayType *index_on, OnCommit on_commit)
{
	MemoryContext caller = CurrentMemoryContext;
	bool is_done;

	for (int i = 0; i < n; i++)
		if (sources[i].filter)
			(void) dq_filter_parse(sources[i].filter);
	SPI_connect();

	FetchGroup *group = dq_fetch_group_adopt(CurrentMemoryContext);

	for (int i = 0; i < n; i++)
		open_source(&sources[i], on_commit);
	dq_fetch_group_adopt_end(group);
	for (int i = 0; i < n; i++)
		open_target(&sources[i]);
	do
	{
		is_done = true;
		for (int i = 0; i < n; i++)
		{
			if (!sources[i].is_done)
				fill_batch(&sources[i]);
			is_done &= sources[i].is_done;
		}
	} while (!is_done);
	for (int i = 0; i < n; i++)
		close_source(&sources[i]);
	CommandCounterIncrement();
	for (int i = 0; i < n; i++)
		index_source(&sources[i], index_on, n == 1);
	SPI_finish();
	MemoryContextSwitchTo(caller);
}

static char *
default_name(Oid relid)
{
	char *name = get_rel_name(relid);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	return name;
}

static ArrayType *
index_argument(FunctionCallInfo fcinfo, int argument)
{
	ArrayType *array = PG_ARGISNULL(argument) ? construct_empty_array(TEXTOID) :
												PG_GETARG_ARRAYTYPE_P(argument);

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"index_on\" must not contain null values")));
	return array;
}

static OnCommit
on_commit_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? ON_COMMIT_TABLE_DROP :
									parse_on_commit(text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

/* materialize(source, filter, name, index_on, on_commit) returns the number of rows. */
Datum
distquery_materialize(PG_FUNCTION_ARGS)
{
	Source source = { 0 };
	OnCommit on_commit = on_commit_argument(fcinfo, 4);
	ArrayType *index_on = index_argument(fcinfo, 3);

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"source\" must not be null")));
	source.relid = PG_GETARG_OID(0);
	source.filter = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	source.name = PG_ARGISNULL(2) ? default_name(source.relid) :
									text_to_cstring(PG_GETARG_TEXT_PP(2));
	fill_sources(&source, 1, index_on, on_commit);
	warn_if_lost(on_commit);
	PG_RETURN_INT64(source.rows);
}

/* Element i of an optional text[] argument, NULL where the array or the element is. */
static char *
optional_text(FunctionCallInfo fcinfo, int argument, int i, int nsources, const char *name)
{
	Datum *values;
	bool *nulls;
	int n;

	if (PG_ARGISNULL(argument))
		return NULL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(argument), TEXTOID, -1, false, TYPALIGN_INT, &values,
					  &nulls, &n);
	if (n != nsources)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("parameter \"%s\" must have as many elements as \"sources\"", name),
				 errdetail("There are %d sources and %d elements.", nsources, n)));
	return nulls[i] ? NULL : TextDatumGetCString(values[i]);
}

/* materialize_all(sources, filters, names, index_on, on_commit) returns a row a source. */
Datum
distquery_materialize_all(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	OnCommit on_commit = on_commit_argument(fcinfo, 4);
	ArrayType *index_on = index_argument(fcinfo, 3);
	Datum *relids;
	int n;

	if (PG_ARGISNULL(0) || array_contains_nulls(PG_GETARG_ARRAYTYPE_P(0)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("parameter \"sources\" must not be or contain null")));
	dq_init_materialized_srf(fcinfo);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT,
					  &relids, NULL, &n);

	Source *sources = palloc0(sizeof(Source) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		char *name = optional_text(fcinfo, 2, i, n, "names");

		sources[i].relid = DatumGetObjectId(relids[i]);
		sources[i].filter = optional_text(fcinfo, 1, i, n, "filters");
		sources[i].name = name ? name : default_name(sources[i].relid);
	}
	if (n > 0)
	{
		fill_sources(sources, n, index_on, on_commit);
		warn_if_lost(on_commit);
	}
	for (int i = 0; i < n; i++)
	{
		Datum values[] = { ObjectIdGetDatum(sources[i].relid), CStringGetTextDatum(sources[i].name),
						   Int64GetDatum(sources[i].rows) };
		bool nulls[] = { false, false, false };

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
