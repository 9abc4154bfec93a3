/*
 * openapi_type.c
 *	  From what a schema says to the SQL type that holds all of it.
 *
 * Wide rather than narrow: a type that cannot take a value ends the query.  A format that is not
 * known, or that services are known to stretch, is text.
 */
#include "base.h"

#include "import/openapi_private.h"

typedef struct FormatType
{
	const char *format;
	ColumnType type;
} FormatType;

static const FormatType string_formats[] = {
	{ "date-time", { "timestamptz", NULL, true } },
	{ "date", { "date", NULL, true } },
	{ "uuid", { "uuid", NULL, true } },
	{ "byte", { "bytea", "base64", true } },
	{ "base64", { "bytea", "base64", true } },
	{ "base64url", { "bytea", "base64", true } },
	{ "decimal", { "numeric", NULL, true } },
	{ "big-decimal", { "numeric", NULL, true } },
	{ "int32", { "bigint", NULL, true } },
	{ "int64", { "bigint", NULL, true } },
	{ "uint32", { "bigint", NULL, true } },
	{ "uint64", { "numeric", NULL, true } },
	{ "double", { "double precision", NULL, true } },
	{ "float", { "double precision", NULL, true } },
	{ "ipv4", { "inet", NULL, true } },
	{ "ipv6", { "inet", NULL, true } },
	/* PostgREST names types of PostgreSQL. */
	{ "timestamp with time zone", { "timestamptz", NULL, true } },
	{ "timestamp without time zone", { "timestamp", NULL, true } },
};

static const FormatType integer_formats[] = {
	{ "int8", { "smallint", NULL, true } },
	{ "int16", { "smallint", NULL, true } },
	{ "uint8", { "smallint", NULL, true } },
	{ "smallint", { "smallint", NULL, true } },
	{ "int32", { "integer", NULL, true } },
	{ "integer", { "integer", NULL, true } },
	{ "uint16", { "integer", NULL, true } },
	{ "uint64", { "numeric", NULL, true } },
	{ "unix-time", { "timestamptz", "epoch", true } },
	{ "unixtime", { "timestamptz", "epoch", true } },
	{ "unix-timestamp", { "timestamptz", "epoch", true } },
};

static const FormatType number_formats[] = {
	{ "double precision", { "double precision", NULL, true } },
	{ "real", { "double precision", NULL, true } },
	{ "double", { "double precision", NULL, true } },
	{ "float", { "double precision", NULL, true } },
	{ "int32", { "bigint", NULL, true } },
	{ "int64", { "bigint", NULL, true } },
};

static const ColumnType json_type = { "jsonb", NULL, false };

#define FIND(formats, facts, other) find_format(formats, lengthof(formats), facts, other)

static ColumnType
find_format(const FormatType *rows, int n, const SchemaFacts *facts, const char *other)
{
	for (int i = 0; facts->format && !facts->has_many_formats && i < n; i++)
		if (pg_strcasecmp(facts->format, rows[i].format) == 0)
			return rows[i].type;
	return (ColumnType) { other, NULL, true };
}

/* True when a bound of the schema does not fit into bigint. */
static bool
is_beyond_bigint(const SchemaFacts *facts)
{
	int64 number;

	return (facts->maximum && facts->maximum->kind == DOC_NUMBER &&
			strspn(facts->maximum->text, "0123456789") > 18 &&
			!dq_doc_integer(facts->maximum, &number)) ||
		(facts->format && strcmp(facts->format, "uint64") == 0);
}

static ColumnType
scalar_type(const SchemaFacts *facts)
{
	switch (facts->kinds & ~KIND_NULL)
	{
		case KIND_STRING:
			if (facts->is_base64)
				return (ColumnType) { "bytea", "base64", true };
			/* Words that a format only hints at. */
			if (facts->has_values)
				return (ColumnType) { "text", NULL, true };
			return FIND(string_formats, facts, "text");
		case KIND_INTEGER:
			if (is_beyond_bigint(facts))
				return (ColumnType) { "numeric", NULL, true };
			return FIND(integer_formats, facts, "bigint");
		case KIND_NUMBER:
			return FIND(number_formats, facts, "numeric");
		case KIND_INTEGER | KIND_NUMBER:
			return (ColumnType) { "numeric", NULL, true };
		case KIND_BOOLEAN:
			return (ColumnType) { "boolean", NULL, true };
		default:
			/* Strings or numbers: text takes both as they are written. */
			return (ColumnType) { "text", NULL, true };
	}
}

/* An array of scalars of one kind. */
static ColumnType
array_type(OpenApi *api, const SchemaFacts *facts)
{
	SchemaFacts items = { 0 };
	ColumnType type;

	if (facts->items == NULL)
		return json_type;
	dq_openapi_facts(api, facts->items, &items);
	if (items.kinds == 0 || (items.kinds & (KIND_ARRAY | KIND_OBJECT)) != 0)
		return json_type;
	type = scalar_type(&items);
	/* Formats are for single values. */
	if (type.format)
		type.name = items.kinds & KIND_STRING ? "text" : "bigint";
	return (ColumnType) { psprintf("%s[]", type.name), NULL, false };
}

ColumnType
dq_openapi_type(OpenApi *api, const SchemaFacts *facts)
{
	unsigned kinds = facts->kinds & ~KIND_NULL;

	if (kinds == KIND_ARRAY)
		return array_type(api, facts);
	if (kinds == 0 || (kinds & (KIND_ARRAY | KIND_OBJECT)) != 0)
		return json_type;
	return scalar_type(facts);
}

static bool
is_same_type(const ColumnType *a, const ColumnType *b)
{
	const char *a_format = a->format ? a->format : "";
	const char *b_format = b->format ? b->format : "";

	return strcmp(a->name, b->name) == 0 && strcmp(a_format, b_format) == 0;
}

/* Of a member that several variants have: their common type, or one that takes them all. */
ColumnType
dq_openapi_member_type(OpenApi *api, const Member *member, SchemaFacts *facts)
{
	ColumnType type;

	memset(facts, 0, sizeof(*facts));
	dq_openapi_facts(api, member->schema, facts);
	type = dq_openapi_type(api, facts);
	for (int i = 0; i < member->nmore; i++)
	{
		SchemaFacts other = { 0 };
		ColumnType other_type;

		dq_openapi_facts(api, member->more[i], &other);
		/* A part of allOf that only describes. */
		if (other.kinds == 0)
			continue;
		other_type = dq_openapi_type(api, &other);
		if (facts->kinds == 0)
			type = other_type;
		else if (!is_same_type(&type, &other_type))
			type = type.is_scalar && other_type.is_scalar ? (ColumnType) { "text", NULL, true } :
															json_type;
		if (facts->values != other.values)
			facts->values = NULL;
		facts->has_values |= other.has_values;
		facts->kinds |= other.kinds;
		facts->is_write_only &= other.is_write_only;
		if (facts->description == NULL)
			facts->description = other.description;
	}
	return type;
}
