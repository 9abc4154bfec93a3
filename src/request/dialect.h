/*
 * dialect.h
 *	  Presets of spelling: how filters, sort and paging are said to services of one family.
 */
#ifndef DQ_DIALECT_H
#define DQ_DIALECT_H

#include "request/condition.h"
#include "request/paging.h"

typedef struct Dialect
{
	const char *name;
	const char *spell[COND_COUNT]; /* template texts; NULL: the family has no such operator */
	ConditionOpSet inexact; /* operators whose preset asks for a superset: never to be trusted */
	bool compares_text;		/* "=" compares the value's JSON text, ranges order strings by bytes */
	const char *spell_sort; /* {keys}: a comma list of sort_asc, sort_desc; {orders}: of asc, desc */
	const char *sort_asc;	/* one ascending key, {name} */
	const char *sort_desc;	/* one descending key, {name} */
	const char *page_param;
	const char *size_param;
	const char *offset_param;
	const char *cursor_param;
	int first_page;	   /* number of the first page; the first offset is 0 */
	const char *next;  /* JSON Pointer, or NULL */
	const char *total; /* JSON Pointer or "header:Name", or NULL */
	const char *
		count_header; /* a request header that makes the service count, "Prefer: count=exact", or NULL */
} Dialect;

/* NULL when there is none of this name. */
extern const Dialect *dq_dialect_find(const char *name);

/* NULL-terminated list of all, for hints and the options view. */
extern const Dialect *const *dq_dialect_all(void);

#endif /* DQ_DIALECT_H */
