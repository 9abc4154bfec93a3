/*
 * bind_graphql.c
 *	  A question to a GraphQL service: the text of a query, and the values of its variables.
 *
 * The query selects the columns that the scan decodes, and nothing else.  Each condition is an
 * argument whose value is a variable of its own; so are the parameters of paging.  A lookup asks
 * for many keys in one request: the field once for each key under an alias (k0, k1, ...), the field
 * once with a list, or _entities with a representation of each key.
 *
 * The outcome is a BodyTemplate, {"query": "...", "variables": {...}}, with a hole for each
 * variable: what paging has no value for is left out, and is null to the service.
 */
#include "postgres.h"

#include "fdw/bind_private.h"
#include "fdw/spell_value.h"

typedef struct Variable
{
	char *name;
	const char *hole; /* of paging: "{$size}"; else NULL */
	BodyValue value;
} Variable;

typedef struct Builder
{
	const Choice *choice;
	const TableSpec *table;
	GraphqlQuery *query;
	int nvariables;
	int max_variables;
	Variable *variables;
	int key; /* of a lookup: value at hand of the part that has many */
} Builder;

static bool
is_taken(const Builder *builder, const char *name)
{
	for (int i = 0; i < builder->nvariables; i++)
		if (strcmp(builder->variables[i].name, name) == 0)
			return true;
	return false;
}

/* Declares a variable, named as wanted or with a line behind; returns its name. */
static const char *
add_variable(Builder *builder, const char *wanted, const char *type, const char *hole,
			 BodyValue value)
{
	char *name = pstrdup(wanted);

	while (is_taken(builder, name))
		name = psprintf("%s_", name);
	if (builder->nvariables == builder->max_variables)
	{
		builder->max_variables = Max(8, builder->max_variables * 2);
		builder->variables = builder->variables ?
			repalloc(builder->variables, sizeof(Variable) * builder->max_variables) :
			palloc(sizeof(Variable) * builder->max_variables);
	}
	builder->variables[builder->nvariables++] = (Variable) { name, hole, value };
	dq_graphql_declare(builder->query, name, type);
	return name;
}

/* A variable's name for a column, which may be called what GraphQL does not allow. */
static const char *
column_variable(const ColumnSpec *column, const char *suffix)
{
	return psprintf("%s%s",
					dq_graphql_is_name(column->name) ? column->name :
													   psprintf("v%d", column->attnum),
					suffix);
}

/* "T!" or "[T!]!": fits wherever T or [T] is expected, required or not. */
static const char *
variable_type(const ColumnSpec *column, bool is_list)
{
	return psprintf(is_list ? "[%s!]!" : "%s!", column->variable_type);
}

static BodyValue
json_values(const Term *term, const char *const *texts, int n, bool is_list)
{
	BodyValue value = { .is_list = is_list && !term->value->is_unknown, .nvalues = n };

	value.values = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
		value.values[i] = dq_json_value(dq_spell_json_form(term->column), texts[i]);
	return value;
}

static int
find_term(const Builder *builder, const char *column)
{
	for (int i = 0; i < builder->choice->binder->nterms; i++)
		if (strcmp(builder->choice->binder->terms[i].column->name, column) == 0)
			return i;
	return -1;
}

/* The text of a key's value of one column: its own, or the one that all keys share. */
static const char *
key_text(const Builder *builder, int term)
{
	const Part *part = builder->choice->parts[term];

	return part->texts[part->nvalues > 1 ? builder->key : 0];
}

