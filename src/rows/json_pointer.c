/*
 * json_pointer.c
 *	  Compiles JSON Pointers (RFC 6901).
 */
#include "base.h"

#include <limits.h>

#include "rows/json.h"

static int token_index(const char *token, int len);

JsonPointer *
dq_json_pointer_compile(const char *source, const char **problem)
{
	JsonPointer *pointer;
	int ntokens = 0;

	*problem = NULL;
	if (source[0] != '\0' && source[0] != '/')
		*problem = "a JSON Pointer is empty or starts with \"/\"";
	for (const char *p = source; *p && *problem == NULL; p++)
	{
		if (*p == '/')
			ntokens++;
		if (*p == '~' && p[1] != '0' && p[1] != '1')
			*problem = "in a JSON Pointer \"~\" is written \"~0\" and \"/\" in a name \"~1\"";
	}
	if (*problem)
		return NULL;

	pointer = palloc0(sizeof(JsonPointer));
	pointer->ntokens = ntokens;
	pointer->tokens = palloc(sizeof(char *) * (ntokens + 1));
	pointer->token_lens = palloc(sizeof(int) * (ntokens + 1));
	pointer->indexes = palloc(sizeof(int) * (ntokens + 1));
	for (int i = 0; i < ntokens; i++)
	{
		const char *p = source + 1; /* behind the token's slash */
		int raw_len = (int) strcspn(p, "/");
		char *token = palloc(raw_len + 1);
		int len = 0;

		for (int at = 0; at < raw_len; at++)
		{
			if (p[at] == '~')
				token[len++] = p[++at] == '0' ? '~' : '/';
			else
				token[len++] = p[at];
		}
		token[len] = '\0';
		pointer->tokens[i] = token;
		pointer->token_lens[i] = len;
		pointer->indexes[i] = token_index(token, len);
		source = p + raw_len;
	}
	return pointer;
}

/* RFC 6901, section 4: 0, or digits without a leading zero. */
static int
token_index(const char *token, int len)
{
	int64 index = 0;

	if (len == 0 || len > 10 || (token[0] == '0' && len > 1))
		return -1;
	for (int i = 0; i < len; i++)
	{
		if (token[i] < '0' || token[i] > '9')
			return -1;
		index = index * 10 + (token[i] - '0');
	}
	return index < INT_MAX ? (int) index : -1;
}
