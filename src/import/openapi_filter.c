/*
 * openapi_filter.c
 *	  Which query parameters are filters of which columns, by which operators.
 *
 * A filter must not lose rows: what the service answers has to be a superset of what the condition
 * means in SQL, since rows that it leaves out cannot be brought back.  So a parameter becomes one
 * only where its name says so (status, status[in], created[gte], min_price, created_after), its
 * type is the column's, and its description does not speak of something else (sorting, searching,
 * leaving out, a beginning).  Lists are asked only where the parameter is a list.  Of a bound that
 * may or may not be included only the open half is asked.
 */
#include "base.h"

#include "import/openapi_private.h"

/* A parameter that shares a column's name but is described so is not "equal to". */
static const char *const other_words[] = { "sort",		  "order by",
										   "ordered by",  "ordering",
										   "search",	  "exclud",
										   "omit",		  "ignor",
										   "except",	  "other than",
										   "not equal",	  "since",
										   "before",	  "after",
										   "until",		  "greater",
										   "less than",	  "older",
										   "newer",		  "later",
										   "earlier",	  "at least",
										   "at most",	  "minimum",
										   "maximum",	  "start",
										   "begin",		  "prefix",
										   "without",	  "full text",
										   "full-text",	  "fuzzy",
										   "regex",		  "regular expression",
										   "wildcard",	  "pattern",
										   "expression",  "comma",
										   "up to",		  "higher",
										   "lower than",  "within",
										   "distance",	  "convert",
										   "language of", NULL };

/* Words that make a list exclude. */
static const char *const exclusion_words[] = { "exclud", "omit", "ignor",	 "except", "other than",
											   "not in", "sort", "order by", NULL };

static const char *const inclusive_words[] = { "or equal", "inclusive", "or after", "or before",
											   "or later", "or newer",	"or older", "or earlier",
											   "at or",	   "on or",		">=",		"<=",
											   "at least", "at most",	NULL };

static bool
is_text(const ColumnType *type)
{
	return strcmp(type->name, "text") == 0;
}

static bool
is_number(const ColumnType *type)
{
	static const char *const names[] = { "bigint",	"integer",			"smallint",
										 "numeric", "double precision", NULL };

	return dq_words_is_one_of(type->name, names);
}

static bool
is_integer_type(const ColumnType *type)
{
	static const char *const names[] = { "bigint", "integer", "smallint", NULL };

	return dq_words_is_one_of(type->name, names);
}

/* Values that the column is said to have, and the parameter does not know. */
static bool
has_strange_values(const Column *column, const Param *param)
{
	const DocNode *own = column->facts.values;
	const DocNode *known = param->facts.values;

	if (own == NULL || known == NULL || own == known)
		return false;
	dq_doc_each(value, own)
	{
		const char *text = dq_doc_scalar_text(value);
		bool is_known = text == NULL;

		dq_doc_each(other, known)
		{
			const char *other_text = dq_doc_scalar_text(other);

			is_known |= text && other_text && strcmp(text, other_text) == 0;
		}
		if (!is_known)
			return true;
	}
	return false;
}

/* A text of which nothing more is said. */
static bool
is_plain_text(const Param *param)
{
	return is_text(&param->type) && param->facts.format == NULL && !param->facts.has_values;
}

