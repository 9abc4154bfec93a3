/*
 * option_value.c
 *	  Checking and reading the values of options, by type.
 *
 * A check looks at one value alone.  What it says about a value must hold no secret: a URL or a
 * header may carry one that does not belong there.
 */
#include "postgres.h"

#include <math.h>

#include "mb/pg_wchar.h"
#include "request/body.h"
#include "request/dialect.h"
#include "request/graphql.h"
#include "request/request.h"
#include "rows/json.h"
#include "spec/option_check.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/* Largest size that a double holds exactly. */
#define MAX_SIZE ((INT64CONST(1) << 53) - 1)

static char *
word_list(const char *const *words, const char *separator, const char *quote)
{
	StringInfoData list;

	initStringInfo(&list);
	for (; *words; words++)
		appendStringInfo(&list, "%s%s%s%s", list.len ? separator : "", quote, *words, quote);
	return list.data;
}

static const char *const *
dialect_names(void)
{
	const Dialect *const *dialects = dq_dialect_all();
	int n = 0;

	while (dialects[n])
		n++;

	const char **names = palloc0(sizeof(char *) * (n + 1));

	for (int i = 0; i < n; i++)
		names[i] = dialects[i]->name;
	return names;
}

static void
check_empty_text(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_has_control(value))
		*problem = pstrdup(DQ_CONTROL_PROBLEM);
}

static void
check_text(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (value[0] == '\0')
		*problem = pstrdup("it must not be empty");
	else
		check_empty_text(row, value, problem, hint);
}

/* RFC 7617, section 2: the first colon ends the name. */
static void
check_username(const OptionRow *row, const char *value, char **problem, char **hint)
{
	check_text(row, value, problem, hint);
	if (*problem == NULL && strchr(value, ':'))
		*problem = pstrdup("a user name cannot hold a colon");
}

static void
check_bool(const OptionRow *row, const char *value, char **problem, char **hint)
{
	bool flag;

	if (!parse_bool(value, &flag))
	{
		*problem = pstrdup("expected a Boolean value");
		*hint = pstrdup("Valid values are \"true\" and \"false\".");
	}
}

static void
check_range(const OptionRow *row, int64 number, int64 max, char **problem)
{
	if (row->max > 0)
		max = row->max;
	if (number < row->min || number > max)
		*problem = psprintf("it must be between " INT64_FORMAT " and " INT64_FORMAT, row->min, max);
}

static void
check_int(const OptionRow *row, const char *value, char **problem, char **hint)
{
	int number;

	if (!parse_int(value, &number, 0, NULL))
		*problem = pstrdup("expected an integer");
	else
		check_range(row, number, PG_INT32_MAX, problem);
}

static void
check_duration(const OptionRow *row, const char *value, char **problem, char **hint)
{
	int number;
	const char *units = NULL;

	if (!parse_int(value, &number, GUC_UNIT_MS, &units))
	{
		*problem = pstrdup("expected a duration");
		*hint = pstrdup(units ? _(units) :
								"Write it as \"500ms\", \"2s\", \"5min\", \"1h\" or \"1d\".");
	}
	else if (number < 0)
		*problem = pstrdup("it must not be negative");
}

static void
check_lifetime(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_is_http(value))
		return;
	check_duration(row, value, problem, hint);
	if (*problem)
		*problem = psprintf("%s or \"http\"", *problem);
}

/* Bytes; a plain number is bytes, units are B, kB, MB, GB, TB as in postgresql.conf. */
static bool
parse_size(const char *value, int64 *bytes, const char **units)
{
	double number;

	if (!parse_real(value, &number, GUC_UNIT_BYTE, units))
		return false;
	number = rint(number);
	if (!(number >= 0 && number <= (double) MAX_SIZE))
		return false;
	*bytes = (int64) number;
	return true;
}

static void
check_size(const OptionRow *row, const char *value, char **problem, char **hint)
{
	int64 bytes;
	const char *units = NULL;

	if (!parse_size(value, &bytes, &units))
	{
		*problem = pstrdup("expected a size");
		*hint = pstrdup(units ? _(units) : "Write it as \"8000\", \"64kB\", \"256MB\" or \"1GB\".");
	}
	else
		check_range(row, bytes, MAX_SIZE, problem);
}

static void
check_word(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_word(row, value) >= 0)
		return;
	*problem = pstrdup("unknown word");
	*hint = psprintf("Valid values are %s.", word_list(row->words, ", ", "\""));
}

