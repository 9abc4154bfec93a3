/*
 * openapi_schema.c
 *	  Schemas: references followed, and the parts of one (allOf, oneOf, anyOf) taken together.
 *
 * A schema may refer to itself, in any of these ways: a part that it is itself a part of is passed
 * over.  Recursion is bounded by MAX_SCHEMA_DEPTH, the work for one schema by MAX_SCHEMA_STEPS;
 * beyond them a schema counts as saying nothing.
 */
#include "base.h"

#include "import/openapi_private.h"

/* The schemas that one is part of, innermost first, and what is left of the work for all of it. */
typedef struct Frame
{
	const DocNode *schema;
	const struct Frame *outer;
	int depth;
	int *steps;
} Frame;

static void collect_facts(OpenApi *api, const DocNode *node, SchemaFacts *facts,
						  const Frame *outer);
static void collect_members(OpenApi *api, const DocNode *node, MemberList *members,
							const Frame *outer);

/* Counts a step of work; false when there were too many. */
bool
dq_openapi_step(OpenApi *api)
{
	if (++api->steps % 1024 == 0 && api->defaults->on_step)
		api->defaults->on_step();
	return api->steps <= MAX_STEPS;
}

/* What a "$ref" leads to, within the document; NULL where it leads nowhere. */
const DocNode *
dq_openapi_resolve(OpenApi *api, const DocNode *node)
{
	for (int i = 0; i < MAX_REFERENCES && node && dq_openapi_step(api); i++)
	{
		const char *reference = dq_doc_text(node, "$ref");

		if (reference == NULL)
			return node;
		if (reference[0] != '#')
			return NULL;
		node = dq_doc_fragment(api->root, reference + 1);
	}
	return NULL;
}

/*
 * Steps into a schema: true with *frame where there is one that has not been stepped into, and
 * there is work left for it.
 */
static bool
enter(OpenApi *api, const DocNode *node, const Frame *outer, Frame *frame)
{
	const DocNode *schema = dq_openapi_resolve(api, node);

	if (schema == NULL || outer->depth >= MAX_SCHEMA_DEPTH || --*outer->steps < 0)
		return false;
	for (const Frame *f = outer; f; f = f->outer)
		if (f->schema == schema)
			return false;
	*frame = (Frame) { schema, outer, outer->depth + 1, outer->steps };
	return true;
}

static unsigned
kind_of_word(const char *word)
{
	static const struct
	{
		const char *word;
		unsigned kind;
	} kinds[] = { { "string", KIND_STRING }, { "integer", KIND_INTEGER },
				  { "number", KIND_NUMBER }, { "boolean", KIND_BOOLEAN },
				  { "array", KIND_ARRAY },	 { "object", KIND_OBJECT },
				  { "null", KIND_NULL },	 { "file", KIND_STRING } };

	for (int i = 0; word && i < lengthof(kinds); i++)
		if (strcmp(word, kinds[i].word) == 0)
			return kinds[i].kind;
	return 0;
}

static unsigned
kind_of_value(const DocNode *value)
{
	switch (value->kind)
	{
		case DOC_NULL:
			return KIND_NULL;
		case DOC_FALSE:
		case DOC_TRUE:
			return KIND_BOOLEAN;
		case DOC_NUMBER:
			return strpbrk(value->text, ".eE") ? KIND_NUMBER : KIND_INTEGER;
		case DOC_STRING:
			return KIND_STRING;
		case DOC_ARRAY:
			return KIND_ARRAY;
		case DOC_OBJECT:
			return KIND_OBJECT;
	}
	return 0;
}

