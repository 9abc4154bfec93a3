# ttl 'http': the service says how long its answers may be used, and confirms old ones.

use strict;
use warnings;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", max_connections => 40);
create_server($node, 'api', $service->url, strategy => 'cache', ttl => 'http', retries => 0, breaker_failures => 0);
sub psql { return $node->safe_psql('postgres', @_); }
my $rows = [ map { { id => $_, t => "row $_" } } 1 .. 20 ];
$service->put($_, $rows) foreach qw(a b c d e f);
my $tables = 0;

# A table on its own path, with those parameters; returns its name.
sub table
{
	my ($path, %options) = @_;
	my $name = 'http_' . ++$tables;
	create_table($node, 'api', $name, 'id int, t text', path => $path, %options);
	return $name;
}
# The status of each request since the last call.
sub asked
{
	my $statuses = join(' ', map { $_->{status} } @{ $service->log('/data') });
	$service->reset;
	return $statuses;
}
sub read_twice
{
	my ($name) = @_;
	asked();
	is(psql("SELECT count(*), max(id) FROM $name"), '20|20', "$name: rows");
	is(psql("SELECT count(*), max(id) FROM $name"), '20|20', "$name: again");
	return asked();
}
sub cache_line
{
	my ($query) = @_;
	my ($line) = psql("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF, SUMMARY OFF) $query") =~ /^\s*(Cache: [^\n]*)/m;
	return $line // 'none';
}

# What may be kept.  A question whose answer may not is asked each time.
foreach my $case (
	[ '_cc=max-age%3D3600', '200', 'max-age' ],
	[ '_expires=3600', '200', 'Expires' ],
	[ '_expires=3600&_date=3590', '200', 'a Date in the future is no reason' ],
	[ '_expires=-3600', '200 200', 'in the past' ],
	[ '_expires=0x', '200 200', 'malformed' ],
	[ '_cc=max-age%3D0', '200 200', 'no lifetime' ],
	[ '_lenient', '200 200', 'nothing said' ],
	[ '_cc=max-age%3D3600,no-store', '200 200', 'no-store' ],
	[ '_cc=max-age%3D3600&_vary=Accept', '200', 'what is sent is always the same' ],
	[ '_cc=max-age%3D3600&_vary=*', '200 200', 'Vary: *' ],
	[ '_cc=max-age%3D3600&_vary=User-Agent', '200 200', 'the name of the session is in it' ],
	[ '_cc=max-age%3D3600&_age=3599', '200', 'Age' ],
	[ '_cc=max-age%3D3600&_age=3600', '200 200', 'too old already' ],
	[ '_cc=max-age%3D3600&_date=-4000', '200 200', 'by its Date' ],
	[ '_cc=private,max-age%3D3600', '200', 'private' ],
	[ '_cc=max-age%3D0,stale-while-revalidate%3D3600', '200 200', 'an old one is used, and renewed' ])
{
	my ($parameters, $statuses, $what) = @$case;
	is(read_twice(table("/data/plain/a?$parameters")), $statuses, $what);
}

is(read_twice(table('/data/plain/a?_cc=max-age%3D3600&_vary=User-Agent', headers => '{"User-Agent": "ours"}')), '200', 'but not in a declared one');

# Confirmation.
my $tagged = table('/data/plain/b?_etag=strong&_cc=no-cache');
is(read_twice($tagged), '200 304', 'no-cache: confirmed each time');
is(cache_line("SELECT * FROM $tagged"), 'Cache: confirmed 1', 'EXPLAIN says so');
$service->put('b', [ { id => 7, t => 'new' } ]);
asked();
is(psql("SELECT id, t FROM $tagged"), '7|new', 'a changed answer comes');
is(psql("SELECT id, t FROM $tagged"), '7|new', 'and is confirmed in its turn');
is(asked(), '200 304', 'by one request each');
is(read_twice(table('/data/plain/a?_etag=weak')), '200 304', 'a weak tag, without a lifetime');
is(read_twice(table('/data/plain/a?_modified=1&_cc=max-age%3D0')), '200 304', 'Last-Modified');
my $renewed = table('/data/plain/a?_etag=strong&_cc=max-age%3D0&_cc304=max-age%3D3600');
is(read_twice($renewed), '200 304', '304 renews');
is(read_twice($renewed), '', 'and its headers replace the old ones');
is(read_twice(table('/data/plain/a?_etag=strong&_expires=-5&_cc304=')), '200 304', 'those that it leaves out stay');
is(read_twice(table('/data/plain/a?_etag=wrong')), '200 304 200', 'one for another answer is no answer');
my $long = table('/data/plain/a?_etag=strong&_cc=max-age%3D3600');
is(read_twice($long), '200', 'fresh');
is(psql("SET distquery.max_age = '1ms'; SELECT count(*) FROM $long"), '20', 'a session wants it fresher');
is(asked(), '304', 'and has it confirmed');
is(psql("SELECT distquery.invalidate('$long')"), '', 'invalidated');
is(read_twice($long), '200', 'it is not there to be confirmed');

