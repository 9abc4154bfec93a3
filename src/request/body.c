/*
 * body.c
 *	  Templates of request bodies: JSON with holes that values are put into.
 *
 * A template becomes a tree of literals, holes, objects and arrays; only what leads to a hole (or
 * to doubled braces) is taken apart, everything else is one literal as it was written.  The tree is as deep as
 * DQ_JSON_MAX_DEPTH at most, which the check of the source sees to, so walking it recursively is
 * safe.
 */
#include "base.h"

#include "request/body.h"
#include "rows/json_scan.h"

typedef enum BodyNodeKind
{
	NODE_LITERAL,
	NODE_HOLE,
	NODE_OBJECT,
	NODE_ARRAY
} BodyNodeKind;

struct BodyNode
{
	BodyNodeKind kind;
	char *key;		 /* in an object: its name, with quotes; else NULL */
	char *text;		 /* of a literal */
	int hole;		 /* of a hole */
	bool has_hole;	 /* it is one, or one stands inside */
	bool is_changed; /* it is not sent as it was written */
	BodyNode *first; /* of an object or array */
	BodyNode *next;	 /* beside this one */
};

/* A template under construction. */
typedef struct Compiler
{
	BodyTemplate *tmpl;
	int max_holes;
	char *problem;
} Compiler;

static const struct
{
	const char *name;
	PagingParams param;
} paging_holes[] = { { "$page", PAGING_PARAM_PAGE },
					 { "$size", PAGING_PARAM_SIZE },
					 { "$offset", PAGING_PARAM_OFFSET },
					 { "$cursor", PAGING_PARAM_CURSOR } };

static BodyNode *compile_value(Compiler *compiler, const JsonSlice *value);
static bool append_node(StringInfo out, const BodyNode *node, const BoundBody *body,
						const PagePosition *position);

/*
 * Compiling
 */

/* The operators behind a column's name; 0 where the last word is none and belongs to the name. */
static ConditionOpSet
take_operator(char *name)
{
	char *space = strrchr(name, ' ');
	ConditionOpSet ops;
	char *problem;

	if (space == NULL || !dq_condition_ops_parse(space + 1, &ops, &problem) || ops == 0)
		return 0;
	while (space > name && space[-1] == ' ')
		space--;
	*space = '\0';
	return ops;
}

/* Fills a hole from what stands between its braces; false with the problem set. */
static bool
read_hole(Compiler *compiler, BodyHole *hole, const char *inner)
{
	memset(hole, 0, sizeof(*hole));
	if (inner[0] == '\0' || inner[strcspn(inner, "{}")] != '\0')
	{
		compiler->problem = psprintf("\"{%s}\" is no name in braces; a text that begins with a "
									 "brace and ends with one is written with both doubled",
									 inner);
		return false;
	}
	if (inner[0] == '$')
	{
		for (int i = 0; i < lengthof(paging_holes); i++)
			if (strcmp(paging_holes[i].name, inner) == 0)
				hole->page = paging_holes[i].param;
		if (hole->page == 0)
			compiler->problem =
				psprintf("unknown placeholder \"{%s}\", known are {$page}, {$size}, {$offset}, {$cursor}",
						 inner);
		return hole->page != 0;
	}
	hole->name = pstrdup(inner);
	hole->ops = take_operator(hole->name);
	hole->is_list = hole->ops == COND_BIT(COND_IN);
	if (hole->ops == 0)
		hole->ops = COND_BIT(COND_EQ) | COND_BIT(COND_IN);
	return true;
}

static int
add_hole(Compiler *compiler, const BodyHole *hole)
{
	BodyTemplate *tmpl = compiler->tmpl;

	if (tmpl->nholes == compiler->max_holes)
	{
		compiler->max_holes *= 2;
		tmpl->holes = repalloc(tmpl->holes, sizeof(BodyHole) * compiler->max_holes);
	}
	tmpl->holes[tmpl->nholes] = *hole;
	return tmpl->nholes++;
}

/* A string: a hole, a text in doubled braces, or any other. */
static void
compile_string(Compiler *compiler, BodyNode *node, const JsonSlice *value)
{
	StringInfoData text;
	JsonError error;
	BodyHole hole;

	initStringInfo(&text);
	if (!dq_json_string_append(&text, value, &error))
	{
		compiler->problem = pstrdup(error.message);
		return;
	}
	if (text.len < 2 || text.data[0] != '{' || text.data[text.len - 1] != '}')
		return;
	text.data[text.len - 1] = '\0';
	if (text.len >= 4 && text.data[1] == '{' && text.data[text.len - 2] == '}')
	{
		StringInfoData quoted;

		initStringInfo(&quoted);
		dq_json_quote(&quoted, text.data + 1);
		node->text = quoted.data;
		node->is_changed = true;
		return;
	}
	if (!read_hole(compiler, &hole, text.data + 1))
		return;
	node->kind = NODE_HOLE;
	node->has_hole = node->is_changed = true;
	node->hole = add_hole(compiler, &hole);
}

