/*
 * spec_build.c
 *	  Builds the spec of a foreign table, and the endpoint of a server for a user, from their
 *	  options.
 *
 * Options were checked one by one when they were set; what depends on several of them is checked
 * here, since any of server, table and columns may have been altered since.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "access/table.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "mb/pg_wchar.h"
#include "spec/spec_private.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * Services speak UTF-8, and so do specs, except for paths, whose placeholders are compared with
 * names of columns, and for names of files.
 */
static char *
service_text(const OptionRow *row, const char *value)
{
	if (row->type == OPTION_PATH || row->type == OPTION_LOOKUP_PATH || row->type == OPTION_FILE)
		return pstrdup(value);
	return dq_spec_service_text(value);
}

char *
dq_spec_service_text(const char *value)
{
	return pstrdup(pg_server_to_any(value, strlen(value), PG_UTF8));
}

void
dq_spec_note_options(List *options, const char **values)
{
	ListCell *cell;

	foreach(cell, options)
	{
		DefElem *option = lfirst(cell);
		const OptionRow *row = dq_option_find(option->defname);

		if (row)
			values[row - dq_options] = service_text(row, defGetString(option));
	}
}

const char *
dq_spec_option(const OptionValues *values, OptionId id)
{
	if (values->table[id])
		return values->table[id];
	if (values->server[id])
		return values->server[id];
	return dq_options[id].default_value;
}

static bool
option_bool(const OptionValues *values, OptionId id)
{
	return dq_option_bool(dq_spec_option(values, id));
}

static int64
option_number(const OptionValues *values, OptionId id)
{
	return dq_option_number(&dq_options[id], dq_spec_option(values, id));
}

/* 0 where the option is not set. */
static int
option_word(const OptionValues *values, OptionId id)
{
	const char *value = dq_spec_option(values, id);

	return value ? dq_option_word(&dq_options[id], value) : 0;
}

/* A setting, or what the dialect says. */
const char *
dq_spec_option_or_dialect(const OptionValues *values, OptionId id, const char *of_dialect)
{
	const char *value = dq_spec_option(values, id);

	return value ? value : of_dialect;
}

/* A setting, or what a connection in the manner of Relay has, or what the dialect says. */
static const char *
paging_option(const OptionValues *values, OptionId id, const char *of_dialect)
{
	bool is_set = values->table[id] || values->server[id];

	if (!is_set && dq_spec_is_relay(values) && dq_spec_relay_default(id))
		return dq_spec_relay_default(id);
	return dq_spec_option_or_dialect(values, id, of_dialect);
}

static JsonPointer *
compile_pointer(const char *value)
{
	const char *problem = NULL;
	JsonPointer *pointer = value ? dq_json_pointer_compile(value, &problem) : NULL;

	if (problem && pointer == NULL)
		elog(ERROR, "invalid JSON Pointer \"%s\": %s", value, problem);
	return pointer;
}

Template *
dq_spec_template(const char *value, const char *const *names)
{
	char *problem = NULL;
	Template *compiled = value ? dq_template_compile(value, names, &problem) : NULL;

	if (value && compiled == NULL)
		elog(ERROR, "invalid template \"%s\": %s", value, problem);
	return compiled;
}

/* Placeholders name columns in the database's encoding; what is sent is UTF-8. */
static Template *
compile_path(const char *value)
{
	Template *path = dq_spec_template(value, NULL);

	for (int i = 0; path && i < path->nparts; i++)
		if (path->parts[i].literal)
			path->parts[i].literal = dq_spec_service_text(path->parts[i].literal);
	return path;
}

static ServiceLimits
service_limits(const OptionValues *values)
{
	const char *rate = dq_spec_option(values, OPT_RATE_LIMIT);
	ServiceLimits limits = { .max_in_flight = option_number(values, OPT_MAX_IN_FLIGHT),
							 .is_max_in_flight_set = values->server[OPT_MAX_IN_FLIGHT] != NULL,
							 .breaker_failures = option_number(values, OPT_BREAKER_FAILURES),
							 .breaker_cooldown_ms = option_number(values, OPT_BREAKER_COOLDOWN),
							 .breaker_causes = dq_option_words(&dq_options[OPT_BREAKER_ON],
															   dq_spec_option(values,
																			  OPT_BREAKER_ON)),
							 .retry_percent = option_number(values, OPT_RETRY_BUDGET) };

	if (rate)
		(void) dq_option_rate(rate, &limits.rate.count, &limits.rate.period_us);
	return limits;
}

