/*
 * loop.c
 *	  The backend's one event loop: libcurl's multi handle on PostgreSQL's WaitEventSet.
 *
 * libcurl says through two callbacks which sockets it wants watched and when it wants to be woken;
 * they only take notes (sockets[], timer_due_ms), since nothing may jump across libcurl's frames.
 * dq_loop_step() then
 *
 *	1. starts what waits for a slot of its service or for the end of its back-off,
 *	2. waits on the latch, the postmaster and the sockets until the nearest of libcurl's timer and
 *	our own deadlines,
 *	3. lets libcurl act on what happened (all signals blocked: it may start a resolver thread,
 *	which inherits the mask),
 *	4. calls the owners of exchanges that have news, outside libcurl; they may raise,
 *	5. takes the ends of attempts from libcurl, times out what is overdue, and calls the owners of
 *	those that ended.
 *
 * Bytes are handed over before an end is looked at: whether an attempt may be repeated depends on
 * what was in them.
 *
 * A WaitEventSet cannot drop a socket, so it is built anew when libcurl's set has lost or replaced
 * one; it is kept between steps and statements otherwise.  Every socket is counted by
 * AcquireExternalFD from its opening to its closing.
 *
 * Time is counted only inside steps (dq_loop_clock_ms), because between them, under a Sort or an
 * idle cursor, nobody reads from the sockets and a service is not to blame.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "compat.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "transport/exchange_private.h"
#include "utils/memutils.h"

/* Idle connections that are kept, and easy handles. */
#define KEPT_CONNECTIONS 64L
#define KEPT_HANDLES 16

/* Events taken from one wait. */
#define MAX_EVENTS 64

/* Longest wait without looking at the deadlines again. */
#define LONGEST_WAIT_MS 1000.0

typedef struct LoopSocket
{
	curl_socket_t fd;
	int what;		 /* CURL_POLL_IN, OUT or INOUT */
	int position;	 /* in the wait event set, -1: not yet */
	bool is_changed; /* watched for something else than libcurl wants now */
} LoopSocket;

static CURLM *multi = NULL;
static LoopSocket *sockets = NULL;
static int nsockets = 0;
static int max_sockets = 0;
static bool sockets_failed = false; /* no memory for one more: raised by the next step */
static WaitEventSet *wait_set = NULL;
static int wait_set_size = 0;
static bool wait_set_is_stale = true;
static double timer_due_ms = -1; /* wall clock of this process; -1: none */
static CURL *handles[KEPT_HANDLES];
static int nhandles = 0;
static dlist_head active = DLIST_STATIC_INIT(active);
static dlist_head news = DLIST_STATIC_INIT(news);
static int nactive = 0;
static double clock_ms = 0;			/* sum of finished steps */
static double step_started_ms = -1; /* -1: not inside a step */
static MemoryContext progress_context = NULL;

static double
wall_ms(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return INSTR_TIME_GET_MILLISEC(now);
}

double
dq_loop_clock_ms(void)
{
	return step_started_ms < 0 ? clock_ms : clock_ms + wall_ms() - step_started_ms;
}

int
dq_loop_exchanges(void)
{
	return nactive;
}

/* libcurl may start a thread in any call; its thread must not handle PostgreSQL's signals. */
static void
block_signals(sigset_t *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

static void
restore_signals(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* libcurl's word on one socket.  Called inside libcurl: takes notes only. */
static int
note_socket(CURL *easy, curl_socket_t fd, int what, void *userp, void *socketp)
{
	int i = 0;

	while (i < nsockets && sockets[i].fd != fd)
		i++;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < nsockets)
		{
			sockets[i] = sockets[--nsockets];
			wait_set_is_stale = true;
		}
		return 0;
	}
	if (i == nsockets)
	{
		if (nsockets == max_sockets)
		{
			int size = Max(32, max_sockets * 2);
			LoopSocket *larger = MemoryContextAllocExtended(TopMemoryContext,
															sizeof(LoopSocket) * size,
															MCXT_ALLOC_NO_OOM);

			if (larger == NULL)
			{
				sockets_failed = true;
				return -1;
			}
			if (nsockets > 0)
				memcpy(larger, sockets, sizeof(LoopSocket) * nsockets);
			if (sockets)
				pfree(sockets);
			sockets = larger;
			max_sockets = size;
		}
		sockets[nsockets++] = (LoopSocket) { .fd = fd, .what = what, .position = -1 };
	}
	else if (sockets[i].what != what)
	{
		sockets[i].what = what;
		if (sockets[i].position >= 0)
			sockets[i].is_changed = true;
	}
	return 0;
}

