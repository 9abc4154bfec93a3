/*
 * guard.c
 *	  Which hosts and addresses this backend connects to (setting distquery.allowed_hosts).
 *
 * One place decides for every request, whatever it is for (rows, further pages, descriptions of
 * APIs), because every request is a transfer:
 *
 *	- before it is sent, by the URL's host alone, where that is enough to refuse it;
 *	- when libcurl opens a socket, by the address that the name has at this moment;
 *	- when libcurl has a connection for it, which may be a kept one that was opened under another
 *	setting, by the address at its other end.  Libcurl before 7.80 does not ask then: there, no
 *	connection is kept as long as the setting restricts anything (transfer.c).
 *
 * Behind a proxy, the proxy is what is connected to and has to be allowed as any host; the address of
 * the service is out of sight, so that only its name, or an address in the URL, can be judged.
 */
#include "postgres.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "request/url.h"
#include "transport/guard.h"
#include "utils/guc.h"
#include "utils/memutils.h"

static char *allowed_hosts = NULL;
static bool is_compiled = false;
static HostRules *rules = NULL; /* of the setting as it was when last prepared */
static MemoryContext rules_context = NULL;
static uint64 generation = 0;

static bool
check_allowed_hosts(char **newval, void **extra, GucSource source)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "distquery allowed_hosts",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	char *problem;
	bool is_good = dq_host_rules_parse(*newval, &problem) != NULL;

	MemoryContextSwitchTo(old);
	if (!is_good)
	{
		GUC_check_errcode(ERRCODE_INVALID_PARAMETER_VALUE);
		GUC_check_errdetail("In the list, %s.", problem);
		GUC_check_errhint(
			"List names such as \"api.internal\", \"*.internal\" or \"*\", addresses and "
			"blocks such as \"10.0.0.0/8\" or \"fd00::/8\", with a port as "
			"\"api.internal:8443\" or \"[fd00::/8]:443\", separated by commas.");
	}
	MemoryContextDelete(context);
	return is_good;
}

/* What may raise has to wait for the next request. */
static void
assign_allowed_hosts(const char *newval, void *extra)
{
	is_compiled = false;
}

void
dq_guard_define(void)
{
	DefineCustomStringVariable("distquery.allowed_hosts",
							   "Hosts that may be connected to: names, patterns, blocks of addresses.",
							   "Empty: all, except link-local addresses and metadata services of clouds.",
							   &allowed_hosts, "", PGC_SUSET, GUC_LIST_INPUT, check_allowed_hosts,
							   assign_allowed_hosts, NULL);
}

void
dq_guard_prepare(void)
{
	MemoryContext context;
	MemoryContext old;
	HostRules *compiled;
	char *problem;

	if (is_compiled)
		return;
	context = AllocSetContextCreate(TopMemoryContext, "distquery allowed_hosts",
									ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(context);
	compiled = dq_host_rules_parse(allowed_hosts, &problem);
	MemoryContextSwitchTo(old);
	if (compiled == NULL)
		elog(ERROR, "invalid distquery.allowed_hosts: %s", problem);
	if (rules_context)
		MemoryContextDelete(rules_context);
	rules_context = context;
	rules = compiled;
	is_compiled = true;
	generation++;
}

uint64
dq_guard_generation(void)
{
	return generation;
}

bool
dq_guard_has_rules(void)
{
	return rules && rules->nrules > 0;
}

static bool
is_admitted(GuardState *state, HostVerdict verdict, bool is_peer)
{
	if (verdict == HOST_ALLOWED)
		return true;
	state->verdict = verdict;
	state->is_peer_refused = is_peer;
	state->address[0] = '\0';
	return false;
}

bool
dq_guard_admits_url(GuardState *state, const char *url, const char *proxy)
{
	memset(state, 0, sizeof(*state));
	if (!dq_url_host(url, &state->host, &state->port))
	{
		state->host = state->peer_host = pstrdup("");
		return is_admitted(state, HOST_NOT_LISTED, false);
	}
	state->peer_host = state->host;
	state->peer_port = state->port;
	if (proxy == NULL || proxy[0] == '\0')
		return is_admitted(state, dq_host_rules_judge_name(rules, state->host, state->port), false);
	if (!dq_url_host(proxy, &state->peer_host, &state->peer_port))
		return is_admitted(state, HOST_NOT_LISTED, true);
	if (!is_admitted(state, dq_host_rules_judge_unseen(rules, state->host, state->port), false))
		return false;
	return is_admitted(state, dq_host_rules_judge_name(rules, state->peer_host, state->peer_port),
					   true);
}

static bool
admits(GuardState *state, const NetAddress *address, int port)
{
	HostVerdict verdict = dq_host_rules_judge(rules, state->peer_host, state->peer_port, address,
											  port);

	if (is_admitted(state, verdict, true))
		return true;
	inet_ntop(address->is_v4 ? AF_INET : AF_INET6, address->bytes, state->address,
			  sizeof(state->address));
	return false;
}

bool
dq_guard_admits_address(GuardState *state, const struct sockaddr *address)
{
	NetAddress peer;

	if (address->sa_family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) address;

		peer = dq_net_address((const unsigned char *) &in->sin_addr, true);
		return admits(state, &peer, ntohs(in->sin_port));
	}
	if (address->sa_family == AF_INET6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) address;

		peer = dq_net_address((const unsigned char *) &in6->sin6_addr, false);
		return admits(state, &peer, ntohs(in6->sin6_port));
	}
	return is_admitted(state, HOST_NOT_LISTED, true);
}

bool
dq_guard_admits_peer(GuardState *state, const char *address, int port)
{
	NetAddress peer;

	if (!dq_net_address_parse(address, &peer))
		return is_admitted(state, HOST_NOT_LISTED, true);
	return admits(state, &peer, port);
}

/*
 * Errors
 */

char *
dq_guard_problem(const GuardState *state)
{
	const char *host = state->is_peer_refused ? state->peer_host : state->host;
	int port = state->is_peer_refused ? state->peer_port : state->port;
	const char *what = state->is_peer_refused && state->peer_host != state->host ? "proxy" : "host";

	if (state->address[0] == '\0' || strcmp(state->address, host) == 0)
		return psprintf("%s \"%s\", port %d, is not allowed", what, host, port);
	return psprintf("%s \"%s\" at address %s, port %d, is not allowed", what, host, state->address,
					port);
}

char *
dq_guard_detail(const GuardState *state)
{
	if (state->verdict == HOST_SPECIAL)
		return pstrdup(
			"It is a link-local address, or one where a cloud keeps its metadata service.");
	if (state->address[0] != '\0')
		return pstrdup("Setting distquery.allowed_hosts has neither the name nor the address.");
	if (!state->is_peer_refused && state->peer_host != state->host)
		return pstrdup(
			"Setting distquery.allowed_hosts does not have its name, and only the proxy knows its address.");
	return pstrdup("Setting distquery.allowed_hosts does not have it.");
}

const char *
dq_guard_hint(const GuardState *state)
{
	if (state->verdict == HOST_SPECIAL)
		return "Nothing but an entry of distquery.allowed_hosts for just this address, or for a part of its special block, opens it.";
	return "A superuser can add the host's name, or a block with its address, to distquery.allowed_hosts.";
}