/* NULL where the types fit, else why they do not. */
static const char *
type_problem(const Column *column, const Param *param, const Meaning *meaning)
{
	const ColumnType *own = &column->type;
	const ColumnType *asked = &param->type;
	Bound bound = meaning->bound;
	bool is_equality = bound == BOUND_EQUAL || bound == BOUND_IN || bound == BOUND_NOT_EQUAL;
	bool is_same = strcmp(own->name, asked->name) == 0 &&
		(own->format != NULL) == (asked->format != NULL);

	if (!own->is_scalar)
		return psprintf("conditions on type %s are evaluated locally", own->name);
	if (bound == BOUND_IN && param->list == LIST_NONE)
	{
		static const char *const words[] = { "comma", NULL };

		if (!dq_words_mention(param->description, words))
			return "how its list is written is not described";
		is_same |= is_text(asked) && is_integer_type(own);
	}
	/* A comma in a value would be taken for two values. */
	if (is_text(own) && (param->list == LIST_COMMA || bound == BOUND_IN) &&
		!column->facts.has_values && !param->facts.has_values && param->list != LIST_REPEAT)
		return "a comma in a value would separate two";
	if (!is_same && is_number(own) && is_number(asked))
		is_same = true;
	/* Seconds since 1970 are a number to the service in both places. */
	if (!is_same && own->format && strcmp(own->format, "epoch") == 0 && is_integer_type(asked))
		is_same = true;
	/*
	 * Many descriptions call all parameters texts.  That does for what has one spelling only, and
	 * for all types where an operator leaves no doubt of what is meant.
	 */
	if (!is_same && is_plain_text(param))
		is_same = strcmp(own->name, "uuid") == 0 || is_integer_type(own) || meaning->is_marked;
	if (!is_same)
		return psprintf("it is described as %s, the column as %s", asked->name, own->name);
	if (is_equality)
	{
		/* Two spellings of one value (1.5 and 1.50, or of a moment) may differ at the service. */
		if (!is_integer_type(own) && !is_text(own) && strcmp(own->name, "uuid") != 0 &&
			strcmp(own->name, "date") != 0 && strcmp(own->name, "boolean") != 0)
			return psprintf("equality of %s may mean something else to the service", own->name);
		/* A service that ignores case would leave out what differs in case alone. */
		if (bound == BOUND_NOT_EQUAL && is_text(own))
			return "inequality of text may mean something else to the service";
		return has_strange_values(column, param) ? "its values are not those of the column" : NULL;
	}
	if (!is_number(own) && strcmp(own->name, "date") != 0 && strcmp(own->name, "timestamptz") != 0)
		return psprintf("ranges on type %s are evaluated locally", own->name);
	return NULL;
}

/* NULL where the description agrees with the name, else why it does not. */
static const char *
word_problem(const Param *param, Bound bound)
{
	if (bound == BOUND_EQUAL && param->list == LIST_NONE &&
		dq_words_mention(param->description, other_words))
		return "its description speaks of more than equality";
	if (dq_words_mention(param->description, exclusion_words))
		return "its description speaks of leaving out or sorting";
	return NULL;
}

/* "name" as the literal part of a template. */
static char *
literal(const char *name)
{
	StringInfoData text;

	initStringInfo(&text);
	for (; *name; name++)
		appendStringInfo(&text, *name == '{' || *name == '}' ? "%c%c" : "%c", *name, *name);
	return dq_decl_take(&text);
}

static void
give(Column *column, ConditionOp op, const char *spell)
{
	if (column->spell[op] == NULL)
	{
		column->spell[op] = spell;
		column->ops |= COND_BIT(op);
	}
}

/* Where all rows are to be had only by a word like "all", that word is sent unless restricted. */
static void
ask_for_all(Table *table, Column *column, const Param *param)
{
	static const char *const words[] = { "all", "any", "both", NULL };
	const char *fallback = dq_doc_scalar_text(param->facts.fallback);

	if (fallback == NULL)
		return;
	dq_doc_each(value, param->facts.values)
	{
		const char *text = dq_doc_scalar_text(value);

		if (text && strcmp(text, fallback) != 0 && dq_words_is_one_of(text, words))
		{
			column->default_param = psprintf("%s=%s", param->name, text);
			return;
		}
		if (text && strcmp(text, fallback) == 0 && dq_words_is_one_of(text, words))
			return;
	}
	dq_decl_note(table->decl, "without a condition on \"%s\" the service assumes %s=%s",
				 column->name, param->name, dq_words_line(fallback, 60));
}

