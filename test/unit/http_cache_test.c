/*
 * http_cache_test.c
 *	  What headers say of an answer's life.
 */
#include "base.h"

#include "request/http_cache.h"
#include "tap.h"

/* 2026-11-25 14:00:00 UTC */
#define NOW ((int64) 1795615200)

static const char *headers[HTTP_CACHE_HEADERS];

static void
forget(void)
{
	memset(headers, 0, sizeof(headers));
}

static HttpPolicy
policy_of(const char *control, bool is_shared, bool is_authorized)
{
	HttpKeeper keeper = { .is_shared = is_shared,
						  .is_authorized = is_authorized,
						  .key_header = "X-Key",
						  .asked_at_ms = NOW * 1000 };
	HttpPolicy policy;

	headers[HTTP_CACHE_CONTROL] = control;
	dq_http_policy(headers, &keeper, &policy);
	return policy;
}

static int64
fresh(const char *control)
{
	return policy_of(control, false, false).fresh_ms / 1000;
}

static void
test_dates(void)
{
	int64 seconds = 0;

	ok(dq_http_date("Sun, 06 Nov 1994 08:49:37 GMT", NOW, &seconds), "IMF-fixdate");
	is_int(seconds, 784111777, "of 1994");
	ok(dq_http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW, &seconds) && seconds == 784111777,
	   "RFC 850");
	ok(dq_http_date("Sun Nov  6 08:49:37 1994", NOW, &seconds) && seconds == 784111777, "asctime");
	ok(dq_http_date("Sunday, 06-Nov-60 08:49:37 GMT", NOW, &seconds) && seconds > NOW,
	   "two digits: of this century");
	ok(dq_http_date("Sunday, 06-Nov-90 08:49:37 GMT", NOW, &seconds) && seconds < NOW,
	   "or of the last");
	ok(dq_http_date("Thu, 29 Feb 2024 23:59:60 GMT", NOW, &seconds), "a leap second");
	ok(!dq_http_date("0", NOW, &seconds), "a number is no date");
	ok(!dq_http_date("", NOW, &seconds), "nor is nothing");
	ok(!dq_http_date("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", NOW, &seconds),
	   "nor are two");
	ok(!dq_http_date("Sun, 06 Now 1994 08:49:37 GMT", NOW, &seconds), "nor a month of no calendar");
	ok(!dq_http_date("Sun, 36 Nov 1994 28:49:37 GMT", NOW, &seconds), "nor a day of none");
}

static void
test_lifetimes(void)
{
	forget();
	is_int(fresh("max-age=60"), 60, "max-age");
	is_int(fresh(" public , MAX-AGE=60,x"), 60, "among others, in any case");
	is_int(fresh("max-age=\"60\""), 60, "quoted");
	is_int(fresh("ext=\"a, max-age=5\", max-age=60"), 60, "not inside of quotes");
	is_int(fresh("max-age=60, max-age=5"), 5, "twice: the less");
	is_int(fresh("max-age=-1"), 0, "no number is none");
	is_int(fresh("max-age"), 0, "nor is nothing");
	ok(fresh("max-age=99999999999999999999") > 1000000000, "a large number is bounded");
	is_int(fresh("max-age=60, s-maxage=10"), 60, "s-maxage is for shared caches");
	is_int(policy_of("max-age=60, s-maxage=10", true, false).fresh_ms, 10000, "and counts there");
	is_int(fresh(NULL), 0, "nothing is guessed");
	is_int(fresh("no-cache, max-age=60"), 0, "no-cache");
	is_int(fresh("no-cache=\"Set-Cookie\", max-age=60"), 0, "for some fields: for all");

	headers[HTTP_EXPIRES] = "Wed, 25 Nov 2026 14:01:40 GMT";
	is_int(fresh(NULL), 100, "Expires");
	is_int(fresh("max-age=5"), 5, "max-age before Expires");
	headers[HTTP_DATE] = "Wed, 25 Nov 2026 14:00:10 GMT";
	is_int(fresh(NULL), 90, "Expires against Date");
	headers[HTTP_EXPIRES] = "Wed, 25 Nov 2026 13:00:00 GMT";
	is_int(fresh(NULL), 0, "in the past");
	headers[HTTP_EXPIRES] = "0";
	is_int(fresh(NULL), 0, "malformed: has expired");
}

