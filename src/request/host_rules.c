/*
 * host_rules.c
 *	  Which hosts may be asked: a list of names and blocks of addresses, and addresses that nobody
 *	  means.
 *
 * A name is allowed by a pattern, an address by a block; one of the two suffices.  So a name that no
 * pattern has is judged by what it resolves to at the moment of connecting, and rebinding it to
 * another address gains nothing.
 *
 * Special addresses are those where machines and clouds keep what is for the machine alone: they are
 * refused whatever the name, in every spelling that leads there, unless a block inside their own
 * range names them.
 */
#include "base.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "request/host_rules.h"

#define MAX_NAME_BYTES 253
#define MAX_LABEL_BYTES 63

typedef struct SpecialBlock
{
	unsigned char bytes[16];
	int prefix;
} SpecialBlock;

static const SpecialBlock special_v4[] = {
	{ { 169, 254 }, 16 },			/* link-local (RFC 3927); metadata of most clouds */
	{ { 100, 100, 100, 200 }, 32 }, /* metadata of Alibaba Cloud */
	{ { 168, 63, 129, 16 }, 32 },	/* the host of a machine in Azure */
	{ { 192, 0, 0, 192 }, 32 },		/* metadata of Oracle Cloud, formerly */
};

static const SpecialBlock special_v6[] = {
	{ { 0xfe, 0x80 }, 10 }, /* link-local (RFC 4291) */
	{ { 0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 }, 128 }, /* AWS */
	{ { 0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54 }, 128 }, /* Google */
};

NetAddress
dq_net_address(const unsigned char *bytes, bool is_v4)
{
	static const unsigned char mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	NetAddress address = { .is_v4 = is_v4 };

	if (!is_v4 && memcmp(bytes, mapped, sizeof(mapped)) == 0)
	{
		address.is_v4 = true;
		bytes += sizeof(mapped);
	}
	memcpy(address.bytes, bytes, address.is_v4 ? 4 : 16);
	return address;
}

bool
dq_net_address_parse(const char *address, NetAddress *result)
{
	char plain[INET6_ADDRSTRLEN];
	unsigned char bytes[16];
	size_t len;

	if (*address == '[')
		address++;
	len = strcspn(address, "]%");
	if (len >= sizeof(plain))
		return false;
	memcpy(plain, address, len);
	plain[len] = '\0';
	if (inet_pton(AF_INET, plain, bytes) == 1)
		*result = dq_net_address(bytes, true);
	else if (inet_pton(AF_INET6, plain, bytes) == 1)
		*result = dq_net_address(bytes, false);
	else
		return false;
	return true;
}

static bool
is_in_block(const unsigned char *bytes, const unsigned char *block, int prefix)
{
	int whole = prefix / 8;
	int rest = prefix % 8;

	return memcmp(bytes, block, whole) == 0 &&
		(rest == 0 || ((bytes[whole] ^ block[whole]) >> (8 - rest)) == 0);
}

/*
 * Parsing
 */

/* A number without sign and leading zeros, at most so large; -1: it is none. */
static int
read_number(const char *digits, int largest)
{
	int number = 0;

	if (*digits == '\0' || (*digits == '0' && digits[1] != '\0'))
		return -1;
	for (; *digits; digits++)
	{
		if (*digits < '0' || *digits > '9')
			return -1;
		number = number * 10 + (*digits - '0');
		if (number > largest)
			return -1;
	}
	return number;
}

/* Takes ":port" off the end of an item; false when it is no port. */
static bool
take_port(char *item, int *port)
{
	char *bracket = strrchr(item, ']');
	char *colon = strchr(bracket ? bracket : item, ':');

	*port = 0;
	/* An IPv6 address without brackets has no port. */
	if (colon == NULL || (bracket == NULL && strchr(colon + 1, ':')))
		return true;
	*port = read_number(colon + 1, 65535);
	*colon = '\0';
	return *port > 0;
}

/* Whether a name ends in a number, and so is an address to resolvers: 0x7f.1, 2130706433, 010.0.0.1. */
static bool
is_numeric(const char *name)
{
	const char *label = strrchr(name, '.');

	label = label ? label + 1 : name;
	if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
	return *label != '\0' && label[strspn(label, "0123456789")] == '\0';
}

static char *
pattern_problem(const char *pattern)
{
	const char *name = strncmp(pattern, "*.", 2) == 0 ? pattern + 2 : pattern;

	if (strcmp(pattern, "*") == 0)
		return NULL;
	if (strchr(name, '*'))
		return psprintf("in \"%s\" the asterisk does not stand for whole labels at the beginning",
						pattern);
	if (name[strspn(name,
					"abcdefghijklmnopqrstuvwxyz"
					"0123456789-_.")] != '\0')
		return psprintf("\"%s\" holds a character that a host's name does not have", pattern);
	for (const char *label = name; label;
		 label = strchr(label, '.') ? strchr(label, '.') + 1 : NULL)
	{
		size_t len = strcspn(label, ".");

		if (len == 0 || len > MAX_LABEL_BYTES || strlen(name) > MAX_NAME_BYTES)
			return psprintf("\"%s\" is no host's name", pattern);
	}
	if (is_numeric(name))
		return psprintf("\"%s\" is neither a name nor an address in its usual spelling", pattern);
	return NULL;
}

