/*
 * http_cache.c
 *	  What a response says of its being kept (RFC 9111, RFC 5861).
 *
 * An answer that is kept for one identity is in a private cache, with cache_shared in a shared one:
 * then "private" forbids it, s-maxage counts before max-age, and what was asked for with credentials
 * needs an explicit permission (section 3.5).  Nothing is guessed: a response without a lifetime has
 * none (no heuristic of section 4.2.2), and can only be confirmed.  Whatever is malformed or said
 * twice counts as its strictest reading.
 */
#include "base.h"

#include "request/http_cache.h"

/* Longer lives are this one. */
#define MAX_SECONDS ((int64) 1 << 31)

#define SECONDS_A_DAY 86400

const char *const dq_http_cache_headers[HTTP_CACHE_HEADERS] = {
	[HTTP_CACHE_CONTROL] = "Cache-Control",
	[HTTP_EXPIRES] = "Expires",
	[HTTP_VARY] = "Vary",
	[HTTP_ETAG] = "ETag",
	[HTTP_LAST_MODIFIED] = "Last-Modified",
	[HTTP_DATE] = "Date",
	[HTTP_AGE] = "Age",
};

/* Cache-Control, read; seconds are -1 where a directive is absent. */
typedef struct Directives
{
	bool no_store;
	bool no_cache;
	bool is_private;
	bool is_public;
	bool must_revalidate;
	bool proxy_revalidate;
	int64 max_age;
	int64 s_maxage;
	int64 stale_while_revalidate;
	int64 stale_if_error;
} Directives;

/* A number of seconds; 0 where it is none, which is the strictest reading. */
static int64
read_seconds(const char *text, size_t len)
{
	int64 seconds = 0;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < len; i++)
	{
		if (text[i] < '0' || text[i] > '9')
			return 0;
		seconds = Min(seconds * 10 + (text[i] - '0'), MAX_SECONDS);
	}
	return seconds;
}

static void
note_seconds(int64 *seconds, const char *text, size_t len)
{
	int64 read = read_seconds(text, len);

	*seconds = *seconds < 0 ? read : Min(*seconds, read);
}

static bool
is_named(const char *name, size_t len, const char *wanted)
{
	return len == strlen(wanted) && pg_strncasecmp(name, wanted, len) == 0;
}

/* Directives that limit what they forbid to some fields forbid it here altogether. */
static void
note_directive(Directives *found, const char *name, size_t name_len, const char *value,
			   size_t value_len)
{
	const struct
	{
		const char *name;
		bool *flag;
		int64 *seconds;
	} known[] = {
		{ "no-store", &found->no_store, NULL },
		{ "no-cache", &found->no_cache, NULL },
		{ "private", &found->is_private, NULL },
		{ "public", &found->is_public, NULL },
		{ "must-revalidate", &found->must_revalidate, NULL },
		{ "proxy-revalidate", &found->proxy_revalidate, NULL },
		{ "max-age", NULL, &found->max_age },
		{ "s-maxage", NULL, &found->s_maxage },
		{ "stale-while-revalidate", NULL, &found->stale_while_revalidate },
		{ "stale-if-error", NULL, &found->stale_if_error },
	};

	for (int i = 0; i < lengthof(known); i++)
	{
		if (!is_named(name, name_len, known[i].name))
			continue;
		if (known[i].flag)
			*known[i].flag = true;
		else
			note_seconds(known[i].seconds, value, value_len);
	}
}

static const char *
skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/* The end of a token or quoted string, whose inside is *value. */
static const char *
read_argument(const char *at, const char **value, size_t *len)
{
	if (*at != '"')
	{
		*value = at;
		*len = strcspn(at, ", \t");
		return at + *len;
	}
	*value = ++at;
	while (*at && *at != '"')
		at += at[0] == '\\' && at[1] ? 2 : 1;
	*len = at - *value;
	return *at ? at + 1 : at;
}

static Directives
read_cache_control(const char *at)
{
	Directives found = {
		.max_age = -1, .s_maxage = -1, .stale_while_revalidate = -1, .stale_if_error = -1
	};

	while (at && *at)
	{
		const char *name = at = skip_space(at);
		size_t name_len = strcspn(at, "=, \t");
		const char *value = "";
		size_t value_len = 0;

		at = skip_space(at + name_len);
		if (*at == '=')
			at = read_argument(skip_space(at + 1), &value, &value_len);
		note_directive(&found, name, name_len, value, value_len);
		at += strcspn(at, ",");
		at += *at == ',';
	}
	return found;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64
days_of(int64 year, int month, int day)
{
	int64 y = month <= 2 ? year - 1 : year;
	int64 era = (y >= 0 ? y : y - 399) / 400;
	int64 of_era = y - era * 400;
	int64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int
month_of(const char *name)
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
										  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

	for (int i = 0; i < lengthof(months); i++)
		if (strncmp(name, months[i], 3) == 0)
			return i + 1;
	return 0;
}

/* Two-digit years are of the century that makes them least far in the future. */
static int64
full_year(int year, int64 now_s)
{
	int64 this_year = 1970 + now_s / (365 * SECONDS_A_DAY + SECONDS_A_DAY / 4);
	int64 full = this_year / 100 * 100 + year;

	return full > this_year + 50 ? full - 100 : full;
}

bool
dq_http_date(const char *text, int64 now_s, int64 *seconds)
{
	char name[4] = "";
	int day;
	int year;
	int hour;
	int minute;
	int second;
	int used = 0;
	int64 long_year;
	int month;

	if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, name, &year, &hour,
			   &minute, &second, &used) == 6 &&
		used > 0)
		long_year = year;
	else if (sscanf(text, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", &day, name, &year,
					&hour, &minute, &second, &used) == 6 &&
			 used > 0)
		long_year = full_year(year, now_s);
	else if (sscanf(text, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", name, &day, &hour,
					&minute, &second, &year, &used) == 6 &&
			 used > 0)
		long_year = year;
	else
		return false;
	month = month_of(name);
	if (text[used] != '\0' || month == 0 || day < 1 || day > 31 || long_year < 1 || hour < 0 ||
		hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*seconds = days_of(long_year, month, day) * SECONDS_A_DAY + hour * 3600 + minute * 60 + second;
	return true;
}

