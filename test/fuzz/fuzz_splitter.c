/*
 * fuzz_splitter.c
 *	  An answer in any chunks gives what it gives as a whole.
 *
 * The first byte chooses the rows' place, the second the sizes of chunks, and whether rows may be
 * members and null may stand for them; the rest is the answer.
 * Checked: rows, captures and error are the same however it is cut; where the whole answer is
 * taken and all its rows are valid, the answer itself is valid JSON; and a valid one is refused
 * only for what stands, or does not stand, at the rows' place.
 */
#include "base.h"

#include "rows/splitter.h"
#include "fuzz_check.h"
#include "fuzz_memory.h"

#define MAX_ELEMENT 300
#define MAX_CAPTURE 60
#define N_CAPTURES 3

static const char *const places[] = { "", "/items", "/data/items", "/1", "/a/0/b", "/", "/a" };
static const char *const capture_places[N_CAPTURES] = { "/next", "/data/total", "/a/1" };

static bool rows_are_members;
static int nullable_from;

typedef struct Outcome
{
	StringInfoData rows;
	int nrows;
	bool has_invalid_row;
	JsonError error;
} Outcome;

static JsonPointer *
pointer_of(const char *source)
{
	const char *problem;

	return dq_json_pointer_compile(source, &problem);
}

static bool
is_json(const char *bytes, size_t len, JsonError *error)
{
	int culprit;

	return dq_json_locate(dq_json_locator_create(NULL, 0), bytes, len, NULL, &culprit, error);
}

static void
take_row(Outcome *outcome, const JsonSlice *row)
{
	JsonError error;

	outcome->nrows++;
	outcome->has_invalid_row |= !is_json(row->start, row->len, &error);
	appendBinaryStringInfo(&outcome->rows, row->start, row->len);
	appendStringInfo(&outcome->rows, " %d\n", row->kind);
}

static void
take_captures(Outcome *outcome, const RowSplitter *splitter)
{
	JsonError error;

	for (int i = 0; i < N_CAPTURES; i++)
	{
		const JsonSlice *slice = dq_splitter_capture(splitter, i);

		appendStringInfo(&outcome->rows, "%d: %d ", i, slice->kind);
		if (slice->kind == JSONK_MISSING)
			continue;
		check(is_json(slice->start, slice->len, &error), "a capture that is no JSON");
		appendBinaryStringInfo(&outcome->rows, slice->start, slice->len);
	}
}

/* max_chunk 0: as a whole. */
static void
split(const char *bytes, size_t len, const char *place, int max_chunk, Outcome *outcome)
{
	const JsonPointer *captures[N_CAPTURES];
	SplitterConfig config = { pointer_of(place), captures,		   N_CAPTURES,	 MAX_ELEMENT,
							  MAX_CAPTURE,		 rows_are_members, nullable_from };
	RowSplitter *splitter;
	SplitResult result = SPLIT_NEED_MORE;
	JsonSlice element;
	size_t step = 0;

	for (int i = 0; i < N_CAPTURES; i++)
		captures[i] = pointer_of(capture_places[i]);
	memset(outcome, 0, sizeof(*outcome));
	initStringInfo(&outcome->rows);
	splitter = dq_splitter_create(&config);
	for (size_t at = 0; at < len && result != SPLIT_ERROR;)
	{
		size_t chunk = max_chunk ? 1 + step++ * 7 % max_chunk : len;
		char *copy;

		chunk = Min(chunk, len - at);
		copy = palloc(chunk);
		memcpy(copy, bytes + at, chunk);
		dq_splitter_feed(splitter, copy, chunk);
		while ((result = dq_splitter_next(splitter, &element, &outcome->error)) == SPLIT_ELEMENT)
			take_row(outcome, &element);
		pfree(copy);
		at += chunk;
	}
	if (result != SPLIT_ERROR && dq_splitter_finish(splitter, &outcome->error))
		check(dq_splitter_rows_ended(splitter), "rows that have no end");
	else
	{
		check(outcome->error.code != JSONERR_NONE, "an error that is none");
		check(outcome->error.offset <= len, "an error beyond the answer");
	}
	if (outcome->error.code == JSONERR_NONE)
		take_captures(outcome, splitter);
	dq_splitter_free(splitter);
}

static void
compare(const Outcome *whole, const Outcome *cut)
{
	check(whole->error.code == cut->error.code, "chunks change the error");
	check(whole->error.offset == cut->error.offset &&
			  strcmp(whole->error.message, cut->error.message) == 0,
		  "chunks change where or why");
	check(whole->rows.len == cut->rows.len &&
			  memcmp(whole->rows.data, cut->rows.data, whole->rows.len) == 0,
		  "chunks change the rows");
}

/* Judges the whole answer by the scanner of elements. */
static void
compare_with_locate(const char *bytes, size_t len, const Outcome *whole)
{
	bool has_mark = len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0;
	JsonError error;
	bool is_valid;

	if (has_mark)
	{
		bytes += 3;
		len -= 3;
	}
	is_valid = is_json(bytes, len, &error);
	if (whole->error.code == JSONERR_NONE && !whole->has_invalid_row)
		check(is_valid || error.code == JSONERR_TOO_DEEP, "taken, though it is no JSON");
	if (is_valid)
	{
		check(!whole->has_invalid_row, "an invalid row of a valid answer");
		check(whole->error.code == JSONERR_NONE || whole->error.code == JSONERR_ROWS_MISSING ||
				  whole->error.code == JSONERR_ROWS_KIND ||
				  whole->error.code == JSONERR_TOO_LARGE || strstr(whole->error.message, "twice"),
			  "refused, though it is JSON");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Outcome whole;
	Outcome cut;
	const char *place;
	const char *bytes = (const char *) data + 2;

	if (size < 2)
		return 0;
	size -= 2;
	place = places[data[0] % lengthof(places)];
	rows_are_members = (data[1] & 64) != 0;
	nullable_from = (data[1] & 128) ? 1 : 0;
	split(bytes, size, place, 0, &whole);
	split(bytes, size, place, 1, &cut);
	compare(&whole, &cut);
	split(bytes, size, place, 1 + data[1] % 64, &cut);
	compare(&whole, &cut);
	compare_with_locate(bytes, size, &whole);
	fuzz_release();
	return 0;
}
