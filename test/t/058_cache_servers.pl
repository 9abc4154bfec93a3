# Answers in Redis and memcached: found by other sessions, databases and clusters, by whom they are for, until they are
# invalidated.

use strict;
use warnings;
use DistQuery::CacheServer;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my %settings = (shared_preload_libraries => "'distquery'", max_connections => 60, 'distquery.cache_timeout' => "'10s'");
my $node = new_node('main', %settings);
my $other = new_node('other', %settings);

sub psql { return $node->safe_psql('postgres', @_); }
sub stats { return psql("SELECT $_[1] FROM distquery.cache_stats WHERE source = '$_[0]'::regclass AND store = '$_[2]'"); }

$node->safe_psql('postgres', 'CREATE DATABASE second');
$node->safe_psql('second', 'CREATE EXTENSION distquery');

# A server and its tables in any database.
sub declare
{
	my ($cluster, $database, $kind, $url, %mapping) = @_;
	my $options = options_clause(url => $service->url, strategy => 'cache', ttl => '1h', cache_store => $kind, cache_url => $url);
	$cluster->safe_psql($database, qq{
		CREATE SERVER $kind FOREIGN DATA WRAPPER distquery $options;
		CREATE FOREIGN TABLE small_$kind (id int, t text) SERVER $kind OPTIONS (path '/data/plain/small');
		CREATE FOREIGN TABLE keyed_$kind (id int OPTIONS (key 'true', filter '= in'), name text) SERVER $kind
			OPTIONS (path '/data/postgrest/customers', dialect 'postgrest');
		CREATE FOREIGN TABLE cold_$kind (id int, t text) SERVER $kind OPTIONS (path '/data/plain/small?_delay=400');
		CREATE FOREIGN TABLE large_$kind (id int, t text) SERVER $kind OPTIONS (path '/data/plain/large')});
	return;
}

$service->put('large', [ map { { id => $_, t => 'x' x 1000 } } 1 .. 2000 ]);

