/*
 * total.c
 *	  Reads how many rows there are in all from a header.
 */
#include "base.h"

#include "common/int.h"
#include "request/paging.h"

bool
dq_total_parse(const char *value, int64 *total)
{
	const char *space = " \t\r\n";
	const char *slash = strrchr(value, '/');
	const char *at = slash ? slash + 1 : value;
	int64 number = 0;

	at += strspn(at, space);
	if (*at < '0' || *at > '9')
		return false;
	for (; *at >= '0' && *at <= '9'; at++)
	{
		if (pg_mul_s64_overflow(number, 10, &number) ||
			pg_add_s64_overflow(number, *at - '0', &number))
			return false;
	}
	if (at[strspn(at, space)] != '\0')
		return false;
	*total = number;
	return true;
}
