/*
 * doc.h
 *	  A document as a tree: what an API description is read from, be it JSON or YAML.
 *
 * The tree is palloc'd in the context that was current while it was built, is not changed
 * afterwards, and is never walked recursively here: a document may be hostile.  Of duplicate
 * members the last counts, as in jsonb.
 *
 * Pure: nothing here raises but for lack of memory.
 */
#ifndef DQ_DOC_H
#define DQ_DOC_H

#include "base.h"

/* Deepest nesting of a document, and the most values that one may hold. */
#define DOC_MAX_DEPTH 512
#define DOC_MAX_NODES (8 * 1024 * 1024)

typedef enum DocKind
{
	DOC_NULL,
	DOC_FALSE,
	DOC_TRUE,
	DOC_NUMBER,
	DOC_STRING,
	DOC_ARRAY,
	DOC_OBJECT
} DocKind;

typedef struct DocNode
{
	DocKind kind;
	int count;				/* children */
	const char *key;		/* the member's name within an object, else NULL */
	const char *text;		/* of a string (UTF-8), or of a number as it was written */
	struct DocNode *next;	/* in the same container */
	struct DocNode *first;	/* child */
	struct DocNode **slots; /* hash table of the members of a large object, else NULL */
	uint32 nslots;			/* a power of two */
} DocNode;

#define dq_doc_each(child, container) \
	for (const DocNode *child = dq_doc_first(container); child; child = child->next)

/* The first child of an array or object; NULL for everything else, NULL included. */
extern const DocNode *dq_doc_first(const DocNode *container);

/* A member by name; NULL where there is none, or object is none (or NULL). */
extern const DocNode *dq_doc_member(const DocNode *object, const char *name);

/* The same, one kind only. */
extern const char *dq_doc_text(const DocNode *object, const char *name);
extern const DocNode *dq_doc_object(const DocNode *object, const char *name);
extern const DocNode *dq_doc_array(const DocNode *object, const char *name);
extern bool dq_doc_is_true(const DocNode *object, const char *name);

/* An integer that fits; false for everything else. */
extern bool dq_doc_integer(const DocNode *node, int64 *number);

/* The text of a scalar as a URL shows it ("true", "12", a string); NULL for containers and null. */
extern const char *dq_doc_scalar_text(const DocNode *node);

/* The value at a JSON Pointer that is percent-encoded, as in "$ref": "#/a~1b/c"; NULL: none. */
extern const DocNode *dq_doc_fragment(const DocNode *root, const char *fragment);

/*
 * Building: begin, end and scalar in document order; in an object scalars are names and values in
 * turns.  All return false once there was a problem (builder->problem, a phrase).
 */
typedef struct DocBuilder
{
	DocNode *root; /* set once the first value has begun */
	DocNode *open[DOC_MAX_DEPTH];
	DocNode *last[DOC_MAX_DEPTH]; /* child of each */
	int depth;					  /* containers open */
	int64 nnodes;
	const char *key; /* the name that waits for its value */
	DocNode *pool;
	int npool; /* nodes left in it */
	const char *problem;
} DocBuilder;

extern bool dq_doc_begin(DocBuilder *builder, DocKind kind);
extern bool dq_doc_end(DocBuilder *builder);

/* text must live as long as the tree, and end with a zero byte. */
extern bool dq_doc_scalar(DocBuilder *builder, DocKind kind, const char *text);

/* A value that stands elsewhere in the tree already, complete (an alias of YAML). */
extern bool dq_doc_repeat(DocBuilder *builder, const DocNode *node);

/* The value that was begun or added last. */
extern DocNode *dq_doc_latest(const DocBuilder *builder);

/*
 * doc_json.c: reads JSON (RFC 8259); text is changed and becomes part of the tree.  NULL with
 * *problem (a phrase, palloc'd).
 */
extern const DocNode *dq_doc_read_json(char *text, size_t len, char **problem);

#endif /* DQ_DOC_H */
