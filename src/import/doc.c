/*
 * doc.c
 *	  Building and reading the tree of a document.
 */
#include "base.h"

#include <errno.h>

#include "common/hashfn.h"
#include "import/doc.h"

/* Objects with more members get a hash table. */
#define SMALL_OBJECT 8

#define POOL_NODES 512

const DocNode *
dq_doc_first(const DocNode *container)
{
	return container && (container->kind == DOC_ARRAY || container->kind == DOC_OBJECT) ?
		container->first :
		NULL;
}

static uint32
hash_name(const char *name)
{
	return hash_bytes((const unsigned char *) name, (int) strlen(name));
}

const DocNode *
dq_doc_member(const DocNode *object, const char *name)
{
	if (object == NULL || object->kind != DOC_OBJECT)
		return NULL;
	if (object->slots)
	{
		uint32 mask = object->nslots - 1;

		for (uint32 slot = hash_name(name) & mask; object->slots[slot]; slot = (slot + 1) & mask)
			if (strcmp(object->slots[slot]->key, name) == 0)
				return object->slots[slot];
		return NULL;
	}
	dq_doc_each(child, object) if (strcmp(child->key, name) == 0) return child;
	return NULL;
}

static const DocNode *
member_of_kind(const DocNode *object, const char *name, DocKind kind)
{
	const DocNode *member = dq_doc_member(object, name);

	return member && member->kind == kind ? member : NULL;
}

const char *
dq_doc_text(const DocNode *object, const char *name)
{
	const DocNode *member = member_of_kind(object, name, DOC_STRING);

	return member ? member->text : NULL;
}

const DocNode *
dq_doc_object(const DocNode *object, const char *name)
{
	return member_of_kind(object, name, DOC_OBJECT);
}

const DocNode *
dq_doc_array(const DocNode *object, const char *name)
{
	return member_of_kind(object, name, DOC_ARRAY);
}

bool
dq_doc_is_true(const DocNode *object, const char *name)
{
	return member_of_kind(object, name, DOC_TRUE) != NULL;
}

bool
dq_doc_integer(const DocNode *node, int64 *number)
{
	char *end;

	if (node == NULL || node->kind != DOC_NUMBER)
		return false;
	errno = 0;
	*number = strtoll(node->text, &end, 10);
	return errno == 0 && *end == '\0';
}

const char *
dq_doc_scalar_text(const DocNode *node)
{
	if (node == NULL)
		return NULL;
	switch (node->kind)
	{
		case DOC_TRUE:
			return "true";
		case DOC_FALSE:
			return "false";
		case DOC_NUMBER:
		case DOC_STRING:
			return node->text;
		default:
			return NULL;
	}
}

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

/* One reference token, percent-encoding and RFC 6901's escapes resolved; palloc'd. */
static char *
decode_token(const char *token, size_t len)
{
	char *decoded = palloc(len + 1);
	char *to = decoded;

	for (size_t i = 0; i < len; i++)
	{
		if (token[i] == '%' && i + 2 < len && hex_value(token[i + 1]) >= 0 &&
			hex_value(token[i + 2]) >= 0)
		{
			*to++ = (char) (hex_value(token[i + 1]) * 16 + hex_value(token[i + 2]));
			i += 2;
		}
		else
			*to++ = token[i];
	}
	*to = '\0';

	/* "~1" is a slash, "~0" a tilde. */
	char *out = decoded;

	for (const char *in = decoded; *in; in++)
	{
		if (in[0] == '~' && (in[1] == '0' || in[1] == '1'))
			*out++ = *++in == '0' ? '~' : '/';
		else
			*out++ = *in;
	}
	*out = '\0';
	return decoded;
}

static const DocNode *
element(const DocNode *array, const char *token)
{
	char *end;
	unsigned long index = strtoul(token, &end, 10);

	if (*token < '0' || *token > '9' || *end)
		return NULL;
	dq_doc_each(child, array) if (index-- == 0) return child;
	return NULL;
}

const DocNode *
dq_doc_fragment(const DocNode *root, const char *fragment)
{
	const DocNode *node = root;

	while (node && *fragment == '/')
	{
		size_t len = strcspn(++fragment, "/");
		char *token = decode_token(fragment, len);

		node = node->kind == DOC_ARRAY ? element(node, token) : dq_doc_member(node, token);
		pfree(token);
		fragment += len;
	}
	return *fragment == '\0' ? node : NULL;
}

/*
 * Building
 */

static DocNode *
new_node(DocBuilder *builder)
{
	if (++builder->nnodes > DOC_MAX_NODES)
	{
		builder->problem = "it holds too many values";
		return NULL;
	}
	if (builder->npool == 0)
	{
		builder->pool = palloc0(sizeof(DocNode) * POOL_NODES);
		builder->npool = POOL_NODES;
	}
	return &builder->pool[--builder->npool];
}

