/*
 * loop.c
 *	  The backend's one event loop: libcurl's multi handle on PostgreSQL's WaitEventSet.
 *
 * libcurl says through two callbacks which sockets it wants watched (watch.c) and when it wants to
 * be woken; they only take notes, since nothing may jump across libcurl's frames.  dq_loop_step()
 * then
 *
 *	1. starts what waits until its service may be asked or for the end of its back-off, and lets
 *	libcurl act on its timer,
 *	2. waits on the latch, the postmaster and the sockets until the nearest of libcurl's timer and
 *	our own deadlines,
 *	3. lets libcurl act on what happened (all signals blocked: it may start a resolver thread,
 *	which inherits the mask),
 *	4. calls the owners of exchanges that have news, outside libcurl; they may raise,
 *	5. takes the ends of attempts from libcurl, times out what is overdue, and calls the owners of
 *	those that ended.
 *
 * Sockets of our own (loop_source.h) are served in 3 and their owners called in 4, as exchanges are.
 *
 * Bytes are handed over before an end is looked at: whether an attempt may be repeated depends on
 * what was in them.
 *
 * A step may raise: by an interrupt, for lack of memory, or out of an owner.  The owner that raised
 * is called again by the next step, if its exchange still exists then.
 *
 * Time is counted only inside steps (dq_loop_clock_ms), because between them, under a Sort or an
 * idle cursor, nobody reads from the sockets and a service is not to blame.
 */
#include "postgres.h"

#include <signal.h>

#include "miscadmin.h"
#include "portability/instr_time.h"
#include "storage/latch.h"
#include "transport/exchange_private.h"
#include "service/flight.h"
#include "transport/loop_source.h"
#include "transport/resolve.h"
#include "transport/watch.h"
#include "utils/memutils.h"

/* Idle connections that are kept, and easy handles. */
#define KEPT_CONNECTIONS 64L
#define KEPT_HANDLES 16

/* Events taken from one wait. */
#define MAX_EVENTS 64

/* With so many bytes of answers their owners are called before more is received. */
#define MOST_AT_ONCE ((size_t) 8 * 1024 * 1024)

/* Longest wait without looking at the deadlines again. */
#define LONGEST_WAIT_MS 1000.0

static CURLM *multi = NULL;
static double timer_due_ms = -1; /* wall clock of this process; -1: none */
static CURL *handles[KEPT_HANDLES];
static int nhandles = 0;
static dlist_head active = DLIST_STATIC_INIT(active);
static dlist_head news = DLIST_STATIC_INIT(news);
static double clock_ms = 0;			/* sum of finished steps */
static double step_started_ms = -1; /* -1: not inside a step */
static MemoryContext progress_context = NULL;
static Exchange *telling = NULL; /* whose owner is being called */
static size_t untold = 0;		 /* bytes received since owners were called */
static dlist_head sources = DLIST_STATIC_INIT(sources);
static LoopSource *telling_source = NULL;

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
	dq_exchange_name_waits();
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, dq_watch_note);
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
	if (nhandles < KEPT_HANDLES)
		handles[nhandles++] = easy;
	else
		dq_loop_discard_handle(easy);
}

void
dq_loop_discard_handle(CURL *easy)
{
	sigset_t saved;

	block_signals(&saved);
	curl_easy_cleanup(easy);
	restore_signals(&saved);
}

bool
dq_loop_add_handle(CURL *easy)
{
	sigset_t saved;
	CURLMcode code;

	block_signals(&saved);
	code = curl_multi_add_handle(multi, easy);
	restore_signals(&saved);
	return code == CURLM_OK;
}

void
dq_loop_remove_handle(CURL *easy)
{
	sigset_t saved;

	block_signals(&saved);
	curl_multi_remove_handle(multi, easy);
	restore_signals(&saved);
}

/* Puts the exchange's handle on the wire; false when libcurl refuses. */
bool
dq_loop_add(Exchange *exchange)
{
	return dq_loop_add_handle(exchange->easy);
}

void
dq_loop_remove(Exchange *exchange)
{
	dq_loop_remove_handle(exchange->easy);
}

void
dq_loop_add_source(LoopSource *source)
{
	loop_init();
	dlist_push_tail(&sources, &source->node);
}

void
dq_loop_remove_source(LoopSource *source)
{
	dlist_delete(&source->node);
	if (telling_source == source)
		telling_source = NULL;
}

static LoopSource *
source_with_news(void)
{
	dlist_iter iter;

	dlist_foreach(iter, &sources)
	{
		LoopSource *source = dlist_container(LoopSource, node, iter.cur);

		if (source->has_news)
			return source;
	}
	return NULL;
}

static LoopSource *
source_of(curl_socket_t fd)
{
	dlist_iter iter;

	dlist_foreach(iter, &sources)
	{
		LoopSource *source = dlist_container(LoopSource, node, iter.cur);

		if (source->fd == fd)
			return source;
	}
	return NULL;
}

void
dq_loop_activate(Exchange *exchange)
{
	dlist_push_tail(&active, &exchange->active_node);
	exchange->is_active = true;
}

void
dq_loop_deactivate(Exchange *exchange)
{
	if (exchange->is_active)
	{
		dlist_delete(&exchange->active_node);
		exchange->is_active = false;
	}
	if (exchange->has_news)
	{
		dlist_delete(&exchange->news_node);
		exchange->has_news = false;
	}
	if (telling == exchange)
		telling = NULL;
}

