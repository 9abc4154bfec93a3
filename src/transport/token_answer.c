/*
 * token_answer.c
 *	  What the token endpoint of an OAuth 2.0 authorization server answers (RFC 6749, section 5).
 *
 * Builds without a backend: test/unit/token_answer_test.c.
 */
#include "base.h"

#include "rows/json.h"
#include "transport/token_answer.h"

/* A token is not believed to live longer. */
#define MAX_LIFE_S ((int64) 366 * 24 * 60 * 60)

#define MAX_CODE_BYTES 64
#define MAX_DESCRIPTION_BYTES 300

/* Finds members of an object by their pointers; false when the text is no JSON. */
static bool
locate(const char *text, size_t len, const char *const *names, int n, JsonSlice *found)
{
	const JsonPointer *pointers[4];
	const char *problem;
	JsonError error;
	int culprit;

	Assert(n <= lengthof(pointers));
	for (int i = 0; i < n; i++)
		pointers[i] = dq_json_pointer_compile(names[i], &problem);
	return dq_json_locate(dq_json_locator_create(pointers, n), text, len, found, &culprit, &error);
}

/* A string's text, NULL when it is none. */
static char *
string_text(const JsonSlice *slice)
{
	StringInfoData text;
	JsonError error;

	if (slice->kind != JSONK_STRING)
		return NULL;
	initStringInfo(&text);
	return dq_json_string_append(&text, slice, &error) ? text.data : NULL;
}

/* b64token of RFC 6750, section 2.1: nothing that could end a header. */
static bool
is_b64token(const char *token)
{
	size_t len = strspn(token,
						"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/");

	return len > 0 && token[len + strspn(token + len, "=")] == '\0';
}

/* Seconds, as a number or (some servers) a string of digits; -1 when it is neither. */
static int64
seconds(const JsonSlice *slice)
{
	const char *digits = slice->start;
	size_t len = slice->len;
	int64 value = 0;

	if (slice->kind == JSONK_STRING)
	{
		digits++;
		len -= 2;
	}
	else if (slice->kind != JSONK_NUMBER)
		return -1;
	if (len == 0)
		return -1;
	for (size_t i = 0; i < len; i++)
	{
		if (digits[i] < '0' || digits[i] > '9')
			return -1;
		if (value < MAX_LIFE_S)
			value = value * 10 + digits[i] - '0';
	}
	return Min(value, MAX_LIFE_S);
}

static const char *
token_problem(const JsonSlice *slice, TokenAnswer *answer)
{
	if (slice->kind == JSONK_MISSING)
		return "the answer holds no \"access_token\"";
	answer->token = string_text(slice);
	if (answer->token == NULL || !is_b64token(answer->token))
		return "its access token holds characters that cannot be sent in a header (RFC 6750)";
	if (strlen(answer->token) > MAX_TOKEN_BYTES)
		return "its access token is longer than 8000 bytes";
	return NULL;
}

static const char *
type_problem(const JsonSlice *slice)
{
	char *type = string_text(slice);

	if (type == NULL)
		return "the answer does not tell the \"token_type\"";
	if (pg_strcasecmp(type, "Bearer") != 0)
		return "its tokens are not of \"token_type\" Bearer, the only one that is understood";
	return NULL;
}

static const char *
life_problem(const JsonSlice *slice, TokenAnswer *answer)
{
	int64 life_s;

	answer->life_ms = DEFAULT_TOKEN_LIFE_MS;
	if (slice->kind == JSONK_MISSING || slice->kind == JSONK_NULL)
		return NULL;
	life_s = seconds(slice);
	answer->life_ms = life_s * 1000;
	return life_s < 0 ? "\"expires_in\" of its answer is no number of seconds" : NULL;
}

void
dq_token_answer_read(const char *text, size_t len, TokenAnswer *answer)
{
	static const char *const names[] = { "/access_token", "/token_type", "/expires_in" };
	JsonSlice found[lengthof(names)];

	memset(answer, 0, sizeof(*answer));
	if (!locate(text, len, names, lengthof(names), found))
		answer->problem = "the answer is no JSON object";
	if (answer->problem == NULL)
		answer->problem = token_problem(&found[0], answer);
	if (answer->problem == NULL)
		answer->problem = type_problem(&found[1]);
	if (answer->problem == NULL)
		answer->problem = life_problem(&found[2], answer);
}

/* Text in printable ASCII, cut. */
static char *
shown(char *text, size_t max)
{
	if (text == NULL)
		return NULL;
	for (char *c = text; *c; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	if (strlen(text) > max)
		text[max] = '\0';
	return text;
}

bool
dq_token_error_read(const char *text, size_t len, char **code, char **description)
{
	static const char *const names[] = { "/error", "/error_description" };
	JsonSlice found[lengthof(names)];

	if (!locate(text, len, names, lengthof(names), found))
		return false;
	*code = shown(string_text(&found[0]), MAX_CODE_BYTES);
	*description = shown(string_text(&found[1]), MAX_DESCRIPTION_BYTES);
	return *code != NULL && **code != '\0';
}