my %servers;
foreach my $kind (qw(redis memcached))
{
	my $server = $servers{$kind} = DistQuery::CacheServer->new($kind);
	declare($node, 'postgres', $kind, $server->url);
	declare($node, 'second', $kind, $server->url);
	declare($other, 'postgres', $kind, $server->url);

	# What one session has asked another finds, in another database and cluster, too.
	$service->put('small', [ map { { id => $_, t => "row $_" } } 1 .. 20 ]);
	$service->reset;
	is(psql("SELECT count(*), max(t) FROM small_$kind"), '20|row 9', "$kind: asked");
	is(psql("SELECT count(*), sum(id) FROM small_$kind"), '20|210', 'found by another session');
	is($node->safe_psql('second', "SELECT count(*), sum(id) FROM small_$kind"), '20|210', 'by another database');
	is($other->safe_psql('postgres', "SELECT count(*), sum(id) FROM small_$kind"), '20|210', 'by another cluster');
	is($service->count('/data/plain/small'), 1, 'of one request');
	is(stats("small_$kind", 'hits, misses, stored, refused, entries IS NULL', $kind), '1|1|1|0|t', 'counted for the store');
	like(psql("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM small_$kind"), qr/Cache: hit 1\n.*Cache Store: $kind/,
		'shown by EXPLAIN');

	# Of 64 keys, those are asked that nobody knows, and the server in one go.
	psql("SELECT count(*) FROM keyed_$kind WHERE id = ANY (ARRAY(SELECT generate_series(1, 64, 2)))");
	$service->reset;
	my $before = $server->gets;
	is($node->safe_psql('second', "SELECT count(*), sum(id) FROM keyed_$kind WHERE id = ANY (ARRAY(SELECT generate_series(1, 64)))"), '64|2080',
		'64 keys');
	my $asked = $service->log('/data/postgrest/customers');
	is(scalar @$asked, 1, 'one request');
	is(scalar(() = $asked->[0]{query} =~ /%22\d+%22/g), 32, 'for 32 of them');
	# A second time by who has got the lead, for those that are missing.
	is($server->gets - $before, $kind eq 'redis' ? 2 : 65 + 33, 'as many lookups as expected');
	is(psql("SELECT count(*), sum(id) FROM keyed_$kind WHERE id = ANY (ARRAY(SELECT generate_series(1, 64)))"), '64|2080', 'all of them');
	is($service->count('/data/postgrest/customers'), 1, 'without a request');

	# Single flight: who has waited finds the answer on the server.
	$service->reset;
	my @sessions = map { [ start_query($node, "SELECT count(*), sum(id) FROM cold_$kind") ] } 1 .. 20;
	$_->[0]->finish foreach @sessions;
	is(scalar(grep { ${ $_->[1] } eq "20|210\n" } @sessions), 20, '20 sessions get the answer');
	is($service->count('/data/plain/small'), 1, 'of one request');

	# What the service says of an answer's life is kept with it, rows answer for their keys, and an older answer takes the place of an outage.
	create_table($node, $kind, "http_$kind", 'id int, t text', path => '/data/plain/small?_etag=strong&_cc=no-cache', ttl => 'http');
	$service->reset;
	is(psql("SELECT count(*), sum(id) FROM http_$kind"), '20|210', "ttl 'http'") foreach 1, 2;
	is(join(' ', map { $_->{status} } @{ $service->log('/data/plain/small') }), '200 304', 'the second answer is confirmed');
	create_table($node, $kind, "rows_$kind", "id int OPTIONS (key 'true'), t text", path => '/data/plain/small', lookup_path => '/data/plain/small/{id}',
		cache_rows => 'true');
	is(psql("SELECT count(*) FROM rows_$kind"), '20', 'a collection with cache_rows');
	$service->reset;
	is(psql("SELECT t FROM rows_$kind WHERE id = 17"), 'row 17', 'answers for a row');
	is($service->count('/data/plain/small'), 0, 'without a request');
	create_table($node, $kind, "many_$kind", "id int OPTIONS (key 'true', filter '= in'), name text", path => '/data/postgrest/customers', dialect => 'postgrest',
		cache_rows => 'true', cache_prefix => 'many:');
	is(psql("SELECT count(*) FROM many_$kind"), '5000', 'thousands of rows at once');
	$service->reset;
	is(psql("SELECT count(*), sum(id) FROM many_$kind WHERE id = ANY (ARRAY(SELECT generate_series(1, 5000, 7)))"), '715|1787500', 'answer for hundreds of keys');
	is($service->count('/data/postgrest/customers'), 0, 'without a request');
	my $away = DistQuery::Test::Service->new;
	$away->put('small', [ map { { id => $_, t => "row $_" } } 1 .. 20 ]);
	create_server($node, "away_$kind", $away->url, strategy => 'cache', ttl => '10ms', stale_if_error => '1h', cache_store => $kind, cache_url => $server->url, retries => 0);
	create_table($node, "away_$kind", "away_$kind", "id int OPTIONS (key 'true', filter '= in'), t text", path => '/data/plain/small');
	is(psql("SELECT count(*), sum(id) FROM away_$kind$_"), '20|210', 'filled') foreach '', ' WHERE id = ANY (ARRAY(SELECT generate_series(1, 25)))';
	$away->stop;
	is(psql("SELECT count(*), sum(id) FROM away_$kind$_"), '20|210', 'an outage') foreach '', ' WHERE id = ANY (ARRAY(SELECT generate_series(1, 25)))';

	# Invalidation reaches all who share the server.
	$service->put('small', [ { id => 21, t => 'new' } ]);
	is($other->safe_psql('postgres', "SELECT max(id) FROM small_$kind"), '20', 'the old answer');
	$node->safe_psql('second', "SELECT distquery.invalidate('small_$kind')");
	is($other->safe_psql('postgres', "SELECT max(id) FROM small_$kind"), '21', 'invalidated by another cluster');
	$service->put('small', [ { id => 22, t => 'newer' } ]);
	is(psql("BEGIN; SELECT distquery.invalidate('small_$kind') IS NULL; SELECT max(id) FROM small_$kind; COMMIT"), "f\n22",
		'at once in its own transaction');

	# Again at commit: what another has put there meanwhile goes, too.
	my $meanwhile = "PGHOST=" . $other->host . " psql -X -At -p " . $other->port . " postgres -c 'SELECT max(id) FROM small_$kind'";
	my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
		BEGIN;
		SELECT distquery.invalidate('small_$kind');
		\\! $meanwhile
		COMMIT;});
	$service->put('small', [ { id => 23, t => 'newest' } ]);
	is(psql("SELECT max(id) FROM small_$kind"), '23', 'again at commit');

	# A generation that is lost brings no old answer back.
	$service->put('small', [ { id => 24, t => 'latest' } ]);
	if ($kind eq 'redis')
	{
		my $keys = $server->ask('KEYS distquery:g*', qr/\*\d+\r\n(\$\d+\r\n\S+\r\n)+$/);
		$server->ask("DEL $1", qr/:\d+\r\n/) while $keys =~ /^(distquery:g\w+)/mg;
	}
	else
	{
		foreach my $line (split /\r?\n/, $server->ask('lru_crawler metadump all', qr/END\r\n/))
		{
			$server->ask("md distquery:$1", qr/\r\n/) if $line =~ /key=distquery(?:%3A|:)(g\w+)/;
		}
	}
	is(psql("SELECT max(id) FROM small_$kind"), '24', 'nothing of an older generation after the loss of one');
	is(psql("SELECT max(id) FROM small_$kind"), '24', 'but kept anew');
}

