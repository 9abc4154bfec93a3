# Cancel, timeout, termination and shutdown in every stage of a request: at once, and nothing stays behind.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Socket;
use Test::More;
use Time::HiRes qw(time);

# Seconds that everything here has to end in; it takes milliseconds, but machines can be busy.
my $bound = 5;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off', max_parallel_workers_per_gather => 0);

# A port that takes no connection: the backlog is full, further SYNs are not answered.
socket(my $full, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($full, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
listen($full, 0) or die "listen: $!";
my ($full_port) = sockaddr_in(getsockname($full));
my @fill = map {
	socket(my $socket, PF_INET, SOCK_STREAM | Socket::SOCK_NONBLOCK, 0) or die "socket: $!";
	connect($socket, sockaddr_in($full_port, INADDR_LOOPBACK));
	$socket;
} 1 .. 3;

my %patient = (timeout => '10min', connect_timeout => '10min', max_response => 0);
create_server($node, 'api', $service->url, %patient);
create_server($node, 'deaf', "http://127.0.0.1:$full_port", %patient);
create_server($node, 'single', $service->url, %patient, max_in_flight => 1);
create_server($node, 'busy', $service->url, %patient, breaker_failures => 0);
foreach my $table (
	[ qw(api good /fault/good) ],
	[ qw(deaf connecting /) ],
	[ qw(api hanging /fault/hang) ],
	[ qw(api head /fault/drip-headers?ms=500) ],
	[ qw(api body /fault/hang-body) ],
	[ qw(api rows /fault/hang-body?rows=300) ],
	[ qw(api endless /fault/endless-rows) ],
	[ qw(api big /big?rows=200000) ],
	[ qw(busy refused /fault/status/503?retry_after=50) ],
	[ qw(api broken /fault/status/400) ],
	[ qw(single slot /fault/hang?1) ],
	[ qw(single other_slot /fault/hang?2) ])
{
	my ($server, $name, $path) = @$table;
	create_table($node, $server, $name, 'id int, name text', path => $path);
}

my $folder = $node->data_dir . '/base/pgsql_tmp';
sub temporary_files { return scalar(my @files = glob "$folder/*"); }

# Connections that are being made to the full port (Linux: state 02 is SYN_SENT).
sub connecting
{
	my $remote = sprintf '0100007F:%04X 02 ', $full_port;
	open(my $file, '<', '/proc/net/tcp') or die "could not open /proc/net/tcp: $!";
	return scalar grep { /^\s*\d+: \S+ $remote/ } <$file>;
}

my $own_connecting = connecting();
my $admin = DistQuery::Session->new($node);

# The service answers nobody else while it sends rows without end.
sub reads_endless
{
	return $admin->query(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ '^SELECT.* FROM endless'
		AND query_start < clock_timestamp() - interval '50 ms'});
}

# Stages: a query, how to see that it has got there, and what it says under statement_timeout where that is no timeout.
my @stages = (
	[ 'connecting', 'SELECT count(*) FROM connecting', sub { connecting() > $own_connecting } ],
	[ 'waiting for the first byte', 'SELECT count(*) FROM hanging', sub { $service->stats->{in_flight} == 1 } ],
	[ 'ANALYZE', 'ANALYZE hanging', sub { $service->stats->{in_flight} == 1 } ],
	[ 'in the head', 'SELECT count(*) FROM head', sub { $service->stats->{in_flight} == 1 } ],
	[ 'in the body', 'SELECT count(*) FROM body', sub { $service->stats->{in_flight} == 1 } ],
	[ 'under a sort', 'SELECT * FROM rows ORDER BY name', sub { $service->stats->{in_flight} == 1 } ],
	[ 'in rows without end', 'SELECT count(*) FROM endless', \&reads_endless ],
	[ 'in a back-off', q{SELECT distquery.reset_breaker('busy'); SELECT count(*) FROM refused},
		sub { $service->count == 1 && $service->stats->{in_flight} == 0 },
		qr/^ERROR:  HV000: .* HTTP status 503\nDETAIL:.* Not tried again: no answer could come/ ],
	[ 'waiting for a slot', 'SELECT (SELECT count(*) FROM slot), (SELECT count(*) FROM other_slot)',
		sub { $service->stats->{in_flight} == 1 } ],
	[ 'spilling', q{SET work_mem = '64kB'; SET enable_async_append = off; SELECT id FROM body UNION ALL SELECT id FROM big},
		sub { temporary_files() > 0 } ],
	[ 'in materialize', q{SELECT distquery.materialize('rows', on_commit => 'preserve')},
		sub { $service->stats->{in_flight} == 1 } ],
	[ 'in materialize_all', q{SELECT * FROM distquery.materialize_all('{rows,body}', on_commit => 'preserve')},
		sub { $service->stats->{in_flight} == 2 } ],
	[ 'in a join', 'SELECT count(*) FROM hanging JOIN body USING (id) JOIN good USING (id)',
		sub { $service->stats->{in_flight} == 2 } ]);

my $session = DistQuery::Session->new($node);

# What every session can still do.
sub is_well
{
	my ($name, $descriptors) = @_;
	is($session->query('SELECT count(*) FROM good'), '3', "$name: the session goes on");
	ok(poll_until(sub { $service->stats->{in_flight} == 0 }, $bound), "$name: nothing is on the wire");
	is(connecting(), $own_connecting, "$name: nor on its way");
	cmp_ok($session->descriptors, '<=', $descriptors, "$name: no descriptor is left");
	is(temporary_files(), 0, "$name: no temporary file is left");
	return;
}

sub quiet { return poll_until(sub { $service->stats->{in_flight} == 0 }, $bound); }

$session->query('SELECT count(*) FROM good') foreach 1 .. 2;
my $descriptors = $session->descriptors;

foreach my $stage (@stages)
{
	my ($name, $sql, $is_there, $timeout_error) = @$stage;

	# pg_cancel_backend
	quiet();
	$service->reset;
	$session->send($sql);
	ok(poll_until($is_there, 30), "$name: got there");
	$admin->query('SELECT pg_cancel_backend(' . $session->pid . ')');
	ok($session->finish($bound), "$name: cancel does not hang") or die 'a session hangs';
	like($session->last_error, qr/^ERROR:  57014: canceling statement due to user request/m, "$name: cancel is told");
	is_well("$name, cancel", $descriptors);

	# statement_timeout
	$session->send("SET statement_timeout = '100ms'; $sql");
	ok($session->finish($bound), "$name: statement_timeout does not hang") or die 'a session hangs';
	like($session->last_error, $timeout_error // qr/^ERROR:  57014: canceling statement due to statement timeout/m,
		"$name: statement_timeout is told");
	$session->query('RESET statement_timeout; RESET work_mem');
	is_well("$name, timeout", $descriptors);

	# pg_terminate_backend
	my $victim = DistQuery::Session->new($node);
	quiet();
	$service->reset;
	$victim->send($sql);
	ok(poll_until($is_there, 30), "$name: got there again");
	$admin->query('SELECT pg_terminate_backend(' . $victim->pid . ')');
	ok($victim->finish($bound), "$name: termination does not hang") or die 'a session hangs';
	like($victim->last_error, qr/57P01|server closed the connection/, "$name: termination is told");
	ok(poll_until(sub { !-e '/proc/' . $victim->pid }, $bound), "$name: the backend ends");
	is_well("$name, termination", $descriptors);
}
is($session->query(q{SELECT count(*) FROM pg_class WHERE relpersistence = 't'}), '0', 'materialize leaves no table');

#
# Ends in the middle that are no errors
#

sub releases
{
	my ($name, $begin, $end) = @_;
	quiet();
	$service->reset;
	$session->query($begin);
	is($session->last_error, '', "$name: begins");
	ok(poll_until(sub { $service->stats->{in_flight} == 1 }, 30), "$name: a transfer is under way");
	$session->query($end);
	ok(poll_until(sub { $service->stats->{in_flight} == 0 }, $bound), "$name: and is released");
	is($service->count, 1, "$name: one request");
	$session->query('ROLLBACK');
	is_well($name, $descriptors);
	return;
}

my $open = 'BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT id FROM rows; FETCH 2 FROM c';
releases('CLOSE', $open, 'CLOSE c');
releases('ROLLBACK TO SAVEPOINT', $open, 'ROLLBACK TO s');
releases('ROLLBACK', $open, 'ROLLBACK');
releases('COMMIT', $open, 'COMMIT');
releases('an error in the transaction', $open, 'SELECT 1/0');
releases('a failing subtransaction', 'BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT id FROM rows; FETCH 1 FROM c',
	'SELECT 1/0; ROLLBACK TO s; RELEASE s');
releases('DISCARD ALL', 'SELECT 1; BEGIN; DECLARE c CURSOR FOR SELECT id FROM rows; FETCH 1 FROM c', 'ABORT; DISCARD ALL');

# In the middle of a loop in PL/pgSQL, caught and not caught.
quiet();
$service->reset;
like($session->error('DO $$ DECLARE r record; BEGIN FOR r IN SELECT id FROM rows LOOP
	IF r.id = 7 THEN RAISE EXCEPTION \'enough\'; END IF; END LOOP; END $$'), qr/P0001: enough/, 'an error in a cursor loop');
is_well('an error in a cursor loop', $descriptors);
like($session->error('DO $$ DECLARE r record; n int := 0; BEGIN
	FOR i IN 1 .. 20 LOOP
		BEGIN
			FOR r IN SELECT id FROM rows LOOP PERFORM 1 / (r.id - 7); END LOOP;
		EXCEPTION WHEN division_by_zero THEN n := n + 1; END;
		BEGIN
			PERFORM count(*) FROM broken;
		EXCEPTION WHEN fdw_error THEN n := n + 1; END;
	END LOOP;
	RAISE NOTICE \'caught %\', n; END $$'), qr/caught 40/, 'exception blocks');
is_well('exception blocks', $descriptors);
is($session->query('BEGIN; SELECT count(*) FROM good; SAVEPOINT s; SELECT count(*) FROM broken; ROLLBACK TO s;
	SELECT count(*) FROM good; COMMIT'), "3\n3", 'a transaction goes on after a failure');

# A cursor that is idle in the middle of its transfer does not time out, and does not spin.
create_table($node, 'api', 'short', 'id int', path => '/fault/slow-body?rows=12&ms=50', timeout => '2s');
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM short; FETCH 1 FROM c');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 30), 'the service has sent everything');
is($session->query('FETCH ALL FROM c; COMMIT'), join("\n", 2 .. 12), 'an idle cursor goes on');

#
# Statement timeouts at many moments: nothing adds up
#

my @queries = map { $_->[1] } @stages;
$session->query("SET statement_timeout = '${_}ms'; SELECT count(*) FROM good; $queries[$_ % @queries]") foreach 1 .. 24;
$session->query('RESET ALL');
my $before = backend_memory_kb($session->pid);
$session->query("SET statement_timeout = '${_}ms'; SELECT count(*) FROM good; $queries[$_ % @queries]") foreach 1 .. 60;
$session->query('RESET ALL');
is_well('many timeouts', $descriptors);
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 8 * 1024, 'many timeouts: memory stays');

#
# Shutdown with a session in every stage
#

quiet();
$service->reset;
my @sessions;
foreach my $stage (@stages)
{
	next if $stage->[0] eq 'in rows without end';    # would starve the others
	push @sessions, DistQuery::Session->new($node);
	$sessions[-1]->send($stage->[1]);
}
ok(poll_until(sub { $service->stats->{in_flight} >= 9 && connecting() > $own_connecting }, 60), 'sessions in every stage');
my $started = time;
$node->stop('fast');
cmp_ok(time - $started, '<', 4 * $bound, 'fast shutdown does not hang');
ok($_->finish($bound), 'a session has ended') foreach @sessions;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, $bound), 'nothing is on the wire');

done_testing();
