# What one session has learned of tables, others plan with: where memory is shared.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $known = 'SELECT foreign_table, rows, fetches, scope FROM distquery.table_figures';

# Rows that the planner expects of a statement as a whole.
sub expected
{
	my ($session, $sql) = @_;
	my ($rows) = $session->query("EXPLAIN $sql") =~ /rows=(\d+)/;
	return $rows;
}

sub numbers
{
	my ($node, $name, $rows) = @_;
	$service->put($name, [ map { { id => $_ } } 1 .. $rows ]);
	create_table($node, 'api', $name, q{id int OPTIONS (key 'true', filter '= in')}, path => "/data/plain/$name");
	return;
}

#
# Preloaded
#

my $node = new_node('preloaded', shared_preload_libraries => 'distquery', 'distquery.shared_tables' => 8,
	'distquery.learned_figures' => 'on', restart_after_crash => 'on');
create_server($node, 'api', $service->url);
numbers($node, 'few', 4);
numbers($node, 'forty', 40);
my $one = DistQuery::Session->new($node);
my $other = DistQuery::Session->new($node);

is(expected($one, 'SELECT * FROM few'), 100000, 'nothing is known at first');
$one->query('SELECT * FROM few');
is($one->query($known), 'few|4|1|server', 'a session learns');
is($other->query($known), 'few|4|1|server', 'the others see it');
is(expected($other, 'SELECT * FROM few'), 4, 'and plan with it');
$other->query('SELECT * FROM few');
is($one->query($known), 'few|4|2|server', 'all of them learn');

# Plans that are kept do not change; new ones do.
$other->query('PREPARE p AS SELECT * FROM forty; EXECUTE p');
is(expected($other, 'EXECUTE p'), 100000, 'a plan was made before anything was known');
$one->query('SELECT * FROM forty');
is(expected($other, 'SELECT * FROM forty'), 40, 'the next statement is planned with it');
is(expected($other, 'EXECUTE p'), 100000, 'a plan that is kept stays');
$other->query('SET distquery.learned_figures = off');
is(expected($other, 'EXECUTE p'), 100000, 'the setting has plans made again');
$other->query('RESET distquery.learned_figures');
is(expected($other, 'EXECUTE p'), 40, 'both ways');

# Another database has tables, and OIDs, of its own.
$node->safe_psql('postgres', 'CREATE DATABASE elsewhere');
$node->safe_psql('elsewhere', 'CREATE EXTENSION distquery');
is($node->safe_psql('elsewhere', 'SELECT count(*) FROM distquery.table_figures'), '0', 'another database has its own');
is($node->safe_psql('elsewhere', 'SELECT distquery.reset_figures()'), '0', 'and forgets its own');
is($one->query('SELECT count(*) FROM distquery.table_figures'), '2', 'only');

# Bounded: what was not used for longest makes room.
for my $i (1 .. 12)
{
	numbers($node, "t$i", $i);
	$one->query("SELECT count(*) FROM t$i");
	is(expected($one, 'SELECT * FROM few'), 4, "table $i of many") if $i == 12;
	$one->query('SELECT * FROM few');
}
is($one->query('SELECT count(*) FROM distquery.table_figures'), '8', 'no more than there is room for');
is($one->query(q{SELECT count(*) FROM distquery.table_figures WHERE foreign_table IN ('few'::regclass, 't12'::regclass)}), '2',
	'those used last are kept');
is(expected($one, 'SELECT * FROM t1'), 100000, 'the oldest are forgotten');

# A change of the declaration counts for all.
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE few OPTIONS (SET path '/data/plain/forty')});
is(expected($one, 'SELECT * FROM few'), 100000, 'another path is another collection');
$other->query('SELECT * FROM few');
is(expected($one, 'SELECT * FROM few'), 40, 'learned anew');

is($other->query("SELECT distquery.reset_figures('few')"), '1', 'forgotten by one');
is(expected($one, 'SELECT * FROM few'), 100000, 'is forgotten by all');

$one->close;
$other->close;
$node->restart;
is($node->safe_psql('postgres', 'SELECT count(*) FROM distquery.table_figures'), '0', 'a restart forgets');
$node->stop;

#
# ANALYZE
#

$node = new_node('plain', 'distquery.learned_figures' => 'on');
create_server($node, 'api', $service->url);
create_table($node, 'api', 'forty', 'id int', path => '/data/plain/forty?_envelope=items', rows => '/items',
	paging => 'offset', page_size => 2, total => '/total');
$one = DistQuery::Session->new($node);
like($one->error('ANALYZE VERBOSE forty'), qr/"forty": read 40 of 40 rows \(requests: 20\); 40 rows in sample/, 'ANALYZE VERBOSE');
is($one->query('SELECT rows FROM distquery.table_figures'), '40', 'ANALYZE teaches, too');
$one->query('SET default_statistics_target = 1; SET distquery.analyze_rows = 1000');
$one->query(q{CREATE FOREIGN TABLE thousands (id int) SERVER api OPTIONS (path '/big?rows=3000', estimated_rows '5000')});
# 3,000 if the whole answer had come when reading stopped.
like($one->error('ANALYZE VERBOSE thousands'),
	qr/"thousands": read 1000 of about [35]000 rows \(requests: 1\); 300 rows in sample.*DETAIL:.*the beginning of the table/s, 'a part of it');
$one->query('RESET default_statistics_target; RESET distquery.analyze_rows');
$service->reset;
alter_options($node, 'FOREIGN TABLE forty', SET => { path => '/data/plain/forty?_envelope=items&_delay=30' });
$one->query('ANALYZE forty');
cmp_ok($service->stats->{max_in_flight}, '>', 1, 'pages are asked together');
is($service->count, 20, 'each once');
$one->close;
$node->stop;

#
# Not preloaded
#

$node = new_node('session', 'distquery.learned_figures' => 'on');
create_server($node, 'api', $service->url);
create_table($node, 'api', 'few', 'id int', path => '/data/plain/few');
my $is_shared = $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000;
my $scope = $is_shared ? 'server' : 'session';
$one = DistQuery::Session->new($node);
$other = DistQuery::Session->new($node);
$one->query('SELECT * FROM few');
is($one->query($known), "few|4|1|$scope", 'not preloaded: a session learns for itself');
is($other->query($known), $is_shared ? 'few|4|1|server' : '', 'others know where memory is shared');
is(expected($one, 'SELECT * FROM few'), 4, 'it plans with it');
$one->close;
$other->close;

done_testing();