# Several pages: fresh as long as all of them, but not confirmed.
my @paged = (rows => '/items', paging => 'page', page_size => 8);
is(read_twice(table('/data/plain/a?_envelope=items&_cc=max-age%3D3600', @paged)), '200 200 200 200', 'pages');
is(read_twice(table('/data/plain/a?_envelope=items&_etag=strong&_cc=max-age%3D0', @paged)), join(' ', ('200') x 8), 'are asked for again');
is(read_twice(table('/data/plain/a?_envelope=items&_etag=strong', @paged, page_size => 1000, last_page => 'short')), '200 304', 'one page is confirmed');

# A redirect says nothing of its own life.
my $led = table('/fault/redirect?status=302&to=' . '/data/plain/a%3F_cc%3Dmax-age%253D3600', redirects => 2);
is(read_twice($led), '200 200', 'asked for again, where it leads to as well');

# Lookups are confirmed, too.
my $looked = table('/data/plain/a', lookup_path => '/data/plain/a/{id}?_etag=strong&_cc=no-cache');
psql("ALTER FOREIGN TABLE $looked ALTER id OPTIONS (key 'true')");
asked();
is(psql("SELECT t FROM $looked WHERE id = 3"), 'row 3', 'looked up') for 1 .. 2;
is(psql("SELECT count(*) FROM $looked WHERE id IN (3, 4)"), '2', 'with another');
is(asked(), '200 304 304 200', 'one is confirmed');

# What everybody is told: needs a permission where credentials were sent, and no "private".
create_server($node, 'known', $service->url, strategy => 'cache', ttl => 'http', retries => 0, auth => 'bearer', token => 'secret-of-all');
foreach my $case (
	[ 'max-age%3D3600', 'false', '200', 'for one identity' ],
	[ 'max-age%3D3600', 'true', '200 200', 'cache_shared, with credentials' ],
	[ 'max-age%3D3600,public', 'true', '200', 'public' ],
	[ 's-maxage%3D3600', 'true', '200', 's-maxage' ],
	[ 's-maxage%3D3600', 'false', '200 200', 'is for shared caches only' ],
	[ 'max-age%3D3600,must-revalidate', 'true', '200', 'must-revalidate' ],
	[ 'private,public,max-age%3D3600', 'true', '200 200', 'private' ],
	[ 'public,max-age%3D3600&_vary=authorization', 'true', '200 200', 'varies by who asks' ])
{
	my ($control, $shared, $statuses, $what) = @$case;
	my $name = 'http_' . ++$tables;
	create_table($node, 'known', $name, 'id int, t text', path => "/data/plain/a?_cc=$control", cache_shared => $shared);
	is(read_twice($name), $statuses, $what);
}

# Stale: while a new one is asked for, or in place of a failure.
my $swr = table('/data/plain/c?_cc=max-age%3D0,stale-while-revalidate%3D3600');
is(psql("SELECT max(id) FROM $swr"), '20', 'filled');
$service->put('c', [ { id => 21, t => 'new' } ]);
is(psql("SELECT max(id) FROM $swr"), '20', 'the old answer');
is(psql("SELECT max(id) FROM $swr"), '21', 'then the new one');
my $away = DistQuery::Test::Service->new;
$away->put('a', $rows);
create_server($node, 'away', $away->url, strategy => 'cache', ttl => 'http', retries => 0, breaker_failures => 0);
my @failing = (
	[ 'max-age%3D0,stale-if-error%3D3600', {}, '20', 'stale-if-error' ],
	[ 'max-age%3D0,stale-if-error%3D0', { stale_if_error => '1h' }, 'ERROR', 'the service counts before the option' ],
	[ 'max-age%3D0,stale-while-revalidate%3D1', { stale_if_error => '1h' }, '20', 'the option, where it says nothing' ],
	[ 'max-age%3D1,must-revalidate', { stale_if_error => '1h', on_error => 'stale' }, 'ERROR', 'must-revalidate' ]);
