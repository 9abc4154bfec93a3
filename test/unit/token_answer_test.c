/*
 * token_answer_test.c
 *	  Answers of token endpoints: what is taken, and why the rest is not.
 */
#include "base.h"

#include "tap.h"
#include "transport/token_answer.h"

#define GOOD "\"access_token\": \"aZ0-._~+/==\", \"token_type\": \"Bearer\""

static const struct
{
	const char *text;
	const char *problem; /* a part of it, NULL: none */
	int64 life_ms;
} answers[] = {
	{ "{" GOOD ", \"expires_in\": 3600}", NULL, 3600000 },
	{ "{" GOOD "}", NULL, DEFAULT_TOKEN_LIFE_MS },
	{ "{" GOOD ", \"expires_in\": null}", NULL, DEFAULT_TOKEN_LIFE_MS },
	{ "{" GOOD ", \"expires_in\": \"60\"}", NULL, 60000 },
	{ "{" GOOD ", \"expires_in\": 0}", NULL, 0 },
	{ "{" GOOD ", \"expires_in\": 99999999999999999999999}", NULL,
	  (int64) 366 * 24 * 60 * 60 * 1000 },
	{ "{" GOOD ", \"expires_in\": -1}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": 1.5}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": 1e3}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": \"\"}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": \"\\u0031\"}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": true}", "expires_in", 0 },
	{ "{" GOOD ", \"expires_in\": [60]}", "expires_in", 0 },
	{ "{\"access_token\": \"x\", \"token_type\": \"bEARER\"}", NULL, DEFAULT_TOKEN_LIFE_MS },
	{ "{\"access_token\": \"x\", \"token_type\": \"mac\"}", "token_type", 0 },
	{ "{\"access_token\": \"x\", \"token_type\": \"Bearer \"}", "token_type", 0 },
	{ "{\"access_token\": \"x\", \"token_type\": 5}", "token_type", 0 },
	{ "{\"access_token\": \"x\"}", "token_type", 0 },
	{ "{\"token_type\": \"Bearer\"}", "access_token", 0 },
	{ "{\"access_token\": null, \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"a\\r\\nX: 1\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"a b\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"a=b\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"=\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"a\\u0000b\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": \"\xC3\xA9\", \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "{\"access_token\": {}, \"token_type\": \"Bearer\"}", "characters", 0 },
	{ "[\"access_token\"]", "no JSON", 0 },
	{ "{" GOOD, "no JSON", 0 },
	{ "", "no JSON", 0 },
	{ "access_token=x&token_type=Bearer", "no JSON", 0 },
	{ "7", "no JSON", 0 },
};

static const struct
{
	const char *text;
	const char *code; /* NULL: none */
	const char *description;
} errors[] = {
	{ "{\"error\": \"invalid_client\", \"error_description\": \"no\"}", "invalid_client", "no" },
	{ "{\"error\": \"invalid_scope\"}", "invalid_scope", NULL },
	{ "{\"error\": \"a\\r\\nb\", \"error_description\": \"\xC3\xA9\\u0007\"}", "a??b", "???" },
	{ "{\"error\": \"x\", \"error_description\": {\"y\": 1}}", "x", NULL },
	{ "{\"error\": {\"code\": 1}}", NULL, NULL },
	{ "{\"error\": \"\"}", NULL, NULL },
	{ "{\"message\": \"x\"}", NULL, NULL },
	{ "<html>", NULL, NULL },
};

static void
test_long_texts(void)
{
	StringInfoData text;
	TokenAnswer answer;
	char *code;
	char *description;

	for (int extra = 0; extra < 2; extra++)
	{
		initStringInfo(&text);
		appendStringInfoString(&text, "{\"token_type\": \"Bearer\", \"access_token\": \"");
		for (int i = 0; i < MAX_TOKEN_BYTES + extra; i++)
			appendStringInfoChar(&text, 'x');
		appendStringInfoString(&text, "\"}");
		dq_token_answer_read(text.data, text.len, &answer);
		ok((answer.problem == NULL) == (extra == 0), "a token of %d bytes more than the longest",
		   extra);
	}
	initStringInfo(&text);
	appendStringInfoString(&text, "{\"error\": \"x\", \"error_description\": \"");
	for (int i = 0; i < 2000; i++)
		appendStringInfoChar(&text, 'y');
	appendStringInfoString(&text, "\"}");
	ok(dq_token_error_read(text.data, text.len, &code, &description), "a long description");
	ok(strlen(description) == 300, "is cut");
}

int
main(void)
{
	for (int i = 0; i < lengthof(answers); i++)
	{
		TokenAnswer answer;

		dq_token_answer_read(answers[i].text, strlen(answers[i].text), &answer);
		if (answers[i].problem == NULL)
		{
			ok(answer.problem == NULL, "%s is taken", answers[i].text);
			ok(answer.life_ms == answers[i].life_ms, "with its life");
		}
		else
			ok(answer.problem && strstr(answer.problem, answers[i].problem), "%s: %s",
			   answers[i].text, answer.problem ? answer.problem : "is taken");
	}
	for (int i = 0; i < lengthof(errors); i++)
	{
		char *code = NULL;
		char *description = NULL;
		bool is_error = dq_token_error_read(errors[i].text, strlen(errors[i].text), &code,
											&description);

		ok(is_error == (errors[i].code != NULL), "%s", errors[i].text);
		if (is_error && errors[i].code)
		{
			is_text(code, errors[i].code, "its code");
			is_text(description, errors[i].description, "its description");
		}
	}
	test_long_texts();
	return tap_done();
}
