/*
 * key_index.h
 *	  Finds the rows of a stored answer by a column's value.
 */
#ifndef DQ_KEY_INDEX_H
#define DQ_KEY_INDEX_H

#include "request/scope.h"
#include "transport/spool.h"

typedef struct KeyIndex KeyIndex;
typedef struct KeyCursor KeyCursor;

/*
 * Reads a whole spool of rows and page marks (fetch_page.c) and notes where each value stands.
 * Lives in the current context.  May raise.  An index that would not fit into memory is made, but
 * finds nothing: dq_key_index_is_usable().
 */
extern KeyIndex *dq_key_index_create(Spool *spool, const ScopeTerm *term);
extern bool dq_key_index_is_usable(const KeyIndex *index);
extern bool dq_key_index_is_for(const KeyIndex *index, const ScopeTerm *term);

/* Different values, and rows that have one; both at least. */
extern void dq_key_index_counts(const KeyIndex *index, int64 *distinct, int64 *rows);

/*
 * The hashes of the values that a question asks for, in order, none twice; palloc'd.  NULL when
 * one of them has none: the whole answer has to be read.
 */
extern uint64 *dq_key_hashes(const ScopeTerm *term, int *nhashes);

/* Rows that may have one of these values, and all of which it is not known; hashes are borrowed. */
extern KeyCursor *dq_key_cursor(const KeyIndex *index, const uint64 *hashes, int nhashes);
extern bool dq_key_cursor_next(KeyCursor *cursor, SpoolPosition *position, int64 *number);

#endif /* DQ_KEY_INDEX_H */
