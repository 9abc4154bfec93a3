/*
 * fuzz_body.c
 *	  Whatever templates and values say, a body is JSON, and each value stands in it as itself.
 *
 * The input is a template, then a newline, then values, one a line.  What is checked: the text sent
 * is valid JSON of the template's kind; a copy says the same; a value that stands alone in an array
 * is read back as it was given.
 */
#include "base.h"

#include "request/body.h"
#include "rows/json.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define MAX_VALUES 8

/* Valid JSON?  Strings given from outside may be ill-formed UTF-8, which is no fault of ours. */
static bool
is_json(const char *text, JsonSlice *found)
{
	static const JsonPointer whole = { 0 };
	const JsonPointer *pointers[] = { &whole };
	JsonError error;
	int culprit;

	return dq_json_locate(dq_json_locator_create(pointers, 1), text, strlen(text), found, &culprit,
						  &error) ||
		error.code == JSONERR_UTF8;
}

static void
check_value(const char *text)
{
	StringInfoData array;
	JsonSlice found = { 0 };
	JsonError error;
	char *problem;
	const char *quoted = dq_json_value(JSON_FORM_STRING, text);
	BodyValue value = { false, 1, &quoted };
	BoundBody body = { dq_body_compile("[\"{x}\"]", &problem), &value };
	const char *sent = dq_body_text(&body, NULL);

	check_text(is_json(sent, &found), "no JSON", sent);
	check_text(is_json(dq_json_value(JSON_FORM_BARE, text), &found), "no JSON", text);
	if (found.kind == JSONK_MISSING)
		return;
	found = (JsonSlice) { quoted, strlen(quoted), JSONK_STRING, true };
	initStringInfo(&array);
	if (dq_json_string_append(&array, &found, &error))
		check_text(strcmp(array.data, text) == 0, "another value", sent);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *texts[MAX_VALUES + 1];
	const char *values[MAX_VALUES];
	const uint8_t *end = data + size;
	int n = 0;
	char *problem;
	BodyTemplate *tmpl;

	for (; n <= MAX_VALUES && data <= end; n++)
	{
		const uint8_t *stop = data;

		while (stop < end && *stop != '\n' && *stop != '\0')
			stop++;
		texts[n] = pnstrdup((const char *) data, stop - data);
		data = stop + 1;
	}
	for (int i = 1; i < n; i++)
	{
		check_value(texts[i]);
		values[i - 1] = dq_json_value(i % 2 ? JSON_FORM_BARE : JSON_FORM_STRING, texts[i]);
	}
	tmpl = dq_body_compile(texts[0], &problem);
	check_text((tmpl == NULL) == (problem != NULL), "problem without failure", texts[0]);
	if (tmpl)
	{
		BodyValue *of_holes = palloc0(sizeof(BodyValue) * (tmpl->nholes + 1));
		BoundBody body = { tmpl, of_holes };
		PagePosition position = { .number = 7, .size = n - 1, .cursor = n > 1 ? texts[1] : NULL };
		JsonSlice found = { 0 };
		char *text;

		for (int i = 0; n > 1 && i < tmpl->nholes; i++)
			of_holes[i] = (BodyValue) { i % 3 == 0 || i % (n - 1) > 1, i % (n - 1), values };
		text = dq_body_text(&body, &position);
		check_text(is_json(text, &found), "no JSON", text);
		check_text(text[0] == '{' || text[0] == '[', "another kind", text);
		check_text(strcmp(text, dq_body_text(dq_body_copy(&body), &position)) == 0,
				   "a copy differs", text);
		dq_body_ops(tmpl, texts[n - 1]);
		dq_body_paging(tmpl);
	}
	fuzz_release();
	return 0;
}
