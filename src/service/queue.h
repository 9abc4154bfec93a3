/*
 * queue.h
 *	  Who waits for a slot of a service: one place a backend, first come, first served.
 *
 * A backend that has got a slot and wants more goes to the end, so that backends take turns.  One
 * whose loop does not run (it sorts, or its client is idle) keeps its place but is absent: others
 * pass it, else everybody would wait for it.
 *
 * Everything here is called with the lock of the services' area held exclusively.
 */
#ifndef DQ_QUEUE_H
#define DQ_QUEUE_H

#include "service/service_state.h"

/* Defines the memory of places; in _PG_init. */
extern void dq_queue_define(void);

/*
 * A place at the end, present; 0 when there is none left: such a backend has to ask again from time
 * to time.
 */
extern int dq_queue_join(ServiceState *state);

/* Goes to the end. */
extern void dq_queue_requeue(ServiceState *state, int place);

extern void dq_queue_leave(ServiceState *state, int place);
extern void dq_queue_set_present(int place, bool is_present);

/* Backends present before this place; place 0: all.  Counts no further than enough. */
extern int dq_queue_ahead(const ServiceState *state, int place, int enough);

/* Wakes the first backend that is present, or all of them. */
extern void dq_queue_wake_first(const ServiceState *state);
extern void dq_queue_wake_all(const ServiceState *state);

#endif /* DQ_QUEUE_H */