static void
check_words(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_words(row, value) >= 0)
		return;
	*problem = pstrdup("unknown word");
	*hint = psprintf("Valid words, separated by blanks, are %s.",
					 word_list(row->words, ", ", "\""));
}

static void
check_rate(const OptionRow *row, const char *value, char **problem, char **hint)
{
	int count;
	int64 period_us;

	if (dq_option_rate(value, &count, &period_us))
		return;
	*problem = pstrdup("expected a number of requests in a time, from 1 to 1000000");
	*hint = pstrdup("Write it as \"100/s\", \"10/min\" or \"1000/h\".");
}

static void
check_dialect(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_dialect_find(value))
		return;
	*problem = pstrdup("unknown dialect");
	*hint = psprintf("Valid values are %s.", word_list(dialect_names(), ", ", "\""));
}

static void
check_pointer(const OptionRow *row, const char *value, char **problem, char **hint)
{
	const char *phrase = NULL;

	if (dq_json_pointer_compile(value, &phrase))
		return;
	*problem = pstrdup(phrase);
	*hint = pstrdup("Write a JSON Pointer (RFC 6901), such as \"/data/items\".");
}

/* "header:Name", or with allows_query "query:name". */
static bool
is_placed_name(const char *value, bool allows_query)
{
	if (strncmp(value, "header:", 7) == 0)
		return dq_option_is_token(value + 7);
	return allows_query && strncmp(value, "query:", 6) == 0 && value[6] != '\0' &&
		!dq_option_has_control(value);
}

static void
check_pointer_or_header(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (strncmp(value, "header:", 7) != 0)
		check_pointer(row, value, problem, hint);
	else if (!is_placed_name(value, false))
		*problem = pstrdup("that is no header's name");
	if (*problem)
		*hint = pstrdup(
			"Write a JSON Pointer (RFC 6901), such as \"/meta/total\", or \"header:X-Total-Count\".");
}

static void
check_api_key_in(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (is_placed_name(value, true))
		return;
	*problem = pstrdup("expected the name of a header or a query parameter");
	*hint = pstrdup("Write it as \"header:X-API-Key\" or \"query:key\".");
}

static void
check_filter(const OptionRow *row, const char *value, char **problem, char **hint)
{
	ConditionOpSet ops;

	(void) dq_condition_ops_parse(value, &ops, problem);
	if (*problem)
		*hint = pstrdup("Separate operators by spaces.");
}

static void
check_param(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (value[0] == '=' || strchr(value, '=') == NULL || strpbrk(value, " #\"<>\\^`{|}") ||
		dq_option_has_control(value))
		*problem = pstrdup("expected name=value, percent-encoded where needed");
}

static void
check_body(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_body_compile(pg_server_to_any(value, strlen(value), PG_UTF8), problem) == NULL)
		*hint = pstrdup(
			"Write JSON in which strings such as \"{status}\" or \"{created_at >=}\" stand for values.");
}

static void
check_field(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (dq_option_has_control(value))
		*problem = pstrdup(DQ_CONTROL_PROBLEM);
	else if (dq_graphql_field_compile(value, problem) == NULL)
		*hint = pstrdup(
			"Write names of fields joined by dots, such as \"orders\" or \"user(id: $user_id).orders\".");
}

static void
check_graphql_name(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (!dq_graphql_is_name(value))
		*problem = pstrdup("that is no name of GraphQL");
}

static void
check_selection(const OptionRow *row, const char *value, char **problem, char **hint)
{
	const char *phrase = dq_graphql_selection_problem(value);

	if (phrase)
		*problem = pstrdup(phrase);
}

static void
check_file(const OptionRow *row, const char *value, char **problem, char **hint)
{
	if (!is_absolute_path(value))
		*problem = pstrdup("expected an absolute path");
}

