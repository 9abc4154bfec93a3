# Queries that run on their own: workers that wait, end and are ended; restarts; what is dropped under them.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $bound = 20;    # seconds in which what is said to happen at once has to have happened
my $service = DistQuery::Test::Service->new;
my $node = new_node('main', 'distquery.max_workers' => 2, max_worker_processes => 12, restart_after_crash => 'on',
	log_error_verbosity => 'verbose', wal_level => 'replica', max_wal_senders => 4, hot_standby => 'on');
create_server($node, 'api', $service->url, retries => 0);
create_table($node, 'api', 'good', 'id int', path => '/fault/good');
create_table($node, 'api', 'hanging', 'id int', path => '/fault/hang');
create_table($node, 'api', 'slow', 'id int', path => '/fault/slow-body?rows=100000&ms=5');
my $session = DistQuery::Session->new($node);
my $hang = 'SELECT id FROM hanging';

sub submit
{
	my ($sql, $options) = @_;
	my $id = $session->query("SELECT distquery.submit(\$\$$sql\$\$" . ($options ? ", $options" : '') . ')');
	die $session->last_error unless $id;
	return $id;
}

sub status { return $session->query("SELECT distquery.status('$_[0]')"); }
sub facts { return $session->query("SELECT $_[1] FROM distquery.queries WHERE id = '$_[0]'"); }

# Polls without distquery.status(), which would start a queue that nobody works on.
sub becomes
{
	my ($id, $state, $name) = @_;
	my $seen = '';
	ok(poll_until(sub { ($seen = facts($id, 'state')) eq $state }, $bound), $name) or diag("it is $seen");
	return;
}

sub workers
{
	my ($kind) = @_;
	return $session->query('SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE '
		  . literal('distquery ' . ($kind // '%')));
}

sub pid_of { return $session->query("SELECT pid FROM pg_stat_activity WHERE backend_type = 'distquery $_[0]' LIMIT 1"); }
sub idle { return ok(poll_until(sub { workers() == 0 }, $bound), "$_[0]: no process is left"); }

#
# Notified, watched, cancelled
#

my $listener = DistQuery::Session->new($node);
$listener->query('LISTEN distquery');
my $id = submit('SELECT id FROM good ORDER BY id DESC');
becomes($id, 'done', 'a query over a service ends');
ok(poll_until(sub { $listener->query('SELECT 1') =~ /notification "distquery" with payload "\{"id":"$id","state":"done"\}"/ }, $bound),
	'and that is notified');
is($session->query("SELECT string_agg(r->>'id', ' ') FROM distquery.result('$id') r"), '3 2 1', 'with its rows in order');
idle('at the end');

$id = submit('SELECT id FROM slow');
ok(poll_until(sub { facts($id, "state = 'running' AND rows > 0 AND pid IS NOT NULL") eq 't' }, $bound),
	'rows are counted while they come');
is(facts($id, 'query = (SELECT query FROM pg_stat_activity a WHERE a.pid = q.pid)' =~ s/q\.pid/queries.pid/r), 't', 'the worker shows what it runs');
like($session->error("SELECT distquery.result('$id')"), qr/55000: query "$id" has not ended\nDETAIL:  It is running/, 'the result is not there yet');
is($session->query("SELECT distquery.discard('$id')"), 'f', 'nor can it be discarded');
is($session->query("SELECT distquery.cancel('$id')"), 't', 'cancel in the middle of an answer');
becomes($id, 'cancelled', 'acts at once');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, $bound), 'and takes the request off the wire');
is(facts($id, 'error_code'), '57014', 'with its error');
is($session->query("SELECT distquery.cancel('$id')"), 'f', 'there is nothing to cancel any more');
ok(poll_until(sub { $listener->query('SELECT 1') =~ /"$id","state":"cancelled"/ }, $bound), 'which is notified, too');

$service->reset;
$id = submit($hang);
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), 'a query waits for a service');
$session->query('SELECT pg_cancel_backend(' . facts($id, 'pid') . ')');
becomes($id, 'cancelled', 'pg_cancel_backend cancels it');

