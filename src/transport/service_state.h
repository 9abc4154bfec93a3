/*
 * service_state.h
 *	  What all backends know of a service together: one entry of a shared table a foreign server.
 */
#ifndef DQ_SERVICE_STATE_H
#define DQ_SERVICE_STATE_H

#include "transport/shared_state.h"

/* Zero bytes are a service that was never asked. */
typedef struct ServiceState
{
	int64 requests; /* put on the wire */
} ServiceState;

/* In _PG_init: defines the area and its setting. */
extern void dq_service_define(void);

/* Finds the shared memory, for the others of this backend; may raise. */
extern void dq_service_prepare(void);

/* A request to a foreign server of this database goes out. */
extern void dq_service_count_request(Oid serverid);

#endif /* DQ_SERVICE_STATE_H */
