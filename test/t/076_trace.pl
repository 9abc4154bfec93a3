# Where requests come from: traces over several services and attempts, and services that query each other.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $other = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", max_connections => 60, log_statement => 'none');
create_server($node, 'one', $service->url, retries => 2, retry_backoff => '1ms', breaker_failures => 0);
create_server($node, 'two', $other->url);
create_table($node, 'one', 'numbers', 'id int, name text', path => '/fault/good');
create_table($node, 'one', 'flaky', 'id int, name text', path => '/fault/flaky?key=trace');
create_table($node, 'two', 'orders', 'id int', path => '/data/plain/orders', paging => 'offset', page_size => 2000);
my $session = DistQuery::Session->new($node);

# Trace id, span id and flags of all requests since the last call.
sub spans
{
	my @spans = map { [ split /-/, $_->{headers}{traceparent} // '' ] } map { @{ $_->log } } $service, $other;
	$_->reset foreach $service, $other;
	return @spans;
}

sub distinct
{
	my ($part, @spans) = @_;
	my %seen = map { $_->[$part] => 1 } @spans;
	return scalar keys %seen;
}

#
# Traces
#

my $trace = '4bf92f3577b34da6a3ce929d0e0e4736';
$session->query("SET distquery.traceparent = '00-$trace-00f067aa0ba902b7-01'");
spans();
$session->query('SELECT count(*) FROM numbers, orders, flaky');
my @spans = spans();
cmp_ok(scalar @spans, '>', 5, 'a statement makes requests of two services, one twice');
is(distinct(1, @spans), 1, 'all are of one trace');
is($spans[0][1], $trace, 'the one that was set');
is(distinct(2, @spans), scalar @spans, 'each is a span of its own, further attempts and pages, too');
is(scalar(grep { $_->[2] eq '00f067aa0ba902b7' } @spans), 0, 'and none the parent');
is(scalar(grep { $_->[0] ne '00' or $_->[3] ne '01' } @spans), 0, 'with the flags that were set');

$session->query("RESET distquery.traceparent; SET distquery.trace = send");
$session->query('SELECT count(*) FROM numbers, orders; SELECT count(*) FROM numbers');
@spans = spans();
is(distinct(1, @spans), 2, 'without one, each statement is a trace');
is(distinct(2, @spans), scalar @spans, 'and each request a span');
is(scalar(grep { join('-', @$_) !~ /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/ } @spans), 0, 'well-formed');
$session->query("SET distquery.trace = off; SELECT count(*) FROM numbers");
is_deeply([ spans() ], [ [] ], 'off: no trace');

#
# The log
#

my $log_end = 0;

# Lines of requests since the last call, when there are so many.
sub logged
{
	my ($at_least) = @_;
	my @lines;
	poll_until(sub {
		@lines = grep { /LOG:  distquery: / } split /\n/, substr(PostgreSQL::Test::Utils::slurp_file($node->logfile), $log_end);
		@lines >= $at_least;
	}, 10);
	$log_end = -s $node->logfile;
	return @lines;
}

create_server($node, 'secret', $service->url, retries => 0, breaker_failures => 0, auth => 'api_key', api_key => 'sesame-open', api_key_in => 'query:key');
create_table($node, 'secret', 'behind', 'id int, name text', path => '/fault/good?hint=sesame-open');
create_table($node, 'one', 'missing', 'id int', path => '/fault/status/403');
create_table($node, 'one', 'hanging', 'id int', path => '/fault/hang');
create_table($node, 'two', 'paged', 'id int', path => '/data/plain/orders', paging => 'offset', page_size => 50);
logged(0);
$_->reset foreach $service, $other;
$session->query('SELECT 1; SELECT count(*) FROM numbers');
is(scalar(logged(0)), 0, 'trace off: nothing is logged');
my $times = qr/\d+\.\d ms \(waited \d+\.\d, name (?:-|\d+\.\d), connected (?:-|\d+\.\d), TLS -, first byte \d+\.\d\)/;
my $ids = qr/trace [0-9a-f]{32}, span [0-9a-f]{16}$/;
$session->query('SET distquery.trace = log; SELECT count(*) FROM numbers');
my @lines = logged(1);
is(scalar @lines, 1, 'log: a line a request');
like($lines[0], qr{LOG:  distquery: GET http://127\.0\.0\.1:\d+/fault/good, status 200, attempt 1, $times, \d+ bytes, 3 rows, foreign table "numbers", $ids},
	'with method, URL, status, attempt, times, bytes, rows and trace');
$session->query("SET client_min_messages = log; SELECT count(*) FROM flaky");
is($session->last_error =~ /distquery: GET/ ? 'shown' : '', '', 'the client is not told');
@lines = logged(2);
is(scalar @lines, 2, 'further attempts have lines of their own');
like($lines[0], qr{/fault/flaky\?key=trace, status 500, failed \(5xx\), attempt 1, .*$ids}, 'the first one failed');
like($lines[1], qr{/fault/flaky\?key=trace, status 200, attempt 2, .*$ids}, 'the second one did not');
my @same = map { /trace (\w+), span (\w+)/ ? [ $1, $2 ] : () } @lines;
ok($same[0][0] eq $same[1][0] && $same[0][1] ne $same[1][1], 'one trace, two spans');
spans();
$session->query("SELECT count(*) FROM behind");
@lines = logged(1);
like($lines[0], qr{/fault/good\?hint=\*\*\*, status 200}, 'secrets are taken out');
my $sent = (map { @{ $_->log } } $service)[0];
my (undef, $trace_id, $span_id) = split /-/, $sent->{headers}{traceparent};
like($lines[0], qr/trace $trace_id, span $span_id$/, 'ids are those that were sent');
is($session->query("SELECT trace_id, span_id, url ~ 'sesame' FROM distquery.requests ORDER BY request_start DESC LIMIT 1"), "$trace_id|$span_id|f", 'distquery.requests has them');
like($sent->{query}, qr/key=sesame-open/, 'and secrets are sent');

# However an attempt ends.
like($session->error("SET statement_timeout = '100ms'; SELECT * FROM hanging"), qr/57014/, 'a statement is cancelled');
like((logged(1))[0], qr{/fault/hang, cancelled, attempt 1, \d+\.\d ms \(.*first byte -\), 0 bytes, 0 rows, .*"hanging", $ids}, 'which is logged');
$session->query("RESET statement_timeout; BEGIN; DECLARE c CURSOR FOR SELECT * FROM paged; FETCH 10 FROM c; CLOSE c; COMMIT");
cmp_ok(scalar(grep { /"paged"/ } logged(1)), '>=', 1, 'so is a cursor that is closed early');
my $victim = DistQuery::Session->new($node);
$victim->send('SET distquery.trace = log; SELECT * FROM hanging');
ok(poll_until(sub { $service->count('/fault/hang') >= 1 && $service->stats->{in_flight} >= 1 }, 30), 'a session waits');
$node->safe_psql('postgres', 'SELECT pg_terminate_backend(' . $victim->pid . ')');
ok($victim->finish(30), 'and is terminated');
is(scalar(grep { m{/fault/hang, cancelled} } logged(1)), 1, 'that is logged, too');
$victim->close;

# Only failures.
$session->query("SET distquery.trace = errors; SELECT count(*) FROM numbers");
like($session->error('SELECT * FROM missing'), qr/HTTP status 403/, 'a failure');
@lines = logged(1);
is(scalar @lines, 1, 'errors: only failures are logged');
like($lines[0], qr{/fault/status/403, status 403, failed \(4xx\), attempt 1}, 'as such');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/LOG:.*sesame/, 'no secret is logged');

#
# Services that query each other: api.py answers by SQL
#

my $folder = tempdir(CLEANUP => 1);
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $connection = $node->connstr =~ s/ dbname=\S+//r;
$connection =~ s/'//g;
my %place = $connection =~ /(\w+)=(\S+)/g;
my $api = IPC::Run::start([ $python, 'test/fixtures/api.py', '--port-file', "$folder/port",
	'--psql', "psql -X -h $place{host} -p $place{port} -U " . $node->safe_psql('postgres', 'SELECT current_user') ], '<', \undef);
ok(poll_until(sub { -e "$folder/port" }, 30), 'an API over the databases runs') or BAIL_OUT('no API');
chomp(my $port = PostgreSQL::Test::Utils::slurp_file("$folder/port"));
my $http = HTTP::Tiny->new(timeout => 60);

sub api_log { return @{ decode_json($http->get("http://127.0.0.1:$port/_log")->{content}) }; }
sub api_reset { $http->get("http://127.0.0.1:$port/_reset"); return; }

# a.things is a table; a.b_things asks b, whose b.things asks a for what each of these is.
my %ids;
foreach my $database (qw(a b))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database");
	my $peer = $database eq 'a' ? 'b' : 'a';
	$node->safe_psql($database, qq{
		CREATE EXTENSION distquery;
		CREATE SERVER peer FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://127.0.0.1:$port/$peer', retries '0', timeout '20s', breaker_failures '0');
		CREATE SERVER self FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://127.0.0.1:$port/$database', retries '0', timeout '20s', breaker_failures '0');
		CREATE TABLE things AS SELECT 1 AS id, 'of $database' AS name;
		CREATE FOREIGN TABLE theirs (id int, name text) SERVER peer OPTIONS (path '/things');
		CREATE FOREIGN TABLE round (id int, name text) SERVER peer OPTIONS (path '/theirs');
		CREATE FOREIGN TABLE circle (id int, name text) SERVER peer OPTIONS (path '/circle');
		CREATE FOREIGN TABLE mirror (id int, name text) SERVER self OPTIONS (path '/mirror');
		CREATE FOREIGN TABLE cached_mirror (id int, name text) SERVER self OPTIONS (path '/cached_mirror', strategy 'cache', ttl '1min')});
	$ids{$database} = $node->safe_psql($database, 'SELECT distquery.loop_id()');
}
isnt($ids{a}, $ids{b}, 'databases have names of their own');

my $a = DistQuery::Session->new($node, database => 'a');
is($a->query('SELECT name FROM theirs'), 'of b', 'a asks b');
is((api_log())[0]{headers}{'cdn-loop'}, $ids{a}, 'which is told who asks');
# A round trip ends by itself, since a has what is asked in a table of its own.
api_reset();
is($a->query('SELECT name FROM round'), 'of a', 'a asks b, which asks a');
is(join(' > ', map { $_->{headers}{'cdn-loop'} } api_log()), "$ids{a} > $ids{a}, $ids{b}", 'the way grows');

api_reset();
like($a->error('SELECT * FROM circle'), qr/HV000: .*"circle" from server "peer": HTTP status 502/, 'a circle is an error');
my @asked = api_log();
is(scalar @asked, 2, 'after one time round');
like($asked[1]{error}, qr/PT508: .*foreign table "circle" from server "peer": services query each other in a circle/, 'which a raises');
like($asked[1]{error}, qr/DETAIL:.*come through $ids{a}, $ids{b}, where this database is $ids{a}/, 'and tells the way');
is($asked[1]{status}, 508, 'as status 508');
like($asked[0]{error}, qr/HTTP status 508/, 'b hears of it');

api_reset();
like($a->error('SELECT * FROM mirror'), qr/HTTP status 508/, 'a table answered by itself is an error');
is(scalar(api_log()), 1, 'after one request');
# A session that waits for another's answer, which waits for the session, would wait until the timeout.
api_reset();
like($a->error('SELECT * FROM cached_mirror'), qr/HTTP status 508/, 'also where sessions wait for each other\'s answers');
is(scalar(api_log()), 1, 'after one request');

# Where it is meant, so many times round, or so many databases.
$node->safe_psql('postgres', "ALTER DATABASE a SET distquery.max_reentries = 2; ALTER DATABASE b SET distquery.max_reentries = 2");
api_reset();
$a->error('SELECT * FROM circle');
is(scalar(api_log()), 6, 'max_reentries: two more times round');
$node->safe_psql('postgres', "ALTER DATABASE a SET distquery.max_hops = 4; ALTER DATABASE b SET distquery.max_hops = 4");
api_reset();
$a->error('SELECT * FROM circle');
@asked = api_log();
is(scalar @asked, 4, 'max_hops: four databases');
like($asked[3]{error}, qr/PT508: .*more than 4 databases query each other.*HINT: .*max_hops/s, 'and says so');

# The trace goes all the way.
api_reset();
$a->query("SET distquery.traceparent = '00-$trace-00f067aa0ba902b7-01'; SET distquery.tracestate = 'x=1'; SELECT * FROM round");
@asked = map { $_->{headers} } api_log();
is(join(' ', map { (split /-/, $_->{traceparent})[1] } @asked), "$trace $trace", 'a trace goes all the way');
isnt($asked[0]{traceparent}, $asked[1]{traceparent}, 'by spans of its own');
is(join(' ', map { $_->{tracestate} } @asked), 'x=1 x=1', 'with its state');
is(scalar(grep { $_->{'user-agent'} !~ m{^distquery/\S+ PostgreSQL/\d+ \(.+\)$} } @asked), 0, 'named by User-Agent');

$_->close foreach $session, $a;
$api->kill_kill(grace => 2);
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
