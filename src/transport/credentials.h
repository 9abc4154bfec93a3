/*
 * credentials.h
 *	  Who we are at a service, and keeping it secret.
 *
 * Credentials never stand in a Request; they are added to the libcurl handle of a transfer, and
 * taken out of every text that leaves the transport room.
 */
#ifndef DQ_CREDENTIALS_H
#define DQ_CREDENTIALS_H

#include <curl/curl.h>

#include "lib/stringinfo.h"

typedef enum AuthKind
{
	AUTH_NONE = 0,
	AUTH_BASIC,	 /* RFC 7617 */
	AUTH_BEARER, /* RFC 6750 */
	AUTH_API_KEY,
	AUTH_MTLS,	 /* a client certificate of TLS */
	AUTH_OAUTH2, /* an access token by the client credentials grant: RFC 6749, 4.4; oauth.h */
	AUTH_CLIENT	 /* the same at the token endpoint: RFC 6749, 2.3.1; not to be declared */
} AuthKind;

typedef enum ApiKeyPlace
{
	API_KEY_HEADER = 0,
	API_KEY_QUERY
} ApiKeyPlace;

/* How a client says who it is to the token endpoint. */
typedef enum ClientAuth
{
	CLIENT_BASIC = 0,
	CLIENT_POST /* in the body */
} ClientAuth;

/*
 * Texts live as long as the struct's owner says (the spec cache, at least until the end of the
 * transaction).
 */
typedef struct Credentials
{
	AuthKind auth;
	Oid mapping; /* that they are of; InvalidOid: there is none */
	const char *username;
	const char *password;
	const char *token;
	const char *api_key;
	ApiKeyPlace api_key_place;
	const char *api_key_name; /* header or query parameter name */
	const char *cert_file;	  /* PEM, read by libcurl when it connects */
	const char *cert_digest;  /* of its content, NULL: it cannot be read */
	const char *key_file;
	const char *key_password; /* NULL: the key is not encrypted */
	const char *token_url;	  /* of OAuth 2.0 */
	const char *client_id;
	const char *client_secret;
	const char *scope;	  /* or NULL */
	const char *audience; /* or NULL */
	ClientAuth client_auth;
	const char *cache_username; /* at a cache server; no part of the identity at the service */
	const char *cache_password;
} Credentials;

/*
 * A copy of text with every secret of credentials (plain, percent-encoded, escaped as in JSON, in
 * either case, or cut off) replaced by "***".  Palloc'd.
 */
extern char *dq_credentials_redact(const Credentials *credentials, const char *shown);

/*
 * Appends bytes that tell one identity from another within this backend; never shown, never stored
 * on disk.
 */
extern void dq_credentials_identity(const Credentials *credentials, StringInfo out);

/*
 * Adds the credentials to a handle: *headers may grow, *url may be replaced by one with a secret
 * query parameter (palloc'd).  token: an access token, of AUTH_OAUTH2 only.  Returns false when
 * libcurl is out of memory.
 */
extern bool dq_credentials_apply(const Credentials *credentials, const char *token, CURL *easy,
								 struct curl_slist **headers, char **url);

/* A request's body with what the credentials add to it; palloc'd. */
extern char *dq_credentials_body(const Credentials *credentials, const char *body);

/* An access token was issued for them: from now on it is redacted, too. */
extern void dq_credentials_note_token(const Credentials *credentials, const char *token);

/*
 * Whether something of them stays behind in a handle that they were applied to: it is not used for
 * others then.
 */
extern bool dq_credentials_mark_handle(const Credentials *credentials);

#endif /* DQ_CREDENTIALS_H */
