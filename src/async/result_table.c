/*
 * result_table.c
 *	  The table of a result: distquery.result_<id>.
 *
 * While the query runs its rows go into a tuplestore, which spills; the table is made when the last
 * one has come.  So no lock on anything of the extension is held for longer than storing takes (any
 * role may queue up for an exclusive lock on a schema, and keep others out), and the query cannot
 * see its own result.
 *
 * It belongs to the role that the query ran as, so that whatever PostgreSQL does to it later
 * (autovacuum analyzes it, and may call a user's function for a range type) happens with that
 * role's rights.  It is created without default privileges: nobody else sees it.  It is a member of
 * the extension, so that it is not dumped and goes with DROP EXTENSION.  Its first column numbers
 * the rows in the query's order; the others have the query's names, made distinct.  What no table
 * can store (record, void) is stored as text.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "async/async.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "catalog/toasting.h"
#include "commands/extension.h"
#include "commands/progress.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tcop/dest.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#define NUMBER_COLUMN "row_number"

typedef struct ResultReceiver
{
	DestReceiver pub;
	const AsyncQuery *query;
	MemoryContext context; /* of its making, and of all that is in it; outlives the query */
	TupleDesc columns;	   /* of the table */
	Tuplestorestate *rows; /* in that form */
	TupleTableSlot *slot;
	FmgrInfo **outputs;	   /* of columns stored as text, NULL for the others */
	MemoryContext per_row; /* what output functions return */
	int64 count;
} ResultReceiver;

/* The name, or the name with the first number that makes it distinct; added to the set. */
static char *
distinct_name(HTAB *taken, const char *wish)
{
	char name[NAMEDATALEN] = { 0 };
	bool is_taken;

	strlcpy(name, wish, sizeof(name));
	for (int i = 1; hash_search(taken, name, HASH_ENTER, &is_taken), is_taken; i++)
	{
		char suffix[16];
		int len;

		snprintf(suffix, sizeof(suffix), "_%d", i);
		len = pg_mbcliplen(wish, strlen(wish), NAMEDATALEN - 1 - strlen(suffix));
		snprintf(name, sizeof(name), "%.*s%s", len, wish, suffix);
	}
	return pstrdup(name);
}

/* Names that a table cannot have. */
static const char *const system_columns[] = { "ctid", "xmin", "cmin", "xmax", "cmax", "tableoid" };

/* True when a column keeps its name: the first that has it. */
static bool
keeps_name(TupleDesc rows, int column)
{
	for (int i = 0; i < lengthof(system_columns); i++)
		if (strcmp(NameStr(TupleDescAttr(rows, column)->attname), system_columns[i]) == 0)
			return false;
	for (int i = 0; i < column; i++)
		if (strcmp(NameStr(TupleDescAttr(rows, i)->attname),
				   NameStr(TupleDescAttr(rows, column)->attname)) == 0)
			return false;
	return true;
}

static TupleDesc
describe_table(TupleDesc rows)
{
	TupleDesc columns = CreateTemplateTupleDesc(rows->natts + 1);
	HASHCTL control = { .keysize = NAMEDATALEN,
						.entrysize = NAMEDATALEN,
						.hcxt = CurrentMemoryContext };
	HTAB *taken = hash_create("names of result columns", rows->natts + 1, &control,
							  HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);

	for (int i = 0; i < lengthof(system_columns); i++)
		hash_search(taken, system_columns[i], HASH_ENTER, NULL);
	for (int i = 0; i < rows->natts; i++)
		hash_search(taken, NameStr(TupleDescAttr(rows, i)->attname), HASH_ENTER, NULL);
	TupleDescInitEntry(columns, 1, distinct_name(taken, NUMBER_COLUMN), INT8OID, -1, 0);
	for (int i = 0; i < rows->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(rows, i);
		bool is_text = get_typtype(column->atttypid) == TYPTYPE_PSEUDO;
		Oid type = is_text ? TEXTOID : column->atttypid;
		Oid collation = is_text ? InvalidOid : column->attcollation;
		char *name = NameStr(column->attname);

		if (!keeps_name(rows, i))
			name = distinct_name(taken, name);
		TupleDescInitEntry(columns, i + 2, name, type, is_text ? -1 : column->atttypmod, 0);
		if (!OidIsValid(collation))
			collation = get_typcollation(type);
		TupleDescInitEntryCollation(columns, i + 2, collation);
	}
	hash_destroy(taken);
	return columns;
}

static char *
table_name(const pg_uuid_t *id)
{
	StringInfoData name;

	initStringInfo(&name);
	appendStringInfoString(&name, "result_");
	for (int i = 0; i < UUID_LEN; i++)
		appendStringInfo(&name, "%02x", id->data[i]);
	return name.data;
}

static Oid
create_table(const AsyncQuery *query, TupleDesc columns)
{
	Oid relid = heap_create_with_catalog(table_name(&query->id),
										 get_namespace_oid(ASYNC_SCHEMA, false), InvalidOid,
										 InvalidOid, InvalidOid, InvalidOid, query->owner,
										 HEAP_TABLE_AM_OID, columns, NIL, RELKIND_RELATION,
										 query->is_unlogged ? RELPERSISTENCE_UNLOGGED :
															  RELPERSISTENCE_PERMANENT,
										 false, false, ONCOMMIT_NOOP, (Datum) 0, false, false,
										 false, InvalidOid, NULL);

	CommandCounterIncrement();
	NewRelationCreateToastTable(relid, (Datum) 0);
	return relid;
}

