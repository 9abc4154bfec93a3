/*
 * openapi_operation.c
 *	  One operation of a description: its parameters, and the schema of what it answers.
 */
#include "base.h"

#include "import/openapi_private.h"

/* Parameters of one operation; more are passed over. */
#define MAX_PARAMS 500

static ParamPlace
place_of_word(const char *word)
{
	if (word == NULL)
		return IN_ELSEWHERE;
	return strcmp(word, "query") == 0 ? IN_QUERY :
		strcmp(word, "path") == 0	  ? IN_PATH :
		strcmp(word, "header") == 0	  ? IN_HEADER :
		strcmp(word, "cookie") == 0	  ? IN_COOKIE :
										IN_ELSEWHERE;
}

/* How an array is written, by style and explode (3.x) or collectionFormat (2.0). */
static ListStyle
list_style(const OpenApi *api, const DocNode *node, const char *style)
{
	const DocNode *explode = dq_doc_member(node, "explode");

	if (api->is_swagger)
	{
		const char *format = dq_doc_text(node, "collectionFormat");

		if (format == NULL || strcmp(format, "csv") == 0)
			return LIST_COMMA;
		return strcmp(format, "multi") == 0 ? LIST_REPEAT : LIST_OTHER;
	}
	if (style && strcmp(style, "form") != 0)
		return LIST_OTHER;
	return explode && explode->kind == DOC_FALSE ? LIST_COMMA : LIST_REPEAT;
}

/* Of an array the facts are those of its elements. */
static void
read_schema(OpenApi *api, const DocNode *node, const DocNode *schema, Param *param)
{
	const char *style = dq_doc_text(node, "style");
	unsigned kinds;

	if (schema)
		dq_openapi_facts(api, schema, &param->facts);
	kinds = param->facts.kinds & ~KIND_NULL;
	if (kinds == KIND_ARRAY)
	{
		SchemaFacts items = { 0 };

		param->list = list_style(api, node, style);
		dq_openapi_facts(api, param->facts.items, &items);
		items.description = param->facts.description;
		items.fallback = param->facts.fallback;
		param->facts = items;
	}
	else if ((kinds & KIND_SCALARS) != 0)
	{
		/* A value or a list of them, or an object: the value alone is what we write. */
		param->facts.kinds &= ~(KIND_ARRAY | KIND_OBJECT);
	}
	param->type = dq_openapi_type(api, &param->facts);
}

static Param *
new_param(Operation *operation, const char *name, ParamPlace place)
{
	Param *param = dq_openapi_param(operation, place, name);

	if (param == NULL)
	{
		operation->params = dq_decl_grow(operation->params, operation->nparams, sizeof(Param));
		param = &operation->params[operation->nparams++];
	}
	*param = (Param) {
		.name = name, .spoken = dq_name_snake(name), .place = place, .description = ""
	};
	return param;
}

/* A "deepObject" stands for a parameter for each member: created[gte]=... */
static void
read_deep_object(OpenApi *api, Operation *operation, const DocNode *node, const DocNode *schema)
{
	const char *name = dq_doc_text(node, "name");
	MemberList members = { 0 };

	dq_openapi_members(api, schema, &members);
	for (int i = 0; i < members.n && operation->nparams < MAX_PARAMS; i++)
	{
		Param *param = new_param(operation, psprintf("%s[%s]", name, members.items[i].name),
								 IN_QUERY);

		read_schema(api, members.items[i].schema, members.items[i].schema, param);
		if (param->facts.description)
			param->description = param->facts.description;
	}
}

