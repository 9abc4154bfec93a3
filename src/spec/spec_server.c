/*
 * spec_server.c
 *	  The spec of a server for which there is no table yet.
 *
 * Not cached: it is used once, by the statement that makes the tables.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "spec/spec_private.h"

const ServerSpec *
dq_spec_for_server(Oid serverid, Oid userid)
{
	ForeignServer *server = GetForeignServer(serverid);
	ServerSpec *spec = palloc0(sizeof(ServerSpec));
	TableSpec *table = palloc0(sizeof(TableSpec));
	OptionValues *values = palloc0(sizeof(OptionValues));

	dq_spec_note_options(server->options, values->server);
	spec->dialect = dq_dialect_find(dq_spec_option(values, OPT_DIALECT));
	if (spec->dialect == NULL)
		elog(ERROR, "dialect \"%s\" is unknown", dq_spec_option(values, OPT_DIALECT));
	table->service = dq_spec_build_service(server, values);
	dq_spec_build_limits(table, values);
	dq_spec_add_headers(table, values->server[OPT_HEADERS]);
	spec->service = table->service;
	spec->endpoint = dq_spec_build_endpoint(table, userid);
	spec->nheaders = table->nheaders;
	spec->headers = table->headers;
	spec->openapi = values->server[OPT_OPENAPI];
	for (int op = 0; op < COND_COUNT; op++)
		spec->spell[op] = values->server[OPT_SPELL_EQ + op];
	spec->page_param = values->server[OPT_PAGE_PARAM];
	spec->size_param = values->server[OPT_SIZE_PARAM];
	spec->offset_param = values->server[OPT_OFFSET_PARAM];
	spec->cursor_param = values->server[OPT_CURSOR_PARAM];
	spec->first_page = values->server[OPT_FIRST_PAGE];
	spec->next = values->server[OPT_NEXT];
	spec->total = values->server[OPT_TOTAL];
	return spec;
}