void
dq_spec_build_limits(TableSpec *table, const OptionValues *values)
{
	table->limits = (TransferLimits) {
		.timeout_ms = option_number(values, OPT_TIMEOUT),
		.connect_timeout_ms = option_number(values, OPT_CONNECT_TIMEOUT),
		.retries = option_number(values, OPT_RETRIES),
		.retry_backoff_ms = option_number(values, OPT_RETRY_BACKOFF),
		.max_response_bytes = option_number(values, OPT_MAX_RESPONSE),
		.proxy = dq_spec_option(values, OPT_PROXY),
		.ca_file = dq_spec_option(values, OPT_CA_FILE),
		.redirects = option_number(values, OPT_REDIRECTS),
		.service = service_limits(values)
	};
}

void
dq_spec_contradiction(const TableSpec *table, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("options of foreign table \"%s\" do not fit together: %s", table->name, problem),
			 errhint("%s", hint)));
}

/* A place for paging in the body that the way of paging never fills is a mistake. */
static void
check_body_paging(const TableSpec *table)
{
	static const struct
	{
		PagingParams param;
		const char *hole;
		PagingKind kind; /* NONE: any */
	} uses[] = { { PAGING_PARAM_PAGE, "{$page}", PAGING_PAGE },
				 { PAGING_PARAM_OFFSET, "{$offset}", PAGING_OFFSET },
				 { PAGING_PARAM_CURSOR, "{$cursor}", PAGING_CURSOR },
				 { PAGING_PARAM_SIZE, "{$size}", PAGING_NONE } };
	const PagingSpec *paging = &table->paging;

	if (table->body && (paging->kind == PAGING_LINK || paging->kind == PAGING_NEXT))
		dq_spec_contradiction(table,
							  psprintf("paging '%s' follows URLs, which method 'POST' does not",
									   dq_paging_kind_name(paging->kind)),
							  "Set paging to page, offset or cursor.");
	for (int i = 0; i < lengthof(uses); i++)
		if ((paging->in_body & uses[i].param) &&
			(uses[i].kind == PAGING_NONE ? paging->kind == PAGING_NONE :
										   paging->kind != uses[i].kind))
			dq_spec_contradiction(table,
								  psprintf("body has \"%s\", which paging '%s' does not fill",
										   uses[i].hole, dq_paging_kind_name(paging->kind)),
								  "Set option \"paging\" to the way in which further pages are asked for.");
}