/* What "$column" in the arguments of a field becomes: a variable with the value of a condition. */
static const char *
name_value(const char *column, void *arg)
{
	Builder *builder = arg;
	int i = find_term(builder, column);
	const char **names;
	bool *lists;
	bool is_lookup = builder->choice->binder->plan->is_lookup;
	const GraphqlSpec *graphql = builder->table->graphql;
	int n = dq_graphql_field_variables(is_lookup ? graphql->lookup_field : graphql->field, &names,
									   &lists);
	bool is_list = false;
	const Term *term;
	const char *text;

	if (i < 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("options of foreign table \"%s\" were changed while the query was planned",
						builder->table->name),
				 errhint("Run the query again.")));
	term = &builder->choice->binder->terms[i];
	for (int v = 0; v < n; v++)
		if (strcmp(names[v], column) == 0)
			is_list = lists[v];
	if (is_list)
	{
		const Part *part = builder->choice->parts[i];

		return add_variable(builder, column, variable_type(term->column, true), NULL,
							json_values(term, part->texts, part->nvalues, true));
	}
	text = key_text(builder, i);
	return add_variable(builder,
						builder->key > 0 ? psprintf("%s_%d", column, builder->key) : column,
						variable_type(term->column, false), NULL,
						json_values(term, &text, 1, false));
}

/* True when an argument that is a list takes the value of "=", too. */
static bool
shares_argument(const ColumnSpec *column, const char *path)
{
	GraphqlSpelling list;

	return dq_bind_takes_lists(column) && column->spell[COND_IN] &&
		dq_graphql_spell(column->spell[COND_IN], column->param, &list) &&
		list.kind == GRAPHQL_SPELL_LIST && strcmp(list.path, path) == 0;
}

static void
refuse_argument(const Builder *builder, const char *path)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_ERROR),
			 errmsg("could not ask foreign table \"%s\": its argument \"%s\" would be given twice",
					builder->table->name, path),
			 errhint("Spell conditions as arguments of different names.")));
}

/* A condition as an argument of the collection's field. */
static void
add_argument(Builder *builder, GraphqlSelection *selection, const Term *term, const Part *part)
{
	static const char *const suffixes[COND_COUNT] = {
		[COND_NE] = "_ne", [COND_LT] = "_lt", [COND_LE] = "_le",
		[COND_GT] = "_gt", [COND_GE] = "_ge", [COND_LIKE] = "_like"
	};
	const ColumnSpec *column = term->column;
	ConditionOp op = dq_bind_part_op(term, part);
	GraphqlSpelling spelling;
	BodyValue value;
	const char *given;
	bool is_list;

	if (column->spell[op] == NULL || !dq_graphql_spell(column->spell[op], column->param, &spelling))
		elog(ERROR, "operator \"%s\" of column \"%s\" has no argument", dq_condition_op_name(op),
			 column->name);
	if (spelling.kind == GRAPHQL_SPELL_LITERAL)
	{
		if (!dq_graphql_argue(selection, spelling.path, spelling.literal, true))
			refuse_argument(builder, spelling.path);
		return;
	}
	is_list = spelling.kind == GRAPHQL_SPELL_LIST ||
		(op == COND_EQ && shares_argument(column, spelling.path));
	if (op == COND_LIKE)
	{
		const char **text = palloc(sizeof(char *));

		*text = dq_json_value(JSON_FORM_STRING,
							  spelling.kind == GRAPHQL_SPELL_REGEX ?
								  dq_condition_like_regex(part->texts[0]) :
								  dq_condition_like_pattern(part->texts[0]));
		value = (BodyValue) { false, 1, text };
	}
	else
		value = json_values(term, part->texts, part->nvalues, is_list);
	given = add_variable(builder, column_variable(column, suffixes[op] ? suffixes[op] : ""),
						 variable_type(column, is_list), NULL, value);
	if (!dq_graphql_argue(selection, spelling.path, given, false))
		refuse_argument(builder, spelling.path);
}

/* default_param of the columns that the question does not restrict. */
static void
add_fixed_arguments(Builder *builder, GraphqlSelection *selection)
{
	for (int i = 0; i < builder->table->natts; i++)
	{
		const ColumnSpec *column = &builder->table->columns[i];
		char *path;
		char *equal;

		if (column->is_dropped || column->default_param == NULL ||
			find_term(builder, column->name) >= 0)
			continue;
		path = pstrdup(column->default_param);
		equal = strchr(path, '=');
		*equal = '\0';
		if (!dq_graphql_argue(selection, path, equal + 1, true))
			refuse_argument(builder, path);
	}
}

