/*
 * shared_forget.c
 *	  What is dropped is forgotten: entries of shared tables go with their object or database.
 *
 * PostgreSQL tells of a drop before it has happened; the entries go when the transaction commits.  A
 * drop that is undone by ROLLBACK TO a savepoint costs no more than what was remembered.  An entry
 * that some backend still uses stays, until it makes room for others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "service/shared_state.h"
#include "utils/memutils.h"

typedef struct DroppedObject
{
	struct DroppedObject *next;
	Oid classid;
	Oid objectid;
} DroppedObject;

static object_access_hook_type previous_hook = NULL;
static DroppedObject *dropped = NULL; /* by this transaction, in its context */

static bool
is_of_interest(Oid classid)
{
	const SharedArea *area;

	if (classid == DatabaseRelationId)
		return true;
	for (int i = 0; (area = dq_shared_area(i)) != NULL; i++)
		if (dq_shared_area_class(area) == classid)
			return true;
	return false;
}

static void
note_drop(ObjectAccessType access, Oid classid, Oid objectid, int subid, void *arg)
{
	if (previous_hook)
		previous_hook(access, classid, objectid, subid, arg);
	if (access != OAT_DROP || subid != 0 || !is_of_interest(classid))
		return;

	DroppedObject *object = MemoryContextAlloc(TopTransactionContext, sizeof(DroppedObject));

	dq_shared_attach();
	*object = (DroppedObject) { dropped, classid, objectid };
	dropped = object;
}

static void
forget(const DroppedObject *object)
{
	SharedArea *area;

	for (int i = 0; (area = dq_shared_area(i)) != NULL; i++)
	{
		bool is_database = object->classid == DatabaseRelationId;
		SharedTable *table;

		if (!dq_shared_area_is_table(area) ||
			(!is_database && dq_shared_area_class(area) != object->classid))
			continue;
		table = dq_shared_lock(area, LW_EXCLUSIVE);
		if (is_database)
			dq_shared_table_remove_database(table, object->objectid);
		else
			dq_shared_table_remove(table, (SharedKey) { MyDatabaseId, object->objectid });
		dq_shared_unlock(area);
	}
}

static void
transaction_event(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT)
		for (const DroppedObject *object = dropped; object; object = object->next)
			forget(object);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		dropped = NULL;
}

void
dq_shared_forget_init(void)
{
	previous_hook = object_access_hook;
	object_access_hook = note_drop;
	RegisterXactCallback(transaction_event, NULL);
}
