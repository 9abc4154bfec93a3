/*
 * spec_credentials.c
 *	  Builds a user's credentials at a service from the options of the mapping.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "catalog/pg_user_mapping.h"
#include "foreign/foreign.h"
#include "service/digest.h"
#include "spec/spec_private.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* Longer certificates, with their chains, are told apart by so much of their beginning. */
#define FILE_BYTES (16 * 1024)

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

static Oid
mapping_oid(HeapTuple tuple)
{
	return ((Form_pg_user_mapping) GETSTRUCT(tuple))->oid;
}

/*
 * Notes the options that hold for the user, and returns the mapping; without one, the defaults do.
 */
static Oid
note_mapping(Oid serverid, Oid userid, const char **values)
{
	HeapTuple tuple = find_mapping(serverid, userid);
	Datum options;
	Oid mapping = InvalidOid;
	bool isnull;

	if (tuple)
	{
		mapping = mapping_oid(tuple);
		options = SysCacheGetAttr(USERMAPPINGUSERSERVER, tuple, Anum_pg_user_mapping_umoptions,
								  &isnull);
		if (!isnull)
			dq_spec_note_options(untransformRelOptions(options), values);
		ReleaseSysCache(tuple);
	}
	for (int i = 0; i < OPTION_COUNT; i++)
		if (values[i] == NULL)
			values[i] = dq_options[i].default_value;
	return mapping;
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

/* SHA-256 of a file's beginning, which is all of a certificate; NULL when it cannot be read. */
static char *
file_digest(const char *path)
{
	uint8 digest[PG_SHA256_DIGEST_LENGTH];
	char bytes[FILE_BYTES];
	FILE *file = AllocateFile(path, PG_BINARY_R);
	char *text = NULL;
	size_t len;

	if (file == NULL)
		return NULL;
	len = fread(bytes, 1, sizeof(bytes), file);
	if (len > 0 && dq_digest(bytes, len, digest))
	{
		text = palloc0(2 * sizeof(digest) + 1);
		hex_encode((const char *) digest, sizeof(digest), text);
	}
	FreeFile(file);
	return text;
}

/*
 * Where the server names the token endpoint, its users have no other: they could make the database
 * host ask any address, with a secret of theirs.
 */
static const char *
token_url(const ServiceSpec *service, const char *of_mapping)
{
	if (service->token_url == NULL && of_mapping == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
				 errmsg("option \"token_url\" is required for auth 'oauth2' at server \"%s\"",
						service->name),
				 errhint("Set it on the user mapping, or on the server for all of them.")));
	if (service->token_url && of_mapping && strcmp(service->token_url, of_mapping) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE),
				 errmsg("option \"token_url\" of the user mapping is not that of server \"%s\"",
						service->name),
				 errhint("Drop it from the user mapping: what the server says holds for all.")));
	return service->token_url ? pstrdup(service->token_url) : of_mapping;
}

Credentials *
dq_spec_build_credentials(const ServiceSpec *service, Oid userid)
{
	const char *values[OPTION_COUNT] = { 0 };
	Credentials *credentials = palloc0(sizeof(Credentials));
	const char *place;

	credentials->mapping = note_mapping(service->serverid, userid, values);
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
	credentials->client_id = values[OPT_CLIENT_ID];
	credentials->client_secret = values[OPT_CLIENT_SECRET];
	credentials->scope = values[OPT_SCOPE];
	credentials->audience = values[OPT_AUDIENCE];
	credentials->client_auth = dq_option_word(&dq_options[OPT_CLIENT_AUTH],
											  values[OPT_CLIENT_AUTH]);
	credentials->cache_username = values[OPT_CACHE_USERNAME];
	credentials->cache_password = values[OPT_CACHE_PASSWORD];
	if (credentials->auth == AUTH_MTLS)
	{
		check_tls(service);
		credentials->cert_digest = file_digest(credentials->cert_file);
	}
	if (credentials->auth == AUTH_OAUTH2)
		credentials->token_url = token_url(service, values[OPT_TOKEN_URL]);
	return credentials;
}
