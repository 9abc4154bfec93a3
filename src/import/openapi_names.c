/*
 * openapi_names.c
 *	  What the tables are called: after the words of their paths.
 *
 * /users/{username}/repos is users_repos; "api", "rest" and versions in front are left out.  Where
 * two paths come out the same, those with placeholders say them (users_by_username_repos), then
 * what was left out is put back, then a hash of the path is added.
 */
#include "base.h"

#include "common/hashfn.h"
#include "import/openapi_private.h"

/* How much of a path its name says. */
typedef enum NameForm
{
	FORM_SHORT,
	FORM_PLACEHOLDERS,
	FORM_WHOLE,
	FORM_HASHED
} NameForm;

/* "v1", "v2.1", "1.0", "2021-01-01"; "api", "rest". */
static bool
is_prefix_word(const char *segment)
{
	const char *c = segment;

	if (pg_strcasecmp(segment, "api") == 0 || pg_strcasecmp(segment, "rest") == 0)
		return true;
	if (*c == 'v' || *c == 'V')
		c++;
	return *c >= '0' && *c <= '9' && c[strspn(c, "0123456789.-")] == '\0';
}

/* One segment as words: placeholders as "by_name", or not at all. */
static void
append_segment(StringInfo name, const char *segment, NameForm form)
{
	while (*segment)
	{
		size_t len = strcspn(segment, "{");
		const char *close = segment[len] ? strchr(segment + len, '}') : NULL;

		if (len > 0)
			appendStringInfo(name, "%s%s", name->len > 0 ? "_" : "",
							 dq_name_snake(pnstrdup(segment, len)));
		if (close == NULL)
			return;
		if (form != FORM_SHORT)
			appendStringInfo(name, "%sby_%s", name->len > 0 ? "_" : "",
							 dq_name_snake(pnstrdup(segment + len + 1, close - segment - len - 1)));
		segment = close + 1;
	}
}

static char *
make_name(const char *path, NameForm form)
{
	StringInfoData name;
	bool is_front = true;

	initStringInfo(&name);
	for (const char *c = path; *c;)
	{
		size_t len;
		char *segment;

		c += strspn(c, "/");
		len = strcspn(c, "/");
		if (len == 0)
			break;
		segment = pnstrdup(c, len);
		c += len;
		is_front = is_front && is_prefix_word(segment);
		if (!is_front || form >= FORM_WHOLE)
			append_segment(&name, segment, form);
	}
	if (name.len == 0)
		appendStringInfoString(&name, "root");
	if (form == FORM_HASHED)
		appendStringInfo(&name, "_%08x",
						 hash_bytes((const unsigned char *) path, (int) strlen(path)));
	return dq_name_cut(name.data);
}

/* paths are of the tables, in their order; sets decl->name of each. */
void
dq_openapi_names(SchemaDecl *schema, const char *const *paths)
{
	int n = schema->ntables;
	NameForm *forms = palloc0(sizeof(NameForm) * Max(n, 1));
	bool has_clash = n > 0;

	for (int i = 0; i < n; i++)
		schema->tables[i]->name = make_name(paths[i], FORM_SHORT);
	for (int round = 0; has_clash && round < FORM_HASHED + 1; round++)
	{
		NameSet once = { 0 };
		NameSet twice = { 0 };

		has_clash = false;
		for (int i = 0; i < n; i++)
			dq_name_use(dq_name_is_used(&once, schema->tables[i]->name) ? &twice : &once,
						schema->tables[i]->name);
		for (int i = 0; i < n; i++)
		{
			const char *name = schema->tables[i]->name;

			if (!dq_name_is_used(&twice, name))
				continue;
			/* One that says all of its path already stays, if it is the only such one. */
			if (forms[i] == FORM_SHORT && strcmp(make_name(paths[i], FORM_WHOLE), name) == 0)
			{
				forms[i] = FORM_PLACEHOLDERS;
				continue;
			}
			if (forms[i] < FORM_HASHED)
				forms[i]++;
			schema->tables[i]->name = make_name(paths[i], forms[i]);
			has_clash = true;
		}
	}
	/* Hashes may clash, too, and so may paths that differ in slashes. */
	NameSet used = { 0 };

	for (int i = 0; i < n; i++)
		schema->tables[i]->name = dq_name_unique(&used, schema->tables[i]->name);
}
