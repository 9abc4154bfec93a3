# What operators see: distquery.activity while sessions fetch, distquery.requests of many sessions at once, rights, and the
# query for Prometheus.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => 'distquery', restart_after_crash => 'on', max_connections => 60,
	'distquery.requests_size' => 40, compute_query_id => 'on');
my $admin = DistQuery::Session->new($node);
my $major = int($admin->query('SHOW server_version_num') / 10000);

sub sessions { return map { DistQuery::Session->new($node) } 1 .. $_[0]; }

sub server_with
{
	my ($name, %options) = @_;
	create_server($node, $name, $service->url, timeout => '10min', breaker_failures => 0, %options);
	create_table($node, $name, "${name}_$_->[0]", 'id int, name text', path => $_->[1], @$_ > 2 ? @$_[ 2 .. $#$_ ] : ())
	  foreach [ good => '/fault/good' ], [ hang => '/fault/hang' ], [ body => '/fault/hang-body?rows=300' ],
	  [ cached => '/fault/hang', strategy => 'cache', ttl => '1h' ];
	return;
}

# What a backend is seen doing.
sub activity
{
	my ($session, $columns) = @_;
	return $admin->query("SELECT $columns FROM (SELECT * FROM distquery.activity WHERE pid = " . $session->pid . ' ORDER BY foreign_table::text) a');
}

# Fails with what is there.
sub shows
{
	my ($session, $columns, $expected, $name) = @_;
	poll_until(sub { activity($session, $columns) eq $expected }, 30);
	return is(activity($session, $columns), $expected, $name);
}

sub wait_event
{
	my ($session, $expected) = @_;
	$expected = 'Extension' if $major < 17;
	my $sql = 'SELECT wait_event FROM pg_stat_activity WHERE wait_event_type = \'Extension\' AND pid = ' . $session->pid;
	poll_until(sub { $admin->query($sql) eq $expected }, 30);
	return is($admin->query($sql), $expected, "the wait event is $expected");
}

# Ends what a session does, by a cancel.
sub cancel
{
	my ($session) = @_;
	$admin->query('SELECT pg_cancel_backend(' . $session->pid . ')');
	ok($session->finish(30), 'the cancelled session goes on');
	return is(activity($session, 'state'), '', 'and is not seen fetching any more');
}

#
# States
#

my ($one, $two) = sessions(2);
server_with('wide');
server_with('narrow', max_in_flight => 1);
server_with('rated', rate_limit => '1/h');
$one->send('SELECT count(*) FROM wide_body');
shows($one, 'state, questions, in_flight, waiting, pages_done, pages_total, rows_done, rows_total, progress, bytes_done > 300 * 20',
	'receiving|1|1|0|0||300|||t', 'rows of the page under way are counted');
is(activity($one, 'datname, usename = current_user, query_id <> 0, server, foreign_table, fetch_start <= state_change, state_change <= now(), scope'),
	'postgres|t|t|wide|wide_body|t|t|server', 'whose fetch it is');
is($admin->query('SELECT query_id = (SELECT query_id FROM pg_stat_activity p WHERE p.pid = a.pid) FROM distquery.activity a'), 't', 'and of which query');
wait_event($one, 'DistqueryService');
cancel($one);
is($admin->query("SELECT outcome, rows FROM distquery.requests WHERE foreign_table = 'wide_body'::regclass"), 'cancelled|300', 'the request is remembered');

$one->send('SELECT count(*) FROM narrow_hang');
shows($one, 'foreign_table, state', 'narrow_hang|requesting', 'requesting');
$two->send('SELECT count(*) FROM narrow_good');
shows($two, 'state, in_flight, waiting', 'waiting for slot|0|1', 'waiting for a slot');
wait_event($two, 'DistquerySlot');
cancel($one);
ok($two->finish(30), 'the slot is handed on');
cmp_ok($admin->query("SELECT wait_ms FROM distquery.requests WHERE foreign_table = 'narrow_good'::regclass"), '>', 0, 'the wait is remembered');
is(activity($two, 'state'), '', 'nothing is fetched after the end');

is($one->query('SELECT count(*) FROM rated_good'), '3', 'the first of an hour');
$one->send('SELECT count(*) FROM rated_good');
shows($one, 'state', 'waiting for rate limit', 'waiting for the rate');
wait_event($one, 'DistqueryRateLimit');
cancel($one);

create_table($node, 'wide', 'later', 'id int', path => '/fault/flaky?key=later&status=503&times=9&retry_after=30');
$one->send('SELECT count(*) FROM later');
shows($one, 'state', 'backing off', 'backing off');
wait_event($one, 'DistqueryRetry');
$two->send('SELECT count(*) FROM wide_good');
shows($two, 'state', 'waiting for retry-after', 'others wait, too');
wait_event($two, 'DistqueryRetry');
cancel($_) foreach $one, $two;
$admin->query("SELECT distquery.reset_breaker('wide')");

$one->send('SELECT count(*) FROM wide_cached');
shows($one, 'state', 'requesting', 'one session fills the cache');
$two->send('SELECT count(*) FROM wide_cached');
shows($two, 'state, in_flight', 'waiting for cache|0', 'the other one waits for it');
wait_event($two, 'DistqueryCache');
cancel($_) foreach $two, $one;

# Pages, where the service tells how many rows there are; nobody reads on.
create_table($node, 'wide', 'paged', 'id int', path => '/data/plain/products?_envelope=items', rows => '/items', paging => 'page', page_size => 100,
	total => '/total');
$one->query('BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT * FROM paged; FETCH 1 FROM c');
is(activity($one, 'foreign_table, state, in_flight, pages_total, rows_total, pages_done BETWEEN 1 AND 19, rows_done BETWEEN 100 AND 1900'),
	'paged|idle|0|20|2000|t|t', 'pages done of how many');
is(activity($one, 'progress = rows_done / 2000.0'), 't', 'and the share of it');
$one->query('MOVE ALL FROM c');
is(activity($one, 'state'), '', 'at its end');
$one->query('COMMIT');
is($admin->query("SELECT count(*) FROM distquery.requests WHERE foreign_table = 'paged'::regclass AND outcome = 'ok' AND rows IN (0, 100)"), '20',
	'a request for each page');

# Several tables, more than there are places for; a join's many questions are one row.
create_table($node, 'wide', 'keyed', q{id int OPTIONS (key 'true', filter '=')}, path => '/fault/hang', lookup_path => '/fault/hang?key={id}');
$one->send('SELECT count(*) FROM wide_hang, narrow_body, (SELECT * FROM keyed WHERE id IN (1, 2, 3)) k');
shows($one, 'foreign_table, state, questions, in_flight', "keyed|requesting|3|3\nnarrow_body|receiving|1|1\nwide_hang|requesting|1|1", 'a row for each table');
cancel($one);
create_table($node, 'wide', "many_$_", 'id int', path => "/fault/hang?n=$_") foreach 1 .. 12;
$one->send('SELECT count(*) FROM ' . join(', ', map { "many_$_" } 1 .. 12));
shows($one, 'count(*)', '8', 'no more than 8 tables of a session');
cancel($one);

#
# Who sees it
#

$node->safe_psql('postgres', 'CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN IN ROLE pg_monitor; '
	  . 'CREATE ROLE dora LOGIN IN ROLE alice; GRANT SELECT ON wide_body, wide_good TO alice');
my %user = map { $_ => DistQuery::Session->new($node, user => $_) } qw(alice bob carol dora);
$admin->query('SELECT distquery.reset_requests()');
$user{alice}->query('SELECT count(*) FROM wide_good');
$user{alice}->send('SELECT count(*) FROM wide_body');
shows($user{alice}, 'usename, rows_done', 'alice|300', 'alice fetches');
foreach my $name (qw(bob carol dora))
{
	my $sees = $name eq 'bob' ? '' : 'alice';
	is($user{$name}->query('SELECT usename FROM distquery.activity'), $sees, "$name sees " . ($sees || 'nothing') . ' in activity');
	is($user{$name}->query('SELECT usename FROM distquery.requests'), $sees, 'and in requests');
	is($user{$name}->query('SELECT count(*) FROM distquery.activity()'), $sees ? 1 : 0, 'also past the view');
	is($user{$name}->query('SELECT count(*) FROM distquery.requests()'), $sees ? 1 : 0, 'of both');
	like($user{$name}->error('SELECT distquery.reset_requests()'), qr/permission denied for function reset_requests/, 'and resets nothing');
}
cancel($user{alice});

# Another database does not know names; the rest is seen.
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION distquery');
is($node->safe_psql('other', q{SELECT datname, server, foreign_table, url ~ '/fault/good$' FROM distquery.requests WHERE outcome = 'ok'}), 'postgres|||t',
	'seen from another database');

#
# Ends
#

my $victim = DistQuery::Session->new($node);
$victim->send('SELECT count(*) FROM wide_body');
shows($victim, 'rows_done', '300', 'a session fetches');
my $pid = $victim->pid;
$admin->query("SELECT pg_terminate_backend($pid)");
ok(poll_until(sub { $admin->query("SELECT count(*) FROM distquery.activity WHERE pid = $pid") eq '0' }, 30), 'terminated, it is not seen any more');
is($admin->query("SELECT outcome FROM distquery.requests WHERE pid = $pid"), 'cancelled', 'but its request is');
$one->query('BEGIN; SAVEPOINT a');
like($one->error('SELECT count(*) FROM wide_body WHERE 1 / (SELECT count(*) FROM wide_good WHERE id < 0) > 0'), qr/division by zero/, 'an error of another scan');
is($admin->query('SELECT outcome FROM distquery.requests WHERE pid = ' . $one->pid . ' ORDER BY outcome DESC LIMIT 2'), "ok\ncancelled", 'ends what is on the wire');
is(activity($one, 'state'), '', 'after an error');
$one->query('ROLLBACK');
$one->query('SELECT count(*) FROM (SELECT * FROM wide_body LIMIT 3) s');
is(activity($one, 'state'), '', 'after LIMIT');
is($admin->query("SELECT outcome, rows FROM distquery.requests WHERE pid = " . $one->pid . ' ORDER BY request_start DESC LIMIT 1'), 'left|300', 'the rest was left');

#
# The ring, small, under 16 sessions: nothing that is read is torn
#

# What is in a record follows from its table: n rows, in an answer of a known length.
foreach my $n (1 .. 16)
{
	my $body = '[' . join(',', map { qq({"id":$_}) } 1 .. $n) . ']';
	create_table($node, 'wide', "ring_$n", 'id int', path => "/literal?n=$n&body=" . ($body =~ s/([^\w,])/sprintf '%%%02X', ord $1/ger),
		strategy => 'cache', ttl => '1h');
	$admin->query(qq{CREATE PROCEDURE read_$n() LANGUAGE plpgsql AS \$\$
		BEGIN FOR i IN 1..3000 LOOP PERFORM * FROM ring_$n; IF i % 10 = 0 THEN PERFORM distquery.invalidate('ring_$n'); END IF; END LOOP; END \$\$});
}
my @sessions = sessions(16);
my %ring_pids = map { $sessions[ $_ - 1 ]->pid => $_ } 1 .. 16;
$admin->query('SELECT distquery.reset_requests()');
$sessions[ $_ - 1 ]->send("CALL read_$_()") foreach 1 .. 16;
my ($read, $wrong, $reads) = (0, '', 0);
while (grep { not $_->finish(0.005) } @sessions)
{
	foreach my $row (split /\n/, $one->query('SELECT pid, foreign_table, url, rows, bytes, cache, outcome, attempt, status FROM distquery.requests'))
	{
		my ($by, $table, $url, $rows, $bytes, $cache, $outcome, $attempt, $status) = split /\|/, $row;
		my $n = $ring_pids{$by} or next;
		my $hit = $cache eq 'hit';
		$read++;
		$wrong = $row
		  unless $table eq "ring_$n" and $url =~ m{/literal\?n=$n&body=%5B.*%5D$} and $rows == $n and $outcome eq ($hit ? 'cached' : 'ok')
		  and ($hit ? $bytes == 0 && $attempt == 0 && $status eq '' : $bytes > 7 * $n && $attempt == 1 && $status == 200);
	}
	$reads++;
}
is($wrong, '', 'no record is torn');
cmp_ok($read, '>', 100, "of $read in $reads looks");
is(scalar(grep { $_->last_error ne '' } @sessions), 0, 'no session failed');
cmp_ok($admin->query('SELECT count(*) FROM distquery.requests'), '<=', 40, 'the ring has its size');
is($admin->query(q{SELECT count(*) > 30 FROM distquery.requests}), 't', 'and is full');

#
# Prometheus: the documented query, as it is documented
#

my $manual = PostgreSQL::Test::Utils::slurp_file('docs/operating.md');
my @exported = $manual =~ /^distquery_(\w+):\n  query: \|\n(.*?)  metrics:\n(.*?)^(?=\S)/msg;
is(scalar(@exported) / 3, 1, 'there is a query');
while (my ($name, $query, $metrics) = splice @exported, 0, 3)
{
	my @columns = $metrics =~ /^    - (\w+): +\{usage: (?:LABEL|GAUGE|COUNTER), +description: "[^"]+"\}$/mg;
	is(scalar(@columns), scalar(() = $metrics =~ /\n/g), "$name: each line is a metric");
	$admin->query("CREATE TEMP VIEW $name AS $query");
	is($admin->query("SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = '$name'::regclass AND attnum > 0"), "@columns",
		"$name: the columns are those that are declared");
	is($user{carol}->query("SELECT count(*) > 2, count(*) = count(DISTINCT (datname, server)) FROM ($query) q"), 't|t', 'a member of pg_monitor runs it');
}

#
# After a crash
#

kill 'KILL', $sessions[0]->pid;
ok(poll_until(sub { my ($code, $out) = $node->psql('postgres', 'SELECT count(*) FROM distquery.requests'); $code == 0 && $out eq '0' }, 60),
	'the server is back, the ring is empty');
is($node->safe_psql('postgres', 'SELECT count(*) FROM wide_good; SELECT count(*), min(outcome) FROM distquery.requests'), "3\n1|ok", 'and goes on');

$_->close foreach $admin, $one, $two, @sessions, values %user, $victim;
$node->append_conf('postgresql.conf', 'distquery.requests_size = 0');
$node->restart;
is($node->safe_psql('postgres', 'SELECT count(*) FROM wide_good; SELECT count(*) FROM distquery.requests; SELECT distquery.reset_requests()'), "3\n0\n",
	'requests_size 0: none are kept');
$node->stop;

#
# Where memory is not shared
#

my $alone = new_node('alone');
create_server($alone, 'wide', $service->url);
create_table($alone, 'wide', 'good', 'id int', path => '/fault/good');
create_table($alone, 'wide', 'hang', 'id int', path => '/fault/hang');
my ($here, $there) = map { DistQuery::Session->new($alone) } 1 .. 2;
my $shared = $here->query("SELECT DISTINCT scope = 'server' FROM distquery.shared_memory");
$here->query('SELECT count(*) FROM good');
is($here->query('SELECT outcome, rows, scope FROM distquery.requests'), 'ok|3|' . ($shared eq 't' ? 'server' : 'session'), 'a session sees its own requests');
is($there->query('SELECT count(*) FROM distquery.requests'), $shared eq 't' ? 1 : 0, 'and others where memory is shared');
$here->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM good g, hang h; SAVEPOINT a');
$here->error("SET LOCAL statement_timeout = '50ms'; FETCH 1 FROM c");
$here->query('ROLLBACK');
is($here->query('SELECT count(*) FROM distquery.activity'), '0', 'nothing is left in activity');
$_->close foreach $here, $there;
$alone->stop;
done_testing();
