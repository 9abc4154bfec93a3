/*
 * options.h
 *	  Every option there is: one table, from which the validator, the typed specs, hints and the
 *	  view distquery.options derive.
 */
#ifndef DQ_OPTIONS_H
#define DQ_OPTIONS_H

#include "nodes/pg_list.h"
#include "request/condition.h"

/* Where an option may stand. */
typedef enum OptionPlace
{
	PLACE_SERVER = 1 << 0,
	PLACE_MAPPING = 1 << 1,
	PLACE_TABLE = 1 << 2,
	PLACE_COLUMN = 1 << 3
} OptionPlace;

typedef enum OptionType
{
	OPTION_TEXT,	   /* not empty */
	OPTION_EMPTY_TEXT, /* may be empty */
	OPTION_USERNAME,   /* not empty, no colon */
	OPTION_BOOL,
	OPTION_INT,				  /* min to max */
	OPTION_DURATION,		  /* milliseconds; units as in postgresql.conf */
	OPTION_LIFETIME,		  /* the same, or "http" */
	OPTION_SIZE,			  /* bytes, min to max; units as in postgresql.conf */
	OPTION_RATE,			  /* "100/s", "10/min", "1000/h" */
	OPTION_ENUM,			  /* one of words */
	OPTION_WORDS,			  /* some of words, separated by blanks; may be empty */
	OPTION_DIALECT,			  /* name of a Dialect */
	OPTION_POINTER,			  /* JSON Pointer, RFC 6901 */
	OPTION_POINTER_OR_HEADER, /* the same, or header:Name */
	OPTION_SPELL,			  /* template of the query string, for operator op */
	OPTION_SPELL_SORT,		  /* template with {keys} */
	OPTION_SPELL_LIMIT,		  /* template with {value} */
	OPTION_SPELL_FIELDS,	  /* template with {values} */
	OPTION_PATH,			  /* template with {column} */
	OPTION_LOOKUP_PATH,		  /* the same, at least one {column} */
	OPTION_URL,
	OPTION_TOKEN_URL, /* URL, maybe with a query string; https, or of this machine */
	OPTION_PROXY,
	OPTION_URL_OR_PATH,	 /* URL, or a path below the server's */
	OPTION_HEADERS,		 /* JSON object of strings */
	OPTION_FILTER,		 /* operators separated by white space */
	OPTION_PARAM,		 /* "name=value" */
	OPTION_BODY,		 /* JSON with "{column}" */
	OPTION_FIELD,		 /* GraphQL fields joined by dots, with arguments */
	OPTION_NAME,		 /* a name of GraphQL */
	OPTION_SELECTION,	 /* a selection set of GraphQL */
	OPTION_API_KEY_IN,	 /* header:Name or query:name */
	OPTION_CACHE_URL,	 /* servers of a cache */
	OPTION_CACHE_PREFIX, /* what a cache server takes as part of a name */
	OPTION_FILE			 /* absolute path */
} OptionType;

