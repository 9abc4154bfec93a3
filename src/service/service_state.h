/*
 * service_state.h
 *	  What all backends know of a service together: one entry of a shared table a foreign server.
 *
 * For service.c and queue.c, which change it, and for the view distquery.services.
 */
#ifndef DQ_SERVICE_STATE_H
#define DQ_SERVICE_STATE_H

#include "datatype/timestamp.h"
#include "service/breaker.h"
#include "service/failure.h"
#include "service/histogram.h"
#include "service/rate.h"
#include "service/shared_state.h"

/* Since they were reset, or the entry was made. */
typedef struct ServiceFigures
{
	TimestampTz since;
	int64 requests; /* put on the wire, retries included */
	int64 retries;
	int64 failures[FAILURE_KINDS]; /* attempts by what became of them */
	int64 wire_bytes;			   /* received, compressed */
	Histogram latency;			   /* of attempts that were answered, any status */
} ServiceFigures;

/* Zero bytes are a service that was never asked. */
typedef struct ServiceState
{
	int in_flight;
	int waiting;	  /* requests that wait for a slot, their time or the rate */
	int first_waiter; /* backends in the order in which they came (queue.h); 0: none */
	int last_waiter;
	RateClock rate;
	int64 not_before_us; /* the service asked not to be asked before */
	Breaker breaker;
	RetryCredit retries;
	ServiceFigures figures;
} ServiceState;

/* In _PG_init: defines the areas and their settings. */
extern void dq_service_define(void);

/* The clock of everything in a ServiceState: microseconds, the same in all backends. */
extern int64 dq_service_now_us(void);

/* A time of that clock as one that can be shown. */
extern TimestampTz dq_service_timestamp(int64 us);

/* Copies the state of a foreign server of this database; false when it was never asked. */
extern bool dq_service_read(Oid serverid, ServiceState *state);

/* Closes its breaker, and forgets that it asked not to be asked; false when it was never asked. */
extern bool dq_service_reset_breaker(Oid serverid);

/* Begins its figures anew; InvalidOid: those of all services of this database. */
extern void dq_service_reset_figures(Oid serverid);

#endif /* DQ_SERVICE_STATE_H */