static void
compile_container(Compiler *compiler, BodyNode *node, const JsonSlice *value)
{
	JsonIterator iterator;
	JsonSlice key;
	JsonSlice child;
	BodyNode **end = &node->first;

	dq_json_iterate(&iterator, value);
	while (compiler->problem == NULL && dq_json_iterator_next(&iterator, &key, &child))
	{
		BodyNode *compiled = compile_value(compiler, &child);

		if (iterator.is_object)
			compiled->key = pnstrdup(key.start, key.len);
		node->has_hole |= compiled->has_hole;
		node->is_changed |= compiled->is_changed;
		*end = compiled;
		end = &compiled->next;
	}
	if (node->is_changed)
		node->kind = iterator.is_object ? NODE_OBJECT : NODE_ARRAY;
}

static BodyNode *
compile_value(Compiler *compiler, const JsonSlice *value)
{
	BodyNode *node = palloc0(sizeof(BodyNode));

	node->kind = NODE_LITERAL;
	if (value->kind == JSONK_STRING)
		compile_string(compiler, node, value);
	else if (value->kind == JSONK_OBJECT || value->kind == JSONK_ARRAY)
		compile_container(compiler, node, value);
	if (node->kind == NODE_LITERAL && node->text == NULL)
		node->text = pnstrdup(value->start, value->len);
	return node;
}

BodyTemplate *
dq_body_compile(const char *source, char **problem)
{
	static const JsonPointer whole = { 0 };
	const JsonPointer *pointers[] = { &whole };
	Compiler compiler = { palloc0(sizeof(BodyTemplate)), 4, NULL };
	JsonSlice root;
	JsonError error;
	int culprit;

	*problem = NULL;
	compiler.tmpl->source = pstrdup(source);
	compiler.tmpl->holes = palloc(sizeof(BodyHole) * compiler.max_holes);
	if (!dq_json_locate(dq_json_locator_create(pointers, 1), compiler.tmpl->source,
						strlen(compiler.tmpl->source), &root, &culprit, &error))
	{
		*problem = psprintf("it is no JSON: %s at byte " UINT64_FORMAT, error.message,
							error.offset);
		return NULL;
	}
	if (root.kind != JSONK_OBJECT && root.kind != JSONK_ARRAY)
	{
		*problem = psprintf("it is a JSON %s, expected an object or array",
							dq_json_kind_name(root.kind));
		return NULL;
	}
	compiler.tmpl->root = compile_value(&compiler, &root);
	*problem = compiler.problem;
	return compiler.problem ? NULL : compiler.tmpl;
}

ConditionOpSet
dq_body_ops(const BodyTemplate *tmpl, const char *column)
{
	ConditionOpSet ops = 0;

	for (int i = 0; i < tmpl->nholes; i++)
		if (tmpl->holes[i].name && strcmp(tmpl->holes[i].name, column) == 0)
			ops |= tmpl->holes[i].ops;
	return ops;
}

PagingParams
dq_body_paging(const BodyTemplate *tmpl)
{
	PagingParams params = 0;

	for (int i = 0; i < tmpl->nholes; i++)
		params |= tmpl->holes[i].page;
	return params;
}

/*
 * Filling
 */

/* What paging puts into a hole; false: nothing. */
static bool
append_paging(StringInfo out, PagingParams param, const PagePosition *position)
{
	if (position == NULL)
		return false;
	if (param == PAGING_PARAM_CURSOR)
	{
		if (position->cursor)
			dq_json_quote(out, position->cursor);
		return position->cursor != NULL;
	}
	if (param == PAGING_PARAM_SIZE && position->size <= 0)
		return false;
	appendStringInfo(out, INT64_FORMAT,
					 param == PAGING_PARAM_SIZE ? position->size : position->number);
	return true;
}

/* in_array: a list's values become elements of the array around the hole. */
static bool
append_hole(StringInfo out, int hole, bool in_array, const BoundBody *body,
			const PagePosition *position)
{
	const BodyValue *value = &body->values[hole];
	bool has_brackets = value->is_list && !in_array;

	if (body->tmpl->holes[hole].page)
		return append_paging(out, body->tmpl->holes[hole].page, position);
	if (value->nvalues == 0)
		return false;
	if (has_brackets)
		appendStringInfoChar(out, '[');
	for (int i = 0; i < value->nvalues; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		appendStringInfoString(out, value->values[i]);
	}
	if (has_brackets)
		appendStringInfoChar(out, ']');
	return true;
}

