/*
 * spec_partition.c
 *	  The columns by whose values cached answers can be invalidated: cache_partition, and keys.
 *
 * Values are told apart by the text that a service is asked with, so that the column's type must
 * have one text for each value, and no other value may equal it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "spec/spec_private.h"
#include "utils/lsyscache.h"

static bool
has_one_text(const ColumnSpec *column)
{
	switch (column->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case UUIDOID:
			return true;
		case TEXTOID:
		case VARCHAROID:
			return get_collation_isdeterministic(column->collation);
		default:
			return false;
	}
}

static bool
can_be_asked(const ColumnSpec *column)
{
	return column->in_path || column->in_lookup_path ||
		(column->filters & (COND_BIT(COND_EQ) | COND_BIT(COND_IN))) != 0;
}

static const ColumnSpec *
find_column(const TableSpec *table, const char *name)
{
	for (int i = 0; i < table->natts; i++)
		if (!table->columns[i].is_dropped && strcmp(table->columns[i].name, name) == 0)
			return &table->columns[i];
	return NULL;
}

/* The partition's column; 0: none.  A server's setting does not mean tables without such a column. */
static AttrNumber
partition_column(const TableSpec *table, const OptionValues *values)
{
	const char *name = dq_spec_option(values, OPT_CACHE_PARTITION);
	const ColumnSpec *column = name ? find_column(table, name) : NULL;

	if (name == NULL || (column == NULL && values->table[OPT_CACHE_PARTITION] == NULL))
		return 0;
	if (column == NULL)
		dq_spec_contradiction(table,
							  psprintf("option \"cache_partition\" names column \"%s\", which does not exist",
									   name),
							  NULL);
	if (!has_one_text(column) || !can_be_asked(column))
		dq_spec_contradiction(table,
							  psprintf("option \"cache_partition\" cannot be column \"%s\"", name),
							  "It needs a column of integers, text or uuid that the service can be asked for by \"=\".");
	return column->attnum;
}

void
dq_spec_build_partition(TableSpec *table, const OptionValues *values)
{
	table->cache_columns[0] = partition_column(table, values);
	table->ncache_columns = 1;
	for (int i = 0; i < table->natts && table->ncache_columns < MAX_CACHE_COLUMNS; i++)
	{
		const ColumnSpec *column = &table->columns[i];

		if (!column->is_dropped && column->is_key && column->attnum != table->cache_columns[0] &&
			has_one_text(column) && can_be_asked(column))
			table->cache_columns[table->ncache_columns++] = column->attnum;
	}
}
