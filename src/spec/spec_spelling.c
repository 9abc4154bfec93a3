/*
 * spec_spelling.c
 *	  How a table's conditions are joined, its order, its extent said: dialect and options together.
 */
#include "postgres.h"

#include "spec/spec_private.h"

/* The dialect's ways to join conditions, NULL where it has none. */
static const Logic *
build_logic(const Dialect *dialect)
{
	const char *const *names = dq_logic_placeholders();
	Logic *logic;

	if (dialect->any == NULL)
		return NULL;
	logic = palloc0(sizeof(Logic));
	logic->whole = dq_spec_template(dialect->whole, names);
	logic->top = dq_spec_template(dialect->top, names);
	logic->all = dq_spec_template(dialect->all, names);
	logic->any = dq_spec_template(dialect->any, names);
	logic->all_joiner = dialect->all_joiner;
	logic->any_joiner = dialect->any_joiner;
	return logic;
}

/* True when the query string of a path has a parameter of this name already. */
static bool
path_has_parameter(const Template *path, const char *name, size_t len)
{
	for (int i = 0; i < path->nparts; i++)
	{
		const char *at = path->parts[i].literal ? strpbrk(path->parts[i].literal, "?&") : NULL;

		for (; at; at = strpbrk(at + 1, "?&"))
			if (strncmp(at + 1, name, len) == 0 && at[1 + len] == '=')
				return true;
	}
	return false;
}

/*
 * How LIMIT and the members needed are said.  A page's size says the first where there are pages;
 * a path that lists members itself means what it says.
 */
static void
build_extent(TableSpec *table, const OptionValues *values)
{
	const Dialect *dialect = values->dialect;
	const char *fields = dq_spec_option_or_dialect(values, OPT_SPELL_FIELDS, dialect->spell_fields);
	const char *limit = table->paging.kind == PAGING_NONE ? dialect->spell_limit : NULL;

	if (table->graphql)
		return;
	table->spell_limit = dq_spec_template(dq_spec_option_or_dialect(values, OPT_SPELL_LIMIT, limit),
										  dq_limit_placeholders());
	if (fields && !path_has_parameter(table->path, fields, strcspn(fields, "=")))
		table->spell_fields = dq_spec_template(fields, dq_fields_placeholders());
}

void
dq_spec_build_spelling(TableSpec *table, const OptionValues *values)
{
	table->logic = table->graphql ? NULL : build_logic(values->dialect);
	if (table->graphql == NULL)
		table->spell_sort = dq_spec_template(dq_spec_option_or_dialect(values, OPT_SPELL_SORT,
																	   values->dialect->spell_sort),
											 dq_sort_placeholders());
	table->sort_asc = dq_spec_template(values->dialect->sort_asc ? values->dialect->sort_asc :
																   "{name}",
									   dq_sort_key_placeholders());
	table->sort_desc = dq_spec_template(values->dialect->sort_desc ? values->dialect->sort_desc :
																	 "-{name}",
										dq_sort_key_placeholders());
	build_extent(table, values);
}
