/*
 * host_rules.h
 *	  Which hosts may be asked: a list of names and blocks of addresses, and addresses that nobody
 *	  means.
 *
 * Pure room: nothing here raises, and judging allocates nothing, since libcurl's callbacks do it.
 */
#ifndef DQ_HOST_RULES_H
#define DQ_HOST_RULES_H

#include "lib/stringinfo.h"

/* An address; one of IPv4 mapped into IPv6 (::ffff:0:0/96) is that of IPv4. */
typedef struct NetAddress
{
	bool is_v4;
	unsigned char bytes[16]; /* in network order; 4 of them where is_v4 */
} NetAddress;

typedef struct HostRule
{
	const char *pattern; /* a name in lower case, "*.name" or "*"; NULL: a block of addresses */
	NetAddress block;
	int prefix; /* its leading bits that count */
	int port;	/* 0: any */
} HostRule;

/* Without any rule, every host may be asked. */
typedef struct HostRules
{
	int nrules;
	HostRule *rules;
	bool has_blocks;
} HostRules;

typedef enum HostVerdict
{
	HOST_ALLOWED,
	HOST_SPECIAL, /* a link-local address or a cloud's metadata service, and no rule for just that */
	HOST_NOT_LISTED /* there are rules, none of which it meets */
} HostVerdict;

/*
 * Compiles a list, separated by commas: "api.internal", "*.internal:8443", "10.0.0.0/8",
 * "[fd00::/8]:443".  NULL with *problem (palloc'd phrase) when it is none.  Palloc'd in one piece
 * for each rule.
 */
extern HostRules *dq_host_rules_parse(const char *list, char **problem);

/* An address as inet_pton() reads it, brackets and a zone aside; false for a name. */
extern bool dq_net_address_parse(const char *address, NetAddress *result);

/* From 4 or 16 bytes in network order. */
extern NetAddress dq_net_address(const unsigned char *bytes, bool is_v4);

/*
 * Whether a host and port, named so, may be connected to at an address and port.  NULL rules are
 * none.
 */
extern HostVerdict dq_host_rules_judge(const HostRules *rules, const char *host, int port,
									   const NetAddress *address, int address_port);

/*
 * The same before the address is known: HOST_ALLOWED means that the name is, or that the address
 * will say.
 */
extern HostVerdict dq_host_rules_judge_name(const HostRules *rules, const char *host, int port);

/* The same where the address will never be known to us, as behind a proxy. */
extern HostVerdict dq_host_rules_judge_unseen(const HostRules *rules, const char *host, int port);

#endif /* DQ_HOST_RULES_H */
