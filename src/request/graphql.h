/*
 * graphql.h
 *	  GraphQL: fields and their arguments as the operator declares them, the text of a query, the
 *	  errors of an answer (https://spec.graphql.org/October2021/).
 *
 * A query's text is made of what the declaration says and of names; values travel as variables
 * beside it, never inside.
 *
 * Pure room: nothing here raises.
 */
#ifndef DQ_GRAPHQL_H
#define DQ_GRAPHQL_H

#include "request/template.h"
#include "rows/json.h"

/* Fields inside of each other, and levels of arguments, in one option. */
#define DQ_GRAPHQL_MAX_DEPTH 32

/*
 * A value in the arguments of a field: text as it was written, a variable, or an object or list in
 * which some stand.
 */
typedef struct GraphqlValue GraphqlValue;

/* A field with its arguments, and the field inside that is meant: "user(id: $user_id).orders". */
typedef struct GraphqlField
{
	char *name;
	GraphqlValue *arguments; /* an object; NULL: none */
	struct GraphqlField *inner;
} GraphqlField;

/*
 * Compiles names joined by dots, each with arguments in parentheses or without.  "$name" in the
 * arguments stands for a value.  NULL with a phrase (palloc'd) in *problem.
 */
extern GraphqlField *dq_graphql_field_compile(const char *source, char **problem);

/*
 * Names of the values that a field's arguments take, in order; *lists tells of each whether it is
 * all that stands in a list, "[$name]".  Both are palloc'd; returns how many there are.
 */
extern int dq_graphql_field_variables(const GraphqlField *field, const char ***names, bool **lists);

/* True when some field of the path has arguments. */
extern bool dq_graphql_field_has_arguments(const GraphqlField *field);

/* [_A-Za-z][_0-9A-Za-z]*, section 2.1.9 */
extern bool dq_graphql_is_name(const char *text);

/* NULL when text can be a selection set without its braces, else what is wrong with it. */
extern const char *dq_graphql_selection_problem(const char *text);

/* The place of a field's value below the field that it is asked of: "/user/orders". Palloc'd. */
extern char *dq_graphql_field_pointer(const GraphqlField *field);

typedef enum GraphqlSpellKind
{
	GRAPHQL_SPELL_VALUE,
	GRAPHQL_SPELL_LIST,
	GRAPHQL_SPELL_REGEX,
	GRAPHQL_SPELL_LITERAL
} GraphqlSpellKind;

/* How a condition is said: an argument, and what it gets. */
typedef struct GraphqlSpelling
{
	char *path; /* "filter.total.gte" */
	GraphqlSpellKind kind;
	char *literal; /* of LITERAL: text of the language */
} GraphqlSpelling;

/*
 * Reads a spell_* template as an argument: "filter.{name}.gte={value}", "{name}={values}",
 * "deleted={regex}", "where.{name}.isNull=true".  False when it is none.
 */
extern bool dq_graphql_spell(const Template *spell, const char *name, GraphqlSpelling *spelling);

/* True when path is names joined by dots. */
extern bool dq_graphql_is_path(const char *path);

/*
 * A query under construction.  Lives in the context that was current at its creation.
 */
typedef struct GraphqlQuery GraphqlQuery;

/* What is selected of an object. */
typedef struct GraphqlSelection GraphqlSelection;

extern GraphqlQuery *dq_graphql_query(void);

/* Declares a variable "$name: type". */
extern void dq_graphql_declare(GraphqlQuery *query, const char *name, const char *type);

/* What the variable of a value "$name" in a field's arguments is called in this query. */
typedef const char *(*GraphqlNaming)(const char *name, void *arg);

/*
 * Selects a field below parent (NULL: of the query itself) with its arguments, and returns what is
 * selected of it.  alias, or NULL, is the answer's name of the outermost field.
 */
extern GraphqlSelection *dq_graphql_ask(GraphqlQuery *query, GraphqlSelection *parent,
										const GraphqlField *field, const char *alias,
										GraphqlNaming naming, void *arg);

/*
 * Adds an argument to the field that selection was made for: a path of names joined by dots leads
 * into input objects.  What is given is a variable's name, or with is_literal text of the language.
 * False when another argument stands there, or the path is none.
 */
extern bool dq_graphql_argue(GraphqlSelection *selection, const char *path, const char *given,
							 bool is_literal);

/*
 * What is selected of the object, or of the objects of the array, at a JSON Pointer below
 * selection; tokens that are indexes of arrays select nothing.  NULL when a token is no name.
 */
extern GraphqlSelection *dq_graphql_at(GraphqlSelection *selection, const JsonPointer *place);

/*
 * Selects the value at a JSON Pointer likewise.  inside, or NULL, is text of the language: what to select
 * of that value.  False when a token is no name.
 */
extern bool dq_graphql_select(GraphqlSelection *selection, const JsonPointer *place,
							  const char *inside);

/* Says that what was asked for is a value: it selects nothing unless it is told what. */
extern void dq_graphql_value(GraphqlSelection *selection);

/* "... on Type { }" below selection: what is selected of that type. */
extern GraphqlSelection *dq_graphql_on_type(GraphqlSelection *selection, const char *type);

/* The text.  What nothing was selected of gets __typename. */
extern char *dq_graphql_text(const GraphqlQuery *query);

/*
 * Messages of an answer's errors with their paths, a few of them, as a phrase; NULL when the array
 * is empty or null: there are none.  Palloc'd, UTF-8, without control characters.
 */
extern char *dq_graphql_errors_text(const JsonSlice *errors);

#endif /* DQ_GRAPHQL_H */
