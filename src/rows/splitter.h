/*
 * splitter.h
 *	  Finds one row after the other in an answer that is still arriving.
 *
 * Feed bytes as they come; next() hands out elements of the array at the rows' place as byte
 * ranges. Members outside the rows (a cursor, a total) are captured whether they stand before or
 * after. Memory held: one element, one chunk and the captures.  Everything outside the elements is
 * validated here (grammar, UTF-8, depth); inside an element only its extent is found,
 * dq_json_locate() validates it.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_SPLITTER_H
#define DQ_SPLITTER_H

#include "rows/json.h"

typedef struct RowSplitter RowSplitter;

typedef struct SplitterConfig
{
	const JsonPointer *rows; /* where the rows stand; an object there is one row, null none */
	const JsonPointer *const *captures; /* other members wanted, may be NULL entries */
	int ncaptures;
	size_t max_element_bytes; /* larger elements end with JSONERR_TOO_LARGE; at most 1 GB - 1 MB */
	size_t max_capture_bytes; /* larger captured values likewise; not more than an element */
	bool rows_are_members;	  /* an object at the rows' place holds a row in each member */
	int nullable_from; /* null in place of so many of rows' tokens, or more, is no rows; 0: an error */
} SplitterConfig;

typedef enum SplitResult
{
	SPLIT_NEED_MORE, /* feed more bytes, or finish */
	SPLIT_ELEMENT,	 /* *element is valid until the next call on this splitter */
	SPLIT_ERROR		 /* *error says what is wrong; the splitter is dead */
} SplitResult;

/*
 * Created in the current memory context, which must outlive it; config is copied, its pointers
 * borrowed.
 */
extern RowSplitter *dq_splitter_create(const SplitterConfig *config);

/*
 * Hands the next bytes over, once next() answered SPLIT_NEED_MORE to the ones before.  They are
 * borrowed until it does so again; what a chunk ends inside of is copied.
 */
extern void dq_splitter_feed(RowSplitter *splitter, const char *bytes, size_t len);

extern SplitResult dq_splitter_next(RowSplitter *splitter, JsonSlice *element, JsonError *error);

/*
 * Says that no more bytes come (call when next() answered SPLIT_NEED_MORE).  False when the answer
 * is cut off, the rows were missing, or nothing came at all.
 */
extern bool dq_splitter_finish(RowSplitter *splitter, JsonError *error);

/* True once the array of rows has been closed (or the single object or null has been seen). */
extern bool dq_splitter_rows_ended(const RowSplitter *splitter);

/* The captured member i so far (JSONK_MISSING until seen); owned by the splitter. */
extern const JsonSlice *dq_splitter_capture(const RowSplitter *splitter, int i);

extern void dq_splitter_free(RowSplitter *splitter);

#endif /* DQ_SPLITTER_H */
