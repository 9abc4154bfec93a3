/*
 * openapi_table.c
 *	  Columns of the rows' members and of what a request must say, and the declaration at the end.
 */
#include "base.h"

#include "import/openapi_private.h"

/* Bytes of a description that become a comment. */
#define MAX_COMMENT 1000

/* What an answer's representation depends on; sent by the transport, or with the credentials. */
static const char *const known_headers[] = {
	"accept",	  "authorization", "content_type",		"accept_encoding",
	"user_agent", "if_none_match", "if_modified_since", NULL
};

Column *
dq_openapi_new_column(Table *table, const char *name)
{
	Column *column;

	table->columns = dq_decl_grow(table->columns, table->ncolumns, sizeof(Column));
	column = &table->columns[table->ncolumns++];
	*column = (Column) { .name = dq_name_unique(&table->names, name) };
	return column;
}

/* "/name", escaped (RFC 6901 section 3). */
static char *
member_pointer(const char *base, const char *name)
{
	StringInfoData pointer;

	initStringInfo(&pointer);
	appendStringInfo(&pointer, "%s/", base);
	for (; *name; name++)
	{
		if (*name == '~' || *name == '/')
			appendStringInfo(&pointer, "~%d", *name == '/');
		else
			appendStringInfoChar(&pointer, *name);
	}
	return dq_decl_take(&pointer);
}

/* True when a member's column can be called as the member is. */
static bool
is_own_name(const char *name)
{
	return strlen(name) < NAMEDATALEN && strcmp(dq_name_snake(name), name) == 0 &&
		!dq_name_is_system(name);
}

/*
 * Columns of an object's members.  A member that is called what its column is called has the
 * first right to the name.
 */
static void
add_members(Table *table, const MemberList *members, const char *base)
{
	OpenApi *api = table->api;

	for (int i = 0; i < members->n; i++)
		if (is_own_name(members->items[i].name))
			dq_name_use(&table->names, members->items[i].name);
	for (int i = 0; i < members->n && table->ncolumns < MAX_COLUMNS; i++)
	{
		const Member *member = &members->items[i];
		SchemaFacts facts;
		ColumnType type = dq_openapi_member_type(api, member, &facts);
		Column *column;

		if (dq_decl_has_control(member->name))
		{
			dq_decl_note(table->decl, "a member whose name holds control characters has no column");
			continue;
		}
		if (facts.is_write_only)
			continue;
		table->columns = dq_decl_grow(table->columns, table->ncolumns, sizeof(Column));
		column = &table->columns[table->ncolumns++];
		*column = (Column) { .name = is_own_name(member->name) ?
								 member->name :
								 dq_name_unique(&table->names, dq_name_snake(member->name)),
							 .member = member->name,
							 .spoken = dq_name_snake(member->name),
							 .json = member_pointer(base, member->name),
							 .facts = facts,
							 .type = type };
	}
	if (members->n > MAX_COLUMNS)
		dq_decl_note(table->decl, "only the first %d of %d members have columns", MAX_COLUMNS,
					 members->n);
}

/* JSON:API: what a row says stands in "attributes", beside "id" and "type". */
static const Member *
attributes_of(OpenApi *api, const MemberList *members)
{
	const Member *attributes = dq_openapi_member(members, "attributes");
	SchemaFacts facts = { 0 };

	if (attributes == NULL || dq_openapi_member(members, "id") == NULL ||
		dq_openapi_member(members, "type") == NULL)
		return NULL;
	dq_openapi_facts(api, attributes->schema, &facts);
	return (facts.kinds & ~KIND_NULL) == KIND_OBJECT ? attributes : NULL;
}

