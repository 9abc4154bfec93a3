/*
 * waterfall_names.c
 *	  Whom a request of a waterfall was for, and who may know it.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "insight/insight.h"
#include "insight/waterfall_names.h"
#include "utils/lsyscache.h"

/* What is left of a record that the current user must not see: its times. */
static const RequestRecord *
masked(const RequestRecord *record)
{
	RequestRecord *copy = palloc(sizeof(RequestRecord));

	memcpy(copy, record, dq_record_size(record));
	copy->relid = copy->serverid = InvalidOid;
	copy->url[0] = copy->trace_id[0] = '\0';
	strlcpy(copy->method, "GET", sizeof(copy->method));
	return copy;
}

Waterfall *
dq_waterfall_visible(void)
{
	Waterfall *waterfall = dq_waterfall_collect();

	for (int i = 0; i < waterfall->nbars; i++)
		if (!dq_insight_may_see(waterfall->bars[i].record->userid))
			waterfall->bars[i].record = masked(waterfall->bars[i].record);
	return waterfall;
}

void
dq_waterfall_name(StringInfo out, const RequestRecord *record)
{
	const char *name = OidIsValid(record->relid) ? get_rel_name(record->relid) : NULL;

	if (name == NULL && !OidIsValid(record->serverid))
		name = "(another role's)";
	if (name == NULL)
	{
		ForeignServer *server = GetForeignServerExtended(record->serverid, FSV_MISSING_OK);

		name = server ? server->servername : "(dropped)";
	}
	for (; *name; name++)
		appendStringInfoChar(out, (unsigned char) *name < 0x20 || *name == 0x7f ? '?' : *name);
}
