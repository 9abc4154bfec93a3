/*
 * condition.c
 *	  Saying conditions in a service's words.
 *
 * What is said must never be narrower than what SQL means: rows that the service leaves out cannot
 * be brought back.  Wider is fine, the condition is checked again.
 */
#include "base.h"

#include "request/condition.h"
#include "request/url.h"

static const char *const op_names[COND_COUNT] = {
	[COND_EQ] = "=",	  [COND_NE] = "<>",
	[COND_LT] = "<",	  [COND_LE] = "<=",
	[COND_GT] = ">",	  [COND_GE] = ">=",
	[COND_IN] = "in",	  [COND_LIKE] = "like",
	[COND_NULL] = "null", [COND_NOTNULL] = "not null",
};

static const char *const comparison_placeholders[] = { "name", "value", "quoted", "literal", NULL };
static const char *const list_placeholders[] = { "name",	"value",	"values", "quoted",
												 "literal", "literals", NULL };
static const char *const like_placeholders[] = { "name",  "value",		   "quoted", "regex",
												 "infix", "infix_literal", NULL };
static const char *const null_placeholders[] = { "name", NULL };

/* What the placeholders of one expansion stand for. */
typedef struct SpellArg
{
	const BoundCondition *condition;
	const char *value; /* for {value}; NULL: none */
} SpellArg;

const char *
dq_condition_op_name(ConditionOp op)
{
	return op_names[op];
}

const char *const *
dq_condition_placeholders(ConditionOp op)
{
	switch (op)
	{
		case COND_IN:
			return list_placeholders;
		case COND_LIKE:
			return like_placeholders;
		case COND_NULL:
		case COND_NOTNULL:
			return null_placeholders;
		default:
			return comparison_placeholders;
	}
}

/* The operators of one word of option filter, 0 for an unknown one. */
static ConditionOpSet
op_of_word(const char *word)
{
	if (strcmp(word, "!=") == 0)
		return COND_BIT(COND_NE);
	if (pg_strcasecmp(word, "null") == 0)
		return COND_BIT(COND_NULL) | COND_BIT(COND_NOTNULL);
	for (int op = 0; op < COND_NULL; op++)
		if (pg_strcasecmp(word, op_names[op]) == 0)
			return COND_BIT(op);
	return 0;
}

bool
dq_condition_ops_parse(const char *text, ConditionOpSet *ops, char **problem)
{
	const char *space = " \t\r\n";

	*ops = 0;
	*problem = NULL;
	for (const char *at = text + strspn(text, space); *at; at += strspn(at, space))
	{
		size_t len = strcspn(at, space);
		char *word = pnstrdup(at, len);
		ConditionOpSet found = op_of_word(word);

		if (found == 0)
		{
			*problem = psprintf("unknown operator \"%s\", known are = <> < <= > >= in like null",
								word);
			return false;
		}
		*ops |= found;
		pfree(word);
		at += len;
	}
	return true;
}

/*
 * A LIKE pattern that means the same, without escapes of ordinary characters.  PostgREST reads "*"
 * as "%" before LIKE sees it: what "\*" says would become "\%", which is narrower.
 */
char *
dq_condition_like_pattern(const char *pattern)
{
	StringInfoData out;

	initStringInfo(&out);
	for (const char *p = pattern; *p; p++)
	{
		if (p[0] == '\\' && p[1] != '\0' && strchr("%_\\", p[1]))
			appendStringInfoChar(&out, *p++);
		else if (p[0] == '\\' && p[1] != '\0')
			p++;
		appendStringInfoChar(&out, *p);
	}
	return out.data;
}

/* A text in quotes; those within are escaped by a character before them, "'" by itself. */
static char *
quote(const char *value, char mark, const char *escaped, char escape)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, mark);
	for (const char *p = value; *p; p++)
	{
		if (strchr(escaped, *p))
			appendStringInfoChar(&out, escape);
		appendStringInfoChar(&out, *p);
	}
	appendStringInfoChar(&out, mark);
	return out.data;
}

static char *
quote_double(const BoundCondition *condition, const char *value)
{
	return quote(value, '"', "\"\\", '\\');
}

/* OData ABNF, rule "string": a single quote is doubled. */
static char *
quote_literal(const BoundCondition *condition, const char *value)
{
	return condition->is_text ? quote(value, '\'', "'", '\'') : pstrdup(value);
}

static char *
quote_not(const BoundCondition *condition, const char *value)
{
	return pstrdup(value);
}

typedef char *(*Quoter)(const BoundCondition *condition, const char *value);

/*
 * All values of a list joined by commas, encoded one by one so that the commas stay what they are.
 */
static char *
join_values(const BoundCondition *condition, Quoter quoter)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < condition->nvalues; i++)
	{
		char *quoted = quoter(condition, condition->values[i]);

		if (i > 0)
			appendStringInfoChar(&out, ',');
		dq_url_encode(&out, quoted);
		pfree(quoted);
	}
	return out.data;
}

