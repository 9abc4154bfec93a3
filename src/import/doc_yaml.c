/*
 * doc_yaml.c
 *	  A document in YAML as a tree.  libyaml lives in a module of its own, which is loaded when the
 *	  first such document comes.
 */
#include "postgres.h"

#include <unistd.h>

#include "fmgr.h"
#include "import/document.h"
#include "import/yaml_module.h"
#include "miscadmin.h"

/* An anchor and what it names. */
typedef struct Anchor
{
	const char *name;
	DocNode *node;
	bool is_complete;
	struct Anchor *next;
} Anchor;

typedef struct YamlTree
{
	DocBuilder builder;
	Anchor *anchors; /* latest first */
	const char *problem;
} YamlTree;

/* JSON's grammar of a number; other spellings stay text, as most readers of descriptions do. */
static bool
is_number(const char *text)
{
	const char *c = text + (*text == '-');
	size_t digits = strspn(c, "0123456789");

	if (digits == 0 || (digits > 1 && *c == '0'))
		return false;
	c += digits;
	if (*c == '.')
	{
		digits = strspn(++c, "0123456789");
		if (digits == 0)
			return false;
		c += digits;
	}
	if (*c == 'e' || *c == 'E')
	{
		c++;
		c += *c == '+' || *c == '-';
		digits = strspn(c, "0123456789");
		if (digits == 0)
			return false;
		c += digits;
	}
	return *c == '\0';
}

/* What a scalar without quotes is, by YAML 1.2's core schema. */
static DocKind
plain_kind(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const trues[] = { "true", "True", "TRUE", NULL };
	static const char *const falses[] = { "false", "False", "FALSE", NULL };

	for (const char *const *word = nulls; *word; word++)
		if (strcmp(text, *word) == 0)
			return DOC_NULL;
	for (const char *const *word = trues; *word; word++)
		if (strcmp(text, *word) == 0)
			return DOC_TRUE;
	for (const char *const *word = falses; *word; word++)
		if (strcmp(text, *word) == 0)
			return DOC_FALSE;
	return is_number(text) ? DOC_NUMBER : DOC_STRING;
}

static Anchor *
note_anchor(YamlTree *tree, const char *name)
{
	Anchor *anchor;

	if (name == NULL)
		return NULL;
	anchor = palloc0(sizeof(Anchor));
	anchor->name = pstrdup(name);
	anchor->node = dq_doc_latest(&tree->builder);
	anchor->next = tree->anchors;
	tree->anchors = anchor;
	return anchor;
}

static bool
yaml_begin(void *arg, bool is_mapping, const char *anchor)
{
	YamlTree *tree = arg;

	if (!dq_doc_begin(&tree->builder, is_mapping ? DOC_OBJECT : DOC_ARRAY))
		return false;
	note_anchor(tree, anchor);
	return true;
}

/* Only now an alias may repeat what was begun: it must not contain itself. */
static bool
yaml_end(void *arg)
{
	YamlTree *tree = arg;
	DocNode *node = tree->builder.depth > 0 ? tree->builder.open[tree->builder.depth - 1] : NULL;

	if (!dq_doc_end(&tree->builder))
		return false;
	for (Anchor *anchor = tree->anchors; anchor; anchor = anchor->next)
		if (anchor->node == node)
			anchor->is_complete = true;
	return true;
}

static bool
yaml_scalar(void *arg, const char *text, size_t len, bool is_plain, const char *anchor)
{
	YamlTree *tree = arg;
	DocBuilder *builder = &tree->builder;
	bool is_name = builder->depth > 0 && builder->open[builder->depth - 1]->kind == DOC_OBJECT &&
		builder->key == NULL;
	Anchor *noted;

	if (strlen(text) != len)
	{
		tree->problem = "a text holds a zero character";
		return false;
	}
	if (is_name && is_plain && strcmp(text, "<<") == 0)
	{
		tree->problem = "merge keys (\"<<\") are not supported";
		return false;
	}
	if (!dq_doc_scalar(builder, is_plain ? plain_kind(text) : DOC_STRING, pnstrdup(text, len)))
		return false;
	noted = is_name ? NULL : note_anchor(tree, anchor);
	if (noted)
		noted->is_complete = true;
	return true;
}

static bool
yaml_alias(void *arg, const char *name)
{
	YamlTree *tree = arg;

	for (Anchor *anchor = tree->anchors; anchor; anchor = anchor->next)
	{
		if (strcmp(anchor->name, name) != 0)
			continue;
		if (!anchor->is_complete)
		{
			tree->problem = "an alias stands inside of what it repeats";
			return false;
		}
		return dq_doc_repeat(&tree->builder, anchor->node);
	}
	tree->problem = "an alias has no anchor";
	return false;
}

static YamlParse
load_parser(void)
{
	char *file = psprintf("%s/%s%s", pkglib_path, YAML_MODULE, DLSUFFIX);

	if (access(file, R_OK) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot read a description in YAML: module \"%s\" is not installed",
						YAML_MODULE),
				 errhint(
					 "Name a description in JSON by option \"openapi\" of the server, or build distquery where libyaml's headers are.")));
	return (YamlParse) load_external_function(psprintf("$libdir/%s", YAML_MODULE),
											  YAML_PARSE_FUNCTION, true, NULL);
}

const DocNode *
dq_doc_read_yaml(const char *text, size_t len, char **problem)
{
	YamlTree *tree = palloc0(sizeof(YamlTree));
	YamlSink sink = { tree, yaml_begin, yaml_end, yaml_scalar, yaml_alias };

	*problem = NULL;
	if (load_parser()(text, len, &sink, problem) && tree->builder.root)
		return tree->builder.root;
	if (*problem == NULL)
		*problem = pstrdup(tree->problem			 ? tree->problem :
							   tree->builder.problem ? tree->builder.problem :
													   "it is empty");
	return NULL;
}
