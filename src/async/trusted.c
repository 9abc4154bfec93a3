/*
 * trusted.c
 *	  Sections in which the queue is read and written.
 *
 * Users have no rights on the queue.  A trusted section becomes the bootstrap superuser, so
 * nothing of a user's may be reachable from it: search_path holds pg_catalog alone, statements name
 * the queue by its schema, and the queue counts only when it belongs to the extension, which a
 * superuser created.  It must be left before the transaction commits, because deferred triggers run
 * as whoever is current then.  An error leaves it by the (sub)transaction's abort.
 */
#include "postgres.h"

#include "async/async.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

Oid
dq_async_queue(void)
{
	Oid extension = get_extension_oid("distquery", true);
	Oid schema = get_namespace_oid(ASYNC_SCHEMA, true);
	Oid queue = InvalidOid;

	if (OidIsValid(extension) && OidIsValid(schema))
		queue = get_relname_relid(ASYNC_QUEUE, schema);
	if (OidIsValid(queue) && getExtensionOfObject(RelationRelationId, queue) != extension)
		queue = InvalidOid;
	return queue;
}

static void
begin(TrustedSection *section, Oid role, int security)
{
	GetUserIdAndSecContext(&section->user, &section->security);
	section->guc_level = NewGUCNestLevel();
	SetUserIdAndSecContext(role, section->security | security);
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, ERROR, false);
	(void) set_config_option("default_tablespace", "", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, ERROR, false);
	SPI_connect();
}

void
dq_async_trusted_begin(TrustedSection *section)
{
	if (!OidIsValid(dq_async_queue()))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("extension \"distquery\" has no queue in this database"),
				 errhint("Update the extension by ALTER EXTENSION distquery UPDATE.")));
	begin(section, BOOTSTRAP_SUPERUSERID, SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
}

void
dq_async_restricted_begin(TrustedSection *section, Oid role)
{
	begin(section, role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

void
dq_async_trusted_end(const TrustedSection *section)
{
	SPI_finish();
	AtEOXact_GUC(false, section->guc_level);
	SetUserIdAndSecContext(section->user, section->security);
}

uint64
dq_async_execute(const char *sql, int n, Oid *types, Datum *values, const char *nulls)
{
	int result = SPI_execute_with_args(sql, n, types, values, nulls, false, 0);

	if (result < 0)
		elog(ERROR, "could not execute \"%s\": %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}
