# The circuit breaker: what opens it, who probes, what closes it; and retries, which are held to a share of requests.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => 'distquery', max_connections => 60);
my $admin = DistQuery::Session->new($node);

sub server_with
{
	my ($name, %options) = @_;
	create_server($node, $name, delete $options{url} // $service->url, timeout => '10min', retries => 0, retry_backoff => '1ms', %options);
	create_table($node, $name, "${name}_$_->[0]", 'id int, name text', path => $_->[1])
	  foreach [ good => '/fault/good' ], [ hang => '/fault/hang' ], [ down => '/fault/status/503' ], [ slow_down => '/fault/status/503?_delay=30' ],
	  [ nothing => '/fault/status/404' ], [ refused => '/fault/status/401' ], [ busy => '/fault/status/429' ], [ html => '/fault/html' ],
	  [ cut => '/fault/cut?rows=0' ], [ late => '/fault/slow-first?ms=5000' ];
	return;
}

sub state_of
{
	my ($server, $columns) = @_;
	return $admin->query('SELECT ' . ($columns // 'breaker, failures_in_row') . " FROM distquery.services WHERE server = '$server'");
}

sub reset_breaker { return $admin->query("SELECT distquery.reset_breaker('$_[0]')"); }

#
# What counts
#

my $session = DistQuery::Session->new($node);
my $open = qr/^ERROR:  08004: could not fetch foreign table "\w+" from server "\w+": its circuit breaker is open$/m;
server_with('plain', breaker_cooldown => '1h');
is(state_of('plain', 'breaker, failures_in_row, open_since, next_try, openings, requests, since'), 'closed|0|||0|0|', 'before the first request');
$session->error('SELECT * FROM plain_down') foreach 1 .. 4;
is(state_of('plain'), 'closed|4', 'four failures');
$session->query('SELECT * FROM plain_good');
is(state_of('plain'), 'closed|0', 'an answer begins anew');
foreach my $table (qw(nothing refused busy html))
{
	$session->error("SELECT * FROM plain_$table") foreach 1 .. 6;
	is(state_of('plain'), 'closed|0', "$table is no failure of the service");
}
is(state_of('plain', 'errors, errors_5xx, errors_4xx, errors_429, errors_content'), '28|4|12|6|6', 'but all are counted by kind');
$session->error("SET statement_timeout = '50ms'; SELECT * FROM plain_hang; RESET statement_timeout") foreach 1 .. 6;
$session->query('RESET statement_timeout');
is(state_of('plain'), 'closed|0', 'statement_timeout is none, either');
$session->error('SELECT * FROM plain_down') foreach 1 .. 2;
$session->error('SELECT * FROM plain_cut');
is(state_of('plain'), 'closed|3', 'an answer that is cut off is one');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE plain_late OPTIONS (ADD timeout '50ms')});
$session->error('SELECT * FROM plain_late') foreach 1 .. 2;
is(state_of('plain', 'breaker, failures_in_row, openings, open_since <= now(), next_try > now() + interval \'50 min\', errors_timeout, errors_cut_off'),
	'open|5|1|t|t|2|1', 'and so is a timeout: the fifth in a row opens');
$service->reset;
my $error = $session->error('SELECT * FROM plain_good');
like($error, $open, 'no request is let through');
like($error, qr/^DETAIL:  It opened at 20\d\d-.* after failures in a row, 5 by now; the next request is let through at 20\d\d-.*\.$/m,
	'the error says since when, and until when');
like($error, qr/^HINT:  To try at once: SELECT distquery.reset_breaker\('plain'\)\.$/m, 'and what to do');
is($service->count, 0, 'nothing is asked');
is(state_of('plain', 'refused'), '1', 'that is counted');
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/LOG:  circuit breaker of server "plain" has opened/, 'the log tells of the opening');
is(reset_breaker('plain'), 't', 'distquery.reset_breaker');
is(state_of('plain'), 'closed|0', 'closes it');
is($session->query('SELECT count(*) FROM plain_good'), '3', 'the service is asked again');

server_with('choosy', breaker_on => '429', breaker_failures => 2);
$session->error('SELECT * FROM choosy_down') foreach 1 .. 3;
is(state_of('choosy'), 'closed|0', 'breaker_on chooses: 503 does not count');
$session->error('SELECT * FROM choosy_busy') foreach 1 .. 2;
is(state_of('choosy'), 'open|2', 'but 429 does');
my $closed = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Proto => 'tcp');
server_with('nobody', url => 'http://127.0.0.1:' . $closed->sockport, breaker_failures => 2);
$session->error('SELECT * FROM nobody_good') foreach 1 .. 2;
is(state_of('nobody', 'breaker, errors_connect'), 'open|2', 'refused connections count');
server_with('never', breaker_failures => 0);
$session->error('SELECT * FROM never_down') foreach 1 .. 8;
like($session->last_error, qr/HTTP status 503/, 'breaker_failures 0: the service is always asked');

# In the middle of retries what went wrong is told, not that the breaker is open.
server_with('retried', retries => 20, breaker_cooldown => '1h', retry_budget => 1000);
$service->reset;
$error = $session->error('SELECT * FROM retried_down');
like($error, qr/HTTP status 503\nDETAIL:.*attempt 5 of 21.*Not tried again: the circuit breaker is open/, 'retries end when the breaker opens');
is($service->count, 5, 'after five requests');

