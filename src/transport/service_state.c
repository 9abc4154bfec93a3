/*
 * service_state.c
 *	  What all backends know of a service together: one entry of a shared table a foreign server.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "transport/service_state.h"

static SharedArea *services = NULL;
static int max_services;

void
dq_service_define(void)
{
	dq_shared_define_setting("distquery.shared_services",
							 "Foreign servers whose state is kept in shared memory.", &max_services,
							 256, 8, 65536);
	services = dq_shared_define_table("distquery services", sizeof(ServiceState), &max_services);
}

void
dq_service_prepare(void)
{
	dq_shared_attach();
}

void
dq_service_count_request(Oid serverid)
{
	SharedTable *table = dq_shared_lock(services, LW_EXCLUSIVE);
	bool found;
	ServiceState *service = dq_shared_table_enter(table, (SharedKey) { MyDatabaseId, serverid },
												  &found);

	if (service)
		service->requests++;
	dq_shared_unlock(services);
}
