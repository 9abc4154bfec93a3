/*
 * spec_graphql.c
 *	  What a foreign table of a GraphQL service asks for: fields, places, types of variables.
 *
 * Places (rows, next, total, json) are declared from the field's value on, as the service's schema
 * shows them; what the rest of the extension reads are places in the whole answer, which begin with
 * "/data" and the names of the fields around.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "spec/spec_private.h"
#include "utils/lsyscache.h"

#define RELAY_PAGE_SIZE "100" /* what many services allow at most */

bool
dq_spec_is_relay(const OptionValues *values)
{
	const char *paging = dq_spec_option(values, OPT_PAGING);

	return dq_option_word(&dq_options[OPT_PAGING], paging) == PAGING_WORD_RELAY;
}

/* What a connection in the manner of Relay has that nobody said otherwise. */
const char *
dq_spec_relay_default(OptionId id)
{
	switch (id)
	{
		case OPT_ROWS:
			return "/edges";
		case OPT_PAGE_SIZE:
			return RELAY_PAGE_SIZE;
		case OPT_SIZE_PARAM:
			return "first";
		case OPT_CURSOR_PARAM:
			return "after";
		case OPT_NEXT:
			return "/pageInfo/endCursor";
		case OPT_HAS_NEXT:
			return "/pageInfo/hasNextPage";
		default:
			return NULL;
	}
}

/* Options of one protocol on a table of the other would do nothing. */
void
dq_spec_check_protocol(const TableSpec *table, const char *const *set, const char *of)
{
	static const OptionId rest[] = { OPT_PATH, OPT_LOOKUP_PATH, OPT_METHOD, OPT_BODY };
	static const OptionId graphql[] = { OPT_FIELD,	   OPT_LOOKUP_FIELD,  OPT_ENTITY,
										OPT_SELECTION, OPT_VARIABLE_TYPE, OPT_CURSOR_TYPE };
	bool is_graphql = table->service->protocol == PROTOCOL_GRAPHQL;
	const OptionId *wrong = is_graphql ? rest : graphql;
	int n = is_graphql ? lengthof(rest) : lengthof(graphql);

	for (int i = 0; i < n; i++)
		if (set[wrong[i]])
			dq_spec_contradiction(table,
								  psprintf("option \"%s\"%s belongs to protocol '%s'",
										   dq_options[wrong[i]].name, of,
										   is_graphql ? "rest" : "graphql"),
								  psprintf("The server's protocol is '%s'.",
										   is_graphql ? "graphql" : "rest"));
}

/* A pointer whose tokens, indexes aside, are names of fields. */
static JsonPointer *
field_pointer(const TableSpec *table, OptionId id, const char *text)
{
	const char *problem;
	JsonPointer *pointer = text ? dq_json_pointer_compile(text, &problem) : NULL;

	if (pointer && pointer->ntokens > DQ_GRAPHQL_MAX_DEPTH)
		dq_spec_contradiction(table,
							  psprintf("option \"%s\" is nested too deep", dq_options[id].name),
							  "Places consist of names of GraphQL fields.");
	for (int i = 0; pointer && i < pointer->ntokens; i++)
		if (pointer->indexes[i] < 0 && !dq_graphql_is_name(pointer->tokens[i]))
			dq_spec_contradiction(table,
								  psprintf("\"%s\" in option \"%s\" is no name of a field",
										   pointer->tokens[i], dq_options[id].name),
								  "Places consist of names of GraphQL fields.");
	return pointer;
}

static GraphqlField *
compile_field(const char *source)
{
	char *problem = NULL;
	GraphqlField *field = source ? dq_graphql_field_compile(source, &problem) : NULL;

	if (source && field == NULL)
		elog(ERROR, "invalid field \"%s\": %s", source, problem);
	return field;
}

static bool
takes_value(const GraphqlField *field, const char *column)
{
	const char **names;
	bool *lists;
	int n = field ? dq_graphql_field_variables(field, &names, &lists) : 0;

	for (int i = 0; i < n; i++)
		if (strcmp(names[i], column) == 0)
			return true;
	return false;
}

bool
dq_spec_graphql_in_field(const TableSpec *table, const char *column)
{
	return takes_value(table->graphql->field, column);
}

bool
dq_spec_graphql_in_lookup(const TableSpec *table, const char *column, bool is_key)
{
	return table->graphql->lookup == GRAPHQL_LOOKUP_ENTITIES ?
		is_key :
		takes_value(table->graphql->lookup_field, column);
}