static void
add_paging_argument(Builder *builder, GraphqlSelection *selection, const char *path,
					const char *name, const char *type, const char *hole)
{
	const char *given = add_variable(builder, name, type, hole, (BodyValue) { 0 });

	if (!dq_graphql_argue(selection, path, given, false))
		refuse_argument(builder, path);
}

static void
add_paging(Builder *builder, GraphqlSelection *selection)
{
	const PagingSpec *paging = &builder->table->paging;
	const GraphqlSpec *graphql = builder->table->graphql;

	if (paging->kind != PAGING_NONE && paging->page_size > 0 && paging->size_param)
		add_paging_argument(builder, selection, paging->size_param, "_size", "Int!", "{$size}");
	if (paging->kind == PAGING_OFFSET)
		add_paging_argument(builder, selection, paging->offset_param, "_offset", "Int!",
							"{$offset}");
	if (paging->kind == PAGING_PAGE)
		add_paging_argument(builder, selection, paging->page_param, "_page", "Int!", "{$page}");
	if (paging->kind == PAGING_CURSOR)
	{
		add_paging_argument(builder, selection, paging->cursor_param, "_cursor",
							graphql->cursor_type, "{$cursor}");
		dq_graphql_select(selection, graphql->next, NULL);
	}
	if (graphql->has_next)
		dq_graphql_select(selection, graphql->has_next, NULL);
	if (graphql->total)
		dq_graphql_select(selection, graphql->total, NULL);
}

/* Fields have no values in their arguments below the rows. */
static const char *
name_nothing(const char *name, void *arg)
{
	return name;
}

static void
select_column(Builder *builder, GraphqlSelection *row, const ColumnSpec *column)
{
	const char *problem;

	if (column->json == NULL)
		return;
	if (column->alias)
	{
		static const JsonPointer here = { 0 };
		GraphqlSelection *value = dq_graphql_ask(builder->query, row, column->field, column->alias,
												 name_nothing, NULL);

		dq_graphql_value(value);
		dq_graphql_select(value, &here, column->selection);
	}
	else
		dq_graphql_select(row, dq_json_pointer_compile(column->json, &problem), NULL);
}

/* The columns that the scan decodes, and those that pages, or rows of a lookup, are told apart by. */
static void
select_columns(Builder *builder, GraphqlSelection *row)
{
	const PlanData *plan = builder->choice->binder->plan;
	PagingKind paging = builder->table->paging.kind;
	bool wants_key = !plan->is_lookup && (paging == PAGING_PAGE || paging == PAGING_OFFSET);

	for (int i = 0; i < builder->table->natts; i++)
	{
		const ColumnSpec *column = &builder->table->columns[i];

		if (!column->is_dropped &&
			(list_member_int(plan->retrieved, column->attnum) ||
			 (plan->is_lookup && column->in_lookup_path) || (wants_key && column->is_key)))
			select_column(builder, row, column);
	}
}

static void
ask_collection(Builder *builder)
{
	const Binder *binder = builder->choice->binder;
	const GraphqlSpec *graphql = builder->table->graphql;
	GraphqlSelection *selection = dq_graphql_ask(builder->query, NULL, graphql->field, NULL,
												 name_value, builder);
	GraphqlSelection *row;
	const char *problem;

	for (int i = 0; i < binder->nterms; i++)
		if (!dq_bind_is_in_path(binder, &binder->terms[i]))
			add_argument(builder, selection, &binder->terms[i], builder->choice->parts[i]);
	add_fixed_arguments(builder, selection);
	row = dq_graphql_at(dq_graphql_at(selection, graphql->rows),
						dq_json_pointer_compile(graphql->element, &problem));
	select_columns(builder, row);
	add_paging(builder, selection);
}

/* {"__typename": "Order", "id": 5} for the key at hand */
static char *
representation(const Builder *builder)
{
	const Binder *binder = builder->choice->binder;
	StringInfoData object;

	initStringInfo(&object);
	appendStringInfo(&object, "{\"__typename\":\"%s\"", builder->table->graphql->entity);
	for (int i = 0; i < binder->nterms; i++)
	{
		const ColumnSpec *column = binder->terms[i].column;

		appendStringInfo(&object, ",\"%s\":%s", column->json + 1,
						 dq_json_value(dq_spell_json_form(column), key_text(builder, i)));
	}
	appendStringInfoChar(&object, '}');
	return object.data;
}

