/*
 * memcached_reply.h
 *	  Replies of memcached's meta protocol.
 *
 * Pure: builds without a backend.
 */
#ifndef DQ_MEMCACHED_REPLY_H
#define DQ_MEMCACHED_REPLY_H

#include "cache/protocol.h"

/*
 * Reads one reply at the beginning of bytes, whose length it tells.  *value is what reply->values
 * points to.  A value of more than max_value bytes is garbage.  Nothing is allocated.
 */
extern CacheParse dq_memcached_reply(const char *bytes, size_t len, size_t max_value,
									 CacheReply *reply, CacheBytes *value, size_t *used);

#endif /* DQ_MEMCACHED_REPLY_H */