#
# No more than max_workers, and every one in the end
#

$service->reset;
my @ids = map { submit($hang) } 1 .. 5;
ok(poll_until(sub { $service->stats->{in_flight} == 2 }, $bound), 'two run at once');
is($session->query(q{SELECT string_agg(state || ' ' || n, ' ' ORDER BY state) FROM (SELECT state, count(*) AS n FROM distquery.queries
	WHERE state IN ('queued', 'running') GROUP BY 1) s}), 'queued 3 running 2', 'the others are queued');
is($service->stats->{max_in_flight}, 2, 'never more than two');
$node->append_conf('postgresql.conf', "distquery.max_workers = 3\n");
$node->reload;
ok(poll_until(sub { $service->stats->{in_flight} == 3 }, $bound), 'a reload changes how many');
$node->append_conf('postgresql.conf', "distquery.max_workers = 2\n");
$node->reload;
ok(poll_until(sub { $session->query('SHOW distquery.max_workers') eq '2' }, $bound), 'and back');
$node->safe_psql('postgres', 'CREATE ROLE other LOGIN; GRANT SELECT ON good, hanging TO other; GRANT USAGE ON FOREIGN SERVER api TO other');
my $other = DistQuery::Session->new($node, user => 'other');
my $others = $other->query(q{SELECT distquery.submit('SELECT id FROM good')});
$session->query("SELECT distquery.cancel('$ids[0]'), distquery.cancel('$ids[1]')");
ok(poll_until(sub { $other->query("SELECT distquery.status('$others')") eq 'done' }, $bound), q{another role's query does not wait for all});
foreach my $query (@ids)
{
	ok(poll_until(sub { facts($query, 'state') ne 'queued' }, $bound), 'it is its turn');
	$session->query("SELECT distquery.cancel('$query')");
	becomes($query, 'cancelled', 'and the next');
}
is($service->stats->{max_in_flight}, 3, 'never more than three');
idle('after a queue');

# Commits that race with dispatchers that leave: none is overlooked.
my @sessions = map { DistQuery::Session->new($node) } 1 .. 6;
foreach my $round (1 .. 5)
{
	$_->send(q{SELECT distquery.submit('SELECT 1'); SELECT distquery.submit('SELECT 2')}) foreach @sessions;
	$_->finish(60) or die 'a session hangs' foreach @sessions;
}
ok(poll_until(sub { $session->query(q{SELECT count(*) FROM distquery.queries WHERE query IN ('SELECT 1', 'SELECT 2') AND state = 'done'}) == 60 }, 60),
	'all of many are run');
$_->close foreach @sessions;
idle('after many');

# A dispatcher that is up before the commit it was started for.
$node->append_conf('postgresql.conf', "synchronous_standby_names = 'nobody'\n");
$node->reload;
ok(poll_until(sub { $session->query('SHOW synchronous_standby_names') eq 'nobody' }, $bound), 'commits wait');
$session->query('CHECKPOINT');    # the checkpointer is who makes that hold
my $waiting = DistQuery::Session->new($node);
$waiting->send(q{SELECT distquery.submit('SELECT 11 AS n')});
ok(poll_until(sub { $session->query(q{SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
	WHERE locktype = 'advisory' AND NOT granted AND backend_type = 'distquery dispatcher'}) eq '1' }, $bound), 'so does the dispatcher, for them');
$session->query('SELECT pg_cancel_backend(' . $waiting->pid . ')');
ok($waiting->finish($bound), 'the commit goes through');
like($waiting->last_error, qr/canceling wait for synchronous replication/, 'by itself');
ok(poll_until(sub { workers('executor') eq '1' }, $bound), 'and is not overlooked');
$node->append_conf('postgresql.conf', "synchronous_standby_names = ''\n");
$node->reload;
ok(poll_until(sub { $session->query('SHOW synchronous_standby_names') eq '' }, $bound), 'commits do not wait any more');
becomes($waiting->output, 'done', 'the query ends');
$waiting->close;

# What a query does to its own session does no harm.
$id = submit('SELECT pg_advisory_unlock_all() IS NULL, set_config($s$search_path$s$, $s$nowhere$s$, false), set_config($s$role$s$, $s$none$s$, false),
	set_config($s$transaction_read_only$s$, $s$on$s$, true)');
becomes($id, 'done', 'a query that changes its session');

#
# Workers that are ended
#

sub is_abandoned
{
	my ($query, $name) = @_;
	becomes($query, 'failed', "$name: failed");
	is(facts($query, q{error_code || ' ' || error_message}), '57000 worker ended before the query did', "$name: and says so");
	return;
}

$service->reset;
$id = submit($hang);
my $again = submit($hang, 'attempts => 2');
ok(poll_until(sub { $service->stats->{in_flight} == 2 }, $bound), 'two queries run');
$session->query("SELECT pg_terminate_backend(pid) FROM distquery.queries WHERE state = 'running'");
is_abandoned($id, 'a terminated worker');
ok(poll_until(sub { facts($again, q{state || attempts}) eq 'running2' }, $bound), 'the one with another attempt is run again');
$session->query('SELECT pg_terminate_backend(' . facts($again, 'pid') . ')');
is_abandoned($again, 'the last attempt');
ok(poll_until(sub { $listener->query('SELECT 1') =~ /"$again","state":"failed"/ }, $bound), 'which is notified, too');
idle('after terminated workers');

$service->reset;
$id = submit($hang);
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), 'a query runs');
$session->query('SELECT pg_terminate_backend(' . pid_of('dispatcher') . ')');
idle('a terminated dispatcher takes its workers along');
is(status($id), 'running', 'nobody is there to say what became of it');
is_abandoned($id, 'asking for the status starts the queue again');

# A role that cannot connect when it is its turn.
$other->query(q{BEGIN; SELECT distquery.submit('SELECT 1', attempts => 2) AS id});
my $unable = $other->output;
$node->safe_psql('postgres', 'ALTER ROLE other NOLOGIN');
$other->query('COMMIT');
is_abandoned($unable, 'a role that may not connect any more');
is(facts($unable, 'attempts'), '2', 'all attempts are counted');
$node->safe_psql('postgres', 'ALTER ROLE other LOGIN');

#
# Restart, with a queue
#

$service->reset;
my ($running, $rerun, $queued) = (submit($hang), submit($hang, 'attempts => 2'), submit('SELECT id FROM good'));
my $kept = submit('SELECT 42 AS answer');
ok(poll_until(sub { $service->stats->{in_flight} == 2 }, $bound), 'two run, two are queued');
$_->close foreach $session, $listener, $other;
my $started = time;
$node->restart;
cmp_ok(time - $started, '<', $bound, 'a fast shutdown does not wait for queries');
$session = DistQuery::Session->new($node);
is(facts($queued, 'state'), 'queued', 'the queue is still there');
is(workers(), '0', 'nothing runs by itself without preload');
status($queued);
becomes($queued, 'done', 'until somebody asks');
is_abandoned($running, 'what was running');
becomes($kept, 'done', 'what was queued is run');
ok(poll_until(sub { facts($rerun, q{state || attempts}) eq 'running2' }, $bound), 'what may be run again is');
$session->query("SELECT distquery.cancel('$rerun')");
becomes($rerun, 'cancelled', 'and can be cancelled');
is($session->query("SELECT distquery.result('$kept')"), '{"answer": 42}', 'a result from before');

#
# kill -9 of a worker: the server recovers from a crash
#

my $unlogged = submit('SELECT g FROM generate_series(1, 10) g', 'unlogged => true');
my $empty = submit('SELECT 1 WHERE false', 'unlogged => true');
becomes($unlogged, 'done', 'an unlogged result');
becomes($empty, 'done', 'an empty one');
is($session->query("SELECT count(*) FROM distquery.result('$unlogged')"), '10', 'is read');
$service->reset;
$id = submit($hang, 'attempts => 2');
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), 'a query runs');
my $victim = facts($id, 'pid');
$session->close;
kill 'KILL', $victim;
ok(poll_until(sub { !-e "/proc/$victim" && $node->psql('postgres', 'SELECT 1') == 0 }, 60), 'the server recovers');
$session = DistQuery::Session->new($node);
like($session->error("SELECT distquery.result('$unlogged')"), qr/55000: result of query "$unlogged" is lost/, 'an unlogged result is lost, and says so');
is($session->query("SELECT count(*) FROM distquery.result('$empty')"), '0', 'nothing can be lost of an empty one');
is($session->query("SELECT distquery.result('$kept')"), '{"answer": 42}', 'a logged result is there');
status($id);
ok(poll_until(sub { facts($id, q{state || attempts}) eq 'running2' }, $bound), 'the query is run again');
$session->query("SELECT distquery.cancel('$id')");
becomes($id, 'cancelled', 'and cancelled');

