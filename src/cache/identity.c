/*
 * identity.c
 *	  Whose answers stand on a cache server, and which of them may.
 */
#include "postgres.h"

#include "cache/identity.h"
#include "common/hashfn.h"
#include "common/hmac.h"
#include "common/sha2.h"
#include "utils/guc.h"

static char *cache_secret = NULL;

void
dq_identity_define(void)
{
	DefineCustomStringVariable("distquery.cache_secret",
							   "Secret that hides credentials in names on cache servers.",
							   "Clusters with the same secret share answers between users of the same "
							   "credentials. Without one, these are not kept on cache servers.",
							   &cache_secret, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, NULL, NULL,
							   NULL);
}

bool
dq_identity_has_secret(void)
{
	return cache_secret && cache_secret[0] != '\0';
}

/* Headers may be credentials, too. */
static bool
has_credentials(const TableSpec *table, const Endpoint *endpoint)
{
	return endpoint->credentials->auth != AUTH_NONE || table->has_own_headers;
}

bool
dq_identity_wants_remote(const TableSpec *table)
{
	return table->cache_store != CACHE_STORE_SHARED;
}

bool
dq_identity_is_remote(const TableSpec *table, const Endpoint *endpoint)
{
	if (!dq_identity_wants_remote(table))
		return false;
	/* A certificate is named by a file of this host only. */
	if (endpoint->credentials->auth == AUTH_MTLS)
		return false;
	return dq_identity_has_secret() || !has_credentials(table, endpoint);
}

static void
append_part(StringInfo out, const char *text)
{
	appendStringInfo(out, "%zu:%s", strlen(text), text);
}

void
dq_identity_append(const TableSpec *table, const Endpoint *endpoint, StringInfo out)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	StringInfoData bytes;
	pg_hmac_ctx *hmac;
	bool is_good;

	if (!has_credentials(table, endpoint))
	{
		appendStringInfoString(out, "public|");
		return;
	}
	initStringInfo(&bytes);
	if (!table->cache_shared)
		dq_credentials_identity(endpoint->credentials, &bytes);
	for (int i = 0; i < table->nheaders; i++)
	{
		append_part(&bytes, table->headers[i].name);
		append_part(&bytes, table->headers[i].value);
	}
	hmac = pg_hmac_create(PG_SHA256);
	is_good = hmac && pg_hmac_init(hmac, (const uint8 *) cache_secret, strlen(cache_secret)) >= 0 &&
		pg_hmac_update(hmac, (const uint8 *) bytes.data, bytes.len) >= 0 &&
		pg_hmac_final(hmac, digest, sizeof(digest)) >= 0;
	pg_hmac_free(hmac);
	explicit_bzero(bytes.data, bytes.len);
	pfree(bytes.data);
	if (!is_good)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute an HMAC")));
	appendStringInfoString(out, "hmac ");
	appendBinaryStringInfo(out, (const char *) digest, sizeof(digest));
}

CacheKey
dq_identity_generation(const TableSpec *table, uint64 label)
{
	StringInfoData text;
	CacheKey name;

	initStringInfo(&text);
	append_part(&text, table->service->url);
	append_part(&text, table->path ? table->path->source : "");
	append_part(&text, table->lookup_path ? table->lookup_path->source : "");
	append_part(&text, table->body ? table->body->source : "");
	appendStringInfo(&text, UINT64_FORMAT, label);
	name.high = hash_bytes_extended((const unsigned char *) text.data, text.len, 1);
	name.low = hash_bytes_extended((const unsigned char *) text.data, text.len, 2);
	pfree(text.data);
	return name;
}