static void
add_attributes(Table *table, MemberList *members, const Member *attributes)
{
	MemberList inner = { 0 };
	MemberList outer = { 0 };

	dq_openapi_members(table->api, attributes->schema, &inner);
	for (int i = 0; i < members->n; i++)
	{
		if (&members->items[i] == attributes)
			continue;
		outer.items = dq_decl_grow(outer.items, outer.n, sizeof(Member));
		outer.items[outer.n++] = members->items[i];
	}
	/* A second right to a name: the attributes come behind. */
	add_members(table, &outer, "");
	for (int i = 0; i < inner.n; i++)
	{
		MemberList one = { .n = 1, .items = &inner.items[i] };

		if (is_own_name(inner.items[i].name) && dq_name_is_used(&table->names, inner.items[i].name))
			dq_decl_note(table->decl,
						 "attribute \"%s\" has no column, since the row has a member of the same name",
						 inner.items[i].name);
		else
			add_members(table, &one, "/attributes");
	}
}

/* False when the rows have no shape that columns could be made of. */
bool
dq_openapi_columns(Table *table)
{
	OpenApi *api = table->api;
	MemberList members = { 0 };
	SchemaFacts facts = { 0 };
	const Member *attributes;
	Column *column;

	dq_openapi_facts(api, table->rows.element, &facts);
	if ((facts.kinds & ~KIND_NULL) == KIND_OBJECT)
		dq_openapi_members(api, table->rows.element, &members);
	if (members.n > 0)
	{
		attributes = attributes_of(api, &members);
		if (attributes)
			add_attributes(table, &members, attributes);
		else
			add_members(table, &members, "");
		return table->ncolumns > 0;
	}
	/* Scalars, arrays, or objects of which nothing is known: the element is the column. */
	column = dq_openapi_new_column(table, "value");
	column->member = "";
	column->spoken = "";
	column->json = "";
	column->facts = facts;
	column->type = dq_openapi_type(api, &facts);
	return true;
}

/* A part of a query string that is sent as it stands; false when it cannot be written. */
static bool
add_fixed(Table *table, const char *name, const char *value)
{
	if (strpbrk(name, "&=#+%?{} ") || strpbrk(value, "&=#+%?{} ") || dq_decl_has_control(name) ||
		dq_decl_has_control(value))
		return false;
	table->fixed = psprintf("%s%s%s=%s", table->fixed, table->fixed[0] ? "&" : "", name, value);
	return true;
}

/* The only value that a parameter may have, or its default. */
static const char *
given_value(const Param *param)
{
	const DocNode *values = param->facts.values;

	if (param->facts.fallback)
		return dq_doc_scalar_text(param->facts.fallback);
	return values && values->count == 1 ? dq_doc_scalar_text(values->first) : NULL;
}

/* Credentials do not belong into conditions. */
static bool
is_credential(const OpenApi *api, const Param *param)
{
	static const char *const names[] = { "api_key",		"apikey",		 "access_token",
										 "auth_token",	"client_secret", "x_api_key",
										 "app_key",		"appid",		 "app_id",
										 "oauth_token", "password",		 NULL };
	const DocNode *schemes = dq_doc_object(dq_doc_object(api->root, "components"),
										   "securitySchemes");

	if (api->is_swagger)
		schemes = dq_doc_object(api->root, "securityDefinitions");
	dq_doc_each(scheme, schemes)
	{
		const char *name = dq_doc_text(scheme, "name");
		const char *place = dq_doc_text(scheme, "in");

		if (name && place && strcmp(place, "query") == 0 && strcmp(name, param->name) == 0)
			return true;
	}
	return dq_words_is_one_of(param->spoken, names);
}

static void
note_required_elsewhere(Table *table, const Param *param)
{
	if (param->place == IN_HEADER && !dq_words_is_one_of(param->spoken, known_headers))
		dq_decl_note(table->decl,
					 "the service requires header \"%s\": see option \"headers\" of the server",
					 param->name);
	else if (param->place == IN_COOKIE)
		dq_decl_note(table->decl, "the service requires cookie \"%s\", which cannot be sent",
					 param->name);
}

/*
 * What a request must say and no column of the rows does: a fixed value, or a column of its own.
 */
