/*
 * spec.h
 *	  Declarations as typed values: what CREATE SERVER, USER MAPPING and FOREIGN TABLE say.
 *
 * Nothing above this room reads a raw option.  Specs are cached in the backend, dropped by catalog
 * invalidation, and built anew at the next use, so that ALTER takes effect on the next query.  A
 * spec handed out stays valid until the end of the transaction, even when it is invalidated
 * meanwhile.
 */
#ifndef DQ_SPEC_H
#define DQ_SPEC_H

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "request/body.h"
#include "request/cache_url.h"
#include "request/dialect.h"
#include "request/graphql.h"
#include "request/request.h"
#include "rows/decoder.h"
#include "transport/exchange.h"

typedef enum Protocol
{
	PROTOCOL_REST = 0,
	PROTOCOL_GRAPHQL
} Protocol;

typedef struct ServiceSpec
{
	Oid serverid;
	char *name; /* of the server */
	char *url;	/* base URL, no trailing slash */
	Protocol protocol;
	char *token_url; /* for all mappings, or NULL */
} ServiceSpec;

typedef enum SortOption
{
	SORT_NONE = 0,
	SORT_NULLS_FIRST, /* the service puts NULLs before the others in ascending order */
	SORT_NULLS_LAST
} SortOption;

typedef enum OnError
{
	ON_ERROR_FAIL = 0,
	ON_ERROR_EMPTY, /* an outage is a warning; the rows that could be had are the answer */
	ON_ERROR_STALE /* an outage is a warning where the cache has an older answer, whatever its age */
} OnError;

/* Where strategy cache keeps answers. */
typedef enum CacheStoreOption
{
	CACHE_STORE_SHARED = 0, /* shared memory */
	CACHE_STORE_REDIS,
	CACHE_STORE_MEMCACHED
} CacheStoreOption;

typedef enum NotFound
{
	NOT_FOUND_DEFAULT = 0, /* empty on a lookup, fail on a collection */
	NOT_FOUND_EMPTY,
	NOT_FOUND_FAIL
} NotFound;

typedef enum Method
{
	METHOD_DEFAULT = 0,
	METHOD_GET,
	METHOD_POST
} Method;

/* How the questions of a table are answered. */
typedef enum Strategy
{
	STRATEGY_LIVE = 0, /* by asking the service */
	STRATEGY_STORE,	   /* once a transaction, then from what was fetched */
	STRATEGY_CACHE	   /* from answers that sessions share for a time to live */
} Strategy;

typedef struct ColumnSpec
{
	AttrNumber attnum;
	bool is_dropped; /* nothing else is set then */
	char *name;
	Oid type;
	int32 typmod;
	Oid collation;
	char *json;		  /* pointer text; NULL: taken from the request only */
	bool json_is_set; /* by option, not by default */
	char *param;
	ConditionOpSet filters; /* operators the service can evaluate */
	const Template *
		spell[COND_COUNT]; /* nearest setting: column, table, server, dialect; NULL: cannot be said */
	ConditionOpSet body_ops;		  /* operators that the body says, not the query string */
	const Template *part[COND_COUNT]; /* inside an OR; NULL: cannot be said there */
	bool is_text;					  /* values are strings at the service */
	const TextLimits *limits;		  /* of these strings; NULL: none */
	bool can_list;					  /* several values can be asked in one request */
	bool can_list_lookup;			  /* the same of a lookup */
	GraphqlField *field;			  /* GraphQL: option field; NULL: selected by json */
	char *alias;	 /* GraphQL: name in the answer where the field needs one of its own, or NULL */
	char *selection; /* GraphQL: what to select of the value, or NULL */
	char *variable_type; /* GraphQL: of the argument's values; NULL: no GraphQL */
	bool is_key;
	bool is_required;	 /* by option, or by a placeholder in path */
	bool needs_equality; /* the answer does not hold the value, only "=" or IN tells it */
	bool in_path;		 /* a placeholder of path */
	bool in_lookup_path;
	bool from_request; /* option from 'request' */
	SortOption sort;
	ColumnFormat format;
	char *default_param; /* "name=value" to send where the column is not restricted */
	bool trust_exact;
	char *member; /* the row's member that holds the value; NULL: cannot be named, "": none is needed */
	ConditionOpSet text_ops;  /* operators for which the service compares text, not values */
	ConditionOpSet typed_ops; /* operators that are said with literals of a type */
	ConditionOpSet exact_ops; /* operators whose answer needs no local recheck */
} ColumnSpec;

/* How the rows of a lookup by GraphQL are asked for. */
typedef enum GraphqlLookup
{
	GRAPHQL_LOOKUP_NONE = 0,
	GRAPHQL_LOOKUP_ALIASES, /* the field once for each key, under names of their own */
	GRAPHQL_LOOKUP_LIST,	/* the field once, with a list of keys */
	GRAPHQL_LOOKUP_ENTITIES /* _entities of Apollo Federation */
} GraphqlLookup;

typedef struct GraphqlSpec
{
	GraphqlField *field; /* gives the collection; NULL: rows are looked up only */
	GraphqlLookup lookup;
	GraphqlField *lookup_field; /* of ALIASES and LIST */
	char *list_column;			/* of LIST: whose values are the list */
	char *entity;				/* of ENTITIES: name of the type */
	char *element;				/* from an element of rows to the row: "/node", or "" */
	char *lookup_element;		/* the same for lookups */
	JsonPointer *rows;			/* from the field's value to the elements' array, without element */
	JsonPointer *next;			/* from the field's value; NULL: not asked for */
	JsonPointer *has_next;
	JsonPointer *total;
	JsonPointer *errors; /* of an answer */
	char *cursor_type;
} GraphqlSpec;

