/*
 * scope_test.c
 *	  Whether the answer to one question holds all rows of another's, and hashes of keys.
 */
#include "base.h"

#include "request/scope.h"
#include "rows/json_key.h"
#include "tap.h"

#define MAX_TERMS 3

typedef struct Question
{
	const char *base;
	int nterms;
	ScopeTerm terms[MAX_TERMS];
} Question;

static ScopeTerm
text_term(int column, ConditionOp op, int nvalues, const char **texts)
{
	return (ScopeTerm) { .column = column,
						 .op = op,
						 .nvalues = nvalues,
						 .texts = texts,
						 .is_checked = true,
						 .key = JSON_KEY_TEXT,
						 .json = "/x" };
}

#define TEXT(column, op, ...)                                           \
	text_term(column, op, lengthof(((const char *[]) { __VA_ARGS__ })), \
			  (const char *[]) { __VA_ARGS__ })

static ScopeTerm
number_term(int column, ConditionOp op, ScopeOrder order, int64 number)
{
	int64 *numbers = palloc(sizeof(int64));
	const char **texts = palloc(sizeof(char *));

	numbers[0] = number;
	texts[0] = psprintf(INT64_FORMAT, number);
	return (ScopeTerm) { .column = column,
						 .op = op,
						 .nvalues = 1,
						 .texts = texts,
						 .order = order,
						 .numbers = numbers,
						 .is_checked = true };
}

#define INTEGER(column, op, number) number_term(column, op, SCOPE_INTEGER, number)

static bool
contains(Question wide, Question narrow)
{
	Scope w = { .base = wide.base ? wide.base : "", .nterms = wide.nterms, .terms = wide.terms };
	Scope n = { .base = narrow.base ? narrow.base : "",
				.nterms = narrow.nterms,
				.terms = narrow.terms };
	Scope *copy = dq_scope_copy(&w);

	return dq_scope_contains(copy, &n);
}

static const Question everything = { 0 };

static void
test_whole(void)
{
	Question status = { .nterms = 1, .terms = { TEXT(1, COND_EQ, "paid") } };
	Question trusted = status;
	Question elsewhere = { .base = "http://other/" };

	trusted.terms[0].is_checked = false;
	ok(contains(everything, everything), "everything holds everything");
	ok(contains(everything, status), "and what is restricted");
	ok(!contains(status, everything), "but not the other way");
	ok(!contains(everything, elsewhere), "another path is another matter");
	ok(!contains(everything, trusted), "what nobody checks again has to be asked");
	ok(contains(trusted, trusted), "as it was here");
	ok(contains(status, status), "the same");
}

static void
test_equality(void)
{
	Question a = { .nterms = 1, .terms = { TEXT(1, COND_EQ, "a") } };
	Question b = { .nterms = 1, .terms = { TEXT(1, COND_EQ, "b") } };
	Question ab = { .nterms = 1, .terms = { TEXT(1, COND_IN, "a", "b") } };
	Question bc = { .nterms = 1, .terms = { TEXT(1, COND_IN, "b", "c") } };
	Question not_c = { .nterms = 1, .terms = { TEXT(1, COND_NE, "c") } };
	Question present = { .nterms = 1, .terms = { text_term(1, COND_NOTNULL, 0, NULL) } };
	Question missing = { .nterms = 1, .terms = { text_term(1, COND_NULL, 0, NULL) } };
	Question like = { .nterms = 1, .terms = { TEXT(1, COND_LIKE, "a%") } };
	Question other = { .nterms = 1, .terms = { TEXT(2, COND_EQ, "a") } };
	Question both = { .nterms = 2, .terms = { TEXT(2, COND_EQ, "a"), TEXT(1, COND_EQ, "b") } };

	ok(contains(ab, a) && contains(ab, b) && contains(ab, ab), "a list holds its members");
	ok(!contains(ab, bc) && !contains(a, ab), "and no others");
	ok(!contains(a, b) && !contains(a, other), "another value, another column");
	ok(contains(other, both) && contains(b, both), "one of two conditions");
	ok(!contains(both, b), "but not both of one");
	ok(!contains(not_c, a), "texts that differ may still be equal");
	ok(contains(present, a) && contains(present, like) && contains(present, not_c),
	   "what is compared is not null");
	ok(!contains(present, missing) && !contains(missing, a), "null is not");
	ok(!contains(like, a), "patterns prove nothing");
}

static void
test_ranges(void)
{
	Question ge5 = { .nterms = 1, .terms = { INTEGER(1, COND_GE, 5) } };
	Question gt5 = { .nterms = 1, .terms = { INTEGER(1, COND_GT, 5) } };
	Question ge6 = { .nterms = 1, .terms = { INTEGER(1, COND_GE, 6) } };
	Question le5 = { .nterms = 1, .terms = { INTEGER(1, COND_LE, 5) } };
	Question lt5 = { .nterms = 1, .terms = { INTEGER(1, COND_LT, 5) } };
	Question eq5 = { .nterms = 1, .terms = { INTEGER(1, COND_EQ, 5) } };
	Question ne5 = { .nterms = 1, .terms = { INTEGER(1, COND_NE, 5) } };
	Question eq7 = { .nterms = 1, .terms = { INTEGER(1, COND_EQ, 7) } };
	Question between = { .nterms = 2, .terms = { INTEGER(1, COND_GE, 6), INTEGER(1, COND_LT, 9) } };
	Question date = { .nterms = 1, .terms = { number_term(1, COND_GE, SCOPE_DATE, 7) } };

	ok(contains(ge5, gt5) && contains(ge5, ge6) && contains(gt5, ge6), "tighter from below");
	ok(!contains(gt5, ge5) && !contains(ge6, ge5), "wider from below");
	ok(contains(le5, lt5) && !contains(lt5, le5), "from above");
	ok(!contains(le5, ge5) && !contains(ge5, lt5), "from the other side");
	ok(contains(ge5, eq5) && !contains(gt5, eq5) && contains(gt5, eq7), "values within");
	ok(contains(ne5, eq7) && !contains(ne5, eq5) && !contains(ne5, ge6), "a value left out");
	ok(contains(ge5, between) && !contains(between, ge6), "two bounds");
	ok(!contains(ge5, date), "numbers of another kind");
}

