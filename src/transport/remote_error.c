/*
 * remote_error.c
 *	  What went wrong with a request, as an error that can be kept and raised later.
 *
 * SQLSTATEs: HV00N (unable to establish connection) until a connection stands, HV00R (table not
 * found) for 404, HV00L (unable to create execution) for 401 and 403, HV024 (invalid attribute
 * value) for a header that cannot be sent, HV001 (out of memory), 53000 (insufficient resources)
 * without a free descriptor, 08004 (rejected) where no request was made because the service is known
 * to be down, 42501 (insufficient privilege) where the host is not allowed, PT508 where services
 * query each other in a circle (PostgREST answers with status 508 to it), HV000 (error) for
 * everything else.  Messages name table and server,
 * details the request, its attempts and time, and the beginning of the answer; secrets are taken
 * out of all of it.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "transport/budget.h"
#include "transport/exchange_private.h"
#include "transport/token_store.h"
#include "transport/way.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define SHOWN_BYTES 200

/* Loop Detected, as PostgREST writes HTTP statuses. */
#define ERRCODE_LOOP MAKE_SQLSTATE('P', 'T', '5', '0', '8')

void
dq_remote_error_raise(const RemoteError *error)
{
	ereport(ERROR,
			(errcode(error->sqlstate), errmsg("%s", error->message),
			 error->detail ? errdetail("%s", error->detail) : 0,
			 error->hint ? errhint("%s", error->hint) : 0,
			 error->context ? errcontext("%s", error->context) : 0));
}

char *
dq_exchange_describe(const Exchange *exchange)
{
	const Credentials *credentials = exchange->endpoint->credentials;
	bool has_ended = exchange->state == EXCHANGE_DONE || exchange->state == EXCHANGE_FAILED;
	double ms = (has_ended ? exchange->ended_ms : dq_loop_clock_ms()) - exchange->started_ms;

	return psprintf("%s %s, %s%sattempt %d of %d, %.0f ms.", exchange->request.method,
					dq_credentials_redact(credentials, exchange->request.url),
					exchange->hops > 0 ?
						psprintf("redirect %d from %s, ", exchange->hops,
								 dq_credentials_redact(credentials, exchange->first_url)) :
						"",
					exchange->status > 0 ? psprintf("status %d, ", exchange->status) : "",
					exchange->attempt, exchange->endpoint->limits.retries + 1, ms);
}

/* Bytes of the character at c that can be shown as it stands; 0: none. */
static int
shown_length(const char *c, int left)
{
	const unsigned char *bytes = (const unsigned char *) c;
	int len;

	if (bytes[0] < 0x80)
		return bytes[0] >= 0x20 && bytes[0] != 0x7f;
	if (GetDatabaseEncoding() != PG_UTF8)
		return 0;
	len = pg_encoding_verifymbchar(PG_UTF8, c, left);
	/* U+0080 to U+009F are control characters, too. */
	return len < 2 || (bytes[0] == 0xc2 && bytes[1] < 0xa0) ? 0 : len;
}

/*
 * The beginning of the answer, fit to be read: what is no text in the database's encoding is
 * replaced.
 */
static char *
excerpt(Exchange *exchange)
{
	StringInfoData shown;
	const char *c;
	const char *end;

	if (exchange->excerpt.len == 0)
		return NULL;
	c = dq_credentials_redact(exchange->endpoint->credentials, exchange->excerpt.data);
	end = c + strlen(c);
	initStringInfo(&shown);
	while (c < end && shown.len < SHOWN_BYTES)
	{
		int len = shown_length(c, end - c);

		if (len > 0)
			appendBinaryStringInfo(&shown, c, len);
		else
			appendStringInfoChar(&shown, strchr("\r\n\t", *c) ? ' ' : '?');
		c += Max(len, 1);
	}
	if (c < end)
		appendStringInfoString(&shown, "...");
	return shown.data;
}

static const char certificate_hint[] =
	"Does the service trust the certificate in \"cert_file\" of the user mapping?";

