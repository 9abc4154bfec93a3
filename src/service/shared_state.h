/*
 * shared_state.h
 *	  Memory that all backends share, where there is some: areas, each with a lock of its own.
 *
 * Whoever needs an area defines it in _PG_init: a table of entries of one size (shared_table.h), or
 * a block of bytes.  Where its memory is depends on how the server was started:
 *
 *	distquery in shared_preload_libraries	the server's shared memory
 *	PostgreSQL 17 and later without			a segment of the DSM registry
 *	PostgreSQL 14 to 16 without				this backend's own memory
 *
 * The code that uses an area is the same in all cases; dq_shared_scope() tells them apart.  Memory
 * begins as zero bytes, and is empty again after a crash of any backend.
 */
#ifndef DQ_SHARED_STATE_H
#define DQ_SHARED_STATE_H

#include "storage/lwlock.h"
#include "service/shared_table.h"

typedef struct SharedArea SharedArea;

typedef enum SharedScope
{
	SHARED_BY_ALL, /* backends of this server */
	SHARED_BY_NONE /* each backend has its own */
} SharedScope;

/*
 * Defines a table; in _PG_init only.  name: of the lock in pg_stat_activity and of the area in
 * distquery.shared_memory, a constant; max_entries is read when memory is asked for; classid: the
 * catalog of the objects that entries are of, which are forgotten when the object is dropped.
 */
extern SharedArea *dq_shared_define_table(const char *name, Oid classid, Size entry_size,
										  const int *max_entries);

/* Defines a block whose size is asked when memory is. */
extern SharedArea *dq_shared_define_block(const char *name, Size (*size)(void));

/*
 * Defines a setting of how large an area is.  It can be set only where distquery is preloaded, and
 * at start; elsewhere the default holds.  In _PG_init, before memory is asked for.
 */
extern void dq_shared_define_setting(const char *name, const char *description, int *value,
									 int default_value, int min, int max);

/* The end of _PG_init: asks for memory when the server starts. */
extern void dq_shared_init(void);

/* Finds the memory; may raise.  To be called before the others in a backend, any number of times. */
extern void dq_shared_attach(void);

extern SharedScope dq_shared_scope(void);

/*
 * Locks an area and gives its memory: a SharedTable, or the block.  Nothing that can raise or wait
 * may happen until dq_shared_unlock().  An error before it would release the lock all the same.
 */
extern void *dq_shared_lock(SharedArea *area, LWLockMode mode);
extern void dq_shared_unlock(SharedArea *area);

/* The memory of an area that another area's lock guards. */
extern void *dq_shared_unlocked(const SharedArea *area);

/* Areas in the order of definition, for the view: NULL behind the last. */
extern SharedArea *dq_shared_area(int i);
extern const char *dq_shared_area_name(const SharedArea *area);
extern Size dq_shared_area_bytes(const SharedArea *area);
extern bool dq_shared_area_is_table(const SharedArea *area);
extern Oid dq_shared_area_class(const SharedArea *area);

/* shared_forget.c; once, from dq_shared_init(). */
extern void dq_shared_forget_init(void);

#endif /* DQ_SHARED_STATE_H */