#
# Expiry
#

$id = submit('SELECT 1', q{'300 ms'});
my $table = "result_" . ($id =~ s/-//gr);
ok(poll_until(sub { facts($id, 'count(*)') eq '0' }, $bound), 'a result expires');
like($session->error("SELECT distquery.result('$id')"), qr/42704: query "$id" does not exist/, 'and does not exist any more');
submit('SELECT 1');
ok(poll_until(sub { $session->query("SELECT count(*) FROM pg_class WHERE relname = '$table'") eq '0' }, $bound), 'its table is dropped');

# Somebody who reads a result keeps nobody else waiting.
$id = submit('SELECT 1', q{'500 ms'});
becomes($id, 'done', 'a result');
my $reader = DistQuery::Session->new($node);
$reader->query("BEGIN; SELECT distquery.result('$id')");
ok(poll_until(sub { facts($id, 'count(*)') eq '0' }, $bound), 'that expires while it is read');
my $next = submit('SELECT 2');
becomes($next, 'done', 'does not hold up the next query');
is($reader->query("SELECT count(*) FROM pg_class WHERE relname = 'result_" . ($id =~ s/-//gr) . "'"), '1', 'it is still there');
my $read = submit('SELECT 3');
becomes($read, 'done', 'another result');
$reader->query("COMMIT; BEGIN; SELECT distquery.result('$read')");
like($session->error("SELECT distquery.discard('$read')"), qr/55P03: result of query "$read" is being read/, 'what is read is not discarded');
$reader->query('COMMIT');
is($session->query("SELECT distquery.discard('$read')"), 't', 'afterwards it is');
$reader->close;
submit('SELECT 1');
ok(poll_until(sub { $session->query("SELECT count(*) FROM distquery.async_query WHERE id = '$id'") eq '0' }, $bound), 'and goes later');

#
# Rights: what PostgreSQL does to a result by itself, it does as its owner
#

$node->safe_psql('postgres', q{GRANT CREATE ON SCHEMA public TO other; CREATE TABLE trace (who text); GRANT INSERT ON trace TO PUBLIC});
$other = DistQuery::Session->new($node, user => 'other');
is($other->error(q{CREATE FUNCTION note() RETURNS void LANGUAGE sql AS 'INSERT INTO public.trace VALUES (current_user)';
	CREATE FUNCTION spy(float8, float8) RETURNS float8 LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.note(); RETURN $1 - $2; END $$;
	CREATE TYPE spied AS RANGE (subtype = float8, subtype_diff = spy)}), '', 'a type with functions of its owner');
$others = $other->query(q{SELECT distquery.submit('SELECT public.spied(g, g + 1.5) AS r FROM (SELECT x::float8 AS g FROM generate_series(1, 100) x) s')});
ok(poll_until(sub { $other->query("SELECT distquery.status('$others')") eq 'done' }, $bound), 'a result with that type');
$session->query('ANALYZE ' . $other->query("SELECT distquery.result_table('$others')"));
is($session->query('SELECT string_agg(DISTINCT who, $$ $$) FROM trace'), 'other', 'ANALYZE calls them as that role');

my $dump = $node->data_dir . '/dump.sql';
is(system('pg_dump', '-f', $dump, '-d', $node->connstr('postgres')), 0, 'pg_dump');
unlike(PostgreSQL::Test::Utils::slurp_file($dump), qr/result_[0-9a-f]{32}|async_query/, 'leaves queue and results out');

# DROP OWNED with a query that runs.
$service->reset;
$others = $other->query(q{SELECT distquery.submit('SELECT id FROM hanging')});
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), q{another role's query runs});
is($session->error('DROP OWNED BY other CASCADE'), '', 'DROP OWNED');
idle('DROP OWNED ends it');
is($session->query(q{SELECT count(*) FROM distquery.queries WHERE owner = 'other'}), '0', 'and removes its queries');
$other->close;
is($session->error('DROP ROLE other'), '', 'so that the role can be dropped');

#
# DROP DATABASE, DROP EXTENSION
#

sub in_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION distquery; CREATE SERVER api FOREIGN DATA WRAPPER distquery OPTIONS (url '
		  . literal($service->url) . q{, retries '0'); CREATE FOREIGN TABLE hanging (id int) SERVER api OPTIONS (path '/fault/hang')});
	return;
}

in_database('dropped');
$node->safe_psql('dropped', q{SELECT distquery.submit('SELECT 1')});
ok(poll_until(sub { $node->safe_psql('dropped', 'SELECT state FROM distquery.queries') eq 'done' }, $bound), 'a query in another database');
is($session->error('DROP DATABASE dropped'), '', 'DROP DATABASE right after a query');
in_database('dropped');
$service->reset;
$node->safe_psql('dropped', qq{SELECT distquery.submit('$hang')});
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), 'a query runs in another database');
$session->send('DROP DATABASE dropped');
ok($session->finish(2 * $bound), 'DROP DATABASE does not hang');
like($session->last_error, qr/55006: database "dropped" is being accessed by other users/, 'but says that the database is in use');
$session->send('DROP DATABASE dropped WITH (FORCE)');
ok($session->finish(2 * $bound), 'WITH (FORCE) does not hang');
is($session->last_error, '', 'and goes through');
idle('and ends the query');

