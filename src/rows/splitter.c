/*
 * splitter.c
 *	  Hands out the elements of an answer that is still arriving.
 *
 * A state machine that can stop at any byte.  splitter_envelope.c follows the answer's outer
 * structure to the rows' place; here are the rows themselves, of which only the extents are found,
 * and what both share.
 *
 * Bytes are looked at once and, as long as a token or element lies in one chunk, not copied.  What
 * a chunk ends inside of goes to splitter->buffer, what is being captured to the capture's own.
 */
#include "base.h"

#include "rows/splitter_private.h"

/* palloc refuses 1 GB. */
#define MAX_BUFFER_BYTES ((size_t) 1023 * 1024 * 1024)

/* Members that are rows were asked for by name: no request asks for more (max_batch). */
#define MAX_ROW_NAMES 100000

static void prepare_captures(RowSplitter *splitter);
static bool is_in_token(const RowSplitter *splitter);
static SplitResult keep_token(RowSplitter *splitter);
static void fail_rows_missing(RowSplitter *splitter);

RowSplitter *
dq_splitter_create(const SplitterConfig *config)
{
	RowSplitter *splitter = palloc0(sizeof(RowSplitter));

	splitter->config = *config;
	splitter->config.max_element_bytes = Min(config->max_element_bytes, MAX_BUFFER_BYTES);
	splitter->config.max_capture_bytes = Min(config->max_capture_bytes, MAX_BUFFER_BYTES);
	splitter->state = AT_START;
	initStringInfo(&splitter->buffer);
	initStringInfo(&splitter->name);
	if (config->rows_are_members)
		dq_name_set_init(&splitter->row_names);
	prepare_captures(splitter);
	return splitter;
}

/* A value that holds the rows, or stands inside them, is not captured. */
static void
prepare_captures(RowSplitter *splitter)
{
	const JsonPointer *rows = splitter->config.rows;

	splitter->captures = palloc0(sizeof(SplitterCapture) * (splitter->config.ncaptures + 1));
	for (int i = 0; i < splitter->config.ncaptures; i++)
	{
		SplitterCapture *capture = &splitter->captures[i];
		const JsonPointer *pointer = splitter->config.captures[i];
		int common = 0;

		capture->depth = -1;
		if (pointer == NULL)
			continue;
		while (common < pointer->ntokens && common < rows->ntokens &&
			   strcmp(pointer->tokens[common], rows->tokens[common]) == 0)
			common++;
		if (common == pointer->ntokens || common == rows->ntokens)
			continue;
		capture->pointer = pointer;
		initStringInfo(&capture->buffer);
	}
}

void
dq_splitter_free(RowSplitter *splitter)
{
	for (int i = 0; i < splitter->config.ncaptures; i++)
		if (splitter->captures[i].pointer)
			pfree(splitter->captures[i].buffer.data);
	pfree(splitter->captures);
	dq_name_set_free(&splitter->row_names);
	pfree(splitter->buffer.data);
	pfree(splitter->name.data);
	pfree(splitter);
}

void
dq_splitter_feed(RowSplitter *splitter, const char *bytes, size_t len)
{
	Assert(splitter->p == splitter->end || splitter->state == IS_DEAD);
	splitter->consumed += splitter->end - splitter->chunk;
	splitter->chunk = bytes;
	splitter->p = bytes;
	splitter->end = bytes + len;
	splitter->token = bytes;
	for (int i = 0; i < splitter->config.ncaptures; i++)
		splitter->captures[i].from = bytes;
}

SplitResult
dq_splitter_next(RowSplitter *splitter, JsonSlice *element, JsonError *error)
{
	SplitResult result = SPLIT_NEED_MORE;

	if (splitter->state == IS_DEAD)
		result = SPLIT_ERROR;
	while (result == SPLIT_NEED_MORE && splitter->p < splitter->end)
	{
		if (splitter->state >= AT_FIRST_ROW && splitter->state <= IN_ROW_BARE)
			result = dq_splitter_row_step(splitter, element);
		else
			result = dq_splitter_envelope_step(splitter);
	}
	if (result == SPLIT_NEED_MORE)
		result = dq_splitter_keep_captures(splitter);
	if (result == SPLIT_NEED_MORE)
		result = keep_token(splitter);
	if (result == SPLIT_ERROR)
		*error = splitter->error;
	return result;
}

