/*
 * dialect.h
 *	  Presets of spelling: how filters, sort and paging are said to services of one family.
 */
#ifndef DQ_DIALECT_H
#define DQ_DIALECT_H

#include "request/condition.h"
#include "request/paging.h"

/* What a family does to texts on their way into a comparison. */
typedef struct TextLimits
{
	const char *syntax;		  /* characters that it would read as its own, anywhere; NULL: none */
	const char *first_syntax; /* the same, at the beginning only */
	bool strips;			  /* white space around a text is dropped */
	bool ignores_empty;		  /* an empty text is no condition at all */
} TextLimits;

typedef struct Dialect
{
	const char *name;
	const char *spell[COND_COUNT]; /* template texts; NULL: the family has no such operator */
	ConditionOpSet inexact; /* operators whose preset asks for a superset: never to be trusted */
	bool compares_text;		/* "=" compares the value's JSON text, ranges order strings by bytes */
	bool is_typed; /* values are literals of a type: there is none for a zoneless timestamp */
	TextLimits limits;

	/* Joining conditions (see Logic); all NULL where AND of parameters is all there is. */
	const char *whole;
	const char *top;
	const char *all;
	const char *any;
	const char *all_joiner;
	const char *any_joiner;
	const char *part[COND_COUNT]; /* a condition within; NULL: as spell where whole is set */

	const char *spell_sort; /* {keys}: a comma list of sort_asc, sort_desc; {orders}: of asc, desc */
	const char *sort_asc;	/* one ascending key, {name} */
	const char *sort_desc;	/* one descending key, {name} */
	const char *spell_limit;  /* {value}, without paging; NULL: there is no such parameter */
	const char *spell_fields; /* {values}, NULL likewise */
	const char *page_param;
	const char *size_param;
	const char *offset_param;
	const char *offset_size_param; /* of offset paging, where it is not size_param */
	const char *cursor_param;
	int first_page;	   /* number of the first page; the first offset is 0 */
	const char *next;  /* JSON Pointer, or NULL */
	const char *total; /* JSON Pointer or "header:Name", or NULL */
	const char *
		count_header; /* a request header that makes the service count, "Prefer: count=exact", or NULL */
	const char *count_param; /* a parameter that does, "$count=true", or NULL */
	const char *members; /* where a row's members stand, but for id and type; NULL: in the row */
} Dialect;

/* NULL when there is none of this name. */
extern const Dialect *dq_dialect_find(const char *name);

/* NULL-terminated list of all, for hints and the options view. */
extern const Dialect *const *dq_dialect_all(void);

/* False for a text that the family would take for something else: a narrower or another question. */
extern bool dq_text_can_say(const TextLimits *limits, const char *text);

#endif /* DQ_DIALECT_H */
