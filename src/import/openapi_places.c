/*
 * openapi_places.c
 *	  Where something stands in the answer around the rows: cursors, links, totals.
 */
#include "base.h"

#include "import/openapi_private.h"

/* Objects around the rows that tell of paging, and how deep they are searched. */
#define MAX_PLACE_DEPTH 3
static const char *const place_names[] = { "meta",		 "metadata",		  "paging",
										   "pagination", "page_info",		  "page",
										   "links",		 "cursors",			  "cursor",
										   "next",		 "response_metadata", "result_info",
										   "pager",		 "list_metadata",	  NULL };

/* A member that is found by name around the rows, or in an object there that tells of paging. */
typedef struct PlaceSearch
{
	OpenApi *api;
	const char *const *names;
	unsigned kinds;
	bool wants_url;
	const char *pointer; /* result */
	const Member *member;
} PlaceSearch;

/* A link: by its format, its name, its place, or its description. */
static bool
is_url(const char *place, const char *spoken, const SchemaFacts *facts)
{
	static const char *const words[] = { "url", "uri ", "link ", "hyperlink", NULL };
	static const char *const parts[] = { "url", "link", "href", "uri", NULL };

	if (facts->format &&
		(strncmp(facts->format, "uri", 3) == 0 || strcmp(facts->format, "url") == 0))
		return true;
	for (const char *const *part = parts; *part; part++)
		if (strstr(spoken, *part) || strstr(place, *part))
			return true;
	return facts->description && dq_words_mention(facts->description, words);
}

/* A token that may stand in a pointer without escapes; all others are not looked at. */
static bool
is_plain_token(const char *name)
{
	return strpbrk(name, "~/") == NULL && !dq_decl_has_control(name);
}

static bool
find_place(PlaceSearch *search, const MemberList *members, const char *base, int depth)
{
	for (const char *const *name = search->names; *name; name++)
		for (int i = 0; i < members->n; i++)
		{
			const Member *member = &members->items[i];
			const char *spoken = dq_name_snake(member->name);
			SchemaFacts facts = { 0 };

			if (strcmp(spoken, *name) != 0 || !is_plain_token(member->name))
				continue;
			dq_openapi_member_facts(search->api, member, &facts);
			if ((facts.kinds & search->kinds) == 0 ||
				(search->wants_url && !is_url(base, spoken, &facts)))
				continue;
			search->pointer = psprintf("%s/%s", base, member->name);
			search->member = member;
			return true;
		}
	for (int i = 0; depth < MAX_PLACE_DEPTH && i < members->n; i++)
	{
		const Member *member = &members->items[i];
		SchemaFacts facts = { 0 };
		MemberList inner = { 0 };

		if (!dq_words_is_one_of(dq_name_snake(member->name), place_names) ||
			!is_plain_token(member->name))
			continue;
		dq_openapi_member_facts(search->api, member, &facts);
		if ((facts.kinds & ~KIND_NULL) != KIND_OBJECT)
			continue;
		dq_openapi_members(search->api, member->schema, &inner);
		if (find_place(search, &inner, psprintf("%s/%s", base, member->name), depth + 1))
			return true;
	}
	return false;
}

/* {"links": {"next": {"href": "..."}}} */
const char *
dq_openapi_next_href(const Table *table)
{
	static const char *const names[] = { "href", NULL };
	PlaceSearch search = { table->api, names, KIND_STRING, true, NULL, NULL };

	if (find_place(&search, &table->rows.envelope, "", 0) && strstr(search.pointer, "/next/"))
		return search.pointer;
	return NULL;
}

const char *
dq_openapi_place(const Table *table, const char *const *names, unsigned kinds, bool wants_url)
{
	PlaceSearch search = { table->api, names, kinds, wants_url, NULL, NULL };

	return find_place(&search, &table->rows.envelope, "", 0) ? search.pointer : NULL;
}
