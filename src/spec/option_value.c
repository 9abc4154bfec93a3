/*
 * option_value.c
 *	  Checking and reading the values of options, by type.
 */
#include "postgres.h"

#include "request/template.h"
#include "request/request.h"
#include "request/url.h"
#include "rows/json.h"
#include "spec/options.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* Bytes; plain numbers are bytes, units kB, MB, GB, TB as in postgresql.conf. */
static bool
parse_size(const char *value, int64 *bytes, const char **hint)
{
	int			number;
	char	   *end;
	double		plain = strtod(value, &end);

	if (end != value && *end == '\0' && plain >= 0 && plain < 9e15 && plain == (double) (int64) plain)
	{
		*bytes = (int64) plain;
		return true;
	}
	if (parse_int(value, &number, GUC_UNIT_BYTE, hint) && number >= 0)
	{
		*bytes = number;
		return true;
	}
	if (parse_int(value, &number, GUC_UNIT_KB, hint) && number >= 0)
	{
		*bytes = (int64) number * 1024;
		return true;
	}
	return false;
}

static char *
word_list(const char *const *words)
{
	StringInfoData list;

	initStringInfo(&list);
	for (; *words; words++)
		appendStringInfo(&list, "%s\"%s\"", list.len ? ", " : "", *words);
	return list.data;
}

static bool
check_headers(const char *value, char **problem, char **hint)
{
	static const char *const secret[] = {"Authorization", "Proxy-Authorization", "Cookie"};
	static const char *const own[] = {"Host", "Content-Length", "Transfer-Encoding", "Connection",
	"Accept-Encoding", "TE", "Upgrade", "Expect", "Trailer", "Keep-Alive"};
	List	   *headers = dq_option_headers(value, problem);
	ListCell   *cell;

	if (*problem)
		return false;
	for (cell = list_head(headers); cell; cell = lnext(headers, lnext(headers, cell)))
	{
		const char *name = lfirst(cell);

		for (int i = 0; i < lengthof(secret); i++)
			if (pg_strcasecmp(name, secret[i]) == 0)
			{
				*problem = psprintf("header \"%s\" would be visible to everybody", name);
				*hint = pstrdup("Put credentials into the user mapping (options auth, token, username, password, api_key).");
				return false;
			}
		for (int i = 0; i < lengthof(own); i++)
			if (pg_strcasecmp(name, own[i]) == 0)
			{
				*problem = psprintf("header \"%s\" is set by the transport itself", name);
				return false;
			}
	}
	return true;
}

/* "header:Name" or "query:name". */
static bool
check_placed_name(const char *value, bool allows_query, char **problem)
{
	if (strncmp(value, "header:", 7) == 0)
	{
		if (dq_option_is_token(value + 7))
			return true;
		*problem = pstrdup("the header's name is not valid");
		return false;
	}
	if (allows_query && strncmp(value, "query:", 6) == 0 && value[6] != '\0')
		return true;
	*problem = pstrdup(allows_query ? "expected header:Name or query:name" : "expected header:Name");
	return false;
}

static bool
check_template(const char *value, const char *const *names, char **problem)
{
	if (dq_option_has_control(value))
	{
		*problem = pstrdup("control characters are not allowed");
		return false;
	}
	return dq_template_compile(value, names, problem) != NULL;
}