dlist_head *
dq_loop_active(void)
{
	return &active;
}

/* Bytes of an answer came. */
void
dq_loop_count(size_t bytes)
{
	untold += bytes;
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

static void
socket_action(curl_socket_t fd, int events)
{
	int running;
	sigset_t saved;

	block_signals(&saved);
	curl_multi_socket_action(multi, fd, events, &running);
	restore_signals(&saved);
}

/* Lets libcurl act if its timer is due. */
static bool
serve_timer(void)
{
	if (timer_due_ms < 0 || timer_due_ms > wall_ms())
		return false;
	timer_due_ms = -1;
	socket_action(CURL_SOCKET_TIMEOUT, 0);
	return true;
}

/* Milliseconds until something is due, at most so many. */
static long
wait_timeout(double longest_ms)
{
	double wait = longest_ms;
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
	dlist_foreach(iter, &sources)
	{
		LoopSource *source = dlist_container(LoopSource, node, iter.cur);

		if (source->deadline_ms >= 0)
			wait = Min(wait, source->deadline_ms - now);
	}
	if (wait <= 0)
		return 0;
	return (long) wait + 1;
}

static void
wait_and_act(double longest_ms)
{
	WaitEvent events[MAX_EVENTS];
	int n;

	n = dq_watch_wait(dlist_is_empty(&news) && !source_with_news() ? wait_timeout(longest_ms) : 0,
					  dq_exchange_wait_event(), events, MAX_EVENTS);
	for (int i = 0; i < n; i++)
	{
		int ready = (events[i].events & WL_SOCKET_READABLE ? CURL_CSELECT_IN : 0) |
			(events[i].events & WL_SOCKET_WRITEABLE ? CURL_CSELECT_OUT : 0);
		LoopSource *source;

		if (events[i].events & WL_LATCH_SET)
		{
			ResetLatch(MyLatch);
			continue;
		}
		source = source_of(events[i].fd);
		if (source)
			source->serve(source, ready);
		else if (!dq_watch_is_idle(events[i].fd))
			socket_action(events[i].fd, ready);
		/* Other sockets stay ready, and a latch set, for the next step. */
		if (untold > MOST_AT_ONCE)
			break;
	}
	serve_timer();
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
		if (exchange)
			dq_exchange_attempt_ended(exchange, code);
		else
			dq_resolve_ended(message->easy_handle);
	}
	dlist_foreach_modify(iter, &active)
		dq_exchange_check_deadline(dlist_container(Exchange, active_node, iter.cur));
	dlist_foreach_modify(iter, &sources)
	{
		LoopSource *source = dlist_container(LoopSource, node, iter.cur);

		if (source->deadline_ms >= 0 && source->deadline_ms <= dq_loop_clock_ms())
			source->serve(source, 0);
	}
}

static void
start_waiting(void)
{
	dlist_mutable_iter iter;

	dq_service_ask_again();
	dlist_foreach_modify(iter, &active)
		dq_exchange_try_start(dlist_container(Exchange, active_node, iter.cur));
}

static void
tell_owner_of(LoopSource *source)
{
	MemoryContext old = MemoryContextSwitchTo(progress_context);

	source->has_news = false;
	telling_source = source;
	source->tell(source);
	telling_source = NULL;
	MemoryContextSwitchTo(old);
}

/* Calls the owners; each may free any exchange, its own too, and start others. */
static void
tell_owners(void)
{
	LoopSource *source;

	MemoryContextReset(progress_context);
	untold = 0;
	while ((source = source_with_news()) != NULL)
		tell_owner_of(source);
	while (!dlist_is_empty(&news))
	{
		Exchange *exchange = dlist_head_element(Exchange, news_node, &news);
		MemoryContext old = MemoryContextSwitchTo(progress_context);

		dlist_delete(&exchange->news_node);
		exchange->has_news = false;
		telling = exchange;
		exchange->on_progress(exchange, exchange->owner);
		if (telling)
			dq_transfer_trim(exchange);
		telling = NULL;
		MemoryContextSwitchTo(old);
	}
}

/* Runs on every way out. */
static void
end_step(void)
{
	if (telling)
		dq_loop_tell(telling);
	telling = NULL;
	if (telling_source)
		telling_source->has_news = true;
	telling_source = NULL;
	dq_service_end_step();
	clock_ms += wall_ms() - step_started_ms;
	step_started_ms = -1;
}

static void
step(double longest_ms)
{
	if (step_started_ms >= 0)
		elog(ERROR, "distquery's loop was entered twice");
	loop_init();
	step_started_ms = wall_ms();
	PG_TRY();
	{
		dq_watch_reserve();
		dq_guard_prepare();
		dq_flight_beat();
		start_waiting();
		if (serve_timer())
		{
			/* What has ended already may have freed a slot. */
			tell_owners();
			collect_ends();
			start_waiting();
		}
		wait_and_act(longest_ms);
		tell_owners();
		collect_ends();
		/* Now, while others that wait let us: what came to an end or woke us may be a slot. */
		start_waiting();
		tell_owners();
	}
	PG_FINALLY();
	{
		end_step();
	}
	PG_END_TRY();
}

void
dq_loop_step(void)
{
	step(LONGEST_WAIT_MS);
}

void
dq_loop_step_for(double longest_ms)
{
	step(Min(longest_ms, LONGEST_WAIT_MS));
}

void
dq_loop_poll(void)
{
	step(0);
}
