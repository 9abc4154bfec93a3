/*
 * openapi_words.c
 *	  Words: of names, of paths, of descriptions.
 */
#include "base.h"

#include "import/openapi_private.h"

bool
dq_words_is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

static bool
is_word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/*
 * True when text holds one of the words, without regard to case, at the beginning of a word;
 * a word that ends with a space must be a whole one.
 */
bool
dq_words_mention(const char *text, const char *const *words)
{
	for (const char *c = text; *c; c++)
	{
		if (c > text && is_word_byte(c[-1]))
			continue;
		for (const char *const *word = words; *word; word++)
		{
			size_t len = strlen(*word);
			bool is_whole = (*word)[len - 1] == ' ';

			if (is_whole)
				len--;
			if (pg_strncasecmp(c, *word, len) == 0 && !(is_whole && is_word_byte(c[len])))
				return true;
		}
	}
	return false;
}

/* The last segment of a path that is no placeholder, in lower-case words; "" without any. */
const char *
dq_words_last_segment(const char *path)
{
	const char *end = path + strlen(path);

	while (end > path)
	{
		const char *start = end;

		while (start > path && start[-1] != '/')
			start--;
		if (start < end && memchr(start, '{', end - start) == NULL)
			return dq_name_snake(pnstrdup(start, end - start));
		end = start > path ? start - 1 : path;
	}
	return "";
}

/* "companies" to "company", "statuses" to "status", "users" to "user"; anything else as it is. */
char *
dq_words_singular(const char *plural)
{
	size_t len = strlen(plural);

	if (len > 4 && strcmp(plural + len - 3, "ies") == 0)
		return psprintf("%.*sy", (int) len - 3, plural);
	if (len > 4 &&
		(strcmp(plural + len - 4, "sses") == 0 || strcmp(plural + len - 4, "uses") == 0 ||
		 strcmp(plural + len - 4, "xes") == 0 || strcmp(plural + len - 4, "ches") == 0))
		return pnstrdup(plural, len - 2);
	if (len > 2 && plural[len - 1] == 's' && plural[len - 2] != 's')
		return pnstrdup(plural, len - 1);
	return pstrdup(plural);
}

/* A description as one line of at most max bytes, white space made single; palloc'd. */
char *
dq_words_line(const char *text, int max)
{
	StringInfoData line;

	initStringInfo(&line);
	for (; *text; text++)
	{
		bool is_space = (unsigned char) *text <= 0x20 || *text == 0x7f;

		if (!is_space)
			appendStringInfoChar(&line, *text);
		else if (line.len > 0 && line.data[line.len - 1] != ' ')
			appendStringInfoChar(&line, ' ');
		if (line.len >= max)
			break;
	}
	if (line.len >= max)
	{
		while (line.len > 0 && ((unsigned char) line.data[line.len - 1] & 0xC0) == 0x80)
			line.len--;
		if (line.len > 0)
			line.len--;
		line.data[line.len] = '\0';
		appendStringInfoString(&line, "...");
	}
	while (line.len > 0 && line.data[line.len - 1] == ' ')
		line.data[--line.len] = '\0';
	return dq_decl_take(&line);
}
