/*
 * cdn_loop.h
 *	  Header CDN-Loop (RFC 8586): who has passed a request on.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_CDN_LOOP_H
#define DQ_CDN_LOOP_H

#include "base.h"

/* Databases with distquery are named "distquery-" and 16 hex digits. */
#define CDN_LOOP_PREFIX "distquery-"
#define CDN_LOOP_ID_LENGTH (sizeof(CDN_LOOP_PREFIX) - 1 + 16)

/* NULL when value can be sent, else what is wrong with it, a static phrase. */
extern const char *dq_cdn_loop_problem(const char *value);

/* How many entries of the list are this one; or, with NULL, any database with distquery. */
extern int dq_cdn_loop_count(const char *value, const char *id);

#endif /* DQ_CDN_LOOP_H */