foreach my $case (@failing)
{
	my $name = $case->[4] = 'http_' . ++$tables;
	create_table($node, 'away', $name, 'id int, t text', path => "/data/plain/a?_cc=$case->[0]", %{ $case->[1] });
	is(psql("SELECT count(*) FROM $name"), '20', "$name is filled");
}
$away->stop;
# Beyond the lives that were told.
is(psql('SELECT pg_sleep(1.5)'), '', 'a while later');
foreach my $case (@failing)
{
	my ($status, $stdout, $stderr) = $node->psql('postgres', "SELECT count(*) FROM $case->[4]");
	is($stderr =~ /ERROR:  could not fetch/ ? 'ERROR' : $stdout, $case->[2], $case->[3]);
}

# Lists by key, and rows of a collection.
my $keyed = table('/data/postgrest/d?_cc=max-age%3D3600&_etag=strong', dialect => 'postgrest', cache_rows => 'true');
psql("ALTER FOREIGN TABLE $keyed ALTER id OPTIONS (key 'true', filter '= in')");
asked();
is(psql("SELECT count(*) FROM $keyed WHERE id IN (1, 2, 3)"), '3', 'a list');
is(psql("SELECT count(*) FROM $keyed WHERE id IN (2, 3)"), '2', 'another');
is(psql("SELECT t FROM $keyed WHERE id = 2"), 'row 2', 'one');
is(asked(), '200', 'one request');
is(psql("SELECT count(*) FROM $keyed"), '20', 'all');
is(psql("SELECT t FROM $keyed WHERE id = 17"), 'row 17', 'one of them');
is(psql("SELECT count(*) FROM $keyed WHERE id = 99"), '0', 'none');
is(psql("SELECT count(*) FROM $keyed WHERE id = 99"), '0', 'again');
like(asked(), qr/^200( 200)?$/, 'without asking again');

# POST has no place of its own for what it finds.
my $search = table('/search/e?_cc=max-age%3D3600', body => '{"page": {"size": 100}}');
psql("SELECT count(*) FROM $search") for 1 .. 2;
is($service->count('/search'), 2, 'a search is asked each time');

# Nobody waits for an answer that is not kept: all ask at once.
my $cold = table('/data/plain/f?_delay=500&_cc=no-store');
$service->reset;
my @sessions = map { [ start_query($node, "SELECT count(*) FROM $cold") ] } 1 .. 6;
$_->[0]->finish foreach @sessions;
is(scalar(grep { ${ $_->[1] } eq "20\n" } @sessions), 6, 'six sessions on what may not be kept');
is($service->count('/data/plain/f'), 6, 'ask for themselves');
cmp_ok($service->stats->{max_in_flight}, '>', 2, 'at once');

# A ttl of ours: what was asked together does not expire together.
$service->put('many', [ map { { id => $_, t => 'x' } } 1 .. 100 ]);
my $spread = table('/data/postgrest/many', dialect => 'postgrest', ttl => '4s');
psql("ALTER FOREIGN TABLE $spread ALTER id OPTIONS (key 'true', filter '= in')");
my $list = "SELECT * FROM $spread WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)))";
my $found = 0;
ok(poll_until(sub { ($found) = cache_line($list) =~ /\((\d+) of 100 keys found\)/; ($found // 0) > 0 && $found < 100 }, 60), 'some of 100 keys have expired, some have not');
note("$found of 100 were still there");

# ttl_empty: the life of an answer without rows.
my $empty = table('/data/postgrest/d', dialect => 'postgrest', ttl => '1h', ttl_empty => '0');
psql("ALTER FOREIGN TABLE $empty ALTER id OPTIONS (filter '=')");
asked();
is(psql("SELECT count(*) FROM $empty WHERE id = 99"), '0', 'nothing') for 1 .. 2;
is(psql("SELECT count(*) FROM $empty WHERE id = 9"), '1', 'something') for 1 .. 2;
is(asked(), '200 200 200', 'what is not there is asked for again, what is there is not');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/TRAP|leak|damaged/, 'nothing odd in the log');
$node->stop;
done_testing();
