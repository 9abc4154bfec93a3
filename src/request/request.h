/*
 * request.h
 *	  One HTTP request as a value.  It never holds a secret: credentials are added on the wire.
 */
#ifndef DQ_REQUEST_H
#define DQ_REQUEST_H

#include "request/logic.h"

typedef struct Header
{
	const char *name;
	const char *value;
} Header;

typedef struct Request
{
	const char *method; /* "GET" or "POST" */
	const char *url;	/* absolute, encoded */
	int nheaders;
	const Header *headers; /* fixed headers of the declaration */
	const char *body;	   /* NULL without one */
	bool is_idempotent;	   /* may be sent again after a failure */
} Request;

/* One key of an ORDER BY that is asked of the service. */
typedef struct SortKey
{
	const char *name; /* parameter's name */
	bool is_descending;
} SortKey;

/* A question: all that one request (before paging) says. */
typedef struct Question
{
	const char *base_url;		/* of the service, without trailing slash */
	const Template *path;		/* with {column} placeholders; may carry a query string */
	TemplateLookup path_lookup; /* values of the placeholders */
	void *path_lookup_arg;
	int nconditions;
	const BoundTree *const *conditions; /* all have to hold */
	const Logic *logic;					/* NULL: single conditions only, a parameter each */
	int nfixed;
	const char *const *fixed; /* "name=value" pieces sent as they are (default_param) */
	int nsort;
	const SortKey *sort;
	const Template *spell_sort; /* with {keys}, {orders}, or repeated with {key} */
	const Template *sort_asc;	/* with {name} */
	const Template *sort_desc;
	const Template *spell_limit;  /* with {value} */
	int64 limit;				  /* rows that are enough, 0: all */
	const Template *spell_fields; /* with {values} */
	int nfields;
	const char *const *fields; /* members that are needed; none: all */
} Question;

/*
 * The placeholders that spell_sort may use, NULL-terminated; those of sort_asc and sort_desc are
 * {name} alone.
 */
extern const char *const *dq_sort_placeholders(void);
extern const char *const *dq_sort_key_placeholders(void);

/* Those of spell_limit and spell_fields. */
extern const char *const *dq_limit_placeholders(void);
extern const char *const *dq_fields_placeholders(void);

/*
 * Builds the URL of a question, without paging.  NULL with *problem (palloc'd phrase) when a
 * placeholder has no value, or a value in the path (not in its query string) would change it:
 * empty, ".", "..", or holding control characters.
 */
extern char *dq_question_url(const Question *question, char **problem);

/*
 * Bytes that identify a request within a statement (method, URL, headers, body), appended to out.
 */
extern void dq_request_identity(const Request *request, StringInfo out);

#endif /* DQ_REQUEST_H */