/* {values} and its kin: NULL for other placeholders. */
static Quoter
list_quoter(const SpellArg *spell, const char *placeholder)
{
	if (strcmp(placeholder, "values") == 0)
		return quote_not;
	if (strcmp(placeholder, "literals") == 0)
		return quote_literal;
	return strcmp(placeholder, "quoted") == 0 && spell->condition->op != COND_LIKE ? quote_double :
																					 NULL;
}

static bool
spell_lookup(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	const SpellArg *spell = arg;
	const BoundCondition *condition = spell->condition;
	Quoter quoter = list_quoter(spell, placeholder);

	if (strcmp(placeholder, "name") == 0)
		*value = condition->name;
	else if (quoter)
	{
		*value = join_values(condition, quoter);
		*is_encoded = true;
	}
	else if (spell->value == NULL)
		return false;
	else if (strcmp(placeholder, "value") == 0)
		*value = spell->value;
	else if (strcmp(placeholder, "literal") == 0)
		*value = quote_literal(condition, spell->value);
	else if (strcmp(placeholder, "quoted") == 0)
		*value = quote_double(condition, spell->value);
	else if (strcmp(placeholder, "regex") == 0)
		*value = dq_condition_like_regex(spell->value);
	else if (strcmp(placeholder, "infix") == 0)
		*value = dq_condition_like_infix(spell->value);
	else if (strcmp(placeholder, "infix_literal") == 0)
		*value = quote_literal(condition, dq_condition_like_infix(spell->value));
	return *value != NULL;
}

static void
spell_once(StringInfo out, const BoundCondition *condition, const char *value)
{
	SpellArg arg = { condition, value };

	dq_template_expand(condition->spell, out, spell_lookup, &arg);
}

/* A pattern goes out as it is, or as what the template makes of it. */
static void
spell_like(StringInfo out, const BoundCondition *condition)
{
	const Template *spell = condition->spell;
	bool is_pattern = dq_template_uses(spell, "value") || dq_template_uses(spell, "quoted");
	char *pattern = is_pattern ? dq_condition_like_pattern(condition->values[0]) :
								 pstrdup(condition->values[0]);

	spell_once(out, condition, pattern);
	pfree(pattern);
}

bool
dq_condition_repeats(const Template *spell_in)
{
	return dq_template_uses(spell_in, "value") || dq_template_uses(spell_in, "literal");
}

void
dq_condition_spell(StringInfo out, const BoundCondition *condition, const char *joiner)
{
	if (condition->op == COND_IN && dq_condition_repeats(condition->spell))
	{
		for (int i = 0; i < condition->nvalues; i++)
		{
			if (i > 0)
				appendStringInfoString(out, joiner);
			spell_once(out, condition, condition->values[i]);
		}
	}
	else if (condition->op == COND_LIKE)
		spell_like(out, condition);
	else
		spell_once(out, condition, condition->nvalues > 0 ? condition->values[0] : NULL);
}

bool
dq_condition_can_list(const Template *spell_in, const char *value)
{
	size_t len = strlen(value);

	if (!dq_template_uses(spell_in, "values"))
		return true;
	return len > 0 && strchr(value, ',') == NULL && !strchr(" \t\r\n\f\v", value[0]) &&
		!strchr(" \t\r\n\f\v", value[len - 1]);
}

char *
dq_condition_like_regex(const char *pattern)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '^');
	for (const char *p = pattern; *p; p++)
	{
		if (*p == '%')
		{
			appendStringInfoString(&out, "[\\s\\S]*");
			p += strspn(p, "%") - 1;
			continue;
		}
		if (*p == '_')
		{
			/* A character outside the BMP counts as two in JavaScript. */
			appendStringInfoString(&out, "[\\s\\S]{1,2}");
			continue;
		}
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (strchr("\\^$.|?*+()[]{}/", *p))
			appendStringInfoChar(&out, '\\');
		appendStringInfoChar(&out, *p);
	}
	appendStringInfoChar(&out, '$');
	return out.data;
}

char *
dq_condition_like_infix(const char *pattern)
{
	StringInfoData run;
	StringInfoData longest;

	initStringInfo(&run);
	initStringInfo(&longest);
	for (const char *p = pattern;; p++)
	{
		bool is_wildcard = *p == '%' || *p == '_';

		if (*p != '\0' && !is_wildcard)
		{
			if (*p == '\\' && p[1] != '\0')
				p++;
			appendStringInfoChar(&run, *p);
			continue;
		}
		if (run.len > longest.len)
		{
			resetStringInfo(&longest);
			appendBinaryStringInfo(&longest, run.data, run.len);
		}
		resetStringInfo(&run);
		if (*p == '\0')
			return longest.data;
	}
}
