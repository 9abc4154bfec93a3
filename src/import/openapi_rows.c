/*
 * openapi_rows.c
 *	  Where the rows stand in an answer: it is an array, or an object around exactly one that can
 *	  be meant (an envelope).
 *
 * An object that merely has an array among its members is no envelope: a user with a list of
 * addresses is one user.  So the array has to have a name that envelopes use, or that of the path,
 * or everything around it has to be what envelopes hold (counts, links, cursors).
 */
#include "base.h"

#include "import/openapi_private.h"

/* Names under which envelopes keep their rows, in lower-case words. */
static const char *const row_names[] = { "data",	   "items",	   "results",	"result",
										 "rows",	   "records",  "entries",	"values",
										 "value",	   "list",	   "content",	"objects",
										 "hits",	   "elements", "resources", "documents",
										 "collection", "nodes",	   NULL };

/* Names of objects that hold the rows one level deeper. */
static const char *const wrapper_names[] = { "data",	   "result", "results",	 "response",
											 "payload",	   "body",	 "embedded", "_embedded",
											 "collection", NULL };

/* What stands around the rows. */
static const char *const envelope_names[] = { "total",
											  "count",
											  "page",
											  "pages",
											  "per_page",
											  "page_size",
											  "page_count",
											  "page_number",
											  "page_token",
											  "limit",
											  "offset",
											  "size",
											  "start",
											  "skip",
											  "next",
											  "prev",
											  "previous",
											  "first",
											  "last",
											  "links",
											  "meta",
											  "metadata",
											  "has_more",
											  "has_next",
											  "has_previous",
											  "more",
											  "cursor",
											  "cursors",
											  "next_cursor",
											  "previous_cursor",
											  "prev_cursor",
											  "next_token",
											  "next_page",
											  "next_page_token",
											  "pagination",
											  "paging",
											  "page_info",
											  "pageable",
											  "total_count",
											  "total_pages",
											  "total_items",
											  "total_results",
											  "total_elements",
											  "total_size",
											  "total_records",
											  "max_results",
											  "max_items",
											  "start_at",
											  "start_index",
											  "items_per_page",
											  "is_last",
											  "is_last_page",
											  "is_truncated",
											  "marker",
											  "next_marker",
											  "object",
											  "kind",
											  "etag",
											  "url",
											  "self",
											  "href",
											  "status",
											  "success",
											  "ok",
											  "error",
											  "errors",
											  "message",
											  "messages",
											  "code",
											  "warnings",
											  "warning",
											  "request_id",
											  "response_metadata",
											  "incomplete_results",
											  "api_version",
											  "version",
											  "result_info",
											  "result_set",
											  "took",
											  "time",
											  "timestamp",
											  "sort",
											  "order",
											  "query",
											  "filter",
											  "filters",
											  "expand",
											  "included",
											  "jsonapi",
											  "continuation_token",
											  "sync_token",
											  "odata_context",
											  "odata_next_link",
											  "odata_count",
											  "next_link",
											  "next_url",
											  "next_page_url",
											  "prev_page_url",
											  "previous_page_url",
											  "first_page_url",
											  "last_page_url",
											  "current_page",
											  "last_page",
											  "from",
											  "to",
											  "number_of_elements",
											  "empty",
											  "num_results",
											  "num_pages",
											  "result_count",
											  "unreachable",
											  "next_href",
											  NULL };

/* One token of a JSON Pointer, escaped (RFC 6901 section 3). */
static char *
pointer_to(const char *base, const char *name)
{
	StringInfoData pointer;

	initStringInfo(&pointer);
	appendStringInfo(&pointer, "%s/", base);
	for (; *name; name++)
	{
		if (*name == '~')
			appendStringInfoString(&pointer, "~0");
		else if (*name == '/')
			appendStringInfoString(&pointer, "~1");
		else
			appendStringInfoChar(&pointer, *name);
	}
	return dq_decl_take(&pointer);
}

/* The schema of the elements, where a schema is an array and nothing else. */
static const DocNode *
array_elements(OpenApi *api, const DocNode *schema)
{
	SchemaFacts facts = { 0 };

	dq_openapi_facts(api, schema, &facts);
	return (facts.kinds & ~KIND_NULL) == KIND_ARRAY ? facts.items : NULL;
}

static bool
holds_objects(OpenApi *api, const DocNode *element)
{
	SchemaFacts facts = { 0 };

	dq_openapi_facts(api, element, &facts);
	return (facts.kinds & ~KIND_NULL) == KIND_OBJECT;
}

static bool
is_object(OpenApi *api, const DocNode *schema)
{
	return holds_objects(api, schema);
}

/* Everything but the rows is what an envelope holds. */
static bool
is_all_envelope(const MemberList *members, const char *rows)
{
	for (int i = 0; i < members->n; i++)
	{
		const char *name = members->items[i].name;

		Assert(name != NULL);
		if (strcmp(name, rows) != 0 && name[0] != '_' &&
			!dq_words_is_one_of(dq_name_snake(name), envelope_names))
			return false;
	}
	return true;
}