/* True when some hole in it has a value. */
static bool
has_value(const BodyNode *node, const BoundBody *body, const PagePosition *position)
{
	if (node->kind == NODE_HOLE)
	{
		StringInfoData ignored;
		bool has;

		if (body->tmpl->holes[node->hole].page == 0)
			return body->values[node->hole].nvalues > 0;
		initStringInfo(&ignored);
		has = append_paging(&ignored, body->tmpl->holes[node->hole].page, position);
		pfree(ignored.data);
		return has;
	}
	for (const BodyNode *child = node->first; child; child = child->next)
		if (child->has_hole && has_value(child, body, position))
			return true;
	return false;
}

static bool
append_container(StringInfo out, const BodyNode *node, const BoundBody *body,
				 const PagePosition *position)
{
	bool is_object = node->kind == NODE_OBJECT;
	int start = out->len;
	int n = 0;

	appendStringInfoChar(out, is_object ? '{' : '[');
	for (const BodyNode *child = node->first; child; child = child->next)
	{
		int before = out->len;
		bool is_there;

		if (!is_object && child->has_hole && !has_value(child, body, position))
			continue;
		if (n > 0)
			appendStringInfoChar(out, ',');
		if (is_object)
			appendStringInfo(out, "%s:", child->key);
		if (!is_object && child->kind == NODE_HOLE)
			is_there = append_hole(out, child->hole, true, body, position);
		else
			is_there = append_node(out, child, body, position);
		if (is_there)
			n++;
		else
		{
			out->len = before;
			out->data[before] = '\0';
		}
	}
	appendStringInfoChar(out, is_object ? '}' : ']');
	if (n > 0)
		return true;
	out->len = start;
	out->data[start] = '\0';
	return false;
}

/* Appends a node; false, with nothing appended, when it has no value. */
static bool
append_node(StringInfo out, const BodyNode *node, const BoundBody *body,
			const PagePosition *position)
{
	switch (node->kind)
	{
		case NODE_LITERAL:
			appendStringInfoString(out, node->text);
			return true;
		case NODE_HOLE:
			return append_hole(out, node->hole, false, body, position);
		default:
			return append_container(out, node, body, position);
	}
}

char *
dq_body_text(const BoundBody *body, const PagePosition *position)
{
	const BodyNode *root = body->tmpl->root;
	StringInfoData out;

	initStringInfo(&out);
	if (!append_node(&out, root, body, position))
		appendStringInfoString(&out, root->kind == NODE_ARRAY ? "[]" : "{}");
	return out.data;
}

BoundBody *
dq_body_copy(const BoundBody *body)
{
	BoundBody *copy = palloc0(sizeof(BoundBody));
	char *problem;
	BodyTemplate *tmpl = dq_body_compile(body->tmpl->source, &problem);
	BodyValue *values = palloc0(sizeof(BodyValue) * Max(body->tmpl->nholes, 1));

	for (int i = 0; i < body->tmpl->nholes; i++)
	{
		const BodyValue *value = &body->values[i];
		const char **texts = palloc(sizeof(char *) * Max(value->nvalues, 1));

		for (int v = 0; v < value->nvalues; v++)
			texts[v] = pstrdup(value->values[v]);
		values[i] = (BodyValue) { value->is_list, value->nvalues, texts };
	}
	copy->tmpl = tmpl;
	copy->values = values;
	return copy;
}

/*
 * Values
 */

void
dq_json_quote(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (const unsigned char *p = (const unsigned char *) text; *p; p++)
	{
		if (*p == '"' || *p == '\\')
			appendStringInfo(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			appendStringInfo(out, "\\u%04x", *p);
		else
			appendStringInfoChar(out, *p);
	}
	appendStringInfoChar(out, '"');
}

/* True for a whole number, true or false of RFC 8259. */
static bool
is_bare_json(const char *text)
{
	const char *end = text + strlen(text);
	JsonError error = { 0 };
	JsonScan scan = { text, end, &error };

	switch (json_class(*text))
	{
		case JSONC_NUMBER:
			return dq_json_scan_number(&scan, text) == end;
		case JSONC_TRUE:
		case JSONC_FALSE:
			return dq_json_scan_literal(&scan, text) == end;
		default:
			return false;
	}
}

char *
dq_json_value(JsonForm form, const char *text)
{
	StringInfoData out;

	if (form == JSON_FORM_BARE && is_bare_json(text))
		return pstrdup(text);
	initStringInfo(&out);
	dq_json_quote(&out, text);
	return out.data;
}
