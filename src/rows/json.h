/*
 * json.h
 *	  JSON values as byte ranges of the text they came in (RFC 8259), and JSON Pointers (RFC 6901).
 *
 * Pure room: no network, no backend services but palloc; nothing here raises.
 */
#ifndef DQ_JSON_H
#define DQ_JSON_H

#include "lib/stringinfo.h"

/* Deepest nesting accepted of a service's answer; deeper is JSONERR_TOO_DEEP. */
#define DQ_JSON_MAX_DEPTH 512

typedef enum JsonKind
{
	JSONK_MISSING = 0, /* the pointer led nowhere */
	JSONK_NULL,
	JSONK_FALSE,
	JSONK_TRUE,
	JSONK_NUMBER,
	JSONK_STRING,
	JSONK_ARRAY,
	JSONK_OBJECT
} JsonKind;

/* A value inside a text that somebody else owns; strings include their quotes. */
typedef struct JsonSlice
{
	const char *start; /* first byte of the value */
	size_t len;		   /* bytes */
	JsonKind kind;
	bool has_escapes; /* a string with at least one backslash */
} JsonSlice;

typedef enum JsonErrorCode
{
	JSONERR_NONE = 0,
	JSONERR_SYNTAX,		  /* not RFC 8259: a stray byte, NaN, a leading zero, a missing comma */
	JSONERR_UTF8,		  /* ill-formed UTF-8 (overlong, surrogate, beyond U+10FFFF, cut off) */
	JSONERR_ESCAPE,		  /* unknown escape, or a lone surrogate */
	JSONERR_CONTROL,	  /* a raw control character in a string */
	JSONERR_TOO_DEEP,	  /* nested deeper than DQ_JSON_MAX_DEPTH */
	JSONERR_TOO_LARGE,	  /* one element is larger than the splitter's bound */
	JSONERR_CUT_OFF,	  /* the text ended inside a value */
	JSONERR_TRAILING,	  /* something after the end of the answer */
	JSONERR_ROWS_MISSING, /* the member that should hold the rows is not there */
	JSONERR_ROWS_KIND,	  /* what stands at the rows' place is no array, object or null */
	JSONERR_NOT_CONTAINER /* a pointer goes through a value that has no members */
} JsonErrorCode;

typedef struct JsonError
{
	JsonErrorCode code;
	uint64 offset;	   /* bytes from the start of the text scanned (of the whole answer, in a
								 * splitter) */
	char message[160]; /* one lower-case phrase, e.g. "unexpected character \"N\"" */
} JsonError;

/* A compiled JSON Pointer: unescaped reference tokens.  Palloc'd, one chunk per token. */
typedef struct JsonPointer
{
	int ntokens; /* 0: the whole document */
	char **tokens;
	int *token_lens; /* bytes; tokens may hold any byte but NUL */
	int *indexes;	 /* array index a token denotes, -1 where it is no index */
} JsonPointer;

/*
 * Compiles a pointer, e.g. "/shipping/city".  Returns NULL and sets *problem to a static phrase
 * when the text is no RFC 6901 pointer.  The result is palloc'd in the current context.
 */
extern JsonPointer *dq_json_pointer_compile(const char *text, const char **problem);

/*
 * A set of pointers located in one pass.  Made once, used for each element.  A plan is owned by the
 * context that is current at creation.
 */
typedef struct JsonLocator JsonLocator;

extern JsonLocator *dq_json_locator_create(const JsonPointer *const *pointers, int npointers);

/*
 * Validates the whole text as one JSON value (UTF-8, grammar, depth, no trailing bytes but white
 * space) and fills found[i] with the value at pointer i, JSONK_MISSING where there is none.  Of
 * duplicate members the last counts, as in jsonb.  A pointer that steps into a scalar (not null)
 * yields JSONERR_NOT_CONTAINER with *culprit = that pointer's number; into null or a missing
 * member: JSONK_MISSING.  Allocates nothing per call in the common case.  Returns false with
 * *error filled.
 */
extern bool dq_json_locate(JsonLocator *locator, const char *text, size_t len, JsonSlice *found,
						   int *culprit, JsonError *error);

/*
 * Appends the text of a JSON string (quotes included in the slice), escapes resolved, to out.
 * \u0000 is JSONERR_ESCAPE, because PostgreSQL's text cannot hold it.
 */
extern bool dq_json_string_append(StringInfo out, const JsonSlice *string, JsonError *error);

/*
 * Walks the members of an array or object of valid JSON: iterate until false.  key is
 * JSONK_MISSING in an array, else the member's name with quotes.
 */
typedef struct JsonIterator
{
	const char *next;
	const char *end;
	bool is_object;
} JsonIterator;

extern void dq_json_iterate(JsonIterator *iterator, const JsonSlice *container);
extern bool dq_json_iterator_next(JsonIterator *iterator, JsonSlice *key, JsonSlice *value);

/* The kind's name for messages: "object", "string", ... */
extern const char *dq_json_kind_name(JsonKind kind);

#endif /* DQ_JSON_H */