/* Bits behind the prefix are a mistake: somebody meant another block, or a single address. */
static bool
has_host_bits(const HostRule *rule)
{
	int bits = rule->block.is_v4 ? 32 : 128;

	for (int i = rule->prefix; i < bits; i++)
		if (rule->block.bytes[i / 8] & (0x80 >> (i % 8)))
			return true;
	return false;
}

/* "address", "address/prefix", with brackets around either; false when it is no address. */
static bool
parse_block(const char *item, HostRule *rule, char **problem)
{
	char *address = pstrdup(item);
	char *slash = strchr(address, '/');
	const char *prefix = slash ? slash + 1 : NULL;
	int bits;

	if (slash)
		*slash = '\0';
	if (address[0] == '[' && prefix && prefix[0] && prefix[strlen(prefix) - 1] == ']')
		slash[strlen(prefix)] = '\0';
	if (strchr(item, '%') || (strchr(item, '[') == NULL) != (strchr(item, ']') == NULL) ||
		!dq_net_address_parse(address, &rule->block))
	{
		if (prefix || strchr(address, ':') || strchr(address, '['))
			*problem = psprintf("\"%s\" is no address or block of addresses", item);
		return *problem != NULL;
	}
	/* Of a block of mapped addresses 96 bits are the mapping's. */
	bits = rule->block.is_v4 && strchr(address, ':') == NULL ? 32 : 128;
	rule->prefix = prefix ? read_number(prefix, bits) : bits;
	if (rule->prefix >= 0 && rule->block.is_v4 && bits == 128)
		rule->prefix -= 96;
	if (rule->prefix < 0)
		*problem = psprintf("\"%s\" has no prefix of a possible length", item);
	else if (has_host_bits(rule))
		*problem = psprintf("\"%s\" has bits set behind its prefix", item);
	return true;
}

