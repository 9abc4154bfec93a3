# What a statement asks: everything at once, everything once, nothing without need.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $other = DistQuery::Test::Service->new;
# Joins by keys have tests of their own.
my $node = new_node('main', jit => 'off', max_parallel_workers_per_gather => 0, 'distquery.lookup_join' => 'off');
my @tables = qw(a b c d e);

# Each answer takes long enough that requests that are not waiting for each other are on the wire together.
my $slow = '_delay=150';

create_server($node, 'api', $service->url, retry_backoff => '5ms');
create_server($node, 'narrow', $service->url, max_in_flight => 2);
create_server($node, 'single', $service->url, max_in_flight => 1);
create_server($node, 'other', $other->url);
foreach my $table (@tables)
{
	my $rows = [ map { { id => $_, name => "$table $_" } } 1 .. 4 ];
	$service->put($table, $rows);
	$other->put($table, $rows);
	create_table($node, 'api', $table, q{id int OPTIONS (filter '='), name text}, path => "/data/plain/$table?$slow");
	create_table($node, 'narrow', "narrow_$table", 'id int, name text', path => "/data/plain/$table?$slow");
	create_table($node, 'other', "other_$table", 'id int, name text', path => "/data/plain/$table?$slow");
}
create_table($node, 'api', 'a_again', 'id int, title text OPTIONS (json \'/name\')', path => "/data/plain/a?$slow");
create_table($node, 'api', 'broken', 'id int', path => '/fault/status/400');
create_table($node, 'api', 'one', q{id int OPTIONS (key 'true'), name text}, path => '/data/plain/a',
	lookup_path => '/data/plain/a/{id}');
$node->safe_psql('postgres', 'CREATE TABLE local (id int); INSERT INTO local VALUES (1), (2), (1), (2), (1)');

my $session = DistQuery::Session->new($node);

# A statement, its answer, how many requests it makes, and how many of them are on the wire together.
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
# All at once
#

