/*
 * base.h
 *	  First include of every file in the pure rooms (rows/ and request/).
 *
 * A pure room calls no backend service beyond palloc and StringInfo, so that the same sources
 * build into the extension and, with -DFRONTEND and libpgcommon, into unit tests and fuzz targets.
 * A pure room never raises: functions return a result code and fill an error struct of the
 * caller's.
 */
#ifndef DQ_BASE_H
#define DQ_BASE_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "lib/stringinfo.h"

#endif /* DQ_BASE_H */
