/*
 * way.c
 *	  The way that led to the statement under way.
 *
 * A service may answer by a database that asks other services, this one's included.  Each request
 * names, in header CDN-Loop (RFC 8586), the databases on its way; whoever answers it sets
 * distquery.cdn_loop to what has come, so that the requests of its own statements go on with the
 * list.  A database that finds itself in the list, or finds the list too long, makes no request.
 *
 * CDN-Loop rather than Via (RFC 9110, 7.6.3): it goes from end to end, and nothing changes its answer
 * because of it, while nginx sends what has a Via uncompressed.
 *
 * The name is made of the cluster's system identifier, which standbys share, and the database.
 */
#include "postgres.h"

#include <limits.h>

#include "access/xlog.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "request/cdn_loop.h"
#include "transport/way.h"
#include "utils/guc.h"

static char *cdn_loop = NULL;
static int max_hops = 8;
static int max_reentries = 0;

static bool
check_cdn_loop(char **newval, void **extra, GucSource source)
{
	const char *problem = dq_cdn_loop_problem(*newval);

	if (problem == NULL)
		return true;
	GUC_check_errdetail("It is no header CDN-Loop: %s.", problem);
	return false;
}

void
dq_way_define(void)
{
	DefineCustomStringVariable("distquery.cdn_loop",
							   "Who has passed on the request that the session answers: header CDN-Loop.",
							   "Services that answer by SQL set it to what they received, so that "
							   "services that query each other do not do so for ever.",
							   &cdn_loop, "", PGC_USERSET, 0, check_cdn_loop, NULL, NULL);
	DefineCustomIntVariable("distquery.max_hops",
							"Databases on the way to a service at most, this one included.",
							"Those that distquery.cdn_loop tells of.", &max_hops, 8, 1, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("distquery.max_reentries",
							"How often the way to a service may come back to this database.", NULL,
							&max_reentries, 0, 0, 100, PGC_SUSET, 0, NULL, NULL, NULL);
}

const char *
dq_way_id(void)
{
	static char id[CDN_LOOP_ID_LENGTH + 1] = "";
	uint64 key[2] = { GetSystemIdentifier(), MyDatabaseId };
	uint64 hash;

	if (id[0] == '\0')
	{
		hash = hash_bytes_extended((const unsigned char *) key, sizeof(key), 0);
		snprintf(id, sizeof(id), CDN_LOOP_PREFIX "%08x%08x", (uint32) (hash >> 32), (uint32) hash);
	}
	return id;
}

static int
reentries(void)
{
	return cdn_loop ? dq_cdn_loop_count(cdn_loop, dq_way_id()) : 0;
}

static int
hops(void)
{
	return 1 + (cdn_loop ? dq_cdn_loop_count(cdn_loop, NULL) : 0);
}

bool
dq_way_is_reentry(void)
{
	return reentries() > 0;
}

char *
dq_way_problem(void)
{
	if (cdn_loop == NULL || cdn_loop[0] == '\0')
		return NULL;
	if (reentries() > max_reentries)
		return pstrdup("services query each other in a circle");
	if (hops() > max_hops)
		return psprintf("more than %d databases query each other", max_hops);
	return NULL;
}

char *
dq_way_detail(void)
{
	return psprintf("The request that this session answers has come through %s, where this database "
					"is %s. No request was made.",
					cdn_loop, dq_way_id());
}

const char *
dq_way_hint(void)
{
	return reentries() > max_reentries ?
		"Answer that request without foreign tables; or, where the way has an end, raise "
		"distquery.max_reentries." :
		"Where the way has an end, raise distquery.max_hops.";
}

char *
dq_way_header(const char *declared)
{
	StringInfoData value;
	const char *parts[] = { declared, cdn_loop, dq_way_id() };

	initStringInfo(&value);
	for (int i = 0; i < lengthof(parts); i++)
		if (parts[i] && parts[i][0])
			appendStringInfo(&value, "%s%s", value.len ? ", " : "", parts[i]);
	return value.data;
}