bool
dq_option_check(const OptionRow *row, const char *value, char **problem, char **hint)
{
	const char *words = NULL;
	bool		flag;
	int			number;
	int64		bytes;
	ConditionOpSet ops;

	*problem = NULL;
	*hint = NULL;
	switch (row->type)
	{
		case OPTION_TEXT:
			if (value[0] == '\0')
				*problem = pstrdup("must not be empty");
			else if (dq_option_has_control(value))
				*problem = pstrdup("control characters are not allowed");
			break;
		case OPTION_BOOL:
			if (!parse_bool(value, &flag))
				*problem = pstrdup("expected a Boolean value");
			break;
		case OPTION_INT:
			if (!parse_int(value, &number, 0, &words))
				*problem = pstrdup("expected an integer");
			else if (number < row->min)
				*problem = psprintf("must be at least %d", row->min);
			break;
		case OPTION_DURATION:
			if (!parse_int(value, &number, GUC_UNIT_MS, &words))
				*problem = pstrdup("expected a duration");
			else if (number < 0)
				*problem = pstrdup("must not be negative");
			if (*problem)
				*hint = pstrdup(words ? words : "Write it as 500ms, 2s, 5min, 1h or 1d.");
			break;
		case OPTION_SIZE:
			if (!parse_size(value, &bytes, &words))
			{
				*problem = pstrdup("expected a size");
				*hint = pstrdup("Write it as 8000, 64kB, 256MB or 1GB.");
			}
			break;
		case OPTION_ENUM:
			if (dq_option_word(row, value) < 0)
			{
				*problem = pstrdup("unknown word");
				*hint = psprintf("Valid values are %s.", word_list(row->words));
			}
			break;
		case OPTION_POINTER:
			if (dq_json_pointer_compile(value, &words) == NULL)
			{
				*problem = pstrdup(words);
				*hint = pstrdup("A JSON Pointer (RFC 6901) is \"\" or begins with a slash, as /data/items.");
			}
			break;
		case OPTION_POINTER_OR_HEADER:
			if (strncmp(value, "header:", 7) == 0)
				check_placed_name(value, false, problem);
			else if (dq_json_pointer_compile(value, &words) == NULL)
			{
				*problem = pstrdup(words);
				*hint = pstrdup("Give a JSON Pointer (RFC 6901), as /meta/total, or header:Name.");
			}
			break;
		case OPTION_SPELL:
			check_template(value, dq_condition_placeholders(row->op), problem);
			break;
		case OPTION_SPELL_SORT:
			check_template(value, dq_sort_placeholders(), problem);
			break;
		case OPTION_PATH:
			check_template(value, NULL, problem);
			break;
		case OPTION_URL:
			words = dq_url_problem(value);
			if (words)
				*problem = pstrdup(words);
			break;
		case OPTION_PROXY:
			words = dq_url_problem(value);
			if (words && value[0] != '\0')
				*problem = pstrdup(words);
			break;
		case OPTION_HEADERS:
			check_headers(value, problem, hint);
			break;
		case OPTION_FILTER:
			dq_condition_ops_parse(value, &ops, problem);
			if (*problem)
				*hint = pstrdup("Operators are = <> < <= > >= in like null, separated by spaces.");
			break;
		case OPTION_PARAM:
			if (value[0] == '=' || strchr(value, '=') == NULL || strpbrk(value, " #\"<>\\^`{|}") ||
				dq_option_has_control(value))
				*problem = pstrdup("expected name=value, percent-encoded where needed");
			break;
		case OPTION_API_KEY_IN:
			check_placed_name(value, true, problem);
			break;
		case OPTION_FILE:
			if (value[0] != '/')
				*problem = pstrdup("expected an absolute path");
			break;
	}
	return *problem == NULL;
}

bool
dq_option_bool(const char *value)
{
	bool		flag = false;

	(void) parse_bool(value, &flag);
	return flag;
}

int64
dq_option_number(const OptionRow *row, const char *value)
{
	int			number = 0;
	int64		bytes = 0;

	if (row->type == OPTION_SIZE)
	{
		(void) parse_size(value, &bytes, NULL);
		return bytes;
	}
	(void) parse_int(value, &number, row->type == OPTION_DURATION ? GUC_UNIT_MS : 0, NULL);
	return number;
}

int
dq_option_word(const OptionRow *row, const char *value)
{
	for (int i = 0; row->words[i]; i++)
		if (strcmp(row->words[i], value) == 0)
			return i;
	return -1;
}
