# Limits that hold for all sessions together: max_in_flight, rate_limit, Retry-After; who waits, and what becomes of those
# who leave, are killed, or stand idle.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => 'distquery', restart_after_crash => 'on', max_connections => 60);
my $admin = DistQuery::Session->new($node);

# Another name of the same service gives a server with slots of its own.
sub server_with
{
	my ($name, %options) = @_;
	create_server($node, $name, $service->url, timeout => '10min', retry_backoff => '5ms', %options);
	create_table($node, $name, "${name}_$_->[0]", 'id int, name text', path => $_->[1], @$_ > 2 ? @$_[ 2 .. $#$_ ] : ())
	  foreach [ slow => '/fault/good?_delay=40' ], [ good => '/fault/good' ], [ hang => '/fault/hang' ], [ body => '/fault/hang-body?rows=300' ],
	  [ trickle => '/fault/slow-body?rows=400&ms=5' ];
	return;
}

sub state_of
{
	my ($server, $columns) = @_;
	return $admin->query("SELECT $columns FROM distquery.services WHERE server = '$server'");
}

sub reaches { my ($server, $columns, $state) = @_; return poll_until(sub { state_of($server, $columns) eq $state }, 30); }
sub sessions { return map { DistQuery::Session->new($node) } 1 .. $_[0]; }

#
# max_in_flight
#

server_with('three', max_in_flight => 3);
my @sessions = sessions(16);
$service->reset;
foreach my $round (1 .. 3)
{
	$_->send('SELECT count(*), (SELECT count(*) FROM three_good) FROM three_slow') foreach @sessions;
	is(join(',', map { $_->finish ? $_->output : 'hangs' } @sessions), join(',', ('3|3') x 16), '16 sessions are answered');
}
is($service->stats->{max_in_flight}, 3, 'by no more than 3 requests at once');
is($service->count, 96, 'each of which was made');
is(state_of('three', 'in_flight, waiting, requests, errors, scope'), '0|0|96|0|server', 'the view has counted them');

# Two services with one slot each, asked in either order: whoever waits for one goes on reading the other.
server_with($_, max_in_flight => 1) foreach qw(east west);
foreach my $round (1 .. 5)
{
	foreach my $i (0 .. 7)
	{
		my ($first, $second) = $i % 2 ? qw(east west) : qw(west east);
		$sessions[$i]->send("SELECT (SELECT count(*) FROM ${first}_good), (SELECT count(*) FROM ${second}_good), (SELECT count(*) FROM ${first}_slow)");
	}
	is(join(',', map { $sessions[$_]->finish ? $sessions[$_]->output : 'hangs' } 0 .. 7), join(',', ('3|3|3') x 8), 'no deadlock');
}

# A session with many requests does not keep out one that has a single one.
server_with('fair', max_in_flight => 1);
create_table($node, 'fair', 'items', q{id int OPTIONS (key 'true'), name text}, path => '/data/plain/items', lookup_path => '/data/plain/items/{id}?_delay=20');
$service->put('items', [ map { { id => $_, name => "item $_" } } 1 .. 100 ]);
$service->reset;
$sessions[0]->send('SELECT count(*) FROM generate_series(1, 1) JOIN items ON true WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)))');
ok(poll_until(sub { $service->count('/data') >= 3 }, 30), 'many requests are under way');
is($sessions[1]->query('SELECT count(*) FROM fair_good'), '3', 'a single one');
cmp_ok($service->count('/data'), '<', 50, 'is answered long before they are through');
ok($sessions[0]->finish, 'and they');
is($sessions[0]->output, '100', 'are answered, too');

#
# Who leaves: waiting, and holding
#

server_with('one', max_in_flight => 1);
foreach my $end (qw(cancel terminate))
{
	my ($holder, $waiter, $next) = sessions(3);
	$service->reset;
	$holder->send('SELECT count(*) FROM one_hang');
	ok(reaches('one', 'in_flight, waiting', '1|0'), "$end: a slot is held");
	$waiter->send('SELECT count(*) FROM one_good');
	ok(reaches('one', 'in_flight, waiting', '1|1'), 'another session waits for it');
	$next->send('SELECT count(*) FROM one_good');
	ok(reaches('one', 'in_flight, waiting', '1|2'), 'and a third one');
	$admin->query("SELECT pg_${end}_backend(" . $waiter->pid . ')');
	ok($waiter->finish(10), 'who waits leaves at once');
	like($waiter->last_error, $end eq 'cancel' ? qr/57014/ : qr/57P01|closed the connection/, 'as told');
	ok(reaches('one', 'in_flight, waiting', '1|1'), 'and its place is gone');
	$admin->query("SELECT pg_${end}_backend(" . $holder->pid . ')');
	ok($holder->finish(10), 'who holds the slot leaves at once');
	ok($next->finish(10), 'the third session');
	is($next->output, '3', 'gets the slot');
	ok(reaches('one', 'in_flight, waiting', '0|0'), 'nothing is left');
}
{
	my ($holder, $waiter) = sessions(2);
	$holder->send('SELECT count(*) FROM one_hang');
	ok(reaches('one', 'in_flight', '1'), 'a slot is held');
	$waiter->send(q{SET statement_timeout = '200ms'; SELECT count(*) FROM one_good});
	ok($waiter->finish(10), 'statement_timeout ends waiting');
	like($waiter->last_error, qr/57014: canceling statement due to statement timeout/, 'as a timeout');
	$waiter->send(q{BEGIN; SET LOCAL statement_timeout = 0; SAVEPOINT s; SELECT count(*) FROM one_good});
	ok(reaches('one', 'waiting', '1'), 'a session waits inside a savepoint');
	$admin->query('SELECT pg_cancel_backend(' . $waiter->pid . ')');
	ok($waiter->finish(10), 'and is cancelled');
	$waiter->query('ROLLBACK');
	ok(reaches('one', 'in_flight, waiting', '1|0'), 'its place is gone');

	# psql goes without a word, in the middle of a request.
	$holder->close;
	$admin->query('SELECT pg_terminate_backend(' . $holder->pid . ')');
	ok(reaches('one', 'in_flight', '0'), 'the slot of a session that has gone is free');
}

# A session that waits, and whose executor is busy elsewhere, keeps its place and does not keep others waiting.
{
	my ($holder, $sleeper, $next) = sessions(3);
	$service->reset;
	$holder->send('SELECT count(*) FROM one_hang');
	ok(reaches('one', 'in_flight', '1'), 'a slot is held');
	$sleeper->send('SELECT id::text FROM three_good WHERE pg_sleep(600) IS NULL UNION ALL SELECT name FROM one_good');
	ok(poll_until(sub { $admin->query(q{SELECT wait_event FROM pg_stat_activity WHERE pid = } . $sleeper->pid) eq 'PgSleep' }, 30),
		'a session has asked for it, and sleeps');
	is(state_of('one', 'waiting'), '1', 'its request waits');
	$next->send('SELECT count(*) FROM one_good');
	ok(reaches('one', 'waiting', '2'), 'as does that of a session that came later');
	$admin->query('SELECT pg_cancel_backend(' . $holder->pid . ')');
	ok($next->finish(30), 'the later one');
	is($next->output, '3', 'gets the slot');
	is(state_of('one', 'in_flight, waiting'), '0|1', 'the other one still waits');
	$admin->query('SELECT pg_cancel_backend(' . $sleeper->pid . ')');
	ok($_->finish(10), 'and ends') foreach $holder, $sleeper;
	is(state_of('one', 'in_flight, waiting'), '0|0', 'with nothing left');
}

#
# Idle cursors keep no slot
#

{
	my ($idle, $other) = sessions(2);
	$service->reset;
	is($idle->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM one_trickle; FETCH 2 FROM c'), "1\n2", 'a cursor in the middle of its answer');
	is(state_of('one', 'in_flight'), '0', 'holds no slot');
	is($other->query('SELECT count(*) FROM one_good'), '3', 'another session is answered');
	is($idle->query('FETCH 2 FROM c'), "3\n4", 'the cursor goes on');
	is($idle->query('SELECT count(*) FROM one_good'), '3', 'beside another query of its own session');
	is($idle->query('MOVE 390 IN c; FETCH 10 FROM c; COMMIT'), join("\n", 395 .. 400), 'to its end');
	is(state_of('one', 'in_flight, waiting'), '0|0', 'nothing is held');

	# The same inside a function, which stands idle itself.
	$idle->send(q{DO $$ DECLARE c refcursor; r record; BEGIN
		OPEN c FOR SELECT id FROM one_body; FETCH c INTO r; PERFORM pg_sleep(600); END $$});
	ok(poll_until(sub { $service->count('/fault/hang-body') == 1 }, 30), 'a cursor of a function');
	is($other->query('SELECT count(*) FROM one_good'), '3', 'holds no slot while the function sleeps');
	$admin->query('SELECT pg_cancel_backend(' . $idle->pid . ')');
	$idle->finish(10);
	is(state_of('one', 'in_flight, waiting'), '0|0', 'nothing is held');
}

#
# rate_limit
#

server_with('ten', rate_limit => '10/s');
my @rated = @sessions[ 0 .. 4 ];
my $started = time;
$service->reset;
foreach my $round (1 .. 4)
{
	$_->send('SELECT count(*) FROM ten_good') foreach @rated;
	is(join(',', map { $_->finish ? $_->output : 'hangs' } @rated), '3,3,3,3,3', 'rate_limit: all are answered');
}
cmp_ok(time - $started, '>=', 1.85, '20 requests at 10/s are not made at once');
is($service->count, 20, 'each is made');
server_with('seldom', rate_limit => '1/h');
is($sessions[0]->query('SELECT count(*) FROM seldom_good'), '3', 'one request an hour');
$sessions[1]->send(q{SET statement_timeout = '300ms'; SELECT count(*) FROM seldom_good});
ok($sessions[1]->finish(10), 'who waits for the next one');
like($sessions[1]->last_error, qr/57014/, 'can be told to stop');
is($service->count, 21, 'and has not asked');
$sessions[1]->query('RESET statement_timeout');

#
# Retry-After
#

server_with('later', retries => 0);
create_table($node, 'later', 'later_busy', 'id int', path => '/fault/status/503?retry_after=2');
create_table($node, 'later', 'later_much', 'id int', path => '/fault/status/429?retry_after=3600');
$service->reset;
like($sessions[0]->error('SELECT * FROM later_busy'), qr/HTTP status 503/, 'a service asks to be left alone');
$started = time;
$sessions[1]->send('SELECT count(*) FROM later_good');
ok(!$sessions[1]->finish(0.5), 'another session waits');
is($service->count, 1, 'without asking it');
is(state_of('later', 'waiting, next_try > now()'), '1|t', 'as the view shows');
ok($sessions[1]->finish, 'and then');
is($sessions[1]->output, '3', 'is answered');
cmp_ok(time - $started, '>=', 1.4, 'after that time');
like($sessions[0]->error('SELECT * FROM later_much'), qr/HTTP status 429/, 'a service asks for an hour');
$service->reset;
like($sessions[1]->error('SELECT * FROM later_good'), qr/^ERROR:  08004: could not fetch foreign table "later_good" from server "later": the service does not want to be asked now\nDETAIL:  The service asked not to be asked again before 20.*\(Retry-After\).\nHINT:.*reset_breaker\('later'\)/,
	'which nobody waits for');
is($service->count, 0, 'no request is made');
is($admin->query(q{SELECT distquery.reset_breaker('later')}), 't', 'reset_breaker');
is($sessions[1]->query('SELECT count(*) FROM later_good'), '3', 'forgets it');

#
# kill -9
#

$sessions[0]->send('SELECT count(*) FROM one_hang');
ok(reaches('one', 'in_flight', '1'), 'a slot is held');
$sessions[1]->send('SELECT count(*) FROM one_good');
ok(reaches('one', 'waiting', '1'), 'and waited for');
kill 'KILL', $sessions[1]->pid;
ok($node->poll_query_until('postgres', q{SELECT in_flight = 0 AND waiting = 0 AND requests = 0 FROM distquery.services WHERE server = 'one'}),
	'after kill -9 of a session that waits the server comes back with nothing held');
is($node->safe_psql('postgres', 'SELECT count(*) FROM one_good'), '3', 'and works');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|signal 11/, 'no crash of another kind');
$node->stop;

#
# Not preloaded: to each session its own (but for PostgreSQL 17 and later), which is said once
#

$node = new_node('plain');
$admin = DistQuery::Session->new($node);
server_with('one', max_in_flight => 1);
my ($first, $second) = sessions(2);
my $is_shared = $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
$service->reset;
$_->send('SELECT (SELECT count(*) FROM one_slow), (SELECT count(*) FROM one_good)') foreach $first, $second;
is(join(',', map { $_->finish ? $_->output : 'hangs' } $first, $second), '3|3,3|3', 'not preloaded: answered');
is($first->query(q{SELECT scope, requests FROM distquery.services}), $is_shared ? 'server|4' : 'session|2', 'what a session knows');
$service->reset;
$first->send('SELECT count(*) FROM one_hang');
ok(poll_until(sub { $service->count('/fault/hang') == 1 }, 30), 'a slot is held');
$second->send('SELECT (SELECT count(*) FROM one_good), (SELECT count(*) FROM one_slow)');
is($second->finish($is_shared ? 1 : 30), $is_shared ? 0 : 1, 'another session does not wait where nothing is shared');
$admin->query('SELECT pg_cancel_backend(' . $first->pid . ')');
ok($_->finish, 'ends') foreach $first, $is_shared ? $second : ();
my $third = DistQuery::Session->new($node);
like($third->error('SELECT (SELECT count(*) FROM one_good), (SELECT count(*) FROM one_slow)'),
	$is_shared ? qr/^$/ :
	qr/^NOTICE:.* limits of server "one" hold for this session only\nDETAIL:.*\nHINT:  Add distquery to shared_preload_libraries/,
	$is_shared ? 'nothing is said where it is shared' : 'it is said');
is($third->error('SELECT (SELECT count(*) FROM one_good), (SELECT count(*) FROM one_slow)'), '', 'once');
$node->stop;
done_testing();