/*
 * The member of an object that holds the rows, NULL where none or several could; *elements is the
 * schema of theirs.
 */
static const char *
rows_member(OpenApi *api, const MemberList *members, const char *segment, const DocNode **elements)
{
	const char *by_path = NULL;
	const char *by_name = NULL;
	const char *alone = NULL;
	const DocNode *path_elements = NULL;
	const DocNode *name_elements = NULL;
	const DocNode *alone_elements = NULL;
	int n = 0;

	for (int i = 0; i < members->n; i++)
	{
		const Member *member = &members->items[i];
		const DocNode *element = array_elements(api, member->schema);
		const char *spoken = dq_name_snake(member->name);

		if (element == NULL || dq_decl_has_control(member->name))
			continue;
		if (segment[0] && strcmp(spoken, segment) == 0)
		{
			by_path = member->name;
			path_elements = element;
		}
		if (dq_words_is_one_of(spoken, row_names) && by_name == NULL)
		{
			by_name = member->name;
			name_elements = element;
		}
		if (!holds_objects(api, element) || strcmp(spoken, "errors") == 0 ||
			strcmp(spoken, "warnings") == 0 || strcmp(spoken, "links") == 0)
			continue;
		n++;
		alone = member->name;
		alone_elements = element;
	}
	if (by_path && (by_name == NULL || holds_objects(api, path_elements)))
	{
		*elements = path_elements;
		return by_path;
	}
	if (by_name &&
		(holds_objects(api, name_elements) || (n == 0 && is_all_envelope(members, by_name))))
	{
		*elements = name_elements;
		return by_name;
	}
	*elements = alone_elements;
	return n == 1 && alone && is_all_envelope(members, alone) ? alone : NULL;
}

/* True for a path that ends with a placeholder: what it answers is one item. */
static bool
is_item_path(const char *path)
{
	size_t len = strlen(path);

	while (len > 0 && path[len - 1] == '/')
		len--;
	return len > 0 && path[len - 1] == '}';
}

/* One level deeper: {"data": {"items": [...]}}, {"_embedded": {"orders": [...]}}. */
static const char *
wrapped_rows(OpenApi *api, const MemberList *members, const char *segment, RowsPlace *rows)
{
	const char *found = NULL;

	for (int i = 0; i < members->n; i++)
	{
		const Member *member = &members->items[i];
		const char *spoken = dq_name_snake(member->name);
		MemberList inner = { 0 };
		const DocNode *elements;
		const char *name;

		if (!dq_words_is_one_of(spoken, wrapper_names) && strcmp(spoken, segment) != 0)
			continue;
		if (!is_object(api, member->schema) || dq_decl_has_control(member->name))
			continue;
		dq_openapi_members(api, member->schema, &inner);
		name = rows_member(api, &inner, segment, &elements);
		if (name == NULL)
			continue;
		if (found)
			return NULL;
		found = pointer_to(pointer_to("", member->name), name);
		rows->element = elements;
	}
	return found;
}

bool
dq_openapi_rows(OpenApi *api, const Operation *operation, RowsPlace *rows, const char **why)
{
	const char *segment = dq_words_last_segment(operation->path);
	const char *name;

	memset(rows, 0, sizeof(*rows));
	*why = NULL;
	if (operation->answer == NULL)
	{
		*why = "it answers without a schema in JSON";
		return false;
	}
	rows->pointer = "";
	rows->element = array_elements(api, operation->answer);
	if (rows->element)
		return true;
	if (!is_object(api, operation->answer))
	{
		*why = "its answer is neither an array nor an object";
		return false;
	}
	if (is_item_path(operation->path))
	{
		*why = "its answer is one item";
		return false;
	}
	dq_openapi_members(api, operation->answer, &rows->envelope);
	name = rows_member(api, &rows->envelope, segment, &rows->element);
	if (name)
	{
		rows->pointer = pointer_to("", name);
		return true;
	}
	rows->pointer = wrapped_rows(api, &rows->envelope, segment, rows);
	if (rows->pointer == NULL)
		*why = "its answer is an object without one array that is the collection";
	return rows->pointer != NULL;
}

const char *
dq_openapi_item_place(OpenApi *api, const DocNode *answer, const char *member)
{
	MemberList members = { 0 };
	const char *found = NULL;

	if (answer == NULL || !is_object(api, answer))
		return NULL;
	dq_openapi_members(api, answer, &members);
	if (dq_openapi_member(&members, member))
		return "";
	for (int i = 0; i < members.n; i++)
	{
		MemberList inner = { 0 };

		if (!is_object(api, members.items[i].schema) || dq_decl_has_control(members.items[i].name))
			continue;
		dq_openapi_members(api, members.items[i].schema, &inner);
		if (dq_openapi_member(&inner, member) == NULL)
			continue;
		/* Two objects that have it: which one is the row? */
		if (found)
			return NULL;
		found = pointer_to("", members.items[i].name);
	}
	return found;
}