static void
test_age(void)
{
	forget();
	headers[HTTP_AGE] = "20";
	is_int(policy_of("max-age=60", false, false).age_ms, 20000, "Age");
	headers[HTTP_AGE] = "20, 30";
	is_int(policy_of("max-age=60", false, false).age_ms, 20000, "the first counts");
	headers[HTTP_AGE] = "x";
	is_int(policy_of("max-age=60", false, false).age_ms, 0, "no number is passed over");
	headers[HTTP_DATE] = "Wed, 25 Nov 2026 13:59:30 GMT";
	is_int(policy_of("max-age=60", false, false).age_ms, 30000, "by Date");
	headers[HTTP_DATE] = "Wed, 25 Nov 2026 14:59:30 GMT";
	is_int(policy_of("max-age=60", false, false).age_ms, 0, "not before it was made");
	forget();
	headers[HTTP_AGE] = "60";
	ok(!policy_of("max-age=60", false, false).may_keep, "too old when it came");
	headers[HTTP_ETAG] = "\"x\"";
	ok(policy_of("max-age=60", false, false).may_keep, "but it may be confirmed");
}

static void
test_keeping(void)
{
	forget();
	ok(policy_of("max-age=60", false, true).may_keep, "for one user");
	ok(!policy_of("max-age=60, no-store", false, false).may_keep, "no-store");
	ok(policy_of("max-age=60, private", false, true).may_keep, "private: for one user");
	ok(!policy_of("max-age=60, private", true, false).may_keep, "not for all");
	ok(!policy_of("max-age=60, private=\"x\"", true, false).may_keep, "for some fields: for all");
	ok(policy_of("max-age=60", true, false).may_keep, "for all, without credentials");
	ok(!policy_of("max-age=60", true, true).may_keep, "not with credentials");
	ok(policy_of("max-age=60, public", true, true).may_keep, "unless public");
	ok(policy_of("s-maxage=60", true, true).may_keep, "or s-maxage");
	ok(policy_of("max-age=60, must-revalidate", true, true).may_keep, "or must-revalidate");
	ok(!policy_of(NULL, false, false).may_keep, "not without a lifetime");
	headers[HTTP_LAST_MODIFIED] = "Wed, 25 Nov 2026 13:00:00 GMT";
	ok(policy_of(NULL, false, false).may_keep, "which it may have by confirmation");
	headers[HTTP_VARY] = "Accept, *";
	ok(!policy_of("max-age=60", false, false).may_keep, "Vary: *");
	headers[HTTP_VARY] = "traceparent";
	ok(!policy_of("max-age=60", false, false).may_keep, "by what differs with each request");
	headers[HTTP_VARY] = "User-Agent";
	ok(!policy_of("max-age=60", false, false).may_keep, "by the session's name");
	headers[HTTP_VARY] = "Accept-Encoding, Authorization";
	ok(policy_of("max-age=60", false, true).may_keep, "by credentials: for one user");
	ok(!policy_of("public, max-age=60", true, true).may_keep, "not for all");
	headers[HTTP_VARY] = "x-key";
	ok(!policy_of("public, max-age=60", true, true).may_keep, "nor by the header of a key");
}

static void
test_staleness(void)
{
	HttpPolicy policy;
	HttpPolicy other;

	forget();
	policy = policy_of("max-age=60, stale-while-revalidate=30, stale-if-error=600", false, false);
	is_int(policy.stale_while_revalidate_ms, 30000, "stale-while-revalidate");
	is_int(policy.stale_if_error_ms, 600000, "stale-if-error");
	ok(!policy.must_revalidate, "may be stale");
	is_int(policy_of("max-age=60", false, false).stale_if_error_ms, -1, "not said");
	ok(policy_of("must-revalidate", false, false).must_revalidate, "must-revalidate");
	ok(policy_of("no-cache", false, false).must_revalidate, "no-cache");
	ok(!policy_of("proxy-revalidate, s-maxage=1", false, false).must_revalidate, "for one user");
	ok(policy_of("proxy-revalidate", true, false).must_revalidate, "proxy-revalidate");
	ok(policy_of("s-maxage=1", true, false).must_revalidate, "s-maxage");

	headers[HTTP_AGE] = "50";
	other = policy_of("max-age=70, stale-if-error=5", false, false);
	dq_http_policy_join(&policy, &other);
	is_int(policy.fresh_ms - policy.age_ms, 20000, "of two pages: what is left of the least");
	is_int(policy.age_ms, 50000, "the greatest age");
	is_int(policy.stale_if_error_ms, 5000, "the least grace");
	is_int(policy.stale_while_revalidate_ms, 30000, "or the only one");
	ok(policy.may_keep, "both may be kept");
	other = policy_of("no-store", false, false);
	dq_http_policy_join(&policy, &other);
	ok(!policy.may_keep, "one may not");
}

int
main(void)
{
	test_dates();
	test_lifetimes();
	test_age();
	test_keeping();
	test_staleness();
	return tap_done();
}