in_database('emptied');
$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN');
$service->reset;
my $inside = DistQuery::Session->new($node, database => 'emptied');
$inside->query(qq{SELECT distquery.submit('SELECT 1'), distquery.submit('$hang'), distquery.submit('SELECT g.g FROM distquery.queries, pg_sleep(600) g')});
ok(poll_until(sub { $inside->query(q{SELECT count(*) FROM distquery.queries WHERE state = 'running'}) == 2 }, $bound), 'queries run');
my $stranger = DistQuery::Session->new($node, database => 'emptied', user => 'stranger');
like($stranger->error('DROP EXTENSION distquery CASCADE'), qr/42501: must be owner/, 'DROP EXTENSION by somebody who may not');
like($stranger->error('DROP SCHEMA distquery CASCADE'), qr/42501: must be owner/, 'and DROP SCHEMA');
like($stranger->error('DROP OWNED BY CURRENT_USER, postgres'), qr/42501: permission denied|42501/, 'and DROP OWNED');
$stranger->close;
is($inside->query(q{SELECT count(*) FROM distquery.queries WHERE state = 'running'}), '2', 'do queries no harm');
$inside->send('DROP EXTENSION distquery');
ok($inside->finish($bound), 'DROP EXTENSION does not hang');
like($inside->last_error, qr/2BP01/, 'and fails for the server that depends on it');
idle('running queries are ended');
$inside->query('SELECT distquery.status(id) FROM distquery.queries');
ok(poll_until(sub { $inside->query(q{SELECT string_agg(state, ' ' ORDER BY state) FROM distquery.queries}) eq 'done failed failed' }, $bound),
	'which is told of them');
