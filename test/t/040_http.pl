# HTTPS with an internal authority, HTTP/2, compression, and names that do or do not resolve.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

# Seconds that everything here has to end in.
my $bound = 5;

my $service = DistQuery::Test::Service->new;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $cluster = 'PostgreSQL::Test::Cluster';

#
# An authority, a certificate for localhost, and nginx before the fixture service
#

run_or_die(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Authority-of-this-test
	-keyout), "$folder/ca.key", '-out', "$folder/ca.pem");
run_or_die(qw(openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout), "$folder/server.key", '-out', "$folder/server.csr");
run_or_die(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Another-authority -keyout), "$folder/other.key",
	'-out', "$folder/other.pem");
my $extensions = write_file($folder, 'extensions', "subjectAltName=DNS:localhost\n");
run_or_die(qw(openssl x509 -req -days 2 -CAcreateserial -in), "$folder/server.csr", '-CA', "$folder/ca.pem", '-CAkey', "$folder/ca.key",
	'-extfile', $extensions, '-out', "$folder/server.pem");

my ($h2_port, $h1_port) = map { $cluster->can('get_free_port')->() } 1 .. 2;
my $backend = $service->port;
my $configuration = write_file($folder, 'nginx.conf', qq{
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 256; }
http {
	log_format told '\$server_protocol \$connection \$status \$http_accept_encoding | \$sent_http_content_encoding | \$request_uri';
	access_log $folder/access.log told;
	client_body_temp_path $folder/t1; proxy_temp_path $folder/t2; fastcgi_temp_path $folder/t3;
	uwsgi_temp_path $folder/t4; scgi_temp_path $folder/t5;
	ssl_certificate $folder/server.pem;
	ssl_certificate_key $folder/server.key;
	proxy_http_version 1.1;
	server { listen 127.0.0.1:$h2_port ssl http2; location / { proxy_pass http://127.0.0.1:$backend; } }
	server { listen 127.0.0.1:$h1_port ssl; location / { proxy_pass http://127.0.0.1:$backend; } }
}
});
my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
die "nginx is not installed\n" unless $nginx;
my $said = '';
my $proxy = IPC::Run::start([ $nginx, '-c', $configuration, '-e', "$folder/error.log" ], '<', \undef, '>&', \$said);
ok(poll_until(sub { -s "$folder/nginx.pid" && IO::Socket::INET->new("127.0.0.1:$h1_port") }, 30), 'nginx runs') or diag($said);

# Requests in nginx's log since the last call, each [protocol, connection, status, rest].
my $seen = 0;

sub requests
{
	my ($at_least) = @_;
	my @lines;
	poll_until(sub {
		@lines = split /\n/, PostgreSQL::Test::Utils::slurp_file("$folder/access.log");
		@lines - $seen >= $at_least;
	}, 10);
	my @new = @lines[ $seen .. $#lines ];
	$seen = @lines;
	return map { [ split / /, $_, 4 ] } @new;
}

#
# A resolver that tests can slow down: names end in .invalid (unknown), .blocked (as long as a file exists) and
# .delayed (this machine, after a moment)
#

my $shim = write_file($folder, 'resolver.c', q{
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static int ends(const char *name, const char *end)
{
	return name && strlen(name) > strlen(end) && strcmp(name + strlen(name) - strlen(end), end) == 0;
}
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	struct timespec moment = {0, 20000000};
	if (!next)
		next = (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **)) dlsym(RTLD_NEXT, "getaddrinfo");
	if (ends(name, ".invalid"))
		return EAI_NONAME;
	if (ends(name, ".blocked"))
	{
		while (access(getenv("DQ_TEST_BLOCK"), F_OK) == 0)
			nanosleep(&moment, NULL);
		return EAI_NONAME;
	}
	if (ends(name, ".delayed"))
	{
		for (int i = 0; i < 10; i++)
			nanosleep(&moment, NULL);
		name = "127.0.0.1";
	}
	return next(name, service, hints, found);
}
});
run_or_die($ENV{CC} // 'cc', '-shared', '-fPIC', '-o', "$folder/resolver.so", $shim, '-ldl');

my $block = write_file($folder, 'block', '');
my $node;
{
	local $ENV{DQ_TEST_BLOCK} = $block;
	local $ENV{LD_PRELOAD} = "$folder/resolver.so";
	$node = new_node('main', jit => 'off');
}

my %private = (ca_file => "$folder/ca.pem", retry_backoff => '5ms');
$service->put('numbers', [ map { { id => $_, name => 'a number with a name that is worth compressing' } } 1 .. 103 ]);
create_server($node, 'secure', "https://localhost:$h2_port", %private);
create_server($node, 'secure1', "https://localhost:$h1_port", %private);
create_server($node, 'no_ca', "https://localhost:$h2_port", retries => 0);
create_server($node, 'wrong_ca', "https://localhost:$h2_port", retries => 0, ca_file => "$folder/other.pem");
create_server($node, 'missing_ca', "https://localhost:$h2_port", retries => 0, ca_file => "$folder/nothing.pem");
create_server($node, 'wrong_name', "https://127.0.0.1:$h2_port", %private, retries => 0);
create_server($node, 'not_tls', "https://localhost:$backend", %private, retries => 0, connect_timeout => '200ms');
create_table($node, $_, "good_$_", 'id int, name text', path => '/fault/good')
  foreach qw(secure secure1 no_ca wrong_ca missing_ca wrong_name not_tls);

my $session = DistQuery::Session->new($node);
$session->query('SELECT 1 FROM pg_foreign_server');

my $good = 'SELECT string_agg(name, \',\' ORDER BY id) FROM';

#
# TLS
#

sub test_tls
{
	requests(1);
	is($session->query("$good good_secure"), 'one,two,three', 'HTTPS with an authority of our own');
	is((requests(1))[-1][0], 'HTTP/2.0', 'by HTTP/2');
	is($session->query("$good good_secure1"), 'one,two,three', 'HTTPS without HTTP/2');
	is((requests(1))[-1][0], 'HTTP/1.1', 'by HTTP/1.1');
	foreach my $refused (
		[ no_ca => 'HV00N', 'certificate', 'HINT:.*ca_file' ],
		[ wrong_ca => 'HV00N', 'certificate', 'HINT:.*ca_file' ],
		[ missing_ca => 'HV00N|58P01', 'certificate|nothing.pem', '' ],
		[ wrong_name => 'HV00N', 'certificate|name', '' ],
		[ not_tls => 'HV00N', 'no connection', '' ])
{
		my ($name, $state, $message, $hint) = @$refused;
		$service->reset;
		my $error = $session->error("$good good_$name");
		like($error, qr/^ERROR:  (?:$state): .*foreign table "good_$name" from server "$name".*(?:$message)/, "$name is refused");
		like($error, qr/$hint/, "$name: with a hint") if $hint;
		is($service->count, 0, "$name: and asks nothing");
		is($session->query("$good good_secure"), 'one,two,three', "$name: others are not disturbed");
}

# Connections are kept, however they were made.
requests(1);
$session->query("$good good_secure") foreach 1 .. 3;
my %connections = map { $_->[1] => 1 } requests(3);
is(scalar keys %connections, 1, 'a connection by HTTP/2 is kept');
$session->query("$good good_secure1") foreach 1 .. 3;
%connections = map { $_->[1] => 1 } requests(3);
is(scalar keys %connections, 1, 'a connection by HTTP/1.1 is kept');
}

#
# HTTP/2 and compression
#

sub test_http2
{
	create_table($node, 'secure', 'numbers', 'id int, name text', path => '/data/plain/numbers?_cap=5&_delay=30&_envelope=items',
		rows => '/items', paging => 'page', total => '/total');
	requests(0);
	$service->reset;
	is($session->query('SELECT count(DISTINCT id), sum(id) FROM numbers'), '103|5356', 'pages by HTTP/2');
	cmp_ok($service->stats->{max_in_flight}, '>', 2, 'are asked at once');
	my @pages = requests(21);
	is(scalar @pages, 21, 'each once');
	my %connections = map { $_->[1] => 1 } @pages;
	is(scalar keys %connections, 1, 'over one connection');
	is(scalar(grep { $_->[0] ne 'HTTP/2.0' } @pages), 0, 'by HTTP/2');

	create_table($node, 'secure', 'all_numbers', 'id int, name text', path => '/data/plain/numbers');
	my $explained = $session->query('EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM all_numbers');
	my ($request) = requests(1);
	like($request->[3], qr/gzip.* \| gzip \| /, 'compression is asked for and used');
	my ($bytes) = $explained =~ /"Bytes Received": (\d+)/;
	cmp_ok($bytes, '>', 103 * 50, 'and bytes are counted decompressed');
	is($session->query('SELECT count(*), min(length(name)) FROM all_numbers'), '103|46', 'and so read');

	# An abandoned request by HTTP/2 does not take the connection with it.
	requests(0);
	create_table($node, 'secure', 'hanging', 'id int', path => '/fault/hang');
	like($session->error("SET statement_timeout = '100ms'; SELECT * FROM hanging"), qr/57014/, 'a request by HTTP/2 is cancelled');
	is($session->query("RESET statement_timeout; $good good_secure"), 'one,two,three', 'and the next goes through');
	ok(poll_until(sub { $service->stats->{in_flight} == 0 }, $bound), 'nothing is on the wire');
}

test_tls();
test_http2();

#
# Names
#

foreach my $name (qw(unknown.invalid some.blocked some.delayed localhost))
{
	my $server = $name =~ s/\W/_/gr;
	create_server($node, $server, "http://$name:$backend", retries => 1, retry_backoff => '5ms', connect_timeout => '10min', timeout => '10min');
	create_table($node, $server, "at_$server", 'id int, name text', path => '/fault/good');
}
is($session->query("$good at_localhost"), 'one,two,three', 'localhost');
is($session->query("$good at_some_delayed"), 'one,two,three', 'a name that takes a moment');
my $descriptors = $session->descriptors;
like($session->error("$good at_unknown_invalid"),
	qr/^ERROR:  HV00N: .*foreign table "at_unknown_invalid" from server "unknown_invalid".*resolve.*unknown\.invalid/,
	'an unknown name is an error that says it');
like($session->last_error, qr/DETAIL:.*attempt 2 of 2/, 'after its retries');

my $admin = DistQuery::Session->new($node);

# True when a backend has a thread beside its own: the resolver's.
sub resolves
{
	my ($pid) = @_;
	return scalar(my @threads = glob "/proc/$pid/task/*") > 1;
}

$session->send("$good at_some_blocked");
ok(poll_until(sub { resolves($session->pid) }, 30), 'a name that does not resolve');
$admin->query('SELECT pg_cancel_backend(' . $session->pid . ')');
ok($session->finish($bound), 'cancel while it resolves does not hang') or die 'a session hangs';
like($session->last_error, qr/57014: canceling statement due to user request/, 'and is told');
is($session->query("$good at_localhost"), 'one,two,three', 'the session goes on');

$session->send("SET statement_timeout = '100ms'; $good at_some_blocked");
ok($session->finish($bound), 'statement_timeout while it resolves does not hang') or die 'a session hangs';
like($session->last_error, qr/57014: canceling statement due to statement timeout/, 'and is told');
$session->query('RESET statement_timeout');

alter_options($node, 'SERVER some_blocked', SET => { connect_timeout => '50ms' });
$session->send("$good at_some_blocked");
ok($session->finish($bound), 'connect_timeout while it resolves does not hang') or die 'a session hangs';
like($session->last_error, qr/HV00N: .*no connection within connect_timeout of 50 ms/, 'and is told');
alter_options($node, 'SERVER some_blocked', SET => { connect_timeout => '10min' });

# Nor is a cache server whose name does not resolve waited for.
create_server($node, 'far_cache', "http://localhost:$backend", strategy => 'cache', cache_store => 'memcached', cache_url => 'memcached://cache.blocked:11211');
create_table($node, 'far_cache', 'at_far_cache', 'id int, name text', path => '/fault/good');
$session->send("$good at_far_cache");
ok($session->finish($bound), 'nor does a cache server that does not resolve') or die 'a session hangs';
is($session->output, 'one,two,three', 'the service is asked instead');
like($session->last_error, qr/could not use the cache on memcached server "cache.blocked:11211"/, 'which is told');

# Others of the same statement are not held up.
$service->reset;
$session->send("SET statement_timeout = '1s'; SELECT count(*) FROM at_some_blocked, at_localhost");
ok(poll_until(sub { $service->count == 1 }, 30), 'another service is asked meanwhile');
ok($session->finish($bound), 'the statement ends') or die 'a session hangs';
$session->query('RESET statement_timeout');

my $victim = DistQuery::Session->new($node);
$victim->send("$good at_some_blocked");
ok(poll_until(sub { resolves($victim->pid) }, 30), 'a session that resolves');
$admin->query('SELECT pg_terminate_backend(' . $victim->pid . ')');
ok($victim->finish($bound), 'termination does not hang');
ok(poll_until(sub { !-e '/proc/' . $victim->pid }, $bound), 'and the backend ends');

unlink $block;
ok(poll_until(sub { !resolves($session->pid) }, 30), 'resolver threads end with their lookup');
is($session->query("$good at_localhost"), 'one,two,three', 'the session goes on');
ok(poll_until(sub { $session->descriptors <= $descriptors }, $bound), 'no descriptor is left')
  or diag($session->descriptors);

$_->close foreach $admin, $session;
$node->stop;
$proxy->kill_kill(grace => 2);
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