bool
dq_splitter_finish(RowSplitter *splitter, JsonError *error)
{
	uint64 offset = splitter_offset(splitter, splitter->end);

	if (splitter->state == IN_BARE && splitter->depth == 0)
		dq_splitter_end_bare(splitter, true);
	if (splitter->state == AT_START || (splitter->state == AT_VALUE && splitter->depth == 0))
		dq_splitter_fail(splitter, JSONERR_CUT_OFF, offset, "the answer is empty");
	else if (splitter->state == AT_END && !splitter->rows_seen)
		fail_rows_missing(splitter);
	else if (splitter->state != AT_END && splitter->state != IS_DEAD)
		dq_splitter_fail(splitter, JSONERR_CUT_OFF, offset, "the answer ends inside %s",
						 is_in_token(splitter) ? "a value" : "an array or object");
	if (splitter->state != IS_DEAD)
		return true;
	*error = splitter->error;
	return false;
}

bool
dq_splitter_rows_ended(const RowSplitter *splitter)
{
	return splitter->rows_ended;
}

const JsonSlice *
dq_splitter_capture(const RowSplitter *splitter, int i)
{
	return &splitter->captures[i].slice;
}

/*
 * Rows
 */

SplitResult
dq_splitter_begin_rows(RowSplitter *splitter)
{
	JsonClass class = json_class(*splitter->p);

	Assert(!splitter->rows_seen); /* a second one has failed by its name */
	splitter->rows_seen = true;
	switch (class)
	{
		case JSONC_ARRAY:
			splitter->p++;
			splitter->state = AT_FIRST_ROW;
			return SPLIT_NEED_MORE;
		case JSONC_OBJECT:
			if (splitter->config.rows_are_members)
			{
				splitter->p++;
				splitter->rows_in_object = true;
				splitter->state = AT_FIRST_ROW_NAME;
				return SPLIT_NEED_MORE;
			}
			splitter->row_is_single = true;
			splitter->extent = (JsonExtent) { 0 };
			dq_splitter_begin_token(splitter, IN_ROW, JSONK_OBJECT);
			return SPLIT_NEED_MORE;
		case JSONC_NULL:
			dq_splitter_begin_token(splitter, IN_BARE, JSONK_NULL);
			splitter->rows_ended = true;
			return SPLIT_NEED_MORE;
		default:
			return dq_splitter_fail(splitter, JSONERR_ROWS_KIND,
									splitter_offset(splitter, splitter->p),
									"found a %s in place of the rows, expected an array or object",
									class == JSONC_QUOTE	  ? "string" :
										class == JSONC_NUMBER ? "number" :
																"boolean");
	}
}

/* An element begins at p. */
static SplitResult
begin_row(RowSplitter *splitter)
{
	switch (json_class(*splitter->p))
	{
		case JSONC_ARRAY:
		case JSONC_OBJECT:
			splitter->extent = (JsonExtent) { 0 };
			dq_splitter_begin_token(splitter, IN_ROW,
									*splitter->p == '{' ? JSONK_OBJECT : JSONK_ARRAY);
			return SPLIT_NEED_MORE;
		case JSONC_QUOTE:
			dq_splitter_begin_token(splitter, IN_ROW_STRING, JSONK_STRING);
			return SPLIT_NEED_MORE;
		case JSONC_NUMBER:
			dq_splitter_begin_token(splitter, IN_ROW_BARE, JSONK_NUMBER);
			return SPLIT_NEED_MORE;
		case JSONC_NULL:
			dq_splitter_begin_token(splitter, IN_ROW_BARE, JSONK_NULL);
			return SPLIT_NEED_MORE;
		case JSONC_TRUE:
			dq_splitter_begin_token(splitter, IN_ROW_BARE, JSONK_TRUE);
			return SPLIT_NEED_MORE;
		case JSONC_FALSE:
			dq_splitter_begin_token(splitter, IN_ROW_BARE, JSONK_FALSE);
			return SPLIT_NEED_MORE;
		default:
			return dq_splitter_fail_unexpected(splitter, "a row");
	}
}

static SplitResult
end_rows(RowSplitter *splitter)
{
	splitter->p++;
	splitter->rows_ended = true;
	return dq_splitter_end_value(splitter);
}

static SplitResult
end_row(RowSplitter *splitter, JsonSlice *element)
{
	if (dq_splitter_take_token(splitter, element) == SPLIT_ERROR)
		return SPLIT_ERROR;
	splitter->state = AFTER_ROW;
	if (splitter->row_is_single)
	{
		splitter->rows_ended = true;
		if (dq_splitter_end_value(splitter) == SPLIT_ERROR)
			return SPLIT_ERROR;
	}
	return SPLIT_ELEMENT;
}

