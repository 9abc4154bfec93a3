/*
 * target_options.c
 *	  Any text as the value of any option: it is refused with a reason, or can be read.
 *
 * The first byte chooses the option.  Checked: what is refused has a problem, what is taken has
 * none; neither problem nor hint repeats a secret; what is taken cannot end a line of a request; a
 * number is within the option's bounds, a word is one of its words.
 */
#include "postgres.h"

#include "fuzz_server.h"
#include "mb/pg_wchar.h"
#include "spec/options.h"

static void
check_read(const OptionRow *row, const char *value)
{
	int count = 0;
	int64 period_us = 0;
	int64 number;
	char *problem;
	ListCell *cell;

	switch (row->type)
	{
		case OPTION_BOOL:
			dq_option_bool(value);
			break;
		case OPTION_INT:
		case OPTION_SIZE:
			number = dq_option_number(row, value);
			fuzz_check(number >= row->min && (row->max == 0 || number <= row->max),
					   "a number out of bounds");
			break;
		case OPTION_DURATION:
			fuzz_check(dq_option_number(row, value) >= 0, "a negative duration");
			break;
		case OPTION_RATE:
			fuzz_check(dq_option_rate(value, &count, &period_us) && count > 0 && period_us > 0,
					   "no rate");
			break;
		case OPTION_ENUM:
			fuzz_check(dq_option_word(row, value) >= 0, "no word");
			break;
		case OPTION_WORDS:
			fuzz_check(dq_option_words(row, value) >= 0, "no words");
			break;
		case OPTION_HEADERS:
			foreach(cell, dq_option_headers(value, &problem))
				fuzz_check(!dq_option_has_control(lfirst(cell)), "a header that ends a line");
			break;
		default:
			break;
	}
}

/* Types of values that go into requests, or commands of a cache, as they stand. */
static bool
goes_out(const OptionRow *row)
{
	switch (row->type)
	{
		case OPTION_TEXT:
		case OPTION_EMPTY_TEXT:
		case OPTION_USERNAME:
		case OPTION_SPELL:
		case OPTION_SPELL_SORT:
		case OPTION_SPELL_LIMIT:
		case OPTION_SPELL_FIELDS:
		case OPTION_PATH:
		case OPTION_LOOKUP_PATH:
		case OPTION_URL:
		case OPTION_TOKEN_URL:
		case OPTION_PROXY:
		case OPTION_URL_OR_PATH:
		case OPTION_PARAM:
		case OPTION_FIELD:
		case OPTION_NAME:
		case OPTION_API_KEY_IN:
		case OPTION_CACHE_URL:
		case OPTION_CACHE_PREFIX:
			return true;
		default:
			return false;
	}
}

void
fuzz_options(const uint8 *data, size_t size)
{
	const OptionRow *row;
	char *value;
	char *problem;
	char *hint;
	bool is_good;

	if (size < 1)
		return;
	row = &dq_options[data[0] % OPTION_COUNT];
	value = pnstrdup((const char *) data + 1, size - 1);
	/* SQL lets nothing else through. */
	if (!pg_verifymbstr(value, strlen(value), true))
		return;
	is_good = dq_option_check(row, value, &problem, &hint);
	fuzz_check(is_good == (problem == NULL), "a problem, and none");
	if (row->is_secret && strlen(value) > 8)
		fuzz_check((problem == NULL || strstr(problem, value) == NULL) &&
					   (hint == NULL || strstr(hint, value) == NULL),
				   "a secret in a problem");
	if (!is_good)
		return;
	if (goes_out(row))
		fuzz_check(!dq_option_has_control(value), "a value that ends a line");
	check_read(row, value);
	dq_option_type_text(row);
}
