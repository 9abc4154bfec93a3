/*
 * openapi_private.h
 *	  Shared by the files that read API descriptions, and by nobody else.
 *
 * openapi.c walks the paths.  For each it reads the operation (openapi_operation.c), finds the rows
 * in its answer (openapi_rows.c), makes columns of their schema (openapi_schema.c, openapi_type.c),
 * then parameters are given their meaning in this order: placeholders and lookup
 * (openapi_lookup.c), paging (openapi_paging.c), filters (openapi_filter.c), the rest
 * (openapi_table.c).
 */
#ifndef DQ_OPENAPI_PRIVATE_H
#define DQ_OPENAPI_PRIVATE_H

#include "import/openapi.h"

/* References followed from one place, and schemas inside of schemas (allOf, anyOf, ...). */
#define MAX_REFERENCES 32
#define MAX_SCHEMA_DEPTH 24
#define MAX_SCHEMA_STEPS 5000

/* Schemas looked at for one description; more is an attack, or of no use to anybody. */
#define MAX_STEPS (INT64CONST(50) * 1000 * 1000)

/* Columns of a table: PostgreSQL takes 1600.  And of all tables together. */
#define MAX_COLUMNS 1000
#define MAX_ALL_COLUMNS 300000

typedef struct OpenApi
{
	const DocNode *root;
	bool is_swagger;   /* 2.0 */
	bool is_postgrest; /* made by PostgREST */
	const ServerDefaults *defaults;
	SchemaDecl *schema;
	int64 steps;
	int64 columns;		/* of all tables */
	NameSet looked_up;	/* paths of items that tables look up */
	const char *prefix; /* between the server's URL and each path; "" mostly */
} OpenApi;

/* What kinds of JSON value a schema lets through. */
#define KIND_STRING (1 << 0)
#define KIND_INTEGER (1 << 1)
#define KIND_NUMBER (1 << 2)
#define KIND_BOOLEAN (1 << 3)
#define KIND_ARRAY (1 << 4)
#define KIND_OBJECT (1 << 5)
#define KIND_NULL (1 << 6)
#define KIND_SCALARS (KIND_STRING | KIND_INTEGER | KIND_NUMBER | KIND_BOOLEAN)

/* What was learned of a schema, its parts (allOf, anyOf, ...) taken together. */
typedef struct SchemaFacts
{
	unsigned kinds;			 /* 0: nothing is said */
	const char *format;		 /* NULL: none, or several */
	bool has_many_formats;	 /* variants differ in it */
	const DocNode *items;	 /* of arrays; NULL: not known */
	const DocNode *values;	 /* enum; NULL: none, or several */
	const DocNode *fallback; /* default */
	const DocNode *minimum;
	const DocNode *maximum;
	const char *description;
	bool has_values; /* an enum was seen */
	bool is_base64;
	bool is_write_only;
} SchemaFacts;

/* How a column holds the value. */
typedef struct ColumnType
{
	const char *name;	/* SQL */
	const char *format; /* option "format"; NULL: none */
	bool is_scalar;		/* neither an array nor json */
} ColumnType;

/* A member of the rows, or of an envelope. */
typedef struct Member
{
	const char *name;
	const DocNode *schema;
	int nmore;
	const DocNode **more; /* schemas of the same member in other variants */
} Member;

typedef struct MemberList
{
	int n;
	Member *items;
	NameSet names;
	bool is_open; /* an object that may have members not listed */
} MemberList;

typedef enum ParamPlace
{
	IN_QUERY,
	IN_PATH,
	IN_HEADER,
	IN_COOKIE,
	IN_ELSEWHERE
} ParamPlace;

typedef enum ListStyle
{
	LIST_NONE,	 /* not an array */
	LIST_REPEAT, /* a=1&a=2 */
	LIST_COMMA,	 /* a=1,2 */
	LIST_OTHER	 /* we cannot write it */
} ListStyle;

typedef struct Param
{
	const char *name;	/* in the URL */
	const char *spoken; /* in lower-case words, for comparison */
	ParamPlace place;
	bool is_required;
	const char *description; /* never NULL */
	SchemaFacts facts;		 /* of an array: of its elements */
	ColumnType type;		 /* the same */
	ListStyle list;
	bool is_used;		   /* by paging, a filter, a column */
	const char *rejection; /* why it was not, a phrase; NULL: it has no column */
} Param;

typedef struct Operation
{
	const char *path; /* as in the description */
	const DocNode *get;
	int nparams;
	Param *params;
	const DocNode *answer;	/* schema of a 2xx answer in JSON; NULL: none */
	const DocNode *headers; /* of that answer */
} Operation;

/* Where the rows stand. */
typedef struct RowsPlace
{
	const char *pointer;	/* "" or "/data/items" */
	const DocNode *element; /* schema of one row */
	MemberList envelope;	/* members of the answer around it, n is 0 without one */
} RowsPlace;

