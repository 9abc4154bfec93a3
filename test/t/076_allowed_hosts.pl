# Which addresses are connected to: distquery.allowed_hosts on names that resolve as the test says, kept connections, proxies.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::IP;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $port = $service->port;
my $has_v6 = defined IO::Socket::IP->new(LocalHost => '::1', Listen => 1, Proto => 'tcp');

#
# A resolver of our own for names that end in .test: they are in a file, "name address" a line; what is asked is noted.
#

my $shim = write_file($folder, 'resolver.c', q{
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	char known[256], address[256];
	FILE *file;
	if (!next)
		next = (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
	if (!name || strlen(name) < 5 || strcmp(name + strlen(name) - 5, ".test") != 0)
		return next(name, service, hints, found);
	if ((file = fopen(getenv("DQ_TEST_ASKED"), "a")))
	{
		fprintf(file, "%s\n", name);
		fclose(file);
	}
	if (!(file = fopen(getenv("DQ_TEST_HOSTS"), "r")))
		return EAI_FAIL;
	*found = NULL;
	/* Several lines of a name are several addresses, the last one first. */
	while (fscanf(file, "%255s %255s", known, address) == 2)
		if (strcmp(known, name) == 0)
		{
			struct addrinfo *before = *found;
			struct addrinfo *last;
			int code = next(address, service, hints, found);
			if (code != 0)
				return code;
			for (last = *found; last->ai_next; last = last->ai_next)
				;
			last->ai_next = before;
		}
	fclose(file);
	return *found ? 0 : EAI_NONAME;
}
});
{
	my ($out, $err) = ('', '');
	IPC::Run::run([ $ENV{CC} // 'cc', '-shared', '-fPIC', '-o', "$folder/resolver.so", $shim, '-ldl' ], '>', \$out, '2>', \$err)
	  or die $err;
}
my $hosts = write_file($folder, 'hosts', "api.test 127.0.0.1\nother.test 127.0.0.1\nrebound.test 127.0.0.1\nmeta.test 169.254.169.254\n"
	. "meta6.test ::ffff:169.254.169.254\nfar.test 127.0.0.2\nproxy.test 127.0.0.1\n"
	. "mixed.test 127.0.0.1\nmixed.test 169.254.169.254\n");
my $asked = write_file($folder, 'asked', '');
chmod 0666, $asked;
my $node;
{
	local $ENV{DQ_TEST_HOSTS} = $hosts;
	local $ENV{DQ_TEST_ASKED} = $asked;
	local $ENV{LD_PRELOAD} = "$folder/resolver.so";
	$node = new_node('main', jit => 'off');
}

# A name's lookups since the last call.
sub lookups
{
	my ($name) = @_;
	my $text = PostgreSQL::Test::Utils::slurp_file($asked);
	write_file($folder, 'asked', '');
	return scalar grep { $_ eq $name } split /\n/, $text;
}

my %untiring = (retries => 0, breaker_failures => 0);
my $number = 0;
my $session = DistQuery::Session->new($node);

# A table of a server at this URL; its name.
sub table_at
{
	my ($url, %options) = @_;
	my $table = 'at_' . ++$number;
	create_server($node, "server_$table", $url, %untiring, %options);
	create_table($node, "server_$table", $table, 'id int, name text', path => '/fault/good');
	return $table;
}

sub allow { my ($list, $in) = @_; ($in // $session)->query('SET distquery.allowed_hosts = ' . literal($list)); return; }

sub refused
{
	my ($table, $message, $name, $in) = @_;
	$in //= $session;
	$service->reset;
	my $error = $in->error("SELECT count(*) FROM $table");
	like($error, qr/^ERROR:  42501: could not fetch foreign table "$table" from server "server_$table": $message, is not allowed$/m, $name);
	like($error, qr/^DETAIL:  GET http\S+, attempt 1 of 1, \d+ ms\. (?:It is a link-local|Setting distquery.allowed_hosts)/m, "$name: why");
	like($error, qr/^HINT:  .*distquery.allowed_hosts/m, "$name: and what to do");
	is($service->count, 0, "$name: nothing is asked");
	return;
}

sub allowed
{
	my ($table, $name, $in) = @_;
	is(($in // $session)->query("SELECT count(*) FROM $table"), '3', $name) or diag(($in // $session)->last_error);
	return;
}

#
# Addresses that nobody means, in all their spellings
#

my @special = (
	[ 'http://169.254.169.254', '169\.254\.169\.254' ],
	[ 'http://2852039166', '169\.254\.169\.254' ],
	[ 'http://0xa9fea9fe', '169\.254\.169\.254' ],
	[ 'http://0xA9.0xFE.0xA9.0xFE', '169\.254\.169\.254' ],
	[ 'http://0251.0376.0251.0376', '169\.254\.169\.254' ],
	[ 'http://00000251.00000376.00000251.00000376', '169\.254\.169\.254' ],
	[ 'http://169.254.43518', '169\.254\.169\.254' ],
	[ 'http://169.16689662', '169\.254\.169\.254' ],
	[ 'http://0xa9.254.0251.254', '169\.254\.169\.254' ],
	[ 'http://%31%36%39.254.169.254', '169\.254\.169\.254' ],
	[ 'http://100.100.100.200', '100\.100\.100\.200' ],
	[ 'http://168.63.129.16', '168\.63\.129\.16' ],
	[ 'http://meta.test', '169\.254\.169\.254' ],
	[ 'https://meta.test:8443', '169\.254\.169\.254' ]);
push @special, (
	[ 'http://[::ffff:169.254.169.254]', '169\.254\.169\.254' ],
	[ 'http://[::ffff:a9fe:a9fe]', '169\.254\.169\.254' ],
	[ 'http://[0:0:0:0:0:FFFF:A9FE:A9FE]:80', '169\.254\.169\.254' ],
	[ 'http://[64:ff9b::a9fe:a9fe]', '64:ff9b::a9fe:a9fe' ],
	[ 'http://[2002:a9fe:a9fe::1]', '2002:a9fe:a9fe::1' ],
	[ 'http://[fd00:ec2::254]', 'fd00:ec2::254' ],
	[ 'http://[fd00:0ec2:0::0254]', 'fd00:ec2::254' ],
	[ 'http://[fd20:ce::254]', 'fd20:ce::254' ],
	[ 'http://[fe80::1]', 'fe80::1' ],
	[ 'http://meta6.test', '169\.254\.169\.254' ]) if $has_v6;
foreach my $case (@special)
{
	my ($url, $address) = @$case;
	my $table = table_at($url);

	refused($table, qr/host "[^"]+"(?: at address $address)?, port \d+/, "$url");
	like($session->last_error, qr/$address/, "$url: the address is told");
	allow('*, 0.0.0.0/0, ::/0');
	refused($table, qr/host "[^"]+"(?: at address $address)?, port \d+/, "$url under a wide setting");
	$session->query('RESET distquery.allowed_hosts');
}

#
# Names and blocks
#

my $api = table_at("http://api.test:$port");
my $other = table_at("http://other.test:$port");
my $bare = table_at("http://127.0.0.1:$port");
my $odd = table_at("http://0x7f.1:$port");
my $far = table_at("http://far.test:$port");

allowed($_, 'without a setting') foreach $api, $other, $bare, $odd;
allow('api.test');
allowed($api, 'a listed name');
refused($bare, qr/host "127\.0\.0\.1", port $port/, 'an address is no name');
lookups('other.test');
refused($other, qr/host "other\.test", port $port/, 'another name');
is(lookups('other.test'), 0, 'which is not even looked up');
allow('*.test:' . $port);
allowed($_, 'a pattern with a port') foreach $api, $other;
allow('*.test:' . ($port + 1));
refused($api, qr/host "api\.test", port $port/, 'another port');
allow('127.0.0.1/32');
allowed($_, 'a block') foreach $api, $other, $bare, $odd;
refused($far, qr/host "far\.test" at address 127\.0\.0\.2, port $port/, 'a name outside the block');
allow("api.test, 127.0.0.0/8:" . ($port + 1));
allowed($api, 'a name beside a block');
refused($other, qr/host "other\.test" at address 127\.0\.0\.1, port $port/, 'a block of another port');
refused($bare, qr/host "127\.0\.0\.1", port $port/, 'an address on another port');
refused($odd, qr/host "127\.0\.0\.1", port $port/, 'and in another spelling');
allow('meta.test, meta6.test');
refused(table_at('http://meta.test'), qr/host "meta\.test" at address 169\.254\.169\.254, port 80/, 'a listed name of a special address');
if ($has_v6)
{
	my $mapped = table_at("http://[::ffff:127.0.0.1]:$port");
	allow('127.0.0.0/8');
	allowed($mapped, 'an address of IPv4 mapped into IPv6');
	allow('10.0.0.0/8');
	refused($mapped, qr/host "::ffff:127\.0\.0\.1" at address 127\.0\.0\.1, port $port/, 'a mapped address outside the block');
	allow('::/0');
	refused($mapped, qr/host "::ffff:127\.0\.0\.1" at address 127\.0\.0\.1, port $port/, 'is none of IPv6');
}
$session->query('RESET distquery.allowed_hosts');

# A name with several addresses: one that is refused is passed over.
my $mixed = table_at("http://mixed.test:$port");
allowed($mixed, 'a name with a good address and a special one');
allow('127.0.0.2');
refused($mixed, qr/host "mixed\.test" at address (?:127\.0\.0\.1|169\.254\.169\.254), port $port/, 'a name of which no address is good');
$session->query('RESET distquery.allowed_hosts');

# A name that changes its address.
my $rebound = table_at("http://rebound.test:$port");
allow('127.0.0.1');
allowed($rebound, 'a name with a good address');
my $text = PostgreSQL::Test::Utils::slurp_file($hosts);
write_file($folder, 'hosts', $text =~ s/rebound.test \S+/rebound.test 127.0.0.2/r);
{
	my $later = DistQuery::Session->new($node);
	$later->query('SELECT 1 FROM distquery.options');
	allow('127.0.0.1', $later);
	refused($rebound, qr/host "rebound\.test" at address 127\.0\.0\.2, port $port/, 'rebound to another', $later);
	write_file($folder, 'hosts', $text =~ s/rebound.test \S+/rebound.test 169.254.169.254/r);
	my $latest = DistQuery::Session->new($node);
	refused($rebound, qr/host "rebound\.test" at address 169\.254\.169\.254, port $port/, 'and to a special one', $latest);
	$_->close foreach $later, $latest;
}

#
# Connections that are kept do not outlive the setting that they were opened under
#

$session->query('RESET distquery.allowed_hosts');
allowed($api, 'a connection is made');
$service->reset;
allowed($api, 'and kept');
is($service->stats->{connections}, 0, 'indeed') if $service->stats->{count};
allow('10.0.0.0/8');
refused($api, qr/host "api\.test" at address 127\.0\.0\.1, port $port/, 'not under another setting');
allow('127.0.0.0/8');
allowed($api, 'which allows it again');

# In the middle of a question.
create_table($node, "server_$api", 'pages', 'id int', path => '/fault/endless-pages?rows=3', rows => '/items', paging => 'cursor', next => '/next');
$session->query('RESET distquery.allowed_hosts; BEGIN; DECLARE c CURSOR FOR SELECT id FROM pages; FETCH 1 FROM c');
is($session->last_error, '', 'a cursor begins');
allow('10.0.0.0/8');
like($session->error('MOVE 100000 IN c'), qr/^ERROR:  42501: .*host "api\.test" at address 127\.0\.0\.1, port $port, is not allowed/m,
	'its further pages are not asked for under another setting');
$session->query('ROLLBACK; RESET distquery.allowed_hosts');
allowed($api, 'and the session goes on');

#
# Proxies
#

my $behind = table_at('http://api.test:1234', proxy => "http://proxy.test:$port");
my $behind_far = table_at('http://api.test:1234', proxy => "http://far.test:$port");
my $behind_meta = table_at('http://169.254.169.254', proxy => "http://proxy.test:$port");
my $behind_bare = table_at('http://127.0.0.1:1234', proxy => "http://proxy.test:$port");

sub reaches_proxy
{
	my ($table, $target, $name) = @_;
	$service->reset;
	like($session->error("SELECT count(*) FROM $table"), qr/HTTP status 404/, $name);
	is($service->log->[0]{path}, $target, "$name: the proxy is asked for it");
	return;
}
lookups('api.test');
reaches_proxy($behind, 'http://api.test:1234/fault/good', 'behind a proxy');
is(lookups('api.test'), 0, 'whose service is not looked up');
refused($behind_meta, qr/host "169\.254\.169\.254", port 80/, 'a special address behind a proxy');
allow('api.test, proxy.test');
reaches_proxy($behind, 'http://api.test:1234/fault/good', 'both names are listed');
allow('api.test');
refused($behind, qr/proxy "proxy\.test", port $port/, 'the proxy is not');
allow('proxy.test, 127.0.0.0/8');
refused($behind, qr/host "api\.test", port 1234/, 'the service is not');
like($session->last_error, qr/only the proxy knows its address/, 'and no block helps');
reaches_proxy($behind_bare, 'http://127.0.0.1:1234/fault/good', 'an address in the URL can be judged');
allow('api.test, 127.0.0.1');
refused($behind_far, qr/proxy "far\.test" at address 127\.0\.0\.2, port $port/, 'the address of the proxy');
$session->query('RESET distquery.allowed_hosts');

#
# Imports, and whose setting it is
#

allow('10.0.0.0/8');
create_server($node, 'described', $service->url, openapi => '/described/shop.json', %untiring);
like($session->error('CREATE SCHEMA d; IMPORT FOREIGN SCHEMA openapi FROM SERVER described INTO d'),
	qr/^ERROR:  42501: could not ask server "described": host "127\.0\.0\.1", port $port, is not allowed/m, 'an import');
create_server($node, 'tokens', $service->url, token_url => $service->other_url . '/token', %untiring);
$session->query(q{CREATE USER MAPPING FOR PUBLIC SERVER tokens OPTIONS (auth 'oauth2', client_id 'c', client_secret 'secret-of-the-client')});
create_table($node, 'tokens', 'with_token', 'id int', path => '/fault/good');
allow("127.0.0.1:$port");
$service->reset;
like($session->error('SELECT * FROM with_token'), qr/^ERROR:  42501: .*host "127\.0\.0\.1", port \d+, is not allowed/m, 'a token endpoint');
is($service->count, 0, 'which is not asked');
$session->query('RESET distquery.allowed_hosts');

$node->safe_psql('postgres', "CREATE ROLE app LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO app;
	ALTER ROLE app SET distquery.allowed_hosts = '10.0.0.0/8'");
my $app = DistQuery::Session->new($node, user => 'app');
refused($api, qr/host "api\.test" at address 127\.0\.0\.1, port $port/, 'set for a role', $app);
like($app->error('SET distquery.allowed_hosts = \'\''), qr/^ERROR:  42501: permission denied to set parameter/m, 'which it cannot change');
$app->close;
# Before the library is loaded, the name is anybody's.
$app = DistQuery::Session->new($node, user => 'app');
$app->query('SET distquery.allowed_hosts = \'*\'');
refused($api, qr/host "api\.test" at address 127\.0\.0\.1, port $port/, 'nor beforehand', $app);

$_->close foreach $app, $session;
$node->stop;
done_testing();
