/*
 * template.h
 *	  Templates of query strings and paths: literal text with {placeholders}.
 *
 * In a spell_* template the placeholders are {name}, {value}, ... (dq_condition_placeholders()
 * says which); in a path they name columns.  "{{" and "}}" stand for single braces.  Literal text
 * is sent as the operator wrote it, except that bytes that cannot stand in a URL are
 * percent-encoded; values are percent-encoded wholly (RFC 3986 section 2.1).
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_TEMPLATE_H
#define DQ_TEMPLATE_H

#include "lib/stringinfo.h"

typedef struct TemplatePart
{
	char *literal;	   /* NULL: a placeholder */
	char *placeholder; /* its name without braces, else NULL */
} TemplatePart;

typedef struct Template
{
	char *source; /* as written */
	int nparts;
	TemplatePart *parts;
} Template;

/*
 * Compiles a template; names (NULL-terminated) are the placeholders allowed, NULL allows any
 * SQL-ish name.  Returns NULL with a phrase (palloc'd) in *problem: unbalanced brace, empty or
 * unknown placeholder.  Palloc'd in the current context.
 */
extern Template *dq_template_compile(const char *source, const char *const *names, char **problem);

/* True when the template has this placeholder. */
extern bool dq_template_uses(const Template *tmpl, const char *placeholder);

/*
 * Looks a placeholder's raw value up; returns false where there is none.  Values are
 * percent-encoded by the expander, except where the lookup sets *is_encoded.
 */
typedef bool (*TemplateLookup)(const char *placeholder, void *arg, const char **value,
							   bool *is_encoded);

/* Appends the expansion; false when a lookup found nothing (out then holds a partial text). */
extern bool dq_template_expand(const Template *tmpl, StringInfo out, TemplateLookup lookup,
							   void *arg);

#endif /* DQ_TEMPLATE_H */
