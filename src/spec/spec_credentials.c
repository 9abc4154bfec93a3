/*
 * spec_credentials.c
 *	  Builds a user's credentials at a service from the options of the mapping.
 */
#include "postgres.h"

#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "spec/spec_private.h"
#include "utils/syscache.h"

/* The mapping of the user, of PUBLIC, or NULL. */
static HeapTuple
find_mapping(Oid serverid, Oid userid)
{
	HeapTuple tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(userid),
									  ObjectIdGetDatum(serverid));

	if (!HeapTupleIsValid(tuple))
		tuple = SearchSysCache2(USERMAPPINGUSERSERVER, ObjectIdGetDatum(InvalidOid),
								ObjectIdGetDatum(serverid));
	return HeapTupleIsValid(tuple) ? tuple : NULL;
}

/* Notes the options that hold for the user; without a mapping, the defaults do. */
static void
note_mapping(Oid serverid, Oid userid, const char **values)
{
	HeapTuple tuple = find_mapping(serverid, userid);
	Datum options;
	bool isnull;

	if (tuple)
	{
		options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions,
								  &isnull);
		if (!isnull)
			dq_spec_note_options(untransformRelOptions(options), values);
		ReleaseSysCache(tuple);
	}
	for (int i = 0; i < OPTION_COUNT; i++)
		if (values[i] == NULL)
			values[i] = dq_options[i].default_value;
}

/* A client certificate is shown in the handshake of TLS; without one it would be left out. */
static void
check_tls(const ServiceSpec *service)
{
	if (pg_strncasecmp(service->url, "https:", 6) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
			 errmsg("server \"%s\" is not asked by TLS, which auth 'mtls' needs", service->name),
			 errhint("Option \"url\" of the server begins with https:// then.")));
}

Credentials *
dq_spec_build_credentials(const ServiceSpec *service, Oid userid)
{
	const char *values[OPTION_COUNT] = { 0 };
	Credentials *credentials = palloc0(sizeof(Credentials));
	const char *place;

	note_mapping(service->serverid, userid, values);
	place = values[OPT_API_KEY_IN];
	credentials->auth = dq_option_word(&dq_options[OPT_AUTH], values[OPT_AUTH]);
	credentials->username = values[OPT_USERNAME];
	credentials->password = values[OPT_PASSWORD];
	credentials->token = values[OPT_TOKEN];
	credentials->api_key = values[OPT_API_KEY];
	credentials->api_key_place = strncmp(place, "query:", 6) == 0 ? API_KEY_QUERY : API_KEY_HEADER;
	credentials->api_key_name = strchr(place, ':') + 1;
	credentials->cert_file = values[OPT_CERT_FILE];
	credentials->key_file = values[OPT_KEY_FILE];
	credentials->key_password = values[OPT_KEY_PASSWORD];
	if (credentials->auth == AUTH_MTLS)
		check_tls(service);
	return credentials;
}
