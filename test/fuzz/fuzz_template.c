/*
 * fuzz_template.c
 *	  Whatever templates, names and values say, the URL built is a legal one of the service.
 *
 * The input is a list of texts, separated by newlines: path, spell template, sort template, name,
 * values.  What is checked: only bytes that are legal in a URL; scheme, host and port of the base;
 * as many path segments as the template has; no fragment; and each value comes out of the path
 * again when it is decoded.
 */
#include "base.h"

#include <curl/curl.h>

#include "request/request.h"
#include "request/url.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define MAX_TEXTS 8

/* Every placeholder of a path gets the same value. */
static bool
lookup_value(const char *placeholder, void *arg, const char **value, bool *is_encoded)
{
	*value = arg;
	return true;
}

static int
count_slashes(const char *text, const char *end)
{
	int n = 0;

	for (; text < end; text++)
		n += *text == '/';
	return n;
}

/* Slashes in the literals of a path, up to its query string. */
static int
template_slashes(const Template *path)
{
	int n = 0;

	for (int i = 0; i < path->nparts; i++)
	{
		const char *literal = path->parts[i].literal;

		if (literal == NULL)
			continue;
		n += count_slashes(literal, literal + strcspn(literal, "?"));
		if (strchr(literal, '?'))
			break;
	}
	return n;
}

/* True when some placeholder of the path stands before its query string. */
static bool
has_path_value(const Template *path)
{
	for (int i = 0; i < path->nparts; i++)
	{
		if (path->parts[i].placeholder)
			return true;
		if (strchr(path->parts[i].literal, '?'))
			return false;
	}
	return false;
}

static void
check_url(const char *base, const Template *path, const char *value, const char *url)
{
	const char *legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%"
						"!$&'()*+,;=:@/?";
	CURLU *handle = curl_url();
	char *path_text = NULL;
	char *fragment = NULL;
	size_t prefix = strlen(base);
	int expected = count_slashes(base + 8, base + prefix) + template_slashes(path);
	bool adds_slash = url[prefix] == '/' &&
		!(path->nparts > 0 && path->parts[0].literal && path->parts[0].literal[0] == '/');

	check_text(strspn(url + prefix, legal) == strlen(url + prefix), "illegal byte", url);
	check_text(strncmp(url, base, prefix) == 0, "base changed", url);
	check_text(curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK, "no URL", url);
	check_text(dq_url_same_origin(base, url), "origin changed", url);
	check_text(curl_url_get(handle, CURLUPART_FRAGMENT, &fragment, 0) != CURLUE_OK, "fragment",
			   url);
	check_text(curl_url_get(handle, CURLUPART_PATH, &path_text, 0) == CURLUE_OK, "no path", url);
	if (url[prefix] != '\0' && url[prefix] != '?')
		check_text(count_slashes(path_text, path_text + strlen(path_text)) == expected + adds_slash,
				   "path segments changed", url);
	if (has_path_value(path))
	{
		StringInfoData encoded;

		initStringInfo(&encoded);
		dq_url_encode(&encoded, value);
		check_text(strstr(path_text, encoded.data) != NULL, "value lost", url);
		pfree(encoded.data);
	}
	curl_free(path_text);
	curl_url_cleanup(handle);
}

/* Cuts data into texts at newlines and NUL bytes; 0x1f stands for a newline within a text. */
static int
split_texts(const uint8_t *data, size_t size, char **texts)
{
	int n = 0;
	const uint8_t *end = data + size;

	for (; n < MAX_TEXTS && data <= end; n++)
	{
		const uint8_t *stop = data;

		while (stop < end && *stop != '\n' && *stop != '\0')
			stop++;
		texts[n] = pnstrdup((const char *) data, stop - data);
		for (char *p = texts[n]; *p; p++)
			if (*p == 0x1f)
				*p = '\n';
		data = stop + 1;
	}
	return n;
}

/* Spells one condition by the template for every operator that accepts it, and asks. */
static void
ask(const char *base, const Template *path, const char *spell, const Template *spell_sort,
	const Template *sort_key, const char *name, const char **values, int nvalues)
{
	SortKey sort[] = { { name, false }, { values[0], true } };

	for (int op = 0; op < COND_COUNT; op++)
	{
		char *problem = NULL;
		Template *compiled = dq_template_compile(spell, dq_condition_placeholders(op), &problem);
		BoundTree condition = { .condition = { .name = name,
											   .op = op,
											   .spell = compiled,
											   .is_text = (op & 1) != 0,
											   .nvalues = op == COND_IN ? nvalues :
												   op < COND_NULL		? 1 :
																		  0,
											   .values = values } };
		const BoundTree *parts[] = { &condition, &condition };
		BoundTree either = { .kind = BOUND_ANY, .nparts = 2, .parts = parts };
		const BoundTree *trees[] = { &condition, &either };
		Logic logic = { .whole = (op & 2) ? spell_sort : NULL,
						.top = spell_sort,
						.all = spell_sort,
						.any = spell_sort,
						.all_joiner = spell,
						.any_joiner = spell };
		Question question = { .base_url = base,
							  .path = path,
							  .path_lookup = lookup_value,
							  .path_lookup_arg = (void *) values[0],
							  .nconditions = compiled ? (spell_sort ? 2 : 1) : 0,
							  .conditions = trees,
							  .logic = spell_sort ? &logic : NULL,
							  .nfixed = 1,
							  .fixed = &values[nvalues - 1],
							  .nsort = spell_sort ? 2 : 0,
							  .sort = sort,
							  .spell_sort = spell_sort,
							  .sort_asc = sort_key,
							  .sort_desc = sort_key };
		char *url = dq_question_url(&question, &problem);

		check_text((url == NULL) == (problem != NULL), "problem without failure", spell);
		if (url)
			check_url(base, path, values[0], url);
		if (compiled && op == COND_IN)
			dq_condition_can_list(compiled, values[0]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const bases[] = { "http://host", "https://host:8443/api/v1",
										 "http://[::1]:8080/a" };
	char *texts[MAX_TEXTS];
	char *problem;
	int n = split_texts(data, size, texts);
	Template *path = dq_template_compile(texts[0], NULL, &problem);
	StringInfoData encoded;
	ConditionOpSet ops;

	dq_condition_ops_parse(texts[0], &ops, &problem);
	dq_url_problem(texts[0]);
	initStringInfo(&encoded);
	dq_url_encode(&encoded, texts[0]);
	if (n >= 5 && path)
	{
		Template *spell_sort = dq_template_compile(texts[2], dq_sort_placeholders(), &problem);
		Template *sort_key = dq_template_compile(texts[2], dq_sort_key_placeholders(), &problem);

		ask(bases[size % lengthof(bases)], path, texts[1], spell_sort, sort_key, texts[3],
			(const char **) texts + 4, n - 4);
	}
	fuzz_release();
	return 0;
}
