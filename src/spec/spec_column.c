/*
 * spec_column.c
 *	  Builds the specs of a foreign table's columns.
 */
#include "postgres.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "spec/spec_private.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Each operator's option, by ConditionOp. */
static const OptionId spell_options[COND_COUNT] = {
	[COND_EQ] = OPT_SPELL_EQ,		   [COND_NE] = OPT_SPELL_NE,	 [COND_LT] = OPT_SPELL_LT,
	[COND_LE] = OPT_SPELL_LE,		   [COND_GT] = OPT_SPELL_GT,	 [COND_GE] = OPT_SPELL_GE,
	[COND_IN] = OPT_SPELL_IN,		   [COND_LIKE] = OPT_SPELL_LIKE, [COND_NULL] = OPT_SPELL_NULL,
	[COND_NOTNULL] = OPT_SPELL_NOTNULL
};

static bool
column_bool(const OptionValues *values, OptionId id)
{
	return values->column[id] && dq_option_bool(values->column[id]);
}

/* 0 where the option is not set. */
static int
column_word(const OptionValues *values, OptionId id)
{
	return values->column[id] ? dq_option_word(&dq_options[id], values->column[id]) : 0;
}

/*
 * "/" and the name, escaped as RFC 6901 section 3 says; where the dialect keeps members in a place
 * of their own, below that, but for what identifies the row.
 */
static char *
default_pointer(const Dialect *dialect, const char *name)
{
	bool is_identity = strcmp(name, "id") == 0 || strcmp(name, "type") == 0;
	StringInfoData pointer;

	initStringInfo(&pointer);
	if (dialect->members && !is_identity)
		appendStringInfoString(&pointer, dialect->members);
	appendStringInfoChar(&pointer, '/');
	for (; *name; name++)
	{
		if (*name == '~')
			appendStringInfoString(&pointer, "~0");
		else if (*name == '/')
			appendStringInfoString(&pointer, "~1");
		else
			appendStringInfoChar(&pointer, *name);
	}
	return pointer.data;
}

/*
 * The member of the row that holds what the pointer leads to.  Names that would need quotes in some
 * family cannot be asked for.
 */
static char *
pointer_member(const Dialect *dialect, const char *json)
{
	size_t members_len = dialect->members ? strlen(dialect->members) : 0;
	const char *start = json;
	char *field;

	if (json == NULL)
		return pstrdup("");
	if (members_len > 0 && strncmp(json, dialect->members, members_len) == 0 &&
		json[members_len] == '/')
		start += members_len;
	else if (members_len > 0 && (strcmp(json, "/id") == 0 || strcmp(json, "/type") == 0))
		return pstrdup("");
	else if (members_len > 0)
		return NULL;
	if (start[0] != '/' || start[1] == '\0' || start[1] == '/')
		return NULL;
	field = pnstrdup(start + 1, strcspn(start + 1, "/"));
	for (const char *p = field; *p; p++)
		if ((unsigned char) *p < 0x80 && !isalnum((unsigned char) *p) && *p != '_')
			return NULL;
	return field;
}

/*
 * The nearest spelling of an operator: column, table, server, dialect.  *by_dialect tells whether
 * it is the preset.
 */
static const Template *
nearest_spell(const OptionValues *values, ConditionOp op, bool *by_dialect)
{
	OptionId id = spell_options[op];
	const char *source = values->column[id];
	char *problem = NULL;

	if (source == NULL)
		source = values->table[id] ? values->table[id] : values->server[id];
	*by_dialect = source == NULL;
	if (source == NULL)
		source = values->dialect->spell[op];
	return source ? dq_template_compile(source, dq_condition_placeholders(op), &problem) : NULL;
}

/*
 * How an operator is said inside an OR: by the preset, or, where all conditions are one expression,
 * by the column's own spelling.
 */
static const Template *
part_spell(const OptionValues *values, const ColumnSpec *column, ConditionOp op, bool by_dialect)
{
	const char *source = values->dialect->part[op];
	char *problem = NULL;

	if (column->body_ops & COND_BIT(op))
		return NULL;
	if (values->dialect->whole)
		return column->spell[op];
	/* A name with what parts names from operators there would have to be quoted, or is a path. */
	return by_dialect && source && strpbrk(column->param, ".,:()\"") == NULL ?
		dq_template_compile(source, dq_condition_placeholders(op), &problem) :
		NULL;
}

/* Texts that the family would read as something else are not sent to it. */
static void
note_text(ColumnSpec *column, const Dialect *dialect)
{
	const TextLimits *limits = &dialect->limits;
	Oid type = getBaseType(column->type);

	column->is_text = type == TEXTOID || type == VARCHAROID || get_typtype(type) == TYPTYPE_ENUM;
	if (column->is_text &&
		(limits->syntax || limits->first_syntax || limits->strips || limits->ignores_empty))
		column->limits = limits;
}

