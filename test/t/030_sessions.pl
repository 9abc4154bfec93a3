# Many sessions, changing declarations, changing roles, services that come and go.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IPC::Run;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $other = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off');

$service->put('a', [ map { { id => $_, name => "first $_" } } 1 .. 3 ]);
$service->put('b', [ map { { id => $_, name => "second $_" } } 1 .. 5 ]);
$other->put('a', [ map { { id => $_, name => "other $_" } } 1 .. 7 ]);
create_server($node, 'api', $service->url, retry_backoff => '5ms');
create_table($node, 'api', 'a', q{id int OPTIONS (filter '='), name text}, path => '/data/plain/a');
create_table($node, 'api', 'echo', q{path text, query text, credentials text OPTIONS (json '/headers/authorization'),
	tenant text OPTIONS (json '/headers/x-tenant')}, path => '/echo');

#
# ALTER takes effect on the next query of a session that is open, prepared or not
#

my $open = DistQuery::Session->new($node);
$open->query('PREPARE everything AS SELECT count(*) FROM a; PREPARE one(int) AS SELECT name FROM a WHERE id = $1;
	PREPARE asked AS SELECT tenant, credentials FROM echo');
$open->query('EXECUTE everything; EXECUTE one(2)') foreach 1 .. 6;    # generic plans from now on
$open->query('CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql AS
	$$ DECLARE n bigint; BEGIN SELECT count(*) INTO n FROM a; RETURN n; END $$');
$open->query('SELECT counted()') foreach 1 .. 6;

sub sees
{
	my ($name, $rows, $second) = @_;
	is($open->query('SELECT count(*) FROM a'), $rows, "$name: query");
	is($open->query('EXECUTE everything'), $rows, "$name: prepared statement");
	is($open->query('EXECUTE one(2)'), $second, "$name: prepared statement with a parameter");
	is($open->query('SELECT counted()'), $rows, "$name: function");
	return;
}

sees('at first', 3, 'first 2');
alter_options($node, 'FOREIGN TABLE a', SET => { path => '/data/plain/b' });
sees('ALTER FOREIGN TABLE', 5, 'second 2');
alter_options($node, 'FOREIGN TABLE a', SET => { path => '/data/plain/a' });
alter_options($node, 'SERVER api', SET => { url => $other->url });
sees('ALTER SERVER', 7, 'other 2');
alter_options($node, 'SERVER api', SET => { url => $service->url });
sees('ALTER SERVER back', 3, 'first 2');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE a ALTER COLUMN name OPTIONS (json '/id')});
sees('ALTER COLUMN', 3, '2');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE a ALTER COLUMN name OPTIONS (DROP json)});
$service->reset;
$open->query('EXECUTE one(2)');
is($service->log->[0]{query}, 'id=2', 'a condition is asked');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE a ALTER COLUMN id OPTIONS (DROP filter)});
$service->reset;
is($open->query('EXECUTE one(2)'), 'first 2', 'after ALTER COLUMN');
is($service->log->[0]{query}, '', 'it is not asked any more');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE a ALTER COLUMN id OPTIONS (ADD filter '=')});
$service->reset;
$open->query('EXECUTE one(2)');
is($service->log->[0]{query}, 'id=2', 'and then it is again');
$service->reset;
$open->query('SET distquery.pushdown = off');
is($open->query('EXECUTE one(2)'), 'first 2', 'distquery.pushdown off');
is($service->log->[0]{query}, '', 'asks for everything');
$open->query('RESET distquery.pushdown');

is($open->query('EXECUTE asked'), '|', 'no header, no credentials');
alter_options($node, 'SERVER api', ADD => { headers => '{"X-Tenant": "blue"}' });
is($open->query('EXECUTE asked'), 'blue|', 'ALTER SERVER adds a header');
$node->safe_psql('postgres', q{CREATE USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (auth 'bearer', token 'first-token')});
is($open->query('EXECUTE asked'), 'blue|Bearer first-token', 'CREATE USER MAPPING');
$node->safe_psql('postgres', q{ALTER USER MAPPING FOR CURRENT_USER SERVER api OPTIONS (SET token 'second-token')});
is($open->query('EXECUTE asked'), 'blue|Bearer second-token', 'ALTER USER MAPPING');
$node->safe_psql('postgres', 'DROP USER MAPPING FOR CURRENT_USER SERVER api');
is($open->query('EXECUTE asked'), 'blue|', 'DROP USER MAPPING');

