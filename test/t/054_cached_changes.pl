# What a cache answers while the data changes: after each invalidation, and without one where nothing may be kept, the new data.
#
# DQ_SEED sets the seed (a number, or "random"), DQ_ROUNDS how often the data changes, DQ_QUERIES how many queries are compared
# under every strategy before.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::CacheServer;
use DistQuery::Session;
use DistQuery::Test;
use List::Util qw(shuffle uniq);
use Test::More;
use Time::HiRes qw(time);

my $seed = $ENV{DQ_SEED} // 5;
$seed = int(rand(1_000_000)) if $seed eq 'random';
my $rounds = $ENV{DQ_ROUNDS} // 30;
my $number = $ENV{DQ_QUERIES} // 200;
note("seed $seed");
srand($seed);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", 'distquery.cache_size' => "'8MB'", 'distquery.cache_timeout' => "'5s'", log_statement => 'none');
my $started = time;

my @regions = qw(EU US APAC LATAM);
my %rows = map { $_ => new_row($_) } 1 .. 300;

sub pick { return $_[ rand @_ ]; }

sub new_row
{
	my ($id) = @_;
	return { id => $id, grp => 1 + int(rand(20)), region => pick(@regions), price => int(rand(100)), name => pick(qw(Ada Bob Cyd Dan)) . ' ' . int(rand(50)) };
}

# The declarations: what keeps answers and has to be told of changes, and what must not answer from old ones.
my $path = '/data/postgrest/things';
my @told = ('kept', 'rows_kept', 'parts', 'paged', 'redis', 'memcached');
my @never = ('each_time', 'confirmed', 'redis_confirmed');
my %options = (
	live => { strategy => 'live' },
	store => { strategy => 'store' },
	kept => {},
	rows_kept => { cache_rows => 'true', lookup_path => "$path/{id}" },
	parts => { cache_partition => 'region', cache_rows => 'true' },
	redis => { cache_rows => 'true', cache_partition => 'region' },
	memcached => { paging => 'offset', page_size => 90 },
	paged => { paging => 'offset', page_size => 60, cache_partition => 'grp' },
	each_time => { ttl => '0' },
	redis_confirmed => { ttl => 'http', path => "$path?_etag=weak&_cc=no-cache" },
	confirmed => { ttl => 'http', path => "$path?_etag=strong&_cc=no-cache", cache_rows => 'true' });

create_server($node, 'api', $service->url, strategy => 'cache', ttl => '1h', dialect => 'postgrest');
$node->safe_psql('postgres', 'CREATE SCHEMA local; CREATE TABLE local.things (id int, grp int, region text, price int, name text); CREATE TABLE wanted (id int)');
my %stores = map { $_ => DistQuery::CacheServer->new($_) } qw(redis memcached);
create_server($node, $_, $service->url, strategy => 'cache', ttl => '1h', dialect => 'postgrest', cache_store => $_, cache_url => $stores{$_}->url) foreach sort keys %stores;
foreach my $schema (sort keys %options)
{
	$node->safe_psql('postgres', "CREATE SCHEMA $schema");
	my ($store) = $schema =~ /^(redis|memcached)/;
	create_table($node, $store // 'api', "$schema.things",
		q{id int OPTIONS (key 'true', filter '= in < >'), grp int OPTIONS (filter '= in'), region text OPTIONS (filter '= in <>'),
		  price int OPTIONS (filter '< > ='), name text OPTIONS (filter 'like =')}, path => $path, %{ $options{$schema} });
}
my @sessions = map { DistQuery::Session->new($node) } 1 .. 2;
$_->query('SET client_min_messages = warning; SET enable_hashjoin = off; SET enable_mergejoin = off') foreach @sessions;

# The service and the local table get the rows as they are now.
sub publish
{
	my @all = map { $rows{$_} } sort { $a <=> $b } keys %rows;
	$service->put('things', \@all);
	$sessions[0]->query('DELETE FROM local.things; INSERT INTO local.things VALUES '
		  . join(', ', map { "($_->{id}, $_->{grp}, '$_->{region}', $_->{price}, '$_->{name}')" } @all));
	return;
}

sub condition
{
	my $id = 1 + int(rand(310));
	return pick(
		"id = $id", "id IN (" . join(', ', map { 1 + int(rand(310)) } 0 .. 1 + rand(6)) . ')',
		'id < ' . ($id + 20), "id > $id", 'grp = ' . int(rand(22)), 'grp IN (3, 4, ' . int(rand(22)) . ')',
		"region = '" . pick(@regions, 'XX') . "'", "region IN ('EU', '" . pick(@regions) . "')", "region <> 'EU'",
		'price < ' . int(rand(100)), 'price > ' . int(rand(100)), "name LIKE '" . pick(qw(A B C D)) . "%'", "name = 'Ada " . int(rand(50)) . "'",
		'(price < 10 OR grp = 7)');
}

