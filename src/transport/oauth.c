/*
 * oauth.c
 *	  Access tokens by the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4).
 *
 * All exchanges of this backend that lack the same token share one TokenWait.  Of all backends one
 * leads (flight.h) and asks, by an exchange of its own; the others wait for its latch.  A
 * leader that is cancelled, terminated or does not drive its loop loses the lead, and another one
 * asks.  One that gets no token tells the others why.
 *
 *	find a fresh token --there is one--> over
 *	   |                                  ^
 *	join the flight --leader--> ask ------+--> token_store.c, wake the followers
 *	   |                                  |
 *	   +--follower--> its latch ----------+   (or ask, when the leader has gone)
 *
 * The token endpoint is held to limits as a service of its own, which is the mapping's: its failures
 * open no breaker of the API, and a token needs no slot of it, so that nobody who holds one waits
 * for who wants one.
 *
 * A TokenWait belongs to the exchanges that wait; the last one that leaves frees it.  It copies what
 * it needs, since the exchange that made it may be the first to go.
 */
#include "postgres.h"

#include "request/url.h"
#include "service/flight.h"
#include "transport/oauth.h"
#include "transport/token_answer.h"
#include "transport/token_store.h"
#include "utils/memutils.h"

#define MAX_ANSWER_BYTES (64 * 1024)

typedef struct TokenWait
{
	dlist_node node; /* in waits, until it is over */
	bool is_listed;
	MemoryContext context; /* it lives in it */
	TokenKey key;
	int64 began_us;
	int nexchanges;
	FlightTicket ticket;
	bool is_following;
	bool is_leading;
	Credentials client; /* copied, as those of the token endpoint */
	Endpoint endpoint;
	Exchange *exchange; /* under way, or NULL */
	int64 asked_us;
	int restarts; /* of the exchange, as far as the answer knows */
	StringInfoData answer;
	bool is_over;
	char *token; /* of what is over, NULL: failure is set */
	TokenFailure failure;
} TokenWait;

static dlist_head waits = DLIST_STATIC_INIT(waits);

static char *
copy(const char *text)
{
	return text ? pstrdup(text) : NULL;
}

static void
leave_flight(TokenWait *wait)
{
	if (wait->is_following)
		dq_flight_leave(&wait->ticket);
	if (wait->is_leading)
		dq_flight_end(&wait->ticket);
	wait->is_following = wait->is_leading = false;
}

static void
unlist(TokenWait *wait)
{
	if (wait->is_listed)
		dlist_delete(&wait->node);
	wait->is_listed = false;
}

/* Runs when the context goes, for whatever reason. */
static void
release_wait(void *arg)
{
	TokenWait *wait = arg;

	unlist(wait);
	leave_flight(wait);
	if (wait->token)
		explicit_bzero(wait->token, strlen(wait->token));
	if (wait->answer.data)
		explicit_bzero(wait->answer.data, wait->answer.maxlen);
}

/* The token endpoint, as a service of the mapping's own. */
static void
copy_endpoint(TokenWait *wait, const Endpoint *service)
{
	const Credentials *credentials = service->credentials;

	wait->client = (Credentials) { .auth = AUTH_CLIENT,
								   .mapping = credentials->mapping,
								   .token_url = copy(credentials->token_url),
								   .client_id = copy(credentials->client_id),
								   .client_secret = copy(credentials->client_secret),
								   .scope = copy(credentials->scope),
								   .audience = copy(credentials->audience),
								   .client_auth = credentials->client_auth };
	wait->endpoint = *service;
	wait->endpoint.server_name = copy(service->server_name);
	wait->endpoint.credentials = &wait->client;
	wait->endpoint.limits.proxy = copy(service->limits.proxy);
	wait->endpoint.limits.ca_file = copy(service->limits.ca_file);
	wait->endpoint.limits.max_response_bytes = MAX_ANSWER_BYTES;
}

static TokenWait *
create_wait(const TokenKey *key, const Endpoint *service)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery token",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TokenWait *wait = palloc0(sizeof(TokenWait));
	MemoryContextCallback *callback = palloc0(sizeof(MemoryContextCallback));

	wait->context = context;
	wait->key = *key;
	wait->began_us = dq_token_now_us();
	copy_endpoint(wait, service);
	initStringInfo(&wait->answer);
	callback->func = release_wait;
	callback->arg = wait;
	MemoryContextRegisterResetCallback(context, callback);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	dlist_push_tail(&waits, &wait->node);
	wait->is_listed = true;
	return wait;
}

static void
succeed(TokenWait *wait, const char *token)
{
	wait->token = MemoryContextStrdup(wait->context, token);
	wait->is_over = true;
	unlist(wait);
	leave_flight(wait);
}

