/*
 * cache_key.c
 *	  Keys and values of the cache.
 *
 * A key is a hash of everything that the answer depends on: the request with its headers and body,
 * how its pages are asked for and its rows are found, the LIMIT where it is part of that, whose
 * credentials are sent (unless cache_shared), the table and its generation.  The hash is
 * cryptographic, since equal keys are taken for equal questions: nobody can make a question that
 * finds another user's answer.
 *
 * A value is a head and the records of the fetch's spool (fetch_page.c): elements as received, so
 * that another list of columns is no other question, and page marks.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "fetch/cache_key.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#define PACKED_MAGIC 0x44514331 /* DQC1: raised with the format */

typedef struct PackedHead
{
	uint32 magic;
	uint32 head_bytes;
	int64 rows;
} PackedHead;

#define EPOCH_MS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY * 1000)

int64
dq_cache_now(void)
{
	return GetCurrentTimestamp() / 1000 + EPOCH_MS;
}

TimestampTz
dq_cache_timestamp(int64 ms)
{
	return (ms - EPOCH_MS) * 1000;
}

CacheKey
dq_cache_key(const FetchOptions *options, const char *url)
{
	const TableSpec *table = options->table;
	const TransferLimits *limits = &options->endpoint->limits;
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *hash;
	StringInfoData bytes;
	CacheKey key;

	initStringInfo(&bytes);
	dq_fetch_shape(options, &bytes);
	if (!table->cache_shared)
		dq_credentials_identity(options->endpoint->credentials, &bytes);
	appendStringInfo(&bytes, "|%u|%u|" UINT64_FORMAT "|%s|%s|%s", MyDatabaseId, table->relid,
					 dq_cache_generation(table->relid), limits->proxy ? limits->proxy : "",
					 limits->ca_file ? limits->ca_file : "", url);
	hash = pg_cryptohash_create(PG_SHA256);
	if (hash == NULL || pg_cryptohash_init(hash) < 0 ||
		pg_cryptohash_update(hash, (const uint8 *) bytes.data, bytes.len) < 0 ||
		pg_cryptohash_final(hash, digest, sizeof(digest)) < 0)
	{
		pg_cryptohash_free(hash);
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a SHA-256 hash")));
	}
	pg_cryptohash_free(hash);
	explicit_bzero(bytes.data, bytes.len);
	pfree(bytes.data);
	memcpy(&key, digest, sizeof(key));
	return key;
}

char *
dq_cache_pack(Fetch *fetch, uint64 max, uint64 *len)
{
	PackedHead head = { PACKED_MAGIC, sizeof(PackedHead), fetch->rows };
	uint64 size = sizeof(PackedHead) + dq_spool_bytes(fetch->spool);
	SpoolReader *reader;
	const char *record;
	size_t record_len;
	char *packed;
	char *end;

	if (size > max)
		return NULL;
	packed = MemoryContextAllocHuge(CurrentMemoryContext, size);
	end = (char *) memcpy(packed, &head, sizeof(head)) + sizeof(head);
	reader = dq_spool_reader(fetch->spool);
	while (dq_spool_next(reader, &record, &record_len))
	{
		uint32 prefix = (uint32) record_len;

		memcpy(end, &prefix, sizeof(prefix));
		memcpy(end + sizeof(prefix), record, record_len);
		end += sizeof(prefix) + record_len;
	}
	dq_spool_reader_free(reader);
	*len = end - packed;
	return packed;
}

void
dq_cache_pack_begin(StringInfo packed)
{
	PackedHead head = { PACKED_MAGIC, sizeof(PackedHead), 0 };

	initStringInfo(packed);
	appendBinaryStringInfo(packed, (const char *) &head, sizeof(head));
}

void
dq_cache_pack_end(StringInfo packed, int64 rows)
{
	PackedHead head = { PACKED_MAGIC, sizeof(PackedHead), rows };

	memcpy(packed->data, &head, sizeof(head));
}

/* True when the records fill the value exactly, and are as many as the head says. */
static bool
is_well_formed(const char *bytes, uint64 len, int64 rows)
{
	uint64 position = sizeof(PackedHead);
	int64 found = 0;

	while (len - position >= sizeof(uint32))
	{
		uint32 record_len;

		memcpy(&record_len, bytes + position, sizeof(record_len));
		position += sizeof(record_len);
		if (record_len == 0 || record_len > len - position)
			return false;
		found += bytes[position] != 'P';
		position += record_len;
	}
	return position == len && found == rows;
}

int64
dq_cache_packed_rows(const char *bytes, uint64 len)
{
	PackedHead head;

	if (len < sizeof(head))
		return -1;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != PACKED_MAGIC || head.head_bytes != sizeof(head))
		return -1;
	return is_well_formed(bytes, len, head.rows) ? head.rows : -1;
}

bool
dq_cache_next(const char *bytes, uint64 len, uint64 *position, const char **record,
			  uint32 *record_len)
{
	if (*position == 0)
		*position = sizeof(PackedHead);
	if (*position >= len)
		return false;
	memcpy(record_len, bytes + *position, sizeof(*record_len));
	*record = bytes + *position + sizeof(*record_len);
	*position += sizeof(*record_len) + *record_len;
	return true;
}

int64
dq_cache_unpack(const char *bytes, uint64 len, Spool *spool)
{
	int64 rows = dq_cache_packed_rows(bytes, len);
	uint64 position = 0;
	const char *record;
	uint32 record_len;

	Assert(rows >= 0);
	while (dq_cache_next(bytes, len, &position, &record, &record_len))
		dq_spool_append(spool, record, record_len);
	return rows;
}