$service->reset;
$inside->query(qq{SELECT distquery.submit('$hang')});
ok(poll_until(sub { $service->stats->{in_flight} == 1 }, $bound), 'a query runs');
$inside->send('DROP EXTENSION distquery CASCADE');
ok($inside->finish($bound), 'DROP EXTENSION CASCADE does not hang');
like($inside->last_error, qr/^NOTICE/, 'and goes through');
idle('running queries are ended');
is($inside->query(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'distquery'::regnamespace}), '0', 'results are gone with it');
is($inside->error('CREATE EXTENSION distquery'), '', 'it can be created again');
is($inside->query(q{BEGIN; SELECT count(distquery.submit('SELECT 1')); COMMIT}), '1', 'and used');
ok(poll_until(sub { $inside->query('SELECT state FROM distquery.queries') eq 'done' }, $bound), 'at once');
is($inside->error('DROP EXTENSION distquery'), '', 'results do not keep it');
is($inside->query(q{BEGIN; CREATE EXTENSION distquery; SELECT count(distquery.submit('SELECT 1')); COMMIT}), '1', 'submitted with the extension');
ok(poll_until(sub { $inside->query('SELECT state FROM distquery.queries') eq 'done' }, $bound), 'is not overlooked');
$inside->query(q{SELECT distquery.submit('SELECT pg_sleep(600)')});
ok(poll_until(sub { $inside->query('SELECT count(*) FROM distquery.queries WHERE pid IS NOT NULL') eq '1' }, $bound), 'a query runs');
$inside->send('DROP SCHEMA distquery CASCADE');
ok($inside->finish($bound), 'DROP SCHEMA does not hang');
is($inside->query(q{SELECT count(*) FROM pg_extension WHERE extname = 'distquery'}), '0', 'and goes through');
idle('running queries are ended');
$inside->close;

