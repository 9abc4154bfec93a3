/*
 * target_decoder.c
 *	  Any bytes as a row: it is decoded or refused, and what is decoded is what PostgreSQL reads.
 *
 * The first byte chooses the first column that is decoded; the rest is the element.  Checked: text
 * that is decoded is what jsonb has under that name; a row that is decoded is JSON.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "fuzz_server.h"
#include "nodes/makefuncs.h"
#include "rows/decoder.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define FORMATTED 4 /* columns at the end that have formats */

static TupleDesc row_type = NULL;
static RowDecoder **decoders = NULL;

TupleDesc
fuzz_row_type(void)
{
	if (row_type == NULL)
	{
		Relation relation = table_openrv(makeRangeVar(NULL, "fuzz_row", -1), AccessShareLock);
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		row_type = CreateTupleDescCopy(RelationGetDescr(relation));
		MemoryContextSwitchTo(old);
		table_close(relation, NoLock);
	}
	return row_type;
}

/* One decoder for each column to begin at, since pointers share the way. */
static RowDecoder *
decoder_from(int first)
{
	TupleDesc type = fuzz_row_type();
	DecoderColumn *columns;
	MemoryContext old;

	if (decoders && decoders[first])
		return decoders[first];
	old = MemoryContextSwitchTo(TopMemoryContext);
	columns = palloc0(sizeof(DecoderColumn) * type->natts);
	if (decoders == NULL)
		decoders = palloc0(sizeof(RowDecoder *) * type->natts);
	for (int i = first; i < type->natts; i++)
	{
		static const ColumnFormat formats[FORMATTED] = { FORMAT_EPOCH, FORMAT_EPOCH_MS,
														 FORMAT_BASE64, FORMAT_EPOCH };
		int formatted = i - (type->natts - FORMATTED);
		const char *name = NameStr(TupleDescAttr(type, i)->attname);

		columns[i - first] = (DecoderColumn) { i + 1,
											   psprintf("/%s%s", i % 7 == 6 ? "d/" : "", name),
											   formatted < 0 ? FORMAT_NATIVE : formats[formatted] };
	}
	decoders[first] = dq_decoder_create(type, columns, type->natts - first);
	MemoryContextSwitchTo(old);
	return decoders[first];
}

void
fuzz_decode(const char *element, size_t len, int first_column, Datum *values, bool *isnull)
{
	dq_decoder_decode(decoder_from(first_column), element, len, NULL, 0, values, isnull);
}

/* What jsonb has for a text column, where it stands at the top of the row. */
static void
check_text(Jsonb *row, const char *name, const char *decoded)
{
	JsonbValue found;

	if (getKeyJsonValueFromContainer(&row->root, name, strlen(name), &found) == NULL)
		fuzz_check(decoded == NULL, "text that the row does not have");
	else if (found.type == jbvNull)
		fuzz_check(decoded == NULL, "text of a null");
	else if (found.type == jbvString)
		fuzz_check(decoded && strlen(decoded) == found.val.string.len &&
					   memcmp(decoded, found.val.string.val, found.val.string.len) == 0,
				   "another text");
}

void
fuzz_decoder(const uint8 *data, size_t size)
{
	TupleDesc type = fuzz_row_type();
	Datum *values = palloc0(sizeof(Datum) * type->natts);
	bool *isnull = palloc0(type->natts);
	const char *element = (const char *) data + 1;
	int first;
	Jsonb *row;

	if (size < 2)
		return;
	first = data[0] % type->natts;
	fuzz_decode(element, size - 1, first, values, isnull);
	/* A member may stand there twice; the last one counts for both. */
	row = DatumGetJsonbP(
		DirectFunctionCall1(jsonb_in, CStringGetDatum(pnstrdup(element, size - 1))));
	for (int i = first; i < type->natts; i++)
		if (TupleDescAttr(type, i)->atttypid == TEXTOID && i % 7 != 6 && JB_ROOT_IS_OBJECT(row))
			check_text(row, NameStr(TupleDescAttr(type, i)->attname),
					   isnull[i] ? NULL : TextDatumGetCString(values[i]));
}
