/*
 * token_answer.h
 *	  What the token endpoint of an OAuth 2.0 authorization server answers (RFC 6749, section 5).
 *
 * Pure: nothing here raises.  Nothing of an answer but the code and description of an error gets
 * into a message, since any other part of it may be a token.
 */
#ifndef DQ_TOKEN_ANSWER_H
#define DQ_TOKEN_ANSWER_H

#include "lib/stringinfo.h"

/* Longer tokens are refused: few services take a header of more. */
#define MAX_TOKEN_BYTES 8000

/* Life of a token whose answer does not tell it. */
#define DEFAULT_TOKEN_LIFE_MS ((int64) 5 * 60 * 1000)

typedef struct TokenAnswer
{
	const char *problem; /* NULL: none, and the rest is set */
	char *token;		 /* fit for a header; palloc'd */
	int64 life_ms;
} TokenAnswer;

/* Reads the body of a 2xx answer. */
extern void dq_token_answer_read(const char *text, size_t len, TokenAnswer *answer);

/*
 * Reads the body of an error: its code, and a description or NULL, both printable ASCII and
 * palloc'd.  False when it is none of RFC 6749, section 5.2.
 */
extern bool dq_token_error_read(const char *text, size_t len, char **code, char **description);

#endif /* DQ_TOKEN_ANSWER_H */