/* A token that is fresh, or no fresher one comes. */
static bool
take_known(TokenWait *wait, TokenAge age)
{
	char *token = dq_token_find(&wait->key, age);

	if (token == NULL)
		return false;
	succeed(wait, token);
	explicit_bzero(token, strlen(token));
	pfree(token);
	return true;
}

/* No new token; the old one is used as long as it lives. */
static void
fail(TokenWait *wait, const TokenFailure *failure)
{
	if (wait->is_leading)
	{
		dq_token_put_failure(&wait->key, failure);
		dq_flight_fail(&wait->ticket);
	}
	wait->is_leading = false;
	if (take_known(wait, TOKEN_VALID))
		return;
	wait->failure = *failure;
	wait->is_over = true;
	unlist(wait);
	leave_flight(wait);
}

static const char *
hint_of_status(int status)
{
	if (status >= 300 && status < 400)
		return "Redirects are not followed; put the final address into option \"token_url\".";
	if (status == 404)
		return "Check option \"token_url\".";
	return "Check \"client_id\", \"client_secret\", \"scope\" and \"client_auth\" of the user mapping.";
}

/* What went wrong with the request for a token. */
static void
describe(const Exchange *exchange, TokenFailure *failure)
{
	const RemoteError *error = exchange->error;
	const char *problem = error->message;
	const char *hint = error->hint;
	char *detail = error->detail;
	char *code;
	char *description;

	failure->kind = error->kind;
	failure->sqlstate = error->sqlstate;
	if (error->kind == FAILURE_4XX || (exchange->status >= 300 && exchange->status < 400))
	{
		failure->sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION;
		hint = hint_of_status(exchange->status);
	}
	if (exchange->status >= 400 && exchange->excerpt.len > 0 &&
		dq_token_error_read(exchange->excerpt.data, exchange->excerpt.len, &code, &description))
	{
		const Credentials *client = exchange->endpoint->credentials;

		problem = psprintf("the token endpoint answers \"%s\"",
						   dq_credentials_redact(client, code));
		if (description)
			detail = psprintf("%s It says: %s", detail, dq_credentials_redact(client, description));
	}
	strlcpy(failure->problem, problem, sizeof(failure->problem));
	strlcpy(failure->detail, detail ? detail : "", sizeof(failure->detail));
	strlcpy(failure->hint, hint ? hint : "", sizeof(failure->hint));
}

/* The whole answer has come. */
static void
take_answer(TokenWait *wait)
{
	TokenFailure failure = { .kind = FAILURE_CONTENT, .sqlstate = ERRCODE_FDW_ERROR };
	TokenAnswer answer;

	dq_token_answer_read(wait->answer.data, wait->answer.len, &answer);
	if (answer.problem == NULL)
	{
		dq_token_put(&wait->key, answer.token, wait->asked_us, answer.life_ms);
		succeed(wait, answer.token);
	}
	else
	{
		dq_exchange_note_content_failure(wait->exchange);
		strlcpy(failure.problem, answer.problem, sizeof(failure.problem));
		strlcpy(failure.detail, dq_exchange_describe(wait->exchange), sizeof(failure.detail));
		fail(wait, &failure);
	}
	if (answer.token)
		explicit_bzero(answer.token, strlen(answer.token));
}

/* The exchange with the token endpoint has news. */
static void
progress(Exchange *exchange, void *owner)
{
	TokenWait *wait = owner;
	TokenFailure failure = { 0 };
	const char *bytes;
	size_t len;

	if (wait->restarts != dq_exchange_restarts(exchange))
	{
		wait->restarts = dq_exchange_restarts(exchange);
		resetStringInfo(&wait->answer);
	}
	while (dq_exchange_take(exchange, &bytes, &len))
		appendBinaryStringInfo(&wait->answer, bytes, len);
	if (dq_exchange_state(exchange) == EXCHANGE_DONE)
		take_answer(wait);
	else if (dq_exchange_state(exchange) == EXCHANGE_FAILED)
	{
		describe(exchange, &failure);
		fail(wait, &failure);
	}
	else
		return;
	wait->exchange = NULL;
	dq_exchange_free(exchange);
}

/* The parameters that are no secret; credentials.c adds the client's own. */
static char *
grant_body(const Credentials *client)
{
	StringInfoData body;

	initStringInfo(&body);
	appendStringInfoString(&body, "grant_type=client_credentials");
	if (client->scope)
	{
		appendStringInfoString(&body, "&scope=");
		dq_url_encode(&body, client->scope);
	}
	if (client->audience)
	{
		appendStringInfoString(&body, "&audience=");
		dq_url_encode(&body, client->audience);
	}
	return body.data;
}

