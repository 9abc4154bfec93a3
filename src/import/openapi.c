/*
 * openapi.c
 *	  Walks the paths of an API description and makes a table of each collection.
 */
#include "base.h"

#include "import/openapi_private.h"
#include "request/url.h"

/* Paths of one description; more are passed over. */
#define MAX_PATHS 50000

/* The paths that answer with one item, by the path of their collection. */
typedef struct ItemPaths
{
	NameSet collections; /* each "{...}" as "{}", without a slash at the end */
	const DocNode **items;
} ItemPaths;

bool
dq_openapi_is_description(const DocNode *document)
{
	return dq_doc_text(document, "openapi") || dq_doc_text(document, "swagger") ||
		(dq_doc_object(document, "paths") && dq_doc_object(document, "info"));
}

/* False with *problem for what we do not read. */
static bool
check_version(OpenApi *api, char **problem)
{
	const char *openapi = dq_doc_text(api->root, "openapi");
	const DocNode *swagger = dq_doc_member(api->root, "swagger");
	const char *old = dq_doc_scalar_text(swagger);

	api->is_swagger = old != NULL;
	if (openapi && strncmp(openapi, "3.", 2) == 0)
		return true;
	if (old && (strncmp(old, "2.", 2) == 0 || strcmp(old, "2") == 0))
		return true;
	if (openapi || old)
		*problem = psprintf("version %s is not supported, only OpenAPI 3 and Swagger 2.0",
							dq_words_line(openapi ? openapi : old, 40));
	else if (dq_doc_member(api->root, "asyncapi"))
		*problem = pstrdup("it is AsyncAPI, not OpenAPI");
	else
		*problem = pstrdup("it is no OpenAPI description: member \"openapi\" is missing");
	return false;
}

/*
 * Prefix of paths
 */

/* The path of a URL without a trailing slash, "" for none. */
static const char *
path_of_url(const char *url)
{
	const char *authority = strstr(url, "://");
	const char *path = authority ? strchr(authority + 3, '/') : url;
	size_t len = path ? strcspn(path, "?#") : 0;

	while (len > 0 && path[len - 1] == '/')
		len--;
	return len > 0 ? pnstrdup(path, len) : "";
}

/* {variables} of a server's URL by their defaults. */
static char *
fill_variables(const DocNode *server, const char *url)
{
	const DocNode *variables = dq_doc_object(server, "variables");
	StringInfoData filled;

	initStringInfo(&filled);
	while (*url)
	{
		const char *close = *url == '{' ? strchr(url, '}') : NULL;
		const DocNode *variable;
		const char *value;

		if (close == NULL)
		{
			appendStringInfoChar(&filled, *url++);
			continue;
		}
		variable = dq_doc_member(variables, pnstrdup(url + 1, close - url - 1));
		value = dq_doc_scalar_text(dq_doc_member(variable, "default"));
		appendStringInfoString(&filled, value ? value : "");
		url = close + 1;
	}
	return dq_decl_take(&filled);
}

/* The URL that the description gives for its paths; NULL: none. */
static const char *
described_url(const OpenApi *api)
{
	const DocNode *servers = dq_doc_array(api->root, "servers");
	const DocNode *server = dq_doc_first(servers);
	const char *url = api->is_swagger ? dq_doc_text(api->root, "basePath") :
										dq_doc_text(server, "url");

	return url ? fill_variables(server, url) : NULL;
}

/*
 * What has to stand between the server's URL and each path.  The description says where it thinks
 * that the service is, but the server's option "url" is what holds; so only the description's
 * path counts, and only as far as the URL does not have it yet.
 */
static const char *
find_prefix(const OpenApi *api)
{
	const char *described = described_url(api);
	const char *own = path_of_url(api->defaults->url);
	const char *absolute;
	const char *path;
	size_t own_len = strlen(own);

	if (described == NULL)
		return "";
	absolute = api->defaults->document_url ?
		dq_url_resolve(api->defaults->document_url, described) :
		NULL;
	path = path_of_url(absolute ? absolute : described);
	if (strpbrk(path, "{}#") || dq_decl_has_control(path))
		return "";
	if (own_len == 0)
		return path;
	if (strncmp(path, own, own_len) == 0 && (path[own_len] == '/' || path[own_len] == '\0'))
		return path + own_len;
	return "";
}

