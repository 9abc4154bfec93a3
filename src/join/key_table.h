/*
 * key_table.h
 *	  The keys of a lookup join and the inner rows that were found for them.
 *
 * A key is entered once, however many outer rows have it, and lives while outer rows wait for it;
 * after that it stays while there is room, so that a later outer row need not ask again.
 */
#ifndef DQ_KEY_TABLE_H
#define DQ_KEY_TABLE_H

#include "access/htup.h"
#include "fmgr.h"
#include "lib/ilist.h"

typedef struct KeyTable KeyTable;
typedef struct InnerRow InnerRow;

/* How one column of the key is compared; functions of the join clause's operator. */
typedef struct KeyColumnOps
{
	Oid outer_type;
	int16 len; /* of outer_type */
	bool byval;
	Oid collation;
	FmgrInfo outer_hash;
	FmgrInfo inner_hash;
	FmgrInfo outer_equal; /* outer value, outer value */
	FmgrInfo inner_equal; /* outer value, inner value */
} KeyColumnOps;

typedef struct KeyEntry
{
	dlist_node idle_node; /* while no outer row waits and the answer is there */
	bool is_idle;		  /* in the list of those that may be dropped */
	uint32 hash;
	int waiting; /* outer rows that wait for it or are being joined */
	void *batch; /* that asks for it, while it is on the wire */
	int group;	 /* of the batch's questions, those that ask for it */
	bool is_answered;
	int64 rows;		 /* inner rows kept */
	bool is_found;	 /* the service has sent a row of this key */
	Size bytes;		 /* of the entry */
	Size row_bytes;	 /* of its rows in memory */
	InnerRow *first; /* rows in memory */
	int last_fileno; /* rows in the file, last first; -1: none */
	off_t last_offset;
	Datum values[FLEXIBLE_ARRAY_MEMBER];
} KeyEntry;

/* Reads the rows of one entry. */
typedef struct KeyRowCursor
{
	InnerRow *next;
	int fileno;
	off_t offset;
} KeyRowCursor;

/* In a context of its own below the current one; limits in bytes, of rows and of entries in memory. */
extern KeyTable *dq_key_table_create(const KeyColumnOps *ops, int ncolumns, int64 row_limit,
									 int64 entry_limit);

/* The entry of an outer key, made if need be (*is_new); the caller counts itself in waiting. */
extern KeyEntry *dq_key_table_enter(KeyTable *table, const Datum *outer_values, bool *is_new);

/* The entry of an inner row's key, NULL if nobody asked for it. */
extern KeyEntry *dq_key_table_find(KeyTable *table, const Datum *inner_values);

/* Keeps a copy of an inner row. */
extern void dq_key_table_add(KeyTable *table, KeyEntry *entry, MinimalTuple row);

/* The answer is there, or an outer row is done: an entry that nobody waits for may be dropped later. */
extern void dq_key_table_settle(KeyTable *table, KeyEntry *entry);

/* Takes an entry out, whoever waits. */
extern void dq_key_table_remove(KeyTable *table, KeyEntry *entry);

extern void dq_key_table_cursor_open(KeyRowCursor *cursor, const KeyEntry *entry);

/* NULL at the end; valid until the next call on the table. */
extern MinimalTuple dq_key_table_cursor_next(KeyTable *table, KeyRowCursor *cursor);

/* True when some rows had to go to the temporary file. */
extern bool dq_key_table_has_spilled(const KeyTable *table);

/* Closes the file and frees all memory. */
extern void dq_key_table_free(KeyTable *table);

#endif /* DQ_KEY_TABLE_H */