/* A list of names holds this one. */
static bool
lists(const char *list, const char *name)
{
	for (const char *at = list; at && name && *at; at += *at == ',')
	{
		size_t len;

		at = skip_space(at);
		len = strcspn(at, ", \t");
		if (is_named(at, len, name))
			return true;
		at += strcspn(at, ",");
	}
	return false;
}

/*
 * What we send to a table is always the same, but for credentials, the session's name and what
 * traces a request: a response that varies by these answers nobody else.
 */
static bool
varies_by_asker(const char *vary, const HttpKeeper *keeper)
{
	if (lists(vary, "*") || lists(vary, "traceparent") || lists(vary, "tracestate") ||
		lists(vary, "CDN-Loop") || (lists(vary, "User-Agent") && !keeper->has_own_agent))
		return true;
	return keeper->is_shared &&
		(lists(vary, "Authorization") || lists(vary, "Cookie") || lists(vary, keeper->key_header));
}

/* Seconds that it may be used from when it was made. */
static int64
lifetime(const char *const *headers, const Directives *control, const HttpKeeper *keeper,
		 bool has_date, int64 date)
{
	int64 now = keeper->asked_at_ms / 1000;
	int64 expires;

	if (keeper->is_shared && control->s_maxage >= 0)
		return control->s_maxage;
	if (control->max_age >= 0)
		return control->max_age;
	if (headers[HTTP_EXPIRES] && dq_http_date(headers[HTTP_EXPIRES], now, &expires))
		return Min(Max(expires - (has_date ? date : now), 0), MAX_SECONDS);
	return 0;
}

/* Seconds that it had lived when it was asked for: in other caches, or by its date. */
static int64
initial_age(const char *const *headers, const HttpKeeper *keeper, bool has_date, int64 date)
{
	const char *age = headers[HTTP_AGE];
	int64 told = age ? read_seconds(age, strcspn(age, ", \t")) : 0;
	int64 apparent = has_date ? keeper->asked_at_ms / 1000 - date : 0;

	return Max(Max(told, apparent), 0);
}

void
dq_http_policy(const char *const *headers, const HttpKeeper *keeper, HttpPolicy *policy)
{
	Directives control = read_cache_control(headers[HTTP_CACHE_CONTROL]);
	int64 date = 0;
	bool has_date = headers[HTTP_DATE] &&
		dq_http_date(headers[HTTP_DATE], keeper->asked_at_ms / 1000, &date);
	bool may_be_confirmed = headers[HTTP_ETAG] || headers[HTTP_LAST_MODIFIED];

	policy->age_ms = initial_age(headers, keeper, has_date, date) * 1000;
	policy->fresh_ms = control.no_cache ?
		0 :
		lifetime(headers, &control, keeper, has_date, date) * 1000;
	policy->must_revalidate = control.no_cache || control.must_revalidate ||
		(keeper->is_shared && (control.proxy_revalidate || control.s_maxage >= 0));
	policy->stale_while_revalidate_ms = control.stale_while_revalidate < 0 ?
		-1 :
		control.stale_while_revalidate * 1000;
	policy->stale_if_error_ms = control.stale_if_error < 0 ? -1 : control.stale_if_error * 1000;
	policy->may_keep = !control.no_store && !varies_by_asker(headers[HTTP_VARY], keeper) &&
		(policy->fresh_ms > policy->age_ms || may_be_confirmed ||
		 policy->stale_while_revalidate_ms > 0 || policy->stale_if_error_ms > 0);
	if (keeper->is_shared &&
		(control.is_private ||
		 (keeper->is_authorized && !control.is_public && !control.must_revalidate &&
		  control.s_maxage < 0)))
		policy->may_keep = false;
}

/* -1: nothing was said, and nothing is bounded by it. */
static int64
least_said(int64 a, int64 b)
{
	if (a < 0 || b < 0)
		return Max(a, b);
	return Min(a, b);
}

void
dq_http_policy_join(HttpPolicy *policy, const HttpPolicy *other)
{
	int64 left;

	policy->may_keep &= other->may_keep;
	policy->must_revalidate |= other->must_revalidate;
	left = Min(policy->fresh_ms - policy->age_ms, other->fresh_ms - other->age_ms);
	policy->age_ms = Max(policy->age_ms, other->age_ms);
	policy->fresh_ms = Max(left + policy->age_ms, 0);
	policy->stale_while_revalidate_ms = least_said(policy->stale_while_revalidate_ms,
												   other->stale_while_revalidate_ms);
	policy->stale_if_error_ms = least_said(policy->stale_if_error_ms, other->stale_if_error_ms);
}
