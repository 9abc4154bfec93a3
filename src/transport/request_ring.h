/*
 * request_ring.h
 *	  The latest records of all backends: a ring in shared memory, for distquery.requests.
 *
 * Nobody waits for anybody, neither a writer for readers nor the other way around.  A reader gets
 * whole records or none.
 */
#ifndef DQ_REQUEST_RING_H
#define DQ_REQUEST_RING_H

#include "transport/request_record.h"

/* In _PG_init: the area and its setting. */
extern void dq_request_ring_define(void);

/* Overwrites the oldest.  Cannot raise.  For who has found shared memory. */
extern void dq_request_ring_add(const RequestRecord *record);

/* Records that were there when reading began, oldest first. */
typedef struct RequestRingScan
{
	uint64 next;
	uint64 end;
} RequestRingScan;

extern void dq_request_ring_begin(RequestRingScan *scan);

/* Copies the next; false at the end. */
extern bool dq_request_ring_next(RequestRingScan *scan, RequestRecord *record);

/* Forgets what is there. */
extern void dq_request_ring_reset(void);

#endif /* DQ_REQUEST_RING_H */
