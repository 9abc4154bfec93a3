/*
 * fuzz_server.h
 *	  Fuzz targets that need a backend: built into the extension's library, run by an SQL function.
 */
#ifndef DQ_FUZZ_SERVER_H
#define DQ_FUZZ_SERVER_H

#include "access/tupdesc.h"

/* One input; runs in a subtransaction and a memory context of its own, and may raise. */
typedef void (*FuzzTarget)(const uint8 *data, size_t size);

extern void fuzz_decoder(const uint8 *data, size_t size);
extern void fuzz_options(const uint8 *data, size_t size);
extern void fuzz_cache(const uint8 *data, size_t size);
extern void fuzz_headers(const uint8 *data, size_t size);

/* Decodes an element into all columns of table fuzz_row; fails as the decoder does. */
extern void fuzz_decode(const char *element, size_t len, int first_column, Datum *values,
						bool *isnull);
extern TupleDesc fuzz_row_type(void);

/* A finding: says what, and aborts, so that the input is kept. */
extern void fuzz_check(bool condition, const char *what);

#endif /* DQ_FUZZ_SERVER_H */
