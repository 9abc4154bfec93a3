/*
 * credentials.c
 *	  Who we are at a service, and keeping it secret.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "common/base64.h"
#include "request/url.h"
#include "transport/token_store.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/*
 * Shorter texts would turn half a message into stars; they are refused as secrets nowhere, so say
 * so in the docs.
 */
#define SHORTEST_REDACTED 4

/* So much of the beginning of a longer secret is taken for it, where the rest was cut off. */
#define SHORTEST_PART 8

static int
hex_value(const char *text, int digits)
{
	int value = 0;

	for (int i = 0; i < digits; i++)
	{
		char c = text[i];

		if (c >= '0' && c <= '9')
			value = value * 16 + c - '0';
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value * 16 + (c | 0x20) - 'a' + 10;
		else
			return -1;
	}
	return value;
}

/*
 * Bytes of text that stand for c in a URL or in a JSON string, in either case; 0 when it is
 * something else.
 */
static size_t
spelled_length(const char *text, unsigned char c)
{
	if (text[0] == '%' && hex_value(text + 1, 2) == c)
		return 3;
	if (text[0] == '\\' && text[1] == 'u' && hex_value(text + 2, 4) == c)
		return 6;
	if (text[0] == '\\' && text[1] == c && strchr("\"\\/", c))
		return 2;
	if (text[0] == '+' && c == ' ')
		return 1;
	return pg_tolower((unsigned char) text[0]) == pg_tolower(c) ? 1 : 0;
}

/*
 * Bytes at the beginning of text that are the secret, however spelled, or (with parts) as much of
 * it as a cut has left.
 */
static size_t
secret_length(const char *text, const char *secret, size_t len, bool parts)
{
	size_t position = 0;

	if (strncmp(text, secret, len) == 0)
		return len;
	for (size_t i = 0; i < len; i++)
	{
		size_t step = text[position] == '\0' ? 0 : spelled_length(text + position, secret[i]);

		if (step == 0)
			return parts && i >= (text[position] == '\0' ? SHORTEST_REDACTED : SHORTEST_PART) ?
				position :
				0;
		position += step;
	}
	return position;
}

static char *
replace_all(char *whole, const char *secret, bool parts)
{
	StringInfoData out;
	size_t len = strlen(secret);

	if (len < SHORTEST_REDACTED)
		return whole;
	initStringInfo(&out);
	for (const char *rest = whole; *rest;)
	{
		size_t found = secret_length(rest, secret, len, parts);

		if (found > 0)
			appendStringInfoString(&out, "***");
		else
			appendStringInfoChar(&out, *rest);
		rest += Max(found, 1);
	}
	return out.data;
}

/*
 * Access tokens that this backend has used, with their mappings.  Rows that came with an older one
 * may still be read, so some are remembered.
 */
#define KNOWN_TOKENS 32

static struct
{
	Oid mapping;
	char *token;
} known[KNOWN_TOKENS];
static int next_known = 0;

void
dq_credentials_note_token(const Credentials *credentials, const char *token)
{
	char *copy;

	for (int i = 0; i < KNOWN_TOKENS; i++)
		if (known[i].token && known[i].mapping == credentials->mapping &&
			strcmp(known[i].token, token) == 0)
			return;
	copy = MemoryContextStrdup(TopMemoryContext, token);
	if (known[next_known].token)
	{
		explicit_bzero(known[next_known].token, strlen(known[next_known].token));
		pfree(known[next_known].token);
	}
	known[next_known].mapping = credentials->mapping;
	known[next_known].token = copy;
	next_known = (next_known + 1) % KNOWN_TOKENS;
}

/* "user:password" as RFC 7617 sends it; palloc'd. */
static char *
basic_token(const char *user, const char *password)
{
	char *plain = psprintf("%s:%s", user, password);
	int size = pg_b64_enc_len(strlen(plain)) + 1;
	char *token = palloc0(size);

	if (pg_b64_encode((const void *) plain, strlen(plain), token, size) < 0)
		token[0] = '\0';
	explicit_bzero(plain, strlen(plain));
	pfree(plain);
	return token;
}

static char *
encoded(const char *text)
{
	StringInfoData out;

	initStringInfo(&out);
	dq_url_encode(&out, text);
	return out.data;
}

/* RFC 6749, section 2.3.1: both are encoded as in a form, and then as RFC 7617 says. */
static char *
client_token(const Credentials *credentials)
{
	return basic_token(encoded(credentials->client_id), encoded(credentials->client_secret));
}

static bool
is_oauth(const Credentials *credentials)
{
	return credentials->auth == AUTH_OAUTH2 || credentials->auth == AUTH_CLIENT;
}

/* NULL-terminated; palloc'd. */
static const char **
list_secrets(const Credentials *credentials)
{
	const char *fixed[] = { credentials->password,		credentials->token,
							credentials->api_key,		credentials->cert_file,
							credentials->key_file,		credentials->key_password,
							credentials->client_secret, credentials->cache_password };
	const char **secrets = palloc0(sizeof(char *) * (lengthof(fixed) + KNOWN_TOKENS + 2));
	int n = 0;
	int first_token;

	for (int i = 0; i < lengthof(fixed); i++)
		if (fixed[i])
			secrets[n++] = fixed[i];
	if (credentials->auth == AUTH_BASIC && credentials->username && credentials->password)
		secrets[n++] = basic_token(credentials->username, credentials->password);
	if (!is_oauth(credentials))
		return secrets;
	secrets[n++] = client_token(credentials);
	first_token = n;
	for (int i = 0; i < KNOWN_TOKENS; i++)
		if (known[i].token && known[i].mapping == credentials->mapping)
			secrets[n++] = known[i].token;
	/* Rows out of the cache may repeat one that this backend never had. */
	if (n == first_token && credentials->auth == AUTH_OAUTH2)
	{
		TokenKey key = dq_token_key(credentials);

		secrets[n] = dq_token_find(&key, TOKEN_VALID);
	}
	return secrets;
}

