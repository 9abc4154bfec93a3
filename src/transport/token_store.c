/*
 * token_store.c
 *	  Access tokens that were issued, by user mapping, for all sessions.
 *
 * One entry a mapping.  An entry whose hash is another one's is of credentials that the mapping had
 * before: it is taken over, and nothing of it stays.
 */
#include "postgres.h"

#include "catalog/pg_user_mapping.h"
#include "miscadmin.h"
#include "service/digest.h"
#include "service/service_state.h"
#include "transport/token_answer.h"
#include "transport/token_store.h"

/* A token is renewed that long before it expires, or a tenth of its life. */
#define RENEW_MARGIN_US ((int64) 30 * 1000 * 1000)

/* Zero bytes hold nothing. */
typedef struct TokenEntry
{
	FlightKey hash;
	int64 renew_us;
	int64 expires_us; /* 0: there is no token */
	int64 failed_us;  /* 0: failure is not set */
	TokenFailure failure;
	char token[MAX_TOKEN_BYTES + 1];
} TokenEntry;

static SharedArea *area = NULL;
static int max_tokens;

void
dq_token_define(void)
{
	dq_shared_define_setting("distquery.shared_tokens",
							 "User mappings whose access tokens are kept in shared memory.",
							 &max_tokens, 64, 8, 65536);
	area = dq_shared_define_table("distquery access tokens", UserMappingRelationId,
								  sizeof(TokenEntry), &max_tokens);
}

int64
dq_token_now_us(void)
{
	return dq_service_now_us();
}

TokenKey
dq_token_key(const Credentials *credentials)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	TokenKey key = { .mapping = credentials->mapping };
	StringInfoData bytes;

	initStringInfo(&bytes);
	appendStringInfo(&bytes, "access token|%u|%u|", MyDatabaseId, credentials->mapping);
	dq_credentials_identity(credentials, &bytes);
	dq_digest_secret(&bytes, digest);
	memcpy(&key.hash, digest, sizeof(key.hash));
	return key;
}

static SharedKey
place_of(const TokenKey *key)
{
	return (SharedKey) { MyDatabaseId, key->mapping };
}

static bool
is_of(const TokenEntry *entry, const TokenKey *key)
{
	return entry->hash.high == key->hash.high && entry->hash.low == key->hash.low;
}

/* With the lock held: the entry of these credentials, or NULL. */
static TokenEntry *
find(SharedTable *table, const TokenKey *key)
{
	TokenEntry *entry = dq_shared_table_find(table, place_of(key));

	return entry && is_of(entry, key) ? entry : NULL;
}

/* The same, made where there is none; NULL when there is no room. */
static TokenEntry *
enter(SharedTable *table, const TokenKey *key)
{
	bool found;
	TokenEntry *entry = dq_shared_table_enter(table, place_of(key), &found);

	if (entry && !is_of(entry, key))
	{
		memset(entry, 0, sizeof(*entry));
		entry->hash = key->hash;
	}
	return entry;
}

static void
wipe_token(TokenEntry *entry)
{
	entry->renew_us = entry->expires_us = 0;
	memset(entry->token, 0, sizeof(entry->token));
}

char *
dq_token_find(const TokenKey *key, TokenAge age)
{
	char *token = palloc(MAX_TOKEN_BYTES + 1);
	int64 now = dq_token_now_us();
	TokenEntry *entry;
	bool is_good;

	dq_shared_attach();
	entry = find(dq_shared_lock(area, LW_EXCLUSIVE), key);
	if (entry && entry->expires_us > 0 && entry->expires_us <= now)
		wipe_token(entry);
	is_good = entry && (age == TOKEN_FRESH ? entry->renew_us : entry->expires_us) > now;
	if (is_good)
		memcpy(token, entry->token, strlen(entry->token) + 1);
	dq_shared_unlock(area);
	if (is_good)
		return token;
	pfree(token);
	return NULL;
}

void
dq_token_put(const TokenKey *key, const char *token, int64 asked_us, int64 life_ms)
{
	int64 life_us = life_ms * 1000;
	TokenEntry *entry;

	dq_shared_attach();
	entry = enter(dq_shared_lock(area, LW_EXCLUSIVE), key);
	if (entry)
	{
		wipe_token(entry);
		entry->failed_us = 0;
		entry->expires_us = asked_us + life_us;
		entry->renew_us = entry->expires_us - Min(RENEW_MARGIN_US, life_us / 10);
		strlcpy(entry->token, token, sizeof(entry->token));
	}
	dq_shared_unlock(area);
}

void
dq_token_reject(const TokenKey *key, const char *token)
{
	TokenEntry *entry = find(dq_shared_lock(area, LW_EXCLUSIVE), key);

	if (entry && strcmp(entry->token, token) == 0)
		wipe_token(entry);
	dq_shared_unlock(area);
}

void
dq_token_put_failure(const TokenKey *key, const TokenFailure *failure)
{
	int64 now = dq_token_now_us();
	TokenEntry *entry;

	dq_shared_attach();
	entry = enter(dq_shared_lock(area, LW_EXCLUSIVE), key);
	if (entry)
	{
		entry->failure = *failure;
		entry->failed_us = now;
	}
	dq_shared_unlock(area);
}

bool
dq_token_failure_since(const TokenKey *key, int64 since_us, TokenFailure *failure)
{
	const TokenEntry *entry;
	bool is_told;

	dq_shared_attach();
	entry = find(dq_shared_lock(area, LW_EXCLUSIVE), key);
	is_told = entry && entry->failed_us > 0 && entry->failed_us >= since_us;
	if (is_told)
		*failure = entry->failure;
	dq_shared_unlock(area);
	return is_told;
}
