/*
 * identity.h
 *	  Whose answers stand on a cache server, and which of them may.
 *
 * What is kept there is found by other databases and clusters, and read by whoever can read the
 * server.  So credentials are part of a name only as an HMAC under a secret of the clusters
 * (setting distquery.cache_secret); without the secret, what was asked with credentials stays in
 * this server's shared memory.
 */
#ifndef DQ_IDENTITY_H
#define DQ_IDENTITY_H

#include "cache/cache_block.h"
#include "spec/spec.h"

/* In _PG_init: the setting. */
extern void dq_identity_define(void);

/* True when a table's answers are kept on a cache server, as this identity sees them. */
extern bool dq_identity_is_remote(const TableSpec *table, const Endpoint *endpoint);

/* The same, without regard to the identity. */
extern bool dq_identity_wants_remote(const TableSpec *table);

/* Whether the setting is there. */
extern bool dq_identity_has_secret(void);

/* Appends what tells one identity from another anywhere; the table is one that is kept remotely. */
extern void dq_identity_append(const TableSpec *table, const Endpoint *endpoint, StringInfo out);

/*
 * The name of the generation of a table's answers, of all or of a part of them (label; 0: all).  It
 * is the same wherever a table is declared that asks the same of the same service.
 */
extern CacheKey dq_identity_generation(const TableSpec *table, uint64 label);

#endif /* DQ_IDENTITY_H */
