/*
 * option_address.c
 *	  Checks of options that become a part of requests: templates, paths, URLs and headers.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "request/cache_url.h"
#include "request/request.h"
#include "request/url.h"
#include "spec/option_check.h"

/*
 * A template that drops what was asked would bring wrong rows: one of the placeholders behind
 * {name} has to be there.
 */
static void
check_template(const char *value, const char *const *names, char **problem)
{
	Template *compiled = dq_template_compile(value, names, problem);
	bool is_complete = false;
	char *needed = NULL;

	if (compiled == NULL)
		return;
	if (dq_option_has_control(value))
		*problem = pstrdup(DQ_CONTROL_PROBLEM);
	else if (value[0] == '?' || value[0] == '&' || strchr(value, '#'))
		*problem = pstrdup(
			"a template of the query string neither begins with \"?\" or \"&\" nor holds \"#\"");
	for (; *names; names++)
	{
		if (strcmp(*names, "name") == 0)
			continue;
		needed = needed ? psprintf("%s or {%s}", needed, *names) : psprintf("{%s}", *names);
		is_complete |= dq_template_uses(compiled, *names);
	}
	if (*problem == NULL && needed && !is_complete)
		*problem = psprintf("the template lacks %s", needed);
}

void
dq_option_check_spell(const OptionRow *row, const char *value, char **problem, char **hint)
{
	check_template(value, dq_condition_placeholders(row->op), problem);
}

void
dq_option_check_spell_sort(const OptionRow *row, const char *value, char **problem, char **hint)
{
	check_template(value, dq_sort_placeholders(), problem);
	if (*problem == NULL && strstr(value, "{keys}") == NULL && strstr(value, "{key}") == NULL)
		*problem = pstrdup("the template lacks {keys}");
}

void
dq_option_check_spell_limit(const OptionRow *row, const char *value, char **problem, char **hint)
{
	check_template(value, dq_limit_placeholders(), problem);
}

void
dq_option_check_spell_fields(const OptionRow *row, const char *value, char **problem, char **hint)
{
	check_template(value, dq_fields_placeholders(), problem);
	if (*problem == NULL && value[strcspn(value, "=&{")] != '=')
		*problem = pstrdup("the template is no parameter, name={values}");
}

void
dq_option_check_path(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_has_control(value))
		*problem = pstrdup(DQ_CONTROL_PROBLEM);
	else if (pg_strncasecmp(value, "http://", 7) == 0 || pg_strncasecmp(value, "https://", 8) == 0)
	{
		*problem = pstrdup("a path is expected, not a URL");
		*hint = pstrdup("Scheme and host belong to option \"url\" of the server.");
	}
	else if (strchr(value, '#'))
		*problem = pstrdup("a path has no fragment");
	else
		(void) dq_template_compile(value, NULL, problem);
}

void
dq_option_check_lookup_path(const OptionRow *row, const char *value, char **problem, char **hint)
{
	dq_option_check_path(row, value, problem, hint);
	if (*problem)
		return;

	Template *path = dq_template_compile(value, NULL, problem);

	for (int i = 0; i < path->nparts; i++)
		if (path->parts[i].placeholder)
			return;
	*problem = pstrdup("it names no column");
	*hint = pstrdup(
		"Name the column that an item is looked up by in braces, such as \"/orders/{id}\".");
}

void
dq_option_check_url(const OptionRow *row, const char *value, char **problem, char **hint)
{
	const char *phrase = dq_url_problem(value);

	if (phrase)
		*problem = pstrdup(phrase);
}

/*
 * RFC 6749, section 3.2: TLS, since secrets go there; and a query string is allowed.  What does not
 * leave this machine needs none: a proxy beside PostgreSQL may speak TLS for it.
 */
void
dq_option_check_token_url(const OptionRow *row, const char *value, char **problem, char **hint)
{
	dq_option_check_url(row, pnstrdup(value, strcspn(value, "?")), problem, hint);
	if (*problem == NULL && (strpbrk(value, "# \"<>\\^`{|}") || dq_option_has_control(value)))
		*problem = pstrdup("a fragment, or what cannot stand in a query string, is not allowed");
	if (*problem == NULL && pg_strncasecmp(value, "https:", 6) != 0 && !dq_url_is_loopback(value))
	{
		*problem = pstrdup("a client's secret is not sent without TLS");
		*hint = pstrdup("Write a URL of https, or one of localhost, 127.0.0.1 or [::1].");
	}
}

/* A URL may have a query string here; what dq_url_problem() refuses otherwise stays refused. */
void
dq_option_check_url_or_path(const OptionRow *row, const char *value, char **problem, char **hint)
{
	char *url = pnstrdup(value, strcspn(value, "?"));

	if (strchr(value, '#') || dq_option_has_control(value))
		*problem = pstrdup("a fragment or control characters are not allowed");
	else if (value[0] != '/')
	{
		dq_option_check_url(row, url, problem, hint);
		if (*problem)
			*hint = pstrdup("Write a URL, or a path that begins with a slash.");
	}
}

void
dq_option_check_cache_url(const OptionRow *row, const char *value, char **problem, char **hint)
{
	const char *phrase;
	const char *advice;

	if (dq_cache_url_parse(value, &phrase, &advice))
		return;
	*problem = pstrdup(phrase);
	if (advice)
		*hint = pstrdup(advice);
}

/* Memcached takes names of 250 bytes, of which a hash needs some. */
void
dq_option_check_cache_prefix(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (strlen(value) > 100)
		*problem = pstrdup("it must not be longer than 100 characters");
	for (const char *c = value; *c; c++)
		if (*c <= ' ' || *c > '~')
			*problem = pstrdup("it takes plain characters without blanks");
}

/* The empty proxy overrides none, and is none. */
void
dq_option_check_proxy(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (value[0] != '\0')
		dq_option_check_url(row, value, problem, hint);
}

/* Headers that anybody could read, or that the transport sets by itself. */
void
dq_option_check_headers(const OptionRow *row, const char *value, char **problem, char **hint)
{
	static const char *const secret[] = { "Authorization", "Proxy-Authorization", "Cookie", NULL };
	static const char *const own[] = { "Host",
									   "Content-Length",
									   "Transfer-Encoding",
									   "Connection",
									   "Accept-Encoding",
									   "TE",
									   "Upgrade",
									   "Expect",
									   "Trailer",
									   "Keep-Alive",
									   NULL };
	List *headers = dq_option_headers(pg_server_to_any(value, strlen(value), PG_UTF8), problem);

	for (int i = 0; *problem == NULL && i < list_length(headers); i += 2)
	{
		const char *name = list_nth(headers, i);

		for (int s = 0; secret[s]; s++)
			if (pg_strcasecmp(name, secret[s]) == 0)
			{
				*problem = psprintf("everybody could read the header \"%s\"", name);
				*hint = pstrdup("Credentials belong to the user mapping.");
			}
		for (int o = 0; own[o]; o++)
			if (pg_strcasecmp(name, own[o]) == 0)
				*problem = psprintf("the header \"%s\" is set by the transport", name);
	}
}