/*
 * An operator that is declared but cannot be said would never be asked: the declaration is wrong.
 */
static void
refuse_unspelled(const TableSpec *table, const ColumnSpec *column, ConditionOp op,
				 const OptionValues *values)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("column \"%s\" of foreign table \"%s\" has filter \"%s\", which dialect \"%s\" cannot say",
					column->name, table->name, dq_condition_op_name(op), values->dialect->name),
			 errhint("Set option \"%s\" for the column, the table or the server.",
					 dq_options[spell_options[op]].name)));
}

static void
build_filters(const TableSpec *table, ColumnSpec *column, const OptionValues *values)
{
	const char *declared = values->column[OPT_FILTER];
	bool trusts = column->trust_exact;
	char *problem = NULL;

	if (declared && !dq_condition_ops_parse(declared, &column->filters, &problem))
		elog(ERROR, "invalid filter \"%s\": %s", declared, problem);
	if (table->body)
		column->body_ops = dq_body_ops(table->body, dq_spec_service_text(column->name)) &
			column->filters;
	for (int op = 0; op < COND_COUNT; op++)
	{
		bool by_dialect;

		column->spell[op] = nearest_spell(values, op, &by_dialect);
		/* All that a GraphQL service is told stands in the body. */
		if (table->graphql && column->spell[op])
			column->body_ops |= COND_BIT(op);
		by_dialect &= !(column->body_ops & COND_BIT(op));
		if (trusts && !(by_dialect && (values->dialect->inexact & COND_BIT(op))))
			column->exact_ops |= COND_BIT(op);
		if (by_dialect && values->dialect->compares_text)
			column->text_ops |= COND_BIT(op);
		if (by_dialect && values->dialect->is_typed)
			column->typed_ops |= COND_BIT(op);
		column->part[op] = part_spell(values, column, op, by_dialect);
	}
	/* Either half of "null" may be missing, a list can be asked key by key. */
	for (int op = 0; op < COND_COUNT; op++)
	{
		bool has_other_way = (op == COND_IN && dq_column_says(column, COND_EQ)) ||
			(op == COND_NULL && dq_column_says(column, COND_NOTNULL)) ||
			(op == COND_NOTNULL && dq_column_says(column, COND_NULL));

		if (!(column->filters & COND_BIT(op)) || dq_column_says(column, op))
			continue;
		if (!has_other_way)
			refuse_unspelled(table, column, op, values);
		if (op != COND_IN)
			column->filters &= ~COND_BIT(op);
	}
	column->can_list = (column->filters & COND_BIT(COND_IN)) && dq_column_says(column, COND_IN) &&
		!column->in_path && !column->from_request;
}

/* A format fits some types only; elsewhere it would be ignored. */
static void
check_format(const TableSpec *table, const ColumnSpec *column)
{
	Oid type = getBaseType(column->type);
	const char *needed = NULL;

	if (column->format == FORMAT_BASE64 && type != BYTEAOID)
		needed = "bytea";
	else if ((column->format == FORMAT_EPOCH || column->format == FORMAT_EPOCH_MS) &&
			 type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID)
		needed = "timestamp or date";
	if (needed)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("format of column \"%s\" of foreign table \"%s\" needs type %s, not %s",
						column->name, table->name, needed, format_type_be(column->type))));
}

