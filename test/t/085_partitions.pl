# Appends of services: all asked at once, who answers first is read first, nobody is asked for nothing or twice.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off', max_parallel_workers_per_gather => 0, 'distquery.lookup_join' => 'off');
my @regions = qw(eu us asia africa);
my $slow = '_delay=150';

create_server($node, 'api', $service->url, retries => 0);
$node->safe_psql('postgres', 'CREATE TABLE sales (id int, region text) PARTITION BY LIST (region)');
foreach my $region (@regions)
{
	$service->put($region, [ map { { id => $_, region => $region } } 1 .. 10 ]);
	create_table($node, 'api', "sales_$region", 'id int, region text', path => "/data/plain/$region?$slow");
	$node->safe_psql('postgres', "ALTER TABLE sales ATTACH PARTITION sales_$region FOR VALUES IN ('$region')");
}
create_table($node, 'api', 'hanging', 'id int, region text', path => '/fault/hang');
create_table($node, 'api', 'broken', 'id int, region text', path => '/fault/status/400');
create_table($node, 'api', 'fast', 'id int, region text', path => '/data/plain/eu');
create_table($node, 'api', 'paged', 'id int, region text', path => '/data/plain/us?_delay=10', paging => 'offset', page_size => 1);
create_table($node, 'api', 'late', 'id int, region text', path => "/data/plain/us?$slow");
$node->safe_psql('postgres', "CREATE TABLE local AS SELECT n AS id, 'here' AS region FROM generate_series(1, 20000) n;
	CREATE TABLE wanted (region text); INSERT INTO wanted VALUES ('us'), ('asia'), ('us'); ANALYZE local; ANALYZE wanted");

my $session = DistQuery::Session->new($node);

sub asks
{
	my ($name, $sql, $answer, $requests, $at_once) = @_;
	$service->reset;
	is($session->query($sql), $answer, "$name: answer") or diag($session->last_error);
	is($service->count, $requests, "$name: requests");
	is($service->stats->{max_in_flight}, $at_once, "$name: at once") if defined $at_once;
	return;
}

#
# At once, whether the Append knows how to wait for many or not
#

foreach my $async ('on', 'off')
{
	$session->query("SET enable_async_append = $async");
	asks("partitions, async $async", 'SELECT count(*) FROM sales', '40', 4, 4);
	asks("sorted, async $async", 'SELECT count(*) FROM (SELECT id FROM sales ORDER BY id LIMIT 50) s', '40', 4, 4);
	asks("UNION ALL, async $async", 'SELECT count(*) FROM (SELECT id FROM sales_eu UNION ALL SELECT id FROM sales_us UNION ALL SELECT id FROM local) u',
		'20020', 2, 2);
	asks("joined with itself, async $async", 'SELECT count(*) FROM sales a JOIN sales b USING (id, region)', '40', 4, 4);
	asks("UNION, async $async", 'SELECT count(*) FROM (SELECT id FROM sales_eu UNION SELECT id FROM sales_us) u', '10', 2, 2);
	asks("rescans, async $async", 'SELECT sum(n) FROM generate_series(1, 3) g, LATERAL (SELECT count(*) AS n FROM sales WHERE id > g OFFSET 0) s',
		96, 4, 4);
	asks("every second partition, async $async", q{SELECT count(*) FROM sales WHERE region IN ('eu', 'asia')}, '20', 2, 2);
	asks("EXISTS, async $async", 'SELECT count(*) FROM local WHERE id <= 5 AND EXISTS (SELECT FROM sales WHERE sales.id = local.id)', '5', 4, 4);
}
asks('parameters of local conditions, set while a question is on the wire',
	'SELECT sum(n) FROM generate_series(1, 3) g, LATERAL (SELECT count(*) AS n FROM (TABLE fast UNION ALL TABLE late) u WHERE id > g OFFSET 0) s',
	48, 2);
$session->query('RESET enable_async_append');
like($session->query('EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM sales'),
	qr/(?:Async Foreign Scan on sales_\w+ sales_\d \(actual rows=10(?:\.00)? loops=1\).*){4}/s, 'rows are counted where they come from');

#
# Who answers first
#

asks('a service that never answers comes first', 'SELECT count(*) FROM (SELECT id FROM hanging UNION ALL SELECT id FROM fast LIMIT 10) u', '10', 2);
$session->query("BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT region FROM hanging UNION ALL SELECT region FROM late UNION ALL SELECT region FROM fast");
is($session->query('FETCH 1 FROM c'), 'eu', 'the fast one');
is($session->query('MOVE 9 FROM c'), '', 'all of it');
is($session->query('FETCH 1 FROM c'), 'us', 'then the late one');
$session->query('ROLLBACK');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'the one that hangs is off the wire');
asks('pages and waiting', 'SELECT count(*), count(DISTINCT region) FROM (TABLE paged UNION ALL TABLE late UNION ALL TABLE fast) u', '30|2', 13);
asks('local rows do not wait', 'SELECT count(*) FROM (SELECT id FROM hanging UNION ALL SELECT id FROM local LIMIT 20000) u', '20000', 1);
ok(poll_until(sub { $service->count == 1 }, 10), 'but the service was asked meanwhile');