/* How far it is: the view distquery.queries and pg_stat_progress_copy read it. */
static void
report_progress(const ResultReceiver *receiver)
{
	if (MyBEEntry == NULL || MyBEEntry->st_progress_command != PROGRESS_COMMAND_COPY)
	{
		pgstat_progress_start_command(PROGRESS_COMMAND_COPY, InvalidOid);
		pgstat_progress_update_param(PROGRESS_COPY_COMMAND, PROGRESS_COPY_COMMAND_FROM);
		pgstat_progress_update_param(PROGRESS_COPY_TYPE, PROGRESS_COPY_TYPE_CALLBACK);
	}
	pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, receiver->count);
}

static void
find_outputs(ResultReceiver *receiver, TupleDesc rows)
{
	receiver->outputs = palloc0(sizeof(FmgrInfo *) * Max(rows->natts, 1));
	for (int i = 0; i < rows->natts; i++)
	{
		Oid type = TupleDescAttr(rows, i)->atttypid;
		Oid function;
		bool is_varlena;

		if (get_typtype(type) != TYPTYPE_PSEUDO)
			continue;
		getTypeOutputInfo(type, &function, &is_varlena);
		receiver->outputs[i] = palloc(sizeof(FmgrInfo));
		fmgr_info(function, receiver->outputs[i]);
	}
}

static void
result_startup(DestReceiver *self, int operation, TupleDesc rows)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	MemoryContext old = MemoryContextSwitchTo(receiver->context);

	receiver->columns = describe_table(rows);
	receiver->rows = tuplestore_begin_heap(false, false, work_mem);
	receiver->slot = MakeSingleTupleTableSlot(receiver->columns, &TTSOpsVirtual);
	receiver->per_row = AllocSetContextCreate(receiver->context, "result row",
											  ALLOCSET_SMALL_SIZES);
	find_outputs(receiver, rows);
	MemoryContextSwitchTo(old);
	report_progress(receiver);
}

static bool
result_row(TupleTableSlot *row, DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	TupleTableSlot *slot = receiver->slot;
	MemoryContext old = MemoryContextSwitchTo(receiver->per_row);

	slot_getallattrs(row);
	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum(++receiver->count);
	slot->tts_isnull[0] = false;
	for (int i = 0; i < row->tts_tupleDescriptor->natts; i++)
	{
		FmgrInfo *output = receiver->outputs[i];

		slot->tts_isnull[i + 1] = row->tts_isnull[i];
		slot->tts_values[i + 1] = row->tts_values[i];
		if (output != NULL && !row->tts_isnull[i])
			slot->tts_values[i + 1] = CStringGetTextDatum(
				OutputFunctionCall(output, row->tts_values[i]));
	}
	ExecStoreVirtualTuple(slot);
	tuplestore_puttupleslot(receiver->rows, slot);
	MemoryContextSwitchTo(old);
	MemoryContextReset(receiver->per_row);
	report_progress(receiver);
	return true;
}

static void
result_shutdown(DestReceiver *self)
{
}

static void
result_destroy(DestReceiver *self)
{
	pfree(self);
}

DestReceiver *
dq_async_result_receiver(const AsyncQuery *query)
{
	ResultReceiver *receiver = palloc0(sizeof(ResultReceiver));

	receiver->pub.receiveSlot = result_row;
	receiver->pub.rStartup = result_startup;
	receiver->pub.rShutdown = result_shutdown;
	receiver->pub.rDestroy = result_destroy;
	receiver->pub.mydest = DestTuplestore;
	receiver->query = query;
	receiver->context = CurrentMemoryContext;
	return &receiver->pub;
}

Oid
dq_async_result_store(DestReceiver *self)
{
	ResultReceiver *receiver = (ResultReceiver *) self;
	Oid relid = create_table(receiver->query, receiver->columns);
	Relation table = table_open(relid, AccessExclusiveLock);
	BulkInsertState bulk = GetBulkInsertState();
	CommandId command = GetCurrentCommandId(true);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(table), &TTSOpsMinimalTuple);

	while (tuplestore_gettupleslot(receiver->rows, true, false, slot))
	{
		CHECK_FOR_INTERRUPTS();
		table_tuple_insert(table, slot, command, TABLE_INSERT_SKIP_FSM, bulk);
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(receiver->rows);
	FreeBulkInsertState(bulk);
	table_finish_bulk_insert(table, TABLE_INSERT_SKIP_FSM);
	table_close(table, NoLock);
	CommandCounterIncrement();
	return relid;
}

int64
dq_async_result_finish(const DestReceiver *self, Oid relid)
{
	const ResultReceiver *receiver = (const ResultReceiver *) self;
	ObjectAddress table;
	ObjectAddress extension;

	dq_async_execute(psprintf("CREATE UNIQUE INDEX ON distquery.%s (%s)",
							  quote_identifier(get_rel_name(relid)),
							  quote_identifier(get_attname(relid, 1, false))),
					 0, NULL, NULL, NULL);
	ObjectAddressSet(table, RelationRelationId, relid);
	ObjectAddressSet(extension, ExtensionRelationId, get_extension_oid("distquery", false));
	recordDependencyOn(&table, &extension, DEPENDENCY_EXTENSION);
	pgstat_progress_end_command();
	return receiver->count;
}

/*
 * What users have built on the table, such as a view, goes with it: else one could keep it for
 * ever.  A table that was dropped, or is no longer the extension's, is not touched.
 */
bool
dq_async_result_drop(Oid relid)
{
	ObjectAddress table;

	if (!OidIsValid(relid))
		return true;
	if (!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		return false;
	if (get_rel_name(relid) == NULL ||
		getExtensionOfObject(RelationRelationId, relid) != get_extension_oid("distquery", false))
		return true;
	ObjectAddressSet(table, RelationRelationId, relid);
	performDeletion(&table, DROP_CASCADE,
					PERFORM_DELETION_INTERNAL | PERFORM_DELETION_QUIETLY |
						PERFORM_DELETION_SKIP_EXTENSIONS);
	return true;
}
