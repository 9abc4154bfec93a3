/*
 * splitter_envelope.c
 *	  What stands around the rows of an answer: checked, followed to the rows' place, captured
 *	  where wanted.
 *
 * Structure is checked byte by byte, tokens as a whole once their end has come.  The path to the
 * current value is not kept; each pointer only knows how many of its leading tokens the path
 * agrees with.
 */
#include "base.h"

#include "rows/splitter_private.h"

static SplitResult step_start(RowSplitter *splitter);
static SplitResult step_punctuation(RowSplitter *splitter);
static SplitResult step_after_value(RowSplitter *splitter);
static SplitResult begin_value(RowSplitter *splitter);
static SplitResult close_level(RowSplitter *splitter);
static SplitResult end_string(RowSplitter *splitter, JsonSlice *string);
static SplitResult end_name(RowSplitter *splitter);
static void follow_element(RowSplitter *splitter);

SplitResult
dq_splitter_envelope_step(RowSplitter *splitter)
{
	JsonSlice ignored;

	switch (splitter->state)
	{
		case AT_START:
			return step_start(splitter);
		case IN_NAME:
			return dq_splitter_pass_string(splitter) ? end_name(splitter) : SPLIT_NEED_MORE;
		case IN_STRING:
			if (!dq_splitter_pass_string(splitter))
				return SPLIT_NEED_MORE;
			if (end_string(splitter, &ignored) == SPLIT_ERROR)
				return SPLIT_ERROR;
			return dq_splitter_end_value(splitter);
		case IN_BARE:
			if (!dq_splitter_pass_bare(splitter))
				return SPLIT_NEED_MORE;
			return dq_splitter_end_bare(splitter, false);
		default:
			splitter->p = json_skip_space(splitter->p, splitter->end);
			return splitter->p < splitter->end ? step_punctuation(splitter) : SPLIT_NEED_MORE;
	}
}

/* Some services send a byte order mark (RFC 8259, section 8.1: a parser may ignore it). */
static SplitResult
step_start(RowSplitter *splitter)
{
	static const char mark[] = "\xEF\xBB\xBF";

	while (splitter->p < splitter->end && splitter->bom_bytes < 3 &&
		   *splitter->p == mark[splitter->bom_bytes])
	{
		splitter->bom_bytes++;
		splitter->p++;
	}
	if (splitter->bom_bytes == 3 || (splitter->bom_bytes == 0 && splitter->p < splitter->end))
		splitter->state = AT_VALUE;
	else if (splitter->p < splitter->end)
		return dq_splitter_fail_unexpected(splitter, "a value");
	return SPLIT_NEED_MORE;
}

/* p is at a byte that is no white space, outside any token. */
static SplitResult
step_punctuation(RowSplitter *splitter)
{
	char byte = *splitter->p;

	switch (splitter->state)
	{
		case AT_FIRST_ELEMENT:
			if (byte == ']')
				return close_level(splitter);
			follow_element(splitter);
			return begin_value(splitter);
		case AT_VALUE:
			return begin_value(splitter);
		case AT_FIRST_MEMBER:
		case AT_MEMBER:
			if (byte == '}' && splitter->state == AT_FIRST_MEMBER)
				return close_level(splitter);
			if (byte != '"')
				return dq_splitter_fail_unexpected(splitter, "a member's name");
			dq_splitter_begin_token(splitter, IN_NAME, JSONK_STRING);
			return SPLIT_NEED_MORE;
		case AT_COLON:
			if (byte != ':')
				return dq_splitter_fail_unexpected(splitter, "\":\"");
			splitter->p++;
			splitter->state = AT_VALUE;
			return SPLIT_NEED_MORE;
		case AFTER_VALUE:
			return step_after_value(splitter);
		default:
			Assert(splitter->state == AT_END);
			return dq_splitter_fail(splitter, JSONERR_TRAILING,
									splitter_offset(splitter, splitter->p),
									"something follows the end of the answer");
	}
}

