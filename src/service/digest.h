/*
 * digest.h
 *	  SHA-256 (FIPS 180-4) of bytes, by PostgreSQL's own implementation.
 */
#ifndef DQ_DIGEST_H
#define DQ_DIGEST_H

#include "common/sha2.h"
#include "lib/stringinfo.h"

/* Fills digest (PG_SHA256_DIGEST_LENGTH bytes); false where it cannot be computed. */
extern bool dq_digest(const void *bytes, size_t len, uint8 *digest);

/* The same of what may hold secrets: wipes and frees it in any case.  Raises where it cannot be computed. */
extern void dq_digest_secret(StringInfo bytes, uint8 *digest);

#endif /* DQ_DIGEST_H */