/* Names of the server's files are none of the business of those that may use a mapping. */
char *
dq_credentials_redact(const Credentials *credentials, const char *shown)
{
	char *out = pstrdup(shown);
	const char **secrets;

	if (credentials == NULL || (credentials->auth == AUTH_NONE && !credentials->cache_password))
		return out;
	secrets = list_secrets(credentials);
	/* Whole ones first: the beginning of one may be that of another. */
	for (int i = 0; secrets[i]; i++)
		out = replace_all(out, secrets[i], false);
	for (int i = 0; secrets[i]; i++)
		out = replace_all(out, secrets[i], true);
	return out;
}

static void
append_identity(StringInfo out, const char *part)
{
	appendStringInfo(out, "%d:%s", part ? (int) strlen(part) : -1, part ? part : "");
}

void
dq_credentials_identity(const Credentials *credentials, StringInfo out)
{
	appendStringInfo(out, "%d", credentials->auth);
	append_identity(out, credentials->username);
	append_identity(out, credentials->password);
	append_identity(out, credentials->token);
	append_identity(out, credentials->api_key);
	append_identity(out, credentials->api_key_name);
	append_identity(out, credentials->cert_file);
	append_identity(out, credentials->key_file);
	/* Files of one name may differ between hosts that share a cache. */
	if (credentials->cert_file)
		appendStringInfo(out, UINT64_FORMAT, credentials->cert_digest ? 0 : GetSystemIdentifier());
	append_identity(out, credentials->cert_digest);
	if (!is_oauth(credentials))
		return;
	/* Tokens come and go; who they are issued to is what stays. */
	append_identity(out, credentials->token_url);
	append_identity(out, credentials->client_id);
	append_identity(out, credentials->client_secret);
	append_identity(out, credentials->scope);
	append_identity(out, credentials->audience);
	appendStringInfo(out, "%d", credentials->client_auth);
}

static bool
append_header(struct curl_slist **headers, const char *name, const char *value)
{
	char *line = psprintf("%s: %s", name, value);
	struct curl_slist *longer = curl_slist_append(*headers, line);

	explicit_bzero(line, strlen(line));
	pfree(line);
	if (longer == NULL)
		return false;
	*headers = longer;
	return true;
}

bool
dq_credentials_apply(const Credentials *credentials, const char *token, CURL *easy,
					 struct curl_slist **headers, char **url)
{
	StringInfoData query;

	curl_easy_setopt(easy, CURLOPT_USERNAME, NULL);
	curl_easy_setopt(easy, CURLOPT_PASSWORD, NULL);
	switch (credentials->auth)
	{
		case AUTH_NONE:
			return true;
		case AUTH_BASIC:
			return curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC) == CURLE_OK &&
				curl_easy_setopt(easy, CURLOPT_USERNAME, credentials->username) == CURLE_OK &&
				curl_easy_setopt(easy, CURLOPT_PASSWORD, credentials->password) == CURLE_OK;
		case AUTH_BEARER:
			return append_header(headers, "Authorization",
								 psprintf("Bearer %s", credentials->token));
		case AUTH_API_KEY:
			if (credentials->api_key_place == API_KEY_HEADER)
				return append_header(headers, credentials->api_key_name, credentials->api_key);
			initStringInfo(&query);
			dq_url_encode(&query, credentials->api_key_name);
			appendStringInfoChar(&query, '=');
			dq_url_encode(&query, credentials->api_key);
			*url = dq_url_add_query(*url, query.data);
			return true;
		case AUTH_MTLS:
			return curl_easy_setopt(easy, CURLOPT_SSLCERT, credentials->cert_file) == CURLE_OK &&
				curl_easy_setopt(easy, CURLOPT_SSLKEY, credentials->key_file) == CURLE_OK &&
				curl_easy_setopt(easy, CURLOPT_KEYPASSWD, credentials->key_password) == CURLE_OK;
		case AUTH_OAUTH2:
			return append_header(headers, "Authorization", psprintf("Bearer %s", token));
		case AUTH_CLIENT:
			if (credentials->client_auth == CLIENT_POST)
				return true;
			return append_header(headers, "Authorization",
								 psprintf("Basic %s", client_token(credentials)));
	}
	return false;
}

bool
dq_credentials_mark_handle(const Credentials *credentials)
{
	return credentials->auth == AUTH_MTLS;
}

char *
dq_credentials_body(const Credentials *credentials, const char *body)
{
	if (credentials->auth != AUTH_CLIENT || credentials->client_auth != CLIENT_POST)
		return pstrdup(body);
	return psprintf("%s&client_id=%s&client_secret=%s", body, encoded(credentials->client_id),
					encoded(credentials->client_secret));
}
