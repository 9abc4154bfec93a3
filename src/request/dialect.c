/*
 * dialect.c
 *	  The presets, checked against the documentation or source of the servers they are named after.
 */
#include "base.h"

#include "request/dialect.h"

/* Names that most hand-made services understand. */
static const Dialect plain = {
	.name = "plain",
	.spell = {
		[COND_EQ] = "{name}={value}",
		[COND_IN] = "{name}={values}",
	},
	.spell_sort = "sort={keys}",
	.sort_asc = "{name}",
	.sort_desc = "-{name}",
	.page_param = "page",
	.size_param = "limit",
	.offset_param = "offset",
	.cursor_param = "cursor",
	.first_page = 1,
};

/*
 * json-server 0.17.  A name that is repeated is OR.  There is no strict comparison, so < asks for
 * <=.  _like is a regular expression that ignores case.  The total is sent with every answer that
 * is paged.
 */
static const Dialect jsonserver = {
	.name = "jsonserver",
	.spell = {
		[COND_EQ] = "{name}={value}",
		[COND_NE] = "{name}_ne={value}",
		[COND_LT] = "{name}_lte={value}",
		[COND_LE] = "{name}_lte={value}",
		[COND_GT] = "{name}_gte={value}",
		[COND_GE] = "{name}_gte={value}",
		[COND_IN] = "{name}={value}",
		[COND_LIKE] = "{name}_like={regex}",
	},
	.inexact = COND_BIT(COND_LT) | COND_BIT(COND_GT) | COND_BIT(COND_LIKE),
	.compares_text = true,
	.spell_sort = "_sort={keys}&_order={orders}",
	.sort_asc = "{name}",
	.sort_desc = "{name}",
	.spell_limit = "_limit={value}",
	.page_param = "_page",
	.size_param = "_limit",
	.offset_param = "_start",
	.first_page = 1,
	.total = "header:X-Total-Count",
};

/*
 * PostgREST.  Everything after the first dot of an operator is the value, but list elements need
 * double quotes.  In patterns "*" is "%" too, so LIKE may find more.  It sorts as PostgreSQL does:
 * NULLs are the largest.
 */
static const Dialect postgrest = {
	.name = "postgrest",
	.spell = {
		[COND_EQ] = "{name}=eq.{value}",
		[COND_NE] = "{name}=neq.{value}",
		[COND_LT] = "{name}=lt.{value}",
		[COND_LE] = "{name}=lte.{value}",
		[COND_GT] = "{name}=gt.{value}",
		[COND_GE] = "{name}=gte.{value}",
		[COND_IN] = "{name}=in.({quoted})",
		[COND_LIKE] = "{name}=like.{value}",
		[COND_NULL] = "{name}=is.null",
		[COND_NOTNULL] = "{name}=not.is.null",
	},
	.inexact = COND_BIT(COND_LIKE),
	.top = "or=({parts})",
	.all = "and({parts})",
	.any = "or({parts})",
	.all_joiner = ",",
	.any_joiner = ",",
	.part = {
		[COND_EQ] = "{name}.eq.{quoted}",
		[COND_NE] = "{name}.neq.{quoted}",
		[COND_LT] = "{name}.lt.{quoted}",
		[COND_LE] = "{name}.lte.{quoted}",
		[COND_GT] = "{name}.gt.{quoted}",
		[COND_GE] = "{name}.gte.{quoted}",
		[COND_IN] = "{name}.in.({quoted})",
		[COND_LIKE] = "{name}.like.{quoted}",
		[COND_NULL] = "{name}.is.null",
		[COND_NOTNULL] = "{name}.not.is.null",
	},
	.spell_sort = "order={keys}",
	.sort_asc = "{name}.asc.nullslast",
	.sort_desc = "{name}.desc.nullsfirst",
	.spell_limit = "limit={value}",
	.spell_fields = "select={values}",
	.size_param = "limit",
	.offset_param = "offset",
	.total = "header:Content-Range",
	.count_header = "Prefer: count=exact",
};

/* Operators in square brackets, as the qs library of Node.js and others parse them. */
static const Dialect brackets = {
	.name = "brackets",
	.spell = {
		[COND_EQ] = "{name}={value}",
		[COND_NE] = "{name}[ne]={value}",
		[COND_LT] = "{name}[lt]={value}",
		[COND_LE] = "{name}[lte]={value}",
		[COND_GT] = "{name}[gt]={value}",
		[COND_GE] = "{name}[gte]={value}",
		[COND_IN] = "{name}[in]={values}",
	},
	.spell_sort = "sort={keys}",
	.sort_asc = "{name}",
	.sort_desc = "-{name}",
	.page_param = "page",
	.size_param = "limit",
	.offset_param = "offset",
	.cursor_param = "cursor",
	.first_page = 1,
};

/*
 * JSON:API 1.1 leaves filters to the server but for their name; a comma that parts alternatives is
 * its recommendation and cannot be escaped.  jsonapi-server reads the first character of a value as
 * an operator.  The order of NULLs is the server's.  Pages are numbered, or start at an offset;
 * both begin with their own names inside "page".
 */
static const Dialect jsonapi = {
	.name = "jsonapi",
	.spell = {
		[COND_EQ] = "filter[{name}]={value}",
		[COND_IN] = "filter[{name}]={values}",
	},
	.limits = { .syntax = ",", .first_syntax = "<>~:=!", .ignores_empty = true },
	.spell_sort = "sort={keys}",
	.sort_asc = "{name}",
	.sort_desc = "-{name}",
	.page_param = "page[number]",
	.size_param = "page[size]",
	.offset_param = "page[offset]",
	.offset_size_param = "page[limit]",
	.cursor_param = "page[after]",
	.first_page = 1,
	.next = "/links/next",
	.members = "/attributes",
};

