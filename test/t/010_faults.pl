# Services that misbehave: what the user is told, how often a service is asked, and that the session goes on.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::INET;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', max_parallel_workers_per_gather => 0);

# Failures in a row are the point here; that services are spared then is another test's.
my %untiring = (breaker_failures => 0, retry_budget => 10000);
create_server($node, 'api', $service->url, timeout => '20s', retry_backoff => '5ms', %untiring);
create_table($node, 'api', 'good', 'id int, name text', path => '/fault/good');

my $session = DistQuery::Session->new($node);
my $good = 'SELECT string_agg(name, \',\' ORDER BY id) FROM good';

is($session->query($good), 'one,two,three', 'a service that does not misbehave');

# Descriptors with one connection kept; a fault may leave none, or that one.
my $descriptors = $session->descriptors;
my $number = 0;

# One fault: a table at this path, a query that fails, and what it says.
#   state: SQLSTATE, message and detail: what they contain, requests: attempts that reach the service (3),
#   attempt: what the detail says of the last (the number of requests); query; options of the table.
sub fails
{
	my ($name, $path, %expected) = @_;
	my $table = 'fault_' . ++$number;
	my $requests = $expected{requests} // 3;
	my $attempt = $expected{attempt} // $requests;

	$session->create_table($expected{server} // 'api', $table, 'id int, name text', path => $path,
		%{ $expected{options} // {} });
	$service->reset;
	my $error = $session->error(($expected{query} // 'SELECT * FROM {table}') =~ s/\{table\}/$table/r);

	subtest $name => sub {
		my ($message) = $error =~ /^ERROR:\s+(.*)$/m;
		my ($detail) = $error =~ /^DETAIL:\s+(.*)$/m;
		my $state = $expected{state} // 'HV000';
		my $server = $expected{server} // 'api';

		like($message, qr/^$state: /, 'SQLSTATE');
		like($message, qr/foreign table "$table"/, 'the message names the table');
		like($message, qr/server "$server"/, 'and the server');
		like($message, $expected{message}, 'and says what happened');
		like($detail, qr{^GET http://\S+\Q$path\E}, 'the detail has the URL');
		like($detail, qr/attempt $attempt of \d/, 'the attempts');
		like($detail, qr/status $expected{status}\b/, 'the status') if $expected{status};
		like($detail, qr/\d ms\./, 'and the time');
		like($detail, $expected{detail}, 'and more') if $expected{detail};
		like($error, $expected{hint}, 'there is a hint') if $expected{hint};
		is($service->count('/fault'), $requests, 'requests');
		is($session->query($good), 'one,two,three', 'the session goes on');
		cmp_ok($session->descriptors, '<=', $descriptors, 'no descriptor is left');
	};
	return $table;
}

# One fault that is none: rows come all the same.
sub works
{
	my ($name, $path, $requests, %options) = @_;
	my $table = 'fault_' . ++$number;
	$session->create_table('api', $table, 'id int, name text', path => $path, %options);
	$service->reset;
	is($session->query("SELECT string_agg(name, ',' ORDER BY id) FROM $table"), 'one,two,three', $name);
	is($session->last_error, '', "$name: nothing is said");
	is($service->count('/fault'), $requests, "$name: requests");
	return;
}

#
# Connections
#

# A port that nobody listens on.
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp');
create_server($node, 'nobody', 'http://127.0.0.1:' . $closed->sockport, retry_backoff => '5ms');
fails('refused', '/fault/refused', server => 'nobody', state => 'HV00N', message => qr/onnect/, requests => 0, attempt => 3);

# libcurl sends a request once more by itself when a connection that it had kept turns out to be closed.
fails('reset', '/fault/reset', message => qr/reset/i, requests => 4, attempt => 3);
fails('reset in the middle of the head', '/fault/reset?after=30', message => qr/reset/i);
fails('reset in the middle of the first row', '/fault/reset?after=90', message => qr/reset/i);
fails('closed without an answer', '/fault/close', message => qr/closed the connection without an answer/,
	requests => 4, attempt => 3);
fails('not HTTP', '/fault/garbage', message => qr/server "api": \S/, requests => 1);
fails('cut short of Content-Length after rows', '/fault/cut',
	message => qr/cut off/, requests => 1, status => 200);
fails('cut in the middle of chunks after rows', '/fault/cut-chunked',
	message => qr/cut off|chunk|closed/, requests => 1, status => 200);
fails('cut before the first row', '/fault/cut?rows=0', message => qr/cut off/, requests => 3, status => 200);
fails('cut among the headers', '/fault/cut-headers', message => qr/cut off \(closed among its headers\)/, requests => 3, status => 200);
fails('a 404 cut among its headers is none', '/fault/cut-headers?status=404', message => qr/cut off/, requests => 3, status => 404);
fails('slow drip', '/fault/drip?ms=20', message => qr/no complete answer within timeout of 100 ms/,
	options => { timeout => '100ms' }, status => 200);
fails('slow drip of the head', '/fault/drip-headers?ms=20', message => qr/no complete answer within timeout of 100 ms/,
	options => { timeout => '100ms', retries => 1 }, requests => 2);
fails('no answer', '/fault/hang', message => qr/no complete answer within timeout of 60 ms/,
	options => { timeout => '60ms' });
fails('silence after a row', '/fault/hang-body', message => qr/no complete answer within timeout of 60 ms/,
	options => { timeout => '60ms' }, requests => 1, status => 200);

#
# What the answer says
#

my %not_json = (state => 'HV00A', requests => 1, status => 200);
fails('random bytes', '/fault/garbage-body', %not_json, message => qr/at byte \d+/, detail => qr/The answer begins:/);
fails('HTML', '/fault/html', %not_json, message => qr{found content type "text/html"}, detail => qr/It works/);
fails('an empty answer', '/fault/empty', %not_json, message => qr/./);
fails('JSON that ends early', '/fault/truncated', %not_json, message => qr/at byte \d+/);
fails('trailing garbage', '/fault/trailing', %not_json, message => qr/at byte \d+/);
fails('rows that are no array', '/fault/not-rows', %not_json, options => { rows => '/items' },
	message => qr{JSON place "/items"}, hint => qr/^HINT:.*"rows"/m);
fails('no rows', '/fault/no-rows-member', %not_json, options => { rows => '/items' }, message => qr{JSON place "/items"});
works('rows called text/plain', '/fault/wrong-type', 1);
works('a byte order mark', '/fault/bom', 1);

#
# Compression and headers
#

fails('bad gzip', '/fault/bad-gzip', message => qr/could not be decompressed/, requests => 1);
fails('a head of 500 kB', '/fault/huge-header', message => qr/headers are larger than 256 kB|[Hh]eader/, requests => 1);
fails('a head without end', '/fault/endless-headers', message => qr/headers are larger than 256 kB|[Hh]eader/, requests => 1);

my $before = backend_memory_kb($session->pid);
fails('a gzip bomb', '/fault/bomb?mb=512', options => { max_response => '8MB' }, requests => 1, status => 200,
	message => qr/larger than max_response of 8388608 bytes/, hint => qr/^HINT:.*"max_response"/m);
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 40 * 1024, 'memory of the session is bounded');
fails('rows without end', '/fault/endless-rows', options => { max_response => '1MB' }, requests => 1, status => 200,
	message => qr/larger than max_response of 1048576 bytes/);

$session->create_table('api', 'endless', 'id int, name text', path => '/fault/endless-rows');
$service->reset;
is($session->query('SELECT count(*) FROM (SELECT FROM endless LIMIT 1000) e'), '1000', 'LIMIT ends rows without end');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'and the transfer');
is($service->count, 1, 'of one request');
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 60 * 1024, 'memory of the session is bounded');

#
# What the service says
#

fails('status 500', '/fault/status/500', message => qr/HTTP status 500/, detail => qr/The answer begins: .*was asked for/);
fails('503, 4 times', '/fault/status/503', options => { retries => 3 }, requests => 4, message => qr/HTTP status 503/);
fails('503, no retry', '/fault/status/503', options => { retries => 0 }, requests => 1, message => qr/HTTP status 503/);
fails('503, not idempotent', '/fault/status/503', options => { idempotent => 'false' }, requests => 1,
	message => qr/HTTP status 503/);
create_server($node, 'overrun', $service->url);
fails('429 that asks for too much patience', '/fault/status/429?retry_after=3600', requests => 1,
	server => 'overrun', message => qr/HTTP status 429/, detail => qr/wait 3600 s/);
fails('status 400', '/fault/status/400', message => qr/HTTP status 400/, requests => 1);
fails('status 401', '/fault/status/401', message => qr/HTTP status 401/, requests => 1, state => 'HV00L',
	hint => qr/^HINT:.*user mapping/m);
fails('status 403', '/fault/status/403', message => qr/HTTP status 403/, requests => 1, state => 'HV00L',
	hint => qr/^HINT:.*user mapping/m);
fails('status 404', '/fault/status/404', message => qr/HTTP status 404/, requests => 1, state => 'HV00R',
	hint => qr/^HINT:.*not_found/m);
foreach my $status (301, 302, 307, 308)
{
	fails("status $status", "/fault/redirect?status=$status", message => qr/HTTP status $status/, requests => 1,
		hint => qr/^HINT:.*Redirects are not followed/m);
}
fails('an error page', '/fault/status/502?body=%3Ch1%3EBad%20gateway%3C/h1%3E%01%ff', message => qr/HTTP status 502/,
	detail => qr{The answer begins: <h1>Bad gateway</h1>\?});

works('500, then rows', '/fault/flaky?key=a', 2);
works('500 twice, then rows', '/fault/flaky?key=b&times=2', 3);
works('503 with Retry-After: 0, then rows', '/fault/flaky?key=c&status=503&retry_after=0', 2);
works('reset, then rows', '/fault/flaky?key=d&status=reset', 2);
fails('500 three times is once too often', '/fault/flaky?key=e&times=3', message => qr/HTTP status 500/);
fails('a cut after rows is not tried again', '/fault/flaky?key=f&status=cut', message => qr/cut off/, requests => 1);

# Retry-After is honoured: the backend waits about a second, although the back-off is 5 ms.
$session->create_table('api', 'patient', 'id int, name text', path => '/fault/flaky?key=g&status=429&retry_after=1');
$service->reset;
$session->send('SELECT count(*) FROM patient');
ok(poll_until(sub { $service->count('/fault') == 1 }, 10), '429: asked');
ok(!$session->finish(0.5), 'Retry-After is waited for');
is($service->count('/fault'), 1, 'without another request');
ok($session->finish(30), 'and then');
is($session->output, '3', 'there are rows');
is($service->count('/fault'), 2, 'from the second request');

# 404 is no row where the declaration says so.
$session->create_table('api', 'nothing', 'id int', path => '/fault/status/404', not_found => 'empty');
is($session->query('SELECT count(*) FROM nothing'), '0', q{404 with not_found 'empty'});
$session->create_table('api', 'no_content', 'id int', path => '/fault/no-content');
is($session->query('SELECT count(*) FROM no_content'), '0', 'status 204 is no row');

#
# Rows that cannot be stored: the decoder's errors, with where the row came from
#

sub row_fails
{
	my ($name, $path, $state, $message) = @_;
	my $table = 'fault_' . ++$number;
	$session->create_table('api', $table, 'id int, name text', path => $path);
	$service->reset;
	my $error = $session->error("SELECT * FROM $table");
	like($error, qr/^ERROR:\s+(?:$state): .*(?:$message)/s, $name);
	like($error, qr{^(?:CONTEXT:|foreign table).*GET \S+\Q$path\E}m, "$name: the URL is told");
	like($error, qr/"$table"/, "$name: and the table");
	is($service->count('/fault'), 1, "$name: one request");
	is($session->query($good), 'one,two,three', "$name: the session goes on");
	return;
}

row_fails('NaN', '/fault/nan', 'HV00A', '"N"|NaN');
row_fails('infinity', '/fault/infinity', 'HV00A', '"I"|Infinity');
row_fails('a lone surrogate', '/fault/surrogate', 'HV00A', 'lone surrogate');
row_fails('NUL in a text', '/fault/nul', 'HV00A', 'u0000');
row_fails('invalid UTF-8', '/fault/bad-utf8', 'HV00A', 'invalid UTF-8');
row_fails('Latin-1', '/fault/latin1', 'HV00A', 'invalid UTF-8');
row_fails('nesting', '/fault/deep', 'HV00A', 'nested deeper than');
row_fails('a number too big', '/fault/big-number', '22003|HV00\w', '123456789012345678901234567890');
row_fails('a row that is no object', '/fault/scalar-rows', 'HV00A|HV004|22\w+', 'object|integer');

cmp_ok($session->descriptors, '<=', $descriptors, 'no descriptor is left at the end');
is($service->stats->{in_flight}, 0, 'nothing is on the wire at the end');

$session->close;
$node->stop;
done_testing();
