/*
 * slots.h
 *	  Permission to have one more request on the wire at a service (option max_in_flight).
 *
 * Who is turned away asks again in the next step of the loop; the loop asks in the order in which
 * exchanges were started.
 */
#ifndef DQ_SLOTS_H
#define DQ_SLOTS_H

/* Makes room for a service; may raise, which the others never do. */
extern void dq_slots_prepare(Oid serverid);

/* Takes a slot; false when all of them are in use. */
extern bool dq_slots_take(Oid serverid, int max_in_flight);

/* Gives one back. */
extern void dq_slots_give(Oid serverid);

#endif /* DQ_SLOTS_H */