/* What "type" says (one word, or from 3.1 on several), or what the other keywords let guess. */
static unsigned
own_kinds(const DocNode *schema)
{
	const DocNode *type = dq_doc_member(schema, "type");
	const DocNode *values = dq_doc_array(schema, "enum");
	const DocNode *constant = dq_doc_member(schema, "const");
	unsigned kinds = 0;

	if (type && type->kind == DOC_STRING)
		kinds = kind_of_word(type->text);
	dq_doc_each(word, type) kinds |= word->kind == DOC_STRING ? kind_of_word(word->text) : 0;
	if (kinds == 0)
		dq_doc_each(value, values) kinds |= kind_of_value(value);
	if (kinds == 0 && constant)
		kinds = kind_of_value(constant);
	if (kinds == 0 &&
		(dq_doc_object(schema, "properties") || dq_doc_object(schema, "additionalProperties")))
		kinds = KIND_OBJECT;
	if (kinds == 0 && dq_doc_member(schema, "items"))
		kinds = KIND_ARRAY;
	if (dq_doc_is_true(schema, "nullable") || dq_doc_is_true(schema, "x-nullable"))
		kinds |= kinds ? KIND_NULL : 0;
	return kinds;
}

static void
note_format(SchemaFacts *facts, const char *format)
{
	if (facts->format && strcmp(facts->format, format) != 0)
		facts->has_many_formats = true;
	facts->format = format;
}

/* What a schema says itself, on top of what its parts said. */
static void
note_own(const DocNode *schema, SchemaFacts *facts)
{
	const DocNode *member;
	const char *text;

	if ((text = dq_doc_text(schema, "format")) != NULL && text[0])
		note_format(facts, text);
	if ((text = dq_doc_text(schema, "description")) != NULL && text[0])
		facts->description = text;
	if ((text = dq_doc_text(schema, "contentEncoding")) != NULL && strcmp(text, "base64") == 0)
		facts->is_base64 = true;
	if ((member = dq_doc_array(schema, "enum")) != NULL)
	{
		facts->values = facts->has_values ? NULL : member;
		facts->has_values = true;
	}
	if ((member = dq_doc_member(schema, "items")) != NULL)
		facts->items = member;
	if ((member = dq_doc_member(schema, "default")) != NULL)
		facts->fallback = member;
	if ((member = dq_doc_member(schema, "minimum")) != NULL)
		facts->minimum = member;
	if ((member = dq_doc_member(schema, "maximum")) != NULL)
		facts->maximum = member;
	if (dq_doc_is_true(schema, "writeOnly"))
		facts->is_write_only = true;
}

/* One of several variants: what they disagree in is not known. */
static void
merge_variant(SchemaFacts *facts, const SchemaFacts *variant)
{
	if ((variant->kinds & ~KIND_NULL) == 0)
	{
		facts->kinds |= variant->kinds;
		return;
	}
	if (facts->kinds & ~KIND_NULL)
	{
		const char *format = facts->format ? facts->format : "";

		if (strcmp(format, variant->format ? variant->format : "") != 0 ||
			variant->has_many_formats)
			facts->has_many_formats = true;
		if (facts->items != variant->items)
			facts->items = NULL;
		if (facts->values != variant->values)
			facts->values = NULL;
	}
	else
	{
		facts->items = facts->items ? facts->items : variant->items;
		facts->values = facts->values ? facts->values : variant->values;
		facts->has_many_formats |= variant->has_many_formats;
	}
	facts->has_values |= variant->has_values;
	facts->is_base64 |= variant->is_base64;
	if (variant->format)
		facts->format = variant->format;
	if (facts->description == NULL)
		facts->description = variant->description;
	if (facts->fallback == NULL)
		facts->fallback = variant->fallback;
	if (facts->minimum == NULL)
		facts->minimum = variant->minimum;
	if (facts->maximum == NULL)
		facts->maximum = variant->maximum;
	facts->kinds |= variant->kinds;
}

