/*
 * comments.c
 *	  Comments on the tables that IMPORT FOREIGN SCHEMA makes, and on their columns.
 *
 * PostgreSQL takes nothing but CREATE FOREIGN TABLE from a wrapper, and runs it after the wrapper
 * has returned.  So the comments wait here, in the order of the commands, and PostgreSQL's hook for
 * created objects writes each one's when its table has been inserted into pg_class.  They wait no
 * longer than the transaction, and not beyond an error.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "commands/comment.h"
#include "import/import.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

typedef struct WaitingTable
{
	char *name;
	char *comment; /* NULL: none */
	int ncolumns;
	char **columns; /* comment of each, or NULL */
} WaitingTable;

static List *waiting = NIL; /* of WaitingTable, in TopTransactionContext */
static object_access_hook_type previous_hook = NULL;

static WaitingTable *
copy_comments(const TableDecl *decl)
{
	WaitingTable *table = palloc0(sizeof(WaitingTable));

	table->name = pstrdup(decl->name);
	table->comment = decl->comment ? pstrdup(decl->comment) : NULL;
	table->ncolumns = decl->ncolumns;
	table->columns = palloc0(sizeof(char *) * Max(decl->ncolumns, 1));
	for (int i = 0; i < decl->ncolumns; i++)
		if (decl->columns[i].comment)
			table->columns[i] = pstrdup(decl->columns[i].comment);
	return table;
}

void
dq_comments_expect(const SchemaDecl *schema)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);

	waiting = NIL;
	for (int i = 0; i < schema->ntables; i++)
		waiting = lappend(waiting, copy_comments(schema->tables[i]));
	MemoryContextSwitchTo(old);
}

/* True for a foreign table of that name; the new row is visible to SnapshotSelf only. */
static bool
is_table(Oid relid, const char *name)
{
	Relation catalog = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple tuple;
	bool is_it = false;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(catalog, ClassOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		is_it = form->relkind == RELKIND_FOREIGN_TABLE && strcmp(NameStr(form->relname), name) == 0;
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return is_it;
}

static void
write_comments(Oid relid, const WaitingTable *table)
{
	if (table->comment)
		CreateComments(relid, RelationRelationId, 0, table->comment);
	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i])
			CreateComments(relid, RelationRelationId, i + 1, table->columns[i]);
}

static void
object_access(ObjectAccessType access, Oid classid, Oid objectid, int subid, void *arg)
{
	if (previous_hook)
		previous_hook(access, classid, objectid, subid, arg);
	if (waiting != NIL && access == OAT_POST_CREATE && classid == RelationRelationId && subid == 0)
	{
		WaitingTable *table = linitial(waiting);

		if (!is_table(objectid, table->name))
			return;
		waiting = list_delete_first(waiting);
		write_comments(objectid, table);
	}
}

static void
transaction_ended(XactEvent event, void *arg)
{
	waiting = NIL;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		waiting = NIL;
}

void
dq_comments_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}