/* lookup_field: one key for each field, or a list of keys "[$column]". */
static void
build_lookup_field(TableSpec *table, GraphqlSpec *graphql, const OptionValues *values)
{
	const char **names;
	bool *lists;
	int n;

	graphql->lookup_field = compile_field(values->table[OPT_LOOKUP_FIELD]);
	graphql->lookup = GRAPHQL_LOOKUP_ALIASES;
	n = dq_graphql_field_variables(graphql->lookup_field, &names, &lists);
	if (n == 0)
		dq_spec_contradiction(table, "option \"lookup_field\" takes no value",
							  "Write the column that rows are looked up by as \"$column\", such as \"order(id: $id)\".");
	for (int i = 0; i < n; i++)
	{
		if (!lists[i])
			continue;
		if (graphql->list_column)
			dq_spec_contradiction(table, "option \"lookup_field\" has more than one list",
								  "One column at most can stand as \"[$column]\".");
		graphql->lookup = GRAPHQL_LOOKUP_LIST;
		graphql->list_column = pstrdup(names[i]);
	}
}

static void
build_lookup(TableSpec *table, GraphqlSpec *graphql, const OptionValues *values)
{
	const char *rows = dq_spec_option(values, OPT_LOOKUP_ROWS);

	(void) field_pointer(table, OPT_LOOKUP_ROWS, rows);
	if (values->table[OPT_ENTITY] && values->table[OPT_LOOKUP_FIELD])
		dq_spec_contradiction(table, "both \"lookup_field\" and \"entity\" are set",
							  "Set the one by which rows are to be looked up.");
	graphql->lookup_element = "";
	if (values->table[OPT_ENTITY])
	{
		graphql->lookup = GRAPHQL_LOOKUP_ENTITIES;
		graphql->entity = pstrdup(values->table[OPT_ENTITY]);
		table->lookup_rows_text = "/data/_entities";
		if (rows[0] != '\0')
			dq_spec_contradiction(table, "option \"lookup_rows\" is not used with \"entity\"",
								  "Drop option \"lookup_rows\".");
	}
	else if (values->table[OPT_LOOKUP_FIELD])
	{
		build_lookup_field(table, graphql, values);
		if (graphql->lookup == GRAPHQL_LOOKUP_LIST)
			table->lookup_rows_text = psprintf("/data%s%s",
											   dq_graphql_field_pointer(graphql->lookup_field),
											   rows);
		else
		{
			table->lookup_rows_text = "/data";
			table->rows_are_members = true;
			graphql->lookup_element = psprintf("%s%s",
											   graphql->lookup_field->inner ?
												   dq_graphql_field_pointer(
													   graphql->lookup_field->inner) :
												   "",
											   rows);
		}
	}
	else
		table->lookup_rows_text = "/data";
}

void
dq_spec_build_graphql(TableSpec *table, const OptionValues *values)
{
	GraphqlSpec *graphql = palloc0(sizeof(GraphqlSpec));
	bool is_relay = dq_spec_is_relay(values);
	const char *rows = values->table[OPT_ROWS];
	const char *problem;

	if (rows == NULL)
		rows = is_relay ? dq_spec_relay_default(OPT_ROWS) : "";
	if (strcmp(values->dialect->name, "plain") != 0)
		dq_spec_contradiction(table,
							  psprintf("dialect '%s' belongs to protocol 'rest'",
									   values->dialect->name),
							  "Spell arguments by options spell_eq, spell_in and so on, of the server or the table.");
	table->graphql = graphql;
	table->path = table->lookup_path = palloc0(sizeof(Template)); /* the server's url is all */
	graphql->field = compile_field(values->table[OPT_FIELD]);
	graphql->rows = field_pointer(table, OPT_ROWS, rows);
	graphql->element = is_relay ? "/node" : "";
	graphql->errors = dq_json_pointer_compile("/errors", &problem);
	graphql->cursor_type = pstrdup(dq_spec_option(values, OPT_CURSOR_TYPE));
	table->rows_text = psprintf("/data%s%s",
								graphql->field ? dq_graphql_field_pointer(graphql->field) : "",
								rows);
	build_lookup(table, graphql, values);
	table->has_lookup = graphql->lookup != GRAPHQL_LOOKUP_NONE;
	if (graphql->field == NULL && !table->has_lookup)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"field\" is required for foreign table \"%s\"", table->name),
				 errdetail("Its server speaks GraphQL.")));
	dq_spec_check_protocol(table, values->table, "");
}

/* A place that is declared from the field's value on, as one in the answer; NULL stays NULL. */
static char *
in_answer(const GraphqlSpec *graphql, const char *place)
{
	return place ? psprintf("/data%s%s",
							graphql->field ? dq_graphql_field_pointer(graphql->field) : "", place) :
				   NULL;
}

