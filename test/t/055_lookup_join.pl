# The lookup join: how many requests typical joins make, that keys are asked together, and that nothing goes wrong when
# the service does, memory is short, or the reader goes away.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off', max_parallel_workers_per_gather => 0);

$service->put('people', [ map { { id => $_, name => "name $_", team => $_ % 10, boss => $_ > 1 ? int($_ / 2) : undef } } 1 .. 3000 ]);
$service->put('teams', [ map { { id => $_, title => "team $_", city => $_ % 3 } } 0 .. 9 ]);
$service->put('badges', [ map { { id => $_, person_id => 1 + $_ % 1500, door => $_ % 7 } } 1 .. 6000 ]);

create_server($node, 'api', $service->url, dialect => 'brackets', retries => '0');
create_server($node, 'narrow', $service->url, dialect => 'brackets', max_in_flight => '3', retries => '0');
my $session = DistQuery::Session->new($node);
my $in = q{OPTIONS (key 'true', filter '= in')};
$session->create_table('api', 'people', "id int $in, name text, team int, boss int", path => '/data/brackets/people',
	lookup_path => '/data/brackets/people/{id}', paging => 'page', page_size => '1000', estimated_rows => '1000000');
$session->create_table('api', 'teams', "id int $in, title text, city int", path => '/data/brackets/teams', estimated_rows => '10');
$session->create_table('api', 'badges', "id int $in, person_id int OPTIONS (filter 'in'), door int",
	path => '/data/brackets/badges', paging => 'page', page_size => '1000', estimated_rows => '1000000');
$session->create_table('narrow', 'single', q{id int OPTIONS (key 'true'), name text}, path => '/data/brackets/people',
	lookup_path => '/data/brackets/people/{id}?_delay=30');
