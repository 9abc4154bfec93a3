/*
 * spec_private.h
 *	  Shared by spec_build.c, spec_column.c and spec_cache.c only.
 */
#ifndef DQ_SPEC_PRIVATE_H
#define DQ_SPEC_PRIVATE_H

#include "compat.h"
#include "foreign/foreign.h"
#include "nodes/pg_list.h"
#include "spec/options.h"
#include "spec/spec.h"
#include "utils/relcache.h"

/* Options as set at each place, by OptionId; NULL: not set. */
typedef struct OptionValues
{
	const char *server[OPTION_COUNT];
	const char *table[OPTION_COUNT];
	const char *column[OPTION_COUNT];
	const Dialect *dialect;
	const char *relation_name; /* for errors */
} OptionValues;

/* A text as services see it: UTF-8, palloc'd. */
extern char *dq_spec_service_text(const char *value);

/* Notes the values of a list of DefElems. */
extern void dq_spec_note_options(List *options, const char **values);

/* The nearest setting of table and server, else the default; NULL without any. */
extern const char *dq_spec_option(const OptionValues *values, OptionId id);

/* Raises: the table's options contradict each other. */
pg_noreturn extern void dq_spec_contradiction(const TableSpec *table, const char *problem,
											  const char *hint);

/* A setting, or what the dialect says. */
extern const char *dq_spec_option_or_dialect(const OptionValues *values, OptionId id,
											 const char *of_dialect);

/* A template that was checked when it was set; NULL for NULL. */
extern Template *dq_spec_template(const char *value, const char *const *names);

/* spec_partition.c: cache_columns; the columns are there */
extern void dq_spec_build_partition(TableSpec *table, const OptionValues *values);

/* spec_spelling.c: logic, order and extent */
extern void dq_spec_build_spelling(TableSpec *table, const OptionValues *values);

/* Builds a spec in the current context; raises on contradictions. */
extern TableSpec *dq_spec_build_table(Oid relid);
extern Endpoint *dq_spec_build_endpoint(const TableSpec *table, Oid userid);

/* spec_answers.c: how answers are kept */
extern void dq_spec_build_answers(TableSpec *table, const OptionValues *values);

/* Raises where a table sends answers and logins to cache servers that are not its owner's to choose. */
extern void dq_spec_check_cache_url(const TableSpec *table, const OptionValues *values, Oid owner,
									Oid server_owner);

/* spec_credentials.c */
extern Credentials *dq_spec_build_credentials(const ServiceSpec *service, Oid userid);

/* Parts of it, for what has a server but no table (spec_server.c). */
extern ServiceSpec *dq_spec_build_service(ForeignServer *server, const OptionValues *values);
extern void dq_spec_build_limits(TableSpec *table, const OptionValues *values);
extern void dq_spec_add_headers(TableSpec *table, const char *value);
/* The word of option paging that stands behind those of PagingKind. */
#define PAGING_WORD_RELAY (PAGING_NEXT + 1)

/* spec_graphql.c */
extern bool dq_spec_is_relay(const OptionValues *values);
extern const char *dq_spec_relay_default(OptionId id);
extern void dq_spec_check_protocol(const TableSpec *table, const char *const *set, const char *of);
extern void dq_spec_build_graphql(TableSpec *table, const OptionValues *values);
extern void dq_spec_graphql_paging(TableSpec *table);
extern bool dq_spec_graphql_in_field(const TableSpec *table, const char *column);
extern bool dq_spec_graphql_in_lookup(const TableSpec *table, const char *column, bool is_key);
extern void dq_spec_graphql_column(const TableSpec *table, ColumnSpec *column,
								   const OptionValues *values);
extern void dq_spec_graphql_columns(TableSpec *table);

/* spec_column.c: fills table->columns. */
extern void dq_spec_build_columns(TableSpec *table, Relation relation, OptionValues *values);

#endif /* DQ_SPEC_PRIVATE_H */
