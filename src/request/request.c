/*
 * request.c
 *	  The URL of a question, and what makes two requests the same.
 */
#include "base.h"

#include "request/request.h"
#include "request/url.h"

static const char *const sort_placeholders[] = { "keys", "orders", "key", NULL };
static const char *const sort_key_placeholders[] = { "name", NULL };

static const char *const limit_placeholders[] = { "value", NULL };
static const char *const fields_placeholders[] = { "values", NULL };

/* Lists of sort keys, encoded. */
typedef struct SortLists
{
	char *key; /* one of them */
	char *keys;
	char *orders;
} SortLists;

const char *const *
dq_sort_placeholders(void)
{
	return sort_placeholders;
}

const char *const *
dq_sort_key_placeholders(void)
{
	return sort_key_placeholders;
}

const char *const *
dq_limit_placeholders(void)
{
	return limit_placeholders;
}

const char *const *
dq_fields_placeholders(void)
{
	return fields_placeholders;
}

static bool
has_control_character(const char *value)
{
	for (const unsigned char *p = (const unsigned char *) value; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			return true;
	return false;
}

/*
 * NULL when value may stand in the path, else what is wrong with it.  The value is not shown: it
 * may be anything.
 */
static char *
path_value_problem(const char *placeholder, const char *value)
{
	if (value[0] == '\0')
		return psprintf("the value of \"%s\" is empty and cannot stand in a path", placeholder);
	if (strcmp(value, ".") == 0 || strcmp(value, "..") == 0)
		return psprintf("the value \"%s\" of \"%s\" cannot stand in a path", value, placeholder);
	if (has_control_character(value))
		return psprintf("the value of \"%s\" holds a control character and cannot stand in a path",
						placeholder);
	return NULL;
}

/*
 * Expands the path.  Unlike dq_template_expand, it knows where the query string begins, and
 * encodes every value, so that none can add a segment, a query string or a fragment.
 */
static char *
expand_path(StringInfo out, const Question *question)
{
	bool in_query = false;

	for (int i = 0; i < question->path->nparts; i++)
	{
		const TemplatePart *part = &question->path->parts[i];
		const char *value = NULL;
		bool is_encoded = false;
		char *problem;

		if (part->literal)
		{
			in_query |= strchr(part->literal, '?') != NULL;
			dq_url_encode_literal(out, part->literal);
			continue;
		}
		if (question->path_lookup == NULL ||
			!question->path_lookup(part->placeholder, question->path_lookup_arg, &value,
								   &is_encoded) ||
			value == NULL)
			return psprintf("there is no value for \"%s\" in its path", part->placeholder);
		problem = in_query ? NULL : path_value_problem(part->placeholder, value);
		if (problem)
			return problem;
		dq_url_encode(out, value);
	}
	return NULL;
}

/*
 * True when a segment of an encoded path is "." or "..", which would be taken out on the way.
 * libcurl and others read "%2e" as a dot here; only the operator's own text can say that.
 */
static bool
has_dot_segment(const char *path)
{
	const char *end = path + strcspn(path, "?");
	int dots = 0;
	int others = 0;

	for (const char *p = path;; p++)
	{
		if (p == end || *p == '/')
		{
			if (others == 0 && (dots == 1 || dots == 2))
				return true;
			if (p == end)
				return false;
			dots = others = 0;
		}
		else if (*p == '.')
			dots++;
		else if (pg_strncasecmp(p, "%2e", 3) == 0)
		{
			dots++;
			p += 2;
		}
		else
			others++;
	}
}

static bool
lookup_name(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	*value = arg;
	return strcmp(placeholder, "name") == 0;
}

static bool
lookup_sort(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	const SortLists *lists = arg;

	*value = strcmp(placeholder, "keys") == 0 ? lists->keys :
		strcmp(placeholder, "key") == 0		  ? lists->key :
												lists->orders;
	*is_encoded = true;
	return true;
}

/* One key as the family writes it, encoded. */
static void
spell_sort_key(StringInfo out, const Question *question, const SortKey *key)
{
	const Template *spell = key->is_descending ? question->sort_desc : question->sort_asc;

	if (spell)
		dq_template_expand(spell, out, lookup_name, (void *) key->name);
	else
		dq_url_encode(out, key->name);
}

static void
append_sort(StringInfo query, const Question *question, SortLists *lists)
{
	if (query->len > 0)
		appendStringInfoChar(query, '&');
	dq_template_expand(question->spell_sort, query, lookup_sort, lists);
}

/* Appends the order asked for, if any: one parameter, or one for each key. */
static void
spell_sort(StringInfo query, const Question *question)
{
	StringInfoData keys;
	StringInfoData orders;
	SortLists lists = { 0 };

	if (question->nsort == 0 || question->spell_sort == NULL)
		return;
	initStringInfo(&keys);
	initStringInfo(&orders);
	for (int i = 0; i < question->nsort; i++)
	{
		const SortKey *key = &question->sort[i];
		int start = keys.len;

		spell_sort_key(&keys, question, key);
		lists.key = keys.data + start;
		if (dq_template_uses(question->spell_sort, "key"))
			append_sort(query, question, &lists);
		appendStringInfoString(&orders, key->is_descending ? "desc" : "asc");
		if (i < question->nsort - 1)
		{
			appendStringInfoChar(&keys, ',');
			appendStringInfoChar(&orders, ',');
		}
	}
	lists.keys = keys.data;
	lists.orders = orders.data;
	if (!dq_template_uses(question->spell_sort, "key"))
		append_sort(query, question, &lists);
	pfree(keys.data);
	pfree(orders.data);
}

static bool
lookup_encoded(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	*value = arg;
	*is_encoded = true;
	return true;
}

/* How many rows are enough, and which members of theirs. */
static void
spell_extent(StringInfo query, const Question *question)
{
	if (question->limit > 0 && question->spell_limit)
	{
		if (query->len > 0)
			appendStringInfoChar(query, '&');
		dq_template_expand(question->spell_limit, query, lookup_encoded,
						   psprintf(INT64_FORMAT, question->limit));
	}
	if (question->nfields > 0 && question->spell_fields)
	{
		StringInfoData fields;

		initStringInfo(&fields);
		for (int i = 0; i < question->nfields; i++)
		{
			if (i > 0)
				appendStringInfoChar(&fields, ',');
			dq_url_encode(&fields, question->fields[i]);
		}
		if (query->len > 0)
			appendStringInfoChar(query, '&');
		dq_template_expand(question->spell_fields, query, lookup_encoded, fields.data);
	}
}

char *
dq_question_url(const Question *question, char **problem)
{
	StringInfoData url;
	StringInfoData path;
	StringInfoData query;
	size_t base_len = strlen(question->base_url);

	initStringInfo(&path);
	*problem = expand_path(&path, question);
	if (*problem)
		return NULL;
	if (has_dot_segment(path.data))
	{
		*problem = pstrdup("its path has a segment \".\" or \"..\"");
		return NULL;
	}

	initStringInfo(&url);
	while (base_len > 0 && question->base_url[base_len - 1] == '/')
		base_len--;
	appendBinaryStringInfo(&url, question->base_url, base_len);
	if (path.len > 0 && path.data[0] != '/' && path.data[0] != '?')
		appendStringInfoChar(&url, '/');
	appendStringInfoString(&url, path.data);

	initStringInfo(&query);
	dq_logic_spell(&query, question->logic, question->nconditions, question->conditions);
	for (int i = 0; i < question->nfixed; i++)
	{
		if (query.len > 0)
			appendStringInfoChar(&query, '&');
		dq_url_encode_literal(&query, question->fixed[i]);
	}
	spell_sort(&query, question);
	spell_extent(&query, question);
	return dq_url_add_query(url.data, query.data);
}

/* A text with its length before it, so that no two lists of texts give the same bytes. */
static void
append_text(StringInfo out, const char *text)
{
	uint64 len = text ? strlen(text) : PG_UINT64_MAX;

	appendBinaryStringInfo(out, (const char *) &len, sizeof(len));
	if (text)
		appendBinaryStringInfo(out, text, (int) len);
}

void
dq_request_identity(const Request *request, StringInfo out)
{
	append_text(out, request->method);
	append_text(out, request->url);
	append_text(out, request->body);
	for (int i = 0; i < request->nheaders; i++)
	{
		append_text(out, request->headers[i].name);
		append_text(out, request->headers[i].value);
	}
}