static const char *
status_problem(const Exchange *exchange, int *sqlstate, const char **hint)
{
	int status = exchange->status;

	if (status == 404)
	{
		*sqlstate = ERRCODE_FDW_TABLE_NOT_FOUND;
		*hint =
			"Check options \"url\" and \"path\", or set not_found 'empty' where 404 means no rows.";
	}
	else if (status == 401 || status == 403)
	{
		*sqlstate = ERRCODE_FDW_UNABLE_TO_CREATE_EXECUTION;
		*hint = exchange->has_renewed ?
			"The service refuses a token that was just issued: check \"scope\" and \"audience\" of the user mapping." :
			"Check the user mapping of the server.";
	}
	else if (status == 400 && exchange->endpoint->credentials->auth == AUTH_MTLS)
		*hint = certificate_hint; /* what nginx says of one that it does not trust */
	else if (exchange->redirect_problem)
	{
		*hint = "Put the final address into option \"url\" or \"path\".";
		return psprintf("HTTP status %d, a redirect that is not followed: %s", status,
						exchange->redirect_problem);
	}
	else if (status >= 300 && status < 400)
		*hint = "Redirects are not followed; put the final address into option \"url\" or \"path\".";
	return psprintf("HTTP status %d", status);
}

static const char *
fault_problem(const Exchange *exchange, int *sqlstate, const char **hint)
{
	const TransferLimits *limits = &exchange->endpoint->limits;

	switch (exchange->fault)
	{
		case FAULT_CONNECT_TIMEOUT:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			return psprintf("no connection within connect_timeout of %d ms",
							limits->connect_timeout_ms);
		case FAULT_TIMEOUT:
			return psprintf("no complete answer within timeout of %d ms", limits->timeout_ms);
		case FAULT_TOO_LARGE:
			if (exchange->is_token_request)
				return psprintf("its answer is larger than " INT64_FORMAT " bytes",
								limits->max_response_bytes);
			*hint = "Raise option \"max_response\", or ask for smaller pages.";
			return psprintf("the answer is larger than max_response of " INT64_FORMAT " bytes",
							limits->max_response_bytes);
		case FAULT_TOO_MANY_HEADERS:
			return "the answer's headers are larger than 256 kB";
		case FAULT_INFLATED:
			return psprintf("the answer is compressed in such a way that it could fill the memory: "
							"%.0f bytes became more than " INT64_FORMAT,
							(double) exchange->attempt_wire_bytes, exchange->body_bytes);
		case FAULT_ADDRESS:
			*sqlstate = ERRCODE_INSUFFICIENT_PRIVILEGE;
			*hint = dq_guard_hint(&exchange->guard);
			return dq_guard_problem(&exchange->guard);
		case FAULT_DESCRIPTORS:
			*sqlstate = ERRCODE_INSUFFICIENT_RESOURCES;
			return "no file descriptor is free for a connection";
		case FAULT_LINE_BREAK:
			*sqlstate = ERRCODE_FDW_INVALID_ATTRIBUTE_VALUE;
			return "a header or credential contains a line break";
		case FAULT_BUDGET:
			*sqlstate = ERRCODE_CONFIGURATION_LIMIT_EXCEEDED;
			*hint = "Ask for fewer rows, or raise the setting.";
			return dq_budget_problem();
		case FAULT_LOOP:
			*sqlstate = ERRCODE_LOOP;
			*hint = dq_way_hint();
			return dq_way_problem();
		case FAULT_OUT_OF_MEMORY:
			*sqlstate = ERRCODE_FDW_OUT_OF_MEMORY;
			return "out of memory";
		case FAULT_NONE:
			break;
	}
	return NULL;
}

