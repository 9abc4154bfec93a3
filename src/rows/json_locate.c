/*
 * json_locate.c
 *	  Validates one JSON text and finds the values at a set of pointers, in one pass.
 *
 * The pointers form a trie of their reference tokens.  The scan carries along the trie node of the
 * value it is at, or
 * NULL where no pointer leads; there it only validates.  Members mostly come in the same order in
 * every element, so each node remembers which child followed last time and tries that one first;
 * else the name is looked up in the node's buckets.
 *
 * Nothing is reset between texts: a node's state counts only where its generation is that of the
 * locator.
 */
#include "base.h"

#include "rows/json_scan.h"

#define N_BUCKETS 64

typedef struct TrieNode TrieNode;

struct TrieNode
{
	const char *token; /* name in the parent; borrowed from the pointer */
	int token_len;
	int index;	 /* the token as an array index, or -1 */
	int pointer; /* first pointer that ends here, or -1 */
	TrieNode *parent;
	TrieNode *first_child;
	TrieNode *next_sibling;
	TrieNode *next_in_bucket;
	TrieNode **buckets;	   /* N_BUCKETS of children; NULL without children */
	TrieNode *latest;	   /* child that came last */
	TrieNode *follower;	   /* sibling that came after this one the last time, or NULL */
	bool has_names;		   /* a child's token is no array index */
	const char *opaque_at; /* in this text: a value without the members asked for, or NULL */
	uint64 generation;	   /* of the text it was seen in last */
};

struct JsonLocator
{
	TrieNode root;
	int npointers;
	int *next_same; /* by pointer: the next one with the same tokens, or -1 */
	uint64 generation;
	bool has_opaque;	 /* some node became opaque in this text */
	StringInfoData name; /* scratch: a member's name with its escapes resolved */
};

/* An open array or object. */
typedef struct Frame
{
	TrieNode *node; /* NULL: nothing below is wanted */
	int index;		/* of the current element of an array */
	char closer;
} Frame;

typedef struct Locating
{
	JsonScan scan;
	JsonLocator *locator;
	JsonSlice *found;
	int depth;
	Frame frames[DQ_JSON_MAX_DEPTH];
} Locating;

static void add_pointer(JsonLocator *locator, const JsonPointer *pointer, int number);
static TrieNode *add_child(TrieNode *parent, const JsonPointer *pointer, int level);
static const char *locate_value(Locating *locating, const char *p);
static const char *after_value(Locating *locating, const char *p, TrieNode **node, bool *is_done);
static bool report_opaque(Locating *locating, int *culprit);

JsonLocator *
dq_json_locator_create(const JsonPointer *const *pointers, int npointers)
{
	JsonLocator *locator = palloc0(sizeof(JsonLocator));

	locator->npointers = npointers;
	locator->next_same = palloc(sizeof(int) * (npointers + 1));
	locator->root.pointer = -1;
	initStringInfo(&locator->name);

	/* From the last on, so that the list of equal ones is in order. */
	for (int i = npointers - 1; i >= 0; i--)
		add_pointer(locator, pointers[i], i);
	return locator;
}

/* Names whose length, first and last byte agree share a bucket; escapes are resolved before. */
static inline uint32
bucket_of(const char *name, size_t len)
{
	if (len == 0)
		return 0;
	return ((unsigned char) name[0] * 5 + (unsigned char) name[len - 1] * 3 + (uint32) len) %
		N_BUCKETS;
}

static void
add_pointer(JsonLocator *locator, const JsonPointer *pointer, int number)
{
	TrieNode *node = &locator->root;

	for (int level = 0; level < pointer->ntokens; level++)
	{
		TrieNode *child = node->first_child;

		while (child &&
			   (child->token_len != pointer->token_lens[level] ||
				memcmp(child->token, pointer->tokens[level], child->token_len) != 0))
			child = child->next_sibling;
		node = child ? child : add_child(node, pointer, level);
	}
	locator->next_same[number] = node->pointer;
	node->pointer = number;
}

static TrieNode *
add_child(TrieNode *parent, const JsonPointer *pointer, int level)
{
	TrieNode *child = palloc0(sizeof(TrieNode));
	TrieNode **bucket;

	child->token = pointer->tokens[level];
	child->token_len = pointer->token_lens[level];
	child->index = pointer->indexes[level];
	child->pointer = -1;
	child->parent = parent;
	child->next_sibling = parent->first_child;
	parent->first_child = child;
	if (child->index < 0)
		parent->has_names = true;
	if (parent->buckets == NULL)
		parent->buckets = palloc0(sizeof(TrieNode *) * N_BUCKETS);
	bucket = &parent->buckets[bucket_of(child->token, child->token_len)];
	child->next_in_bucket = *bucket;
	*bucket = child;
	return child;
}

