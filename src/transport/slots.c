/*
 * slots.c
 *	  Permission to have one more request on the wire at a service (option max_in_flight).
 *
 * One counter a service, of this backend.  Services are few and are never forgotten, so that giving
 * a slot back finds its counter whatever happened to the server meanwhile.
 */
#include "postgres.h"

#include "transport/slots.h"
#include "utils/memutils.h"

typedef struct ServiceSlots
{
	Oid serverid;
	int in_use;
} ServiceSlots;

static ServiceSlots *services = NULL;
static int nservices = 0;

static ServiceSlots *
find(Oid serverid)
{
	for (int i = 0; i < nservices; i++)
		if (services[i].serverid == serverid)
			return &services[i];
	return NULL;
}

void
dq_slots_prepare(Oid serverid)
{
	Size size = sizeof(ServiceSlots) * (nservices + 1);

	if (find(serverid))
		return;
	services = services ? repalloc(services, size) : MemoryContextAlloc(TopMemoryContext, size);
	services[nservices++] = (ServiceSlots) { serverid, 0 };
}

bool
dq_slots_take(Oid serverid, int max_in_flight)
{
	ServiceSlots *service = find(serverid);

	if (service->in_use >= max_in_flight)
		return false;
	service->in_use++;
	return true;
}

void
dq_slots_give(Oid serverid)
{
	ServiceSlots *service = find(serverid);

	Assert(service->in_use > 0);
	service->in_use--;
}