# An answer that is larger than an item of memcached is counted, and asked for again.
is(psql('SELECT count(*) FROM large_memcached'), '2000', 'a large answer');
is(psql('SELECT count(*) FROM large_memcached'), '2000', 'once more');
is(stats('large_memcached', 'misses, stored, refused', 'memcached'), '2|0|2', 'is not kept by memcached');
is(psql('SELECT count(*) FROM large_redis'), '2000', 'Redis has it');
is(psql('SELECT count(*) FROM large_redis'), '2000', 'once more');
is(stats('large_redis', 'hits, misses, stored', 'redis'), '1|1|1', 'and keeps it');

# A smaller limit of the server's own.
my $tiny = DistQuery::CacheServer->new('memcached', '-I', '8k', '-o', 'slab_chunk_max=4096');
create_server($node, 'tiny', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'memcached', cache_url => $tiny->url);
create_table($node, 'tiny', 'tiny', 'id int, t text', path => '/data/plain/tiny');
$service->put('tiny', [ map { { id => $_, t => 'x' x 1000 } } 1 .. 50 ]);
my ($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*) FROM tiny; SELECT count(*) FROM tiny');
is("$stdout $stderr", "50\n50 ", 'an answer over the limit of an item, without a warning');
is(stats('tiny', 'misses, stored, refused', 'memcached'), '2|0|2', 'is counted');

# Several servers: each has some of the keys, and one that is away takes only its own along.
my @list = map { DistQuery::CacheServer->new('memcached') } 1 .. 2;
create_server($node, 'list', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'memcached',
	cache_url => 'memcached://' . join(',', map { '127.0.0.1:' . $_->port } @list));
create_table($node, 'list', 'listed', q{id int OPTIONS (key 'true', filter '= in'), name text}, path => '/data/postgrest/customers', dialect => 'postgrest');
my $keys = 'SELECT count(*), sum(id) FROM listed WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)))';
is(psql($keys), '100|5050', '100 keys on two servers');
my @sizes = map { $_->size - 1 } @list;
is($sizes[0] + $sizes[1], 100, 'all are there');
cmp_ok($sizes[$_], '>', 25, 'many of them on server ' . ($_ + 1)) foreach 0, 1;
$service->reset;
is(psql($keys), '100|5050', 'found');
is($service->count('/data/postgrest/customers'), 0, 'without a request');
$list[0]->kill;
($status, $stdout, $stderr) = $node->psql('postgres', $keys);
is($stdout, '100|5050', 'with one server away');
like($stderr, qr/could not use the cache on memcached server "127.0.0.1:$list[0]{port}"/, 'which is told');
is(scalar(() = $service->log('/data/postgrest/customers')->[0]{query} =~ /%22\d+%22/g), $sizes[0], 'its keys are asked');

