/*
 * fetch_create.c
 *	  A fetch as it begins: what it asks, what tells it from others, and how it is answered.
 *
 * dq_fetch_start() is where the strategies part; nobody above it knows them.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "distquery.h"
#include "fetch/cached_fetch.h"
#include "fetch/fetch_activity.h"
#include "fetch/figures.h"
#include "fetch/strategy.h"
#include "fetch/transaction_store.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

const char *
dq_fetch_method(const FetchOptions *options)
{
	return options->body ? "POST" : "GET";
}

/*
 * What tells one request, and one way to read its answer, from another, but for URL, server, headers
 * and identity.
 */
void
dq_fetch_question(const FetchOptions *options, StringInfo out)
{
	const TableSpec *table = options->table;
	Request request = {
		.method = dq_fetch_method(options),
		.url = "",
		.body = options->body ? dq_body_text(options->body, NULL) : NULL,
	};

	dq_request_identity(&request, out);
	/* Where paging stands in it is part of the body, too. */
	if (options->body)
		appendStringInfo(out, "|%s", options->body->tmpl->source);
	appendStringInfo(out, "|%d|%d|" INT64_FORMAT "|%s|%s|%s|", options->is_lookup,
					 table->paging.kind, table->paging.kind == PAGING_NONE ? 0 : options->row_limit,
					 options->is_lookup ? table->lookup_rows_text : table->rows_text,
					 table->next_text ? table->next_text : "",
					 table->total_text ? table->total_text : "");
	appendStringInfo(out,
					 "%d|%d|" INT64_FORMAT "|" INT64_FORMAT "|" INT64_FORMAT "|" INT64_FORMAT
					 "|%s|%s|%s|%s|%s|",
					 table->not_found, table->paging.last_page, table->paging.page_size,
					 table->paging.first_page, table->paging.max_pages,
					 options->endpoint->limits.max_response_bytes,
					 table->paging.page_param ? table->paging.page_param : "",
					 table->paging.size_param ? table->paging.size_param : "",
					 table->paging.offset_param ? table->paging.offset_param : "",
					 table->paging.cursor_param ? table->paging.cursor_param : "",
					 table->next_row_text ? table->next_row_text : "");
	if (options->enough > 0)
		appendStringInfo(out, "enough " INT64_FORMAT "|", options->enough);
	if (options->page)
		appendStringInfo(out, "page " INT64_FORMAT " " INT64_FORMAT "|", options->page->number,
						 options->page->size);
}

/* The same with server and headers. */
void
dq_fetch_shape(const FetchOptions *options, StringInfo out)
{
	const TableSpec *table = options->table;
	Request headers = {
		.method = "", .url = "", .nheaders = table->nheaders, .headers = table->headers
	};

	dq_fetch_question(options, out);
	dq_request_identity(&headers, out);
	appendStringInfo(out, "|%u|", options->endpoint->serverid);
}

/*
 * What tells one request of this backend from another.  Returns the length of that part which does
 * not depend on the URL.
 */
int
dq_fetch_identity(const FetchOptions *options, StringInfo out)
{
	dq_fetch_shape(options, out);
	dq_credentials_identity(options->endpoint->credentials, out);

	int shape_len = out->len;

	appendStringInfo(out, "|%s", options->url);
	return shape_len;
}