typedef enum OptionId
{
	OPT_URL,
	OPT_PROTOCOL,
	OPT_DIALECT,
	OPT_HEADERS,
	OPT_TIMEOUT,
	OPT_CONNECT_TIMEOUT,
	OPT_RETRIES,
	OPT_RETRY_BACKOFF,
	OPT_RETRY_BUDGET,
	OPT_MAX_IN_FLIGHT,
	OPT_RATE_LIMIT,
	OPT_BREAKER_FAILURES,
	OPT_BREAKER_COOLDOWN,
	OPT_BREAKER_ON,
	OPT_ON_ERROR,
	OPT_MAX_RESPONSE,
	OPT_NOT_FOUND,
	OPT_PREFETCH,
	OPT_STRATEGY,
	OPT_TTL,
	OPT_TTL_EMPTY,
	OPT_STALE_WHILE_REVALIDATE,
	OPT_STALE_IF_ERROR,
	OPT_CACHE_ROWS,
	OPT_CACHE_SHARED,
	OPT_CACHE_PARTITION,
	OPT_CACHE_STORE,
	OPT_CACHE_URL,
	OPT_CACHE_PREFIX,
	OPT_PROXY,
	OPT_CA_FILE,
	OPT_REDIRECTS,
	OPT_IDEMPOTENT,
	OPT_OPENAPI,
	OPT_PATH,
	OPT_LOOKUP_PATH,
	OPT_METHOD,
	OPT_BODY,
	OPT_FIELD,
	OPT_LOOKUP_FIELD,
	OPT_ENTITY,
	OPT_ROWS,
	OPT_LOOKUP_ROWS,
	OPT_PAGING,
	OPT_PAGE_SIZE,
	OPT_PAGE_PARAM,
	OPT_SIZE_PARAM,
	OPT_OFFSET_PARAM,
	OPT_CURSOR_PARAM,
	OPT_FIRST_PAGE,
	OPT_NEXT,
	OPT_NEXT_ROW,
	OPT_HAS_NEXT,
	OPT_CURSOR_TYPE,
	OPT_TOTAL,
	OPT_MAX_PAGES,
	OPT_LAST_PAGE,
	OPT_MAX_BATCH,
	OPT_MAX_URL,
	OPT_TRUST,
	OPT_ESTIMATED_ROWS,
	OPT_SPELL_EQ,
	OPT_SPELL_NE,
	OPT_SPELL_LT,
	OPT_SPELL_LE,
	OPT_SPELL_GT,
	OPT_SPELL_GE,
	OPT_SPELL_IN,
	OPT_SPELL_LIKE,
	OPT_SPELL_NULL,
	OPT_SPELL_NOTNULL,
	OPT_SPELL_SORT,
	OPT_SPELL_LIMIT,
	OPT_SPELL_FIELDS,
	OPT_JSON,
	OPT_PARAM,
	OPT_SELECTION,
	OPT_VARIABLE_TYPE,
	OPT_FILTER,
	OPT_KEY,
	OPT_REQUIRED,
	OPT_SORT,
	OPT_FROM,
	OPT_FORMAT,
	OPT_DEFAULT_PARAM,
	OPT_AUTH,
	OPT_USERNAME,
	OPT_PASSWORD,
	OPT_TOKEN,
	OPT_API_KEY,
	OPT_API_KEY_IN,
	OPT_CERT_FILE,
	OPT_KEY_FILE,
	OPT_KEY_PASSWORD,
	OPT_TOKEN_URL,
	OPT_CLIENT_ID,
	OPT_CLIENT_SECRET,
	OPT_SCOPE,
	OPT_AUDIENCE,
	OPT_CLIENT_AUTH,
	OPT_CACHE_USERNAME,
	OPT_CACHE_PASSWORD
} OptionId;

#define OPTION_COUNT (OPT_CACHE_PASSWORD + 1)

typedef struct OptionRow
{
	const char *name;
	int places; /* OptionPlace bits */
	OptionType type;
	const char *default_value; /* as text; NULL: none */
	const char *help;		   /* one line */
	int64 min;				   /* of OPTION_INT, OPTION_SIZE */
	int64 max;				   /* of the same; 0: 2^31 - 1 and 2^53 - 1 */
	const char *const *words;  /* of OPTION_ENUM and OPTION_WORDS, NULL-terminated */
	int first_word;			   /* enum value of the first word */
	ConditionOp op;			   /* of OPTION_SPELL */
	bool is_secret;			   /* never shown */
	bool is_superuser_only;	   /* makes the server process read a file */
} OptionRow;

/* OPTION_COUNT rows, by OptionId. */
extern const OptionRow dq_options[OPTION_COUNT];

/* NULL when there is none of this name. */
extern const OptionRow *dq_option_find(const char *name);

/* What a value looks like, for the view: the type's name, or the words it may be; palloc'd. */
extern char *dq_option_type_text(const OptionRow *row);

/* "server", "foreign table", ... */
extern const char *dq_option_place_name(OptionPlace place);

/*
 * Checks a value; false with *problem (a phrase) and maybe *hint, palloc'd.  Neither holds what
 * may be a secret.
 */
extern bool dq_option_check(const OptionRow *row, const char *value, char **problem, char **hint);

/* Parsers of values that passed the check. */
/* A lifetime that is left to the service. */
extern bool dq_option_is_http(const char *value);

extern bool dq_option_bool(const char *value);
extern int64 dq_option_number(const OptionRow *row, const char *value);
extern int dq_option_word(const OptionRow *row,
						  const char *value); /* enum value, -1 for an unknown word */
extern int dq_option_words(const OptionRow *row,
						   const char *value); /* bits by place in words, -1 where one is unknown */
extern bool dq_option_rate(const char *value, int *count, int64 *period_us);

/* Characters that could end a line of a request. */
extern bool dq_option_has_control(const char *value);

/* A token of RFC 9110, section 5.6.2, as header names are. */
extern bool dq_option_is_token(const char *value);

/*
 * A JSON object of strings as name, value, name, value, ...; NIL with *problem set when it is
 * none.
 */
extern List *dq_option_headers(const char *value, char **problem);

#endif /* DQ_OPTIONS_H */
