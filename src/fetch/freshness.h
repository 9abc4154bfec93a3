/*
 * freshness.h
 *	  How old the rows are that this session has read last of a table.
 */
#ifndef DQ_FRESHNESS_H
#define DQ_FRESHNESS_H

#include "utils/timestamp.h"

/* A question of the current statement to a table was answered by rows asked for at that time. */
extern void dq_freshness_note(Oid table, TimestampTz asked_at);

/* The oldest time of the latest statement that read the table; false when none did. */
extern bool dq_freshness(Oid table, TimestampTz *asked_at);

#endif /* DQ_FRESHNESS_H */
