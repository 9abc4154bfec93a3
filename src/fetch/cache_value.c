/*
 * cache_value.c
 *	  Values of the cache: an answer as bytes, the same in every store.
 *
 * A value is a head, with all that is known of the answer, and the records of the fetch's spool
 * (fetch_page.c): elements as received, so that another list of columns is no other question, and
 * page marks.  Where it comes from is not trusted: the whole form is checked before it is used, and
 * what is not well formed is nothing.
 */
#include "postgres.h"

#include "fetch/cache_key.h"

#define PACKED_MAGIC 0x44514333 /* DQC3: raised with the format */

/* Longer headers are not kept: the answer cannot be confirmed then. */
#define MAX_HEADER_BYTES 8192

#define FLAG_HAS_POLICY 1
#define FLAG_MUST_REVALIDATE 2

/* The texts of the headers follow, each behind a byte: 1, and NUL at its end, or 0 where there is none. */
typedef struct PackedHead
{
	uint32 magic;
	uint32 head_bytes; /* with the texts */
	int64 asked_at_ms;
	int64 rows;
	int64 fresh_ms;
	int64 stale_while_revalidate_ms;
	int64 stale_if_error_ms;
	uint64 flags;
} PackedHead;

static void
append_head(StringInfo out, const AnswerFacts *facts, int64 rows)
{
	PackedHead head = { .magic = PACKED_MAGIC, .asked_at_ms = facts->asked_at_ms, .rows = rows };
	bool has_headers = facts->has_policy;
	size_t bytes = 0;

	if (facts->has_policy)
	{
		head.fresh_ms = facts->policy.fresh_ms;
		head.stale_while_revalidate_ms = facts->policy.stale_while_revalidate_ms;
		head.stale_if_error_ms = facts->policy.stale_if_error_ms;
		head.flags = FLAG_HAS_POLICY | (facts->policy.must_revalidate ? FLAG_MUST_REVALIDATE : 0);
	}
	for (int i = 0; i < HTTP_KEPT_HEADERS; i++)
		bytes += facts->headers[i] ? strlen(facts->headers[i]) : 0;
	has_headers &= bytes <= MAX_HEADER_BYTES;
	appendBinaryStringInfo(out, (const char *) &head, sizeof(head));
	for (int i = 0; i < HTTP_KEPT_HEADERS; i++)
	{
		const char *text = has_headers ? facts->headers[i] : NULL;

		appendStringInfoCharMacro(out, text ? 1 : 0);
		if (text)
			appendBinaryStringInfo(out, text, (int) strlen(text) + 1);
	}
	((PackedHead *) out->data)->head_bytes = out->len;
}

/* The head of a value and its texts; false when they are not well formed. */
static bool
read_head(const char *bytes, uint64 len, PackedHead *head, AnswerFacts *facts)
{
	const char *at = bytes + sizeof(*head);
	const char *end;

	if (len < sizeof(*head))
		return false;
	memcpy(head, bytes, sizeof(*head));
	if (head->magic != PACKED_MAGIC || head->head_bytes < sizeof(*head) || head->head_bytes > len)
		return false;
	end = bytes + head->head_bytes;
	memset(facts, 0, sizeof(*facts));
	facts->asked_at_ms = head->asked_at_ms;
	facts->rows = head->rows;
	facts->has_policy = (head->flags & FLAG_HAS_POLICY) != 0;
	facts->policy = (HttpPolicy) { .may_keep = true,
								   .must_revalidate = (head->flags & FLAG_MUST_REVALIDATE) != 0,
								   .fresh_ms = head->fresh_ms,
								   .stale_while_revalidate_ms = head->stale_while_revalidate_ms,
								   .stale_if_error_ms = head->stale_if_error_ms };
	for (int i = 0; i < HTTP_KEPT_HEADERS; i++)
	{
		const char *stop;

		if (at == end)
			return false;
		if (*at++ == 0)
			continue;
		stop = memchr(at, '\0', end - at);
		if (stop == NULL)
			return false;
		facts->headers[i] = at;
		at = stop + 1;
	}
	return at == end;
}

static void
append_record(char **end, const char *record, size_t len)
{
	uint32 prefix = (uint32) len;

	memcpy(*end, &prefix, sizeof(prefix));
	memcpy(*end + sizeof(prefix), record, len);
	*end += sizeof(prefix) + len;
}

char *
dq_cache_pack(Fetch *fetch, const AnswerFacts *facts, uint64 max, uint64 *len)
{
	StringInfoData head;
	uint64 size;
	SpoolReader *reader;
	const char *record;
	size_t record_len;
	char *packed;
	char *end;

	initStringInfo(&head);
	append_head(&head, facts, fetch->rows);
	size = head.len + dq_spool_bytes(fetch->spool);
	if (size > max)
		return NULL;
	packed = MemoryContextAllocHuge(CurrentMemoryContext, size);
	end = (char *) memcpy(packed, head.data, head.len) + head.len;
	reader = dq_spool_reader(fetch->spool);
	while (dq_spool_next(reader, &record, &record_len))
		append_record(&end, record, record_len);
	dq_spool_reader_free(reader);
	*len = end - packed;
	return packed;
}

void
dq_cache_pack_begin(StringInfo packed, const AnswerFacts *facts)
{
	initStringInfo(packed);
	append_head(packed, facts, 0);
}

void
dq_cache_pack_add(StringInfo packed, const char *record, size_t len)
{
	uint32 prefix = (uint32) len;

	appendBinaryStringInfo(packed, (const char *) &prefix, sizeof(prefix));
	appendBinaryStringInfo(packed, record, (int) len);
}

void
dq_cache_pack_end(StringInfo packed, int64 rows)
{
	((PackedHead *) packed->data)->rows = rows;
}

/* True when the records fill the value exactly, and are as many as the head says. */
static bool
is_well_formed(const char *bytes, uint64 len, uint64 position, int64 rows)
{
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

bool
dq_cache_facts(const char *bytes, uint64 len, AnswerFacts *facts)
{
	PackedHead head;

	return read_head(bytes, len, &head, facts) &&
		is_well_formed(bytes, len, head.head_bytes, head.rows);
}

bool
dq_cache_next(const char *bytes, uint64 len, uint64 *position, const char **record,
			  uint32 *record_len)
{
	if (*position == 0)
	{
		uint32 head_bytes;

		memcpy(&head_bytes, bytes + offsetof(PackedHead, head_bytes), sizeof(head_bytes));
		*position = head_bytes;
	}
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
	uint64 position = 0;
	int64 rows = 0;
	const char *record;
	uint32 record_len;

	while (dq_cache_next(bytes, len, &position, &record, &record_len))
	{
		dq_spool_append(spool, record, record_len);
		rows += record[0] != 'P';
	}
	return rows;
}
