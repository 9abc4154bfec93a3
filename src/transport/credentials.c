/*
 * credentials.c
 *	  Who we are at a service, and keeping it secret.
 */
#include "postgres.h"

#include "request/url.h"
#include "transport/credentials.h"
#include "utils/builtins.h"
#include "common/base64.h"

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

/* "user:password" as RFC 7617 sends it; palloc'd. */
static char *
basic_token(const Credentials *credentials)
{
	char *plain = psprintf("%s:%s", credentials->username, credentials->password);
	int size = pg_b64_enc_len(strlen(plain)) + 1;
	char *token = palloc0(size);

	if (pg_b64_encode((const void *) plain, strlen(plain), token, size) < 0)
		token[0] = '\0';
	return token;
}

/* Names of the server's files are none of the business of those that may use a mapping. */
char *
dq_credentials_redact(const Credentials *credentials, const char *shown)
{
	char *out = pstrdup(shown);
	const char *secrets[7] = { NULL };

	if (credentials == NULL)
		return out;
	secrets[0] = credentials->password;
	secrets[1] = credentials->token;
	secrets[2] = credentials->api_key;
	secrets[3] = credentials->cert_file;
	secrets[4] = credentials->key_file;
	secrets[5] = credentials->key_password;
	if (credentials->auth == AUTH_BASIC && credentials->username && credentials->password)
		secrets[6] = basic_token(credentials);
	/* Whole ones first: the beginning of one may be that of another. */
	for (int i = 0; i < 2 * lengthof(secrets); i++)
		if (secrets[i % lengthof(secrets)])
			out = replace_all(out, secrets[i % lengthof(secrets)], i >= lengthof(secrets));
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
dq_credentials_apply(const Credentials *credentials, CURL *easy, struct curl_slist **headers,
					 char **url)
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
	}
	return false;
}

bool
dq_credentials_mark_handle(const Credentials *credentials)
{
	return credentials->auth == AUTH_MTLS;
}