static void
test_key_term(void)
{
	ScopeTerm terms[] = { TEXT(1, COND_IN, "a", "b"), TEXT(2, COND_EQ, "c"),
						  TEXT(3, COND_NE, "d") };
	Scope scope = { .base = "", .nterms = 3, .terms = terms };

	ok(dq_scope_key_term(&scope) == &terms[1], "the fewest values");
	terms[1].is_checked = false;
	ok(dq_scope_key_term(&scope) == &terms[0], "that are checked");
	terms[0].key = JSON_KEY_NONE;
	ok(dq_scope_key_term(&scope) == NULL, "and have a key");
	terms[0].key = JSON_KEY_TEXT;
	scope.is_ordered = true;
	ok(dq_scope_key_term(&scope) == NULL, "an order would be lost");
}

/* The hash of a JSON text, 0 where the value equals no key, 1 where it may equal any. */
static uint64
hash_of(JsonKeyKind kind, const char *json)
{
	const char *problem;
	const JsonPointer *whole = dq_json_pointer_compile("", &problem);
	JsonLocator *locator = dq_json_locator_create(&whole, 1);
	JsonSlice value;
	JsonError error;
	StringInfoData scratch;
	int culprit;
	uint64 hash = 0;

	initStringInfo(&scratch);
	if (!dq_json_locate(locator, json, strlen(json), &value, &culprit, &error))
		return 1;
	switch (dq_json_key(kind, &value, &scratch, &hash))
	{
		case JSON_KEY_HASHED:
			return hash;
		case JSON_KEY_NULL:
			return 0;
		case JSON_KEY_OTHER:
			break;
	}
	return 1;
}

static void
test_hashes(void)
{
	uint64 hash;

	ok(dq_json_key_of_text(JSON_KEY_INTEGER, "-12", 3, &hash) == JSON_KEY_HASHED, "a number");
	ok(hash_of(JSON_KEY_INTEGER, "-12") == hash && hash_of(JSON_KEY_INTEGER, "\"-12\"") == hash,
	   "as a number and as a string");
	ok(hash_of(JSON_KEY_INTEGER, "-0") == hash_of(JSON_KEY_INTEGER, "0"), "zero has no sign");
	ok(hash_of(JSON_KEY_INTEGER, "12.0") == 1 && hash_of(JSON_KEY_INTEGER, "1e2") == 1 &&
		   hash_of(JSON_KEY_INTEGER, "\" 12\"") == 1 && hash_of(JSON_KEY_INTEGER, "true") == 1 &&
		   hash_of(JSON_KEY_INTEGER, "\"007\"") == 1 &&
		   hash_of(JSON_KEY_INTEGER, "9223372036854775807") == 1,
	   "what may be equal");
	ok(hash_of(JSON_KEY_INTEGER, "null") == 0 && hash_of(JSON_KEY_TEXT, "null") == 0, "null");
	ok(dq_json_key_of_text(JSON_KEY_TEXT, "\xc3\xa9\"", 3, &hash) == JSON_KEY_HASHED &&
		   hash_of(JSON_KEY_TEXT, "\"\\u00e9\\\"\"") == hash,
	   "text with escapes");
	ok(hash_of(JSON_KEY_TEXT, "12") == 1, "a number as text");
	ok(hash_of(JSON_KEY_UUID, "\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\"") ==
		   hash_of(JSON_KEY_UUID, "\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\""),
	   "a UUID in either case");
	ok(hash_of(JSON_KEY_UUID, "\"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}\"") == 1,
	   "and in another spelling");
}

static void
test_logic(void)
{
	Scope whole = { .base = "/x" };
	Scope either = { .base = "/x", .logic = "/x?or", .logic_is_checked = true };
	Scope trusted = { .base = "/x", .logic = "/x?or" };
	Scope other = { .base = "/x", .logic = "/x?other", .logic_is_checked = true };

	ok(dq_scope_contains(&whole, &either), "an OR that is checked is found in the whole");
	ok(!dq_scope_contains(&whole, &trusted), "one that is trusted is not");
	ok(!dq_scope_contains(&either, &whole), "nor the whole in an OR");
	ok(dq_scope_contains(&either, &either) && dq_scope_contains(&trusted, &trusted) &&
		   !dq_scope_contains(&either, &other),
	   "ORs are the same or have nothing to do with each other");
	ok(strcmp(dq_scope_copy(&either)->logic, "/x?or") == 0 &&
		   dq_scope_copy(&either)->logic_is_checked && dq_scope_copy(&whole)->logic == NULL,
	   "and are copied");
}

int
main(void)
{
	test_whole();
	test_equality();
	test_ranges();
	test_key_term();
	test_hashes();
	test_logic();
	return tap_done();
}