#
# Standby
#

$id = submit('SELECT 7 AS n');
becomes($id, 'done', 'a result');
$node->append_conf('pg_hba.conf', "local replication all trust\n");
$node->reload;
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$service->reset;
my ($first, $second, $unseen) = (submit($hang), submit('SELECT 8 AS n'), submit('SELECT 1', 'unlogged => true'));
becomes($unseen, 'done', 'an unlogged result');
ok(poll_until(sub { $service->stats->{in_flight} == 1 && facts($second, 'state') eq 'done' }, $bound), 'the primary runs queries');
$node->wait_for_catchup($standby);
my $reading = DistQuery::Session->new($standby);
is($reading->query("SELECT distquery.status('$first') || ' ' || distquery.status('$second')"), 'running done', 'the standby sees them');
is($reading->query("SELECT distquery.result('$second')"), '{"n": 8}', 'and their results');
like($reading->error("SELECT distquery.result('$unseen')"), qr/55000: result of query "$unseen" is not on this server/, 'but for unlogged ones');
like($reading->error(q{SELECT distquery.submit('SELECT 1')}), qr/25006: cannot execute distquery\.submit\(\) during recovery/, 'refuses to submit');
like($reading->error("SELECT distquery.cancel('$first')"), qr/25006: cannot execute distquery\.cancel\(\) during recovery/, 'and to cancel');
is($reading->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'distquery%'}), '0', 'nothing runs there');
$session->close;
$started = time;
$node->stop;
cmp_ok(time - $started, '<', $bound, 'fast shutdown with a query');
$standby->promote;
$reading->query("SELECT distquery.status('$first')");
ok(poll_until(sub { $reading->query("SELECT distquery.status('$first')") eq 'failed' }, $bound), 'after promotion the queue is taken over');
$reading->close;
$standby->stop;