#
# Probes
#

server_with('probed', breaker_failures => 2, breaker_cooldown => '200ms');
my ($prober, $other) = map { DistQuery::Session->new($node) } 1 .. 2;
sub open_up
{
	reset_breaker('probed');
	$session->error('SELECT * FROM probed_down') foreach 1 .. 2;
	like(state_of('probed'), qr/^(open|half-open)\|2$/, 'open');
	return poll_until(sub { state_of('probed', 'breaker') eq 'half-open' }, 30);
}
foreach my $end (qw(cancel terminate))
{
	ok(open_up(), "half-open after the cooldown");
	$service->reset;
	$prober->send('SELECT * FROM probed_hang');
	ok(poll_until(sub { $service->count('/fault/hang') == 1 }, 30), 'one request is let through');
	$error = $other->error('SELECT * FROM probed_good');
	like($error, $open, 'while it is under way, no other is');
	like($error, qr/^DETAIL:.*; a request that tries whether the service is back is under way\.$/m, 'as the error says');
	$admin->query("SELECT pg_${end}_backend(" . $prober->pid . ')');
	ok($prober->finish(10), "$end of the probe");
	ok(poll_until(sub { state_of('probed', 'in_flight') eq '0' }, 30), 'which is gone');
	is(state_of('probed', 'breaker, failures_in_row'), 'half-open|2', 'is no failure');
	is($other->query('SELECT count(*) FROM probed_good'), '3', 'and leaves its turn to another session');
	is(state_of('probed'), 'closed|0', 'whose answer closes the breaker');
}
like(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/LOG:  circuit breaker of server "probed" has closed/, 'as the log tells');
ok(open_up(), 'half-open once more');
$error = $other->error('SELECT * FROM probed_down');
like($error, qr/HTTP status 503/, 'a probe that fails');
like(state_of('probed'), qr/open\|3/, 'opens it for another cooldown');
$prober = DistQuery::Session->new($node);
ok(open_up(), 'and half-open again');
is($prober->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM probed_hang; SELECT 1'), '1', 'a cursor that has not begun');
$prober->send(q{SET LOCAL statement_timeout = '100ms'; FETCH 1 FROM c});
ok($prober->finish(10), 'and then times out');
$prober->query('ROLLBACK');
is($other->query('SELECT count(*) FROM probed_good'), '3', 'gives the probe back');

#
# 16 sessions at a dead service
#

my @sessions = map { DistQuery::Session->new($node) } 1 .. 16;
my $queries = 60;

# How often the service is asked by so many queries of each session, and in how many seconds.
sub assault
{
	my ($table) = @_;
	my $started = time;
	$service->reset;
	$_->send("DO \$\$ BEGIN FOR i IN 1 .. $queries LOOP BEGIN PERFORM * FROM $table; EXCEPTION WHEN OTHERS THEN PERFORM pg_sleep(0.005); END; END LOOP; END \$\$")
	  foreach @sessions;
	is(join('', map { $_->finish(120) ? '.' : 'hangs' } @sessions), '.' x 16, "$table: 16 sessions end");
	return ($service->count, time - $started);
}

server_with('bare', breaker_failures => 0);
server_with('spared', breaker_cooldown => '250ms', max_in_flight => 16);
my ($bare) = assault('bare_slow_down');
is($bare, 16 * $queries, 'without a breaker each query reaches the service');
my ($spared, $seconds) = assault('spared_slow_down');
note("$bare requests without a breaker, $spared with one, in $seconds s");
# Those that were under way when it opened, and one for each cooldown.
cmp_ok($spared, '<=', 5 + 16 + $seconds / 0.25 + 1, 'with one hardly any does');
is(state_of('spared', 'requests, errors_5xx'), "$spared|$spared", 'and all are counted');
is(state_of('spared', 'refused'), 16 * $queries - $spared, 'as are those that were not sent');

# Open now: from here on there are probes only, one at a time.
$session->error('SELECT * FROM spared_down') while state_of('spared', 'breaker') eq 'closed';
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 30), 'nothing is under way');
assault('spared_slow_down');
is($service->stats->{max_in_flight}, 1, 'probes go out one at a time');

#
# Retries
#

server_with('budget', retries => 3, breaker_failures => 0, retry_budget => 0);
$service->reset;
$error = $session->error('SELECT * FROM budget_down') foreach 1 .. 8;
like($error, qr/HTTP status 503\nDETAIL:.* Not tried again: retries are held to 0 % of requests \(retry_budget\)/, 'retries are held to a share');
my ($requests, $retries) = split /\|/, state_of('budget', 'requests, retries');
is($requests - $retries, 8, 'of eight requests');
cmp_ok($retries, '<=', 14, 'which is ten, and one a second');
is($service->count, $requests, 'the service has seen the same');

# One that could not be answered in time is not begun.
server_with('hurried', retries => 3, retry_backoff => '1s', breaker_failures => 0);
create_table($node, 'hurried', 'hurried_later', 'id int', path => '/fault/status/503?retry_after=20');
$service->reset;
$error = $session->error(q{BEGIN; SET LOCAL statement_timeout = '10s'; SELECT * FROM hurried_later});
$session->query('ROLLBACK');
like($error, qr/HTTP status 503\nDETAIL:.* Not tried again: no answer could come in the \d+ ms that are left to the statement/, 'a retry without time is not begun');
is($service->count, 1, 'nor sent');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