static SplitResult
step_after_value(RowSplitter *splitter)
{
	SplitterLevel *level = &splitter->levels[splitter->depth - 1];
	char byte = *splitter->p;

	if (byte == (level->is_object ? '}' : ']'))
		return close_level(splitter);
	if (byte != ',')
		return dq_splitter_fail_unexpected(splitter,
										   level->is_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
	splitter->p++;
	splitter->state = level->is_object ? AT_MEMBER : AT_VALUE;
	if (!level->is_object)
	{
		level->index++;
		follow_element(splitter);
	}
	return SPLIT_NEED_MORE;
}

/*
 * Values
 */

static SplitResult
open_level(RowSplitter *splitter, bool is_object)
{
	if (splitter->depth == DQ_JSON_MAX_DEPTH)
		return dq_splitter_fail(splitter, JSONERR_TOO_DEEP, splitter_offset(splitter, splitter->p),
								"nested deeper than %d levels", DQ_JSON_MAX_DEPTH);
	splitter->levels[splitter->depth].is_object = is_object;
	splitter->levels[splitter->depth].index = 0;
	splitter->depth++;
	splitter->p++;
	splitter->state = is_object ? AT_FIRST_MEMBER : AT_FIRST_ELEMENT;
	return SPLIT_NEED_MORE;
}

static SplitResult
close_level(RowSplitter *splitter)
{
	splitter->p++;
	splitter->depth--;
	return dq_splitter_end_value(splitter);
}

static void
begin_captures(RowSplitter *splitter)
{
	for (int i = 0; i < splitter->config.ncaptures; i++)
	{
		SplitterCapture *capture = &splitter->captures[i];

		if (capture->pointer == NULL || capture->pointer->ntokens != splitter->depth ||
			capture->matched != splitter->depth)
			continue;
		capture->depth = splitter->depth;
		capture->offset = splitter_offset(splitter, splitter->p);
		capture->from = splitter->p;
		capture->slice.kind = JSONK_MISSING;
		resetStringInfo(&capture->buffer);
	}
}

/* Where null may stand for what leads to the rows, there are none. */
static void
note_null(RowSplitter *splitter, JsonClass class)
{
	int nullable_from = splitter->config.nullable_from;

	if (class == JSONC_NULL && nullable_from > 0 && splitter->depth >= nullable_from &&
		splitter->rows_matched == splitter->depth)
		splitter->rows_seen = splitter->rows_ended = true;
}

static SplitResult
begin_value(RowSplitter *splitter)
{
	JsonClass class = json_class(*splitter->p);

	if (class == JSONC_OTHER || class == JSONC_PUNCTUATION)
		return dq_splitter_fail_unexpected(splitter, "a value");
	if (splitter->config.rows->ntokens == splitter->depth &&
		splitter->rows_matched == splitter->depth)
		return dq_splitter_begin_rows(splitter);
	begin_captures(splitter);
	note_null(splitter, class);
	switch (class)
	{
		case JSONC_ARRAY:
		case JSONC_OBJECT:
			return open_level(splitter, class == JSONC_OBJECT);
		case JSONC_QUOTE:
			dq_splitter_begin_token(splitter, IN_STRING, JSONK_STRING);
			return SPLIT_NEED_MORE;
		default:
			dq_splitter_begin_token(splitter, IN_BARE,
									class == JSONC_NUMBER	? JSONK_NUMBER :
										class == JSONC_NULL ? JSONK_NULL :
										class == JSONC_TRUE ? JSONK_TRUE :
															  JSONK_FALSE);
			return SPLIT_NEED_MORE;
	}
}

SplitResult
dq_splitter_end_value(RowSplitter *splitter)
{
	bool has_captured = false;

	splitter->state = splitter->depth == 0 ? AT_END : AFTER_VALUE;
	for (int i = 0; i < splitter->config.ncaptures; i++)
		has_captured |= splitter->captures[i].depth == splitter->depth;
	if (!has_captured)
		return SPLIT_NEED_MORE;
	if (dq_splitter_keep_captures(splitter) == SPLIT_ERROR)
		return SPLIT_ERROR;
	for (int i = 0; i < splitter->config.ncaptures; i++)
	{
		SplitterCapture *capture = &splitter->captures[i];
		char first;

		if (capture->depth != splitter->depth)
			continue;
		first = capture->buffer.data[0];
		capture->slice.start = capture->buffer.data;
		capture->slice.len = capture->buffer.len;
		capture->slice.kind = first == '{' ? JSONK_OBJECT :
			first == '['				   ? JSONK_ARRAY :
											 splitter->kind;
		capture->slice.has_escapes = first == '"' &&
			memchr(capture->buffer.data, '\\', capture->buffer.len) != NULL;
		capture->depth = -1;
	}
	return SPLIT_NEED_MORE;
}

SplitResult
dq_splitter_keep_captures(RowSplitter *splitter)
{
	for (int i = 0; i < splitter->config.ncaptures; i++)
	{
		SplitterCapture *capture = &splitter->captures[i];
		size_t len;

		if (capture->depth < 0)
			continue;
		len = splitter->p - capture->from;
		if (capture->buffer.len + len > splitter->config.max_capture_bytes)
			return dq_splitter_fail(splitter, JSONERR_TOO_LARGE, capture->offset,
									"a member beside the rows of more than %zu bytes",
									splitter->config.max_capture_bytes);
		appendBinaryStringInfo(&capture->buffer, capture->from, len);
		capture->from = splitter->p;
	}
	return SPLIT_NEED_MORE;
}

/*
 * Tokens
 */

static SplitResult
fail_in_token(RowSplitter *splitter)
{
	splitter->error.offset += splitter->token_offset;
	splitter->state = IS_DEAD;
	return SPLIT_ERROR;
}

static SplitResult
end_string(RowSplitter *splitter, JsonSlice *string)
{
	JsonScan scan;

	if (dq_splitter_take_token(splitter, string) == SPLIT_ERROR)
		return SPLIT_ERROR;
	scan = (JsonScan) { string->start, string->start + string->len, &splitter->error };
	string->has_escapes = false;
	if (dq_json_scan_string(&scan, string->start + 1, &string->has_escapes) == NULL)
		return fail_in_token(splitter);
	return SPLIT_NEED_MORE;
}

SplitResult
dq_splitter_end_bare(RowSplitter *splitter, bool is_last)
{
	JsonSlice token;
	JsonScan scan;
	const char *after;

	if (dq_splitter_take_token(splitter, &token) == SPLIT_ERROR)
		return SPLIT_ERROR;
	scan = (JsonScan) { token.start, token.start + token.len, &splitter->error };
	after = token.kind == JSONK_NUMBER ? dq_json_scan_number(&scan, token.start) :
										 dq_json_scan_literal(&scan, token.start);
	if (after && after < scan.end)
		after = dq_json_fail_unexpected(&scan, after, "the end of the value");
	if (after)
		return dq_splitter_end_value(splitter);
	if (splitter->error.code == JSONERR_CUT_OFF && !is_last)
		dq_json_fail(&scan, JSONERR_SYNTAX, scan.end, "an incomplete number or literal");
	return fail_in_token(splitter);
}

/*
 * Following the path
 */

/*
 * A pointer meets the name, or the index where name is NULL, of a value in the innermost of depth
 * levels.
 */
static void
follow(const JsonPointer *pointer, int *matched, int depth, const char *name, int name_len,
	   int64 index)
{
	if (*matched < depth - 1)
		return; /* it does not lead into this array or object */
	*matched = depth - 1;
	if (pointer->ntokens < depth)
		return;
	if (name ? pointer->token_lens[depth - 1] == name_len &&
				memcmp(pointer->tokens[depth - 1], name, name_len) == 0 :
			   pointer->indexes[depth - 1] == index)
		*matched = depth;
}

static void
follow_all(RowSplitter *splitter, const char *name, int name_len, int64 index)
{
	follow(splitter->config.rows, &splitter->rows_matched, splitter->depth, name, name_len, index);
	for (int i = 0; i < splitter->config.ncaptures; i++)
	{
		SplitterCapture *capture = &splitter->captures[i];

		if (capture->pointer == NULL)
			continue;
		follow(capture->pointer, &capture->matched, splitter->depth, name, name_len, index);

		/* Of members of the same name the last counts, for those on the way as well. */
		if (capture->matched == splitter->depth)
			capture->slice.kind = JSONK_MISSING;
	}
}

static void
follow_element(RowSplitter *splitter)
{
	follow_all(splitter, NULL, 0, splitter->levels[splitter->depth - 1].index);
}

static SplitResult
end_name(RowSplitter *splitter)
{
	JsonSlice name;
	JsonError ignored;

	if (end_string(splitter, &name) == SPLIT_ERROR)
		return SPLIT_ERROR;
	splitter->state = AT_COLON;
	resetStringInfo(&splitter->name);
	if (!name.has_escapes)
		follow_all(splitter, name.start + 1, (int) name.len - 2, 0);
	else if (dq_json_string_append(&splitter->name, &name, &ignored))
		follow_all(splitter, splitter->name.data, splitter->name.len, 0);
	else
		follow_all(splitter, "", -1, 0); /* \u0000: no pointer holds it */

	/* The last would count, but rows of the first are out already. */
	if (splitter->rows_seen && splitter->rows_matched == splitter->depth)
		return dq_splitter_fail(splitter, JSONERR_SYNTAX, splitter->token_offset,
								"the member that holds the rows, or leads to them, stands there twice");
	return SPLIT_NEED_MORE;
}