/* Of rows that are members of the same name the last would count, but the first is out already. */
static SplitResult
note_row_name(RowSplitter *splitter, const JsonSlice *name)
{
	StringInfo text = &splitter->name;
	JsonError ignored;

	resetStringInfo(text);
	if (!name->has_escapes || !dq_json_string_append(text, name, &ignored))
	{
		resetStringInfo(text);
		appendBinaryStringInfo(text, name->start + 1, (int) name->len - 2);
	}
	if (splitter->row_names.used >= MAX_ROW_NAMES)
		return dq_splitter_fail(splitter, JSONERR_TOO_LARGE, splitter->token_offset,
								"more than %d members in place of the rows", MAX_ROW_NAMES);
	if (!dq_name_set_add(&splitter->row_names, text->data, text->len))
		return dq_splitter_fail(splitter, JSONERR_SYNTAX, splitter->token_offset,
								"a member in place of the rows stands there twice");
	return SPLIT_NEED_MORE;
}

/* The name of a member that is a row has ended before p. */
static SplitResult
end_row_name(RowSplitter *splitter)
{
	JsonSlice name;
	JsonScan scan;

	if (dq_splitter_take_token(splitter, &name) == SPLIT_ERROR)
		return SPLIT_ERROR;
	scan = (JsonScan) { name.start, name.start + name.len, &splitter->error };
	splitter->state = AT_ROW_COLON;
	name.has_escapes = false;
	if (dq_json_scan_string(&scan, name.start + 1, &name.has_escapes) != NULL)
		return note_row_name(splitter, &name);
	splitter->error.offset += splitter->token_offset;
	splitter->state = IS_DEAD;
	return SPLIT_ERROR;
}

/* p is at a byte that is no white space, between elements. */
static SplitResult
step_between_rows(RowSplitter *splitter)
{
	char byte = *splitter->p;
	bool is_end = byte == (splitter->rows_in_object ? '}' : ']');

	switch (splitter->state)
	{
		case AT_FIRST_ROW:
			return is_end ? end_rows(splitter) : begin_row(splitter);
		case AT_ROW:
			return begin_row(splitter);
		case AT_FIRST_ROW_NAME:
		case AT_ROW_NAME:
			if (is_end && splitter->state == AT_FIRST_ROW_NAME)
				return end_rows(splitter);
			if (byte != '"')
				return dq_splitter_fail_unexpected(splitter, "a member's name");
			dq_splitter_begin_token(splitter, IN_ROW_NAME, JSONK_STRING);
			return SPLIT_NEED_MORE;
		case AT_ROW_COLON:
			if (byte != ':')
				return dq_splitter_fail_unexpected(splitter, "\":\"");
			splitter->p++;
			splitter->state = AT_ROW;
			return SPLIT_NEED_MORE;
		default:
			if (is_end)
				return end_rows(splitter);
			if (byte != ',')
				return dq_splitter_fail_unexpected(splitter,
												   splitter->rows_in_object ? "\",\" or \"}\"" :
																			  "\",\" or \"]\"");
			splitter->p++;
			splitter->state = splitter->rows_in_object ? AT_ROW_NAME : AT_ROW;
			return SPLIT_NEED_MORE;
	}
}

SplitResult
dq_splitter_row_step(RowSplitter *splitter, JsonSlice *element)
{
	bool has_ended;

	switch (splitter->state)
	{
		case IN_ROW:
		{
			const char *after = dq_json_extent(&splitter->extent, splitter->p, splitter->end);

			has_ended = after != NULL;
			splitter->p = has_ended ? after : splitter->end;
			break;
		}
		case IN_ROW_STRING:
			has_ended = dq_splitter_pass_string(splitter);
			break;
		case IN_ROW_BARE:
			has_ended = dq_splitter_pass_bare(splitter);
			break;
		case IN_ROW_NAME:
			return dq_splitter_pass_string(splitter) ? end_row_name(splitter) : SPLIT_NEED_MORE;
		default:
			splitter->p = json_skip_space(splitter->p, splitter->end);
			return splitter->p < splitter->end ? step_between_rows(splitter) : SPLIT_NEED_MORE;
	}
	return has_ended ? end_row(splitter, element) : SPLIT_NEED_MORE;
}

/*
 * Tokens and elements
 */

static bool
is_in_token(const RowSplitter *splitter)
{
	switch (splitter->state)
	{
		case IN_NAME:
		case IN_STRING:
		case IN_BARE:
		case IN_ROW:
		case IN_ROW_NAME:
		case IN_ROW_STRING:
		case IN_ROW_BARE:
			return true;
		default:
			return false;
	}
}

void
dq_splitter_begin_token(RowSplitter *splitter, SplitterState state, JsonKind kind)
{
	splitter->state = state;
	splitter->kind = kind;
	splitter->token = splitter->p;
	splitter->token_offset = splitter_offset(splitter, splitter->p);
	splitter->is_escaped = false;
	resetStringInfo(&splitter->buffer);
	if (kind == JSONK_STRING)
		splitter->p++; /* its opening quote */
}