static const struct
{
	const char *text; /* for the view */
	OptionCheck check;
} types[] = {
	[OPTION_TEXT] = { "text", check_text },
	[OPTION_EMPTY_TEXT] = { "text", check_empty_text },
	[OPTION_USERNAME] = { "text", check_username },
	[OPTION_BOOL] = { "boolean", check_bool },
	[OPTION_INT] = { "integer", check_int },
	[OPTION_DURATION] = { "duration", check_duration },
	[OPTION_LIFETIME] = { "duration or http", check_lifetime },
	[OPTION_SIZE] = { "size", check_size },
	[OPTION_RATE] = { "rate", check_rate },
	[OPTION_ENUM] = { "word", check_word },
	[OPTION_WORDS] = { "words", check_words },
	[OPTION_DIALECT] = { "word", check_dialect },
	[OPTION_POINTER] = { "JSON Pointer", check_pointer },
	[OPTION_POINTER_OR_HEADER] = { "JSON Pointer or header:Name", check_pointer_or_header },
	[OPTION_SPELL] = { "template", dq_option_check_spell },
	[OPTION_SPELL_SORT] = { "template", dq_option_check_spell_sort },
	[OPTION_SPELL_LIMIT] = { "template", dq_option_check_spell_limit },
	[OPTION_SPELL_FIELDS] = { "template", dq_option_check_spell_fields },
	[OPTION_PATH] = { "path template", dq_option_check_path },
	[OPTION_LOOKUP_PATH] = { "path template", dq_option_check_lookup_path },
	[OPTION_URL] = { "URL", dq_option_check_url },
	[OPTION_TOKEN_URL] = { "URL", dq_option_check_token_url },
	[OPTION_PROXY] = { "URL", dq_option_check_proxy },
	[OPTION_URL_OR_PATH] = { "URL or path", dq_option_check_url_or_path },
	[OPTION_HEADERS] = { "JSON object", dq_option_check_headers },
	[OPTION_FILTER] = { "operators", check_filter },
	[OPTION_PARAM] = { "name=value", check_param },
	[OPTION_FIELD] = { "GraphQL field", check_field },
	[OPTION_NAME] = { "GraphQL name", check_graphql_name },
	[OPTION_SELECTION] = { "GraphQL selection", check_selection },
	[OPTION_BODY] = { "JSON template", check_body },
	[OPTION_API_KEY_IN] = { "header:Name or query:name", check_api_key_in },
	[OPTION_CACHE_URL] = { "cache URL", dq_option_check_cache_url },
	[OPTION_CACHE_PREFIX] = { "text", dq_option_check_cache_prefix },
	[OPTION_FILE] = { "file", check_file },
};

bool
dq_option_check(const OptionRow *row, const char *value, char **problem, char **hint)
{
	*problem = NULL;
	*hint = NULL;
	types[row->type].check(row, value, problem, hint);
	return *problem == NULL;
}

char *
dq_option_type_text(const OptionRow *row)
{
	if (row->type == OPTION_ENUM)
		return word_list(row->words, " | ", "");
	if (row->type == OPTION_WORDS)
		return word_list(row->words, " ", "");
	if (row->type == OPTION_DIALECT)
		return word_list(dialect_names(), " | ", "");
	return pstrdup(types[row->type].text);
}

bool
dq_option_is_http(const char *value)
{
	return pg_strcasecmp(value, "http") == 0;
}

bool
dq_option_bool(const char *value)
{
	bool flag = false;

	(void) parse_bool(value, &flag);
	return flag;
}

int64
dq_option_number(const OptionRow *row, const char *value)
{
	int number = 0;
	int64 bytes = 0;

	if (row->type == OPTION_SIZE)
	{
		(void) parse_size(value, &bytes, NULL);
		return bytes;
	}
	(void) parse_int(value, &number,
					 row->type == OPTION_DURATION || row->type == OPTION_LIFETIME ? GUC_UNIT_MS : 0,
					 NULL);
	return number;
}

int
dq_option_word(const OptionRow *row, const char *value)
{
	for (int i = 0; row->words[i]; i++)
		if (pg_strcasecmp(row->words[i], value) == 0)
			return row->first_word + i;
	return -1;
}

int
dq_option_words(const OptionRow *row, const char *value)
{
	int bits = 0;

	for (const char *word = value + strspn(value, " "); *word; word += strspn(word, " "))
	{
		int len = strcspn(word, " ");
		int i = 0;

		while (row->words[i] &&
			   ((int) strlen(row->words[i]) != len || pg_strncasecmp(row->words[i], word, len) != 0))
			i++;
		if (row->words[i] == NULL)
			return -1;
		bits |= 1 << i;
		word += len;
	}
	return bits;
}

bool
dq_option_rate(const char *value, int *count, int64 *period_us)
{
	static const struct
	{
		const char *unit;
		int64 seconds;
	} units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", 86400 } };
	const char *slash = strchr(value, '/');

	if (slash == NULL || slash == value || slash - value > 7 ||
		strspn(value, "0123456789") != slash - value)
		return false;
	*count = (int) strtol(value, NULL, 10);
	for (int i = 0; i < lengthof(units); i++)
		if (strcmp(slash + 1, units[i].unit) == 0)
		{
			*period_us = units[i].seconds * 1000000;
			return *count >= 1 && *count <= 1000000;
		}
	return false;
}
