/*
 * flight.h
 *	  Single flight: of all sessions that miss one key, one asks and the others wait for it.  Keys
 *	  are of cached answers and of access tokens (oauth.c).
 *
 * A flight is over when its leader has ended it, failed, or gone; who waited looks into the cache
 * then, and may become the leader.  A leader that does not drive its loop any more (an idle
 * cursor) loses the lead.
 */
#ifndef DQ_FLIGHT_H
#define DQ_FLIGHT_H

/* A hash of all that tells what is wanted from other things. */
typedef struct FlightKey
{
	uint64 high;
	uint64 low;
} FlightKey;

typedef enum FlightRole
{
	FLIGHT_LEADER,	 /* ask; dq_flight_end() in any case */
	FLIGHT_FOLLOWER, /* wait for the latch; dq_flight_leave() when done */
	FLIGHT_ALONE	 /* no room: ask, there is nothing to end */
} FlightRole;

/* In _PG_init: the area. */
extern void dq_flight_define(void);

/* A backend's part in a flight; zero bytes: none. */
typedef struct FlightTicket
{
	uint64 flight;
	int place; /* of a follower */
} FlightTicket;

typedef enum FlightState
{
	FLIGHT_UNDER_WAY,
	FLIGHT_OVER,  /* the answer may be in the cache, or the leader is gone: join anew */
	FLIGHT_FAILED /* the service did not answer the leader: ask for yourself */
} FlightState;

/* Takes part in a key's flight.  Nothing is waited for. */
extern FlightRole dq_flight_join(FlightKey key, FlightTicket *ticket);

/* What a follower has to do. */
extern FlightState dq_flight_state(const FlightTicket *ticket);

extern void dq_flight_leave(FlightTicket *ticket);

/* The leader has an answer, or gives up: wakes the followers.  Must not raise; may be called twice. */
extern void dq_flight_end(FlightTicket *ticket);

/* The service failed the leader. */
extern void dq_flight_fail(FlightTicket *ticket);

/* Says that this backend drives its loop; to be called while it does. */
extern void dq_flight_beat(void);

#endif /* DQ_FLIGHT_H */