static int
note_timer(CURLM *handle, long timeout_ms, void *userp)
{
	timer_due_ms = timeout_ms < 0 ? -1 : wall_ms() + timeout_ms;
	return 0;
}

static void
loop_init(void)
{
	if (multi)
		return;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (multi = curl_multi_init()) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_OUT_OF_MEMORY), errmsg("could not initialize libcurl")));
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, note_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, note_timer);
	curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
	curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
	progress_context = AllocSetContextCreate(TopMemoryContext, "distquery progress",
											 ALLOCSET_DEFAULT_SIZES);
}

/*
 * An easy handle with everything set that is the same for all requests; NULL when there is no
 * memory.
 */
CURL *
dq_loop_handle(void)
{
	CURL *easy;

	loop_init();
	if (nhandles > 0)
		return handles[--nhandles];
	easy = curl_easy_init();
	if (easy)
		dq_transfer_prepare_handle(easy);
	return easy;
}

void
dq_loop_return_handle(CURL *easy)
{
	sigset_t saved;

	if (nhandles < KEPT_HANDLES)
	{
		handles[nhandles++] = easy;
		return;
	}
	block_signals(&saved);
	curl_easy_cleanup(easy);
	restore_signals(&saved);
}

/* Puts the exchange's handle on the wire; false when libcurl refuses. */
bool
dq_loop_add(Exchange *exchange)
{
	sigset_t saved;
	CURLMcode code;

	block_signals(&saved);
	code = curl_multi_add_handle(multi, exchange->easy);
	restore_signals(&saved);
	return code == CURLM_OK;
}

void
dq_loop_remove(Exchange *exchange)
{
	sigset_t saved;

	block_signals(&saved);
	curl_multi_remove_handle(multi, exchange->easy);
	restore_signals(&saved);
}

void
dq_loop_activate(Exchange *exchange)
{
	dlist_push_tail(&active, &exchange->active_node);
	exchange->is_active = true;
	nactive++;
}

void
dq_loop_deactivate(Exchange *exchange)
{
	if (exchange->is_active)
	{
		dlist_delete(&exchange->active_node);
		exchange->is_active = false;
		nactive--;
	}
	if (exchange->has_news)
	{
		dlist_delete(&exchange->news_node);
		exchange->has_news = false;
	}
}

/* Has the exchange's owner called at the end of this step. */
void
dq_loop_tell(Exchange *exchange)
{
	if (exchange->has_news)
		return;
	exchange->has_news = true;
	dlist_push_tail(&news, &exchange->news_node);
}

static uint32
wait_events(int what)
{
	return (what & CURL_POLL_IN ? WL_SOCKET_READABLE : 0) |
		(what & CURL_POLL_OUT ? WL_SOCKET_WRITEABLE : 0);
}