/* One item of the list; *problem is set when it is none. */
static void
parse_item(const char *text, HostRule *rule, char **problem)
{
	char *item = pstrdup(text);
	size_t len;

	memset(rule, 0, sizeof(*rule));
	for (char *c = item; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c += 'a' - 'A';
	if (!take_port(item, &rule->port))
	{
		*problem = psprintf("\"%s\" has no port from 1 to 65535 behind its colon", text);
		return;
	}
	if (parse_block(item, rule, problem))
		return;
	len = strlen(item);
	if (len > 1 && item[len - 1] == '.' && item[len - 2] != '*')
		item[len - 1] = '\0';
	*problem = pattern_problem(item);
	rule->pattern = item;
}

HostRules *
dq_host_rules_parse(const char *list, char **problem)
{
	HostRules *rules = palloc0(sizeof(HostRules));
	int capacity = 1;

	for (const char *c = list; *c; c++)
		capacity += *c == ',';
	rules->rules = palloc0(sizeof(HostRule) * capacity);
	*problem = NULL;
	if (list[strspn(list, " \t\r\n")] == '\0')
		return rules;
	for (const char *at = list;; at++)
	{
		HostRule *rule = &rules->rules[rules->nrules++];
		size_t len;

		at += strspn(at, " \t\r\n");
		len = strcspn(at, ",");

		char *item = pnstrdup(at, len);

		at += len;
		while (len > 0 && strchr(" \t\r\n", item[len - 1]))
			item[--len] = '\0';
		if (len == 0)
			*problem = pstrdup("an entry is empty");
		else
			parse_item(item, rule, problem);
		pfree(item);
		if (*problem)
			return NULL;
		rules->has_blocks |= rule->pattern == NULL;
		if (*at == '\0')
			return rules;
	}
}

/*
 * Judging
 */

/* Prefix of the special block that an address of IPv4 stands in; -1: none. */
static int
special_prefix_v4(const unsigned char *bytes)
{
	for (int i = 0; i < lengthof(special_v4); i++)
		if (is_in_block(bytes, special_v4[i].bytes, special_v4[i].prefix))
			return special_v4[i].prefix;
	return -1;
}

/* Addresses of IPv6 that a gateway or tunnel on the way takes for one of IPv4. */
static bool
embeds_special(const unsigned char *b)
{
	static const unsigned char zeros[12] = { 0 };
	static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
	static const unsigned char local_nat64[6] = { 0x00, 0x64, 0xff, 0x9b, 0x00, 0x01 };
	static const unsigned char translated[12] = { [8] = 0xff, [9] = 0xff };
	static const unsigned char teredo[4] = { 0x20, 0x01 };

	/* IPv4-compatible (RFC 4291), the well-known prefix of NAT64 (RFC 6052), SIIT (RFC 2765) */
	if ((memcmp(b, zeros, 12) == 0 || memcmp(b, nat64, 12) == 0 || memcmp(b, translated, 12) == 0) &&
		special_prefix_v4(b + 12) >= 0)
		return true;
	/* The local prefix of NAT64 (RFC 8215), with the places of RFC 6052, section 2.2. */
	if (memcmp(b, local_nat64, 6) == 0)
	{
		const unsigned char behind_48[4] = { b[6], b[7], b[9], b[10] };
		const unsigned char behind_56[4] = { b[7], b[9], b[10], b[11] };

		if (special_prefix_v4(behind_48) >= 0 || special_prefix_v4(behind_56) >= 0 ||
			special_prefix_v4(b + 9) >= 0 || special_prefix_v4(b + 12) >= 0)
			return true;
	}
	/* 6to4 (RFC 3056) */
	if (b[0] == 0x20 && b[1] == 0x02 && special_prefix_v4(b + 2) >= 0)
		return true;
	/* Teredo (RFC 4380): the client's address, inverted */
	if (memcmp(b, teredo, 4) == 0)
	{
		const unsigned char client[4] = { b[12] ^ 0xff, b[13] ^ 0xff, b[14] ^ 0xff, b[15] ^ 0xff };

		if (special_prefix_v4(client) >= 0)
			return true;
	}
	/* ISATAP (RFC 5214) */
	return (b[8] & 0xfd) == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe &&
		special_prefix_v4(b + 12) >= 0;
}

/* How long the prefix of a rule has to be that opens a special address; -1: it is not special. */
static int
special_prefix(const NetAddress *address)
{
	if (address->is_v4)
		return special_prefix_v4(address->bytes);
	for (int i = 0; i < lengthof(special_v6); i++)
		if (is_in_block(address->bytes, special_v6[i].bytes, special_v6[i].prefix))
			return special_v6[i].prefix;
	return embeds_special(address->bytes) ? 128 : -1;
}

static bool
rule_has_address(const HostRule *rule, const NetAddress *address, int port)
{
	return rule->pattern == NULL && rule->block.is_v4 == address->is_v4 &&
		(rule->port == 0 || rule->port == port) &&
		is_in_block(address->bytes, rule->block.bytes, rule->prefix);
}

static bool
rule_has_name(const HostRule *rule, const char *host, int port)
{
	size_t len = strlen(host);
	size_t pattern_len;

	if (rule->pattern == NULL || (rule->port != 0 && rule->port != port))
		return false;
	if (strcmp(rule->pattern, "*") == 0)
		return true;
	/* "api.internal." is the same name, only not completed by the resolver. */
	if (len > 1 && host[len - 1] == '.')
		len--;
	pattern_len = strlen(rule->pattern);
	if (rule->pattern[0] != '*')
		return len == pattern_len && pg_strncasecmp(host, rule->pattern, len) == 0;
	pattern_len--; /* with its dot */
	return len > pattern_len &&
		pg_strncasecmp(host + len - pattern_len, rule->pattern + 1, pattern_len) == 0;
}

static bool
has_name(const HostRules *rules, const char *host, int port)
{
	for (int i = 0; i < rules->nrules; i++)
		if (rule_has_name(&rules->rules[i], host, port))
			return true;
	return false;
}

HostVerdict
dq_host_rules_judge(const HostRules *rules, const char *host, int port, const NetAddress *address,
					int address_port)
{
	int special = special_prefix(address);
	bool is_listed = rules == NULL || rules->nrules == 0 || has_name(rules, host, port);

	for (int i = 0; rules && i < rules->nrules; i++)
	{
		if (!rule_has_address(&rules->rules[i], address, address_port))
			continue;
		if (special < 0 || rules->rules[i].prefix >= special)
			return HOST_ALLOWED;
	}
	if (special >= 0)
		return HOST_SPECIAL;
	return is_listed ? HOST_ALLOWED : HOST_NOT_LISTED;
}

HostVerdict
dq_host_rules_judge_name(const HostRules *rules, const char *host, int port)
{
	if (rules == NULL || rules->nrules == 0 || rules->has_blocks || has_name(rules, host, port))
		return HOST_ALLOWED;
	return HOST_NOT_LISTED;
}

HostVerdict
dq_host_rules_judge_unseen(const HostRules *rules, const char *host, int port)
{
	NetAddress address;

	if (dq_net_address_parse(host, &address))
		return dq_host_rules_judge(rules, host, port, &address, port);
	if (rules == NULL || rules->nrules == 0 || has_name(rules, host, port))
		return HOST_ALLOWED;
	return HOST_NOT_LISTED;
}
