/*
 * condition_test.c
 *	  Conditions in the words of each dialect.
 */
#include "base.h"

#include <regex.h>

#include "request/dialect.h"
#include "tap.h"

static Template *
compile(const char *source, const char *const *names)
{
	char *problem;

	return dq_template_compile(source, names, &problem);
}

static const char *
spell(const char *source, ConditionOp op, int nvalues, const char **values)
{
	BoundCondition condition = { .name = "a b",
								 .op = op,
								 .spell = compile(source, dq_condition_placeholders(op)),
								 .is_text = true,
								 .nvalues = nvalues,
								 .values = values };
	StringInfoData out;

	if (condition.spell == NULL)
		return NULL;
	initStringInfo(&out);
	dq_condition_spell(&out, &condition, "&");
	return out.data;
}

static const char *
spell_dialect(const char *dialect, ConditionOp op, int nvalues, const char **values)
{
	const char *source = dq_dialect_find(dialect)->spell[op];

	return source ? spell(source, op, nvalues, values) : NULL;
}

static void
test_ops(void)
{
	ConditionOpSet ops;
	char *problem;

	ok(dq_condition_ops_parse(" = IN\t>= ", &ops, &problem) &&
		   ops == (COND_BIT(COND_EQ) | COND_BIT(COND_IN) | COND_BIT(COND_GE)),
	   "a list of operators");
	ok(dq_condition_ops_parse("<> != < <= > like null", &ops, &problem) &&
		   ops ==
			   (COND_BIT(COND_NE) | COND_BIT(COND_LT) | COND_BIT(COND_LE) | COND_BIT(COND_GT) |
				COND_BIT(COND_LIKE) | COND_BIT(COND_NULL) | COND_BIT(COND_NOTNULL)),
	   "the others");
	ok(dq_condition_ops_parse("", &ops, &problem) && ops == 0, "none");
	ok(!dq_condition_ops_parse("= => <", &ops, &problem), "unknown operator");
	is_text(problem, "unknown operator \"=>\", known are = <> < <= > >= in like null", "is named");
	is_text(dq_condition_op_name(COND_LE), "<=", "name of an operator");
	for (int op = 0; op < COND_COUNT; op++)
		ok(dq_condition_op_name(op) != NULL && dq_condition_placeholders(op)[0] != NULL,
		   "operator %d has a name and placeholders", op);
}

static void
test_spell(void)
{
	const char *values[] = { "x/y", "a,b", "say \"\\\"" };

	is_text(spell("{name}={value}", COND_EQ, 1, values), "a%20b=x%2Fy", "comparison");
	is_text(spell("{name}={values}", COND_IN, 2, values), "a%20b=x%2Fy,a%2Cb", "list by commas");
	is_text(spell("{name}={value}", COND_IN, 2, values), "a%20b=x%2Fy&a%20b=a%2Cb", "repeated");
	is_text(spell("{name}=in.({quoted})", COND_IN, 3, values),
			"a%20b=in.(%22x%2Fy%22,%22a%2Cb%22,%22say%20%5C%22%5C%5C%5C%22%22)", "quoted");
	is_text(spell("{name}={values}", COND_EQ, 1, values), NULL, "no list in a comparison");
	is_text(spell("{name}={regex}", COND_EQ, 1, values), NULL, "no regex in a comparison");
	is_text(spell("{name}={value}", COND_NULL, 0, NULL), NULL, "no value in IS NULL");
	is_text(spell("no_{name}=1", COND_NULL, 0, NULL), "no_a%20b=1", "IS NULL");
}

static void
test_can_list(void)
{
	Template *plain = compile("{name}={values}", NULL);
	Template *quoted = compile("{name}=in.({quoted})", NULL);
	Template *repeated = compile("{name}={value}", NULL);
	static const char *const alone[] = { "a,b", ",", "", " a", "a ", "\ta" };

	ok(dq_condition_can_list(plain, "a b"), "an ordinary value stands in a list");
	for (int i = 0; i < lengthof(alone); i++)
		ok(!dq_condition_can_list(plain, alone[i]) && dq_condition_can_list(quoted, alone[i]) &&
			   dq_condition_can_list(repeated, alone[i]),
		   "\"%s\" needs quotes or is asked alone", alone[i]);
}

