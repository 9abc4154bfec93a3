/*
 * digest.c
 *	  SHA-256 of bytes.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "service/digest.h"

bool
dq_digest(const void *bytes, size_t len, uint8 *digest)
{
	pg_cryptohash_ctx *hash = pg_cryptohash_create(PG_SHA256);
	bool is_good = hash && pg_cryptohash_init(hash) >= 0 &&
		pg_cryptohash_update(hash, bytes, len) >= 0 &&
		pg_cryptohash_final(hash, digest, PG_SHA256_DIGEST_LENGTH) >= 0;

	pg_cryptohash_free(hash);
	return is_good;
}

void
dq_digest_secret(StringInfo bytes, uint8 *digest)
{
	bool is_good = dq_digest(bytes->data, bytes->len, digest);

	explicit_bzero(bytes->data, bytes->len);
	pfree(bytes->data);
	if (!is_good)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a SHA-256 hash")));
}
