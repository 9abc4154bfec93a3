/*
 * envelope.c
 *	  What stands around an answer on a cache server, by which it is known again.
 *
 * Numbers are in the byte order of the machine, as they are inside of answers: clusters of another
 * byte order find magics that they do not know.
 */
#include "base.h"

#include "cache/envelope.h"
#include "port/pg_crc32c.h"

#define ENVELOPE_MAGIC 0x44515231 /* DQR1: raised with the format */

#define CHECKED_FROM offsetof(Envelope, len)

static uint32
checksum(const Envelope *envelope, const char *bytes, uint64 len)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, (const char *) envelope + CHECKED_FROM, sizeof(Envelope) - CHECKED_FROM);
	COMP_CRC32C(crc, bytes, len);
	FIN_CRC32C(crc);
	return crc;
}

void
dq_envelope_seal(Envelope *envelope, CacheKey key, const CacheGeneration *table,
				 const CacheGeneration *part, const char *bytes, uint64 len)
{
	memset(envelope, 0, sizeof(*envelope));
	envelope->magic = ENVELOPE_MAGIC;
	envelope->len = len;
	envelope->key = key;
	envelope->table = *table;
	envelope->part = *part;
	envelope->checksum = checksum(envelope, bytes, len);
}

static bool
is_same(const CacheGeneration *a, const CacheGeneration *b)
{
	return a->high == b->high && a->low == b->low;
}

const char *
dq_envelope_open(const char *value, uint64 value_len, CacheKey key, const CacheGeneration *table,
				 const CacheGeneration *part, uint64 *len)
{
	Envelope envelope;
	const char *bytes = value + sizeof(Envelope);

	if (value_len < sizeof(Envelope))
		return NULL;
	memcpy(&envelope, value, sizeof(envelope));
	if (envelope.magic != ENVELOPE_MAGIC || envelope.len != value_len - sizeof(Envelope) ||
		envelope.key.high != key.high || envelope.key.low != key.low ||
		!is_same(&envelope.table, table) || !is_same(&envelope.part, part) ||
		envelope.checksum != checksum(&envelope, bytes, envelope.len))
		return NULL;
	*len = envelope.len;
	return bytes;
}

static void
write_hex(char *text, uint64 number)
{
	for (int i = 0; i < 16; i++)
		text[i] = "0123456789abcdef"[(number >> (60 - 4 * i)) & 15];
}

static bool
read_hex(const char *text, uint64 *number)
{
	*number = 0;
	for (int i = 0; i < 16; i++)
	{
		const char *digits = "0123456789abcdef";
		const char *digit = text[i] ? strchr(digits, text[i]) : NULL;

		if (digit == NULL)
			return false;
		*number = *number << 4 | (uint64) (digit - digits);
	}
	return true;
}

void
dq_generation_write(char *text, CacheKey name, const CacheGeneration *generation)
{
	write_hex(text, name.high);
	write_hex(text + 16, name.low);
	write_hex(text + 32, generation->high);
	write_hex(text + 48, generation->low);
}

bool
dq_generation_read(const char *text, uint64 len, CacheKey name, CacheGeneration *generation)
{
	CacheKey found = { 0, 0 };

	return len == GENERATION_TEXT_BYTES && read_hex(text, &found.high) &&
		read_hex(text + 16, &found.low) && found.high == name.high && found.low == name.low &&
		read_hex(text + 32, &generation->high) && read_hex(text + 48, &generation->low) &&
		(generation->high != 0 || generation->low != 0);
}