bool
dq_openapi_request_columns(Table *table)
{
	const Operation *operation = table->operation;

	for (int i = 0; i < operation->nparams; i++)
	{
		Param *param = &operation->params[i];
		const char *given = given_value(param);
		Column *column;

		if (!param->is_required || param->is_used)
			continue;
		if (param->place != IN_QUERY)
		{
			note_required_elsewhere(table, param);
			continue;
		}
		param->is_used = true;
		if (is_credential(table->api, param))
		{
			dq_decl_note(table->decl,
						 "parameter \"%s\" is a credential: it belongs to the user mapping (api_key_in 'query:%s')",
						 param->name, param->name);
			continue;
		}
		if (given && add_fixed(table, param->name, given))
			continue;
		if (dq_decl_has_control(param->name) || table->ncolumns >= MAX_COLUMNS)
			return false;
		column = dq_openapi_new_column(table,
									   dq_name_is_used(&table->names, param->spoken) ?
										   psprintf("%s_param", param->spoken) :
										   param->spoken);
		column->facts = param->facts;
		column->type = param->type.is_scalar ? param->type : (ColumnType) { "text", NULL, true };
		/* A condition on these types is not asked of services. */
		if (strcmp(column->type.name, "bytea") == 0 || strcmp(column->type.name, "inet") == 0)
			column->type = (ColumnType) { "text", NULL, true };
		column->param = param->name;
		column->ops = COND_BIT(COND_EQ);
		column->spell[COND_EQ] = "{name}={value}";
		column->from_request = true;
		column->facts.description = param->description;
	}
	return true;
}

/*
 * The declaration
 */

/* A spelling as the column's parameter makes of a template: "{name}" is filled in. */
static char *
fill_name(const char *spelling, const char *param)
{
	StringInfoData filled;

	initStringInfo(&filled);
	while (*spelling)
	{
		if (strncmp(spelling, "{name}", 6) == 0)
		{
			/* Braces of a name stand for themselves. */
			for (const char *c = param; *c; c++)
				appendStringInfo(&filled, *c == '{' || *c == '}' ? "%c%c" : "%c", *c, *c);
			spelling += 6;
		}
		else
			appendStringInfoChar(&filled, *spelling++);
	}
	return dq_decl_take(&filled);
}

static bool
needs_spell(const Table *table, const Dialect *dialect, const Column *column, ConditionOp op)
{
	const char *preset = table->api->defaults->spell[op];

	if (preset == NULL)
		preset = dialect->spell[op];
	if (column->spell[op] == NULL || !(column->ops & COND_BIT(op)))
		return false;
	return preset == NULL ||
		strcmp(fill_name(preset, column->param), fill_name(column->spell[op], column->param)) != 0;
}

/* How many spellings have to be written under a dialect. */
static int
count_spells(const Table *table, const Dialect *dialect)
{
	int n = 0;

	for (int i = 0; i < table->ncolumns; i++)
		for (int op = 0; op < COND_COUNT; op++)
			n += needs_spell(table, dialect, &table->columns[i], op);
	return n;
}

/* Another dialect than the server's, where that says more with fewer words. */
static const Dialect *
choose_dialect(const Table *table)
{
	const Dialect *const *all = dq_dialect_all();
	const Dialect *best = table->api->defaults->dialect;
	int least = count_spells(table, best);

	if (table->dialect)
		return dq_dialect_find(table->dialect);
	for (; *all; all++)
	{
		int n = count_spells(table, *all);

		/* Its other presets (total, headers) come along, so it has to be worth it. */
		if (n < least && n <= least - 2)
		{
			least = n;
			best = *all;
		}
	}
	return best;
}

static const char *
ops_text(ConditionOpSet ops)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int op = 0; op < COND_COUNT; op++)
		if ((ops & COND_BIT(op)) && op != COND_NOTNULL)
			appendStringInfo(&text, "%s%s", text.len ? " " : "", dq_condition_op_name(op));
	return dq_decl_take(&text);
}

