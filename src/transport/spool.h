/*
 * spool.h
 *	  A queue of byte records that spills to a temporary file past its memory share.
 *
 * One writer, any number of readers.  Without keep, records that every reader has passed are
 * forgotten; with keep they stay, so that a reader can rewind.  The temporary file belongs to the
 * resource owner that was current at creation (as in tuplestore.c), the memory to the context.
 */
#ifndef DQ_SPOOL_H
#define DQ_SPOOL_H

typedef struct Spool Spool;
typedef struct SpoolReader SpoolReader;

extern Spool *dq_spool_create(int64 memory_bytes);

/*
 * The same, its file belonging to the owner of another spool's: whoever drives the loop is not the
 * owner.
 */
extern Spool *dq_spool_create_beside(const Spool *other, int64 memory_bytes);

/* Appends one record; may raise (temp_file_limit, disk full). */
extern void dq_spool_append(Spool *spool, const char *bytes, size_t len);

/* A new reader at the first record; only before anything was forgotten. */
extern SpoolReader *dq_spool_reader(Spool *spool);

extern void dq_spool_reader_free(SpoolReader *reader);

/*
 * The next record, valid until the next call for this spool; false when the reader has caught up.
 */
extern bool dq_spool_next(SpoolReader *reader, const char **bytes, size_t *len);

/* Back to the first record; only while kept. */
extern void dq_spool_rewind(SpoolReader *reader);

/*
 * Stops keeping: what all readers have passed is forgotten from now on.  A spool keeps from its
 * creation on.
 */
extern void dq_spool_release(Spool *spool);
extern bool dq_spool_is_kept(const Spool *spool);

extern int64 dq_spool_bytes(const Spool *spool); /* held now, in memory and file */

/* Moves all of a spool that nothing more is appended to into its file; may raise. */
extern void dq_spool_spill(Spool *spool);

/* Where a record lies; valid as long as the spool is kept. */
typedef struct SpoolPosition
{
	struct SpoolBlock *block;
	uint32 offset;
} SpoolPosition;

/* Where the record lies that dq_spool_next() gave last. */
extern SpoolPosition dq_spool_position(const SpoolReader *reader);

/* The record at a position, valid until the next call for this spool. */
extern void dq_spool_read(SpoolReader *reader, SpoolPosition position, const char **bytes,
						  size_t *len);

/* Forgets all records; readers begin anew. */
extern void dq_spool_clear(Spool *spool);

extern void dq_spool_free(Spool *spool);

#endif /* DQ_SPOOL_H */
