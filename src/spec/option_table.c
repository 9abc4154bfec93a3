/*
 * option_table.c
 *	  The table of all options.  To add one: a row here, an OptionId, the code that uses it, a
 *	  test, a line in the README.
 */
#include "postgres.h"

#include "spec/options.h"
#include "spec/spec.h"

#define S PLACE_SERVER
#define T PLACE_TABLE
#define C PLACE_COLUMN
#define U PLACE_MAPPING

/*
 * Words stand in the order of the enums that they are read into; some enums begin with a value
 * that has no word.
 */
static const char *const not_found_words[] = { "empty", "fail", NULL };
static const char *const protocol_words[] = { "rest", "graphql", NULL };
static const char *const method_words[] = { "GET", "POST", NULL };
static const char *const on_error_words[] = { "fail", "empty", "stale", NULL };
static const char *const breaker_on_words[] = { "connection", "timeout", "5xx", "429", NULL };
static const char *const paging_words[] = { "none", "page", "offset", "cursor",
											"link", "next", "relay",  NULL };
static const char *const last_page_words[] = { "empty", "short", NULL };
static const char *const strategy_words[] = { "live", "store", "cache", NULL };
static const char *const cache_store_words[] = { "shared", "redis", "memcached", NULL };
static const char *const trust_words[] = { "recheck", "exact", NULL };
static const char *const sort_words[] = { "nulls_first", "nulls_last", NULL };
static const char *const from_words[] = { "request", NULL };
static const char *const format_words[] = { "epoch", "epoch_ms", "base64", NULL };
static const char *const auth_words[] = { "none", "basic",	"bearer", "api_key",
										  "mtls", "oauth2", NULL };
static const char *const client_auth_words[] = { "basic", "post", NULL };

#define SPELL(operator, condition, what)                                                         \
	{                                                                                            \
		"spell_" operator, S | T | C, OPTION_SPELL, NULL,                                        \
			"how " what " is said in the query string (default: the dialect's)", .op = condition \
	}

