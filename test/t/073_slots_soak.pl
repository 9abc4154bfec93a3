# Sessions that are cancelled and terminated at random moments, in queues, on the wire, in cursors: nothing stays held.
# DQ_SLOTS_SECONDS (5), DQ_SLOTS_SEED.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{DQ_SLOTS_SECONDS} // 5;
my $seed = $ENV{DQ_SLOTS_SEED} // 1;
srand($seed);
note("seed $seed");

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => 'distquery', max_connections => 60);
my $admin = DistQuery::Session->new($node);

create_server($node, 'narrow', $service->url, max_in_flight => 2, retry_backoff => '5ms', retry_budget => 10000, breaker_failures => 0);
create_server($node, 'fragile', $service->url, max_in_flight => 2, retries => 0, breaker_failures => 2, breaker_cooldown => '20ms');
create_server($node, 'rated', $service->url, rate_limit => '50/s');
my %tables = (
	slow => [ 'narrow', '/fault/good?_delay=15' ], good => [ 'narrow', '/fault/good' ], hang => [ 'narrow', '/fault/hang' ],
	rows => [ 'narrow', '/fault/slow-body?rows=40&ms=2' ], flaky => [ 'narrow', '/fault/status/503' ], down => [ 'fragile', '/fault/status/503?_delay=5' ],
	up => [ 'fragile', '/fault/good?_delay=5' ], stuck => [ 'fragile', '/fault/hang' ], rated => [ 'rated', '/fault/good' ]);
create_table($node, $tables{$_}[0], $_, 'id int, name text', path => $tables{$_}[1]) foreach sort keys %tables;
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE hang OPTIONS (ADD timeout '30ms'); ALTER FOREIGN TABLE stuck OPTIONS (ADD timeout '30ms')});

my @queries = (
	'SELECT count(*) FROM slow', 'SELECT count(*) FROM slow, good, rows', 'SELECT count(*) FROM hang', 'SELECT count(*) FROM flaky',
	'SELECT (SELECT count(*) FROM up), (SELECT count(*) FROM good)', 'SELECT count(*) FROM down', 'SELECT count(*) FROM stuck', 'SELECT count(*) FROM rated, rated r',
	'BEGIN; DECLARE c CURSOR FOR SELECT * FROM rows; FETCH 3 FROM c; SELECT count(*) FROM good; FETCH 3 FROM c; COMMIT',
	'BEGIN; SAVEPOINT s; SELECT count(*) FROM hang; ROLLBACK TO s; SELECT count(*) FROM good; COMMIT',
	q{DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM rows LOOP PERFORM count(*) FROM good; END LOOP; END $$},
	q{SELECT distquery.materialize('slow', on_commit => 'drop')}, q{SELECT distquery.reset_breaker('fragile')});

sub state { return $admin->query("SELECT string_agg(in_flight || '/' || waiting, ' ' ORDER BY server) FROM distquery.services"); }

my @sessions = map { DistQuery::Session->new($node) } 1 .. 12;
my ($cancelled, $terminated, $ended) = (0, 0, 0);
my $until = time + $seconds;
while (time < $until)
{
	foreach my $i (0 .. $#sessions)
	{
		my $session = $sessions[$i];
		if ($session->{is_busy})
		{
			my $chance = rand;
			next unless $session->finish(0) or $chance < 0.1;
			if (not $session->{is_busy}) { $ended++; }
			elsif ($chance < 0.02) { $admin->query('SELECT pg_terminate_backend(' . $session->pid . ')'); $terminated++; next; }
			else { $admin->query('SELECT pg_cancel_backend(' . $session->pid . ')'); $cancelled++; next; }
		}
		$sessions[$i] = $session = DistQuery::Session->new($node) unless $session->is_alive;
		$session->query('ROLLBACK') if $session->is_alive;
		$sessions[$i] = $session = DistQuery::Session->new($node) unless $session->is_alive;
		$session->send($queries[ rand @queries ]);
	}
	sleep(0.002);
}
note("$ended statements ended, $cancelled cancelled, $terminated terminated");
cmp_ok($ended, '>', 20, 'statements end');
cmp_ok($cancelled + $terminated, '>', 20, 'others are broken off');
is(scalar(grep { !$_->finish(60) } @sessions), 0, 'no session hangs');
ok(poll_until(sub { state() eq '0/0 0/0 0/0' }, 30), 'nothing waits, nothing is held') or diag(state());
$_->close foreach @sessions;
is($admin->query('SELECT distquery.reset_breaker($$fragile$$)'), 't', 'the breaker is closed');
is($admin->query('SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM up), (SELECT count(*) FROM rated)'), '3|3|3', 'all services are asked');
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
$node->stop;
done_testing();
