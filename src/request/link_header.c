/*
 * link_header.c
 *	  Finds the next page in Link headers (RFC 8288 section 3).
 *
 *	  Link       = #link-value
 *	  link-value = "<" URI-Reference ">" *( OWS ";" OWS [ link-param ] )
 *	  link-param = token BWS [ "=" BWS ( token / quoted-string ) ]
 *
 * A link with an anchor is about another resource than the answer and is passed over.  Of several
 * rel parameters of one link the first counts, and holds one or more relation types.  What is
 * malformed is skipped up to the next comma.
 */
#include "base.h"

#include "request/paging.h"

/* One parameter of a link; name is borrowed, value palloc'd. */
typedef struct LinkParam
{
	const char *name;
	size_t name_len;
	char *value;
} LinkParam;

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Reads a token or quoted string; returns the place behind it. */
static const char *
read_value(const char *at, char **value)
{
	StringInfoData out;

	initStringInfo(&out);
	if (*at != '"')
	{
		size_t len = strcspn(at, ";, \t\r\n");

		appendBinaryStringInfo(&out, at, len);
		at += len;
	}
	else
	{
		for (at++; *at && *at != '"'; at++)
		{
			if (*at == '\\' && at[1] != '\0')
				at++;
			appendStringInfoChar(&out, *at);
		}
		if (*at == '"')
			at++;
	}
	*value = out.data;
	return at;
}

/* Reads one parameter behind its semicolon; the name may be empty. */
static const char *
read_param(const char *at, LinkParam *param)
{
	param->name = skip_space(at);
	param->name_len = strcspn(param->name, "=;, \t\r\n");
	param->value = NULL;
	at = skip_space(param->name + param->name_len);
	if (*at == '=')
		at = skip_space(read_value(skip_space(at + 1), &param->value));
	return at;
}

static bool
param_is(const LinkParam *param, const char *name)
{
	return param->name_len == strlen(name) &&
		pg_strncasecmp(param->name, name, param->name_len) == 0;
}

/* True when a list of relation types, separated by white space, has "next". */
static bool
rel_has_next(const char *rel)
{
	for (rel = skip_space(rel); *rel; rel = skip_space(rel))
	{
		size_t len = strcspn(rel, " \t\r\n");

		if (len == 4 && pg_strncasecmp(rel, "next", 4) == 0)
			return true;
		rel += len;
	}
	return false;
}

/* Reads the parameters of a link up to its comma; *is_next is whether it leads to the next page. */
static const char *
read_params(const char *at, bool *is_next)
{
	bool has_rel = false;
	bool has_anchor = false;

	*is_next = false;
	for (at = skip_space(at); *at == ';';)
	{
		LinkParam param;

		at = read_param(at + 1, &param);
		if (param_is(&param, "anchor"))
			has_anchor = true;
		else if (param_is(&param, "rel") && !has_rel)
		{
			has_rel = true;
			*is_next = param.value != NULL && rel_has_next(param.value);
		}
		if (param.value)
			pfree(param.value);

		/* Whatever else stands before the next separator is not ours to understand. */
		at += strcspn(at, ";,");
	}
	*is_next &= !has_anchor;
	return at;
}

char *
dq_link_header_next(const char *value)
{
	const char *at = value;

	while (*(at = skip_space(at)))
	{
		const char *target = at + 1;
		const char *end;
		bool is_next;

		if (*at != '<' || (end = strchr(target, '>')) == NULL)
		{
			at += strcspn(at, ",");
			at += *at == ',';
			continue;
		}
		at = read_params(end + 1, &is_next);
		if (is_next)
			return pnstrdup(target, end - target);
		at += strcspn(at, ",");
		at += *at == ',';
	}
	return NULL;
}