# A failure ends the query, unless there is enough without.
asks('enough without the one that fails', 'SELECT count(*) FROM (SELECT id FROM broken UNION ALL SELECT id FROM fast LIMIT 10) u', '10', 2);
is($session->last_error, '', 'no error');
like($session->error('SELECT count(*) FROM (SELECT id FROM broken UNION ALL SELECT id FROM fast LIMIT 11) u'), qr/HTTP status 400/, 'not enough');
like($session->error('SELECT id FROM hanging UNION ALL SELECT id FROM broken'), qr/HTTP status 400/, 'a failure does not wait for others');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'the others are taken off the wire');
like($session->error('SELECT id FROM broken UNION ALL SELECT id FROM broken LIMIT 5'), qr/HTTP status 400/, 'all fail');

# One that may be missing is, with a warning.
$session->create_table('api', 'optional', 'id int, region text', path => '/fault/status/503', on_error => 'empty');
foreach my $limit ('', 'LIMIT 11')
{
	like($session->error("SELECT id FROM optional UNION ALL SELECT id FROM fast $limit"), qr/^WARNING:.*optional/s, "on_error empty $limit: warns");
	is(scalar(split /\n/, $session->output), 10, 'has the rows of the others');
}
is($session->error('SELECT id FROM optional UNION ALL SELECT id FROM fast LIMIT 10'), '', 'no word where nothing was missing');

# While it waits it can be cancelled.
$service->reset;
$session->send('SELECT id FROM hanging UNION ALL SELECT id FROM fast');
ok(poll_until(sub { $service->count == 2 }, 10), 'waits');
$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
ok($session->finish(10), 'cancelled');
like($session->last_error, qr/57014/, 'at once');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'nothing is left');

#
# Pruned partitions are not asked
#

my $by_subquery = q{SELECT count(*) FROM sales WHERE region = (SELECT min(region) FROM wanted)};
my $by_two = q{SELECT count(*) FROM sales WHERE region IN ((SELECT min(region) FROM wanted), (SELECT max(region) FROM wanted))};
my $by_join = q{SELECT count(*) FROM wanted w, LATERAL (SELECT * FROM sales s WHERE s.region = w.region OFFSET 0) s};
my $sorted = q{SELECT count(*) FROM (SELECT * FROM sales WHERE region = (SELECT min(region) FROM wanted) ORDER BY id OFFSET 0) s};
foreach my $async ('on', 'off')
{
	$session->query("SET enable_async_append = $async");
	asks("constant, async $async", q{SELECT count(*) FROM sales WHERE region = 'us'}, '10', 1);
	asks("subquery, async $async", $by_subquery, '10', 1);
	asks("two subqueries, async $async", $by_two, '20', 2, $async eq 'on' ? 2 : 1);
	asks("join, async $async", $by_join, '30', 2);
	asks("sorted, async $async", $sorted, '10', 1);
	asks("none left, async $async", q{SELECT count(*) FROM sales WHERE region = (SELECT max(region) || '!' FROM wanted)}, '0', 0);
	$session->query("SET plan_cache_mode = force_generic_plan; PREPARE p_$async(text) AS SELECT count(*) FROM sales WHERE region = \$1");
	asks("parameter, async $async", "EXECUTE p_$async('asia')", '10', 1);
	asks("another, async $async", "EXECUTE p_$async('nowhere')", '0', 0);
	$session->query('RESET plan_cache_mode');
}
$session->query('RESET enable_async_append');
like($session->query("EXPLAIN (ANALYZE, COSTS OFF) $by_subquery"), qr/never executed/, 'they are there, but not executed');
asks('a join without pruning', 'SELECT count(*) FROM wanted JOIN sales USING (region)', '30', 4, 4);

#
# Parallel query
#

my $forced = $node->safe_psql('postgres', 'SHOW server_version_num') >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';
$session->query("SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
	SET min_parallel_table_scan_size = 0");
foreach my $mode ('off', 'on')
{
	$session->query("SET $forced = $mode");
	my $join = 'SELECT count(*) FROM local JOIN sales USING (id)';
	like($session->query("EXPLAIN (COSTS OFF) $join"), qr/Gather/, "$mode: a parallel plan");
	asks("$mode: join with a parallel scan", $join, '40', 4, 4);
	asks("$mode: UNION ALL with a parallel scan", 'SELECT count(*) FROM (SELECT id FROM local UNION ALL SELECT id FROM sales) u', '20040', 4, 4);
	asks("$mode: one service", 'SELECT count(*) FROM fast', '10', 1);
	asks("$mode: a subquery of a parallel scan", 'SELECT count(*) FROM local WHERE id = ANY (ARRAY(SELECT id FROM fast))', '10', 1);
	asks("$mode: a function", 'SELECT count(*) FROM local WHERE id IN (SELECT id FROM fast) AND id % 2 = 0', '5', 1);
}

ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'nothing is on the wire at the end');
$session->close;
$node->stop;
done_testing();
