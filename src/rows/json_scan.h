/*
 * json_scan.h
 *	  The tokens of JSON, checked against RFC 8259; private to rows/.
 *
 * Scanners take a pointer to a token's first byte and return the one behind its last, or NULL with
 * the error filled.  Plain ASCII inside strings, most of any answer, is passed 16 bytes at a time.
 */
#ifndef DQ_JSON_SCAN_H
#define DQ_JSON_SCAN_H

#include "port/pg_bitutils.h"
#include "rows/json.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What a token that starts with a byte can be. */
typedef enum JsonClass
{
	JSONC_OTHER = 0, /* no token starts with it */
	JSONC_SPACE,
	JSONC_QUOTE,
	JSONC_NUMBER, /* a digit or minus */
	JSONC_NULL,
	JSONC_FALSE,
	JSONC_TRUE,
	JSONC_ARRAY,
	JSONC_OBJECT,
	JSONC_PUNCTUATION /* , : ] } */
} JsonClass;

extern const uint8 dq_json_class[256];

/* The text being scanned, and where its errors go. */
typedef struct JsonScan
{
	const char *base; /* byte 0 of error offsets */
	const char *end;
	JsonError *error;
} JsonScan;

/* These fill the error and return NULL. */
extern const char *dq_json_fail(const JsonScan *scan, JsonErrorCode code, const char *at,
								const char *format, ...) pg_attribute_printf(4, 5);
extern const char *dq_json_fail_unexpected(const JsonScan *scan, const char *at,
										   const char *expected);

/* p stands behind the opening quote; *has_escapes is only ever set. */
extern const char *dq_json_scan_string(const JsonScan *scan, const char *p, bool *has_escapes);
extern const char *dq_json_scan_number(const JsonScan *scan, const char *p);
extern const char *dq_json_scan_literal(const JsonScan *scan, const char *p);

/* p stands at a backslash; a surrogate pair counts as one escape. */
extern const char *dq_json_scan_escape(const JsonScan *scan, const char *p, uint32 *code);

/*
 * Finds the end of an array or object without checking it; resumable at any byte.  All zero before
 * its opening bracket.
 */
typedef struct JsonExtent
{
	int64 depth; /* brackets open */
	bool in_string;
	bool is_escaped; /* the byte before was a backslash that escapes the next one */
} JsonExtent;

/* The byte behind the closing bracket, NULL when it is not in [p, end). */
extern const char *dq_json_extent(JsonExtent *extent, const char *p, const char *end);

/* The byte behind the value at p, of a text that was checked. */
extern const char *dq_json_pass_value(const char *p, const char *end, JsonSlice *value);

static inline JsonClass
json_class(char byte)
{
	return dq_json_class[(unsigned char) byte];
}

static inline const char *
json_skip_space(const char *p, const char *end)
{
	while (p < end && json_class(*p) == JSONC_SPACE)
		p++;
	return p;
}

/*
 * The first byte at or behind p that is not plain: a quote, a backslash, a control character, not
 * ASCII.
 */
static inline const char *
json_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
	while (end - p >= 16)
	{
		__m128i bytes = _mm_loadu_si128((const __m128i *) p);
		__m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
		__m128i backslashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));

		/* Signed: bytes above 0x7F compare as less, too. */
		__m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20));
		uint32 mask = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, backslashes), others));

		if (mask != 0)
			return p + pg_rightmost_one_pos32(mask);
		p += 16;
	}
#endif
	while (p < end && *p != '"' && *p != '\\' && (unsigned char) (*p - 0x20) < 0x60)
		p++;
	return p;
}

#endif /* DQ_JSON_SCAN_H */
