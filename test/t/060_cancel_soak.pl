# Cancels at random moments: nothing is left behind, however often.
#
# DQ_CANCELS sets their number, DQ_SEED the moments.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(sleep time);

my $cancels = $ENV{DQ_CANCELS} // 100;
my $seed = $ENV{DQ_SEED} // 1;

$seed = int(rand(1_000_000)) if $seed eq 'random';
srand($seed);
note("seed $seed, $cancels cancels");

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', max_parallel_workers_per_gather => 0, jit => 'off', temp_buffers => '800kB');

create_server($node, 'api', $service->url, timeout => '30s', retry_backoff => '20ms', breaker_failures => 0, retry_budget => 10000);
my %tables = (
	slow => [ 'id int, name text', path => '/fault/good?_delay=400' ],
	slow_too => [ 'id int, name text', path => '/fault/good?_delay=250', prefetch => 'false' ],
	drip => [ 'id int, name text', path => '/fault/drip?ms=5' ],
	hang => [ 'id int, name text', path => '/fault/hang' ],
	fails => [ 'id int, name text', path => '/fault/status?status=503', retries => 8 ],
	large => [ 'id bigint, name text, amount numeric, created_at timestamptz', path => '/big?rows=60000' ],
	pages => [ 'id bigint, title text', path => '/data/plain/products?_envelope=items&_delay=15', rows => '/items', paging => 'page', page_size => 50 ],
	ahead => [ 'id bigint, title text', path => '/data/plain/products?_envelope=items&_delay=40', rows => '/items', paging => 'page', page_size => 25,
		total => '/total' ],
	one => [ q{id bigint OPTIONS (key 'true'), title text}, path => '/data/plain/products', lookup_path => '/data/plain/products/{id}?_delay=3' ],
);
create_table($node, 'api', $_, @{ $tables{$_} }) foreach sort keys %tables;

my @queries = (
	'SELECT * FROM slow', 'SELECT * FROM drip', 'SELECT count(*) FROM hang', 'SELECT * FROM fails', 'SELECT count(*), sum(amount) FROM large',
	'SELECT count(*) FROM pages', 'SELECT count(*) FROM ahead', 'SELECT * FROM slow JOIN drip USING (id) JOIN hang USING (id)',
	'SELECT count(*) FROM large JOIN slow USING (id)', 'SELECT * FROM slow UNION ALL SELECT * FROM slow_too UNION ALL SELECT * FROM drip',
	'SELECT count(*) FROM generate_series(1, 500) AS g(n), LATERAL (SELECT title FROM one WHERE id = n OFFSET 0) AS o',
	'SELECT * FROM large ORDER BY name DESC LIMIT 5', 'BEGIN; DECLARE c CURSOR FOR SELECT * FROM pages; FETCH 60 FROM c; FETCH ALL FROM c; COMMIT',
	'BEGIN; SAVEPOINT s; SELECT count(*) FROM ahead; ROLLBACK TO s; COMMIT',
	'CREATE TEMP TABLE filled AS SELECT * FROM large', q{SELECT distquery.materialize('large')},
	q{SELECT distquery.materialize_all(ARRAY['pages', 'ahead', 'slow']::regclass[])},
	q{DO $$ BEGIN PERFORM * FROM hang; EXCEPTION WHEN OTHERS THEN PERFORM * FROM slow; END $$},
);

my $session = DistQuery::Session->new($node);
my $killer = DistQuery::Session->new($node);
my $pid = $session->pid;
my $check = q{SELECT string_agg(name, ',' ORDER BY id) FROM slow_too};
my ($cancelled, $ended, $latest) = (0, 0, 0);
my %hung;

# Connections of the backend: its files are another matter, PostgreSQL keeps those open that it may need.
sub backend_sockets
{
	return scalar grep { (readlink($_) // '') =~ /^socket:/ } glob("/proc/$pid/fd/*");
}

# A query is cancelled after up to so many seconds, unless it has ended by then.
sub cancel_once
{
	my ($query, $most) = @_;
	$session->send($query);
	unless ($session->finish(rand($most)))
	{
		my $start = time;
		$killer->query("SELECT pg_cancel_backend($pid)");
		$hung{$query}++ unless $session->finish(20);
		my $taken = time - $start;
		note(sprintf('%.0f ms: %s', $taken * 1000, $query)) if $taken > 0.1;
		$latest = $taken if $taken > $latest;
	}
	$session->last_error =~ /57014/ ? $cancelled++ : $ended++;
	$session->query('ROLLBACK; DROP TABLE IF EXISTS filled, pg_temp.pages, pg_temp.ahead, pg_temp.slow, pg_temp.large');
	return;
}

# Whatever a backend keeps, it has after one round over all queries and those that end.
cancel_once($_, 0.5) foreach @queries, @queries;
$session->query('SELECT count(*), sum(amount) FROM large; SELECT count(*) FROM ahead');
is($session->query($check), 'one,two,three', 'the session works');
my ($sockets, $memory) = (backend_sockets(), backend_memory_kb($pid));

($cancelled, $ended) = (0, 0);
foreach my $round (1 .. $cancels)
{
	cancel_once($queries[ int(rand(@queries)) ], 0.5);
	note("after $round: " . backend_memory_kb($pid) . ' kB, ' . backend_sockets() . ' sockets') if $round % 50 == 0;
}

is($session->query($check), 'one,two,three', 'it still works');
is($session->pid, $session->query('SELECT pg_backend_pid()'), 'in the same backend');
is_deeply(\%hung, {}, 'no cancel hung');
cmp_ok($cancelled, '>', $cancels / 2, "cancelled: $cancelled, ended before: $ended, slowest cancel: " . int($latest * 1000) . ' ms');

# Connections that are idle are kept, one for each request that may be under way at once (max_in_flight).
my ($after, $grown) = (backend_sockets(), backend_memory_kb($pid) - $memory);
cmp_ok($after, '<=', $sockets + 16, "sockets: $sockets before, $after after");
# The allocator keeps some megabytes that a large answer took; what matters is that a thousand cancels need no more than a hundred.
cmp_ok($grown, '<', 16384, "memory: $memory kB before, $grown kB more after");
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 20), 'the service is left alone') or diag(explain($service->stats));
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir()}), '0', 'no temporary file is left');

$session->close;
$killer->close;
$node->stop;
done_testing();