my $join = 'SELECT count(*) FROM a JOIN b USING (id) JOIN c USING (id) JOIN d USING (id) JOIN e USING (id)';
my $union = 'SELECT count(*) FROM (' . join(' UNION ALL ', map { "SELECT id FROM $_" } @tables) . ') u';
asks('join', $join, '4', 5, 5);
asks('UNION ALL', $union, '20', 5, 5);
asks('UNION ALL with LIMIT', "SELECT count(*) FROM (SELECT id FROM a UNION ALL SELECT id FROM b LIMIT 8) u", '8', 2, 2);
asks('scalar subqueries', 'SELECT ' . join(' + ', map { "(SELECT count(*) FROM $_)" } @tables), '20', 5, 5);
asks('IN, NOT IN, EXISTS',
	'SELECT count(*) FROM a WHERE id IN (SELECT id FROM b) AND id NOT IN (SELECT id + 9 FROM c)
	 AND EXISTS (SELECT FROM d WHERE d.id = a.id) AND NOT EXISTS (SELECT FROM e WHERE e.name = a.name)', '4', 5, 5);
asks('CTEs', 'WITH x AS MATERIALIZED (SELECT * FROM a), y AS MATERIALIZED (SELECT * FROM b), z AS (SELECT * FROM c)
	 SELECT count(*) FROM x JOIN y USING (id) JOIN z USING (id) JOIN d USING (id)', '4', 4, 4);
asks('LEFT and FULL JOIN', 'SELECT count(*) FROM a LEFT JOIN b USING (id) FULL JOIN c USING (id)', '4', 3, 3);
asks('aggregates and sorts', 'SELECT count(*) FROM (SELECT id FROM a ORDER BY name) x JOIN
	 (SELECT id, max(name) FROM b GROUP BY id) y USING (id)', '4', 2, 2);
asks('conditions of one table', 'SELECT count(*) FROM (SELECT * FROM a WHERE id = 1 UNION ALL SELECT * FROM a WHERE id = 2
	 UNION ALL SELECT * FROM a WHERE id = 3) u', '3', 3, 3);
asks('INSERT ... SELECT', 'WITH w AS (INSERT INTO local SELECT a.id + 1000 FROM a JOIN b USING (id) RETURNING id)
	 SELECT count(*) FROM w', '4', 2, 2);
$session->query('DELETE FROM local WHERE id > 1000');

$session->query("PREPARE q(int) AS SELECT count(*) FROM a JOIN b USING (id) WHERE a.id = \$1 OR \$1 IS NULL");
asks("prepared statement, execution $_", 'EXECUTE q(NULL)', '4', 2, 2) foreach 1 .. 7;

$other->reset;
asks('two services', 'SELECT count(*) FROM a JOIN other_a USING (id) JOIN b USING (id) JOIN other_b USING (id)', '4', 2, 2);
is($other->stats->{max_in_flight}, 2, 'two services: the other one');

# Keys are known to be unique, so that the planner does not expect billions of rows, and compile for them.
$session->create_table('api', "keyed_$_", q{id int OPTIONS (key 'true')}, path => "/data/plain/$_") foreach @tables;
my $keyed = $join =~ s/\b([a-e])\b/keyed_$1/gr;
$session->query('SET jit = on');
unlike($session->query("EXPLAIN $keyed"), qr/JIT/, 'a join of five services by their keys is no work for JIT');
$session->query('SET jit = off');

#
# Once
#

asks('self join', 'SELECT count(*) FROM a x JOIN a y USING (id)', '4', 1, 1);
asks('self join of three', 'SELECT count(*) FROM a x, a y, a z', '64', 1, 1);
asks('two tables of one URL', 'SELECT count(*) FROM a JOIN a_again ON name = title', '4', 1, 1);
asks('two statements', 'BEGIN; SELECT count(*) FROM a; SELECT count(*) FROM a; COMMIT', "4\n4", 2, 1);

$session->query('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off');
like($session->query('EXPLAIN (COSTS OFF) SELECT count(*) FROM a, b WHERE a.id < b.id'), qr/Nested Loop/, 'rescans');
asks('rescans', 'SELECT count(*) FROM a, b WHERE a.id < b.id', '6', 2, 2);
asks('rescans of many rows', "SELECT count(*) FROM generate_series(1, 300) g, a WHERE a.id < g", 4 * 300 - 10, 1);
$session->query('SET enable_hashjoin = on; SET enable_mergejoin = on; SET enable_material = on');

asks('correlated subquery', 'SELECT sum((SELECT count(*) FROM b WHERE b.name <> a.name)) FROM a', '16', 2, 2);
asks('recursion', 'WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT r.n + 1 FROM r JOIN a ON a.id + 0 = r.n) SELECT max(n) FROM r',
	'5', 1, 1);
asks('lookups of the same key', 'SELECT count(*) FROM local, LATERAL (SELECT * FROM one WHERE one.id = local.id OFFSET 0) x', '5', 2);

#
# Nothing without need
#

foreach my $explain ('EXPLAIN', 'EXPLAIN (VERBOSE)', 'EXPLAIN (VERBOSE, FORMAT JSON)')
{
	$service->reset;
	like($session->query("$explain $join"), qr{GET http://.*/data/plain/e}, "$explain: shows requests");
	is($service->count, 0, "$explain: makes none");
}
asks('PREPARE', 'PREPARE p AS SELECT * FROM a', '', 0);
asks('LIMIT 0', 'SELECT * FROM a LIMIT 0', '', 0);
asks('a condition that is never true', 'SELECT count(*) FROM a WHERE id = NULL', '0', 0);
$service->reset;
like($session->query("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $join"), qr/Requests: 1/, 'EXPLAIN ANALYZE');
is($service->count, 5, 'asks');

# Without prefetch, one after the other.
$session->query('SET distquery.prefetch = off');
asks('prefetch off, join', $join, '4', 5, 1);
asks('prefetch off, UNION ALL', $union, '20', 5, 1);
$session->query('RESET distquery.prefetch');
alter_options($node, 'FOREIGN TABLE b', ADD => { prefetch => 'false' });
alter_options($node, 'FOREIGN TABLE c', ADD => { prefetch => 'false' });
asks('prefetch off for two of five', $union, '20', 5, 4);
$session->query('SET enable_async_append = off');
asks('prefetch off for two of five, in order', $union, '20', 5, 3);
$session->query('RESET enable_async_append');
alter_options($node, 'FOREIGN TABLE b', DROP => { prefetch => 1 });
alter_options($node, 'FOREIGN TABLE c', DROP => { prefetch => 1 });

# What is asked but never read may fail.
my $unread = 'SELECT count(*) FROM (SELECT id FROM a UNION ALL SELECT id FROM broken LIMIT 4) u';
asks('a failure that nobody reads', $unread, '4', 2);
is($session->last_error, '', 'is not raised');
like($session->error('SELECT id FROM a UNION ALL SELECT id FROM broken'), qr/HTTP status 400/, 'one that is read is raised');
asks('a failure of a scan that is not reached',
	'SELECT count(CASE WHEN id > 100 THEN (SELECT count(*) FROM broken) END) FROM local', '0', 0);

#
# Connections
#

$session->close;
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'the session has ended');
$session = DistQuery::Session->new($node);
$service->reset;
$session->query($join);
is($service->stats->{connections}, 5, 'one connection for each request at once');
$session->query($join) foreach 1 .. 3;
is($service->stats->{connections}, 5, 'and they are kept');
$session->error('SELECT * FROM broken');
$session->query('SELECT count(*) FROM a');
is($service->stats->{connections}, 5, 'over a failure, too');
is($service->count, 22, 'for all requests');

#
# max_in_flight
#

my $narrow = $join =~ s/\b([a-e])\b/narrow_$1/gr;
asks('max_in_flight of 2', $narrow, '4', 5, 2);
asks('two servers, one service', "SELECT ($narrow), ($join)", '4|4', 10, 7);

$session->create_table('narrow', 'paged', 'id int', path => "/data/plain/a?$slow&_envelope=items&_cap=1", rows => '/items',
	paging => 'offset', total => '/total');
asks('max_in_flight of 2, pages', 'SELECT count(*) FROM paged', '4', 4, 2);

# A slot that an outer query holds comes free while an inner one waits for it.
$session->create_table('single', 'big', 'id int, name text', path => '/big?rows=30000');
$session->create_table('single', 'small', 'id int', path => '/data/plain/a');
$session->query(q{CREATE FUNCTION inner_count() RETURNS bigint LANGUAGE sql VOLATILE AS 'SELECT count(*) FROM small'});
asks('max_in_flight of 1, nested queries', 'SELECT count(*), sum(inner_count()) FROM (SELECT FROM big LIMIT 5) b', '5|20', 6, 1);
$session->query('BEGIN; DECLARE k CURSOR FOR SELECT id FROM big');
is($session->query('FETCH 2 FROM k'), "1\n2", 'max_in_flight of 1: a cursor is open');
is($session->query('SELECT count(*) FROM small'), '4', 'another query is answered');
is($session->query('FETCH 2 FROM k; COMMIT'), "3\n4", 'the cursor goes on');

# Answers that run ahead do not stay in memory.
$session->create_table('api', 'ahead', 'id int, name text', path => '/big?rows=200000');
my $before = backend_memory_kb($session->pid);
$session->query("SET work_mem = '64kB'; SET enable_async_append = off; SET enable_hashjoin = off; SET enable_mergejoin = off");
asks('an answer that runs ahead', 'SELECT count(*) FROM (SELECT id FROM a UNION ALL SELECT id FROM ahead) x', '200004', 2);
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 24 * 1024, 'is bounded in memory');
my $folder = $node->data_dir . '/base/pgsql_tmp';
is(scalar(my @left = glob "$folder/*"), 0, 'and leaves no file');

ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'nothing is on the wire at the end');
$session->close;
$node->stop;
done_testing();
