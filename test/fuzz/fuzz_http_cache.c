/*
 * fuzz_http_cache.c
 *	  Whatever a response's headers say, what may be done with it is within bounds.
 *
 * The input is a byte of flags, then the headers' values, one a line; an empty line is an absent
 * header.  Checked: times are bounded; nothing is fresh without a lifetime; what joins two answers is
 * no laxer than either, and the same in both orders.
 */
#include "base.h"

#include "fuzz_check.h"
#include "fuzz_memory.h"
#include "request/http_cache.h"

#define NOW_MS INT64CONST(1795615200000)
#define MAX_MS (INT64CONST(1) << 50)

static void
check_policy(const HttpPolicy *policy, const char *const *headers)
{
	check(policy->fresh_ms >= 0 && policy->fresh_ms < MAX_MS, "fresh");
	check(policy->age_ms >= 0 && policy->age_ms < MAX_MS, "age");
	check(policy->stale_while_revalidate_ms >= -1 && policy->stale_while_revalidate_ms < MAX_MS,
		  "stale-while-revalidate");
	check(policy->stale_if_error_ms >= -1 && policy->stale_if_error_ms < MAX_MS, "stale-if-error");
	check(policy->fresh_ms == 0 || headers[HTTP_CACHE_CONTROL] || headers[HTTP_EXPIRES],
		  "a lifetime that nobody has given");
	check(policy->may_keep || policy->fresh_ms >= 0, "kept");
}

static bool
is_laxer(const HttpPolicy *a, const HttpPolicy *b)
{
	return (a->may_keep && !b->may_keep) || (!a->must_revalidate && b->must_revalidate) ||
		(a->fresh_ms - a->age_ms > b->fresh_ms - b->age_ms && a->fresh_ms > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *headers[HTTP_CACHE_HEADERS] = { NULL };
	const uint8_t *end = data + size;
	HttpKeeper keeper = { .asked_at_ms = NOW_MS, .key_header = "X-Key" };
	HttpPolicy policy;
	HttpPolicy other;
	HttpPolicy joined;
	HttpPolicy reverse;

	if (size == 0)
		return 0;
	keeper.is_shared = data[0] & 1;
	keeper.is_authorized = data[0] & 2;
	data++;
	for (int i = 0; i < HTTP_CACHE_HEADERS && data < end; i++)
	{
		const uint8_t *stop = data;

		while (stop < end && *stop != '\n' && *stop != '\0')
			stop++;
		if (stop > data)
			headers[i] = pnstrdup((const char *) data, stop - data);
		data = stop + 1;
	}
	dq_http_policy(headers, &keeper, &policy);
	check_policy(&policy, headers);
	headers[HTTP_AGE] = headers[HTTP_ETAG];
	headers[HTTP_EXPIRES] = headers[HTTP_LAST_MODIFIED];
	dq_http_policy(headers, &keeper, &other);
	joined = policy;
	dq_http_policy_join(&joined, &other);
	reverse = other;
	dq_http_policy_join(&reverse, &policy);
	check(memcmp(&joined.age_ms, &reverse.age_ms, sizeof(joined) - offsetof(HttpPolicy, age_ms)) ==
			  0,
		  "the order of pages matters");
	check(!is_laxer(&joined, &policy) && !is_laxer(&joined, &other), "laxer than one of its pages");
	fuzz_release();
	return 0;
}