#define MAX_CACHE_COLUMNS 4

typedef struct TableSpec
{
	Oid relid;
	char *name; /* of the foreign table, unqualified */
	const ServiceSpec *service;
	TransferLimits limits;		/* server's settings overridden by the table's */
	const GraphqlSpec *graphql; /* NULL: the service speaks REST */
	bool has_lookup;			/* by lookup_path, lookup_field or entity */
	Template *path;
	Template *lookup_path;	  /* NULL without one */
	BodyTemplate *body;		  /* of a search by POST; NULL: the collection is asked for by GET */
	AttrNumber *body_columns; /* by hole; 0: of paging */
	JsonPointer *rows;
	char *rows_text;
	JsonPointer *lookup_rows;
	char *lookup_rows_text;
	NotFound not_found;
	Strategy strategy;
	OnError on_error;
	bool ttl_http;					 /* strategy cache: the service says how long an answer lives */
	int64 ttl_ms;					 /* else its life, 0: none */
	int64 ttl_empty_ms;				 /* of one without rows; -1: follows from that */
	int64 stale_while_revalidate_ms; /* beyond ttl, while a new answer is asked for */
	int64 stale_if_error_ms;		 /* beyond ttl, where the service fails */
	bool cache_rows;				 /* rows of a collection answer questions for one of them */
	bool cache_shared;				 /* whatever the credentials */
	/* Columns by whose values cached answers can be invalidated: cache_partition, or 0, and keys. */
	AttrNumber cache_columns[MAX_CACHE_COLUMNS];
	int ncache_columns;
	CacheStoreOption cache_store;
	const CacheUrl *cache_url; /* NULL: the store has no servers */
	const char *cache_prefix;
	bool has_own_headers;	/* fixed headers, other than the dialect's */
	const char *definition; /* the options on which an answer depends, but for headers */
	PagingSpec paging;
	JsonPointer *next; /* where cursor or next URL stands; NULL without */
	char *next_text;
	JsonPointer *next_row; /* where the cursor stands in a page's last row; NULL without */
	char *next_row_text;
	JsonPointer *has_next; /* where true or false tells whether a page follows, or NULL */
	char *has_next_text;
	JsonPointer *total; /* pointer, or NULL */
	char *total_text;	/* pointer or "header:..." as written, NULL without */
	char *total_header; /* header name, or NULL */
	int nheaders;
	Header *headers;			/* fixed request headers, dialect's included */
	char *count_param;			/* "name=value" that makes the service count, NULL without */
	const Logic *logic;			/* NULL: conditions cannot be joined by OR */
	const Template *spell_sort; /* NULL: cannot be asked for an order */
	const Template *sort_asc;
	const Template *sort_desc;
	bool rows_are_members; /* of a lookup: the rows' place is an object with a row in each member */
	const Template *spell_limit;  /* NULL: LIMIT is no parameter of its own */
	const Template *spell_fields; /* NULL: always all members */
	int max_batch;				  /* keys of one in request */
	int max_url_bytes;
	bool prefetch;
	bool trust_exact; /* of the table as a whole */
	bool is_idempotent;
	double estimated_rows;
	int natts;
	ColumnSpec *columns; /* natts long, attnum - 1 */
} TableSpec;

/* True when the service can be told this operator of the column, by query string or body. */
static inline bool
dq_column_says(const ColumnSpec *column, ConditionOp op)
{
	return column->spell[op] != NULL || (column->body_ops & COND_BIT(op)) != 0;
}

/* The number of a column in cache_columns, -1 when it is not there. */
static inline int
dq_cache_column(const TableSpec *table, AttrNumber attnum)
{
	for (int i = 0; i < table->ncache_columns; i++)
		if (table->cache_columns[i] == attnum)
			return i;
	return -1;
}

/* True when several values of the column can be asked in one request. */
static inline bool
dq_column_lists(const ColumnSpec *column, bool is_lookup)
{
	return is_lookup ? column->can_list_lookup : column->can_list;
}

/* Where a column's value stands in an element; NULL: nowhere.  Palloc'd or borrowed. */
extern const char *dq_spec_place(const TableSpec *table, const ColumnSpec *column, bool is_lookup);

/*
 * The spec of a foreign table of ours.  Raises when options contradict each other, naming table
 * and option.
 */
extern const TableSpec *dq_spec_for_table(Oid relid);

/*
 * The endpoint to use for a table by a user: limits and the credentials of the user's mapping (or
 * the PUBLIC one; without any, AUTH_NONE).  Valid until the end of the transaction.
 */
extern const Endpoint *dq_spec_endpoint(const TableSpec *table, Oid userid);

/* A server without a table: what IMPORT FOREIGN SCHEMA asks, and what it may leave unsaid. */
typedef struct ServerSpec
{
	const ServiceSpec *service;
	const Endpoint *endpoint;
	int nheaders;
	const Header *headers; /* fixed request headers */
	const char *openapi;   /* URL or path of the description; NULL: at the usual places */
	const Dialect *dialect;
	const char *spell[COND_COUNT]; /* as set on the server; NULL: the dialect's */
	const char *page_param;		   /* the same */
	const char *size_param;
	const char *offset_param;
	const char *cursor_param;
	const char *first_page;
	const char *next;
	const char *total;
} ServerSpec;

/* Built in the current context, for a user's credentials. */
extern const ServerSpec *dq_spec_for_server(Oid serverid, Oid userid);

/* Registers invalidation callbacks; once, from _PG_init. */
extern void dq_spec_init(void);

#endif /* DQ_SPEC_H */
