/*
 * json_key.h
 *	  Hashes by which rows are found by a column's value, without decoding them.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_JSON_KEY_H
#define DQ_JSON_KEY_H

#include "rows/json.h"

/* How values of the column's type are compared by SQL's "=". */
typedef enum JsonKeyKind
{
	JSON_KEY_NONE = 0, /* not by a hash */
	JSON_KEY_INTEGER,
	JSON_KEY_TEXT, /* byte by byte */
	JSON_KEY_UUID
} JsonKeyKind;

typedef enum JsonKeyResult
{
	JSON_KEY_HASHED, /* *hash is that of the value */
	JSON_KEY_NULL,	 /* the value equals no key */
	JSON_KEY_OTHER	 /* it may equal any key: only decoding tells */
} JsonKeyResult;

/* The hash of a value in a row; scratch is for unescaping. */
extern JsonKeyResult dq_json_key(JsonKeyKind kind, const JsonSlice *value, StringInfo scratch,
								 uint64 *hash);

/* The hash of a value as a service is asked with it. */
extern JsonKeyResult dq_json_key_of_text(JsonKeyKind kind, const char *text, size_t len,
										 uint64 *hash);

#endif /* DQ_JSON_KEY_H */
