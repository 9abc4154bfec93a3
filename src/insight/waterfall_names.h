/*
 * waterfall_names.h
 *	  Whom a request of a waterfall was for.
 */
#ifndef DQ_WATERFALL_NAMES_H
#define DQ_WATERFALL_NAMES_H

#include "lib/stringinfo.h"
#include "transport/request_record.h"

/* Appends the name of the foreign table, or of the server; on one line. */
extern void dq_waterfall_name(StringInfo out, const RequestRecord *record);

#endif /* DQ_WATERFALL_NAMES_H */