/*
 * OData 4 (Part 2, 5.1.1).  One expression for all conditions.  NULL is equal to NULL only, and
 * different from everything else, so "ne" finds more than <>.  The operator "in" came with 4.01;
 * "or" every server knows.  contains() of a piece of the pattern finds more than LIKE.  Sorted,
 * NULLs are the smallest (Part 1, 11.2.6.2).
 */
static const Dialect odata = {
	.name = "odata",
	.spell = {
		[COND_EQ] = "{name} eq {literal}",
		[COND_NE] = "{name} ne {literal}",
		[COND_LT] = "{name} lt {literal}",
		[COND_LE] = "{name} le {literal}",
		[COND_GT] = "{name} gt {literal}",
		[COND_GE] = "{name} ge {literal}",
		[COND_IN] = "{name} eq {literal}",
		[COND_LIKE] = "contains({name},{infix_literal})",
		[COND_NULL] = "{name} eq null",
		[COND_NOTNULL] = "{name} ne null",
	},
	.inexact = COND_BIT(COND_NE) | COND_BIT(COND_LIKE),
	.is_typed = true,
	.whole = "$filter={parts}",
	.all = "({parts})",
	.any = "({parts})",
	.all_joiner = " and ",
	.any_joiner = " or ",
	.spell_sort = "$orderby={keys}",
	.sort_asc = "{name} asc",
	.sort_desc = "{name} desc",
	.spell_limit = "$top={value}",
	.spell_fields = "$select={values}",
	.size_param = "$top",
	.offset_param = "$skip",
	.next = "/@odata.nextLink",
	.total = "/@odata.count",
	.count_param = "$count=true",
};

/*
 * Django REST framework with django-filter, whose filters are named by field and lookup.  Form
 * fields strip white space, and an empty value is no filter.  A list is split at commas.  contains
 * of a piece of the pattern finds more than LIKE, and ignores case on some databases.  The order of
 * NULLs is the database's.
 */
static const Dialect drf = {
	.name = "drf",
	.spell = {
		[COND_EQ] = "{name}={value}",
		[COND_LT] = "{name}__lt={value}",
		[COND_LE] = "{name}__lte={value}",
		[COND_GT] = "{name}__gt={value}",
		[COND_GE] = "{name}__gte={value}",
		[COND_IN] = "{name}__in={values}",
		[COND_LIKE] = "{name}__contains={infix}",
		[COND_NULL] = "{name}__isnull=true",
		[COND_NOTNULL] = "{name}__isnull=false",
	},
	.inexact = COND_BIT(COND_LIKE),
	.limits = { .strips = true, .ignores_empty = true },
	.spell_sort = "ordering={keys}",
	.sort_asc = "{name}",
	.sort_desc = "-{name}",
	.page_param = "page",
	.size_param = "page_size",
	.offset_param = "offset",
	.offset_size_param = "limit",
	.cursor_param = "cursor",
	.first_page = 1,
	.next = "/next",
	.total = "/count",
};

/*
 * Spring Data's web support: Pageable from page, size and sort, the Page object as the answer,
 * filters by Querydsl, where a name that is repeated is a list and an empty value is no condition.
 * Where a parameter is bound to a collection, Spring splits a single value at its commas.
 */
static const Dialect spring = {
	.name = "spring",
	.spell = {
		[COND_EQ] = "{name}={value}",
		[COND_IN] = "{name}={value}",
	},
	.limits = { .syntax = ",", .ignores_empty = true },
	.spell_sort = "sort={key}",
	.sort_asc = "{name},asc",
	.sort_desc = "{name},desc",
	.page_param = "page",
	.size_param = "size",
	.first_page = 0,
	.total = "/totalElements",
};

static const Dialect *const dialects[] = { &plain, &jsonserver, &postgrest, &brackets, &jsonapi,
										   &odata, &drf,		&spring,	NULL };

const Dialect *
dq_dialect_find(const char *name)
{
	for (int i = 0; dialects[i]; i++)
		if (pg_strcasecmp(dialects[i]->name, name) == 0)
			return dialects[i];
	return NULL;
}

const Dialect *const *
dq_dialect_all(void)
{
	return dialects;
}

/* The code point at p (valid UTF-8). */
static unsigned
code_point(const unsigned char *p)
{
	if (p[0] < 0x80)
		return p[0];
	if (p[0] < 0xE0)
		return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
	if (p[0] < 0xF0)
		return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
	return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

/* What any of Python, Java and JavaScript takes for white space or strips as such. */
static bool
is_space(unsigned c)
{
	return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x1680 || c == 0x180E ||
		(c >= 0x2000 && c <= 0x200B) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
		c == 0x3000 || c == 0xFEFF;
}

bool
dq_text_can_say(const TextLimits *limits, const char *text)
{
	const unsigned char *bytes = (const unsigned char *) text;
	size_t last = strlen(text);

	if (last == 0)
		return !limits->ignores_empty;
	if (limits->syntax && strpbrk(text, limits->syntax))
		return false;
	if (limits->first_syntax && strchr(limits->first_syntax, text[0]))
		return false;
	if (!limits->strips)
		return true;
	do
		last--;
	while (last > 0 && (bytes[last] & 0xC0) == 0x80);
	return !is_space(code_point(bytes)) && !is_space(code_point(bytes + last));
}
