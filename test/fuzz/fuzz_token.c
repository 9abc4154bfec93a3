/*
 * fuzz_token.c
 *	  Whatever a token endpoint answers, a token that is taken is fit for a header, and words of an
 *	  error are fit for a message.
 */
#include "base.h"

#include "fuzz_check.h"
#include "fuzz_memory.h"
#include "transport/token_answer.h"

/* Aborts where a text holds a byte outside of a range. */
static void
check_bytes(const char *text, char first, char last)
{
	for (; text && *text; text++)
		if (*text < first || *text > last)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TokenAnswer answer;
	char *code;
	char *description;

	dq_token_answer_read((const char *) data, size, &answer);
	if (answer.problem == NULL)
	{
		check_bytes(answer.token, '!', '~');
		if (answer.token[0] == '\0' || strlen(answer.token) > MAX_TOKEN_BYTES || answer.life_ms < 0)
			abort();
	}
	if (dq_token_error_read((const char *) data, size, &code, &description))
	{
		check_bytes(code, ' ', '~');
		check_bytes(description, ' ', '~');
	}
	fuzz_release();
	return 0;
}