static void
collect_variants(OpenApi *api, const DocNode *variants, SchemaFacts *facts, const Frame *frame)
{
	SchemaFacts all = { 0 };
	bool is_unknown = false;

	dq_doc_each(variant, variants)
	{
		SchemaFacts one = { 0 };

		collect_facts(api, variant, &one, frame);
		is_unknown |= one.kinds == 0;
		merge_variant(&all, &one);
	}
	/*
	 * A variant that says nothing ({"required": [...]}, say) lets everything through; so it is
	 * what stands around the variants that counts.
	 */
	if (is_unknown || facts->kinds & ~KIND_NULL)
	{
		facts->kinds |= all.kinds & KIND_NULL;
		return;
	}
	merge_variant(facts, &all);
}

static void
collect_facts(OpenApi *api, const DocNode *node, SchemaFacts *facts, const Frame *outer)
{
	const DocNode *schema;
	unsigned kinds;
	Frame frame;

	if (!enter(api, node, outer, &frame))
		return;
	schema = frame.schema;
	dq_doc_each(part, dq_doc_array(schema, "allOf"))
	{
		/* What a part leaves open the others decide. */
		collect_facts(api, part, facts, &frame);
	}
	kinds = own_kinds(schema);
	if ((facts->kinds & kinds & ~KIND_NULL) != 0)
		facts->kinds &= kinds | KIND_NULL;
	else
		facts->kinds |= kinds;
	if (kinds & KIND_NULL)
		facts->kinds |= KIND_NULL;
	note_own(schema, facts);
	collect_variants(api, dq_doc_array(schema, "oneOf"), facts, &frame);
	collect_variants(api, dq_doc_array(schema, "anyOf"), facts, &frame);
	/* From 3.1 on a description may stand beside the reference. */
	if (node != schema && dq_doc_text(node, "description"))
		facts->description = dq_doc_text(node, "description");
}

/* facts must be all zero, or of another schema of the same value (allOf). */
void
dq_openapi_facts(OpenApi *api, const DocNode *schema, SchemaFacts *facts)
{
	int steps = MAX_SCHEMA_STEPS;
	Frame outermost = { .steps = &steps };

	collect_facts(api, schema, facts, &outermost);
}

/*
 * Members
 */

const Member *
dq_openapi_member(const MemberList *members, const char *name)
{
	int index = dq_name_index(&members->names, name);

	return index >= 0 ? &members->items[index] : NULL;
}

static void
add_member(MemberList *members, const DocNode *property)
{
	Member *member = (Member *) dq_openapi_member(members, property->key);

	if (member == NULL)
	{
		members->items = dq_decl_grow(members->items, members->n, sizeof(Member));
		members->items[members->n++] = (Member) { .name = property->key, .schema = property };
		dq_name_use(&members->names, property->key);
		return;
	}
	if (member->schema == property)
		return;
	member->more = dq_decl_grow(member->more, member->nmore, sizeof(DocNode *));
	member->more[member->nmore++] = property;
}

static void
collect_members(OpenApi *api, const DocNode *node, MemberList *members, const Frame *outer)
{
	static const char *const parts[] = { "allOf", "oneOf", "anyOf" };
	const DocNode *schema;
	Frame frame;

	if (!enter(api, node, outer, &frame))
		return;
	schema = frame.schema;
	for (int i = 0; i < lengthof(parts); i++)
		dq_doc_each(part, dq_doc_array(schema, parts[i]))
			collect_members(api, part, members, &frame);
	dq_doc_each(property, dq_doc_object(schema, "properties")) if (dq_openapi_step(api))
		add_member(members, property);
	if (dq_doc_object(schema, "additionalProperties"))
		members->is_open = true;
}

void
dq_openapi_members(OpenApi *api, const DocNode *schema, MemberList *members)
{
	int steps = MAX_SCHEMA_STEPS;
	Frame outermost = { .steps = &steps };

	collect_members(api, schema, members, &outermost);
}

void
dq_openapi_member_facts(OpenApi *api, const Member *member, SchemaFacts *facts)
{
	dq_openapi_facts(api, member->schema, facts);
}