static void
test_dialects(void)
{
	const char *value[] = { "5" };
	const char *two[] = { "5", "6" };
	const char *pattern[] = { "a%\\*b" };
	const char *infix[] = { "a%b\\_'c__d%" };
	const char *quotes[] = { "it's" };
	int n = 0;

	for (const Dialect *const *d = dq_dialect_all(); *d; d++, n++)
	{
		ok(dq_dialect_find((*d)->name) == *d, "dialect %s is found", (*d)->name);
		for (int op = 0; op < COND_COUNT; op++)
			ok((*d)->spell[op] == NULL || compile((*d)->spell[op], dq_condition_placeholders(op)),
			   "%s can be compiled for %s", dq_condition_op_name(op), (*d)->name);
	}
	is_int(n, 8, "eight dialects");
	ok(dq_dialect_find("klingon") == NULL, "no other");

	is_text(spell_dialect("plain", COND_IN, 2, two), "a%20b=5,6", "plain list");
	is_text(spell_dialect("plain", COND_GT, 1, value), NULL, "plain has no ranges");
	is_text(spell_dialect("jsonserver", COND_IN, 2, two), "a%20b=5&a%20b=6", "jsonserver list");
	is_text(spell_dialect("jsonserver", COND_LT, 1, value), "a%20b_lte=5", "jsonserver < is <=");
	is_text(spell_dialect("jsonserver", COND_NE, 1, value), "a%20b_ne=5", "jsonserver <>");
	is_text(spell_dialect("jsonserver", COND_LIKE, 1, pattern),
			"a%20b_like=%5Ea%5B%5Cs%5CS%5D%2A%5C%2Ab%24", "jsonserver like");
	is_text(spell_dialect("postgrest", COND_EQ, 1, value), "a%20b=eq.5", "postgrest =");
	is_text(spell_dialect("postgrest", COND_IN, 2, two), "a%20b=in.(%225%22,%226%22)",
			"postgrest list");
	is_text(spell_dialect("postgrest", COND_LIKE, 1, pattern), "a%20b=like.a%25%2Ab",
			"postgrest like: an escaped * is no escaped %%");
	is_text(spell_dialect("postgrest", COND_NOTNULL, 0, NULL), "a%20b=not.is.null",
			"postgrest not null");
	is_text(spell_dialect("brackets", COND_GE, 1, value), "a%20b%5Bgte%5D=5", "brackets >=");
	is_text(spell_dialect("brackets", COND_IN, 2, two), "a%20b%5Bin%5D=5,6", "brackets list");
	is_text(spell_dialect("jsonapi", COND_EQ, 1, value), "filter%5Ba%20b%5D=5", "jsonapi =");
	is_text(spell_dialect("jsonapi", COND_IN, 2, two), "filter%5Ba%20b%5D=5,6", "jsonapi list");
	is_text(spell_dialect("odata", COND_EQ, 1, quotes), "a%20b%20eq%20%27it%27%27s%27",
			"odata text");
	is_text(spell_dialect("odata", COND_LIKE, 1, infix), "contains(a%20b,%27b_%27%27c%27)",
			"odata like");
	is_text(spell_dialect("odata", COND_NOTNULL, 0, NULL), "a%20b%20ne%20null", "odata not null");
	is_text(spell_dialect("drf", COND_IN, 2, two), "a%20b__in=5,6", "drf list");
	is_text(spell_dialect("drf", COND_GE, 1, value), "a%20b__gte=5", "drf >=");
	is_text(spell_dialect("drf", COND_LIKE, 1, infix), "a%20b__contains=b_%27c", "drf like");
	is_text(spell_dialect("drf", COND_NULL, 0, NULL), "a%20b__isnull=true", "drf null");
	is_text(spell_dialect("spring", COND_IN, 2, two), "a%20b=5&a%20b=6", "spring list");
	ok(dq_dialect_find("odata")->inexact == (COND_BIT(COND_NE) | COND_BIT(COND_LIKE)) &&
		   dq_dialect_find("drf")->inexact == COND_BIT(COND_LIKE),
	   "and of the new ones");
	ok(dq_dialect_find("jsonserver")->inexact ==
			   (COND_BIT(COND_LT) | COND_BIT(COND_GT) | COND_BIT(COND_LIKE)) &&
		   dq_dialect_find("postgrest")->inexact == COND_BIT(COND_LIKE) &&
		   dq_dialect_find("plain")->inexact == 0,
	   "which presets ask for more than was said");
}

static void
test_like_infix(void)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "%", "" },
		{ "abc", "abc" },
		{ "a%bc_d", "bc" },
		{ "ab%cd", "ab" },
		{ "_x", "x" },
		{ "a\\%b%c", "a%b" },
		{ "\\\\\\_%x", "\\_" },
		{ "%end\\", "end\\" },
		{ "__%", "" },
		{ "na\xc3\xafve%", "na\xc3\xafve" },
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_text(dq_condition_like_infix(cases[i][0]), cases[i][1], "longest piece of %s",
				cases[i][0]);
}

