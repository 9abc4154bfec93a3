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

#define PACKED_MAGIC 0x44514332 /* DQC2: raised with the format */

typedef struct PackedHead
{
	uint32 magic;
	uint32 head_bytes;
	AnswerFacts facts;
} PackedHead;

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
	PackedHead head = { PACKED_MAGIC, sizeof(PackedHead), *facts };
	uint64 size = sizeof(PackedHead) + dq_spool_bytes(fetch->spool);
	SpoolReader *reader;
	const char *record;
	size_t record_len;
	char *packed;
	char *end;

	if (size > max)
		return NULL;
	head.facts.rows = fetch->rows;
	packed = MemoryContextAllocHuge(CurrentMemoryContext, size);
	end = (char *) memcpy(packed, &head, sizeof(head)) + sizeof(head);
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
	PackedHead head = { PACKED_MAGIC, sizeof(PackedHead), *facts };

	head.facts.rows = 0;
	initStringInfo(packed);
	appendBinaryStringInfo(packed, (const char *) &head, sizeof(head));
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
	memcpy(packed->data + offsetof(PackedHead, facts) + offsetof(AnswerFacts, rows), &rows,
		   sizeof(rows));
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

bool
dq_cache_facts(const char *bytes, uint64 len, AnswerFacts *facts)
{
	PackedHead head;

	if (len < sizeof(head))
		return false;
	memcpy(&head, bytes, sizeof(head));
	if (head.magic != PACKED_MAGIC || head.head_bytes != sizeof(head))
		return false;
	*facts = head.facts;
	return is_well_formed(bytes, len, facts->rows);
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