bool
dq_json_locate(JsonLocator *locator, const char *json, size_t len, JsonSlice *found, int *culprit,
			   JsonError *error)
{
	Locating locating; /* frames are filled as they are needed */
	const char *p;

	locating.scan.base = json;
	locating.scan.end = json + len;
	locating.scan.error = error;
	locating.locator = locator;
	locating.found = found;
	locating.depth = 0;
	*culprit = -1;
	if (locator->npointers > 0)
		memset(found, 0, sizeof(JsonSlice) * locator->npointers);
	locator->generation++;
	locator->has_opaque = false;

	p = locate_value(&locating, json_skip_space(json, json + len));
	if (p == NULL)
		return false;
	p = json_skip_space(p, json + len);
	if (p < json + len)
	{
		dq_json_fail(&locating.scan, JSONERR_TRAILING, p, "something follows the end of the value");
		return false;
	}
	return !locator->has_opaque || report_opaque(&locating, culprit);
}

/* Forgets what a node's subtree found: a later member of the same name counts. */
static void
forget_subtree(Locating *locating, TrieNode *node)
{
	JsonLocator *locator = locating->locator;
	TrieNode *at = node;

	for (;;)
	{
		at->opaque_at = NULL;
		for (int i = at->pointer; i >= 0; i = locator->next_same[i])
			memset(&locating->found[i], 0, sizeof(JsonSlice));
		if (at->first_child)
			at = at->first_child;
		else
		{
			while (at != node && at->next_sibling == NULL)
				at = at->parent;
			if (at == node)
				return;
			at = at->next_sibling;
		}
	}
}

/* Notes that the value at p, of the given kind, is a node's; its length follows. */
static inline void
visit_node(Locating *locating, TrieNode *node, const char *p, JsonKind kind)
{
	JsonLocator *locator = locating->locator;

	if (node->generation == locator->generation)
		forget_subtree(locating, node);
	node->generation = locator->generation;
	if (node->first_child && kind != JSONK_OBJECT && kind != JSONK_NULL &&
		!(kind == JSONK_ARRAY && !node->has_names))
	{
		node->opaque_at = p;
		locator->has_opaque = true;
	}
	else
		node->opaque_at = NULL;
	for (int i = node->pointer; i >= 0; i = locator->next_same[i])
	{
		locating->found[i].start = p;
		locating->found[i].kind = kind;
	}
}

static inline void
end_node(Locating *locating, const TrieNode *node, const char *end, bool has_escapes)
{
	for (int i = node->pointer; i >= 0; i = locating->locator->next_same[i])
	{
		locating->found[i].len = end - locating->found[i].start;
		locating->found[i].has_escapes = has_escapes;
	}
}

static TrieNode *
find_member(TrieNode *node, const char *name, size_t len)
{
	TrieNode *child = node->latest ? node->latest->follower : NULL;

	if (child == NULL || child->token_len != len || memcmp(child->token, name, len) != 0)
	{
		if (node->buckets == NULL)
			return NULL;
		child = node->buckets[bucket_of(name, len)];
		while (child && (child->token_len != len || memcmp(child->token, name, len) != 0))
			child = child->next_in_bucket;
		if (child == NULL)
			return NULL;
		if (node->latest)
			node->latest->follower = child;
	}
	node->latest = child;
	return child;
}

static TrieNode *
find_element(const TrieNode *node, int index)
{
	TrieNode *child = node->first_child;

	while (child && child->index != index)
		child = child->next_sibling;
	return child;
}

/* The name is at hand as it was sent, quotes included. */
static TrieNode *
find_escaped_member(Locating *locating, TrieNode *node, const char *start, size_t len)
{
	StringInfo name = &locating->locator->name;
	JsonSlice slice = { start, len, JSONK_STRING, true };
	JsonError ignored;

	resetStringInfo(name);
	if (!dq_json_string_append(name, &slice, &ignored))
		return NULL; /* \u0000: no pointer holds it */
	return find_member(node, name->data, name->len);
}

/* Passes a member's name and colon; *child becomes the node of its value. */
static inline const char *
scan_member_name(Locating *locating, const char *p, TrieNode *node, TrieNode **child)
{
	const JsonScan *scan = &locating->scan;
	const char *start = p;
	bool has_escapes = false;

	*child = NULL;
	if (p == scan->end || *p != '"')
		return dq_json_fail_unexpected(scan, p, "a member's name");
	p = json_skip_plain(p + 1, scan->end);
	if (p < scan->end && *p == '"')
		p++;
	else if ((p = dq_json_scan_string(scan, p, &has_escapes)) == NULL)
		return NULL;
	if (node)
	{
		*child = has_escapes ? find_escaped_member(locating, node, start, p - start) :
							   find_member(node, start + 1, p - start - 2);
	}
	p = json_skip_space(p, scan->end);
	if (p == scan->end || *p != ':')
		return dq_json_fail_unexpected(scan, p, "\":\"");
	return json_skip_space(p + 1, scan->end);
}

