# Sessions share answers for a time to live, one of them asks, and whatever ends badly is nobody's answer.

use strict;
use warnings;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(time);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", max_connections => 80, 'distquery.cache_size' => "'2MB'",
	restart_after_crash => 'on');

create_server($node, 'api', $service->url, strategy => 'cache', ttl => '1h', timeout => '20s', retries => 0, max_in_flight => 100, breaker_failures => 0);
sub table
{
	my ($name, $path, %options) = @_;
	create_table($node, 'api', $name, 'id int, t text', path => $path, %options);
	return;
}
sub psql { return $node->safe_psql('postgres', @_); }
sub backends
{
	my ($name) = @_;
	return split(/\n/, psql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%FROM $name%' AND pid <> pg_backend_pid() AND state = 'active'"));
}

# What one session has asked another finds, and its own transaction does not matter.
$service->put('small', [ map { { id => $_, t => "row $_" } } 1 .. 20 ]);
table('small', '/data/plain/small');
$service->reset;
is(psql('BEGIN; SELECT count(*), max(t) FROM small; ROLLBACK'), '20|row 9', 'asked');
is(psql('SELECT count(*), max(id) FROM small'), '20|20', 'found by another session');
is($service->count('/data/plain/small'), 1, 'one request');
is(psql('SET distquery.strategy = live; SELECT count(*) FROM small'), '20', 'forced live');
is($service->count('/data/plain/small'), 2, 'asks');

# Of 64 keys, those are asked that no session has asked for yet.
create_table($node, 'api', 'keyed', 'id int, name text', path => '/data/postgrest/customers', dialect => 'postgrest');
psql(q{ALTER FOREIGN TABLE keyed ALTER id OPTIONS (key 'true', filter '= in')});
psql('SELECT count(*) FROM keyed WHERE id = ANY (ARRAY(SELECT generate_series(1, 64, 2)))');
$service->reset;
is(psql('SELECT count(*), sum(id) FROM keyed WHERE id = ANY (ARRAY(SELECT generate_series(1, 64)))'), '64|2080', '64 keys');
my $asked = $service->log('/data/postgrest/customers');
is(scalar @$asked, 1, 'one request');
is(scalar(() = $asked->[0]{query} =~ /%22\d+%22/g), 32, 'for 32 of them');

# A narrower question is answered by what another session has asked.
$service->put('parts', [ map { { id => $_, t => $_ % 2 ? 'odd' : 'even' } } 1 .. 100 ]);
create_table($node, 'api', 'parts', 'id int, t text', path => '/data/postgrest/parts', dialect => 'postgrest');
psql(qq{ALTER FOREIGN TABLE parts ALTER $_ OPTIONS (filter '= >')}) foreach qw(id t);
is(psql("SELECT count(*) FROM parts WHERE t = 'odd'"), '50', 'odd ones');
is(psql("SELECT count(*) FROM parts WHERE t = 'odd' AND id > 90"), '5', 'some of them');
is(psql("SELECT count(*) FROM parts WHERE t = 'odd' AND id = 90"), '0', 'none of them');
is($service->count('/data/postgrest/parts'), 1, 'one request');

# What EXPLAIN ANALYZE says of the cache.
sub cache_lines
{
	my ($query) = @_;
	my @lines = psql("EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF) $query") =~ /^\s*((?:Cache|Age): [^\n]*)/mg;
	return join(' ', @lines);
}

# Rows of a list that come out of the cache stay as old as they are.
$service->put('aging', [ map { { id => $_, t => 'x' } } 1 .. 40 ]);
create_table($node, 'api', 'aging', 'id int, t text', path => '/data/postgrest/aging', dialect => 'postgrest', cache_rows => 'true', ttl => '2s');
psql(q{ALTER FOREIGN TABLE aging ALTER id OPTIONS (key 'true', filter '= in')});
my $next = 1;
psql('SELECT count(*) FROM aging WHERE id IN (1, 2)');
ok(poll_until(sub { $next++; psql("SELECT count(*) FROM aging WHERE id IN (1, $next)");
			scalar(grep { $_->{query} =~ /%221%22/ } @{ $service->log('/data/postgrest/aging') }) > 1 }, 20), 'one that is asked for again and again expires');

# Single flight.
table('cold', '/data/plain/small?_delay=400');
$service->reset;
my $started = time;
my @sessions = map { [ start_query($node, 'SELECT count(*), sum(id) FROM cold') ] } 1 .. 50;
$_->[0]->finish foreach @sessions;
is(scalar(grep { ${ $_->[1] } eq "20|210\n" } @sessions), 50, '50 sessions get the answer');
is($service->count('/data/plain/small'), 1, 'of one request');
note(sprintf('50 sessions on a cold key of 400 ms took %.0f ms, their starts included', (time - $started) * 1000));
is(psql("SELECT hits + coalesced, misses, stored FROM distquery.cache_stats WHERE source = 'cold'::regclass"), '49|1|1', 'counted');
psql("SELECT distquery.invalidate('cold')");
$service->reset;
my $asking = [ start_query($node, 'SELECT count(*) FROM cold') ];
ok(poll_until(sub { $service->count('/data/plain/small') == 1 }), 'one asks');
my ($explaining, $explained) = start_query($node, 'EXPLAIN (ANALYZE, COSTS OFF) SELECT * FROM cold');
$_->finish foreach $asking->[0], $explaining;
like($$explained, qr/Cache: coalesced 1/, 'EXPLAIN shows who has waited');

$service->put('slow', [ { id => 1, t => 'x' } ]);

# A leader that is terminated, or canceled, hands the lead on.
foreach my $way ('pg_terminate_backend', 'pg_cancel_backend')
{
	table($way, '/data/plain/slow?_delay=1500');
	$service->reset;
	my $leader = [ start_query($node, "SELECT count(*) FROM $way") ];
	ok(poll_until(sub { $service->count('/data/plain/slow') == 1 }), 'the leader has asked');
	my ($pid) = backends($way);
	my @followers = map { [ start_query($node, "SELECT count(*) FROM $way") ] } 1 .. 10;
	ok(poll_until(sub { scalar(backends($way)) == 11 }), '10 others follow');
	psql("SELECT $way($pid)");
	$leader->[0]->finish;
	$_->[0]->finish foreach @followers;
	is(scalar(grep { ${ $_->[1] } eq "1\n" } @followers), 10, "$way of the leader: the others get the answer");
	is($service->count('/data/plain/slow'), 2, 'of one more request');
}

# One that the service fails is no reason to wait for the next: all ask for themselves.
table('failing', '/fault/status/503?_delay=300');
$service->reset;
@sessions = map { [ start_query($node, 'SELECT count(*) FROM failing') ] } 1 .. 5;
$_->[0]->finish foreach @sessions;
is(scalar(grep { ${ $_->[2] } =~ /could not/ } @sessions), 5, 'a failure is everybody\'s');
is(psql("SELECT stored FROM distquery.cache_stats WHERE source = 'failing'::regclass"), '0', 'and not kept');

# A follower can be canceled while it waits.
table('waiting', '/data/plain/slow?_delay=4000');
my $leader = [ start_query($node, 'SELECT count(*) FROM waiting') ];
ok(poll_until(sub { $service->count('/data/plain/slow') > 0 && backends('waiting') }), 'a leader');
$started = time;
my ($status, $stdout, $stderr) = $node->psql('postgres', "SET statement_timeout = '100ms'; SELECT count(*) FROM waiting");
like($stderr, qr/statement timeout/, 'a follower is canceled');
cmp_ok(time - $started, '<', 3, 'at once');
$leader->[0]->finish;
is(${ $leader->[1] }, "1\n", 'the leader is not');

# A leader that sits in an idle cursor does not keep others waiting.
$service->put('pages', [ map { { id => $_, t => 'x' x 1000 } } 1 .. 1000 ]);
table('pages', '/data/plain/pages?_envelope=items&_delay=30', rows => '/items', paging => 'page', page_size => 50);
my $script = q{
	SET cursor_tuple_fraction = 1;
	BEGIN;
	DECLARE c CURSOR FOR SELECT id FROM pages;
	FETCH 1 FROM c;
	SELECT pg_advisory_lock(1);
	FETCH 1 FROM c;};
psql("SELECT distquery.invalidate('pages')");
my ($lock, $lock_out) = start_query($node, 'SELECT pg_advisory_lock(1); SELECT pg_sleep(60)');
ok(poll_until(sub { psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted") eq '1' }), 'a lock');
my $idle = [ start_query($node, $script) ];
ok(poll_until(sub { psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") eq '1' }), 'a cursor sits idle');
is(psql('SELECT count(*) FROM pages'), '1000', 'another session asks for itself');
psql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()");
$lock->finish;
$idle->[0]->finish;

# ttl: a changed service is seen once the answer is too old.
table('short', '/data/plain/small', ttl => '300ms');
is(psql('SELECT max(id) FROM short'), '20', 'before the change');
$service->put('small', [ { id => 21, t => 'new' } ]);
ok(poll_until(sub { psql('SELECT max(id) FROM short') eq '21' }, 20), 'seen after ttl');
is(psql('SELECT max(id) FROM small'), '20', 'not before');
is(psql("SET distquery.max_age = '1ms'; SELECT max(id) FROM small"), '21', 'but where max_age says so');
is(psql('SELECT max(id) FROM small'), '21', 'and then by all');

# stale_while_revalidate: the old answer at once, and a new one for the next.
table('stale', '/data/plain/small', ttl => '100ms', stale_while_revalidate => '1h');
is(psql('SELECT max(id) FROM stale'), '21', 'filled');
$service->put('small', [ { id => 22, t => 'newer' } ]);
my $seen = '';
ok(poll_until(sub { $seen = psql('SELECT max(id) FROM stale'); psql("SELECT stale > 0 FROM distquery.cache_stats WHERE source = 'stale'::regclass") eq 't' }, 20), 'stale');
is($seen, '21', 'the old answer is served');
is(psql('SELECT max(id) FROM stale'), '22', 'and has been renewed');
my $line = '';
ok(poll_until(sub { $line = cache_lines('SELECT * FROM stale'); $line =~ /stale 1/ }, 20), 'once more');
like($line, qr/^Cache: stale 1 Age: \d+ ms$/, 'EXPLAIN shows it, and its age');
like(cache_lines('SELECT * FROM small'), qr/^Cache: hit 1 Age: \d+ ms$/, 'as it does of a fresh one');

# stale_if_error and on_error 'stale': the old answer in place of an outage, and of nothing else.
my $away = DistQuery::Test::Service->new;
$away->put('rates', [ map { { id => $_, t => 'x' } } 1 .. 30 ]);
create_server($node, 'away', $away->url, strategy => 'cache', ttl => '10ms', retries => 0, breaker_failures => 0);
create_table($node, 'away', 'kept', 'id int', path => '/data/plain/rates?_envelope=items', rows => '/items', paging => 'page', page_size => 10,
	stale_if_error => '1h');
create_table($node, 'away', 'warned', 'id int', path => '/data/plain/rates', on_error => 'stale');
create_table($node, 'away', 'failing_too', 'id int', path => '/data/plain/rates');
create_table($node, 'away', 'bad', 'id int', path => '/data/plain/rates', on_error => 'stale');
is(psql("SELECT count(*) FROM $_"), '30', "$_ is filled") foreach qw(kept warned failing_too bad);
$away->put('rates', [ { id => 'no number' } ]);
($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(id) FROM bad WHERE id > 0');
like($stderr, qr/invalid input syntax/, 'a wrong answer is no outage');
psql("SELECT distquery.invalidate('bad')");
$away->stop;
($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*), sum(id) FROM kept');
is("$stdout $stderr", '30|465 ', 'an outage within stale_if_error');
($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*), sum(id) FROM warned');
is($stdout, '30|465', "on_error 'stale'");
like($stderr, qr/WARNING:  foreign table "warned" is answered from the cache\nDETAIL:  could not fetch .*Connection refused.*The rows are those of 20/, 'says so');
($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*) FROM failing_too');
like($stderr, qr/ERROR:  could not fetch/, 'without either it is an error');
($status, $stdout, $stderr) = $node->psql('postgres', 'SELECT count(*) FROM bad');
like($stderr, qr/ERROR:  could not fetch/, 'and where the old answer was invalidated');
($status, $stdout, $stderr) = $node->psql('postgres', "SET distquery.max_age = '1ms'; SELECT count(*) FROM kept");
like($stderr, qr/ERROR:  could not fetch/, 'or the session wants it fresher');

# Invalidation is for all sessions, and once more at commit.
$service->put('small', [ { id => 30, t => 'x' } ]);
is(psql('SELECT max(id) FROM small'), '21', 'cached');
psql("SELECT distquery.invalidate('small')");
is(psql('SELECT max(id) FROM small'), '30', 'invalidated by another session');

# What was asked before an invalidation is nobody's answer, nor are its rows, whenever it comes.
create_table($node, 'api', 'rows_of', 'id int, t text', path => '/data/postgrest/late?_delay=1000', dialect => 'postgrest', cache_rows => 'true');
psql(q{ALTER FOREIGN TABLE rows_of ALTER id OPTIONS (key 'true', filter '=')});
$service->put('late', [ { id => 1, t => 'old' }, { id => 2, t => 'old' } ]);
my $late = [ start_query($node, "SELECT string_agg(t, ',') FROM rows_of") ];
ok(poll_until(sub { $service->count('/data/postgrest/late') > 0 && backends('rows_of') }), 'a question is under way');
psql("SELECT distquery.invalidate('rows_of', 'id = 1')");
$late->[0]->finish;
is(${ $late->[1] }, "old,old\n", 'it has its answer');
$service->put('late', [ { id => 1, t => 'new' }, { id => 2, t => 'new' } ]);
is(psql("SELECT t FROM rows_of WHERE id = 1"), 'new', 'a row of it is no answer');
is(psql("SELECT t FROM rows_of WHERE id = 2"), 'new', 'nor is another row');
is(psql("SELECT string_agg(t, ',') FROM rows_of"), 'new,new', 'nor the whole');

# The bound: ten times its size passes through, and a value that is too large is not kept.
$service->put('churn1', [ map { { id => $_, t => 'y' x 1000 } } 1 .. 100 ]);
table('big', '/big?rows=20000');
is(psql('SELECT count(*) FROM big'), '20000', 'a large answer');
is(psql("SELECT stored, refused FROM distquery.cache_stats WHERE source = 'big'::regclass"), '0|1', 'is not kept');
create_table($node, 'api', 'tags', 'id int, t text, tag text', path => '/data/plain/churn1?_lenient');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE tags ALTER tag OPTIONS (from 'request', filter '=')});
psql('SELECT count(*) FROM generate_series(1, 220) g, LATERAL (SELECT id FROM tags WHERE tag = g::text OFFSET 0) t');
my ($stored, $evicted, $bytes) = split(/\|/, psql(q{SELECT stored, evicted, (SELECT sum(bytes) FROM distquery.cache_stats) FROM distquery.cache_stats WHERE source = 'tags'::regclass}));
cmp_ok($stored, '>=', 200, "stored $stored answers of 100 kB");
cmp_ok($evicted, '>', 150, "$evicted made room");
cmp_ok($bytes, '<', 2 * 1024 * 1024, "$bytes bytes are kept");
cmp_ok($bytes, '>', 1024 * 1024, 'most of the memory is used');

# kill -9 of a backend that leads: all start anew, and nothing is stuck.
$service->reset;
psql("SELECT distquery.invalidate('waiting')");
# A statement that was answered is not cancelled for the renewal.
table('slow_stale', '/data/plain/brief?_delay=4000', ttl => '1ms', stale_while_revalidate => '1h');
$service->put('brief', [ map { { id => $_, t => 'x' } } 1 .. 20 ]);
is(psql('SELECT count(*) FROM slow_stale'), '20', 'a slow service is asked');
$service->reset;
is(psql("SET statement_timeout = '2s'; SELECT count(*) FROM slow_stale"), '20', 'its old answer within statement_timeout');
is($service->count('/data/plain/brief'), 1, 'a new one was asked for');

# Nobody waits a second time where the answer is older than its ttl when it comes: those who have waited ask at once.
table('brief', '/data/plain/brief?_delay=1000', ttl => '1ms');
create_table($node, 'api', 'brief_keys', 'id int, name text', path => '/data/postgrest/customers?_delay=1000', dialect => 'postgrest', ttl => '1ms');
psql(q{ALTER FOREIGN TABLE brief_keys ALTER id OPTIONS (key 'true', filter '= in')});
foreach my $case ([ brief => '' ], [ brief_keys => 'WHERE id IN (101, 102, 103)' ])
{
	my ($name, $condition) = @$case;
	my $under_way = q{SELECT in_flight FROM distquery.services WHERE server = 'api'};
	@sessions = map { [ start_query($node, "SELECT count(*) FROM $name $condition") ] } 1 .. 4;
	ok(poll_until(sub { psql($under_way) == 1 && backends($name) == 4 }, 30), "$name: one asks, three wait");
	ok(poll_until(sub { psql($under_way) == 3 }, 30), 'the three ask all together');
	$_->[0]->finish foreach @sessions;
	is(join(' ', map { ${ $_->[1] } + 0 } @sessions), $condition ? '3 3 3 3' : '20 20 20 20', 'all have their rows');
}

$leader = [ start_query($node, 'SELECT count(*) FROM waiting') ];
ok(poll_until(sub { $service->count('/data/plain/slow') == 1 }), 'a leader');
my ($pid) = backends('waiting');
kill 'KILL', $pid;
$leader->[0]->finish;
ok(poll_until(sub { ($node->psql('postgres', 'SELECT 1'))[0] == 0 }), 'the server has recovered');
is(psql('SELECT count(*) FROM waiting'), '1', 'and answers');

# kill -9 of the postmaster: the leader and those who wait end with it, and nothing is stuck after the next start.
$service->reset;
psql("SELECT distquery.invalidate('waiting')");
@sessions = map { [ start_query($node, 'SELECT count(*) FROM waiting') ] } 1 .. 4;
ok(poll_until(sub { $service->count('/data/plain/slow') == 1 && backends('waiting') == 4 }), 'a leader, and three who wait');
my @pids = backends('waiting');
$node->kill9;
$_->[0]->finish foreach @sessions;
ok(poll_until(sub { !grep { kill 0, $_ } @pids }, 30), 'all of them have ended');
$node->start;
$service->reset;
is(psql('SELECT count(*) FROM waiting'), '1', 'the next one asks');
is(psql('SELECT count(*) FROM waiting'), '1', 'and another finds it');
is($service->count('/data/plain/slow'), 1, 'by one request');
is(psql('SELECT count(*) FROM small'), '1', 'other tables, too');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/TRAP|leak|damaged/, 'nothing odd in the log');
$node->stop;
done_testing();