/* Makes the wait event set watch what libcurl wants watched. */
static void
prepare_wait_set(void)
{
	if (sockets_failed)
	{
		sockets_failed = false;
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	if (wait_set == NULL || wait_set_is_stale || wait_set_size < nsockets)
	{
		WaitEventSet *old = wait_set;
		int size = Max(8, nsockets + 4);

		wait_set = NULL;
		if (old)
			FreeWaitEventSet(old);
		wait_set = dq_create_wait_event_set(size + 2);
		wait_set_size = size;
		AddWaitEventToSet(wait_set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(wait_set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		for (int i = 0; i < nsockets; i++)
			sockets[i].position = -1;
		wait_set_is_stale = false;
	}
	for (int i = 0; i < nsockets; i++)
		if (sockets[i].position < 0)
			sockets[i].position = AddWaitEventToSet(wait_set, wait_events(sockets[i].what),
													sockets[i].fd, NULL, NULL);
		else if (sockets[i].is_changed)
			ModifyWaitEvent(wait_set, sockets[i].position, wait_events(sockets[i].what), NULL);
	for (int i = 0; i < nsockets; i++)
		sockets[i].is_changed = false;
}

static void
socket_action(curl_socket_t fd, int events)
{
	int running;
	sigset_t saved;

	block_signals(&saved);
	curl_multi_socket_action(multi, fd, events, &running);
	restore_signals(&saved);
}

/* Milliseconds until something is due. */
static long
wait_timeout(void)
{
	double wait = LONGEST_WAIT_MS;
	double now = dq_loop_clock_ms();
	dlist_iter iter;

	if (timer_due_ms >= 0)
		wait = Min(wait, timer_due_ms - wall_ms());
	dlist_foreach(iter, &active)
	{
		Exchange *exchange = dlist_container(Exchange, active_node, iter.cur);
		double deadline = dq_exchange_deadline(exchange);

		if (deadline >= 0)
			wait = Min(wait, deadline - now);
	}
	if (wait <= 0)
		return 0;
	return (long) wait + 1;
}

static void
wait_and_act(void)
{
	WaitEvent events[MAX_EVENTS];
	int n;

	prepare_wait_set();
	n = WaitEventSetWait(wait_set, dlist_is_empty(&news) ? wait_timeout() : 0, events, MAX_EVENTS,
						 PG_WAIT_EXTENSION);
	for (int i = 0; i < n; i++)
	{
		if (events[i].events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			continue;
		}
		if (events[i].events & (WL_SOCKET_READABLE | WL_SOCKET_WRITEABLE))
			socket_action(events[i].fd,
						  (events[i].events & WL_SOCKET_READABLE ? CURL_CSELECT_IN : 0) |
							  (events[i].events & WL_SOCKET_WRITEABLE ? CURL_CSELECT_OUT : 0));
	}
	if (timer_due_ms >= 0 && timer_due_ms <= wall_ms())
	{
		timer_due_ms = -1;
		socket_action(CURL_SOCKET_TIMEOUT, 0);
	}
	CHECK_FOR_INTERRUPTS();
}

/* Takes finished attempts from libcurl, and overdue ones off the wire. */
static void
collect_ends(void)
{
	CURLMsg *message;
	int left;
	dlist_mutable_iter iter;

	while ((message = curl_multi_info_read(multi, &left)) != NULL)
	{
		Exchange *exchange;

		if (message->msg != CURLMSG_DONE)
			continue;

		CURLcode code = message->data.result;

		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &exchange);
		dq_exchange_attempt_ended(exchange, code);
	}
	dlist_foreach_modify(iter, &active)
		dq_exchange_check_deadline(dlist_container(Exchange, active_node, iter.cur));
}

static void
start_waiting(void)
{
	dlist_mutable_iter iter;

	dlist_foreach_modify(iter, &active)
		dq_exchange_try_start(dlist_container(Exchange, active_node, iter.cur));
}

/* Calls the owners; each may free any exchange, also one that stands in the list. */
static void
tell_owners(void)
{
	MemoryContextReset(progress_context);
	while (!dlist_is_empty(&news))
	{
		Exchange *exchange = dlist_head_element(Exchange, news_node, &news);
		MemoryContext old = MemoryContextSwitchTo(progress_context);

		dlist_delete(&exchange->news_node);
		exchange->has_news = false;
		exchange->on_progress(exchange, exchange->owner);
		MemoryContextSwitchTo(old);
	}
}

static void
end_step(void)
{
	clock_ms += wall_ms() - step_started_ms;
	step_started_ms = -1;
}

void
dq_loop_step(void)
{
	dlist_mutable_iter iter;

	loop_init();
	step_started_ms = wall_ms();
	PG_TRY();
	{
		start_waiting();
		wait_and_act();
		tell_owners();
		collect_ends();
		tell_owners();
		dlist_foreach_modify(iter, &active)
			dq_transfer_resume(dlist_container(Exchange, active_node, iter.cur));
	}
	PG_FINALLY();
	{
		end_step();
	}
	PG_END_TRY();
}