# In the middle of a cursor nothing changes.
is($open->query('BEGIN; DECLARE c CURSOR FOR SELECT name FROM a; FETCH 1 FROM c'), 'first 1', 'a cursor');
$node->safe_psql('postgres', q{ALTER SERVER api OPTIONS (ADD timeout '10s')});
is($open->query('FETCH ALL FROM c; COMMIT'), "first 2\nfirst 3", 'goes on after ALTER SERVER');

# What is dropped is gone, with a message of PostgreSQL's own.
$node->safe_psql('postgres', 'CREATE FOREIGN TABLE gone (id int) SERVER api OPTIONS (path \'/data/plain/a\')');
$open->query('PREPARE gone AS SELECT count(*) FROM gone');
is($open->query('EXECUTE gone'), '3', 'a table');
$node->safe_psql('postgres', 'DROP FOREIGN TABLE gone');
like($open->error('EXECUTE gone'), qr/42P01: relation "gone" does not exist/, 'that is dropped');

#
# Whose credentials
#

$node->safe_psql('postgres', q{
	CREATE ROLE alice LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE carol LOGIN; CREATE ROLE nobody LOGIN;
	GRANT alice, bob TO carol;
	GRANT USAGE ON FOREIGN SERVER api TO alice, bob, carol;
	GRANT SELECT ON echo TO alice, bob, carol;
	GRANT CREATE ON SCHEMA public TO alice, bob;
	CREATE USER MAPPING FOR alice SERVER api OPTIONS (auth 'bearer', token 'token-of-alice');
	CREATE USER MAPPING FOR bob SERVER api OPTIONS (auth 'basic', username 'bob', password 'password-of-bob');
	SET ROLE alice;
	CREATE VIEW view_of_alice AS SELECT credentials AS who FROM echo;
	CREATE FUNCTION definer_of_alice() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT credentials FROM echo';
	CREATE FUNCTION invoker_of_alice() RETURNS text LANGUAGE sql AS 'SELECT credentials FROM echo';
	GRANT SELECT ON view_of_alice TO bob, carol;
});
my $alice = 'Bearer token-of-alice';
my $bob = 'Basic Ym9iOnBhc3N3b3JkLW9mLWJvYg==';
my $who = 'SELECT credentials FROM echo';

