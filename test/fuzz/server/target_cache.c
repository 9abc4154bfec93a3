/*
 * target_cache.c
 *	  Any bytes as a value of the cache: what is not well formed is nothing, the rest has its rows.
 *
 * With an odd first byte the rest is the value; else it is the records of a value that is packed
 * here, each behind its length, so that what is in them is tried, too.  Checked: as many rows as the
 * head says; a record lies within the value; a row that is taken out is what the decoder is given.
 */
#include "postgres.h"

#include "fetch/cache_key.h"
#include "fuzz_server.h"
#include "miscadmin.h"
#include "transport/spool.h"

static char *
pack(const uint8 *data, size_t size, uint64 *len)
{
	StringInfoData packed;
	AnswerFacts facts = { .asked_at_ms = 1 };
	int64 rows = 0;

	dq_cache_pack_begin(&packed, &facts);
	while (size > 0)
	{
		size_t record = Min((size_t) data[0] + 1, size - 1);

		if (record == 0)
			break;
		dq_cache_pack_add(&packed, (const char *) data + 1, record);
		rows += data[1] != 'P';
		data += record + 1;
		size -= record + 1;
	}
	dq_cache_pack_end(&packed, rows);
	*len = packed.len;
	return packed.data;
}

void
fuzz_cache(const uint8 *data, size_t size)
{
	const char *value = (const char *) data + 1;
	uint64 len = size - 1;
	TupleDesc type = fuzz_row_type();
	Datum *values = palloc0(sizeof(Datum) * type->natts);
	bool *isnull = palloc0(type->natts);
	AnswerFacts facts;
	Spool *spool;
	SpoolReader *reader;
	const char *record;
	size_t record_len;
	int64 rows = 0;

	if (size < 1)
		return;
	if ((data[0] & 1) == 0)
		value = pack(data + 1, size - 1, &len);
	if (!dq_cache_facts(value, len, &facts))
	{
		fuzz_check((data[0] & 1) != 0, "a value of ours that is not well formed");
		return;
	}
	spool = dq_spool_create((int64) work_mem * 1024);
	fuzz_check(dq_cache_unpack(value, len, spool) == facts.rows, "another number of rows");
	dq_cache_timestamp(facts.asked_at_ms);
	reader = dq_spool_reader(spool);
	while (dq_spool_next(reader, &record, &record_len))
		rows += record[0] != 'P';
	fuzz_check(rows == facts.rows, "rows lost on the way");
	dq_spool_rewind(reader);
	while (dq_spool_next(reader, &record, &record_len))
		if (record[0] != 'P')
			fuzz_decode(record, record_len, data[0] % type->natts, values, isnull);
}
