/*
 * envelope.h
 *	  What stands around an answer on a cache server, by which it is known again.
 *
 * A server may lose, mix up or damage what it was given, and others may write to it.  So a value
 * says under which key and generations it was put, how long it is, and has a checksum over all of
 * that.  What does not fit is not there.
 *
 * Pure: builds without a backend.
 */
#ifndef DQ_ENVELOPE_H
#define DQ_ENVELOPE_H

#include "cache/cache_block.h"

/* A number that nobody has used before; which one is current makes entries valid. */
typedef struct CacheGeneration
{
	uint64 high;
	uint64 low;
} CacheGeneration;

typedef struct Envelope
{
	uint32 magic;
	uint32 checksum; /* of all behind it */
	uint64 len;		 /* of the answer */
	CacheKey key;
	CacheGeneration table; /* of all answers of the table */
	CacheGeneration part;  /* of some of them, zero: of none */
} Envelope;

/* Fills an envelope for an answer. */
extern void dq_envelope_seal(Envelope *envelope, CacheKey key, const CacheGeneration *table,
							 const CacheGeneration *part, const char *bytes, uint64 len);

/*
 * The answer in a value, borrowed; NULL when the value is not what was put under this key in these
 * generations.
 */
extern const char *dq_envelope_open(const char *value, uint64 value_len, CacheKey key,
									const CacheGeneration *table, const CacheGeneration *part,
									uint64 *len);

/* The text of a generation under the name it is kept by, which is part of it. */
#define GENERATION_TEXT_BYTES 64
extern void dq_generation_write(char *text, CacheKey name, const CacheGeneration *generation);
extern bool dq_generation_read(const char *text, uint64 len, CacheKey name,
							   CacheGeneration *generation);

#endif /* DQ_ENVELOPE_H */
