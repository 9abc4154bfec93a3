/*
 * json_key.c
 *	  Hashes by which rows are found by a column's value, without decoding them.
 *
 * Equal values must have equal hashes, whatever their JSON spelling; a spelling of which that is
 * not certain (5.0, "+5", {5}) is JSON_KEY_OTHER, and the row is taken for one that may fit.
 */
#include "base.h"

#include "common/hashfn.h"
#include "rows/json_key.h"

/* Digits of a number that certainly fits into 64 bits. */
#define SAFE_DIGITS 18
#define UUID_LENGTH 36

/* An integer written as JSON writes it: a minus or none, no leading zeros, nothing else. */
static bool
parse_integer(const char *text, size_t len, int64 *number)
{
	bool is_negative = len > 0 && text[0] == '-';
	size_t first = is_negative ? 1 : 0;
	int64 value = 0;

	if (len == first || len - first > SAFE_DIGITS || (text[first] == '0' && len - first > 1))
		return false;
	for (size_t i = first; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return false;
		value = value * 10 + (text[i] - '0');
	}
	*number = is_negative ? -value : value;
	return true;
}

/* The usual spelling of a UUID, in either case. */
static bool
parse_uuid(const char *text, size_t len, char *lower)
{
	if (len != UUID_LENGTH)
		return false;
	for (int i = 0; i < UUID_LENGTH; i++)
	{
		bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
		char c = text[i] >= 'A' && text[i] <= 'F' ? text[i] + ('a' - 'A') : text[i];

		if (is_hyphen ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		lower[i] = c;
	}
	return true;
}

JsonKeyResult
dq_json_key_of_text(JsonKeyKind kind, const char *text, size_t len, uint64 *hash)
{
	int64 number;
	char lower[UUID_LENGTH];

	switch (kind)
	{
		case JSON_KEY_NONE:
			break;
		case JSON_KEY_INTEGER:
			if (!parse_integer(text, len, &number))
				break;
			*hash = hash_bytes_extended((const unsigned char *) &number, sizeof(number), 0);
			return JSON_KEY_HASHED;
		case JSON_KEY_TEXT:
			*hash = hash_bytes_extended((const unsigned char *) text, len, 0);
			return JSON_KEY_HASHED;
		case JSON_KEY_UUID:
			if (!parse_uuid(text, len, lower))
				break;
			*hash = hash_bytes_extended((const unsigned char *) lower, UUID_LENGTH, 0);
			return JSON_KEY_HASHED;
	}
	return JSON_KEY_OTHER;
}

JsonKeyResult
dq_json_key(JsonKeyKind kind, const JsonSlice *value, StringInfo scratch, uint64 *hash)
{
	JsonError error;

	switch (value->kind)
	{
		case JSONK_MISSING:
		case JSONK_NULL:
			return JSON_KEY_NULL;
		case JSONK_NUMBER:
			if (kind != JSON_KEY_INTEGER)
				return JSON_KEY_OTHER;
			return dq_json_key_of_text(kind, value->start, value->len, hash);
		case JSONK_STRING:
			if (!value->has_escapes)
				return dq_json_key_of_text(kind, value->start + 1, value->len - 2, hash);
			resetStringInfo(scratch);
			if (!dq_json_string_append(scratch, value, &error))
				return JSON_KEY_OTHER;
			return dq_json_key_of_text(kind, scratch->data, scratch->len, hash);
		default:
			return JSON_KEY_OTHER;
	}
}
