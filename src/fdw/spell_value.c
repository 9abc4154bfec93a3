/*
 * spell_value.c
 *	  A Datum as the text that a service shall be asked with.
 *
 * Independent of the session's settings (DateStyle, TimeZone, extra_float_digits): timestamptz in
 * UTC with Z, date and timestamp without zone (ISO 8601), booleans as true and false, floats in
 * the shortest text that reads back the same, everything else by its output function.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/int.h"
#include "common/shortest_dec.h"
#include "fdw/spell_value.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#define USECS_PER_MSEC INT64CONST(1000)
#define EPOCH_OFFSET_USECS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* What a bound has to be rounded to, so that the question stays a superset. */
typedef enum Rounding
{
	ROUND_NOT,
	ROUND_DOWN,
	ROUND_UP
} Rounding;

static Rounding
rounding_for(ConditionOp op, bool is_exact)
{
	if (is_exact)
		return ROUND_NOT;
	if (op == COND_GT || op == COND_GE)
		return ROUND_DOWN;
	if (op == COND_LT || op == COND_LE)
		return ROUND_UP;
	return ROUND_NOT;
}

static int64
round_to(int64 value, int64 unit, Rounding rounding)
{
	int64 rest = value % unit;

	if (rounding == ROUND_NOT || rest == 0)
		return value;
	if (rest < 0)
		rest += unit;
	return rounding == ROUND_DOWN ? value - rest : value - rest + unit;
}

/* Microseconds since 1970 as seconds or milliseconds, with as many decimals as needed. */
static char *
spell_epoch(int64 usecs, ColumnFormat format, Rounding rounding)
{
	int64 unit = format == FORMAT_EPOCH ? USECS_PER_SEC : USECS_PER_MSEC;
	int digits = format == FORMAT_EPOCH ? 6 : 3;
	int64 rounded = round_to(usecs, unit, rounding);
	uint64 magnitude = rounded < 0 ? -(uint64) rounded : (uint64) rounded;
	const char *sign = rounded < 0 ? "-" : "";

	if (magnitude % unit == 0)
		return psprintf("%s" UINT64_FORMAT, sign, magnitude / unit);
	return psprintf("%s" UINT64_FORMAT ".%0*d", sign, magnitude / unit, digits,
					(int) (magnitude % unit));
}

static char *
spell_timestamp(const ColumnSpec *column, Timestamp value, bool has_zone, Rounding rounding)
{
	struct pg_tm tm;
	fsec_t fsec;
	char spelled[MAXDATELEN + 1];

	if (TIMESTAMP_NOT_FINITE(value))
		return NULL;
	if (column->format == FORMAT_EPOCH || column->format == FORMAT_EPOCH_MS)
	{
		int64 usecs;

		if (pg_add_s64_overflow(value, EPOCH_OFFSET_USECS, &usecs))
			return NULL;
		return spell_epoch(usecs, column->format, rounding);
	}
	value = round_to(value, USECS_PER_MSEC, rounding);
	if (timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0 || tm.tm_year < 1 ||
		tm.tm_year > 9999)
		return NULL;
	EncodeDateTime(&tm, fsec, false, 0, NULL, USE_XSD_DATES, spelled);
	return has_zone ? psprintf("%sZ", spelled) : pstrdup(spelled);
}

static char *
spell_date(const ColumnSpec *column, DateADT value, Rounding rounding)
{
	struct pg_tm tm = { 0 };
	char spelled[MAXDATELEN + 1];

	if (DATE_NOT_FINITE(value))
		return NULL;
	if (column->format == FORMAT_EPOCH || column->format == FORMAT_EPOCH_MS)
		return spell_epoch(((int64) value + POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY,
						   column->format, rounding);
	j2date(value + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
	if (tm.tm_year < 1 || tm.tm_year > 9999)
		return NULL;
	EncodeDateOnly(&tm, USE_ISO_DATES, spelled);
	return pstrdup(spelled);
}

static char *
spell_time(TimeADT value)
{
	struct pg_tm tm;
	fsec_t fsec;
	char spelled[MAXDATELEN + 1];

	time2tm(value, &tm, &fsec);
	EncodeTimeOnly(&tm, fsec, false, 0, USE_ISO_DATES, spelled);
	return pstrdup(spelled);
}

static char *
spell_by_output(Oid type, Datum value)
{
	Oid output;
	bool is_varlena;

	getTypeOutputInfo(type, &output, &is_varlena);

	char *spelled = OidOutputFunctionCall(output, value);

	return (char *) pg_server_to_any(spelled, strlen(spelled), PG_UTF8);
}

char *
dq_spell_value(const ColumnSpec *column, ConditionOp op, Oid type, Datum value, bool is_exact)
{
	Rounding rounding = rounding_for(op, is_exact);

	switch (getBaseType(type))
	{
		case BOOLOID:
			return pstrdup(DatumGetBool(value) ? "true" : "false");
		case INT8OID:
			if (dq_spell_is_int(column) && DatumGetInt64(value) != (int32) DatumGetInt64(value))
				return NULL;
			return spell_by_output(type, value);
		case FLOAT4OID:
			return isfinite(DatumGetFloat4(value)) ?
				float_to_shortest_decimal(DatumGetFloat4(value)) :
				NULL;
		case FLOAT8OID:
			return isfinite(DatumGetFloat8(value)) ?
				double_to_shortest_decimal(DatumGetFloat8(value)) :
				NULL;
		case NUMERICOID:
		{
			char *spelled = spell_by_output(type, value);

			return spelled[strspn(spelled, "-.0123456789")] == '\0' ? spelled : NULL;
		}
		case TIMESTAMPTZOID:
			return spell_timestamp(column, DatumGetTimestampTz(value), true, rounding);
		case TIMESTAMPOID:
			return spell_timestamp(column, DatumGetTimestamp(value), false, rounding);
		case DATEOID:
			return spell_date(column, DatumGetDateADT(value), rounding);
		case TIMEOID:
			return spell_time(DatumGetTimeADT(value));
		default:
			return spell_by_output(type, value);
	}
}

JsonForm
dq_spell_json_form(const ColumnSpec *column)
{
	static const char *const bare[] = { "Int", "Float", "Boolean" };
	static const char *const strings[] = { "ID", "String" };

	for (int i = 0; column->variable_type && i < lengthof(bare); i++)
		if (strcmp(bare[i], column->variable_type) == 0)
			return JSON_FORM_BARE;
	for (int i = 0; column->variable_type && i < lengthof(strings); i++)
		if (strcmp(strings[i], column->variable_type) == 0)
			return JSON_FORM_STRING;
	if (column->format == FORMAT_EPOCH || column->format == FORMAT_EPOCH_MS)
		return JSON_FORM_BARE;
	switch (getBaseType(column->type))
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT4OID:
		case FLOAT8OID:
		case NUMERICOID:
			return JSON_FORM_BARE;
		default:
			return JSON_FORM_STRING;
	}
}

bool
dq_spell_is_int(const ColumnSpec *column)
{
	return column->variable_type && strcmp(column->variable_type, "Int") == 0;
}