/*
 * Opens the array or object at p.  *is_empty: it was closed at once and p stands behind it, else
 * at the first value inside, which belongs to *node.
 */
static const char *
open_container(Locating *locating, const char *p, TrieNode **node, bool *is_empty)
{
	const JsonScan *scan = &locating->scan;
	Frame *frame;
	bool is_object = *p == '{';

	if (locating->depth == DQ_JSON_MAX_DEPTH)
		return dq_json_fail(scan, JSONERR_TOO_DEEP, p, "nested deeper than %d levels",
							DQ_JSON_MAX_DEPTH);
	if (*node)
		visit_node(locating, *node, p, is_object ? JSONK_OBJECT : JSONK_ARRAY);
	p = json_skip_space(p + 1, scan->end);
	*is_empty = p < scan->end && *p == (is_object ? '}' : ']');
	if (*is_empty)
	{
		if (*node)
			end_node(locating, *node, p + 1, false);
		return p + 1;
	}
	frame = &locating->frames[locating->depth++];
	frame->closer = is_object ? '}' : ']';
	frame->index = 0;
	frame->node = *node;
	if (frame->closer == '}')
		return scan_member_name(locating, p, frame->node, node);
	*node = frame->node ? find_element(frame->node, 0) : NULL;
	return p;
}

/* Passes one value with all that it holds. */
static const char *
locate_value(Locating *locating, const char *p)
{
	const JsonScan *scan = &locating->scan;
	TrieNode *node = &locating->locator->root;
	bool is_done = false;

	while (p && !is_done)
	{
		const char *start = p;
		JsonKind kind;
		bool has_escapes = false;
		JsonClass class = p < scan->end ? json_class(*p) : JSONC_OTHER;

		switch (class)
		{
			case JSONC_QUOTE:
				kind = JSONK_STRING;
				p = json_skip_plain(p + 1, scan->end);
				if (p < scan->end && *p == '"')
					p++;
				else
					p = dq_json_scan_string(scan, p, &has_escapes);
				break;
			case JSONC_NUMBER:
				kind = JSONK_NUMBER;
				p = dq_json_scan_number(scan, p);
				break;
			case JSONC_NULL:
			case JSONC_FALSE:
			case JSONC_TRUE:
				kind = class == JSONC_NULL ? JSONK_NULL :
					class == JSONC_TRUE	   ? JSONK_TRUE :
											 JSONK_FALSE;
				p = dq_json_scan_literal(scan, p);
				break;
			case JSONC_ARRAY:
			case JSONC_OBJECT:
			{
				bool is_empty = false;

				p = open_container(locating, p, &node, &is_empty);
				if (p && is_empty)
					p = after_value(locating, p, &node, &is_done);
				continue;
			}
			default:
				return dq_json_fail_unexpected(scan, p, "a value");
		}
		if (p == NULL)
			return NULL;
		if (node)
		{
			visit_node(locating, node, start, kind);
			end_node(locating, node, p, has_escapes);
		}
		p = after_value(locating, p, &node, &is_done);
	}
	return p;
}

/*
 * Goes on behind a value: closes what ends here, up to the next value, which belongs to *node, or
 * to the end of the outermost value.
 */
static const char *
after_value(Locating *locating, const char *p, TrieNode **node, bool *is_done)
{
	const JsonScan *scan = &locating->scan;

	while (locating->depth > 0)
	{
		Frame *frame = &locating->frames[locating->depth - 1];

		p = json_skip_space(p, scan->end);
		if (p < scan->end && *p == ',')
		{
			p = json_skip_space(p + 1, scan->end);
			if (frame->closer == '}')
				return scan_member_name(locating, p, frame->node, node);
			frame->index++;
			*node = frame->node ? find_element(frame->node, frame->index) : NULL;
			return p;
		}
		if (p == scan->end || *p != frame->closer)
			return dq_json_fail_unexpected(scan, p,
										   frame->closer == '}' ? "\",\" or \"}\"" :
																  "\",\" or \"]\"");
		p++;
		if (frame->node)
			end_node(locating, frame->node, p, false);
		locating->depth--;
	}
	*is_done = true;
	return p;
}

/*
 * Finds a node that is still opaque at the end, and the first pointer below it; true when there is
 * none.
 */
static bool
report_opaque(Locating *locating, int *culprit)
{
	TrieNode *node = &locating->locator->root;

	while (node && !(node->opaque_at && node->generation == locating->locator->generation))
	{
		if (node->first_child)
		{
			node = node->first_child;
			continue;
		}
		while (node && node->next_sibling == NULL)
			node = node->parent;
		if (node)
			node = node->next_sibling;
	}
	if (node == NULL)
		return true;
	for (TrieNode *below = node->first_child; below; below = below->first_child)
		*culprit = below->pointer >= 0 ? below->pointer : *culprit;
	dq_json_fail(&locating->scan, JSONERR_NOT_CONTAINER, node->opaque_at,
				 "a member is asked of a value that has no members");
	return false;
}
