/*
 * queue.c
 *	  Who waits for a slot of a service: one place a backend, first come, first served.
 *
 * Places are numbered from 1 and linked by number, since processes may have the memory at different
 * addresses.  All queues share one pool, guarded by the lock of the services' area.  Waking sets
 * the latch of the backend, which asks again in its loop; a latch that is set once too often does
 * no harm.
 */
#include "postgres.h"

#include "compat.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "service/queue.h"

typedef struct Place
{
	int next; /* in its queue, or in the chain of free places; 0: none */
	int previous;
	int proc_number;
	bool is_present;
} Place;

/* Zero bytes are a pool of which nothing was taken. */
typedef struct PlacePool
{
	int nused; /* places that were ever taken */
	int free;
	Place places[FLEXIBLE_ARRAY_MEMBER];
} PlacePool;

static SharedArea *area = NULL;

/* A backend seldom waits at more than a few services at once. */
static int
place_count(void)
{
	return 4 * MaxConnections + 64;
}

static Size
pool_size(void)
{
	return offsetof(PlacePool, places) + sizeof(Place) * place_count();
}

void
dq_queue_define(void)
{
	area = dq_shared_define_block("distquery waiters", pool_size);
}

static PlacePool *
pool(void)
{
	return dq_shared_unlocked(area);
}

static Place *
place_at(int number)
{
	return &pool()->places[number - 1];
}

static int
take_place(void)
{
	PlacePool *places = pool();
	int number = places->free;

	if (number != 0)
		places->free = place_at(number)->next;
	else if (places->nused < place_count())
		number = ++places->nused;
	return number;
}

static void
append(ServiceState *state, int number)
{
	Place *place = place_at(number);

	place->next = 0;
	place->previous = state->last_waiter;
	if (state->last_waiter != 0)
		place_at(state->last_waiter)->next = number;
	else
		state->first_waiter = number;
	state->last_waiter = number;
}

static void
unlink_place(ServiceState *state, int number)
{
	Place *place = place_at(number);

	if (place->previous != 0)
		place_at(place->previous)->next = place->next;
	else
		state->first_waiter = place->next;
	if (place->next != 0)
		place_at(place->next)->previous = place->previous;
	else
		state->last_waiter = place->previous;
}

int
dq_queue_join(ServiceState *state)
{
	int number = take_place();

	if (number == 0)
		return 0;
	*place_at(number) = (Place) { .proc_number = dq_my_proc_number(), .is_present = true };
	append(state, number);
	return number;
}

void
dq_queue_requeue(ServiceState *state, int place)
{
	unlink_place(state, place);
	append(state, place);
}

void
dq_queue_leave(ServiceState *state, int place)
{
	unlink_place(state, place);
	place_at(place)->next = pool()->free;
	pool()->free = place;
}

void
dq_queue_set_present(int place, bool is_present)
{
	place_at(place)->is_present = is_present;
}

int
dq_queue_ahead(const ServiceState *state, int place, int enough)
{
	int n = 0;

	for (int i = state->first_waiter; i != 0 && i != place && n < enough; i = place_at(i)->next)
		n += place_at(i)->is_present;
	return n;
}

static void
wake(const Place *place)
{
	SetLatch(&dq_proc_by_number(place->proc_number)->procLatch);
}

void
dq_queue_wake_first(const ServiceState *state)
{
	for (int i = state->first_waiter; i != 0; i = place_at(i)->next)
		if (place_at(i)->is_present)
		{
			wake(place_at(i));
			return;
		}
}

void
dq_queue_wake_all(const ServiceState *state)
{
	for (int i = state->first_waiter; i != 0; i = place_at(i)->next)
		if (place_at(i)->is_present)
			wake(place_at(i));
}
