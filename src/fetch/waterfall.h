/*
 * waterfall.h
 *	  When the requests of a statement were made, and what each waited for: as bars on one time axis,
 *	  which begins when the statement's first request was asked for.
 */
#ifndef DQ_WATERFALL_H
#define DQ_WATERFALL_H

#include "lib/stringinfo.h"
#include "transport/request_record.h"

/* What a request waits for, in this order; each may take no time. */
typedef enum WaterfallPhase
{
	PHASE_WAIT,		  /* a slot, the rate, Retry-After, or another session's answer */
	PHASE_CONNECT,	  /* name, TCP, TLS */
	PHASE_FIRST_BYTE, /* of the answer */
	PHASE_RECEIVE	  /* the rest of it */
} WaterfallPhase;

#define WATERFALL_PHASES (PHASE_RECEIVE + 1)

/* In text lines. */
#define WATERFALL_LEGEND ". waits, - connects, = waits for the first byte, # receives"

typedef struct WaterfallBar
{
	const RequestRecord *record;
	bool is_first;				   /* of its table; set by dq_waterfall_shorten() */
	double start_ms;			   /* on the axis */
	double ends[WATERFALL_PHASES]; /* of phases, on the axis; in order, the last is the bar's end */
} WaterfallBar;

/*
 * Palloc'd; records are borrowed from the statement's list, good until something is asked or comes
 * to its end.
 */
typedef struct Waterfall
{
	int nbars;
	WaterfallBar *bars; /* by their start */
	double length_ms;
	int64 dropped; /* requests that are not remembered */
} Waterfall;

/* Of the session's latest statement that asked anything; requests under way included. */
extern Waterfall *dq_waterfall_collect(void);

/* The same of the statement under way alone: no bars where that has asked nothing. */
extern Waterfall *dq_waterfall_collect_current(void);

/* Takes all bars away that are not of this table reader. */
extern void dq_waterfall_keep_scan(Waterfall *waterfall, uint32 scan);

/*
 * Takes the shortest bars away until so many are left, but for the first of each table; returns how
 * many, *longest_ms is the longest of those.
 */
extern int dq_waterfall_shorten(Waterfall *waterfall, int bars, double *longest_ms);

extern double dq_waterfall_ms(const WaterfallBar *bar);

/* "/orders?page=2" or "POST /search", cut in its middle. */
extern void dq_waterfall_label(StringInfo out, const RequestRecord *record, int width);

/* "|..--==##   |", of so many columns; "*" is an answer that the cache had. */
extern void dq_waterfall_draw(StringInfo out, const Waterfall *waterfall, const WaterfallBar *bar,
							  int columns);

/* " 12.0 +30.5 ms": start and length, aligned. */
extern void dq_waterfall_numbers(StringInfo out, const Waterfall *waterfall,
								 const WaterfallBar *bar);

/* What is worth telling: "status 503", "timeout", "attempt 2", "hit"; nothing of a plain answer. */
extern void dq_waterfall_remark(StringInfo out, const RequestRecord *record);

#endif /* DQ_WATERFALL_H */
