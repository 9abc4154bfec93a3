/*
 * target_headers.c
 *	  Any bytes as the headers of an answer: values are within their line, times within reason.
 */
#include "postgres.h"

#include "fuzz_server.h"
#include "request/paging.h"
#include "transport/exchange_private.h"

static const char *const names[] = { "Retry-After", "Link", "Content-Type", "X-Total-Count",
									 "Content-Range" };

void
fuzz_headers(const uint8 *data, size_t size)
{
	Exchange *exchange = palloc0(sizeof(Exchange));
	char *bytes = palloc(size + 1);
	double wait_ms;

	/* As transfer.c keeps them. */
	memcpy(bytes, data, size);
	bytes[size] = '\0';
	exchange->context = CurrentMemoryContext;
	exchange->headers = (WireBuffer) { .data = bytes, .len = size, .size = size + 1 };
	for (int i = 0; i < lengthof(names); i++)
	{
		const char *value = dq_exchange_header(exchange, names[i]);
		int64 total;
		char *next;

		if (value == NULL)
			continue;
		fuzz_check(strchr(value, '\n') == NULL, "more than a line");
		fuzz_check(dq_total_parse(value, &total) ? total >= 0 : true, "a negative total");
		next = dq_link_header_next(value);
		fuzz_check(next == NULL || strstr(value, next) != NULL, "a link from nowhere");
	}
	wait_ms = dq_retry_after_ms(exchange, CURLE_OK);
	fuzz_check(wait_ms >= 0, "a negative time to wait");
}
