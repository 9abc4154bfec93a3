/*
 * url_test.c
 *	  URLs: encoding, base URLs, resolving what answers say, origins; and Link headers.
 */
#include "base.h"

#include "request/paging.h"
#include "request/url.h"
#include "tap.h"

static void
test_encode(void)
{
	StringInfoData out;
	char all[256];

	initStringInfo(&out);
	for (int i = 1; i < 256; i++)
		all[i - 1] = (char) i;
	all[255] = '\0';
	dq_url_encode(&out, all);
	ok(strspn(out.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%") ==
		   out.len,
	   "only unreserved bytes and triplets");
	is_int(out.len, 66 + (255 - 66) * 3, "66 bytes are unreserved");
}

static void
test_problem(void)
{
	static const char *const good[] = { "http://h", "https://h:8443/api/v1", "HTTP://h",
										"http://[::1]:80/", "http://127.0.0.1/a%20b" };
	static const char *const bad[] = { "",
									   "h",
									   "ftp://h",
									   "http:h",
									   "http:/h",
									   "http:///h",
									   "http://",
									   "http://?x",
									   "http://h:99999",
									   "http://h/a b",
									   "http://h/\n",
									   "http://h\\x",
									   "http://u@h",
									   "http://u:secret@h",
									   "http://@h",
									   "http://h?a=1",
									   "http://h/?",
									   "http://h#f",
									   "http://h/#",
									   "file:///etc/passwd",
									   " http://h",
									   "http://h:x",
									   "http://\xc3\xa4/",
									   "http://:80/" };

	for (int i = 0; i < lengthof(good); i++)
		is_text(dq_url_problem(good[i]), NULL, "good base URL: %s", good[i]);
	for (int i = 0; i < lengthof(bad); i++)
	{
		const char *problem = dq_url_problem(bad[i]);

		ok(problem != NULL && strstr(problem, "secret") == NULL, "bad base URL %d: %s", i,
		   problem ? problem : "accepted");
	}
}

static void
test_resolve(void)
{
	static const char *const cases[][3] = {
		{ "http://h/a/b?x=1", "http://h/c", "http://h/c" },
		{ "http://h/a/b?x=1", "/c?y=2", "http://h/c?y=2" },
		{ "http://h/a/b?x=1", "c", "http://h/a/c" },
		{ "http://h/a/b?x=1", "?x=2", "http://h/a/b?x=2" },
		{ "http://h/a/b?x=1", "../c", "http://h/c" },
		{ "http://h/a/b?x=1", "../../../c", "http://h/c" },
		{ "http://h/a/b?x=1", "//other/c", "http://other/c" },
		{ "https://h/a/b?x=1", "//h:8443/c", "https://h:8443/c" },
		{ "http://h/a/b?x=1", "", "http://h/a/b?x=1" },
		{ "http://h/a/b?x=1", "#top", "http://h/a/b?x=1" },
		{ "http://h/a/b?x=1", "c#top", "http://h/a/c" },
		{ "http://h/a/b?x=1", " /c\n", "http://h/c" },
		{ "http://h/a", "/c?q=a b&f[x]=\xc3\xa4\"", "http://h/c?q=a%20b&f[x]=%C3%A4%22" },
		{ "http://h/a", "/c?q=a%2Fb%20", "http://h/c?q=a%2Fb%20" },
		{ "http://h/a", "ftp://h/c", NULL },
		{ "http://h/a", "file:///etc/passwd", NULL },
		{ "http://h/a", "http://u:p@h/c", NULL },
		{ "http://h/a", "http://u@h/c", NULL },
		{ "http://h/a", "http://h:99999/", NULL },
		{ "http://h/a", "HTTP://H/c", "http://H/c" },
		{ "http://h/a", "\\\\other/c", "http://h/%5C%5Cother/c" },
		{ "http://h/a", "/\\other/c", "http://h/%5Cother/c" },
		{ "http://h/a", "/c\r\nX-Evil: 1", "http://h/c%0D%0AX-Evil:%201" },
		{ "http://h/a", "http://h\r\nX-Evil: 1/c", NULL },
		{ "http://h/a", "http://h\t.other/c", NULL },
		{ "http://h/a", "http://h@other/c", NULL },
		{ "http://h/a", "http://h:80@other/c", NULL },
		{ "http://h/a", "http://h%2F@other/c", NULL },
		{ "http://h/a", "javascript:alert(1)", NULL },
		{ "http://h/a", "data:text/html,x", NULL },
		{ "nonsense", "/c", NULL },
		{ "http://[::1]:8080/a", "/b", "http://[::1]:8080/b" },
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_text(dq_url_resolve(cases[i][0], cases[i][1]), cases[i][2], "resolve \"%s\"",
				cases[i][1]);
}

static void
test_origin(void)
{
	ok(dq_url_is_loopback("http://localhost:80/token?x=1"), "localhost is this machine");
	ok(dq_url_is_loopback("http://LOCALHOST"), "in either case");
	ok(dq_url_is_loopback("http://127.1.2.3:80/"), "so is all of 127.0.0.0/8");
	ok(dq_url_is_loopback("http://[::1]:80/"), "and [::1]");
	ok(!dq_url_is_loopback("http://localhost.example/"), "a name that begins so is not");
	ok(!dq_url_is_loopback("http://127.0.0.1.example/"), "nor does a name of digits");
	ok(!dq_url_is_loopback("http://[::2]/"), "nor another address");
	ok(!dq_url_is_loopback("http://example/127.0.0.1"), "nor a path");
	ok(!dq_url_is_loopback("http://127.0.0.1@example/"), "nor a user name");
	ok(dq_url_same_origin("http://h/a", "http://h:80/b"), "default port is filled in");
	ok(dq_url_same_origin("HTTPS://Host", "https://host:443/"), "case of scheme and host is none");
	ok(!dq_url_same_origin("http://h", "https://h"), "another scheme");
	ok(!dq_url_same_origin("http://h", "http://h:8080"), "another port");
	ok(!dq_url_same_origin("http://h", "http://h.evil"), "another host");
	ok(dq_url_same_origin("https://h:443", "https://h"), "default port of https");
	ok(!dq_url_same_origin("https://h:80", "http://h"), "another scheme on the same port");
	ok(!dq_url_same_origin("http://h", "http://h./"), "a dot at the end is another name");
	ok(!dq_url_same_origin("http://127.0.0.1", "http://localhost"), "another name of the same");
	ok(!dq_url_same_origin("http://127.0.0.1", "http://[::ffff:127.0.0.1]"), "a mapped address");
	ok(!dq_url_same_origin("http://h", "nonsense") && !dq_url_same_origin("", ""),
	   "no URL, no origin");
	is_text(dq_url_origin("http://u:secret@Host/x?y"), "http://host:80", "no user information");
	is_text(dq_url_origin("https://h:8443"), "https://h:8443", "a port of its own");
	is_text(dq_url_origin("nonsense"), "an unknown origin", "no URL");
}

static void
test_add_query(void)
{
	is_text(dq_url_add_query("http://h/x", "a=1"), "http://h/x?a=1", "first parameter");
	is_text(dq_url_add_query("http://h/x?b=2", "a=1"), "http://h/x?b=2&a=1", "further parameter");
	is_text(dq_url_add_query("http://h/x?", "a=1"), "http://h/x?a=1", "after a bare ?");
	is_text(dq_url_add_query("http://h/x?b&", "a=1"), "http://h/x?b&a=1", "after a bare &");
	is_text(dq_url_add_query("http://h/x", ""), "http://h/x", "nothing to add");
	is_text(dq_url_add_query("http://h/x#f", "a=1"), "http://h/x?a=1", "a fragment goes");
}

static void
test_link(void)
{
	static const char *const cases[][2] = {
		{ "<http://h/2>; rel=\"next\"", "http://h/2" },
		{ "</2>; rel=next", "/2" },
		{ "</1>; rel=\"prev\", </3>; rel=\"next\"", "/3" },
		{ "</1>;rel=\"prev\",</3>;rel=\"next\"", "/3" },
		{ "</3>; rel=\"last next\"", "/3" },
		{ "</3>; REL=\"NEXT\"", "/3" },
		{ "</3?a=1,2;b>; rel=\"next\"", "/3?a=1,2;b" },
		{ "</1>; title=\"a, <b>; rel=\\\"next\\\"\"; rel=prev", NULL },
		{ "</1>; title=\"a \\\" b\"; rel=next", "/1" },
		{ "</1>; rel=\"prev\"; rel=\"next\"", NULL },
		{ "</1>; rel=\"nextish\"", NULL },
		{ "</1>; rel", NULL },
		{ "</1>; rel=", NULL },
		{ "</1>", NULL },
		{ "", NULL },
		{ ",,, </1> ; ; rel = next ;", "/1" },
		{ "garbage, </1>; rel=next", "/1" },
		{ "</0>; rel=prev garbage, </1>; rel=next", "/1" },
		{ "</0 ; rel=next", NULL },
		{ "</1>; rel=\"next\"; anchor=\"/other\", </2>; rel=next", "/2" },
		{ "</1>; anchor=\"/other\"; rel=next", NULL },
		{ "</1>; rel=\"next", "/1" },
		{ "<>; rel=next", "" },
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_text(dq_link_header_next(cases[i][0]), cases[i][1], "Link: %s", cases[i][0]);
}

static void
test_total(void)
{
	static const struct
	{
		const char *value;
		int64 total; /* -1: none */
	} cases[] = {
		{ "319", 319 },
		{ " 0 ", 0 },
		{ "items 0-24/319", 319 },
		{ "0-24/319", 319 },
		{ "*/0", 0 },
		{ "0-24/*", -1 },
		{ "*/*", -1 },
		{ "", -1 },
		{ "x", -1 },
		{ "-1", -1 },
		{ "12x", -1 },
		{ "1.5", -1 },
		{ "/", -1 },
		{ "9223372036854775807", PG_INT64_MAX },
		{ "9223372036854775808", -1 },
		{ "99999999999999999999", -1 },
	};

	for (int i = 0; i < lengthof(cases); i++)
	{
		int64 total = -1;

		dq_total_parse(cases[i].value, &total);
		is_int(total, cases[i].total, "total in \"%s\"", cases[i].value);
	}
}

int
main(void)
{
	test_encode();
	test_problem();
	test_resolve();
	test_origin();
	test_add_query();
	test_link();
	test_total();
	return tap_done();
}
