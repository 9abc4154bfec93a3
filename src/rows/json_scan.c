/*
 * json_scan.c
 *	  Strings, numbers and literals of JSON, checked (RFC 8259, RFC 3629).
 *
 * Stricter than json-c, which takes NaN, single quotes and lone surrogates: whatever PostgreSQL's
 * jsonb would refuse is refused here, with an error that says why and where.
 */
#include "base.h"

#include "rows/json_scan.h"

#define SPACE JSONC_SPACE
#define QUOTE JSONC_QUOTE
#define NUMBER JSONC_NUMBER
#define PUNCT JSONC_PUNCTUATION

const uint8 dq_json_class[256] = {
	['\t'] = SPACE,		  ['\n'] = SPACE,	   ['\r'] = SPACE,	   [' '] = SPACE,
	['"'] = QUOTE,		  ['-'] = NUMBER,	   ['0'] = NUMBER,	   ['1'] = NUMBER,
	['2'] = NUMBER,		  ['3'] = NUMBER,	   ['4'] = NUMBER,	   ['5'] = NUMBER,
	['6'] = NUMBER,		  ['7'] = NUMBER,	   ['8'] = NUMBER,	   ['9'] = NUMBER,
	['n'] = JSONC_NULL,	  ['f'] = JSONC_FALSE, ['t'] = JSONC_TRUE, ['['] = JSONC_ARRAY,
	['{'] = JSONC_OBJECT, [','] = PUNCT,	   [':'] = PUNCT,	   [']'] = PUNCT,
	['}'] = PUNCT
};

static const char *scan_utf8(const JsonScan *scan, const char *p);
static const char *scan_hex4(const JsonScan *scan, const char *p, uint32 *code);
static const char *fail_cut_off(const JsonScan *scan, const char *inside);

const char *
dq_json_fail(const JsonScan *scan, JsonErrorCode code, const char *at, const char *format, ...)
{
	va_list args;

	scan->error->code = code;
	scan->error->offset = at - scan->base;
	va_start(args, format);
	vsnprintf(scan->error->message, sizeof(scan->error->message), format, args);
	va_end(args);
	return NULL;
}

const char *
dq_json_fail_unexpected(const JsonScan *scan, const char *at, const char *expected)
{
	unsigned char byte;

	if (at >= scan->end)
		return dq_json_fail(scan, JSONERR_CUT_OFF, scan->end, "the text ends where %s is expected",
							expected);
	byte = (unsigned char) *at;
	if (byte > 0x20 && byte < 0x7F)
		return dq_json_fail(scan, JSONERR_SYNTAX, at, "unexpected character \"%c\", expected %s",
							byte, expected);
	return dq_json_fail(scan, JSONERR_SYNTAX, at, "unexpected byte 0x%02X, expected %s", byte,
						expected);
}

static const char *
fail_cut_off(const JsonScan *scan, const char *inside)
{
	return dq_json_fail(scan, JSONERR_CUT_OFF, scan->end, "the text ends inside %s", inside);
}

const char *
dq_json_scan_string(const JsonScan *scan, const char *p, bool *has_escapes)
{
	while (p)
	{
		p = json_skip_plain(p, scan->end);
		if (p == scan->end)
			return fail_cut_off(scan, "a string");
		if (*p == '"')
			return p + 1;
		if (*p == '\\')
		{
			uint32 code;

			*has_escapes = true;
			p = dq_json_scan_escape(scan, p, &code);
		}
		else if ((unsigned char) *p < 0x20)
			return dq_json_fail(scan, JSONERR_CONTROL, p,
								"raw control character 0x%02X in a string", *p);
		else
			p = scan_utf8(scan, p);
	}
	return NULL;
}

/*
 * Passes a run of characters that are not ASCII: shortest form, no surrogates, none beyond
 * U+10FFFF.
 */