/* After build_paging(): its places become places in the answer. */
void
dq_spec_graphql_paging(TableSpec *table)
{
	GraphqlSpec *graphql = unconstify(GraphqlSpec *, table->graphql);

	if (table->paging.kind == PAGING_LINK || table->paging.kind == PAGING_NEXT)
		dq_spec_contradiction(table,
							  psprintf("paging '%s' follows URLs, which protocol 'graphql' does not",
									   dq_paging_kind_name(table->paging.kind)),
							  "Set paging to relay, cursor, offset or page.");
	if (table->paging.kind == PAGING_CURSOR)
		graphql->next = field_pointer(table, OPT_NEXT, table->next_text);
	graphql->has_next = field_pointer(table, OPT_HAS_NEXT, table->has_next_text);
	if (table->total_header == NULL)
		graphql->total = field_pointer(table, OPT_TOTAL, table->total_text);
	table->next_text = in_answer(graphql, table->next_text);
	table->has_next_text = in_answer(graphql, table->has_next_text);
	if (table->total_header == NULL)
		table->total_text = in_answer(graphql, table->total_text);
	table->paging.in_body = PAGING_PARAM_PAGE | PAGING_PARAM_SIZE | PAGING_PARAM_OFFSET |
		PAGING_PARAM_CURSOR;
}

/* The type of an argument that takes values of this column, where none is declared. */
static const char *
default_variable_type(const ColumnSpec *column)
{
	if (column->is_key)
		return "ID";
	switch (getBaseType(column->type))
	{
		case BOOLOID:
			return "Boolean";
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return "Int";
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return "Float";
		default:
			return "String";
	}
}

static void
refuse_column(const TableSpec *table, const ColumnSpec *column, const char *problem,
			  const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("column \"%s\" of foreign table \"%s\" cannot be asked of a GraphQL service: %s",
					column->name, table->name, problem),
			 errhint("%s", hint)));
}

/* How conditions on the column are said: as arguments. */
static void
check_arguments(const TableSpec *table, const ColumnSpec *column)
{
	for (int op = 0; op < COND_COUNT; op++)
	{
		GraphqlSpelling spelling;

		if (!(column->filters & COND_BIT(op)) || column->spell[op] == NULL)
			continue;
		if (!dq_graphql_spell(column->spell[op], column->param, &spelling))
			refuse_column(table, column,
						  psprintf("\"%s\" says no argument for \"%s\"", column->spell[op]->source,
								   dq_condition_op_name(op)),
						  "Spell it as path=value, such as \"filter.{name}.gte={value}\" or \"{name}_in={values}\".");
		if (op == COND_IN && spelling.kind == GRAPHQL_SPELL_VALUE)
			refuse_column(table, column,
						  psprintf("\"%s\" says one value, not a list", column->spell[op]->source),
						  "Write {values}, or drop filter 'in': lists are then asked key by key.");
	}
}

/* Where the value stands, and what has to be selected for it. */
static void
build_place(const TableSpec *table, ColumnSpec *column, const char *field)
{
	bool has_own_name;

	if (field && column->json_is_set)
		refuse_column(table, column, "both \"json\" and \"field\" are set", "Set one of them.");
	column->field = compile_field(field);
	if (column->field == NULL && column->json == NULL)
		return;
	if (column->field)
	{
		const char **names;
		bool *lists;

		if (dq_graphql_field_variables(column->field, &names, &lists) > 0)
			refuse_column(table, column, psprintf("its field takes the value \"$%s\"", names[0]),
						  "Arguments of a column's field are fixed.");
		column->json = dq_graphql_field_pointer(column->field);
	}
	if (column->json[0] == '\0')
		refuse_column(table, column, "there is no such thing as all of a row",
					  "Name a field, and set option \"selection\" to what is wanted of it.");
	(void) field_pointer(table, OPT_JSON, column->json);
	has_own_name = column->selection ||
		(column->field && dq_graphql_field_has_arguments(column->field));
	if (!has_own_name)
		return;
	/* Under a name of its own, nothing that other columns select gets into the value. */
	if (column->field == NULL)
	{
		StringInfoData dotted;
		const JsonPointer *pointer = field_pointer(table, OPT_JSON, column->json);

		for (int i = 0; i < pointer->ntokens; i++)
			if (pointer->indexes[i] >= 0)
				refuse_column(table, column, "a value with a selection stands in an array",
							  "Leave the index out, and take the element from the array in SQL.");
		initStringInfo(&dotted);
		appendStringInfoString(&dotted, column->json + 1);
		for (char *c = dotted.data; *c; c++)
			if (*c == '/')
				*c = '.';
		column->field = compile_field(dotted.data);
	}
	column->alias = psprintf("c%d", column->attnum);
	column->json = psprintf("/%s%s", column->alias,
							column->field->inner ? dq_graphql_field_pointer(column->field->inner) :
												   "");
}

