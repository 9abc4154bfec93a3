/*
 * spec_answers.c
 *	  How the answers of a table are kept by strategy cache, and what they depend on.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "spec/spec_private.h"
#include "utils/acl.h"

/* Options without influence on what an answer holds. */
static bool
is_irrelevant(OptionId id)
{
	switch (id)
	{
		case OPT_TIMEOUT:
		case OPT_CONNECT_TIMEOUT:
		case OPT_RETRIES:
		case OPT_RETRY_BACKOFF:
		case OPT_RETRY_BUDGET:
		case OPT_MAX_IN_FLIGHT:
		case OPT_RATE_LIMIT:
		case OPT_BREAKER_FAILURES:
		case OPT_BREAKER_COOLDOWN:
		case OPT_BREAKER_ON:
		case OPT_ON_ERROR:
		case OPT_PREFETCH:
		case OPT_STRATEGY:
		case OPT_TTL:
		case OPT_TTL_EMPTY:
		case OPT_STALE_WHILE_REVALIDATE:
		case OPT_STALE_IF_ERROR:
		case OPT_CACHE_ROWS:
		case OPT_CACHE_SHARED:
		case OPT_CACHE_PARTITION:
		case OPT_CACHE_STORE:
		case OPT_CACHE_URL:
		case OPT_CACHE_PREFIX:
		case OPT_IDEMPOTENT:
		case OPT_OPENAPI:
		case OPT_MAX_BATCH:
		case OPT_MAX_URL:
		case OPT_TRUST:
		case OPT_ESTIMATED_ROWS:
			return true;
		case OPT_HEADERS: /* may hold secrets: part of the identity that asks */
			return true;
		default:
			return false;
	}
}

/*
 * The options of table and server as a text.  Another database that declares the same gets the same
 * text; whatever is unknown here makes a difference.
 */
static const char *
definition(const OptionValues *values)
{
	StringInfoData text;

	initStringInfo(&text);
	for (int id = 0; id < OPTION_COUNT; id++)
	{
		const char *value;

		if (!(dq_options[id].places & (PLACE_SERVER | PLACE_TABLE)) || is_irrelevant(id))
			continue;
		value = dq_spec_option(values, id);
		if (value && dq_options[id].default_value &&
			strcmp(value, dq_options[id].default_value) == 0)
			continue;
		if (value)
			appendStringInfo(&text, "%s=%zu:%s\n", dq_options[id].name, strlen(value),
							 dq_spec_service_text(value));
	}
	return text.data;
}

/* Raises where store and URL do not fit. */
static void
build_store(TableSpec *table, const OptionValues *values)
{
	const char *url = dq_spec_option(values, OPT_CACHE_URL);
	const char *problem;
	const char *hint;

	table->cache_store = dq_option_word(&dq_options[OPT_CACHE_STORE],
										dq_spec_option(values, OPT_CACHE_STORE));
	table->cache_prefix = pstrdup(dq_spec_option(values, OPT_CACHE_PREFIX));
	if (table->cache_store == CACHE_STORE_SHARED)
		return;
	if (url == NULL)
		dq_spec_contradiction(table,
							  psprintf("cache_store '%s' needs option \"cache_url\"",
									   dq_spec_option(values, OPT_CACHE_STORE)),
							  "Name its servers, as redis://host:port/db or memcached://host:port,host:port.");
	table->cache_url = dq_cache_url_parse(url, &problem, &hint);
	if (table->cache_url == NULL)
		dq_spec_contradiction(table, psprintf("in option \"cache_url\", %s", problem), hint);
	if (table->cache_url->is_redis != (table->cache_store == CACHE_STORE_REDIS))
		dq_spec_contradiction(table,
							  "options \"cache_store\" and \"cache_url\" name different kinds of servers",
							  "Both say redis, or both memcached.");
}

void
dq_spec_check_cache_url(const TableSpec *table, const OptionValues *values, Oid owner,
						Oid server_owner)
{
	const char *url = values->table[OPT_CACHE_URL];
	const char *of_server = values->server[OPT_CACHE_URL];

	if (url == NULL || table->cache_url == NULL || (of_server && strcmp(url, of_server) == 0) ||
		has_privs_of_role(owner, server_owner))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("option \"cache_url\" of foreign table \"%s\" is not that of server \"%s\"",
					table->name, table->service->name),
			 errdetail(
				 "What the server's users are answered, and their \"cache_password\", would go where its owner has not sent it."),
			 errhint("Set \"cache_url\" on the server, or let its owner own the table.")));
}

static int64
number(const OptionValues *values, OptionId id)
{
	return dq_option_number(&dq_options[id], dq_spec_option(values, id));
}

void
dq_spec_build_answers(TableSpec *table, const OptionValues *values)
{
	table->ttl_http = dq_option_is_http(dq_spec_option(values, OPT_TTL));
	table->ttl_ms = table->ttl_http ? 0 : number(values, OPT_TTL);
	table->ttl_empty_ms = dq_spec_option(values, OPT_TTL_EMPTY) ? number(values, OPT_TTL_EMPTY) :
																  -1;
	table->stale_while_revalidate_ms = number(values, OPT_STALE_WHILE_REVALIDATE);
	table->stale_if_error_ms = number(values, OPT_STALE_IF_ERROR);
	table->cache_rows = dq_option_bool(dq_spec_option(values, OPT_CACHE_ROWS));
	table->cache_shared = dq_option_bool(dq_spec_option(values, OPT_CACHE_SHARED));
	table->has_own_headers = dq_spec_option(values, OPT_HEADERS) != NULL;
	table->definition = definition(values);
	build_store(table, values);
}
