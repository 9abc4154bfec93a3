/*
 * introspection_lookup.c
 *	  How rows are looked up by their id: a field that takes one, or several.
 */
#include "base.h"

#include "import/introspection_private.h"

/* The only argument that has to be given, or the only one there is; NULL: another number. */
static const DocNode *
only_argument(Introspection *api, const DocNode *field)
{
	const DocNode *found = NULL;
	int needed = 0;

	dq_doc_each(argument, dq_doc_array(field, "args"))
	{
		bool is_needed = dq_introspection_type(api, argument).is_required &&
			dq_doc_text(argument, "defaultValue") == NULL;

		needed += is_needed;
		if (is_needed || found == NULL)
			found = argument;
	}
	return needed == 1 ||
			(needed == 0 && dq_doc_array(field, "args") && dq_doc_array(field, "args")->count == 1) ?
		found :
		NULL;
}

/* How good a field is for looking the key up: 2 for many ids, 1 for one, 0: not at all. */
static int
fitness(GraphqlTable *table, const GraphqlColumn *key, const DocNode *field,
		const DocNode **argument)
{
	TypeRef ref = dq_introspection_type(table->api, field);
	TypeRef given;
	const char *name;

	*argument = only_argument(table->api, field);
	if (*argument == NULL || field == table->field || ref.type == NULL ||
		ref.type != table->row.type || ref.lists > 1)
		return 0;
	given = dq_introspection_type(table->api, *argument);
	name = dq_doc_text(*argument, "name");
	if (name == NULL || strcmp(given.name, key->type.name) != 0)
		return 0;
	if (ref.lists == 1)
		return given.lists == 1 && strcmp(name, "ids") == 0 ? 2 : 0;
	return given.lists == 0 && strcmp(name, "id") == 0 ? 1 : 0;
}

void
dq_introspection_lookup(GraphqlTable *table)
{
	const GraphqlColumn *key = NULL;
	const DocNode *best = NULL;
	const char *argument_name = NULL;
	int best_fitness = 0;

	for (int i = 0; i < table->ncolumns; i++)
		if (table->columns[i].is_key)
			key = &table->columns[i];
	if (key == NULL || table->columns == NULL || (key->ops & COND_BIT(COND_IN)))
		return;
	dq_doc_each(field, dq_doc_array(table->api->query, "fields"))
	{
		const DocNode *argument;
		int fits;

		dq_introspection_step(table->api);
		fits = fitness(table, key, field, &argument);
		if (fits <= best_fitness)
			continue;
		best = field;
		best_fitness = fits;
		argument_name = dq_doc_text(argument, "name");
	}
	if (best)
		dq_decl_option(&table->decl->options, "lookup_field",
					   psprintf(best_fitness == 2 ? "%s(%s: [$%s])" : "%s(%s: $%s)",
								dq_doc_text(best, "name"), argument_name, key->name));
}
