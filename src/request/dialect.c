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
	.spell_sort = "order={keys}",
	.sort_asc = "{name}.asc.nullslast",
	.sort_desc = "{name}.desc.nullsfirst",
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

static const Dialect *const dialects[] = { &plain, &jsonserver, &postgrest, &brackets, NULL };

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
