/*
 * doc_json.c
 *	  A document in JSON as a tree.
 *
 * Not by json-c: its objects live outside of memory contexts, so that each error on the way would
 * have to give them back, its parser takes what is no JSON, and it needs half a kilobyte for each
 * object, of which a large description has some hundred thousand.
 */
#include "base.h"

#include "import/doc.h"
#include "rows/json_scan.h"

/* Checks all of it first, so that the walk below meets nothing unexpected. */
static bool
check_json(const char *text, size_t len, char **problem)
{
	const char *phrase;
	const JsonPointer *whole = dq_json_pointer_compile("", &phrase);
	JsonSlice found;
	JsonError error;
	int culprit;

	if (dq_json_locate(dq_json_locator_create(&whole, 1), text, len, &found, &culprit, &error))
		return true;
	*problem = psprintf("%s at byte " UINT64_FORMAT, error.message, error.offset);
	return false;
}

/* Resolves a string's escapes in its own place, where it ends with a zero byte then. */
static char *
string_in_place(const JsonSlice *string, StringInfo scratch, char **problem)
{
	char *start = (char *) string->start + 1;
	JsonError error;

	if (!string->has_escapes)
	{
		start[string->len - 2] = '\0';
		return start;
	}
	resetStringInfo(scratch);
	if (!dq_json_string_append(scratch, string, &error))
	{
		*problem = pstrdup(error.message);
		return NULL;
	}
	memcpy(start, scratch->data, scratch->len + 1);
	return start;
}

static const char *
scalar_text(const JsonSlice *value, StringInfo scratch, char **problem)
{
	if (value->kind == JSONK_STRING)
		return string_in_place(value, scratch, problem);
	if (value->kind == JSONK_NUMBER)
		return pnstrdup(value->start, value->len);
	return "";
}

const DocNode *
dq_doc_read_json(char *text, size_t len, char **problem)
{
	static const DocKind kinds[] = { [JSONK_NULL] = DOC_NULL,
									 [JSONK_FALSE] = DOC_FALSE,
									 [JSONK_TRUE] = DOC_TRUE,
									 [JSONK_NUMBER] = DOC_NUMBER,
									 [JSONK_STRING] = DOC_STRING };
	DocBuilder *builder = palloc0(sizeof(DocBuilder));
	StringInfoData scratch;
	const char *end = text + len;
	JsonSlice value;

	*problem = NULL;
	/* A byte order mark is passed over, as in answers. */
	if (len >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0)
		text += 3;
	if (!check_json(text, end - text, problem))
		return NULL;
	initStringInfo(&scratch);
	for (const char *p = text; p < end && builder->problem == NULL && *problem == NULL;)
	{
		switch (json_class(*p))
		{
			case JSONC_OBJECT:
			case JSONC_ARRAY:
				dq_doc_begin(builder, *p++ == '{' ? DOC_OBJECT : DOC_ARRAY);
				break;
			case JSONC_PUNCTUATION:
				if (*p == '}' || *p == ']')
					dq_doc_end(builder);
				p++;
				break;
			case JSONC_SPACE:
				p++;
				break;
			default:
				/* The byte behind a string is not looked at before the string is cut off. */
				p = dq_json_pass_value(p, end, &value);
				dq_doc_scalar(builder, kinds[value.kind], scalar_text(&value, &scratch, problem));
		}
	}
	pfree(scratch.data);
	if (builder->problem)
		*problem = pstrdup(builder->problem);
	return *problem ? NULL : builder->root;
}