static void
read_param(OpenApi *api, Operation *operation, const DocNode *reference)
{
	const DocNode *node = dq_openapi_resolve(api, reference);
	const char *name = dq_doc_text(node, "name");
	ParamPlace place = place_of_word(dq_doc_text(node, "in"));
	const char *style = dq_doc_text(node, "style");
	const DocNode *schema = api->is_swagger ? node : dq_doc_member(node, "schema");
	Param *param;

	if (name == NULL || name[0] == '\0' || place == IN_ELSEWHERE ||
		operation->nparams >= MAX_PARAMS)
		return;
	param = new_param(operation, name, place);
	param->is_required = dq_doc_is_true(node, "required");
	read_schema(api, node, schema, param);
	if (dq_doc_text(node, "description"))
		param->description = dq_doc_text(node, "description");
	else if (param->facts.description)
		param->description = param->facts.description;
	if (dq_decl_has_control(name))
		param->rejection = "its name holds control characters";
	else if (dq_doc_member(node, "content"))
		param->rejection = "its value is a document";
	if (place == IN_PATH && style && strcmp(style, "simple") != 0)
		param->rejection = "its style is not simple";
	if (style && strcmp(style, "deepObject") == 0 && place == IN_QUERY && !param->is_required)
	{
		bool has_scalar = (param->facts.kinds & KIND_SCALARS) != 0;

		/* new_param() may move the array. */
		param->is_used = !has_scalar;
		read_deep_object(api, operation, node, schema);
	}
}

Param *
dq_openapi_param(const Operation *operation, ParamPlace place, const char *name)
{
	for (int i = 0; i < operation->nparams; i++)
		if (operation->params[i].place == place && strcmp(operation->params[i].name, name) == 0)
			return &operation->params[i];
	return NULL;
}

/* The response of the lowest 2xx status; "2XX" comes last. */
static const DocNode *
success(OpenApi *api, const DocNode *get)
{
	const DocNode *best = NULL;

	dq_doc_each(response, dq_doc_object(get, "responses"))
	{
		if (response->key[0] != '2' || strlen(response->key) != 3)
			continue;
		if (best == NULL || strcmp(response->key, best->key) < 0)
			best = response;
	}
	return best ? dq_openapi_resolve(api, best) : NULL;
}

/* application/json, application/vnd.x+json, with or without parameters; 3: the plain one; 0: none. */
static int
json_rank(const char *type)
{
	size_t len = strcspn(type, "; ");

	if (len == strlen("application/json") && pg_strncasecmp(type, "application/json", len) == 0)
		return 3;
	if (len > 5 && pg_strncasecmp(type + len - 5, "+json", 5) == 0)
		return 2;
	if ((len == 3 && strncmp(type, "*/*", 3) == 0) ||
		(len >= 5 && pg_strncasecmp(type + len - 5, "/json", 5) == 0) ||
		(len == strlen("application/*") && strncmp(type, "application/*", len) == 0))
		return 1;
	return 0;
}

static const DocNode *
answer_schema(OpenApi *api, const DocNode *response)
{
	const DocNode *best = NULL;
	int best_rank = 0;

	if (api->is_swagger)
		return dq_doc_member(response, "schema");
	dq_doc_each(media, dq_doc_object(response, "content"))
	{
		int rank = json_rank(media->key);

		if (rank > best_rank && dq_doc_member(media, "schema"))
		{
			best = media;
			best_rank = rank;
		}
	}
	return dq_doc_member(best, "schema");
}

/* False when the path cannot be asked by GET. */
bool
dq_openapi_operation(OpenApi *api, const char *path, const DocNode *item, Operation *operation)
{
	const DocNode *response;

	memset(operation, 0, sizeof(*operation));
	item = dq_openapi_resolve(api, item);
	operation->path = path;
	operation->get = dq_doc_object(item, "get");
	if (operation->get == NULL)
		return false;
	dq_doc_each(param, dq_doc_array(item, "parameters")) read_param(api, operation, param);
	dq_doc_each(param, dq_doc_array(operation->get, "parameters"))
		read_param(api, operation, param);
	response = success(api, operation->get);
	operation->answer = response ? answer_schema(api, response) : NULL;
	operation->headers = dq_doc_object(response, "headers");
	return true;
}
