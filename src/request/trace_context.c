/*
 * trace_context.c
 *	  Headers traceparent and tracestate (W3C Trace Context, levels 1 and 2).
 *
 *	  traceparent = version "-" trace-id "-" parent-id "-" trace-flags
 *	  tracestate  = list-member 0*31( OWS "," OWS list-member )
 *	  list-member = key "=" value
 *
 * A version that is not known yet is read by what version 00 has, as 3.2.4 asks for, and written as
 * version 00.
 */
#include "base.h"

#include "request/trace_context.h"

#define VERSION_DIGITS 2
#define FLAGS_DIGITS 2
#define HEX "0123456789abcdef"
#define MAX_MEMBERS 32
#define MAX_TRACESTATE 512 /* what 3.3.1.5 asks everybody to pass on */
#define MAX_KEY 256
#define MAX_VALUE 256

/* Reads exactly so many digits; false when they are not there. */
static bool
read_field(const char **at, int digits, char *field)
{
	if (strspn(*at, HEX) != digits)
		return false;
	memcpy(field, *at, digits);
	field[digits] = '\0';
	*at += digits;
	return true;
}

static bool
is_zero(const char *digits)
{
	return digits[strspn(digits, "0")] == '\0';
}

const char *
dq_traceparent_read(const char *value, TraceContext *context)
{
	const char *at = value;
	char version[VERSION_DIGITS + 1];
	char flags[FLAGS_DIGITS + 1];

	if (!read_field(&at, VERSION_DIGITS, version) || *at++ != '-' ||
		!read_field(&at, TRACE_ID_DIGITS, context->trace_id) || *at++ != '-' ||
		!read_field(&at, SPAN_ID_DIGITS, context->parent_id) || *at++ != '-' ||
		!read_field(&at, FLAGS_DIGITS, flags))
		return "expected version, trace id, parent id and flags, of 2, 32, 16 and 2 lower-case hex "
			   "digits, joined by hyphens";
	if (strcmp(version, "ff") == 0)
		return "version ff is not allowed";
	if (*at != '\0' && (strcmp(version, "00") == 0 || *at != '-'))
		return "more follows than version 00 has";
	if (is_zero(context->trace_id))
		return "the trace id is zero";
	if (is_zero(context->parent_id))
		return "the parent id is zero";
	context->flags = (uint8) strtoul(flags, NULL, 16) & (TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM);
	return NULL;
}

char *
dq_traceparent_make(const TraceContext *context, const char *span_id)
{
	return psprintf("00-%s-%s-%02x", context->trace_id, span_id, context->flags);
}

void
dq_trace_hex(const uint8 *bytes, int n, char *digits)
{
	for (int i = 0; i < n; i++)
	{
		digits[2 * i] = HEX[bytes[i] >> 4];
		digits[2 * i + 1] = HEX[bytes[i] & 15];
	}
	digits[2 * n] = '\0';
}

/* True when all of these bytes may stand in a member's value, and the last is no blank. */
static bool
is_member_value(const char *value, size_t len)
{
	if (len == 0 || len > MAX_VALUE || value[len - 1] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (value[i] < 0x20 || value[i] > 0x7e || value[i] == '=')
			return false;
	return true;
}

/* Blanks around it are taken off; an empty one is allowed (3.3.1.1). */
static bool
is_member(const char *member, size_t len)
{
	size_t key;

	while (len > 0 && (*member == ' ' || *member == '\t'))
		member++, len--;
	while (len > 0 && (member[len - 1] == ' ' || member[len - 1] == '\t'))
		len--;
	if (len == 0)
		return true;
	key = strspn(member, "abcdefghijklmnopqrstuvwxyz0123456789_-*/@");
	return key > 0 && key <= MAX_KEY && !strchr("_-*/@", member[0]) && key < len &&
		member[key] == '=' && is_member_value(member + key + 1, len - key - 1);
}

const char *
dq_tracestate_problem(const char *value)
{
	const char *at = value;

	if (strlen(value) > MAX_TRACESTATE)
		return "it is longer than 512 bytes";
	for (int members = 1;; members++)
	{
		size_t len = strcspn(at, ",");

		if (members > MAX_MEMBERS)
			return "it has more than 32 members";
		if (!is_member(at, len))
			return "expected key=value, joined by commas, of printable ASCII";
		if (at[len] == '\0')
			return NULL;
		at += len + 1;
	}
}