my $session = DistQuery::Session->new($node, user => 'alice');
is($session->query($who), $alice, 'a mapping of its own');
$session = DistQuery::Session->new($node, user => 'bob');
is($session->query($who), $bob, 'another mapping, another kind');
is($session->query('SELECT who FROM view_of_alice'), $alice, q{a view asks with its owner's mapping});
is($session->query("SELECT count(DISTINCT w) FROM (SELECT who AS w FROM view_of_alice UNION ALL $who) u"), '2',
	'two identities in one statement get two answers');
is($session->query('SELECT definer_of_alice()'), $alice, 'SECURITY DEFINER asks as its owner');
is($session->query('SELECT invoker_of_alice()'), $bob, 'SECURITY INVOKER as the caller');

$session = DistQuery::Session->new($node, user => 'carol');
is($session->query($who), '', 'no mapping, no credentials');
$session->query("PREPARE who AS $who");
is($session->query('EXECUTE who'), '', 'prepared');
$session->query('SET ROLE alice');
is($session->query($who), $alice, 'SET ROLE uses the mapping of that role');
is($session->query('EXECUTE who'), $alice, 'in a prepared statement, too');
$session->query('SET ROLE bob');
is($session->query('EXECUTE who'), $bob, 'and of the next');
$session->query('BEGIN; SET LOCAL ROLE alice');
is($session->query('EXECUTE who'), $alice, 'SET LOCAL ROLE');
$session->query('COMMIT; RESET ROLE');
is($session->query('EXECUTE who'), '', 'RESET ROLE');
$node->safe_psql('postgres', q{CREATE USER MAPPING FOR PUBLIC SERVER api OPTIONS (auth 'bearer', token 'token-of-all')});
is($session->query('EXECUTE who'), 'Bearer token-of-all', q{PUBLIC's mapping});
is($session->query('SET ROLE alice; EXECUTE who'), $alice, 'does not replace one of its own');
$session->query('RESET ROLE');
$session = DistQuery::Session->new($node, user => 'nobody');
like($session->error($who), qr/42501: permission denied for foreign table echo/, 'rights are PostgreSQL\'s');

# materialize asks, and creates, with the caller's rights.
like($session->error(q{SELECT distquery.materialize('echo')}), qr/42501|permission denied/, 'materialize does not widen rights');
$session = DistQuery::Session->new($node, user => 'alice');
is($session->query(q{BEGIN; SELECT distquery.materialize('echo'); SELECT credentials FROM pg_temp.echo; COMMIT}), "1\n$alice",
	'materialize asks as the caller');

#
# Services that go and come back
#

create_server($node, 'moving', $other->url, retries => 0);
create_table($node, 'moving', 'm', 'id int', path => '/data/plain/a');
is($open->query('SELECT count(*) FROM m'), '7', 'a service');
$other->stop;
like($open->error('SELECT count(*) FROM m'), qr/HV00N: .*server "moving"/, 'stops');
$other->start;
$other->put('a', [ { id => 1 } ]);
alter_options($node, 'SERVER moving', SET => { url => $other->url });
is($open->query('SELECT count(*) FROM m'), '1', 'and is back on another port');

# On the same port: the connection that was kept is dead, and is replaced without a failure.
my $port = PostgreSQL::Test::Cluster::get_free_port();
my $script = q{
import http.server, sys
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b'[{"id": %s}]' % sys.argv[2].encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
s = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), H)
print("ready", flush=True)
s.serve_forever()
};
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';

sub start_small
{
	my ($number) = @_;
	my $out = '';
	my $process = IPC::Run::start([ $python, '-c', $script, $port, $number ], '<', \undef, '>', \$out);
	$process->pump until $out =~ /ready/ or !$process->pumpable;
	return $process;
}

create_server($node, 'small', "http://127.0.0.1:$port", retries => 0);
create_table($node, 'small', 's', 'id int', path => '/');
my $small = start_small(1);
is($open->query('SELECT id FROM s'), '1', 'a service');
is($open->query('SELECT id FROM s'), '1', 'whose connection is kept');
$small->kill_kill(grace => 1);
$small = start_small(2);
is($open->query('SELECT id FROM s'), '2', 'is restarted on its port');
$small->kill_kill(grace => 1);

#
# Many sessions at once
#

my @sessions = map { DistQuery::Session->new($node) } 1 .. 16;
create_table($node, 'api', 'big', 'id int, amount numeric', path => '/big?rows=2000');
foreach my $round (1 .. 3)
{
	foreach my $i (0 .. $#sessions)
	{
		$sessions[$i]->send("SELECT $i, count(*), sum(big.id), (SELECT count(*) FROM a), (SELECT name FROM a WHERE id = " . ($i % 3 + 1) . ') FROM big');
	}
	foreach my $i (0 .. $#sessions)
	{
		ok($sessions[$i]->finish(60), "session $i, round $round ends");
		is($sessions[$i]->output, "$i|2000|2001000|3|first " . ($i % 3 + 1), 'with its answer') or diag($sessions[$i]->last_error);
	}
}

# Declarations change under their hands: each answer is one of the two, and none fails.
$_->send(join(';', ('SELECT count(*) FROM a') x 20)) foreach @sessions;
foreach my $i (1 .. 10)
{
	alter_options($node, 'FOREIGN TABLE a', SET => { path => $i % 2 ? '/data/plain/b' : '/data/plain/a' });
}
foreach my $session (@sessions)
{
	ok($session->finish(60), 'a session under ALTER ends');
	is($session->last_error, '', 'without an error');
	like($session->output, qr/^(?:[35]\n?){20}$/, 'with answers of this or that time');
}

$_->close foreach @sessions, $open, $session;
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'nothing is on the wire at the end');
$node->stop;
done_testing();
