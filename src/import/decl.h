/*
 * decl.h
 *	  Foreign tables as they are about to be declared: what every source of IMPORT FOREIGN SCHEMA
 *	  makes, and what the DDL is written from.
 *
 * Texts are UTF-8 and come from a foreign document: only the writer (decl_sql.c) puts them into
 * SQL, and quotes all of them.
 *
 * Pure: nothing here raises but for lack of memory.
 */
#ifndef DQ_DECL_H
#define DQ_DECL_H

#include "request/dialect.h"

typedef struct OptionDecl
{
	const char *name;  /* one of distquery.options; not foreign */
	const char *value; /* foreign */
} OptionDecl;

typedef struct OptionDecls
{
	int n;
	OptionDecl *items;
} OptionDecls;

typedef struct ColumnDecl
{
	const char *name; /* unique in its table */
	const char *type; /* as SQL writes it; one of ours, not foreign */
	OptionDecls options;
	const char *comment; /* NULL: none */
} ColumnDecl;

typedef struct TableDecl
{
	const char *name;	/* unique in its schema */
	const char *origin; /* "GET /orders" */
	OptionDecls options;
	int ncolumns;
	ColumnDecl *columns;
	const char *comment;
	int nnotes;
	const char **notes; /* what of it could not be mapped, or has to be known; phrases */
} TableDecl;

typedef struct SchemaDecl
{
	const char *title; /* of the description, for people; NULL: none */
	int ntables;
	TableDecl **tables;
	int nleft_out;
	const char **left_out; /* "GET /x: why it became no table" */
} SchemaDecl;

/* What tables may rely on, since their server says so. */
typedef struct ServerDefaults
{
	const Dialect *dialect;
	const char *spell[COND_COUNT]; /* set on the server; NULL: the dialect's */
	const char *page_param;		   /* the same */
	const char *size_param;
	const char *offset_param;
	const char *cursor_param;
	const char *first_page; /* NULL: not set */
	const char *next;
	const char *total;
	const char *url;		  /* the server's base URL, without trailing slash */
	const char *document_url; /* where the description was found */
	void (*on_step)(void);	  /* called now and then in long work; may raise; NULL: not called */
} ServerDefaults;

/*
 * An array with room for one more behind its n elements (grows by powers of two); array is NULL
 * at first.
 */
extern void *dq_decl_grow(void *array, int n, size_t size);

/* The text, no larger than it has to be; out is gone then. */
extern char *dq_decl_take(StringInfo text);

extern void dq_decl_option(OptionDecls *options, const char *name, const char *value);
extern const char *dq_decl_option_value(const OptionDecls *options, const char *name);
extern ColumnDecl *dq_decl_column(TableDecl *table, const char *name, const char *type);
extern void dq_decl_note(TableDecl *table, const char *format, ...) pg_attribute_printf(2, 3);
extern void dq_decl_leave_out(SchemaDecl *schema, const char *format, ...)
	pg_attribute_printf(2, 3);

/* True when text holds a byte that no option, name or path may hold. */
extern bool dq_decl_has_control(const char *text);

/*
 * decl_name.c: names.
 */

/* "createdAt", "Created-At" to "created_at"; never empty, not cut off; palloc'd. */
extern char *dq_name_snake(const char *raw);

/* At most 63 bytes: a longer one ends with a hash of all of it; palloc'd. */
extern char *dq_name_cut(const char *name);

/* A set of names in use, all zero at first. */
typedef struct NameSet
{
	int n;
	const char **names;
	uint32 nslots;
	int *slots; /* index + 1 */
} NameSet;

/* Its number, in the order of use, from 0; -1: not used. */
extern int dq_name_index(const NameSet *set, const char *name);
extern bool dq_name_is_used(const NameSet *set, const char *name);
extern void dq_name_use(NameSet *set, const char *name);

/* name, cut, and with "_2", "_3", ... behind it when it is used or no column can have it. */
extern char *dq_name_unique(NameSet *set, const char *name);

/* A column that every table has has this name already ("ctid", ...). */
extern bool dq_name_is_system(const char *name);

/*
 * decl_sql.c: the DDL.
 */

extern void dq_sql_name(StringInfo out, const char *name);
extern void dq_sql_literal(StringInfo out, const char *text);

/* CREATE FOREIGN TABLE, without a semicolon; schema may be NULL. */
extern void dq_sql_table(StringInfo out, const TableDecl *table, const char *schema,
						 const char *server);

/* COMMENT ON statements, each with a semicolon. */
extern void dq_sql_comments(StringInfo out, const TableDecl *table, const char *schema);

/* The text as one line behind "-- ". */
extern void dq_sql_remark(StringInfo out, const char *text);

#endif /* DQ_DECL_H */