sub make_query
{
	my $where = join(' AND ', map { condition() } 0 .. rand(3));
	my $all = 't.id, t.grp, t.region, t.price, t.name';
	return pick(
		("SELECT $all FROM things t WHERE $where ORDER BY 1") x 5,
		"SELECT $all FROM things t ORDER BY 1",
		"SELECT $all FROM things t WHERE $where ORDER BY 1 LIMIT 3",
		"SELECT count(*), sum(price), max(name) FROM things t WHERE $where",
		"SELECT w.id, t.name, t.price FROM wanted w LEFT JOIN things t ON t.id = w.id ORDER BY 1, 2, 3",
		"SELECT a.id, b.id FROM things a JOIN things t ON t.id = a.grp JOIN things b ON b.id = t.price WHERE a.id < 40 ORDER BY 1, 2");
}

# Runs a query on a schema's tables; returns its rows.
sub ask
{
	my ($session, $schema, $query) = @_;
	return $session->query("SET search_path = $schema, public; $query") // $session->{last_error};
}

my %compared;
my @differences;

# Compares the answers under some schemas with the local table's.
sub compare
{
	my ($what, $query, @schemas) = @_;
	my $expected = ask($sessions[0], 'local', $query);
	foreach my $schema (@schemas)
	{
		my $found = ask(pick(@sessions), $schema, $query);
		$compared{$schema}++;
		push @differences, "$what, $schema: $query\nexpected:\n$expected\nfound:\n$found\n" if $expected ne $found;
	}
	return;
}

$sessions[0]->query('INSERT INTO wanted SELECT g * 7 % 310 FROM generate_series(1, 30) g');
publish();

# The same queries under every strategy; caches twice, so that they are filled and read.
foreach my $at (1 .. $number)
{
	compare("query $at", make_query(), 'live', 'store', (@told, @never) x 2);
}
is(scalar @differences, 0, "$number queries under every strategy") or diag(join("\n", @differences[ 0 .. ($#differences < 2 ? $#differences : 2) ]));
note("$_: $compared{$_} runs") foreach sort keys %compared;
@differences = ();
%compared = ();

# Changes some rows; returns those before and after.
sub change
{
	my @changed;
	foreach my $id (map { 1 + int(rand(310)) } 0 .. rand(4))
	{
		push @changed, { %{ $rows{$id} } } if $rows{$id};
		if ($rows{$id} && rand() < 0.2)
		{
			delete $rows{$id};
			next;
		}
		my $fresh = new_row($id);
		$fresh->{region} = $rows{$id}{region} if $rows{$id} && rand() < 0.7;
		$rows{$id} = $fresh;
		push @changed, $fresh;
	}
	return @changed;
}

# Invalidates what may hold one of these rows, one way or another.
sub invalidation
{
	my ($schema, @changed) = @_;
	my @ids = uniq(map { $_->{id} } @changed);
	my @named = uniq(map { "'$_->{region}'" } @changed);
	my @groups = uniq(map { $_->{grp} } @changed);
	my @ways = ([undef], [ 'id IN (' . join(', ', @ids) . ')' ], [ map { "id = $_" } @ids ], [ 'region IN (' . join(', ', @named) . ')' ],
		[ map { "region = $_ AND price >= 0" } @named ], [ map { "grp = $_" } @groups ], [ 'id < 1000', "name = 'anything'" ]);
	return map { "SELECT distquery.invalidate('$schema.things'" . (defined $_ ? ', ' . literal($_) : '') . ');' } @{ pick(@ways) };
}

my $changes = 0;
foreach my $round (1 .. $rounds)
{
	# Something is known of before.
	foreach my $query (map { make_query() } 1 .. 3)
	{
		ask(pick(@sessions), $_, $query) foreach @told, @never;
	}
	my @changed = change();
	next unless @changed;
	$changes += @changed;
	my $session = pick(@sessions);
	my $is_early = rand() < 0.3;
	# Told before it is true, in a transaction that ends after it: what is asked between the two is nobody's answer then.
	if ($is_early)
	{
		$session->query('BEGIN; ' . join(' ', map { invalidation($_, @changed) } @told));
		ask($sessions[ $session == $sessions[0] ? 1 : 0 ], $_, make_query()) foreach @told;
		$service->put('things', [ map { $rows{$_} } sort { $a <=> $b } keys %rows ]);
		$session->query('COMMIT');
	}
	publish();
	$session->query(join(' ', map { invalidation($_, @changed) } @told)) unless $is_early;
	foreach my $query ((map { make_query() } 1 .. 3), "SELECT id, grp, region, price, name FROM things WHERE id = $changed[0]{id}",
		"SELECT id FROM things WHERE region = '$changed[0]{region}' ORDER BY 1")
	{
		compare("round $round" . ($is_early ? ', told early' : ''), $query, @told, @never);
	}
}
is(scalar @differences, 0, "$changes changes of rows in $rounds rounds") or diag(join("\n", @differences[ 0 .. ($#differences < 2 ? $#differences : 2) ]));
note("$_: $compared{$_} runs") foreach sort keys %compared;
my $stats = $node->safe_psql('postgres', "SELECT string_agg(format('%s (%s): %s hits, %s misses', source, store, hits, misses), E'\n' ORDER BY source::text) FROM distquery.cache_stats");
note($stats);
cmp_ok($node->safe_psql('postgres', 'SELECT sum(hits) FROM distquery.cache_stats'), '>', $number, 'answers come out of the cache');
note(sprintf('%d s', time - $started));
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/TRAP|PANIC|terminated by signal/, 'nothing odd in the log');
$node->stop;
done_testing();