# Whom an answer is for.  Without the clusters' secret, nothing that was asked with credentials leaves this server.
my $redis = $servers{redis};
foreach my $user (qw(alice bob))
{
	psql("CREATE ROLE $user LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO $user");
	psql("CREATE USER MAPPING FOR $user SERVER redis OPTIONS (auth 'bearer', token 'token-of-$user')");
}
$node->safe_psql('second', "GRANT SELECT ON ALL TABLES IN SCHEMA public TO alice; CREATE USER MAPPING FOR alice SERVER redis OPTIONS (auth 'bearer', token 'token-of-alice')");
my $before = $redis->size;
$service->reset;
is(psql("SET ROLE $_; SELECT max(id) FROM small_redis"), '24', "$_ asks with a token") foreach qw(alice alice bob);
is($service->count('/data/plain/small'), 2, 'each for themselves, once');
is($redis->size, $before, 'nothing of it is in Redis');
like(psql('SET ROLE alice; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM small_redis'),
	qr/Cache Store: shared \(distquery.cache_secret is not set\)/, 'which EXPLAIN tells');

$node->append_conf('postgresql.conf', "distquery.cache_secret = 'known to clusters'\n");
$node->reload;
ok(poll_until(sub { psql("SET ROLE alice; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM small_redis") =~ /Cache Store: redis/ }),
	'with the secret they are kept in Redis');
$service->reset;
is(psql("SET ROLE alice; SELECT max(id) FROM small_redis"), '24', 'alice finds her answer');
is($node->safe_psql('second', "SET ROLE alice; SELECT max(id) FROM small_redis"), '24', 'in another database, too');
is($service->count('/data/plain/small'), 0, 'without a request');
is(psql("SET ROLE bob; SELECT max(id) FROM small_redis"), '24', 'bob asks');
is($service->count('/data/plain/small'), 1, 'for himself');
unlike($redis->ask('KEYS *', qr/\*\d+\r\n(\$\d+\r\n\S+\r\n)+$/), qr/token/, 'names hold no token');
($status, $stdout, $stderr) = $node->psql('postgres', 'SET ROLE bob; SHOW distquery.cache_secret');
like($stderr, qr/permission denied|must be/i, 'the secret is the superuser\'s');

# Another cluster finds her answer under the same secret, and under another one does not.
$other->safe_psql('postgres', q{CREATE ROLE alice LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO alice;
	CREATE USER MAPPING FOR alice SERVER redis OPTIONS (auth 'bearer', token 'token-of-alice')});
$service->reset;
foreach my $case ([ 'known to clusters', 0 ], [ 'known to one', 1 ])
{
	my ($secret, $requests) = @$case;
	$other->append_conf('postgresql.conf', "distquery.cache_secret = '$secret'\n");
	$other->reload;
	ok(poll_until(sub { $other->safe_psql('postgres', 'SHOW distquery.cache_secret') eq $secret }), "a cluster whose secret is \"$secret\"");
	is($other->safe_psql('postgres', 'SET ROLE alice; SELECT max(id) FROM small_redis'), '24', 'has the answer');
	is($service->count('/data/plain/small'), $requests, "of $requests requests");
}

# cache_shared: one answer for all, whatever the credentials.
alter_options($node, 'FOREIGN TABLE small_redis', ADD => { cache_shared => 'true' });
$service->reset;
is(psql("SET ROLE $_; SELECT max(id) FROM small_redis"), '24', "$_ with cache_shared") foreach qw(alice bob);
is($service->count('/data/plain/small'), 1, 'one request for both');

done_testing();