#
# Preloaded: nobody has to call
#

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'distquery'\n");
$node->start;
$session = DistQuery::Session->new($node);
sub serving { return $session->query(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'distquery%' AND backend_type <> 'distquery launcher'}); }
sub becomes_idle { return ok(poll_until(sub { serving() == 0 }, $bound), "$_[0]: only the launcher is left"); }
is(workers('launcher'), '1', 'a launcher');
is_abandoned($first, 'the query of before the stop');
becomes_idle('after a start');
$service->reset;
($first, $second, my $third) = (submit($hang, 'attempts => 3'), submit($hang), submit('SELECT 9 AS n'));
ok(poll_until(sub { $service->stats->{in_flight} == 2 && facts($third, 'state') eq 'queued' }, $bound), 'queries run');
$session->query('SELECT pg_terminate_backend(' . pid_of('dispatcher') . ')');
is_abandoned($second, 'a terminated dispatcher is replaced');
ok(poll_until(sub { facts($first, q{state || attempts}) eq 'running2' }, $bound), 'and queries are run again');
becomes($third, 'done', 'or for the first time');
$session->close;
$node->restart;
$session = DistQuery::Session->new($node);
ok(poll_until(sub { facts($first, q{state || attempts}) eq 'running3' }, $bound), 'after a restart, too');
$victim = facts($first, 'pid');
$session->close;
kill 'KILL', $victim;
ok(poll_until(sub { !-e "/proc/$victim" && $node->psql('postgres', 'SELECT 1') == 0 }, 60), 'the server recovers');
$session = DistQuery::Session->new($node);
is_abandoned($first, 'after a crash');
is($session->query("SELECT distquery.result('$third')"), '{"n": 9}', 'results are there');
$id = submit('SELECT 1', q{'1 s'});
becomes($id, 'done', 'a short result');
becomes_idle('before it expires');
ok(poll_until(sub { $session->query("SELECT count(*) FROM distquery.async_query WHERE id = '$id'") eq '0' }, $bound), 'it is removed on time');
is($session->query("SELECT count(*) FROM pg_class WHERE relname = 'result_" . ($id =~ s/-//gr) . "'"), '0', 'with its table');
becomes_idle('and then');
$session->query('SELECT pg_terminate_backend(' . pid_of('launcher') . ')');
ok(poll_until(sub { workers('launcher') eq '1' }, 60), 'a terminated launcher comes back');
in_database('preloaded');
becomes_idle('before dropping');
is($session->error('DROP DATABASE preloaded'), '', 'the launcher does not keep a database');
$session->close;
$started = time;
$node->stop;
cmp_ok(time - $started, '<', $bound, 'nor the server from stopping');

#
# No room for workers
#

$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\nmax_logical_replication_workers = 0\nmax_worker_processes = 0\n");
$node->start;
$session = DistQuery::Session->new($node);
$session->query(q{SELECT distquery.submit('SELECT 6 AS n')});
like($session->last_error, qr/WARNING:  53000: could not start a background worker for the queued queries/, 'no worker for a dispatcher: a warning');
$id = $session->output;
is(status($id), 'queued', 'the query is queued');
$session->close;
$node->append_conf('postgresql.conf', "max_worker_processes = 1\n");
$node->restart;
$session = DistQuery::Session->new($node);
status($id);
ok(poll_until(sub { workers('dispatcher') eq '1' }, $bound), 'none for an executor: the dispatcher waits');
is(status($id), 'queued', 'and the query with it');
is($session->query("SELECT distquery.cancel('$id')"), 't', 'it can be cancelled');
idle('then');
$session->close;
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal (?!9)/, 'no crash but those that were made');
done_testing();
