/*
 * waterfall_names.h
 *	  Whom a request of a waterfall was for, and who may know it.
 */
#ifndef DQ_WATERFALL_NAMES_H
#define DQ_WATERFALL_NAMES_H

#include "fetch/waterfall.h"

/*
 * The waterfall of dq_waterfall_collect(), without what is known of requests that roles made which
 * the current user does not have: those of SECURITY DEFINER functions and views.
 */
extern Waterfall *dq_waterfall_visible(void);

/* Appends the name of the foreign table, or of the server; on one line. */
extern void dq_waterfall_name(StringInfo out, const RequestRecord *record);

#endif /* DQ_WATERFALL_NAMES_H */