static void
declare_column(const Table *table, const Dialect *dialect, const Column *column)
{
	static const char *const spell_names[COND_COUNT] = { "spell_eq",	 "spell_ne",   "spell_lt",
														 "spell_le",	 "spell_gt",   "spell_ge",
														 "spell_in",	 "spell_like", "spell_null",
														 "spell_notnull" };
	ColumnDecl *decl = dq_decl_column(table->decl, column->name, column->type.name);
	OptionDecls *options = &decl->options;

	if (column->json && strcmp(column->json, member_pointer("", column->name)) != 0)
		dq_decl_option(options, "json", column->json);
	if (column->type.format)
		dq_decl_option(options, "format", column->type.format);
	if (column->is_key)
		dq_decl_option(options, "key", "true");
	if (column->ops)
	{
		dq_decl_option(options, "filter", ops_text(column->ops));
		if (strcmp(column->param, column->name) != 0)
			dq_decl_option(options, "param", column->param);
		for (int op = 0; op < COND_COUNT; op++)
			if (needs_spell(table, dialect, column, op))
				dq_decl_option(options, spell_names[op], column->spell[op]);
	}
	if (column->is_required)
		dq_decl_option(options, "required", "true");
	if (column->from_request)
		dq_decl_option(options, "from", "request");
	if (column->default_param)
		dq_decl_option(options, "default_param", column->default_param);
	if (column->facts.description && column->facts.description[0])
		decl->comment = dq_words_line(column->facts.description, MAX_COMMENT);
}

/* The server's setting, else the dialect's. */
static const char *
default_of(const Table *table, const Dialect *dialect, const char *option)
{
	const ServerDefaults *server = table->api->defaults;

	if (strcmp(option, "page_param") == 0)
		return server->page_param ? server->page_param : dialect->page_param;
	if (strcmp(option, "size_param") == 0)
		return server->size_param ? server->size_param : dialect->size_param;
	if (strcmp(option, "offset_param") == 0)
		return server->offset_param ? server->offset_param : dialect->offset_param;
	if (strcmp(option, "cursor_param") == 0)
		return server->cursor_param ? server->cursor_param : dialect->cursor_param;
	if (strcmp(option, "next") == 0)
		return server->next ? server->next : dialect->next;
	if (strcmp(option, "total") == 0)
		return server->total ? server->total : dialect->total;
	if (strcmp(option, "first_page") == 0)
	{
		const char *kind = dq_decl_option_value(&table->paging, "paging");

		if (server->first_page)
			return server->first_page;
		return kind && strcmp(kind, "page") == 0 ? psprintf("%d", dialect->first_page) : "0";
	}
	return NULL;
}

void
dq_openapi_finish(Table *table)
{
	const Dialect *dialect = choose_dialect(table);
	TableDecl *decl = table->decl;
	const DocNode *get = table->operation->get;
	const char *text = dq_doc_text(get, "summary");

	dq_decl_option(&decl->options, "path",
				   psprintf("%s%s%s%s", table->api->prefix, table->path,
							table->fixed[0] == '\0'		 ? "" :
								strchr(table->path, '?') ? "&" :
														   "?",
							table->fixed));
	if (table->lookup_path)
		dq_decl_option(&decl->options, "lookup_path",
					   psprintf("%s%s", table->api->prefix, table->lookup_path));
	if (table->rows.pointer[0])
		dq_decl_option(&decl->options, "rows", table->rows.pointer);
	if (table->lookup_rows && table->lookup_rows[0])
		dq_decl_option(&decl->options, "lookup_rows", table->lookup_rows);
	if (dialect != table->api->defaults->dialect)
		dq_decl_option(&decl->options, "dialect", dialect->name);
	for (int i = 0; i < table->paging.n; i++)
	{
		const OptionDecl *option = &table->paging.items[i];
		const char *preset = default_of(table, dialect, option->name);

		if (preset == NULL || strcmp(preset, option->value) != 0)
			dq_decl_option(&decl->options, option->name, option->value);
	}
	for (int i = 0; i < table->ncolumns; i++)
		declare_column(table, dialect, &table->columns[i]);
	if (text == NULL || text[0] == '\0')
		text = dq_doc_text(get, "description");
	if (text && text[0])
		decl->comment = dq_words_line(text, MAX_COMMENT);
}
