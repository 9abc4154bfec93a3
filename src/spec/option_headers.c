/*
 * option_headers.c
 *	  Option headers: a JSON object of header names and values; and what may stand in a header.
 */
#include "postgres.h"

#include "rows/json.h"
#include "spec/options.h"

bool
dq_option_has_control(const char *value)
{
	for (; *value; value++)
		if ((unsigned char) *value < 0x20 || *value == 0x7f)
			return true;
	return false;
}

/* RFC 9110, section 5.6.2. */
bool
dq_option_is_token(const char *value)
{
	return value[0] != '\0' &&
		value[strspn(value,
					 "!#$%&'*+-.^_`|~0123456789"
					 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

/* The text of a JSON string, palloc'd; NULL when it holds what PostgreSQL's text cannot. */
static char *
string_text(const JsonSlice *string)
{
	StringInfoData text;
	JsonError error;

	initStringInfo(&text);
	return dq_json_string_append(&text, string, &error) ? text.data : NULL;
}

/*
 * NULL when the member is good, with *name and *value set; else what is wrong, without quoting a
 * value.
 */
static char *
read_header(const JsonSlice *key, const JsonSlice *member, char **name, char **value)
{
	*name = string_text(key);
	if (*name == NULL || !dq_option_is_token(*name))
		return pstrdup("a header's name consists of letters, digits and some signs (RFC 9110)");
	if (member->kind != JSONK_STRING)
		return psprintf("the value of header \"%s\" must be a string", *name);
	*value = string_text(member);
	if (*value == NULL || dq_option_has_control(*value))
		return psprintf("the header \"%s\" holds a control character", *name);
	return NULL;
}

List *
dq_option_headers(const char *value, char **problem)
{
	const char *ignored;
	const JsonPointer *whole = dq_json_pointer_compile("", &ignored);
	JsonSlice object;
	JsonSlice key;
	JsonSlice member;
	JsonIterator iterator;
	JsonError error;
	int culprit;
	List *headers = NIL;

	*problem = NULL;
	if (!dq_json_locate(dq_json_locator_create(&whole, 1), value, strlen(value), &object, &culprit,
						&error))
		*problem = pstrdup("it is not valid JSON");
	else if (object.kind != JSONK_OBJECT)
		*problem = pstrdup("expected a JSON object of strings");
	if (*problem)
		return NIL;
	dq_json_iterate(&iterator, &object);
	while (*problem == NULL && dq_json_iterator_next(&iterator, &key, &member))
	{
		char *name = NULL;
		char *text = NULL;

		*problem = read_header(&key, &member, &name, &text);
		if (*problem == NULL)
			headers = lappend(lappend(headers, name), text);
	}
	return headers;
}