static void
test_text_limits(void)
{
	static const char *const spaced[] = { " a", "a ", "\ta", "a\xc2\xa0", "\xe3\x80\x80x", "a\x1c" };
	const TextLimits *drf = &dq_dialect_find("drf")->limits;
	const TextLimits *jsonapi = &dq_dialect_find("jsonapi")->limits;
	const TextLimits *spring = &dq_dialect_find("spring")->limits;
	const TextLimits *plain = &dq_dialect_find("plain")->limits;

	for (int i = 0; i < lengthof(spaced); i++)
		ok(!dq_text_can_say(drf, spaced[i]) && dq_text_can_say(spring, spaced[i]),
		   "white space around \"%s\" would be stripped", spaced[i]);
	ok(dq_text_can_say(drf, "a b,c") && dq_text_can_say(drf, "\xe6\x97\xa5") &&
		   dq_text_can_say(drf, "x") && !dq_text_can_say(drf, ""),
	   "drf takes what is inside, but nothing empty");
	ok(!dq_text_can_say(jsonapi, "a,b") && !dq_text_can_say(jsonapi, ">5") &&
		   dq_text_can_say(jsonapi, "5>") && !dq_text_can_say(jsonapi, ""),
	   "jsonapi has syntax of its own");
	ok(!dq_text_can_say(spring, "a,b") && !dq_text_can_say(spring, ""), "so has spring");
	ok(dq_text_can_say(plain, "") && dq_text_can_say(plain, " a,b "), "plain takes everything");
}

static void
test_like_value(void)
{
	static const char *const cases[][2] = {
		{ "a%b_c", "x=a%25b_c" },
		{ "\\%\\_\\\\", "x=%5C%25%5C_%5C%5C" },
		{ "\\a\\*", "x=a%2A" },
		{ "a\\", "x=a%5C" },
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		const char *values[] = { cases[i][0] };

		is_text(spell("x={value}", COND_LIKE, 1, values), cases[i][1], "like %s", cases[i][0]);
	}
}

/* SQL's LIKE, for texts of one byte a character. */
static bool
like_matches(const char *text, const char *pattern)
{
	if (*pattern == '\0')
		return *text == '\0';
	if (*pattern == '%')
	{
		for (;; text++)
		{
			if (like_matches(text, pattern + 1))
				return true;
			if (*text == '\0')
				return false;
		}
	}
	if (*text == '\0')
		return false;
	if (*pattern == '_')
		return like_matches(text + 1, pattern + 1);
	if (*pattern == '\\' && pattern[1])
		pattern++;
	return *text == *pattern && like_matches(text + 1, pattern + 1);
}

/*
 * A pattern's regular expression with [\s\S] in the words of POSIX, where no [ of the pattern can
 * be mistaken for it.
 */
static bool
regex_matches(const char *text, const char *pattern)
{
	char *source = dq_condition_like_regex(pattern);
	StringInfoData posix;
	regex_t regex;
	bool matches;

	initStringInfo(&posix);
	for (const char *p = source; *p; p++)
	{
		if (strncmp(p, "[\\s\\S]", 6) == 0)
		{
			appendStringInfoString(&posix, "(.|\n)");
			p += 5;
		}
		else if (*p == '\\' && p[1] == '/')
			continue;
		else if (*p == '\\')
		{
			appendStringInfoChar(&posix, *p++);
			appendStringInfoChar(&posix, *p);
		}
		else
			appendStringInfoChar(&posix, *p);
	}
	if (regcomp(&regex, posix.data, REG_EXTENDED | REG_NOSUB) != 0)
	{
		printf("# no regular expression: %s\n", posix.data);
		return false;
	}
	matches = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return matches;
}

static void
test_like_regex(void)
{
	static const char alphabet[] = "ab%_\\.*[]^$(){}|+?/\n";
	int missed = 0;
	int matched = 0;
	unsigned seed = 1;

	is_text(dq_condition_like_regex("a%_"), "^a[\\s\\S]*[\\s\\S]{1,2}$", "wildcards");
	is_text(dq_condition_like_regex("%%a%%"), "^[\\s\\S]*a[\\s\\S]*$", "several %% are one");
	is_text(dq_condition_like_regex("\\%\\_\\\\"), "^%_\\\\$", "escapes");
	is_text(dq_condition_like_regex("a.b*[c]"), "^a\\.b\\*\\[c\\]$", "specials");
	is_text(dq_condition_like_regex("a\\"), "^a\\\\$", "a backslash at the end");
	is_text(dq_condition_like_regex("\\."), "^\\.$", "an escaped special");
	is_text(dq_condition_like_regex(""), "^$", "nothing");

	for (int i = 0; i < 20000; i++)
	{
		char text[6] = "";
		char pattern[6] = "";
		int text_len = rand_r(&seed) % 5;
		int pattern_len = rand_r(&seed) % 5;

		for (int j = 0; j < text_len; j++)
			text[j] = alphabet[rand_r(&seed) % (lengthof(alphabet) - 1)];
		for (int j = 0; j < pattern_len; j++)
			pattern[j] = j < text_len && rand_r(&seed) % 2 ?
				text[j] :
				alphabet[rand_r(&seed) % (lengthof(alphabet) - 1)];
		if (!like_matches(text, pattern))
			continue;
		matched++;
		missed += !regex_matches(text, pattern);
	}
	ok(matched > 500, "%d random pairs match by LIKE", matched);
	is_int(missed, 0, "and all of them by the regular expression");
}

int
main(void)
{
	test_ops();
	test_spell();
	test_can_list();
	test_dialects();
	test_like_infix();
	test_text_limits();
	test_like_value();
	test_like_regex();
	return tap_done();
}