static void
build_paging(TableSpec *table, const OptionValues *values)
{
	const Dialect *dialect = values->dialect;
	PagingSpec *paging = &table->paging;
	const char *first = dq_spec_option(values, OPT_FIRST_PAGE);
	const char *total;

	paging->kind = dq_spec_is_relay(values) ? PAGING_CURSOR : option_word(values, OPT_PAGING);
	if (dq_spec_is_relay(values) && table->graphql == NULL)
		dq_spec_contradiction(table, "paging 'relay' belongs to protocol 'graphql'",
							  "Set paging to cursor.");
	paging->page_size = dq_option_number(&dq_options[OPT_PAGE_SIZE],
										 paging_option(values, OPT_PAGE_SIZE, NULL));
	paging->page_param = dq_spec_option_or_dialect(values, OPT_PAGE_PARAM, dialect->page_param);
	paging->size_param = paging_option(values, OPT_SIZE_PARAM,
									   paging->kind == PAGING_OFFSET && dialect->offset_size_param ?
										   dialect->offset_size_param :
										   dialect->size_param);
	paging->offset_param = dq_spec_option_or_dialect(values, OPT_OFFSET_PARAM,
													 dialect->offset_param);
	paging->cursor_param = paging_option(values, OPT_CURSOR_PARAM, dialect->cursor_param);
	paging->first_page = first		  ? dq_option_number(&dq_options[OPT_FIRST_PAGE], first) :
		paging->kind == PAGING_OFFSET ? 0 :
										dialect->first_page;
	paging->last_page = option_word(values, OPT_LAST_PAGE);
	paging->max_pages = option_number(values, OPT_MAX_PAGES);

	table->next_text = (char *) paging_option(values, OPT_NEXT, dialect->next);
	table->has_next_text = (char *) paging_option(values, OPT_HAS_NEXT, NULL);
	total = dq_spec_option(values, OPT_TOTAL);
	if (total == NULL && (paging->kind == PAGING_PAGE || paging->kind == PAGING_OFFSET))
	{
		total = dialect->total;
		table->count_param = (char *) dialect->count_param;
	}
	table->total_text = (char *) total;
	if (total && strncmp(total, "header:", 7) == 0)
		table->total_header = pstrdup(total + 7);
	paging->has_total = total != NULL;

	if (paging->kind == PAGING_CURSOR)
		table->next_row_text = (char *) paging_option(values, OPT_NEXT_ROW, NULL);
	/* The nearer of the two holds. */
	if (table->next_row_text && (values->table[OPT_NEXT_ROW] || !values->table[OPT_NEXT]))
		table->next_text = NULL;
	else
		table->next_row_text = NULL;
	table->next_row = compile_pointer(table->next_row_text);
	if ((paging->kind == PAGING_CURSOR || paging->kind == PAGING_NEXT) &&
		table->next_row_text == NULL)
	{
		if (table->next_text == NULL)
			dq_spec_contradiction(table,
								  psprintf("paging '%s' needs option \"next\"",
										   dq_paging_kind_name(paging->kind)),
								  "Set next to the JSON Pointer of the next cursor or URL, as '/meta/next'.");
	}
	else
		table->next_text = NULL;
	paging->in_body = table->body ? dq_body_paging(table->body) : 0;
	if (paging->kind == PAGING_PAGE && !paging->page_param && !(paging->in_body & PAGING_PARAM_PAGE))
		dq_spec_contradiction(table, "paging 'page' needs a parameter for the page's number",
							  "Set option \"page_param\".");
	if (paging->kind == PAGING_OFFSET && !paging->offset_param &&
		!(paging->in_body & PAGING_PARAM_OFFSET))
		dq_spec_contradiction(table, "paging 'offset' needs a parameter for the offset",
							  "Set option \"offset_param\".");
	if (paging->kind == PAGING_CURSOR && !paging->cursor_param &&
		!(paging->in_body & PAGING_PARAM_CURSOR))
		dq_spec_contradiction(table, "paging 'cursor' needs a parameter for the cursor",
							  "Set option \"cursor_param\".");
	check_body_paging(table);
	if (table->graphql)
		dq_spec_graphql_paging(table);
	table->next = compile_pointer(table->next_text);
	table->has_next = compile_pointer(table->has_next_text);
	if (table->total_header == NULL)
		table->total = compile_pointer(table->total_text);
}

/* The body of a search by POST. */
static void
build_body(TableSpec *table, const OptionValues *values)
{
	const char *source = values->table[OPT_BODY];
	Method method = option_word(values, OPT_METHOD);
	char *problem = NULL;

	if (source && method == METHOD_GET)
		dq_spec_contradiction(table, "method 'GET' has no body",
							  "Drop option \"body\", or set method to POST.");
	if (source == NULL && method == METHOD_POST)
		source = "{}";
	if (source == NULL)
		return;
	table->body = dq_body_compile(source, &problem);
	if (table->body == NULL)
		elog(ERROR, "invalid body \"%s\": %s", source, problem);
	table->body_columns = palloc0(sizeof(AttrNumber) * Max(table->body->nholes, 1));
}

void
dq_spec_add_headers(TableSpec *table, const char *value)
{
	char *problem;
	List *headers = value ? dq_option_headers(value, &problem) : NIL;
	ListCell *cell;
	int more = list_length(headers) / 2;

	table->headers = table->headers ?
		repalloc(table->headers, sizeof(Header) * (table->nheaders + more + 1)) :
		palloc(sizeof(Header) * (more + 1));
	for (cell = list_head(headers); cell; cell = lnext(headers, lnext(headers, cell)))
		table->headers[table->nheaders++] = (Header) { lfirst(cell), lfirst(lnext(headers, cell)) };
}

/*
 * Fixed headers, and the one that makes services of this dialect count, where a total is read from
 * a header.
 */
static void
build_headers(TableSpec *table, const OptionValues *values)
{
	const char *count = values->dialect->count_header;
	const char *colon = count ? strchr(count, ':') : NULL;
	char *name;

	dq_spec_add_headers(table, dq_spec_option(values, OPT_HEADERS));
	if (colon == NULL || table->total_header == NULL)
		return;
	name = pnstrdup(count, colon - count);
	for (int i = 0; i < table->nheaders; i++)
		if (pg_strcasecmp(table->headers[i].name, name) == 0)
			return; /* the declaration's own stands */
	table->headers[table->nheaders++] = (Header) { name,
												   pstrdup(colon + 1 + strspn(colon + 1, " ")) };
}

