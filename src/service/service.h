/*
 * service.h
 *	  A service as this backend sees it: permission to ask it, and what became of asking.
 *
 * What counts is known to all backends together (service_state.h): requests under way, who waits
 * for a slot, the circuit breaker, until when the service asked not to be asked.  Who has to wait
 * is in a queue; dq_loop_step() asks again when its latch was set or when something is due, and
 * nothing here ever waits itself.
 *
 * What a backend holds is given back by dq_service_leave() and dq_service_forget(); and when the
 * backend exits, whatever it still holds.
 */
#ifndef DQ_SERVICE_H
#define DQ_SERVICE_H

#include "datatype/timestamp.h"
#include "service/breaker.h"
#include "service/failure.h"
#include "service/rate.h"

typedef struct Service Service;

/* What an operator declared about asking a service. */
typedef struct ServiceLimits
{
	int max_in_flight; /* requests under way at once */
	bool is_max_in_flight_set;
	RateLimit rate;
	int breaker_failures; /* in a row that open the breaker; 0: there is none */
	int breaker_cooldown_ms;
	int breaker_causes; /* BreakerCause bits */
	int retry_percent;	/* retries to requests */
} ServiceLimits;

typedef enum ServiceVerdict
{
	SERVICE_GO,			  /* a slot is held from now on */
	SERVICE_WAIT,		  /* ask again in a later step of the loop */
	SERVICE_BREAKER_OPEN, /* not now: see ServiceAnswer */
	SERVICE_ASKED_TO_WAIT /* not now: the service said so itself */
} ServiceVerdict;

/* What a SERVICE_WAIT is for. */
typedef enum WaitReason
{
	WAIT_FOR_SLOT,
	WAIT_FOR_RATE,
	WAIT_FOR_PERMISSION /* the service asked not to be asked yet */
} WaitReason;

typedef struct ServiceAnswer
{
	ServiceVerdict verdict;
	WaitReason reason; /* SERVICE_WAIT */
	bool is_probe;	   /* SERVICE_GO */
	bool is_probing;   /* SERVICE_BREAKER_OPEN: somebody's probe is under way */
	int failures;	   /* SERVICE_BREAKER_OPEN: in a row */
	TimestampTz since; /* SERVICE_BREAKER_OPEN: when it opened */
	TimestampTz
		next_at; /* SERVICE_BREAKER_OPEN, _ASKED_TO_WAIT: when the next request is let through */
} ServiceAnswer;

/* What became of an attempt that had a SERVICE_GO. */
typedef struct AttemptEnd
{
	bool holds_slot; /* not so when it was parked */
	bool is_probe;
	BreakerOutcome outcome;
	FailureKind failure; /* FAILURE_NONE: answered, or cancelled */
	double ms;			 /* that it took, negative when that says nothing */
	int64 wire_bytes;
	double retry_after_ms; /* that the service asks everybody to wait, 0: nothing */
} AttemptEnd;

/* The service of a foreign server of this database; may raise, which the others never do. */
extern Service *dq_service_open(Oid serverid);

/*
 * Asks to have one more request under way, of somebody who waits (dq_service_wait) or not; is_retry
 * is for figures.
 */
extern void dq_service_enter(Service *service, const ServiceLimits *limits, bool is_retry,
							 ServiceAnswer *answer);

/* The end of an attempt, and what it did to the breaker. */
extern BreakerChange dq_service_leave(Service *service, const ServiceLimits *limits,
									  const AttemptEnd *end);

/* One more of this backend's exchanges waits, or ceases to, whatever the reason. */
extern void dq_service_wait(Service *service);
extern void dq_service_stop_waiting(Service *service);

/*
 * Gives back the slot of an attempt that nobody drives for now, and takes it again, even where
 * there is none: it is on the wire.
 */
extern void dq_service_park(Service *service, bool is_probe);
extern void dq_service_unpark(Service *service);

/* Whether another attempt after a failure is within the service's budget; takes its share. */
extern bool dq_service_take_retry(Service *service);

/* Milliseconds below which the service never answered. */
extern double dq_service_fastest_ms(Service *service);

/* Whether its breaker is open. */
extern bool dq_service_is_open(Service *service, const ServiceLimits *limits);

/* An answer was whole, and not what was declared. */
extern void dq_service_count_content_failure(Service *service);

/* Milliseconds until waiting for the service has to be reconsidered; -1: when the latch is set. */
extern double dq_service_due_in_ms(const Service *service);

/* Something may have changed: whoever had to wait is asked about again. */
extern void dq_service_ask_again(void);

/* The loop ceases to run for now: this backend gives way to others that wait. */
extern void dq_service_end_step(void);

#endif /* DQ_SERVICE_H */
