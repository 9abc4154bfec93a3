/*
 * freshness.c
 *	  How old the rows are that this session has read last of a table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fetch/freshness.h"
#include "utils/hsearch.h"

/* Tables that are remembered; more of them make all be forgotten. */
#define MAX_TABLES 1000

typedef struct TableFreshness
{
	Oid table; /* key */
	TimestampTz statement;
	TimestampTz asked_at;
} TableFreshness;

static HTAB *tables = NULL;

void
dq_freshness_note(Oid table, TimestampTz asked_at)
{
	TimestampTz statement = GetCurrentStatementStartTimestamp();
	TableFreshness *entry;
	bool found;

	if (asked_at == 0)
		return;
	if (tables && hash_get_num_entries(tables) >= MAX_TABLES)
	{
		hash_destroy(tables);
		tables = NULL;
	}
	if (tables == NULL)
	{
		HASHCTL control = { .keysize = sizeof(Oid), .entrysize = sizeof(TableFreshness) };

		tables = hash_create("distquery freshness", 32, &control, HASH_ELEM | HASH_BLOBS);
	}
	entry = hash_search(tables, &table, HASH_ENTER, &found);
	if (!found || entry->statement != statement || asked_at < entry->asked_at)
		entry->asked_at = asked_at;
	entry->statement = statement;
}

bool
dq_freshness(Oid table, TimestampTz *asked_at)
{
	const TableFreshness *entry = tables ? hash_search(tables, &table, HASH_FIND, NULL) : NULL;

	if (entry)
		*asked_at = entry->asked_at;
	return entry != NULL;
}