static void
build_column(TableSpec *table, Form_pg_attribute attribute, OptionValues *values)
{
	ColumnSpec *column = &table->columns[attribute->attnum - 1];
	List *options = GetForeignColumnOptions(table->relid, attribute->attnum);
	const char *json;

	memset(values->column, 0, sizeof(values->column));
	dq_spec_note_options(options, values->column);
	json = values->column[OPT_JSON];
	column->name = pstrdup(NameStr(attribute->attname));
	column->type = attribute->atttypid;
	column->typmod = attribute->atttypmod;
	column->collation = attribute->attcollation;
	column->is_key = column_bool(values, OPT_KEY);
	if (table->graphql)
	{
		column->in_path = dq_spec_graphql_in_field(table, column->name);
		column->in_lookup_path = dq_spec_graphql_in_lookup(table, column->name, column->is_key);
	}
	else
	{
		column->in_path = dq_template_uses(table->path, column->name);
		column->in_lookup_path = table->lookup_path &&
			dq_template_uses(table->lookup_path, column->name);
	}
	column->from_request = values->column[OPT_FROM] != NULL;
	column->json_is_set = json != NULL;
	if (json)
		column->json = pstrdup(json);
	else if (!column->in_path && !column->from_request && values->column[OPT_FIELD] == NULL)
		column->json = default_pointer(values->dialect, dq_spec_service_text(column->name));
	column->member = pointer_member(values->dialect,
									column->json ? dq_spec_service_text(column->json) : NULL);
	column->param = values->column[OPT_PARAM] ? pstrdup(values->column[OPT_PARAM]) :
												dq_spec_service_text(column->name);
	/* A value that only the request knows has to be asked for, else it would read as NULL. */
	column->needs_equality = (column->in_path || column->from_request) && json == NULL &&
		values->column[OPT_FIELD] == NULL;
	column->is_required = column->needs_equality || column->in_path ||
		column_bool(values, OPT_REQUIRED);
	column->sort = column_word(values, OPT_SORT);
	column->format = column_word(values, OPT_FORMAT);
	column->default_param = (char *) values->column[OPT_DEFAULT_PARAM];
	column->trust_exact = values->column[OPT_TRUST] ? column_word(values, OPT_TRUST) != 0 :
													  table->trust_exact;
	note_text(column, values->dialect);
	build_filters(table, column, values);
	if (table->graphql)
		dq_spec_graphql_column(table, column, values);
	else
		dq_spec_check_protocol(table, values->column, psprintf(" of column \"%s\"", column->name));
	check_format(table, column);
	if (column->from_request && !column->in_path &&
		(column->filters & (COND_BIT(COND_EQ) | COND_BIT(COND_IN))) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("column \"%s\" of foreign table \"%s\" takes its value from the request, but is never asked for",
						column->name, table->name),
				 errhint("Set option \"filter\" of the column to '='.")));
	if (column->is_required && !column->in_path && column->filters == 0 && !column->in_lookup_path)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("column \"%s\" of foreign table \"%s\" is required, but no condition on it can be asked",
						column->name, table->name),
				 errhint("Set option \"filter\" of the column, or use it in \"path\".")));
}

/* A placeholder that names no column can never be filled. */
static void
check_placeholders(const TableSpec *table, const Template *path, OptionId id)
{
	for (int i = 0; path && i < path->nparts; i++)
	{
		const char *name = path->parts[i].placeholder;
		bool is_known = name == NULL;

		for (int c = 0; !is_known && c < table->natts; c++)
			is_known = !table->columns[c].is_dropped && strcmp(table->columns[c].name, name) == 0;
		if (!is_known)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
					 errmsg("option \"%s\" of foreign table \"%s\" names column \"%s\", which does not exist",
							dq_options[id].name, table->name, name)));
	}
}

/* Finds the column of each place in the body; one that can never be filled is a mistake. */
static void
resolve_body(TableSpec *table)
{
	for (int i = 0; table->body && i < table->body->nholes; i++)
	{
		const BodyHole *hole = &table->body->holes[i];
		const ColumnSpec *column = NULL;

		if (hole->name == NULL)
			continue;
		for (int c = 0; column == NULL && c < table->natts; c++)
			if (!table->columns[c].is_dropped &&
				strcmp(dq_spec_service_text(table->columns[c].name), hole->name) == 0)
				column = &table->columns[c];
		if (column == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_COLUMN_NAME_NOT_FOUND),
					 errmsg("option \"%s\" of foreign table \"%s\" names column \"%s\", which does not exist",
							dq_options[OPT_BODY].name, table->name, hole->name)));
		if ((column->filters & hole->ops) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
					 errmsg("option \"%s\" of foreign table \"%s\" names column \"%s\", which has no such filter",
							dq_options[OPT_BODY].name, table->name, column->name),
					 errhint(
						 "Set option \"filter\" of the column to the operators that the body can say.")));
		table->body_columns[i] = column->attnum;
	}
}

void
dq_spec_build_columns(TableSpec *table, Relation relation, OptionValues *values)
{
	TupleDesc tupdesc = RelationGetDescr(relation);

	table->natts = tupdesc->natts;
	table->columns = palloc0(sizeof(ColumnSpec) * Max(table->natts, 1));
	for (int i = 0; i < table->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(tupdesc, i);

		table->columns[i].attnum = i + 1;
		table->columns[i].is_dropped = attribute->attisdropped;
		if (!attribute->attisdropped)
			build_column(table, attribute, values);
	}
	check_placeholders(table, table->path, OPT_PATH);
	check_placeholders(table, table->lookup_path, OPT_LOOKUP_PATH);
	if (table->graphql)
		dq_spec_graphql_columns(table);
	resolve_body(table);
}
