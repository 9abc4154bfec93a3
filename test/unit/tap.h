/*
 * tap.h
 *	  The little that a C test program needs to speak the Test Anything Protocol.
 */
#ifndef DQ_TAP_H
#define DQ_TAP_H

static int tap_count;
static int tap_failures;

#define ok(condition, ...) tap_ok((condition), __LINE__, __VA_ARGS__)
#define is_text(got, expected, ...) tap_is_text((got), (expected), __LINE__, __VA_ARGS__)
#define is_int(got, expected, ...) tap_is_int((got), (expected), __LINE__, __VA_ARGS__)

static bool tap_ok(bool condition, int line, const char *format, ...) pg_attribute_printf(3, 4);
static inline bool tap_is_text(const char *got, const char *expected, int line, const char *format,
							   ...) pg_attribute_printf(4, 5);
static inline bool tap_is_int(int64 got, int64 expected, int line, const char *format, ...)
	pg_attribute_printf(4, 5);

static bool
tap_report(bool condition, int line, const char *format, va_list args)
{
	printf("%sok %d - ", condition ? "" : "not ", ++tap_count);
	vprintf(format, args);
	printf("\n");
	if (!condition)
	{
		tap_failures++;
		printf("# failed in line %d\n", line);
	}
	return condition;
}

static bool
tap_ok(bool condition, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_report(condition, line, format, args);
	va_end(args);
	return condition;
}

/* Two texts, either of which may be NULL. */
static inline bool
tap_is_text(const char *got, const char *expected, int line, const char *format, ...)
{
	bool same = got && expected ? strcmp(got, expected) == 0 : got == expected;
	va_list args;

	va_start(args, format);
	tap_report(same, line, format, args);
	va_end(args);
	if (!same)
		printf("#      got: %s\n# expected: %s\n", got ? got : "(null)",
			   expected ? expected : "(null)");
	return same;
}

static inline bool
tap_is_int(int64 got, int64 expected, int line, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_report(got == expected, line, format, args);
	va_end(args);
	if (got != expected)
		printf("#      got: " INT64_FORMAT "\n# expected: " INT64_FORMAT "\n", got, expected);
	return got == expected;
}

/* The last statement of main(). */
static int
tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures ? 1 : 0;
}

#endif /* DQ_TAP_H */
