/*
 * cache_key.c
 *	  Keys of the cache: what tells one answer from another.
 *
 * A key is a hash of everything that the answer depends on: the request with its headers and body,
 * how its pages are asked for and its rows are found, the LIMIT where it is part of that, whose
 * credentials are sent (unless cache_shared), the table and its generation.  The hash is
 * cryptographic, since equal keys are taken for equal questions: nobody can make a question that
 * finds another user's answer.
 *
 * The key of an answer on a cache server is the same in every database that asks the same: what is
 * declared stands in the place of OIDs, and the generation is the server's (remote_store.c).
 */
#include "postgres.h"

#include "cache/identity.h"
#include "common/hashfn.h"
#include "fetch/cache_key.h"
#include "miscadmin.h"
#include "service/digest.h"
#include "utils/timestamp.h"

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

uint64
dq_cache_label(int column, const char *text)
{
	uint64 label = text ?
		hash_bytes_extended((const unsigned char *) text, (int) strlen(text), 2 * column + 1) :
		hash_bytes_extended((const unsigned char *) "", 0, 2 * column + 2);

	return label == 0 ? 1 : label;
}

uint64
dq_cache_any_label(void)
{
	return dq_cache_label(-1, NULL);
}

/* The generations of the parts of the table that the question's rows may be in. */
static void
append_parts(const FetchOptions *options, StringInfo out)
{
	const TableSpec *table = options->table;

	for (int i = 0; i < table->ncache_columns; i++)
		if (table->cache_columns[i] != 0)
			appendStringInfo(out, "|%d %d " UINT64_FORMAT, i, table->cache_columns[i],
							 dq_cache_generation(table->relid,
												 dq_cache_label(i, options->marks[i])));
}

static void
append_local(const FetchOptions *options, const char *url, StringInfo bytes)
{
	const TableSpec *table = options->table;
	const TransferLimits *limits = &options->endpoint->limits;

	dq_fetch_shape(options, bytes);
	if (!table->cache_shared)
		dq_credentials_identity(options->endpoint->credentials, bytes);
	appendStringInfo(bytes, "|%u|%u|" UINT64_FORMAT "|%s|%s|%s", MyDatabaseId, table->relid,
					 dq_cache_generation(table->relid, 0), limits->proxy ? limits->proxy : "",
					 limits->ca_file ? limits->ca_file : "", url);
	append_parts(options, bytes);
}

static void
append_remote(const FetchOptions *options, const char *url, StringInfo bytes)
{
	const TableSpec *table = options->table;

	dq_identity_append(table, options->endpoint, bytes);
	appendStringInfo(bytes, "|%zu:%s|%zu:%s|", strlen(table->definition), table->definition,
					 strlen(url), url);
	dq_fetch_question(options, bytes);
}

CacheKey
dq_cache_key(const FetchOptions *options, const char *url)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	StringInfoData bytes;
	CacheKey key;

	initStringInfo(&bytes);
	if (dq_identity_is_remote(options->table, options->endpoint))
		append_remote(options, url, &bytes);
	else
		append_local(options, url, &bytes);
	dq_digest_secret(&bytes, digest);
	memcpy(&key, digest, sizeof(key));
	return key;
}