/* A fetch below a context, not asked yet; its temporary file is the current owner's. */
Fetch *
dq_fetch_create(MemoryContext parent, int64 memory_bytes, const FetchOptions *options,
				StringInfo identity, uint64 hash)
{
	MemoryContext context = AllocSetContextCreate(parent, "distquery fetch", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Fetch *fetch = palloc0(sizeof(Fetch));

	fetch->context = context;
	fetch->options = *options;
	fetch->options.url = pstrdup(options->url);
	fetch->options.body = options->body ? dq_body_copy(options->body) : NULL;
	fetch->options.scope = NULL;
	fetch->options.keys = NULL;
	fetch->options.row_key = NULL;
	fetch->options.nwider = 0;
	fetch->options.wider = NULL;
	for (int i = 0; i < MAX_CACHE_COLUMNS; i++)
		fetch->options.marks[i] = options->marks[i] ? pstrdup(options->marks[i]) : NULL;
	if (options->page)
		fetch->options.page = memcpy(palloc(sizeof(PagePosition)), options->page,
									 sizeof(PagePosition));
	fetch->identity_hash = hash;
	fetch->identity_len = identity->len;
	fetch->identity = memcpy(palloc(identity->len + 1), identity->data, identity->len + 1);
	fetch->memory_bytes = memory_bytes;
	fetch->spool = dq_spool_create(fetch->memory_bytes);
	dlist_init(&fetch->ahead);
	dlist_init(&fetch->readers);
	INSTR_TIME_SET_CURRENT(fetch->started);
	MemoryContextSwitchTo(old);
	return fetch;
}

/* Asks for the first page. */
void
dq_fetch_ask(Fetch *fetch)
{
	const FetchOptions *options = &fetch->options;
	MemoryContext old = MemoryContextSwitchTo(fetch->context);
	PagePosition first = { .index = 0 };

	dq_figures_attach();
	if (options->page)
		first = *options->page;
	else if (!options->is_lookup)
	{
		fetch->paging = dq_paging_create(&options->table->paging, options->url);
		first = dq_paging_first(fetch->paging, options->row_limit);
		dq_paging_enough(fetch->paging, options->enough);
	}
	fetch->asked_at = GetCurrentTimestamp();
	dq_fetch_activity_begin(fetch);
	INSTR_TIME_SET_CURRENT(fetch->started);
	fetch->head = dq_fetch_page_start(fetch, &first, true);
	MemoryContextSwitchTo(old);
}

void
dq_fetch_free(Fetch *fetch)
{
	dq_spool_free(fetch->spool);
	MemoryContextDelete(fetch->context);
}

/* Asks the service, unless the group does so already. */
static FetchReader *
start_live(FetchGroup *group, const FetchOptions *options)
{
	StringInfoData identity;
	FetchReader *reader;

	initStringInfo(&identity);
	dq_fetch_identity(options, &identity);

	uint64 hash = hash_bytes_extended((const unsigned char *) identity.data, identity.len, 0);
	Fetch *fetch = dq_fetch_group_find(group, identity.data, identity.len, hash);

	bool is_new = fetch == NULL;

	if (is_new)
	{
		fetch = dq_fetch_create(dq_fetch_group_context(group), dq_fetch_group_share(group), options,
								&identity, hash);
		fetch->group = group;
		dq_fetch_ask(fetch);
		dq_fetch_group_add(group, fetch);
	}
	pfree(identity.data);
	reader = dq_fetch_reader_of(fetch, options, !is_new);
	reader->passes_over = options->table->on_error == ON_ERROR_EMPTY && !options->must_be_whole &&
		!dq_fetch_group_must_be_whole(group);
	return reader;
}

FetchReader *
dq_fetch_start(FetchGroup *group, const FetchOptions *options)
{
	/* A sample, or a single page, tells of no question. */
	if (options->page || options->is_sample)
		return start_live(group, options);
	switch (dq_strategy(options->table))
	{
		case STRATEGY_STORE:
			return dq_store_start(group, options);
		case STRATEGY_CACHE:
			if (dq_cached_can_keep(options) && dq_max_age_ms != 0)
				return dq_cached_start(group, options);
			break;
		case STRATEGY_LIVE:
			break;
	}
	return start_live(group, options);
}

Strategy
dq_strategy(const TableSpec *table)
{
	return dq_forced_strategy == DQ_STRATEGY_DECLARED ? table->strategy :
														(Strategy) dq_forced_strategy;
}

const char *
dq_strategy_name(Strategy strategy)
{
	static const char *const names[] = { "live", "store", "cache" };

	return names[strategy];
}
