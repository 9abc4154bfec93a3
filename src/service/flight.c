/*
 * flight.c
 *	  Single flight: of all sessions that miss one key, one asks and the others wait for it.
 *
 * An array of flights and one of waiters in shared memory, under one lock that is held for some
 * comparisons.  A follower waits in the loop like for any other event: the leader sets its latch.
 *
 * Leaders never block on followers, and a follower's own transfers go on while it waits, so that
 * two sessions that each wait for what the other asks both get it.  What would be a deadlock, a
 * leader that sits in an idle cursor, is told by its beat: while a backend drives its loop it says
 * so at least once a second (dq_loop_step() returns as often).
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "service/flight.h"
#include "service/shared_state.h"
#include "utils/timestamp.h"

#define MAX_FLIGHTS 256
#define MAX_WAITERS 1024

/* A leader that said nothing for so long has lost the lead. */
#define BEAT_MS 3000

typedef struct Flight
{
	uint64 id; /* 0: none */
	FlightKey key;
	int leader_pid;
	int64 beat_ms;
} Flight;

typedef struct Waiter
{
	uint64 flight; /* 0: none */
	int pid;
	Latch *latch;	   /* shared, at the same address everywhere */
	FlightState state; /* as its leader left it */
} Waiter;

typedef struct Flights
{
	uint64 last_id;
	int nflights; /* places that were ever taken */
	int nwaiters;
	Flight flights[MAX_FLIGHTS];
	Waiter waiters[MAX_WAITERS];
} Flights;

static SharedArea *area = NULL;
static int nleads = 0; /* flights that this backend leads */
static int64 last_beat_ms = 0;

static Size
area_size(void)
{
	return sizeof(Flights);
}

void
dq_flight_define(void)
{
	area = dq_shared_define_block("distquery cache flights", area_size);
}

static int64
now_ms(void)
{
	return GetCurrentTimestamp() / 1000;
}

static Flight *
find_flight(Flights *all, uint64 id)
{
	for (int i = 0; i < all->nflights; i++)
		if (all->flights[i].id == id)
			return &all->flights[i];
	return NULL;
}

/* Ends a flight and wakes its followers, who free their places themselves. */
static void
end_flight(Flights *all, Flight *flight, FlightState state)
{
	for (int i = 0; i < all->nwaiters; i++)
	{
		Waiter *waiter = &all->waiters[i];

		if (waiter->flight == flight->id)
		{
			waiter->state = state;
			SetLatch(waiter->latch);
		}
	}
	flight->id = 0;
}

/* On exit, should an error have kept the fetches from ending their flights. */
static void
leave_all(int code, Datum arg)
{
	Flights *all = dq_shared_lock(area, LW_EXCLUSIVE);

	for (int i = 0; i < all->nflights; i++)
		if (all->flights[i].id != 0 && all->flights[i].leader_pid == MyProcPid)
			end_flight(all, &all->flights[i], FLIGHT_OVER);
	for (int i = 0; i < all->nwaiters; i++)
		if (all->waiters[i].pid == MyProcPid)
			all->waiters[i].flight = 0;
	dq_shared_unlock(area);
}

static void
prepare_exit(void)
{
	static bool is_registered = false;

	if (is_registered)
		return;
	before_shmem_exit(leave_all, (Datum) 0);
	is_registered = true;
}

static bool
is_led(const Flight *flight, int64 now)
{
	return now - flight->beat_ms < BEAT_MS;
}

static bool
add_waiter(Flights *all, uint64 flight, int *at)
{
	int place = 0;

	while (place < all->nwaiters && all->waiters[place].flight != 0)
		place++;
	if (place == MAX_WAITERS)
		return false;
	all->nwaiters = Max(all->nwaiters, place + 1);
	all->waiters[place] = (Waiter) { flight, MyProcPid, MyLatch, FLIGHT_UNDER_WAY };
	*at = place;
	return true;
}

static FlightRole
join(Flights *all, FlightKey key, FlightTicket *ticket)
{
	int64 now = now_ms();
	int place = -1;

	for (int i = 0; i < all->nflights; i++)
	{
		Flight *flight = &all->flights[i];

		if (flight->id == 0)
			place = place < 0 ? i : place;
		else if (flight->key.high == key.high && flight->key.low == key.low)
		{
			if (is_led(flight, now))
			{
				ticket->flight = flight->id;
				return add_waiter(all, flight->id, &ticket->place) ? FLIGHT_FOLLOWER : FLIGHT_ALONE;
			}
			end_flight(all, flight, FLIGHT_OVER);
			place = i;
		}
	}
	if (place < 0 && all->nflights == MAX_FLIGHTS)
		return FLIGHT_ALONE;
	if (place < 0)
		place = all->nflights++;
	ticket->flight = ++all->last_id;
	all->flights[place] = (Flight) { ticket->flight, key, MyProcPid, now };
	return FLIGHT_LEADER;
}

FlightRole
dq_flight_join(FlightKey key, FlightTicket *ticket)
{
	FlightRole role;

	memset(ticket, 0, sizeof(*ticket));
	if (dq_shared_scope() == SHARED_BY_NONE)
		return FLIGHT_ALONE;
	prepare_exit();
	role = join(dq_shared_lock(area, LW_EXCLUSIVE), key, ticket);
	dq_shared_unlock(area);
	if (role == FLIGHT_LEADER)
		nleads++;
	else if (role == FLIGHT_ALONE)
		ticket->flight = 0;
	return role;
}

FlightState
dq_flight_state(const FlightTicket *ticket)
{
	Flights *all = dq_shared_lock(area, LW_SHARED);
	FlightState state = all->waiters[ticket->place].state;
	Flight *flight = find_flight(all, ticket->flight);

	if (state == FLIGHT_UNDER_WAY && (flight == NULL || !is_led(flight, now_ms())))
		state = FLIGHT_OVER;
	dq_shared_unlock(area);
	return state;
}

void
dq_flight_leave(FlightTicket *ticket)
{
	Flights *all;

	if (ticket->flight == 0)
		return;
	all = dq_shared_lock(area, LW_EXCLUSIVE);
	if (all->waiters[ticket->place].pid == MyProcPid)
		all->waiters[ticket->place].flight = 0;
	dq_shared_unlock(area);
	ticket->flight = 0;
}

static void
finish(FlightTicket *ticket, FlightState state)
{
	Flights *all;
	Flight *flight;

	if (ticket->flight == 0)
		return;
	nleads--;
	all = dq_shared_lock(area, LW_EXCLUSIVE);
	flight = find_flight(all, ticket->flight);
	if (flight)
		end_flight(all, flight, state);
	dq_shared_unlock(area);
	ticket->flight = 0;
}

void
dq_flight_end(FlightTicket *ticket)
{
	finish(ticket, FLIGHT_OVER);
}

void
dq_flight_fail(FlightTicket *ticket)
{
	finish(ticket, FLIGHT_FAILED);
}

void
dq_flight_beat(void)
{
	int64 now;
	Flights *all;

	if (nleads == 0 || (now = now_ms()) - last_beat_ms < BEAT_MS / 6)
		return;
	last_beat_ms = now;
	all = dq_shared_lock(area, LW_EXCLUSIVE);
	for (int i = 0; i < all->nflights; i++)
		if (all->flights[i].id != 0 && all->flights[i].leader_pid == MyProcPid)
			all->flights[i].beat_ms = now;
	dq_shared_unlock(area);
}
