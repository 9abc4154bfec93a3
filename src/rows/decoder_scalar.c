/*
 * decoder_scalar.c
 *	  Numbers, times and bytes from their JSON text without an input function.
 *
 * Nothing passes through a double that a double cannot hold exactly: integers and epochs are
 * computed in int64, and a float is parsed here only where one correctly rounded operation gives
 * it.
 */
#include "postgres.h"

#include <float.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "rows/decoder_private.h"
#include "rows/json_scan.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "compat.h"

/* Digits that fit into an int64 whatever they are. */
#define SAFE_DIGITS 18

#define EPOCH_TO_POSTGRES_USECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

static bool decimal_scaled(const char *number, size_t len, int scale, int64 *result);
static bool digits_fixed(const char **p, const char *end, int count, int *result);

/* An integer as it mostly looks: short, without exponent. */
bool
dq_integer_parse(const char *digits, size_t len, int64 *result)
{
	const char *p = digits;
	const char *end = digits + len;
	int64 value = 0;

	if (p < end && *p == '-')
		p++;
	if (p == end || end - p > SAFE_DIGITS)
		return false;
	for (; p < end; p++)
	{
		if ((unsigned char) (*p - '0') > 9)
			return false;
		value = value * 10 + (*p - '0');
	}
	*result = digits[0] == '-' ? -value : value;
	return true;
}

/*
 * At most 15 digits and a power of ten that a double holds exactly: then one division rounds
 * correctly (Clinger 1990). JSON syntax has been checked.
 */
