/*
 * shared_table.h
 *	  Entries of one size, found by database and object, in a block of memory that does not grow.
 *
 * Built on plain memory, so that it is the same in shared memory and in a backend's own.  It takes
 * no lock and never raises: who calls holds the lock of the area (shared_state.h), exclusively but
 * for dq_shared_table_find() and dq_shared_table_next().
 *
 * When all places are taken, the entry that was not used for longest makes room, unless it is
 * pinned: what others still count on (a slot that is held) is never dropped.
 */
#ifndef DQ_SHARED_TABLE_H
#define DQ_SHARED_TABLE_H

typedef struct SharedTable SharedTable;

typedef struct SharedKey
{
	Oid database;
	Oid object; /* a server's or a foreign table's */
} SharedKey;

/* Bytes that a table of so many entries takes. */
extern Size dq_shared_table_size(Size entry_size, int max_entries);

/* Makes an empty table of a block of that many bytes. */
extern void dq_shared_table_init(SharedTable *table, Size entry_size, int max_entries);

/* The entry, or NULL.  Counts as a use. */
extern void *dq_shared_table_find(SharedTable *table, SharedKey key);

/*
 * The entry, made of zero bytes when there is none; NULL when there is no room and all others are
 * pinned.  Another entry may be dropped.
 */
extern void *dq_shared_table_enter(SharedTable *table, SharedKey key, bool *found);

/* Drops an entry, unless it is pinned; false when it is or there is none. */
extern bool dq_shared_table_remove(SharedTable *table, SharedKey key);

/* Drops all entries of a database that are not pinned. */
extern void dq_shared_table_remove_database(SharedTable *table, Oid database);

/* Keeps an entry from being dropped until it is unpinned as many times. */
extern void dq_shared_table_pin(void *entry);
extern void dq_shared_table_unpin(void *entry);

/* All entries, in no order: *position begins at 0; NULL at the end.  No use. */
extern void *dq_shared_table_next(SharedTable *table, int *position, SharedKey *key);

extern int dq_shared_table_count(const SharedTable *table);
extern int dq_shared_table_room(const SharedTable *table);

/* Entries that made room for others so far. */
extern int64 dq_shared_table_evicted(const SharedTable *table);

#endif /* DQ_SHARED_TABLE_H */
