/*
 * host_rules_test.c
 *	  Which hosts a list allows, what is no list, and the spellings of addresses that nobody means.
 */
#include "base.h"

#include "request/host_rules.h"
#include "tap.h"

static HostRules *
rules_of(const char *list)
{
	char *problem;
	HostRules *rules = dq_host_rules_parse(list, &problem);

	if (!ok(rules != NULL, "a good list: %s", list))
		printf("# %s\n", problem);
	return rules;
}

static HostVerdict
judge(const char *list, const char *host, int port, const char *text)
{
	NetAddress address;
	char *problem;
	HostRules *rules = dq_host_rules_parse(list, &problem);

	if (rules == NULL || !dq_net_address_parse(text, &address))
		return -1;
	return dq_host_rules_judge(rules, host, port, &address, port);
}

static void
test_lists(void)
{
	static const char *const good[] = { "",
										"  ",
										"api.internal",
										" api.internal , *.svc.cluster.local:8443 ",
										"*",
										"*:443",
										"API.Internal.",
										"10.0.0.0/8",
										"10.1.2.3",
										"10.1.2.3:80",
										"10.0.0.0/8:443",
										"0.0.0.0/0",
										"::1",
										"::/0",
										"fd00::/8",
										"[fd00::/8]",
										"[fd00::]/8",
										"[fd00::/8]:443",
										"[fd00::]/8:443",
										"[::1]:8080",
										"::ffff:10.0.0.0/104",
										"xn--bcher-kva.example",
										"a_b-c.internal" };
	static const char *const bad[] = { ",",
									   "a,,b",
									   "a,",
									   "a b",
									   "http://a",
									   "a/b",
									   "a/8",
									   "a:0",
									   "a:65536",
									   "a:",
									   "a:080",
									   "a:b",
									   "a.*",
									   "*a",
									   "a.*.b",
									   "*.",
									   "*.*",
									   "**",
									   ".a",
									   "a..b",
									   "a@b",
									   "\xc3\xa4.example",
									   "10.0.0.0/33",
									   "10.0.0.0/-1",
									   "10.0.0.0/08",
									   "10.0.0.0/",
									   "10.0.0.1/8",
									   "10.0.0",
									   "10.0.0.256",
									   "010.0.0.1",
									   "0x7f.1",
									   "2130706433",
									   "*.1",
									   "fd00::/129",
									   "fd00::1/8",
									   "fd00:::",
									   "[fd00::",
									   "[a]",
									   "fe80::1%eth0",
									   "::ffff:10.0.0.0/8",
									   "::ffff:10.0.0.1/104",
									   "fd00::/8:443" };

	for (int i = 0; i < lengthof(good); i++)
		rules_of(good[i]);
	for (int i = 0; i < lengthof(bad); i++)
	{
		char *problem = NULL;
		HostRules *rules = dq_host_rules_parse(bad[i], &problem);

		ok(rules == NULL && problem, "no list: %s (%s)", bad[i], problem ? problem : "");
	}
}