bool
dq_float_parse(const char *number, size_t len, double *result)
{
#if FLT_EVAL_METHOD == 0
	static const double powers[] = { 1e0, 1e1, 1e2,	 1e3,  1e4,	 1e5,  1e6,	 1e7,
									 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	int64 digits = 0;
	int ndigits = 0;
	int decimals = 0;
	bool has_point = false;

	for (size_t i = number[0] == '-' ? 1 : 0; i < len; i++)
	{
		if (number[i] == '.')
			has_point = true;
		else if ((unsigned char) (number[i] - '0') > 9 || ++ndigits > 15)
			return false;
		else
		{
			digits = digits * 10 + (number[i] - '0');
			decimals += has_point;
		}
	}
	*result = (double) digits / powers[decimals];
	if (number[0] == '-')
		*result = -*result;
	return true;
#else
	return false;
#endif
}

/*
 * Times: RFC 3339 with at most microseconds; all else is left to the input function.
 */

static inline bool
pass_char(const char **p, const char *end, char wanted)
{
	if (*p == end || **p != wanted)
		return false;
	(*p)++;
	return true;
}

/* YYYY-MM-DD, as days since 2000. */
static bool
pass_date(const char **p, const char *end, int *days)
{
	int year;
	int month;
	int day;

	if (!digits_fixed(p, end, 4, &year) || !pass_char(p, end, '-') ||
		!digits_fixed(p, end, 2, &month) || !pass_char(p, end, '-') ||
		!digits_fixed(p, end, 2, &day) || year < 1 || month < 1 || month > 12 || day < 1 ||
		day > day_tab[isleap(year)][month - 1])
		return false;
	*days = date2j(year, month, day) - POSTGRES_EPOCH_JDATE;
	return true;
}

/* HH:MM:SS with at most six decimals. */
static bool
pass_time(const char **p, const char *end, int64 *usecs)
{
	int hour;
	int minute;
	int second;
	int unit = 100000;

	if (!digits_fixed(p, end, 2, &hour) || !pass_char(p, end, ':') ||
		!digits_fixed(p, end, 2, &minute) || !pass_char(p, end, ':') ||
		!digits_fixed(p, end, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	*usecs = (hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE + second) * USECS_PER_SEC;
	if (!pass_char(p, end, '.'))
		return true;
	for (; *p < end && (unsigned char) (**p - '0') <= 9 && unit > 0; (*p)++, unit /= 10)
		*usecs += (**p - '0') * unit;
	return unit < 100000;
}

/* Z, or the offset from UTC in hours and minutes. */
static bool
pass_zone(const char **p, const char *end, int64 *usecs)
{
	int sign = 1;
	int hour;
	int minute;

	*usecs = 0;
	if (pass_char(p, end, 'Z'))
		return true;
	if (pass_char(p, end, '-'))
		sign = -1;
	else if (!pass_char(p, end, '+'))
		return false;
	if (!digits_fixed(p, end, 2, &hour) || !pass_char(p, end, ':') ||
		!digits_fixed(p, end, 2, &minute) || hour > 14 || minute > 59)
		return false;
	*usecs = sign * (hour * SECS_PER_HOUR + minute * SECS_PER_MINUTE) * USECS_PER_SEC;
	return true;
}

bool
dq_date_parse(const char *iso, size_t len, DateADT *result)
{
	const char *end = iso + len;

	return pass_date(&iso, end, result) && iso == end;
}

bool
dq_timestamptz_parse(const char *iso, size_t len, TimestampTz *result)
{
	const char *end = iso + len;
	int days;
	int64 usecs;
	int64 zone;

	if (!pass_date(&iso, end, &days) || !(pass_char(&iso, end, 'T') || pass_char(&iso, end, ' ')) ||
		!pass_time(&iso, end, &usecs) || !pass_zone(&iso, end, &zone) || iso != end)
		return false;
	*result = days * USECS_PER_DAY + usecs - zone;
	return true;
}

/* A zone is passed over, as the input function does. */
bool
dq_timestamp_parse(const char *iso, size_t len, Timestamp *result)
{
	const char *end = iso + len;
	int days;
	int64 usecs;
	int64 zone;

	if (!pass_date(&iso, end, &days) || !(pass_char(&iso, end, 'T') || pass_char(&iso, end, ' ')) ||
		!pass_time(&iso, end, &usecs) || (iso < end && !pass_zone(&iso, end, &zone)) || iso != end)
		return false;
	*result = days * USECS_PER_DAY + usecs;
	return true;
}

static bool
digits_fixed(const char **p, const char *end, int count, int *result)
{
	if (end - *p < count)
		return false;
	*result = 0;
	for (int i = 0; i < count; i++, (*p)++)
	{
		if ((unsigned char) (**p - '0') > 9)
			return false;
		*result = *result * 10 + (**p - '0');
	}
	return true;
}

/* Seconds or milliseconds since 1970 UTC, as a number or as a string that holds one. */
Datum
dq_epoch_decode(ValueDecoder *decoder, const JsonSlice *value)
{
	static const char *const expected = "a number of seconds or milliseconds since 1970";
	DecodeState *state = decoder->state;
	int scale = decoder->format == FORMAT_EPOCH ? 6 : 3;
	int len;
	char *number;
	JsonScan scan;
	JsonError error;
	int64 usecs;
	Timestamp timestamp;

	if (value->kind != JSONK_NUMBER && value->kind != JSONK_STRING)
		dq_value_fail(state, value, expected);
	number = dq_value_text(state, value, &len);
	scan = (JsonScan) { number, number + len, &error };
	if (dq_json_scan_number(&scan, number) != scan.end)
		dq_value_fail(state, value, expected);
	if (!decimal_scaled(number, len, scale, &usecs) ||
		pg_sub_s64_overflow(usecs, EPOCH_TO_POSTGRES_USECS, &timestamp) ||
		!IS_VALID_TIMESTAMP(timestamp))
	{
		state->value = value;
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("timestamp out of range: \"%s\"", dq_value_shortened(state, number, len))));
	}
	if (decoder->type == DATEOID)
	{
		int64 days = timestamp / USECS_PER_DAY;

		if (timestamp % USECS_PER_DAY < 0)
			days--;
		return DateADTGetDatum((DateADT) days);
	}
	if (decoder->typmod < 0)
		return TimestampGetDatum(timestamp);
	return DirectFunctionCall2(decoder->type == TIMESTAMPOID ? timestamp_scale : timestamptz_scale,
							   TimestampGetDatum(timestamp), Int32GetDatum(decoder->typmod));
}

/* A JSON number times 10^scale, rounded half away from zero; false when it does not fit. */
static bool
decimal_scaled(const char *number, size_t len, int scale, int64 *result)
{
	const char *mantissa = number[0] == '-' ? number + 1 : number;
	const char *end = number + len;
	const char *mantissa_end = mantissa + strcspn(mantissa, "eE");
	int64 exponent = 0;
	int64 wanted; /* mantissa digits that stand before the result's decimal point */
	int64 value = 0;

	for (const char *p = mantissa_end; p < end; p++)
		if ((unsigned char) (*p - '0') <= 9)
			exponent = Min(exponent * 10 + (*p - '0'), 1000000000);
	if (mantissa_end < end && mantissa_end[1] == '-')
		exponent = -exponent;
	wanted = (int64) strcspn(mantissa, ".eE") + exponent + scale;

	/* Digits behind those wanted are dropped, the first of them decides on rounding. */
	for (const char *p = mantissa; p < mantissa_end; p++)
	{
		if (*p == '.')
			continue;
		if (wanted-- > 0)
		{
			if (pg_mul_s64_overflow(value, 10, &value) ||
				pg_add_s64_overflow(value, *p - '0', &value))
				return false;
		}
		else if (wanted == -1 && *p >= '5' && pg_add_s64_overflow(value, 1, &value))
			return false;
	}
	for (; wanted > 0 && value != 0; wanted--)
		if (pg_mul_s64_overflow(value, 10, &value))
			return false;
	*result = number[0] == '-' ? -value : value;
	return true;
}

/*
 * Bytes
 */

static int
base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* RFC 4648, both alphabets; padding may be left out, line breaks are passed over. */
Datum
dq_base64_decode(ValueDecoder *decoder, const JsonSlice *value)
{
	static const char *const expected = "a string in base64";
	int len;
	const char *p;
	const char *end;
	bytea *result;
	char *out;
	uint32 bits = 0;
	int ndigits = 0;
	int npads = 0;

	if (value->kind != JSONK_STRING)
		dq_value_fail(decoder->state, value, expected);
	p = dq_value_text(decoder->state, value, &len);
	end = p + len;
	result = palloc(VARHDRSZ + (size_t) len / 4 * 3 + 3);
	out = VARDATA(result);
	for (; p < end; p++)
	{
		int digit = base64_digit(*p);

		if (*p == '\r' || *p == '\n')
			continue;
		if (*p == '=' && ++npads <= 2)
			continue;
		if (digit < 0 || npads > 0)
			dq_value_fail(decoder->state, value, expected);
		bits = bits << 6 | (uint32) digit;
		if (++ndigits % 4 == 0)
		{
			*out++ = (char) (bits >> 16);
			*out++ = (char) (bits >> 8);
			*out++ = (char) bits;
		}
	}
	if (ndigits % 4 == 1 || (npads > 0 && (ndigits + npads) % 4 != 0))
		dq_value_fail(decoder->state, value, expected);
	if (ndigits % 4 >= 2)
		*out++ = (char) (ndigits % 4 == 2 ? bits >> 4 : bits >> 10);
	if (ndigits % 4 == 3)
		*out++ = (char) (bits >> 2);
	SET_VARSIZE(result, out - (char *) result);
	return PointerGetDatum(result);
}