# 200,000 rows, 30 MB, all of one key.
$session->create_table('api', 'crowd', q{id int, is_open boolean OPTIONS (filter '='), name text, city text}, path => '/big?rows=200000');
$session->query('CREATE TABLE wanted AS SELECT n, n % 2000 AS person_id FROM generate_series(1, 5000) n;
	CREATE TABLE few AS SELECT n * 3 AS person_id FROM generate_series(1, 250) n; ANALYZE');
$session->query('SET distquery.lookup_join = on; SET distquery.learned_figures = off');

# A statement, its answer, how many requests it makes.
sub asks
{
	my ($name, $sql, $answer, $requests) = @_;
	$service->reset;
	is($session->query($sql), $answer, "$name: answer") or diag($session->last_error);
	is($service->count('/data'), $requests, "$name: requests");
	return;
}

#
# Requests of typical joins
#

asks('250 keys in lists of 100', 'SELECT count(*), min(name) FROM few JOIN people ON id = person_id', '250|name 102', 3);
asks('5,000 rows of 2,000 keys, one of them missing', 'SELECT count(*), count(name) FROM wanted LEFT JOIN people ON id = person_id',
	'5000|4998', 20 + 1);
asks('EXISTS', 'SELECT count(*) FROM few WHERE EXISTS (SELECT FROM people WHERE id = person_id AND team = 3)', '25', 3);
asks('NOT EXISTS', 'SELECT count(*) FROM few WHERE NOT EXISTS (SELECT FROM people WHERE id = person_id AND team = 3)', '225', 3);
asks('three services', 'SELECT count(*), count(DISTINCT title) FROM few JOIN people p ON p.id = person_id JOIN teams t ON t.id = p.team',
	'250|10', 3 + 1);
asks('children of 250 parents', 'SELECT count(*) FROM few f JOIN badges b USING (person_id)', '1000', 2 * 3);
asks('a service with itself', 'SELECT count(*), count(b.id) FROM few JOIN people p ON p.id = person_id LEFT JOIN people b ON b.id = p.boss',
	'250|250', 3 + 3);
asks('IN (SELECT ...)', 'SELECT count(*) FROM people WHERE id IN (SELECT person_id FROM wanted WHERE n <= 90)', '90', 1);
asks('IN (VALUES ...) of no rows', 'SELECT count(*) FROM people p JOIN few f ON p.id = f.person_id WHERE f.person_id < 0', '0', 0);
asks('only NULL keys', 'SELECT count(*), count(p.id) FROM (SELECT NULLIF(n, n) AS k FROM wanted) w LEFT JOIN people p ON p.id = w.k', '5000|0', 0);
asks('LIMIT 1', 'SELECT name FROM few JOIN people ON id = person_id LIMIT 1', 'name 3', 1);
asks('LIMIT 20, in batches of 8, 16', 'SELECT count(*) FROM (SELECT name FROM few JOIN people ON id = person_id LIMIT 20) x', '20', 2);
asks('an outer side without rows', 'SELECT count(*) FROM few JOIN people ON id = person_id WHERE person_id IS NULL', '0', 0);
asks('a condition that is never true', "SELECT count(*) FROM few JOIN badges b USING (person_id) WHERE b.id = ANY ('{}'::int[])", '0', 0);
asks('one key at a time', 'SELECT count(*), max(name) FROM few JOIN single ON id = person_id', '250|name 99', 250);
is($service->stats->{max_in_flight}, 3, 'single keys: as many at once as the service allows');

$session->query('ALTER FOREIGN TABLE people OPTIONS (ADD max_url \'200\')');
$service->reset;
is($session->query('SELECT count(DISTINCT name) FROM few JOIN people ON id = person_id'), 250, 'lists cut by max_url: answer');
cmp_ok($service->count, '>', 6, 'lists cut by max_url: requests');
cmp_ok($service->count, '<', 13, 'lists cut by max_url: no page after the last key');
$session->query('ALTER FOREIGN TABLE people OPTIONS (DROP max_url)');

#
# The order of things
#

is($session->query('SELECT string_agg(name, \' \') FROM (SELECT name FROM (SELECT person_id FROM few ORDER BY person_id DESC LIMIT 3 OFFSET 2) f
	JOIN people ON id = person_id) x'), 'name 744 name 741 name 738', 'the order of the outer rows is kept');

# The outer service pages slowly; the inner one is asked before the outer's last page.
$session->create_table('api', 'pages', 'id int, boss int', path => '/data/brackets/people?_delay=20', paging => 'page', page_size => '300',
	estimated_rows => '1000');
$service->reset;
is($session->query('SELECT count(*), count(b.name) FROM pages p LEFT JOIN people b ON b.id = p.boss'), '3000|2999', 'a slow outer side: answer');
my @log = map { $_->{path} =~ /_delay/ || ($_->{query} // '') =~ /_delay/ ? 'outer' : 'inner' } @{ $service->log('/data') };
my ($first_inner) = grep { $log[$_] eq 'inner' } 0 .. $#log;
my ($last_outer) = reverse grep { $log[$_] eq 'outer' } 0 .. $#log;
cmp_ok($first_inner, '<', $last_outer, 'the inner service is asked while the outer one still answers');

#
# Memory
#

$session->query('SET work_mem = \'64kB\'');
asks('a million outer rows', 'SELECT count(*), count(p.id) FROM generate_series(1, 1000000) n JOIN people p ON p.id = n % 100 + 1', '1000000|1000000', 1);
my $before = backend_memory_kb($session->pid);
asks("a million outer rows of 2,000 keys", "SELECT count(*), count(p.id) FROM generate_series(1, 1000000) n LEFT JOIN people p ON p.id = n % 2000", "1000000|999500", 20 + 1);
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 4096, 'a million outer rows: memory stays (kB)');
my $crowd = 'SELECT count(*), sum(id), count(name) FROM (VALUES (true), (false), (true)) v (g) JOIN crowd ON is_open = g';
$before = backend_memory_kb($session->pid);
is($session->query($crowd), '400000|40000200000|400000', 'rows of one key that do not fit into work_mem');
cmp_ok(backend_memory_kb($session->pid) - $before, '<', 16384, 'rows of one key: memory stays (kB)');
is($session->query("SET temp_file_limit = '1MB'; $crowd"), '', 'temp_file_limit');
like($session->last_error, qr/temporary file size exceeds/, 'temp_file_limit: error');
$session->query('RESET temp_file_limit; RESET work_mem');
is($session->query($crowd), '400000|40000200000|400000', 'and goes on');
is_deeply([ glob $node->data_dir . '/base/pgsql_tmp/*' ], [], 'no temporary file is left');

#
# What goes wrong
#

$session->create_table('api', 'broken', q{id int OPTIONS (key 'true', filter 'in'), name text}, path => '/fault/status/500');
$session->create_table('api', 'cut', q{id int OPTIONS (key 'true', filter 'in'), name text}, path => '/fault/truncated');
$session->create_table('api', 'forbidden', q{id int OPTIONS (key 'true'), name text}, path => '/x', lookup_path => '/fault/status/403?{id}');
$session->create_table('api', 'hanging', q{id int OPTIONS (key 'true', filter 'in'), name text}, path => '/fault/hang', timeout => '10min');
foreach my $case ([ broken => qr/HTTP status 500/ ], [ cut => qr/could not (read|fetch)/ ], [ forbidden => qr/HTTP status 403/ ])
{
	my ($table, $message) = @$case;
	is($session->query("SELECT count(*) FROM few JOIN $table ON id = person_id"), '', "$table: no answer");
	like($session->last_error, $message, "$table: error");
	like($session->last_error, qr/foreign table "$table"/, "$table: names the table");
}
my $descriptors = $session->descriptors;
foreach my $join ('SELECT count(*) FROM few JOIN hanging ON id = person_id',
	'SELECT count(*) FROM few LEFT JOIN people p ON p.id = person_id LEFT JOIN hanging h ON h.id = p.boss')
{
	is($session->query("SET statement_timeout = '150ms'; $join"), '', 'statement_timeout ends a join');
	like($session->last_error, qr/statement timeout/, 'statement_timeout: error');
	$session->query('RESET statement_timeout');
	$service->reset;
	$session->send($join);
	ok(poll_until(sub { $service->count('/fault/hang') > 0 }), 'the inner service is being asked');
	$node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
	ok($session->finish(10), 'cancel ends a join');
	like($session->last_error, qr/canceling statement due to user request/, 'cancel: error');
}
cmp_ok($session->descriptors, '<=', $descriptors + 2, 'no descriptor is left behind');

# A reader that goes away: cursors, savepoints.
is($session->query('BEGIN; DECLARE c CURSOR FOR SELECT name FROM few JOIN people ON id = person_id ORDER BY person_id; FETCH 2 FROM c;
	SAVEPOINT s; FETCH 1 FROM c; ROLLBACK TO s; CLOSE c; COMMIT'), "name 3\nname 6\nname 9", 'a cursor closed early');
is($session->query('BEGIN; DECLARE c CURSOR FOR SELECT name FROM few JOIN people ON id = person_id; FETCH 3 FROM c; ROLLBACK'),
	"name 3\nname 6\nname 9", 'a cursor rolled back');
is($session->error('BEGIN; SAVEPOINT s; SELECT 1 / (count(*) - count(*)) FROM few JOIN people ON id = person_id; ROLLBACK'), $session->last_error,
	'an error above the join');
is($session->query('ROLLBACK; SELECT count(*) FROM few JOIN people ON id = person_id'), '250', 'and the session goes on');

#
# Plans that are kept; whose credentials are sent
#

$session->query('PREPARE q(int, int) AS SELECT count(*) FROM few JOIN people ON id = person_id AND team = $1 WHERE person_id < $2;
	SET plan_cache_mode = force_generic_plan');
is($session->query("EXECUTE q(3, 1000); EXECUTE q(4, 1000); EXECUTE q(4, 100); EXECUTE q(NULL, 100)"), "25\n25\n3\n0", 'a generic plan');
$session->query('RESET plan_cache_mode');

$node->safe_psql('postgres', "CREATE ROLE owner; CREATE ROLE reader LOGIN;
	GRANT ALL ON SCHEMA public TO owner; GRANT USAGE ON FOREIGN SERVER api TO owner;
	GRANT SELECT ON people, few TO owner;
	CREATE USER MAPPING FOR owner SERVER api OPTIONS (auth 'api_key', api_key 'owners-key', api_key_in 'query:_key');
	CREATE USER MAPPING FOR reader SERVER api OPTIONS (auth 'api_key', api_key 'readers-key', api_key_in 'query:_key');
	ALTER FOREIGN TABLE people OPTIONS (SET path '/data/brackets/people?_lenient');
	CREATE VIEW names AS SELECT name FROM few JOIN people ON id = person_id; ALTER VIEW names OWNER TO owner; GRANT SELECT ON names TO reader;
	GRANT SELECT ON few, people TO reader");
my $reader = DistQuery::Session->new($node, user => 'reader');
$reader->query('SET distquery.lookup_join = on');
$service->reset;
is($reader->query('SELECT count(*) FROM names'), '250', 'a view of another role');
is_deeply([ keys %{ { map { ($_->{query} =~ /_key=([^&]*)/)[0] => 1 } @{ $service->log('/data') } } } ], ['owners-key'], "is asked with its owner's key");
$service->reset;
is($reader->query('SELECT count(*) FROM few JOIN people ON id = person_id'), '250', 'a join of its own');
is_deeply([ keys %{ { map { ($_->{query} =~ /_key=([^&]*)/)[0] => 1 } @{ $service->log('/data') } } } ], ['readers-key'], 'is asked with its own key');
is($reader->query('EXPLAIN SELECT count(*) FROM names') =~ /key/i, '', 'EXPLAIN shows no key');

done_testing();