static void
ask(TokenWait *wait)
{
	static const Header headers[] = { { "Content-Type", "application/x-www-form-urlencoded" },
									  { "Cache-Control", "no-store" } };
	MemoryContext old = MemoryContextSwitchTo(wait->context);
	Request request = { .method = "POST",
						.url = wait->client.token_url,
						.headers = headers,
						.nheaders = lengthof(headers),
						.body = grant_body(&wait->client),
						.is_idempotent = true };
	ExchangeOptions options = { .request = &request,
								.endpoint = &wait->endpoint,
								.is_token_request = true,
								.on_progress = progress,
								.owner = wait };

	wait->asked_us = dq_token_now_us();
	wait->restarts = 0;
	wait->exchange = dq_exchange_start(&options);
	MemoryContextSwitchTo(old);
}

/* Asks, or waits for another session that does. */
static void
lead_or_follow(TokenWait *wait)
{
	/* It leads already where the last try to ask raised. */
	if (wait->is_leading)
	{
		ask(wait);
		return;
	}
	switch (dq_flight_join(wait->key.hash, &wait->ticket))
	{
		case FLIGHT_FOLLOWER:
			wait->is_following = true;
			return;
		case FLIGHT_LEADER:
			wait->is_leading = true;
			/* The leader before may have got one a moment ago. */
			if (take_known(wait, TOKEN_FRESH))
				return;
			break;
		case FLIGHT_ALONE:
			break;
	}
	ask(wait);
}

/* Looks what became of the leader. */
static void
advance(TokenWait *wait)
{
	TokenFailure failure;
	FlightState state;

	if (wait->is_over || wait->exchange)
		return;
	if (wait->is_following)
	{
		state = dq_flight_state(&wait->ticket);
		if (state == FLIGHT_UNDER_WAY)
			return;
		leave_flight(wait);
		if (state == FLIGHT_FAILED && dq_token_failure_since(&wait->key, wait->began_us, &failure))
		{
			fail(wait, &failure);
			return;
		}
	}
	if (!take_known(wait, TOKEN_FRESH))
		lead_or_follow(wait);
}

static TokenWait *
find_wait(const TokenKey *key)
{
	dlist_iter iter;

	dlist_foreach(iter, &waits)
	{
		TokenWait *wait = dlist_container(TokenWait, node, iter.cur);

		if (wait->key.mapping == key->mapping &&
			memcmp(&wait->key.hash, &key->hash, sizeof(FlightKey)) == 0)
			return wait;
	}
	return NULL;
}

static void
leave_wait(Exchange *exchange)
{
	TokenWait *wait = exchange->token_wait;

	if (wait == NULL)
		return;
	exchange->token_wait = NULL;
	if (--wait->nexchanges == 0)
		MemoryContextDelete(wait->context);
}

static void
use_token(Exchange *exchange, const char *token)
{
	exchange->token = MemoryContextStrdup(exchange->context, token);
	dq_credentials_note_token(exchange->endpoint->credentials, token);
}

TokenState
dq_oauth_prepare(Exchange *exchange)
{
	const Credentials *credentials = exchange->endpoint->credentials;
	TokenWait *wait = exchange->token_wait;
	TokenState state = TOKEN_AWAITED;

	if (credentials->auth != AUTH_OAUTH2 || exchange->token)
		return TOKEN_READY;
	if (wait == NULL)
	{
		TokenKey key = dq_token_key(credentials);

		wait = find_wait(&key);
		if (wait == NULL)
			wait = create_wait(&key, exchange->endpoint);
		wait->nexchanges++;
		exchange->token_wait = wait;
	}
	advance(wait);
	if (wait->is_over)
	{
		state = wait->token ? TOKEN_READY : TOKEN_REFUSED;
		if (wait->token)
			use_token(exchange, wait->token);
		else
			exchange->error = dq_remote_error_no_token(exchange, &wait->failure);
		leave_wait(exchange);
	}
	return state;
}

bool
dq_oauth_renew(Exchange *exchange)
{
	const Credentials *credentials = exchange->endpoint->credentials;
	TokenKey key;

	if (credentials->auth != AUTH_OAUTH2 || exchange->token == NULL || exchange->has_renewed)
		return false;
	key = dq_token_key(credentials);
	dq_token_reject(&key, exchange->token);
	exchange->has_renewed = exchange->request.is_idempotent && !exchange->is_committed;
	return exchange->has_renewed;
}

void
dq_oauth_release(Exchange *exchange)
{
	leave_wait(exchange);
	if (exchange->token == NULL)
		return;
	explicit_bzero(exchange->token, strlen(exchange->token));
	pfree(exchange->token);
	exchange->token = NULL;
}