static const char *
curl_problem(const Exchange *exchange, CURLcode code, int *sqlstate, const char **hint)
{
	const char *words = exchange->curl_error[0] ? exchange->curl_error : curl_easy_strerror(code);

	/* By TLS 1.3 a client learns that its certificate is refused when it reads the answer. */
	if (exchange->endpoint->credentials->auth == AUTH_MTLS &&
		(code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR))
		*hint = certificate_hint;
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			return words;
		case CURLE_COULDNT_CONNECT:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			if (exchange->os_errno == 0)
				return words;
			return psprintf("could not connect: %s", strerror(exchange->os_errno));
		case CURLE_SSL_CONNECT_ERROR:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			return psprintf("no TLS connection could be made (%s)", words);
		case CURLE_PEER_FAILED_VERIFICATION:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			*hint = "An internal certificate authority is named by option \"ca_file\" of the server.";
			return psprintf("the service's TLS certificate could not be verified (%s)", words);
		case CURLE_SSL_CACERT_BADFILE:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			*hint =
				"Option \"ca_file\" of the server names a file that the database server can read.";
			return psprintf("the certificate authorities could not be read (%s)", words);
		case CURLE_SSL_CERTPROBLEM:
			*sqlstate = ERRCODE_FDW_UNABLE_TO_ESTABLISH_CONNECTION;
			*hint =
				"Options \"cert_file\" and \"key_file\" of the user mapping name PEM files that the database server can read, \"key_password\" the key's password.";
			return psprintf("the client certificate could not be used (%s)", words);
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
			return psprintf("the connection broke (%s)", words);
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_WEIRD_SERVER_REPLY:
			return psprintf("the service does not speak HTTP (%s)", words);
#if LIBCURL_VERSION_NUM >= 0x080600
		case CURLE_TOO_LARGE:
			return exchange->body_bytes == 0 ? "the answer's headers are too large" : words;
#endif
		case CURLE_OUT_OF_MEMORY:
			/* What libcurl before 8.7 says of a line of the head that its buffer of 100 kB does not hold. */
			if (exchange->stats.first_byte_ms > 0 && exchange->body_bytes == 0)
				return "a header of the answer is too large";
			*sqlstate = ERRCODE_FDW_OUT_OF_MEMORY;
			return "out of memory";
		case CURLE_PARTIAL_FILE:
			return psprintf("the answer was cut off (%s)", words);
		case CURLE_GOT_NOTHING:
			return "the service closed the connection without an answer";
		case CURLE_BAD_CONTENT_ENCODING:
			return psprintf("the answer could not be decompressed (%s)", words);
		default:
			return words;
	}
}

/* libcurl's code, as a kind. */
static FailureKind
kind_of_code(CURLcode code)
{
	switch (code)
	{
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
		case CURLE_COULDNT_CONNECT:
		case CURLE_SSL_CONNECT_ERROR:
			return FAILURE_CONNECT;
		case CURLE_OPERATION_TIMEDOUT:
			return FAILURE_TIMEOUT;
		case CURLE_PARTIAL_FILE:
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
			return FAILURE_CUT_OFF;
		default:
			return FAILURE_OTHER;
	}
}

/* What kind of failure an attempt is that was no success. */
FailureKind
dq_remote_failure_kind(const Exchange *exchange, CURLcode code)
{
	int status = exchange->status;

	if (exchange->fault == FAULT_CONNECT_TIMEOUT)
		return FAILURE_CONNECT;
	if (exchange->fault == FAULT_TIMEOUT)
		return FAILURE_TIMEOUT;
	if (exchange->fault == FAULT_BUDGET)
		return FAILURE_BUDGET;
	if (exchange->fault == FAULT_LOOP)
		return FAILURE_LOOP;
	if (exchange->fault != FAULT_NONE)
		return FAILURE_OTHER;
	if (code != CURLE_OK)
		return kind_of_code(code);
	if (status == 429)
		return FAILURE_429;
	if (status >= 400 && status < 500)
		return FAILURE_4XX;
	return status >= 500 && status < 600 ? FAILURE_5XX : FAILURE_OTHER;
}

static char *
failure(const Exchange *exchange, const char *problem)
{
	const char *server = exchange->endpoint->server_name;

	/* Part of the message of whoever wants the token. */
	if (exchange->is_token_request)
		return pstrdup(problem);
	if (exchange->relation_name == NULL)
		return psprintf("could not ask server \"%s\": %s", server, problem);
	return psprintf("could not fetch foreign table \"%s\" from server \"%s\": %s",
					exchange->relation_name, server, problem);
}

