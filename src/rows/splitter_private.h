/*
 * splitter_private.h
 *	  State of a RowSplitter, shared by splitter.c (rows) and splitter_envelope.c (all around them).
 */
#ifndef DQ_SPLITTER_PRIVATE_H
#define DQ_SPLITTER_PRIVATE_H

#include "rows/json_scan.h"
#include "rows/name_set.h"
#include "rows/splitter.h"

typedef enum SplitterState
{
	AT_START,		  /* before the first value: white space, a byte order mark */
	AT_VALUE,		  /* a value must come */
	AT_FIRST_ELEMENT, /* behind "[": a value or "]" */
	AT_FIRST_MEMBER,  /* behind "{": a name or "}" */
	AT_MEMBER,		  /* behind ",": a name */
	AT_COLON,
	AFTER_VALUE,	   /* "," or the end of the container */
	IN_NAME,		   /* inside a string that is a member's name */
	IN_STRING,		   /* inside a string outside the rows */
	IN_BARE,		   /* inside a number or literal outside the rows */
	AT_FIRST_ROW,	   /* behind the "[" of the rows: an element or "]" */
	AT_FIRST_ROW_NAME, /* behind the "{" of rows that are members: a name or "}" */
	AT_ROW_NAME,	   /* behind ",": a name */
	IN_ROW_NAME,
	AT_ROW_COLON,
	AT_ROW,	   /* behind ",": an element */
	AFTER_ROW, /* "," or "]" */
	IN_ROW,	   /* inside an array or object that is an element */
	IN_ROW_STRING,
	IN_ROW_BARE,
	AT_END, /* only white space may follow */
	IS_DEAD /* after an error */
} SplitterState;

/* An array or object around the rows or beside them. */
typedef struct SplitterLevel
{
	bool is_object;
	int64 index; /* of the current element of an array */
} SplitterLevel;

typedef struct SplitterCapture
{
	const JsonPointer *pointer; /* NULL: never captured */
	int matched;				/* leading tokens that the current path agrees with */
	int depth;					/* open levels when it began; -1: not being captured */
	uint64 offset;				/* where it began in the answer */
	const char *from;			/* first byte in this chunk that is not in buffer yet */
	JsonSlice slice;			/* MISSING until complete */
	JsonKind kind;				/* of the one being captured */
	StringInfoData buffer;
} SplitterCapture;

/*
 * Lives, with all its buffers, in the context that was current at its creation.
 */
struct RowSplitter
{
	SplitterConfig config;
	SplitterState state;
	const char *chunk; /* the bytes fed last */
	const char *p;	   /* next byte to look at */
	const char *end;
	uint64 consumed; /* bytes of the answer before chunk */
	int bom_bytes;	 /* of a byte order mark seen */

	int depth; /* levels open outside the rows */
	SplitterLevel levels[DQ_JSON_MAX_DEPTH];
	int rows_matched; /* leading tokens of the rows' pointer that the path agrees with */
	bool rows_seen;	  /* begun, or null stands on the way to them */
	bool rows_ended;
	bool row_is_single;	 /* the element is an object in the array's stead */
	bool rows_in_object; /* the elements are an object's members */
	NameSet row_names;	 /* of which these were there */
	SplitterCapture *captures;

	/* The token (outside the rows) or element (inside) at hand. */
	const char *token;	   /* where it goes on in this chunk */
	uint64 token_offset;   /* where it began in the answer */
	StringInfoData buffer; /* its bytes of chunks before */
	bool is_escaped;	   /* in a string: the byte before was an escaping backslash */
	JsonKind kind;
	JsonExtent extent;
	StringInfoData name; /* scratch: a member's name with its escapes resolved */
	JsonError error;	 /* once dead */
};

/*
 * Both go on by a byte, a token or a state; SPLIT_NEED_MORE means that all went well so far.
 */
extern SplitResult dq_splitter_envelope_step(RowSplitter *splitter);
extern SplitResult dq_splitter_row_step(RowSplitter *splitter, JsonSlice *element);

/* The value at the rows' place begins at p. */
extern SplitResult dq_splitter_begin_rows(RowSplitter *splitter);

/* A value has ended before p, outside the rows or all of them. */
extern SplitResult dq_splitter_end_value(RowSplitter *splitter);

/* Checks a number or literal outside the rows; is_last: the answer ends with it. */
extern SplitResult dq_splitter_end_bare(RowSplitter *splitter, bool is_last);

/* Moves what captures have in this chunk to their buffers. */
extern SplitResult dq_splitter_keep_captures(RowSplitter *splitter);

/* Begins a token or element at p. */
extern void dq_splitter_begin_token(RowSplitter *splitter, SplitterState state, JsonKind kind);

/*
 * Moves p behind the string, or behind the number or literal, at hand; false: its end is not in
 * this chunk.
 */
extern bool dq_splitter_pass_string(RowSplitter *splitter);
extern bool dq_splitter_pass_bare(RowSplitter *splitter);

/*
 * The token or element that ended before p in one piece; its bytes are valid until the next one
 * begins.
 */
extern SplitResult dq_splitter_take_token(RowSplitter *splitter, JsonSlice *token);

extern SplitResult dq_splitter_fail(RowSplitter *splitter, JsonErrorCode code, uint64 offset,
									const char *format, ...) pg_attribute_printf(4, 5);

/* The byte at p is none that may stand there. */
extern SplitResult dq_splitter_fail_unexpected(RowSplitter *splitter, const char *expected);

static inline uint64
splitter_offset(const RowSplitter *splitter, const char *p)
{
	return splitter->consumed + (p - splitter->chunk);
}

#endif /* DQ_SPLITTER_PRIVATE_H */