const OptionRow dq_options[OPTION_COUNT] = {
	[OPT_URL] = { "url", S, OPTION_URL, NULL, "base URL of the service, http or https" },
	[OPT_PROTOCOL] = { "protocol", S, OPTION_ENUM, "rest", "what the service speaks",
					   .words = protocol_words },
	[OPT_DIALECT] = { "dialect", S | T, OPTION_DIALECT, "plain",
					  "preset of how filters, sort and paging are said" },
	[OPT_HEADERS] = { "headers", S | T, OPTION_HEADERS, NULL,
					  "JSON object of fixed request headers" },
	[OPT_TIMEOUT] = { "timeout", S | T, OPTION_DURATION, "30s",
					  "time for one attempt of a request; 0 is none" },
	[OPT_CONNECT_TIMEOUT] = { "connect_timeout", S | T, OPTION_DURATION, "5s",
							  "time for making a connection; 0 is none" },
	[OPT_RETRIES] = { "retries", S | T, OPTION_INT, "2", "attempts after the first that failed",
					  .max = 100 },
	[OPT_RETRY_BACKOFF] = { "retry_backoff", S | T, OPTION_DURATION, "100ms",
							"upper bound of the first delay before another attempt; doubles each time" },
	[OPT_RETRY_BUDGET] = { "retry_budget", S, OPTION_INT, "20",
						   "retries to 100 requests, beyond one a second and ten at once",
						   .max = 10000 },
	[OPT_MAX_IN_FLIGHT] = { "max_in_flight", S, OPTION_INT, "16",
							"requests at once to the service, of all sessions together", .min = 1,
							.max = 1000 },
	[OPT_RATE_LIMIT] = { "rate_limit", S, OPTION_RATE, NULL,
						 "requests in a time, as 100/s or 10/min, of all sessions together (default: none)" },
	[OPT_BREAKER_FAILURES] = { "breaker_failures", S, OPTION_INT, "5",
							   "failures in a row after which the service is not asked; 0 is never",
							   .max = 1000000 },
	[OPT_BREAKER_COOLDOWN] = { "breaker_cooldown", S, OPTION_DURATION, "10s",
							   "time after which one request tries whether it is back" },
	[OPT_BREAKER_ON] = { "breaker_on", S, OPTION_WORDS, "connection timeout 5xx",
						 "failures that count for it", .words = breaker_on_words },
	[OPT_ON_ERROR] = { "on_error", S | T, OPTION_ENUM, "fail",
					   "what an outage of the service means: an error, a warning and the rows that could be had, or what the cache has",
					   .words = on_error_words, .first_word = ON_ERROR_FAIL },
	[OPT_MAX_RESPONSE] = { "max_response", S | T, OPTION_SIZE, "256MB",
						   "largest answer, decompressed; 0 is no bound" },
	[OPT_NOT_FOUND] = { "not_found", S | T, OPTION_ENUM, NULL,
						"what status 404 means: no rows, or an error (default: empty on a lookup, else fail)",
						.words = not_found_words, .first_word = NOT_FOUND_EMPTY },
	[OPT_PREFETCH] = { "prefetch", S | T, OPTION_BOOL, "true",
					   "ask when the query starts, not when the scan is reached" },
	[OPT_STRATEGY] = { "strategy", S | T, OPTION_ENUM, "live",
					   "how questions are answered: live asks each time, store once a transaction, cache once in ttl",
					   .words = strategy_words, .first_word = STRATEGY_LIVE },
	[OPT_TTL] = { "ttl", S | T, OPTION_LIFETIME, "1min",
				  "strategy cache: how long an answer is used; 0 asks each time, http as long as the service says" },
	[OPT_TTL_EMPTY] = { "ttl_empty", S | T, OPTION_DURATION, NULL,
						"strategy cache: the same of an answer without rows (default: a tenth of ttl)" },
	[OPT_STALE_WHILE_REVALIDATE] = { "stale_while_revalidate", S | T, OPTION_DURATION, "0",
									 "strategy cache: how long after ttl an answer is still used while a new one is asked for" },
	[OPT_STALE_IF_ERROR] = { "stale_if_error", S | T, OPTION_DURATION, "0",
							 "strategy cache: how long after ttl an answer is used where the service fails" },
	[OPT_CACHE_ROWS] = { "cache_rows", S | T, OPTION_BOOL, "false",
						 "strategy cache: the rows of a collection are whole, and answer questions for one of them by its key" },
	[OPT_CACHE_SHARED] = { "cache_shared", S | T, OPTION_BOOL, "false",
						   "strategy cache: answers are shared between users of different credentials" },
	[OPT_CACHE_PARTITION] = { "cache_partition", S | T, OPTION_TEXT, NULL,
							  "strategy cache: the column by whose values answers are invalidated together" },
	[OPT_CACHE_STORE] = { "cache_store", S | T, OPTION_ENUM, "shared",
						  "strategy cache: where answers are kept: this server's shared memory, or servers that databases share",
						  .words = cache_store_words, .first_word = CACHE_STORE_SHARED },
	[OPT_CACHE_URL] = { "cache_url", S | T, OPTION_CACHE_URL, NULL,
						"servers of the cache, as redis://host:port/db or memcached://host:port,host:port" },
	[OPT_CACHE_PREFIX] = { "cache_prefix", S | T, OPTION_CACHE_PREFIX,
						   "distquery:", "beginning of all names on a cache server" },
	[OPT_PROXY] = { "proxy", S, OPTION_PROXY, NULL, "URL of an HTTP proxy (default: none)" },
	[OPT_CA_FILE] = { "ca_file", S, OPTION_FILE, NULL,
					  "file of trusted certificate authorities (default: the system's)",
					  .is_superuser_only = true },
	[OPT_REDIRECTS] = { "redirects", S | T, OPTION_INT, "0",
						"redirects to follow for one request; credentials and headers stay on the origin",
						.max = 10 },
	[OPT_IDEMPOTENT] = { "idempotent", S | T, OPTION_BOOL, "true",
						 "requests may be sent again after a failure" },

	[OPT_OPENAPI] = { "openapi", S, OPTION_URL_OR_PATH, NULL,
					  "URL or path of the API description, for IMPORT FOREIGN SCHEMA (default: at the usual places)" },

	[OPT_PATH] = { "path", T, OPTION_PATH, NULL,
				   "path of the collection; {column} makes the column required" },
	[OPT_LOOKUP_PATH] = { "lookup_path", T, OPTION_LOOKUP_PATH, NULL,
						  "path of one item, with {column}" },
	[OPT_METHOD] = { "method", T, OPTION_ENUM, NULL,
					 "how the collection is asked for (default: POST where there is a body, else GET)",
					 .words = method_words, .first_word = METHOD_GET },
	[OPT_BODY] = { "body", T, OPTION_BODY, NULL,
				   "JSON to send with POST; \"{column}\" in it takes a condition's value" },
	[OPT_FIELD] = { "field", T | C, OPTION_FIELD, NULL,
					"GraphQL: the field of the query that gives the rows, of a row that gives the value; dots lead inside, $column takes a value" },
	[OPT_LOOKUP_FIELD] = { "lookup_field", T, OPTION_FIELD, NULL,
						   "GraphQL: the field that gives rows by key, as order(id: $id) or orders(ids: [$id])" },
	[OPT_ENTITY] = { "entity", T, OPTION_NAME, NULL,
					 "GraphQL: the type to look up by _entities of Apollo Federation" },
	[OPT_ROWS] = { "rows", T, OPTION_POINTER, "", "where the rows stand in the answer" },
	[OPT_LOOKUP_ROWS] = { "lookup_rows", T, OPTION_POINTER, "",
						  "where the row stands in the answer of lookup_path" },
	[OPT_PAGING] = { "paging", T, OPTION_ENUM, "none", "how further pages are asked for",
					 .words = paging_words },
	[OPT_PAGE_SIZE] = { "page_size", S | T, OPTION_INT, "0",
						"rows to ask for in one page; 0 leaves it to the service" },
	[OPT_PAGE_PARAM] = { "page_param", S | T, OPTION_TEXT, NULL,
						 "parameter of the page's number (default: the dialect's)" },
	[OPT_SIZE_PARAM] = { "size_param", S | T, OPTION_TEXT, NULL,
						 "parameter of the page's size (default: the dialect's)" },
	[OPT_OFFSET_PARAM] = { "offset_param", S | T, OPTION_TEXT, NULL,
						   "parameter of the offset (default: the dialect's)" },
	[OPT_CURSOR_PARAM] = { "cursor_param", S | T, OPTION_TEXT, NULL,
						   "parameter of the cursor (default: the dialect's)" },
	[OPT_FIRST_PAGE] = { "first_page", S | T, OPTION_INT, NULL,
						 "number of the first page (default: the dialect's)" },
	[OPT_NEXT] = { "next", S | T, OPTION_POINTER, NULL,
				   "where the next cursor, or the next page's URL, stands in the answer" },
	[OPT_NEXT_ROW] = { "next_row", S | T, OPTION_POINTER, NULL,
					   "where the next cursor stands in the last row of a page, if not in the answer" },
	[OPT_HAS_NEXT] = { "has_next", S | T, OPTION_POINTER, NULL,
					   "where true or false stands in the answer: another page follows, or none" },
	[OPT_CURSOR_TYPE] = { "cursor_type", S | T, OPTION_NAME, "String",
						  "GraphQL: type of the cursor's argument" },
	[OPT_TOTAL] = { "total", S | T, OPTION_POINTER_OR_HEADER, NULL,
					"where the number of all rows stands: a JSON Pointer, or header:Name" },
	[OPT_MAX_PAGES] = { "max_pages", S | T, OPTION_INT, "100000",
						"more pages than that end with an error", .min = 1 },
	[OPT_LAST_PAGE] = { "last_page", S | T, OPTION_ENUM, "empty",
						"what ends page and offset paging: an empty page, or a short one",
						.words = last_page_words },
	[OPT_MAX_BATCH] = { "max_batch", S | T, OPTION_INT, "100", "keys in one request", .min = 1,
						.max = 100000 },
	[OPT_MAX_URL] = { "max_url", S | T, OPTION_SIZE, "8000", "longest URL that is sent", .min = 100,
					  .max = 1024 * 1024 },
	[OPT_TRUST] = { "trust", T | C, OPTION_ENUM, "recheck",
					"whether what the service filters is checked again locally",
					.words = trust_words },
	[OPT_ESTIMATED_ROWS] = { "estimated_rows", T, OPTION_INT, "100000",
							 "rows, for the planner, until they are known", .min = 1 },

	[OPT_SPELL_EQ] = SPELL("eq", COND_EQ, "="),
	[OPT_SPELL_NE] = SPELL("ne", COND_NE, "<>"),
	[OPT_SPELL_LT] = SPELL("lt", COND_LT, "<"),
	[OPT_SPELL_LE] = SPELL("le", COND_LE, "<="),
	[OPT_SPELL_GT] = SPELL("gt", COND_GT, ">"),
	[OPT_SPELL_GE] = SPELL("ge", COND_GE, ">="),
	[OPT_SPELL_IN] = SPELL("in", COND_IN, "IN"),
	[OPT_SPELL_LIKE] = SPELL("like", COND_LIKE, "LIKE"),
	[OPT_SPELL_NULL] = SPELL("null", COND_NULL, "IS NULL"),
	[OPT_SPELL_NOTNULL] = SPELL("notnull", COND_NOTNULL, "IS NOT NULL"),
	[OPT_SPELL_SORT] = { "spell_sort", S | T, OPTION_SPELL_SORT, NULL,
						 "how ORDER BY is said in the query string (default: the dialect's)" },
	[OPT_SPELL_LIMIT] = { "spell_limit", S | T, OPTION_SPELL_LIMIT, NULL,
						  "how LIMIT is said in the query string, where the service is trusted (default: the dialect's, without paging)" },
	[OPT_SPELL_FIELDS] = { "spell_fields", S | T, OPTION_SPELL_FIELDS, NULL,
						   "how the members that are needed are said in the query string (default: the dialect's)" },

	[OPT_JSON] = { "json", C, OPTION_POINTER, NULL,
				   "where the value stands in the row (default: the member of the column's name)" },
	[OPT_PARAM] = { "param", C, OPTION_TEXT, NULL, "the parameter's name (default: the column's)" },
	[OPT_SELECTION] = { "selection", C, OPTION_SELECTION, NULL,
						"GraphQL: what to select of a value that is an object, as: sku quantity" },
	[OPT_VARIABLE_TYPE] = { "variable_type", C, OPTION_NAME, NULL,
							"GraphQL: type of the argument's values (default: by the column's type; ID for a key)" },
	[OPT_FILTER] = { "filter", C, OPTION_FILTER, NULL,
					 "operators that the service evaluates: = <> < <= > >= in like null" },
	[OPT_KEY] = { "key", C, OPTION_BOOL, "false", "the column identifies a row" },
	[OPT_REQUIRED] = { "required", C, OPTION_BOOL, "false",
					   "the service cannot be asked without a condition on the column" },
	[OPT_SORT] = { "sort", C, OPTION_ENUM, NULL,
				   "the service can sort by the column, and where it puts NULL in ascending order",
				   .words = sort_words, .first_word = SORT_NULLS_FIRST },
	[OPT_FROM] = { "from", C, OPTION_ENUM, NULL,
				   "\"request\": the value is the one that was asked for, the answer does not repeat it",
				   .words = from_words },
	[OPT_FORMAT] = { "format", C, OPTION_ENUM, NULL,
					 "how the value is written: epoch and epoch_ms for times, base64 for bytea (default: as the type's input is)",
					 .words = format_words, .first_word = FORMAT_EPOCH },
	[OPT_DEFAULT_PARAM] = { "default_param", C, OPTION_PARAM, NULL,
							"name=value to send when the query does not restrict the column" },

	[OPT_AUTH] = { "auth", U, OPTION_ENUM, "none", "how to authenticate", .words = auth_words },
	[OPT_USERNAME] = { "username", U, OPTION_USERNAME, NULL, "user name for auth basic" },
	[OPT_PASSWORD] = { "password", U, OPTION_EMPTY_TEXT, NULL, "password for auth basic",
					   .is_secret = true },
	[OPT_TOKEN] = { "token", U, OPTION_TEXT, NULL, "token for auth bearer", .is_secret = true },
	[OPT_API_KEY] = { "api_key", U, OPTION_TEXT, NULL, "key for auth api_key", .is_secret = true },
	[OPT_API_KEY_IN] = { "api_key_in", U, OPTION_API_KEY_IN, "header:X-API-Key",
						 "where the key is sent: header:Name or query:name" },
	[OPT_CERT_FILE] = { "cert_file", U, OPTION_FILE, NULL,
						"PEM file of the client certificate for auth mtls, its chain behind it",
						.is_superuser_only = true },
	[OPT_KEY_FILE] = { "key_file", U, OPTION_FILE, NULL,
					   "PEM file of the certificate's private key for auth mtls",
					   .is_superuser_only = true },
	[OPT_KEY_PASSWORD] = { "key_password", U, OPTION_TEXT, NULL,
						   "password of an encrypted key_file", .is_secret = true },
	[OPT_TOKEN_URL] = { "token_url", S | U, OPTION_TOKEN_URL, NULL,
						"token endpoint for auth oauth2, https; on the server, for all mappings" },
	[OPT_CLIENT_ID] = { "client_id", U, OPTION_TEXT, NULL, "client identifier for auth oauth2" },
	[OPT_CLIENT_SECRET] = { "client_secret", U, OPTION_TEXT, NULL, "client secret for auth oauth2",
							.is_secret = true },
	[OPT_SCOPE] = { "scope", U, OPTION_TEXT, NULL,
					"scope to ask for with auth oauth2, words separated by blanks" },
	[OPT_AUDIENCE] = { "audience", U, OPTION_TEXT, NULL,
					   "audience to ask for with auth oauth2, where the token endpoint knows it" },
	[OPT_CLIENT_AUTH] = { "client_auth", U, OPTION_ENUM, "basic",
						  "how the token endpoint is told the client's secret: in a header, or in the body",
						  .words = client_auth_words },
	[OPT_CACHE_USERNAME] = { "cache_username", U, OPTION_TEXT, NULL,
							 "user name at the servers of the cache" },
	[OPT_CACHE_PASSWORD] = { "cache_password", U, OPTION_TEXT, NULL,
							 "password at the servers of the cache", .is_secret = true },
};

const OptionRow *
dq_option_find(const char *name)
{
	for (int i = 0; i < OPTION_COUNT; i++)
		if (strcmp(dq_options[i].name, name) == 0)
			return &dq_options[i];
	return NULL;
}

const char *
dq_option_place_name(OptionPlace place)
{
	switch (place)
	{
		case PLACE_SERVER:
			return "server";
		case PLACE_MAPPING:
			return "user mapping";
		case PLACE_TABLE:
			return "foreign table";
		case PLACE_COLUMN:
			return "column";
	}
	return NULL;
}