void
dq_spec_graphql_column(const TableSpec *table, ColumnSpec *column, const OptionValues *values)
{
	const char *type = values->column[OPT_VARIABLE_TYPE];

	dq_spec_check_protocol(table, values->column, psprintf(" of column \"%s\"", column->name));
	if (column->sort != SORT_NONE)
		refuse_column(table, column, "there is no way to ask for an order",
					  "Drop option \"sort\".");
	column->variable_type = pstrdup(type ? type : default_variable_type(column));
	if (values->column[OPT_SELECTION])
		column->selection = pstrdup(values->column[OPT_SELECTION]);
	build_place(table, column, values->column[OPT_FIELD]);
	check_arguments(table, column);
}

/* A column without a selection that other columns reach into would hold just what they select. */
static void
check_overlap(const TableSpec *table, const ColumnSpec *outer)
{
	size_t len = outer->json ? strlen(outer->json) : 0;

	if (len == 0 || outer->alias)
		return;
	for (int i = 0; i < table->natts; i++)
	{
		const ColumnSpec *inner = &table->columns[i];

		if (inner != outer && !inner->is_dropped && inner->json && !inner->alias &&
			strncmp(inner->json, outer->json, len) == 0 && inner->json[len] == '/')
			refuse_column(table, outer, psprintf("column \"%s\" stands inside of it", inner->name),
						  "Set option \"selection\" to what is wanted of it.");
	}
}

/* Names in arguments have to be those of columns. */
static void
check_variables(const TableSpec *table, const GraphqlField *field, OptionId id)
{
	const char **names;
	bool *lists;
	int n = field ? dq_graphql_field_variables(field, &names, &lists) : 0;

	for (int v = 0; v < n; v++)
	{
		bool is_known = false;

		for (int i = 0; !is_known && i < table->natts; i++)
			is_known = !table->columns[i].is_dropped &&
				strcmp(table->columns[i].name, names[v]) == 0;
		if (!is_known)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
					 errmsg("option \"%s\" of foreign table \"%s\" names column \"%s\", which does not exist",
							dq_options[id].name, table->name, names[v])));
	}
}

static bool
table_has_key(const TableSpec *table)
{
	for (int i = 0; i < table->natts; i++)
		if (!table->columns[i].is_dropped && table->columns[i].is_key && table->columns[i].json)
			return true;
	return false;
}

/*
 * Of a lookup's columns one has many values in one request: the one that stands as a list, else the
 * last.
 */
static void
choose_lookup_list(TableSpec *table)
{
	ColumnSpec *chosen = NULL;

	for (int i = 0; i < table->natts; i++)
	{
		ColumnSpec *column = &table->columns[i];
		const char *wanted = table->graphql->list_column;

		if (!column->is_dropped && column->in_lookup_path && !column->from_request &&
			(wanted == NULL || strcmp(column->name, wanted) == 0))
			chosen = column;
	}
	if (chosen)
		chosen->can_list_lookup = true;
}

void
dq_spec_graphql_columns(TableSpec *table)
{
	bool has_key = false;

	for (int i = 0; i < table->natts; i++)
	{
		ColumnSpec *column = &table->columns[i];

		if (column->is_dropped)
			continue;
		check_overlap(table, column);
		has_key |= column->in_lookup_path;
		if (table->graphql->lookup == GRAPHQL_LOOKUP_ENTITIES && column->in_lookup_path &&
			(column->json == NULL || column->alias || strchr(column->json + 1, '/')))
			refuse_column(table, column, "a key of an entity is a field of its own",
						  "Set option \"json\" or \"field\" to the field's name.");
		if (table->graphql->field == NULL && column->in_lookup_path)
			column->is_required = column->needs_equality = true;
	}
	if (table->graphql->lookup == GRAPHQL_LOOKUP_ENTITIES && !has_key)
		dq_spec_contradiction(table, "an entity is looked up by its key, and no column is one",
							  "Set option \"key\" of the columns that identify it.");
	choose_lookup_list(table);
	/* A cursor that leads back is noticed by itself; pages are told apart by their keys. */
	table->paging.rows_may_repeat = table->paging.kind == PAGING_CURSOR || !table_has_key(table);
	check_variables(table, table->graphql->field, OPT_FIELD);
	check_variables(table, table->graphql->lookup_field, OPT_LOOKUP_FIELD);
}

const char *
dq_spec_place(const TableSpec *table, const ColumnSpec *column, bool is_lookup)
{
	if (table->graphql == NULL || column->json == NULL)
		return column->json;
	return psprintf("%s%s", is_lookup ? table->graphql->lookup_element : table->graphql->element,
					column->json);
}