static const char *
scan_utf8(const JsonScan *scan, const char *start)
{
	const unsigned char *p = (const unsigned char *) start;
	const unsigned char *end = (const unsigned char *) scan->end;

	do
	{
		/* The second byte's bounds say it all; further ones are 80..BF. */
		unsigned char low = 0x80;
		unsigned char high = 0xBF;
		int length;

		if (*p >= 0xC2 && *p <= 0xDF)
			length = 2;
		else if (*p >= 0xE0 && *p <= 0xEF)
		{
			length = 3;
			if (*p == 0xE0)
				low = 0xA0;
			else if (*p == 0xED)
				high = 0x9F;
		}
		else if (*p >= 0xF0 && *p <= 0xF4)
		{
			length = 4;
			if (*p == 0xF0)
				low = 0x90;
			else if (*p == 0xF4)
				high = 0x8F;
		}
		else
			return dq_json_fail(scan, JSONERR_UTF8, (const char *) p, "invalid UTF-8 byte 0x%02X",
								*p);
		for (int i = 1; i < length; i++, low = 0x80, high = 0xBF)
		{
			if (p + i == end)
				return fail_cut_off(scan, "a string");
			if (p[i] < low || p[i] > high)
				return dq_json_fail(scan, JSONERR_UTF8, (const char *) p,
									"invalid UTF-8 bytes 0x%02X 0x%02X", p[i - 1], p[i]);
		}
		p += length;
	} while (p < end && *p >= 0x80);
	return (const char *) p;
}

const char *
dq_json_scan_escape(const JsonScan *scan, const char *p, uint32 *code)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *start = p++;
	const char *letter;
	uint32 low;

	if (p == scan->end)
		return fail_cut_off(scan, "an escape");
	if (*p != 'u')
	{
		letter = *p ? strchr(letters, *p) : NULL;
		if (letter == NULL)
			return dq_json_fail(scan, JSONERR_ESCAPE, start, "unknown escape in a string");
		*code = (uint32) meanings[letter - letters];
		return p + 1;
	}
	p = scan_hex4(scan, p + 1, code);
	if (p == NULL || *code < 0xD800 || *code > 0xDFFF)
		return p;

	/* RFC 8259, section 7: beyond the BMP a character is a pair, high surrogate first. */
	if (*code < 0xDC00)
	{
		if (p == scan->end || (*p == '\\' && p + 1 == scan->end))
			return fail_cut_off(scan, "an escape");
		if (*p == '\\' && p[1] == 'u')
		{
			p = scan_hex4(scan, p + 2, &low);
			if (p == NULL)
				return NULL;
			if (low >= 0xDC00 && low <= 0xDFFF)
			{
				*code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
				return p;
			}
		}
	}
	return dq_json_fail(scan, JSONERR_ESCAPE, start, "lone surrogate \\u%04X in a string", *code);
}

static const char *
scan_hex4(const JsonScan *scan, const char *p, uint32 *code)
{
	*code = 0;
	for (const char *end = p + 4; p < end; p++)
	{
		char lower;

		if (p == scan->end)
			return fail_cut_off(scan, "an escape");
		lower = *p | 0x20;
		if (*p >= '0' && *p <= '9')
			*code = *code << 4 | (*p - '0');
		else if (lower >= 'a' && lower <= 'f')
			*code = *code << 4 | (lower - 'a' + 10);
		else
			return dq_json_fail(scan, JSONERR_ESCAPE, p, "\\u without four hexadecimal digits");
	}
	return p;
}

/* Passes digits, of which there must be one. */
static inline const char *
scan_digits(const JsonScan *scan, const char *p)
{
	const char *start = p;

	while (p < scan->end && (unsigned char) (*p - '0') <= 9)
		p++;
	if (p > start)
		return p;
	return p == scan->end ? fail_cut_off(scan, "a number") :
							dq_json_fail_unexpected(scan, p, "a digit");
}

const char *
dq_json_scan_number(const JsonScan *scan, const char *p)
{
	const char *end = scan->end;

	if (*p == '-')
		p++;
	if (p < end && *p == '0')
	{
		p++;
		if (p < end && (unsigned char) (*p - '0') <= 9)
			return dq_json_fail(scan, JSONERR_SYNTAX, p - 1, "a number with a leading zero");
	}
	else if ((p = scan_digits(scan, p)) == NULL)
		return NULL;
	if (p < end && *p == '.' && (p = scan_digits(scan, p + 1)) == NULL)
		return NULL;
	if (p < end && (*p | 0x20) == 'e')
	{
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		return scan_digits(scan, p);
	}
	return p;
}

const char *
dq_json_scan_literal(const JsonScan *scan, const char *p)
{
	const char *literal = *p == 't' ? "true" : *p == 'f' ? "false" : "null";

	for (; *literal; literal++, p++)
	{
		if (p == scan->end)
			return fail_cut_off(scan, "a literal");
		if (*p != *literal)
			return dq_json_fail_unexpected(scan, p, "true, false or null");
	}
	return p;
}