/*
 * Items
 */

/* The path of an item's collection, NULL where path is none of an item. */
static char *
collection_of(const char *path)
{
	StringInfoData collection;
	size_t len = strlen(path);
	const char *last;

	while (len > 0 && path[len - 1] == '/')
		len--;
	path = pnstrdup(path, len);
	last = strrchr(path, '/');
	if (last == NULL || last[1] != '{' || strchr(last, '}') != path + len - 1)
		return NULL;
	initStringInfo(&collection);
	for (const char *c = path; c < last; c++)
	{
		const char *close = *c == '{' ? strchr(c, '}') : NULL;

		appendStringInfoChar(&collection, *c);
		if (close && close < last)
		{
			c = close;
			appendStringInfoChar(&collection, '}');
		}
	}
	return dq_decl_take(&collection);
}

static void
collect_items(ItemPaths *items, const DocNode *paths)
{
	int n = 0;

	dq_doc_each(path, paths)
	{
		char *collection = collection_of(path->key);

		if (collection == NULL || ++n > MAX_PATHS ||
			dq_name_is_used(&items->collections, collection))
			continue;
		items->items = dq_decl_grow(items->items, items->collections.n, sizeof(DocNode *));
		items->items[items->collections.n] = path;
		dq_name_use(&items->collections, collection);
	}
}

/* The item's path of a collection's, NULL: none. */
static const DocNode *
item_of(const ItemPaths *items, const char *path)
{
	/* "x" makes it the path of an item, whose collection is the path. */
	const char *key = collection_of(
		psprintf("%s%s{x}", path, path[strlen(path) - 1] == '/' ? "" : "/"));
	int index = key ? dq_name_index(&items->collections, key) : -1;

	return index >= 0 && items->items ? items->items[index] : NULL;
}

/*
 * Tables
 */

/* Host and port of a URL; "" where it is relative. */
static const char *
authority_of(const char *url)
{
	const char *authority = strstr(url, "//");

	if (authority == NULL)
		return "";
	authority += 2;
	return pnstrdup(authority, strcspn(authority, "/?#"));
}

/* An operation that is served by another host than the others are. */
static bool
is_elsewhere(const OpenApi *api, const DocNode *item, const DocNode *get)
{
	const DocNode *servers = dq_doc_array(get, "servers");
	const char *general = described_url(api);
	const char *own;

	if (servers == NULL)
		servers = dq_doc_array(item, "servers");
	own = dq_doc_text(dq_doc_first(servers), "url");
	if (own == NULL)
		return false;
	own = authority_of(fill_variables(dq_doc_first(servers), own));
	general = authority_of(general ? general : "");
	if (general[0] == '\0')
		general = authority_of(api->defaults->url);
	return own[0] != '\0' && strcmp(own, general) != 0;
}

static void
note_unused(Table *table)
{
	for (int i = 0; i < table->operation->nparams; i++)
	{
		const Param *param = &table->operation->params[i];

		if (param->place == IN_QUERY && !param->is_used)
			dq_decl_note(table->decl, "parameter \"%s\" is not used%s%s",
						 dq_words_line(param->name, 80), param->rejection ? ": " : "",
						 param->rejection ? param->rejection : "");
	}
}