static void
ask_entities(Builder *builder, int nkeys)
{
	static const GraphqlField entities = { .name = "_entities" };
	BodyValue value = { .is_list = true, .nvalues = nkeys };
	GraphqlSelection *selection;

	value.values = palloc(sizeof(char *) * nkeys);
	for (builder->key = 0; builder->key < nkeys; builder->key++)
		value.values[builder->key] = representation(builder);
	selection = dq_graphql_ask(builder->query, NULL, &entities, NULL, name_nothing, NULL);
	dq_graphql_argue(selection, "representations",
					 add_variable(builder, "representations", "[_Any!]!", NULL, value), false);
	select_columns(builder, dq_graphql_on_type(selection, builder->table->graphql->entity));
}

static void
ask_keys(Builder *builder)
{
	const Binder *binder = builder->choice->binder;
	const GraphqlSpec *graphql = builder->table->graphql;
	const JsonPointer *place;
	const char *problem;
	int nkeys = 1;

	for (int i = 0; i < binder->nterms; i++)
		nkeys = Max(nkeys, builder->choice->parts[i]->nvalues);
	switch (graphql->lookup)
	{
		case GRAPHQL_LOOKUP_ENTITIES:
			ask_entities(builder, nkeys);
			break;
		case GRAPHQL_LOOKUP_LIST:
			place = dq_json_pointer_compile(builder->table->lookup_rows_text + strlen("/data") +
												strlen(dq_graphql_field_pointer(
													graphql->lookup_field)),
											&problem);
			select_columns(builder,
						   dq_graphql_at(dq_graphql_ask(builder->query, NULL, graphql->lookup_field,
														NULL, name_value, builder),
										 place));
			break;
		default:
			place = dq_json_pointer_compile(graphql->lookup_element +
												(graphql->lookup_field->inner ?
													 strlen(dq_graphql_field_pointer(
														 graphql->lookup_field->inner)) :
													 0),
											&problem);
			for (builder->key = 0; builder->key < nkeys; builder->key++)
				select_columns(builder,
							   dq_graphql_at(dq_graphql_ask(builder->query, NULL,
															graphql->lookup_field,
															psprintf("k%d", builder->key),
															name_value, builder),
											 place));
	}
}

/* {"query": ..., "variables": {...}}, the variables' values being holes in order. */
static BodyTemplate *
make_template(const Builder *builder)
{
	StringInfoData source;
	char *problem;
	BodyTemplate *tmpl;

	initStringInfo(&source);
	appendStringInfoString(&source, "{\"query\":");
	dq_json_quote(&source, dq_graphql_text(builder->query));
	for (int i = 0; i < builder->nvariables; i++)
	{
		const Variable *variable = &builder->variables[i];

		appendStringInfo(&source, "%s\"%s\":\"%s\"", i == 0 ? ",\"variables\":{" : ",",
						 variable->name,
						 variable->hole ? variable->hole : psprintf("{%s}", variable->name));
	}
	appendStringInfoString(&source, builder->nvariables > 0 ? "}}" : "}");
	tmpl = dq_body_compile(source.data, &problem);
	if (tmpl == NULL || tmpl->nholes != builder->nvariables)
		elog(ERROR, "could not make a GraphQL request of \"%s\": %s", source.data,
			 problem ? problem : "holes were lost");
	return tmpl;
}

const BoundBody *
dq_bind_graphql(const Choice *choice)
{
	Builder builder = { .choice = choice,
						.table = choice->binder->table,
						.query = dq_graphql_query() };
	BoundBody *body = palloc(sizeof(BoundBody));
	BodyValue *values;

	if (choice->binder->plan->is_lookup)
		ask_keys(&builder);
	else
		ask_collection(&builder);
	values = palloc(sizeof(BodyValue) * Max(builder.nvariables, 1));
	for (int i = 0; i < builder.nvariables; i++)
		values[i] = builder.variables[i].value;
	*body = (BoundBody) { .tmpl = make_template(&builder), .values = values };
	return body;
}