RemoteError *
dq_remote_error_make(Exchange *exchange, CURLcode code, const char *more)
{
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	const Credentials *credentials = exchange->endpoint->credentials;
	RemoteError *error = palloc0(sizeof(RemoteError));
	const char *problem;
	const char *hint = NULL;
	char *shown = exchange->is_token_request ? NULL : excerpt(exchange);
	StringInfoData detail;

	error->kind = dq_remote_failure_kind(exchange, code);
	error->sqlstate = ERRCODE_FDW_ERROR;
	problem = fault_problem(exchange, &error->sqlstate, &hint);
	if (problem == NULL)
		problem = code == CURLE_OK ? status_problem(exchange, &error->sqlstate, &hint) :
									 curl_problem(exchange, code, &error->sqlstate, &hint);
	error->message = dq_credentials_redact(credentials, failure(exchange, problem));
	initStringInfo(&detail);
	appendStringInfoString(&detail, dq_exchange_describe(exchange));
	if (exchange->fault == FAULT_BUDGET)
		appendStringInfo(&detail, " %s", dq_budget_describe());
	if (exchange->fault == FAULT_ADDRESS)
		appendStringInfo(&detail, " %s", dq_guard_detail(&exchange->guard));
	if (exchange->fault == FAULT_LOOP)
		appendStringInfo(&detail, " %s", dq_way_detail());
	if (more)
		appendStringInfo(&detail, " %s", more);
	if (shown)
		appendStringInfo(&detail, " The answer begins: %s", shown);
	error->detail = detail.data;
	error->hint = hint ? pstrdup(hint) : NULL;
	MemoryContextSwitchTo(old);
	return error;
}

/* Why no request is made, in words. */
static char *
refusal_detail(const Exchange *exchange, const ServiceAnswer *answer)
{
	char *since = pstrdup(timestamptz_to_str(answer->since));
	char *next = pstrdup(timestamptz_to_str(answer->next_at));

	if (answer->verdict == SERVICE_ASKED_TO_WAIT)
		return psprintf("The service asked not to be asked again before %s (Retry-After).", next);
	if (answer->is_probing)
		return psprintf("It opened at %s after failures in a row, %d by now; a request that tries "
						"whether the service is back is under way.",
						since, answer->failures);
	return psprintf("It opened at %s after failures in a row, %d by now; the next request is let "
					"through at %s.",
					since, answer->failures, next);
}

RemoteError *
dq_remote_error_refused(Exchange *exchange, const ServiceAnswer *answer)
{
	const char *server = exchange->endpoint->server_name;
	bool is_breaker = answer->verdict == SERVICE_BREAKER_OPEN;
	char *detail = refusal_detail(exchange, answer);
	RemoteError *error = exchange->last_failure;

	/* What went wrong before is more to the point than that it is not tried again. */
	if (error)
	{
		error->detail = psprintf("%s Not tried again: %s", error->detail,
								 is_breaker ? "the circuit breaker is open." : detail);
		return error;
	}
	error = palloc0(sizeof(RemoteError));
	error->kind = FAILURE_REFUSED;
	error->sqlstate = ERRCODE_SQLSERVER_REJECTED_ESTABLISHMENT_OF_SQLCONNECTION;
	error->message = failure(exchange,
							 is_breaker ? "its circuit breaker is open" :
										  "the service does not want to be asked now");
	error->detail = detail;
	error->hint = psprintf("To try at once: SELECT distquery.reset_breaker(%s).",
						   quote_literal_cstr(server));
	return error;
}

/* The token endpoint issued no token for the exchange's credentials. */
RemoteError *
dq_remote_error_no_token(Exchange *exchange, const TokenFailure *why)
{
	MemoryContext old = MemoryContextSwitchTo(exchange->context);
	RemoteError *error = palloc0(sizeof(RemoteError));

	error->kind = why->kind;
	error->sqlstate = why->sqlstate;
	error->message = failure(exchange, psprintf("no access token was issued: %s", why->problem));
	error->detail = why->detail[0] ? pstrdup(why->detail) : NULL;
	error->hint = why->hint[0] ? pstrdup(why->hint) : NULL;
	MemoryContextSwitchTo(old);
	return error;
}
