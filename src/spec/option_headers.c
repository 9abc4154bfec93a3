/*
 * option_headers.c
 *	  Names and values of HTTP headers in options.
 *
 * A file of its own, because json-c's json_object and PostgreSQL's builtins.h do not go into one.
 */
#include "postgres.h"

#include <json-c/json.h>

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
		value[strspn(value, "!#$%&'*+-.^_`|~0123456789"
					 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] == '\0';
}

List *
dq_option_headers(const char *value, char **problem)
{
	json_tokener *tokener = json_tokener_new_ex(8);
	json_object *object;
	List	   *headers = NIL;

	*problem = NULL;
	if (tokener == NULL)
		elog(ERROR, "out of memory");
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	object = json_tokener_parse_ex(tokener, value, strlen(value) + 1);
	if (object == NULL || !json_object_is_type(object, json_type_object))
		*problem = pstrdup("expected a JSON object of strings");
	else
	{
		json_object_object_foreach(object, name, member)
		{
			if (!json_object_is_type(member, json_type_string) || !dq_option_is_token(name) ||
				dq_option_has_control(json_object_get_string(member)) ||
				strlen(json_object_get_string(member)) != (size_t) json_object_get_string_len(member))
			{
				*problem = pstrdup("a header's name must be a token, its value a string without control characters");
				break;
			}
			headers = lappend(headers, pstrdup(name));
			headers = lappend(headers, pstrdup(json_object_get_string(member)));
		}
	}
	if (object)
		json_object_put(object);
	json_tokener_free(tokener);
	return headers;
}
