/*
 * exchange_answer.c
 *	  What an exchange's owner gets to know of it: status, headers, bytes, failure, figures.
 */
#include "postgres.h"

#include "transport/exchange_private.h"

ExchangeState
dq_exchange_state(const Exchange *exchange)
{
	return exchange->state;
}

const char *
dq_exchange_url(const Exchange *exchange)
{
	return exchange->request.url;
}

int
dq_exchange_status(const Exchange *exchange)
{
	return exchange->status;
}

const char *
dq_exchange_header(const Exchange *exchange, const char *name)
{
	const char *line = exchange->headers.data;
	const char *end = line + exchange->headers.len;
	size_t len = strlen(name);
	StringInfoData value;

	if (exchange->headers.len == 0)
		return NULL;
	value.data = NULL;
	while (line < end)
	{
		const char *next = memchr(line, '\n', end - line);
		const char *stop = next ? next : end;

		if ((size_t) (stop - line) > len && line[len] == ':' && pg_strncasecmp(line, name, len) == 0)
		{
			const char *start = line + len + 1;

			while (start < stop && (*start == ' ' || *start == '\t'))
				start++;
			while (stop > start && (stop[-1] == '\r' || stop[-1] == ' ' || stop[-1] == '\t'))
				stop--;
			if (value.data == NULL)
			{
				MemoryContext old = MemoryContextSwitchTo(exchange->context);

				initStringInfo(&value);
				MemoryContextSwitchTo(old);
			}
			else
				appendStringInfoString(&value, ", ");
			appendBinaryStringInfo(&value, start, stop - start);
		}
		if (next == NULL)
			break;
		line = next + 1;
	}
	return value.data;
}

bool
dq_exchange_take(Exchange *exchange, const char **bytes, size_t *len)
{
	if (exchange->body.len == 0)
		return false;
	*bytes = exchange->body.data;
	*len = exchange->body.len;
	exchange->body.len = 0;
	return true;
}

void
dq_exchange_commit(Exchange *exchange)
{
	exchange->is_committed = true;
}

int
dq_exchange_restarts(const Exchange *exchange)
{
	return exchange->restarts;
}

const RemoteError *
dq_exchange_error(const Exchange *exchange)
{
	return exchange->error;
}

void
dq_exchange_note_content_failure(Exchange *exchange)
{
	exchange->has_content_failure = true;
	dq_service_count_content_failure(exchange->service);
}

void
dq_exchange_stats(const Exchange *exchange, ExchangeStats *stats)
{
	bool has_ended = exchange->state == EXCHANGE_DONE || exchange->state == EXCHANGE_FAILED;

	*stats = exchange->stats;
	stats->total_ms = (has_ended ? exchange->ended_ms : dq_loop_clock_ms()) - exchange->started_ms;
}