/* NULL with *why where a path becomes no table. */
static TableDecl *
make_table(OpenApi *api, const Operation *operation, const ItemPaths *items, const char **why)
{
	Table table = { .api = api, .operation = operation, .path = "", .fixed = "" };
	const DocNode *item;
	Operation lookup;

	if (strchr(operation->path, '#') || dq_decl_has_control(operation->path) ||
		operation->path[0] != '/')
	{
		*why = "its path cannot be written";
		return NULL;
	}
	if (!dq_openapi_rows(api, operation, &table.rows, why))
		return NULL;
	table.decl = palloc0(sizeof(TableDecl));
	table.decl->origin = psprintf("GET %s", operation->path);
	*why = "its rows have no columns";
	if (!dq_openapi_columns(&table))
		return NULL;
	*why = "its path cannot be written";
	if (!dq_openapi_placeholders(&table))
		return NULL;
	if (api->is_postgrest)
	{
		table.dialect = "postgrest";
		dq_decl_option(&table.paging, "paging", "offset");
		dq_decl_option(&table.paging, "page_size", "1000");
	}
	else
		dq_openapi_paging(&table);
	if (table.has_unknown_paging)
	{
		*why = psprintf("it is paged by %s in a way that cannot be asked for",
						dq_words_line(table.decl->notes[table.decl->nnotes - 1], 80));
		return NULL;
	}
	dq_openapi_filters(&table);
	*why = "a parameter that it requires cannot be written";
	if (!dq_openapi_request_columns(&table))
		return NULL;
	item = item_of(items, operation->path);
	if (item && dq_openapi_operation(api, item->key, item, &lookup))
		dq_openapi_lookup(&table, &lookup);
	if (item && table.lookup_path)
		dq_name_use(&api->looked_up, item->key);
	dq_openapi_finish(&table);
	if (!api->is_postgrest)
		note_unused(&table);
	return table.decl;
}

/* PostgREST describes itself in Swagger 2.0, and says so. */
static bool
is_by_postgrest(const OpenApi *api)
{
	const DocNode *parameters = dq_doc_object(api->root, "parameters");
	const char *url = dq_doc_text(dq_doc_object(api->root, "externalDocs"), "url");

	return api->is_swagger && dq_doc_member(parameters, "rangeUnit") &&
		dq_doc_member(parameters, "select") && url && strstr(url, "postgrest");
}

/* A path that became no table. */
typedef struct Loss
{
	const char *path;
	const char *why;
} Loss;

/* The path of an item that is looked up by its collection is not lost. */
static void
tell_losses(OpenApi *api, const Loss *losses, int n)
{
	for (int i = 0; i < n; i++)
		if (!dq_name_is_used(&api->looked_up, losses[i].path))
			dq_decl_leave_out(api->schema, "%s: %s", dq_words_line(losses[i].path, 200),
							  losses[i].why);
}

bool
dq_openapi_read(const DocNode *document, const ServerDefaults *defaults, SchemaDecl *schema,
				char **problem)
{
	OpenApi api = { .root = document, .defaults = defaults, .schema = schema };
	const DocNode *paths = dq_doc_object(document, "paths");
	const char **names = NULL;
	ItemPaths items = { 0 };
	Loss *losses = NULL;
	int nlosses = 0;
	int n = 0;

	if (!check_version(&api, problem))
		return false;
	if (paths == NULL)
	{
		*problem = pstrdup("it has no paths");
		return false;
	}
	api.is_postgrest = is_by_postgrest(&api);
	api.prefix = find_prefix(&api);
	schema->title = dq_doc_text(dq_doc_object(document, "info"), "title");
	collect_items(&items, paths);
	dq_doc_each(path, paths)
	{
		Operation operation;
		const char *why;
		TableDecl *table;

		if (++n > MAX_PATHS)
			break;
		if (!dq_openapi_operation(&api, path->key, path, &operation))
			continue;
		if (is_elsewhere(&api, path, operation.get))
		{
			losses = dq_decl_grow(losses, nlosses, sizeof(Loss));
			losses[nlosses++] = (Loss) { path->key, "it is served elsewhere" };
			continue;
		}
		table = make_table(&api, &operation, &items, &why);
		if (table)
			api.columns += table->ncolumns;
		if (api.columns > MAX_ALL_COLUMNS)
		{
			*problem = psprintf("its tables would have more than %d columns", MAX_ALL_COLUMNS);
			return false;
		}
		if (api.steps > MAX_STEPS)
		{
			*problem = pstrdup("it is too intricate: its schemas refer to each other too often");
			return false;
		}
		if (table == NULL)
		{
			losses = dq_decl_grow(losses, nlosses, sizeof(Loss));
			losses[nlosses++] = (Loss) { path->key, why };
			continue;
		}
		schema->tables = dq_decl_grow(schema->tables, schema->ntables, sizeof(TableDecl *));
		schema->tables[schema->ntables++] = table;
		names = dq_decl_grow(names, schema->ntables - 1, sizeof(char *));
		names[schema->ntables - 1] = path->key;
	}
	dq_openapi_names(schema, names);
	tell_losses(&api, losses, nlosses);
	return true;
}
