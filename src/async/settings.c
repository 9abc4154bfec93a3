/*
 * settings.c
 *	  The session's settings that a submitted query takes along.
 *
 * The executor connects as the same role to the same database, so what the configuration file,
 * ALTER ROLE and ALTER DATABASE say is there already.  Captured is what the client or the session has
 * set on top, if any role may set it and it can change a result or bounds a query: the list below,
 * and all settings with a dot in their name (distquery's own, and those that row security asks by
 * current_setting()).
 */
#include "postgres.h"

#include "async/async.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

/* Bytes of names and values together; they are kept with each query. */
#define MAX_SETTINGS_SIZE (64 * 1024)

/* A name that ends in "_" stands for all that begin with it. */
static const char *const carried[] = {
	"array_nulls",
	"backslash_quote",
	"bytea_output",
	"constraint_exclusion",
	"cpu_",
	"cursor_tuple_fraction",
	"DateStyle",
	"default_text_search_config",
	"default_transaction_",
	"effective_",
	"enable_",
	"escape_string_warning",
	"extra_float_digits",
	"from_collapse_limit",
	"geqo",
	"geqo_",
	"gin_fuzzy_search_limit",
	"hash_mem_multiplier",
	"IntervalStyle",
	"jit",
	"jit_",
	"join_collapse_limit",
	"lc_monetary",
	"lc_numeric",
	"lc_time",
	"lock_timeout",
	"max_parallel_workers",
	"max_parallel_workers_per_gather",
	"min_parallel_",
	"parallel_",
	"plan_cache_mode",
	"quote_all_identifiers",
	"random_page_cost",
	"recursive_worktable_factor",
	"row_security",
	"search_path",
	"seq_page_cost",
	"standard_conforming_strings",
	"statement_timeout",
	"synchronize_seqscans",
	"temp_buffers",
	"temp_tablespaces",
	"TimeZone",
	"timezone_abbreviations",
	"transaction_timeout",
	"transform_null_equals",
	"work_mem",
	"xmlbinary",
	"xmloption",
};

static bool
is_carried(const char *name)
{
	if (strchr(name, '.') != NULL)
		return true;
	for (int i = 0; i < lengthof(carried); i++)
	{
		size_t len = strlen(carried[i]);

		if (carried[i][len - 1] == '_' ? pg_strncasecmp(name, carried[i], len) == 0 :
										 pg_strcasecmp(name, carried[i]) == 0)
			return true;
	}
	return false;
}

ArrayType *
dq_async_settings_capture(void)
{
	int n;
	int nwords = 0;
	size_t size = 0;
	struct config_generic **all = dq_get_guc_variables(&n);
	Datum *words = palloc(sizeof(Datum) * 2 * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		const struct config_generic *setting = all[i];

		if (setting->source < PGC_S_CLIENT || setting->context != PGC_USERSET ||
			!is_carried(setting->name))
			continue;

		const char *value = GetConfigOptionByName(setting->name, NULL, true);

		if (value == NULL)
			continue;
		size += strlen(setting->name) + strlen(value);
		words[nwords++] = CStringGetTextDatum(setting->name);
		words[nwords++] = CStringGetTextDatum(value);
	}
	if (size > MAX_SETTINGS_SIZE)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("settings of the session are too long to be kept with a query"),
				 errdetail("They have %zu bytes, %d are possible.", size, MAX_SETTINGS_SIZE)));
	return construct_array(words, nwords, TEXTOID, -1, false, TYPALIGN_INT);
}

void
dq_async_settings_apply(ArrayType *settings)
{
	Datum *words;
	int n;

	deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &words, NULL, &n);
	for (int i = 0; i + 1 < n; i += 2)
		(void) set_config_option(TextDatumGetCString(words[i]), TextDatumGetCString(words[i + 1]),
								 PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SET, true, ERROR, false);
}
