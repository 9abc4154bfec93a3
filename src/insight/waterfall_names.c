/*
 * waterfall_names.c
 *	  Whom a request of a waterfall was for.
 */
#include "postgres.h"

#include "foreign/foreign.h"
#include "insight/waterfall_names.h"
#include "utils/lsyscache.h"

void
dq_waterfall_name(StringInfo out, const RequestRecord *record)
{
	const char *name = OidIsValid(record->relid) ? get_rel_name(record->relid) : NULL;

	if (name == NULL)
	{
		ForeignServer *server = GetForeignServerExtended(record->serverid, FSV_MISSING_OK);

		name = server ? server->servername : "(dropped)";
	}
	for (; *name; name++)
		appendStringInfoChar(out, (unsigned char) *name < 0x20 || *name == 0x7f ? '?' : *name);
}