static void
test_names(void)
{
	static const struct
	{
		const char *list;
		const char *host;
		int port;
		bool is_allowed;
	} cases[] = {
		{ "api.internal", "api.internal", 80, true },
		{ "api.internal", "API.Internal", 80, true },
		{ "api.internal", "api.internal.", 80, true },
		{ "api.internal", "api.internal..", 80, false },
		{ "api.internal", "xapi.internal", 80, false },
		{ "api.internal", "api.internal.evil", 80, false },
		{ "api.internal", "a.api.internal", 80, false },
		{ "*.internal", "api.internal", 80, true },
		{ "*.internal", "a.b.internal", 80, true },
		{ "*.internal", "A.INTERNAL.", 80, true },
		{ "*.internal", "internal", 80, false },
		{ "*.internal", ".internal", 80, false },
		{ "*.internal", "evilinternal", 80, false },
		{ "*.internal", "api.internal.evil", 80, false },
		{ "api.internal:8443", "api.internal", 8443, true },
		{ "api.internal:8443", "api.internal", 443, false },
		{ "*", "anything", 1, true },
		{ "*", "10.0.0.1", 1, true },
		{ "*:443", "anything", 443, true },
		{ "*:443", "anything", 80, false },
		{ "a, b ,c", "b", 80, true },
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_int(judge(cases[i].list, cases[i].host, cases[i].port, "198.51.100.7"),
			   cases[i].is_allowed ? HOST_ALLOWED : HOST_NOT_LISTED, "%s, %s:%d", cases[i].list,
			   cases[i].host, cases[i].port);
}

static void
test_blocks(void)
{
	static const struct
	{
		const char *list;
		const char *address;
		HostVerdict verdict;
	} cases[] = {
		{ "", "10.0.0.1", HOST_ALLOWED },
		{ "", "::1", HOST_ALLOWED },
		{ "10.0.0.0/8", "10.255.0.1", HOST_ALLOWED },
		{ "10.0.0.0/8", "11.0.0.1", HOST_NOT_LISTED },
		{ "10.0.0.0/8", "::ffff:10.0.0.1", HOST_ALLOWED },
		{ "::ffff:10.0.0.0/104", "10.0.0.1", HOST_ALLOWED },
		{ "::ffff:10.0.0.0/104", "11.0.0.1", HOST_NOT_LISTED },
		{ "::ffff:0:0/96", "11.0.0.1", HOST_ALLOWED },
		{ "10.0.0.0/8", "64:ff9b::10.0.0.1", HOST_NOT_LISTED },
		{ "10.0.0.0/8", "::10.0.0.1", HOST_NOT_LISTED },
		{ "10.0.0.0/8", "0.0.0.0", HOST_NOT_LISTED },
		{ "10.64.0.0/10", "10.127.255.255", HOST_ALLOWED },
		{ "10.64.0.0/10", "10.128.0.0", HOST_NOT_LISTED },
		{ "10.1.2.3", "10.1.2.3", HOST_ALLOWED },
		{ "10.1.2.3", "10.1.2.2", HOST_NOT_LISTED },
		{ "0.0.0.0/0", "203.0.113.1", HOST_ALLOWED },
		{ "0.0.0.0/0", "2001:db8::1", HOST_NOT_LISTED },
		{ "::/0", "2001:db8::1", HOST_ALLOWED },
		{ "::/0", "203.0.113.1", HOST_NOT_LISTED },
		{ "fd00::/8", "fdff::1", HOST_ALLOWED },
		{ "fd00::/8", "fe00::1", HOST_NOT_LISTED },
		{ "[fd00::]/8:80", "fdff::1", HOST_ALLOWED },
		{ "[fd00::/8]:81", "fdff::1", HOST_NOT_LISTED },
		{ "other.internal, 10.0.0.0/8", "10.0.0.1", HOST_ALLOWED },
		{ "other.internal", "10.0.0.1", HOST_NOT_LISTED },
	};

	for (int i = 0; i < lengthof(cases); i++)
		is_int(judge(cases[i].list, "api.internal", 80, cases[i].address), cases[i].verdict,
			   "\"%s\", %s", cases[i].list, cases[i].address);
}

static void
test_special(void)
{
	static const char *const special[] = { "169.254.169.254",
										   "169.254.0.0",
										   "169.254.255.255",
										   "::ffff:169.254.169.254",
										   "::ffff:a9fe:a9fe",
										   "0:0:0:0:0:FFFF:A9FE:A9FE",
										   "::169.254.169.254",
										   "64:ff9b::169.254.169.254",
										   "64:ff9b::a9fe:a9fe",
										   "64:ff9b:1:a9fe:a9:fe00::",
										   "64:ff9b:1:a9:fe:a9fe::",
										   "64:ff9b:1:0:a9:fea9:fe00:0",
										   "64:ff9b:1::169.254.169.254",
										   "::ffff:0:169.254.169.254",
										   "2002:a9fe:a9fe::1",
										   "2001:0:1234::5601:5601",
										   "fd12::5efe:169.254.169.254",
										   "2001:db8::200:5efe:169.254.169.254",
										   "fe80::1",
										   "febf:ffff::1",
										   "fd00:ec2::254",
										   "fd00:0ec2:0:0:0:0:0:0254",
										   "fd20:ce::254",
										   "100.100.100.200",
										   "168.63.129.16",
										   "192.0.0.192",
										   "[fe80::1]",
										   "fe80::1%lo" };
	static const char *const wide[] = {
		"", "*", "api.internal", "0.0.0.0/0, ::/0", "168.0.0.0/5", "fc00::/6"
	};
	static const char *const usual[] = { "169.253.255.255", "169.255.0.0", "fec0::1",
										 "fe7f::1",			"127.0.0.1",   "64:ff9b::10.0.0.1",
										 "fd00:ec2::253",	"0.0.0.0",	   "::" };

	for (int i = 0; i < lengthof(special); i++)
		for (int k = 0; k < lengthof(wide); k++)
			is_int(judge(wide[k], "api.internal", 80, special[i]), HOST_SPECIAL, "%s under \"%s\"",
				   special[i], wide[k]);
	for (int i = 0; i < lengthof(usual); i++)
		is_int(judge("", "api.internal", 80, usual[i]), HOST_ALLOWED, "%s is usual", usual[i]);
	is_int(judge("169.254.169.254", "x", 80, "169.254.169.254"), HOST_ALLOWED, "opened by itself");
	is_int(judge("169.254.169.254", "x", 80, "169.254.169.253"), HOST_SPECIAL, "and no other");
	is_int(judge("169.254.0.0/16", "x", 80, "169.254.1.1"), HOST_ALLOWED, "by its block");
	is_int(judge("169.254.0.0/15", "x", 80, "169.254.1.1"), HOST_SPECIAL, "by none around it");
	is_int(judge("169.254.169.254:81", "x", 80, "169.254.169.254"), HOST_SPECIAL, "port");
	is_int(judge("fe80::/10", "x", 80, "fe80::1"), HOST_ALLOWED, "block of IPv6");
	is_int(judge("64:ff9b::/96", "x", 80, "64:ff9b::a9fe:a9fe"), HOST_SPECIAL, "NAT64's block");
	is_int(judge("64:ff9b::a9fe:a9fe", "x", 80, "64:ff9b::a9fe:a9fe"), HOST_ALLOWED,
		   "just this address of NAT64");
}

static void
test_before_connecting(void)
{
	HostRules *names = rules_of("api.internal");
	HostRules *blocks = rules_of("api.internal, 10.0.0.0/8");

	is_int(dq_host_rules_judge_name(NULL, "x", 80), HOST_ALLOWED, "no rules");
	is_int(dq_host_rules_judge_name(names, "x", 80), HOST_NOT_LISTED, "names only: by the name");
	is_int(dq_host_rules_judge_name(names, "api.internal", 80), HOST_ALLOWED, "a listed name");
	is_int(dq_host_rules_judge_name(blocks, "x", 80), HOST_ALLOWED, "blocks: the address will say");
	is_int(dq_host_rules_judge_unseen(NULL, "x", 80), HOST_ALLOWED, "behind a proxy, no rules");
	is_int(dq_host_rules_judge_unseen(NULL, "169.254.169.254", 80), HOST_SPECIAL,
		   "behind a proxy, special");
	is_int(dq_host_rules_judge_unseen(blocks, "x", 80), HOST_NOT_LISTED, "behind a proxy, a name");
	is_int(dq_host_rules_judge_unseen(blocks, "api.internal", 80), HOST_ALLOWED, "a listed one");
	is_int(dq_host_rules_judge_unseen(blocks, "10.1.1.1", 80), HOST_ALLOWED, "an address");
	is_int(dq_host_rules_judge_unseen(blocks, "11.1.1.1", 80), HOST_NOT_LISTED, "another address");
}

int
main(void)
{
	test_lists();
	test_names();
	test_blocks();
	test_special();
	test_before_connecting();
	return tap_done();
}