/* Declares the operators that a parameter stands for. */
static void
declare(Table *table, Column *column, Param *param, const Meaning *meaning)
{
	Bound bound = meaning->bound;
	const char *one = psprintf("%s={value}", literal(param->name));
	const char *list = param->list == LIST_COMMA ? psprintf("%s={values}", literal(param->name)) :
												   one;
	bool includes = dq_words_mention(param->description, inclusive_words);

	if (column->param == NULL || bound == BOUND_EQUAL)
		column->param = meaning->base				  ? meaning->base :
			bound == BOUND_EQUAL || bound == BOUND_IN ? param->name :
														column->member;
	switch (bound)
	{
		case BOUND_EQUAL:
			give(column, COND_EQ, one);
			if (param->list == LIST_REPEAT || param->list == LIST_COMMA)
				give(column, COND_IN, list);
			if (strpbrk(param->name, "&=#+%?{} ") == NULL)
				ask_for_all(table, column, param);
			break;
		case BOUND_NOT_EQUAL:
			give(column, COND_NE, one);
			break;
		case BOUND_IN:
			give(column, COND_IN,
				 param->list == LIST_NONE ? psprintf("%s={values}", literal(param->name)) : list);
			break;
		case BOUND_FROM:
			give(column, COND_GE, one);
			give(column, COND_GT, one);
			break;
		case BOUND_ABOVE:
			give(column, COND_GT, one);
			if (includes)
				give(column, COND_GE, one);
			break;
		case BOUND_UP_TO:
			give(column, COND_LE, one);
			give(column, COND_LT, one);
			break;
		case BOUND_BELOW:
			give(column, COND_LT, one);
			if (includes)
				give(column, COND_LE, one);
			break;
	}
	column->is_required |= param->is_required;
	param->is_used = true;
}

/* gt and gte are both there in many APIs: each operator then has its own. */
static bool
is_exact_operator(const Meaning *meaning, const Param *param)
{
	size_t len = strlen(param->name);

	return (meaning->bound == BOUND_ABOVE || meaning->bound == BOUND_BELOW) &&
		(strstr(param->name, "gt") || strstr(param->name, "lt")) && len > 3;
}

static void
consider(Table *table, Param *param, bool exact_only)
{
	Meaning meaning;

	if (param->place != IN_QUERY || param->is_used || param->rejection ||
		!dq_openapi_meaning(table, param, &meaning) ||
		is_exact_operator(&meaning, param) != exact_only)
		return;
	if (strpbrk(param->name, "&=#+%? "))
		param->rejection = "its name needs encoding";
	else if (param->list == LIST_OTHER)
		param->rejection = "its lists are written in a way of their own";
	else
		param->rejection = type_problem(meaning.column, param, &meaning);
	if (param->rejection == NULL)
		param->rejection = word_problem(param, meaning.bound);
	if (param->rejection == NULL)
		declare(table, meaning.column, param, &meaning);
}

/* The same at a service made by PostgREST: every column has every operator, values "op.value". */
static void
declare_postgrest(Table *table)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		Column *column = &table->columns[i];
		Param *param = column->member && column->member[0] ?
			dq_openapi_param(table->operation, IN_QUERY, column->member) :
			NULL;
		bool is_ordered = is_number(&column->type) || strcmp(column->type.name, "date") == 0 ||
			strcmp(column->type.name, "timestamptz") == 0;

		if (column->facts.description && strstr(column->facts.description, "<pk/>"))
			column->is_key = true;
		if (param == NULL || !column->type.is_scalar)
			continue;
		column->param = param->name;
		column->ops = COND_BIT(COND_EQ) | COND_BIT(COND_NE) | COND_BIT(COND_IN) |
			COND_BIT(COND_NULL);
		if (is_ordered)
			column->ops |= COND_BIT(COND_LT) | COND_BIT(COND_LE) | COND_BIT(COND_GT) |
				COND_BIT(COND_GE);
		else if (is_text(&column->type))
			column->ops |= COND_BIT(COND_LIKE);
		param->is_used = true;
	}
}

void
dq_openapi_filters(Table *table)
{
	const Operation *operation = table->operation;

	if (table->api->is_postgrest)
	{
		declare_postgrest(table);
		return;
	}
	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < operation->nparams; i++)
			consider(table, &operation->params[i], pass == 0);
}