/* A column under construction. */
typedef struct Column
{
	const char *name;	/* SQL */
	const char *member; /* NULL: the request's */
	const char *spoken; /* the member's name in lower-case words */
	const char *json;	/* pointer, always set for members */
	SchemaFacts facts;
	ColumnType type;
	ConditionOpSet ops;
	const char *param;			   /* the filter's parameter; NULL: none */
	const char *spell[COND_COUNT]; /* as the description says; NULL: not to be asked */
	const char *default_param;
	bool is_required;
	bool is_key;
	bool from_request;
	bool in_path;
} Column;

/* A table under construction. */
typedef struct Table
{
	OpenApi *api;
	const Operation *operation;
	RowsPlace rows;
	TableDecl *decl;
	NameSet names;		 /* of columns */
	NameSet spoken;		 /* those that filters may be of; see openapi_meaning.c */
	int *spoken_columns; /* their numbers */
	int ncolumns;
	Column *columns;
	const char *path;  /* with columns as placeholders */
	const char *fixed; /* query string of path, "" or "a=b&c=d" */
	const char *lookup_path;
	const char *lookup_rows;
	const char *dialect; /* NULL: the server's */
	OptionDecls paging;	 /* its options, names as in the description */
	bool is_paged;
	bool has_unknown_paging; /* there are more pages, but we cannot ask for them */
} Table;

/* openapi_schema.c: references and parts of schemas */
extern const DocNode *dq_openapi_resolve(OpenApi *api, const DocNode *node);
extern void dq_openapi_facts(OpenApi *api, const DocNode *schema, SchemaFacts *facts);
extern void dq_openapi_members(OpenApi *api, const DocNode *schema, MemberList *members);
extern const Member *dq_openapi_member(const MemberList *members, const char *name);
extern void dq_openapi_member_facts(OpenApi *api, const Member *member, SchemaFacts *facts);
extern bool dq_openapi_step(OpenApi *api);

/* openapi_type.c: which SQL type holds it */
extern ColumnType dq_openapi_type(OpenApi *api, const SchemaFacts *facts);
extern ColumnType dq_openapi_member_type(OpenApi *api, const Member *member, SchemaFacts *facts);

/* openapi_operation.c */
extern bool dq_openapi_operation(OpenApi *api, const char *path, const DocNode *item,
								 Operation *operation);
extern Param *dq_openapi_param(const Operation *operation, ParamPlace place, const char *name);

/* openapi_rows.c: false with *why, a phrase, when the answer holds no collection */
extern bool dq_openapi_rows(OpenApi *api, const Operation *operation, RowsPlace *rows,
							const char **why);
/* Where one row stands in an answer that holds one; NULL: not recognised. */
extern const char *dq_openapi_item_place(OpenApi *api, const DocNode *answer, const char *member);

/* openapi_words.c: words of names and descriptions */
extern bool dq_words_is_one_of(const char *word, const char *const *list);
extern bool dq_words_mention(const char *text, const char *const *words);
extern const char *dq_words_last_segment(const char *path);
extern char *dq_words_singular(const char *plural);
extern char *dq_words_line(const char *text, int max);

/* openapi_names.c: paths are of the schema's tables, in their order */
extern void dq_openapi_names(SchemaDecl *schema, const char *const *paths);

/* openapi_lookup.c */
extern bool dq_openapi_placeholders(Table *table);
extern void dq_openapi_lookup(Table *table, const Operation *item);

/*
 * openapi_places.c: pointer to the member of the first of these names that there is around the
 * rows, of one of these kinds, a link where that is wanted; NULL: none.
 */
extern const char *dq_openapi_place(const Table *table, const char *const *names, unsigned kinds,
									bool wants_url);
extern const char *dq_openapi_next_href(const Table *table);

/* openapi_paging.c */
extern void dq_openapi_paging(Table *table);

/* What a parameter asks of a column. */
typedef enum Bound
{
	BOUND_EQUAL,
	BOUND_NOT_EQUAL,
	BOUND_IN,
	BOUND_ABOVE, /* may or may not include the value */
	BOUND_FROM,	 /* includes it */
	BOUND_BELOW,
	BOUND_UP_TO
} Bound;

/* What a parameter's name says. */
typedef struct Meaning
{
	Column *column;
	Bound bound;
	const char *base; /* the name that the bound was taken from, as in the URL; NULL: not plain */
	bool is_marked;	  /* by an operator behind a mark, as created[gte] */
} Meaning;

/* openapi_meaning.c: finds out what a parameter's name means; false when it means no column */
extern bool dq_openapi_meaning(Table *table, const Param *param, Meaning *meaning);

/* openapi_filter.c */
extern void dq_openapi_filters(Table *table);

/* openapi_table.c */
extern bool dq_openapi_columns(Table *table);
extern bool dq_openapi_request_columns(Table *table);
extern Column *dq_openapi_new_column(Table *table, const char *name);
extern void dq_openapi_finish(Table *table);

#endif /* DQ_OPENAPI_PRIVATE_H */
