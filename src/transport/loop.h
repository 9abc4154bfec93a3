/*
 * loop.h
 *	  The backend's one event loop: libcurl's multi handle on PostgreSQL's WaitEventSet.
 */
#ifndef DQ_LOOP_H
#define DQ_LOOP_H

/*
 * Waits until something happened to any exchange of this backend (bytes, an end, a timer), or the
 * latch was set, then runs the owners' on_progress.  Serves all exchanges, not just the caller's.
 * Interrupts are checked: raises on cancel, statement_timeout and shutdown within milliseconds.
 * Must not be called when no exchange is under way.
 */
extern void dq_loop_step(void);

/* The same, waiting no longer than that. */
extern void dq_loop_step_for(double longest_ms);

/* The same without waiting: takes what has come, sends what can be sent. */
extern void dq_loop_poll(void);

/*
 * Milliseconds that this loop has been running (waiting included) since the backend started; the
 * clock by which timeouts are counted, so that an idle cursor or a long Sort times nothing out.
 */
extern double dq_loop_clock_ms(void);

#endif /* DQ_LOOP_H */
