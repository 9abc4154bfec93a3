/*
 * activity.h
 *	  What each backend fetches now, for distquery.activity and for the names of waits.
 *
 * A backend has a few places in shared memory, one for each table that it is fetching; several
 * fetches of a table share it.  Only the backend writes there, without a lock; readers copy until
 * the copy is whole.  Nothing here raises, and all may be called in reset callbacks, unless it says
 * otherwise.
 */
#ifndef DQ_ACTIVITY_H
#define DQ_ACTIVITY_H

#include "datatype/timestamp.h"

/* What an exchange is at; of several the first in this order is shown. */
typedef enum ActivityState
{
	ACTIVITY_RECEIVING,			  /* bytes of the answer come */
	ACTIVITY_REQUESTING,		  /* sent, or being sent: no byte of the answer has come */
	ACTIVITY_AWAITING_TOKEN,	  /* an access token of OAuth 2.0 is on its way */
	ACTIVITY_AWAITING_SLOT,		  /* max_in_flight */
	ACTIVITY_AWAITING_RATE,		  /* rate_limit */
	ACTIVITY_AWAITING_PERMISSION, /* the service asked not to be asked yet (Retry-After) */
	ACTIVITY_BACKING_OFF,		  /* before another attempt */
	ACTIVITY_AWAITING_CACHE,	  /* another session asks for the same answer */
	ACTIVITY_IDLE,				  /* nobody reads: an idle cursor, or far enough ahead */
	ACTIVITY_NONE				  /* nothing is under way */
} ActivityState;

#define ACTIVITY_STATES (ACTIVITY_NONE + 1)

/* Sums over the fetches of a table, since the first of those under way began. */
typedef struct ActivityFigures
{
	int pid;
	Oid database;
	Oid userid;
	Oid serverid;
	Oid relid;
	uint64 query_id; /* 0: not computed */
	TimestampTz since;
	TimestampTz changed; /* the state */
	ActivityState state;
	int fetches;  /* under way */
	int asked;	  /* fetches in all */
	int foretold; /* fetches whose total is known */
	int64 pages;  /* complete */
	int64 rows;
	int64 bytes; /* decompressed */
	int64 total_pages;
	int64 total_rows;
	int counts[ACTIVITY_STATES]; /* exchanges by state */
} ActivityFigures;

typedef struct Activity Activity;

/* Below, since is when it happens, 0: now. */

/* In _PG_init: the area. */
extern void dq_activity_define(void);

/* A fetch of a table begins; NULL when there is no place for one more table.  Alone here it may raise. */
extern Activity *dq_activity_open(Oid serverid, Oid relid, TimestampTz since);

/* The others take NULL. */
extern void dq_activity_close(Activity *activity);

/* An exchange goes from one state to another; ACTIVITY_NONE: begins, or ends. */
extern void dq_activity_move(Activity *activity, ActivityState from, ActivityState to,
							 TimestampTz since);

extern void dq_activity_count(Activity *activity, int pages, int64 rows, int64 bytes);

/* A fetch expects so many more pages and rows; the first time it tells, or corrects itself. */
extern void dq_activity_expect(Activity *activity, int64 pages, int64 rows, bool is_first);

/* "waiting for slot" */
extern const char *dq_activity_state_name(ActivityState state);

/* Copies the next place in use and moves *position on, from 0; false at the end. */
extern bool dq_activity_next(int *position, ActivityFigures *figures);

#endif /* DQ_ACTIVITY_H */