ServiceSpec *
dq_spec_build_service(ForeignServer *server, const OptionValues *values)
{
	ServiceSpec *service = palloc0(sizeof(ServiceSpec));
	const char *url = values->server[OPT_URL];
	int len = url ? strlen(url) : 0;

	if (url == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"url\" is required for server \"%s\"", server->servername)));
	while (len > 0 && url[len - 1] == '/')
		len--;
	service->serverid = server->serverid;
	service->name = pstrdup(server->servername);
	service->url = pnstrdup(url, len);
	service->protocol = option_word(values, OPT_PROTOCOL);
	if (values->server[OPT_TOKEN_URL])
		service->token_url = pstrdup(values->server[OPT_TOKEN_URL]);
	return service;
}

/* Where a service of protocol rest is asked, and where rows stand in its answers. */
static void
build_rest(TableSpec *table, const OptionValues *values)
{
	dq_spec_check_protocol(table, values->table, "");
	if (values->table[OPT_PATH] == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"path\" is required for foreign table \"%s\"", table->name)));
	table->path = compile_path(values->table[OPT_PATH]);
	table->lookup_path = compile_path(values->table[OPT_LOOKUP_PATH]);
	table->has_lookup = table->lookup_path != NULL;
	table->rows_text = (char *) dq_spec_option(values, OPT_ROWS);
	table->lookup_rows_text = (char *) dq_spec_option(values, OPT_LOOKUP_ROWS);
}

TableSpec *
dq_spec_build_table(Oid relid)
{
	ForeignTable *foreign = GetForeignTable(relid);
	ForeignServer *server = GetForeignServer(foreign->serverid);
	Relation relation = table_open(relid, AccessShareLock);
	TableSpec *table = palloc0(sizeof(TableSpec));
	OptionValues *values = palloc0(sizeof(OptionValues));

	table->relid = relid;
	table->name = pstrdup(RelationGetRelationName(relation));
	values->relation_name = table->name;
	dq_spec_note_options(server->options, values->server);
	dq_spec_note_options(foreign->options, values->table);
	values->dialect = dq_dialect_find(dq_spec_option(values, OPT_DIALECT));
	if (values->dialect == NULL)
		elog(ERROR, "dialect \"%s\" is unknown", dq_spec_option(values, OPT_DIALECT));
	table->service = dq_spec_build_service(server, values);
	dq_spec_build_limits(table, values);
	if (table->service->protocol == PROTOCOL_GRAPHQL)
		dq_spec_build_graphql(table, values);
	else
		build_rest(table, values);
	table->rows = compile_pointer(table->rows_text);
	table->lookup_rows = compile_pointer(table->lookup_rows_text);
	table->not_found = option_word(values, OPT_NOT_FOUND);
	build_body(table, values);
	table->strategy = option_word(values, OPT_STRATEGY);
	table->on_error = option_word(values, OPT_ON_ERROR);
	dq_spec_build_answers(table, values);
	dq_spec_check_cache_url(table, values, relation->rd_rel->relowner, server->owner);
	build_paging(table, values);
	build_headers(table, values);
	dq_spec_build_spelling(table, values);
	table->max_batch = option_number(values, OPT_MAX_BATCH);
	table->max_url_bytes = option_number(values, OPT_MAX_URL);
	table->prefetch = option_bool(values, OPT_PREFETCH);
	table->trust_exact = option_word(values, OPT_TRUST) != 0;
	table->is_idempotent = option_bool(values, OPT_IDEMPOTENT);
	table->estimated_rows = option_number(values, OPT_ESTIMATED_ROWS);
	dq_spec_build_columns(table, relation, values);
	dq_spec_build_partition(table, values);
	table_close(relation, AccessShareLock);
	return table;
}

Endpoint *
dq_spec_build_endpoint(const TableSpec *table, Oid userid)
{
	Endpoint *endpoint = palloc0(sizeof(Endpoint));

	endpoint->serverid = table->service->serverid;
	endpoint->server_name = pstrdup(table->service->name);
	endpoint->limits = table->limits;
	if (table->limits.proxy)
		endpoint->limits.proxy = pstrdup(table->limits.proxy);
	if (table->limits.ca_file)
		endpoint->limits.ca_file = pstrdup(table->limits.ca_file);
	endpoint->credentials = dq_spec_build_credentials(table->service, userid);
	return endpoint;
}