/* Checks the bound of the token at hand, up to p. */
static inline bool
token_fits(RowSplitter *splitter)
{
	size_t len = splitter->buffer.len + (splitter->p - splitter->token);

	if (len <= splitter->config.max_element_bytes)
		return true;
	dq_splitter_fail(splitter, JSONERR_TOO_LARGE, splitter->token_offset,
					 "a value of more than %zu bytes", splitter->config.max_element_bytes);
	return false;
}

/* At the end of a chunk. */
static SplitResult
keep_token(RowSplitter *splitter)
{
	if (!is_in_token(splitter) || splitter->p == splitter->token)
		return SPLIT_NEED_MORE;
	if (!token_fits(splitter))
		return SPLIT_ERROR;
	appendBinaryStringInfo(&splitter->buffer, splitter->token, splitter->p - splitter->token);
	splitter->token = splitter->p;
	return SPLIT_NEED_MORE;
}

SplitResult
dq_splitter_take_token(RowSplitter *splitter, JsonSlice *token)
{
	if (dq_splitter_keep_captures(splitter) == SPLIT_ERROR || !token_fits(splitter))
		return SPLIT_ERROR;
	token->kind = splitter->kind;
	token->has_escapes = splitter->kind == JSONK_STRING; /* perhaps; resolving finds out */
	if (splitter->buffer.len == 0)
	{
		token->start = splitter->token;
		token->len = splitter->p - splitter->token;
		return SPLIT_NEED_MORE;
	}
	appendBinaryStringInfo(&splitter->buffer, splitter->token, splitter->p - splitter->token);
	token->start = splitter->buffer.data;
	token->len = splitter->buffer.len;
	return SPLIT_NEED_MORE;
}

bool
dq_splitter_pass_string(RowSplitter *splitter)
{
	const char *p = splitter->p;
	const char *end = splitter->end;

	if (splitter->is_escaped && p < end)
	{
		splitter->is_escaped = false;
		p++;
	}
	while ((p = json_skip_plain(p, end)) < end)
	{
		char byte = *p++;

		if (byte == '"')
		{
			splitter->p = p;
			return true;
		}
		if (byte != '\\')
			continue;
		if (p == end)
			splitter->is_escaped = true;
		else
			p++;
	}
	splitter->p = end;
	return false;
}

bool
dq_splitter_pass_bare(RowSplitter *splitter)
{
	for (; splitter->p < splitter->end; splitter->p++)
	{
		switch (json_class(*splitter->p))
		{
			case JSONC_SPACE:
			case JSONC_QUOTE:
			case JSONC_PUNCTUATION:
			case JSONC_ARRAY:
			case JSONC_OBJECT:
				return true;
			default:
				break;
		}
	}
	return false;
}

/*
 * Errors
 *
 * A capture that has become too large is told before any other error, as it would be if a chunk
 * had ended here.
 */

SplitResult
dq_splitter_fail(RowSplitter *splitter, JsonErrorCode code, uint64 offset, const char *format, ...)
{
	va_list args;

	if (code != JSONERR_TOO_LARGE && dq_splitter_keep_captures(splitter) == SPLIT_ERROR)
		return SPLIT_ERROR;
	splitter->state = IS_DEAD;
	splitter->error.code = code;
	splitter->error.offset = offset;
	va_start(args, format);
	vsnprintf(splitter->error.message, sizeof(splitter->error.message), format, args);
	va_end(args);
	return SPLIT_ERROR;
}

SplitResult
dq_splitter_fail_unexpected(RowSplitter *splitter, const char *expected)
{
	JsonScan scan = { splitter->chunk, splitter->end, &splitter->error };

	if (dq_splitter_keep_captures(splitter) == SPLIT_ERROR)
		return SPLIT_ERROR;
	dq_json_fail_unexpected(&scan, splitter->p, expected);
	splitter->error.offset += splitter->consumed;
	splitter->state = IS_DEAD;
	return SPLIT_ERROR;
}

/* The pointer is told as far as there is room, cut at a whole token. */
static void
fail_rows_missing(RowSplitter *splitter)
{
	const JsonPointer *rows = splitter->config.rows;
	StringInfo place = &splitter->name;

	resetStringInfo(place);
	for (int i = 0; i < rows->ntokens; i++)
	{
		if (place->len + rows->token_lens[i] > 90)
		{
			appendStringInfoString(place, "/...");
			break;
		}
		appendStringInfoChar(place, '/');
		for (const char *c = rows->tokens[i]; *c; c++)
		{
			if (*c == '~' || *c == '/')
				appendStringInfoString(place, *c == '~' ? "~0" : "~1");
			else
				appendStringInfoChar(place, *c);
		}
	}
	dq_splitter_fail(splitter, JSONERR_ROWS_MISSING, splitter_offset(splitter, splitter->end),
					 "there is no \"%s\", where the rows should stand", place->data);
}
