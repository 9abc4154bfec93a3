/*
 * introspection_private.h
 *	  Shared by the introspection*.c files only.
 */
#ifndef DQ_INTROSPECTION_PRIVATE_H
#define DQ_INTROSPECTION_PRIVATE_H

#include "import/introspection.h"
#include "request/condition.h"

typedef struct Introspection
{
	const DocNode *query; /* the query type */
	NameSet names;		  /* of types */
	const DocNode **types;
	int ntypes;
	SchemaDecl *decl;
	NameSet tables;
	void (*on_step)(void); /* called now and then; NULL: not called */
} Introspection;

/* A type as a field or argument has it. */
typedef struct TypeRef
{
	const char *name; /* without lists and "!" */
	bool is_required; /* "!" outside */
	int lists;		  /* how often it is a list */
	const DocNode *type;
	bool is_leaf; /* scalar or enum */
	bool is_enum;
	bool is_object; /* an object, or an interface, whose fields can be selected */
	bool is_input;	/* an input object */
} TypeRef;

typedef struct GraphqlColumn
{
	const char *name;  /* SQL */
	const char *field; /* option "field"; NULL: taken from the arguments only */
	const char *sql_type;
	const char *selection; /* NULL: none */
	const char *comment;   /* NULL: none */
	const char *member;	   /* name of the row's field */
	TypeRef type;
	bool is_key;
	bool is_required;
	const char *variable_type;	   /* of its arguments; NULL: none so far */
	ConditionOpSet ops;			   /* that the service evaluates */
	const char *spell[COND_COUNT]; /* NULL: not asked */
} GraphqlColumn;

typedef struct GraphqlTable
{
	Introspection *api;
	const DocNode *field; /* of the query type */
	const char *name;	  /* of the field */
	TypeRef row;
	bool is_relay;
	const char *rows;		 /* option; NULL: none */
	const DocNode *envelope; /* the type around the rows; NULL: they are the field's value */
	TableDecl *decl;
	NameSet names; /* of columns */
	int ncolumns;
	GraphqlColumn *columns;
	const char *arguments; /* "a: $a, b: $b", "" without any */
} GraphqlTable;

/* introspection.c */
extern TypeRef dq_introspection_type(Introspection *api, const DocNode *owner);
extern const DocNode *dq_introspection_field(const DocNode *type, const char *name);
extern bool dq_introspection_has_required(Introspection *api, const DocNode *field);
extern const char *dq_introspection_sql(const TypeRef *type);
/* True when it is known how values of this type are written. */
extern bool dq_introspection_is_known(const TypeRef *type);
extern void dq_introspection_step(const Introspection *api);

/* introspection_table.c: the columns of the rows */
extern void dq_introspection_columns(GraphqlTable *table);

/*
 * introspection_arguments.c: paging, filters, required values; false with *why when the rows
 * cannot all be had
 */
extern bool dq_introspection_arguments(GraphqlTable *table, const char **why);

/* introspection_lookup.c: by key */
extern void dq_introspection_lookup(GraphqlTable *table);

#endif /* DQ_INTROSPECTION_PRIVATE_H */