/* Hangs a node into the container that is open. */
static bool
add_node(DocBuilder *builder, DocNode *node)
{
	int top = builder->depth - 1;

	if (node == NULL)
		return false;
	if (builder->depth == 0)
	{
		if (builder->root)
		{
			builder->problem = "it holds more than one value";
			return false;
		}
		builder->root = node;
		return true;
	}
	if (builder->open[top]->kind == DOC_OBJECT)
	{
		if (builder->key == NULL)
		{
			builder->problem = "a member's name is no text";
			return false;
		}
		node->key = builder->key;
		builder->key = NULL;
	}
	if (builder->last[top])
		builder->last[top]->next = node;
	else
		builder->open[top]->first = node;
	builder->last[top] = node;
	builder->open[top]->count++;
	return true;
}

bool
dq_doc_begin(DocBuilder *builder, DocKind kind)
{
	DocNode *node;

	if (builder->problem)
		return false;
	if (builder->depth == DOC_MAX_DEPTH)
	{
		builder->problem = "it is nested too deeply";
		return false;
	}
	node = new_node(builder);
	if (!add_node(builder, node))
		return false;
	node->kind = kind;
	builder->open[builder->depth] = node;
	builder->last[builder->depth] = NULL;
	builder->depth++;
	return true;
}

bool
dq_doc_scalar(DocBuilder *builder, DocKind kind, const char *text)
{
	DocNode *node;

	if (builder->problem)
		return false;
	if (builder->depth > 0 && builder->open[builder->depth - 1]->kind == DOC_OBJECT &&
		builder->key == NULL)
	{
		builder->key = text;
		return true;
	}
	node = new_node(builder);
	if (!add_node(builder, node))
		return false;
	node->kind = kind;
	node->text = text;
	return true;
}

/* Children are shared: they are linked among themselves and not changed any more. */
bool
dq_doc_repeat(DocBuilder *builder, const DocNode *original)
{
	DocNode *node;

	if (builder->problem)
		return false;
	node = new_node(builder);
	if (!add_node(builder, node))
		return false;
	node->kind = original->kind;
	node->count = original->count;
	node->text = original->text;
	node->first = original->first;
	node->slots = original->slots;
	node->nslots = original->nslots;
	return true;
}

DocNode *
dq_doc_latest(const DocBuilder *builder)
{
	int top = builder->depth - 1;

	if (builder->depth == 0)
		return builder->root;
	return builder->last[top] ? builder->last[top] : builder->open[top];
}

/* Puts a member into the table; the one of the same name that it replaces, else NULL. */
static DocNode *
index_member(DocNode *object, DocNode *member)
{
	uint32 mask = object->nslots - 1;
	uint32 slot = hash_name(member->key) & mask;

	for (; object->slots[slot]; slot = (slot + 1) & mask)
		if (strcmp(object->slots[slot]->key, member->key) == 0)
		{
			DocNode *replaced = object->slots[slot];

			object->slots[slot] = member;
			return replaced;
		}
	object->slots[slot] = member;
	return NULL;
}

/* Of members of one name the last stays. */
static void
drop_duplicates(DocNode *object)
{
	DocNode **link = &object->first;

	while (*link)
	{
		DocNode *member = *link;
		DocNode *kept = (DocNode *) dq_doc_member(object, member->key);

		if (object->slots == NULL)
			for (DocNode *later = member->next; later; later = later->next)
				if (strcmp(later->key, member->key) == 0)
					kept = later;
		if (kept == member)
			link = &member->next;
		else
		{
			*link = member->next;
			object->count--;
		}
	}
}

static void
finish_object(DocNode *object)
{
	bool has_duplicates = false;

	if (object->count > SMALL_OBJECT)
	{
		object->nslots = 16;
		while (object->nslots < (uint32) object->count * 2)
			object->nslots *= 2;
		object->slots = palloc0(sizeof(DocNode *) * object->nslots);
		for (DocNode *member = object->first; member; member = member->next)
			has_duplicates |= index_member(object, member) != NULL;
	}
	else
		for (DocNode *a = object->first; a; a = a->next)
			for (DocNode *b = a->next; b && !has_duplicates; b = b->next)
				has_duplicates = strcmp(a->key, b->key) == 0;
	if (has_duplicates)
		drop_duplicates(object);
}

bool
dq_doc_end(DocBuilder *builder)
{
	if (builder->problem)
		return false;
	builder->depth--;
	if (builder->open[builder->depth]->kind == DOC_OBJECT)
		finish_object(builder->open[builder->depth]);
	builder->key = NULL;
	return true;
}
