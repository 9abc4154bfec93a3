# Where state is shared: with distquery preloaded by all sessions, else (up to PostgreSQL 16) by none.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $state = q{SELECT scope, entries, max_entries FROM distquery.shared_memory WHERE area = 'distquery services'};

sub ask
{
	my ($node, $server) = @_;
	create_server($node, $server, $service->url);
	create_table($node, $server, "${server}_numbers", 'id int', path => '/fault/good');
	my $session = DistQuery::Session->new($node);
	is($session->query("SELECT count(*) FROM ${server}_numbers"), '3', "$server is asked");
	return $session;
}

#
# Preloaded
#

my $node = new_node('preloaded', shared_preload_libraries => 'distquery', 'distquery.shared_services' => 8, restart_after_crash => 'on');
my $session = DistQuery::Session->new($node);
is($session->query($state), 'server|0|8', 'preloaded: shared, and empty at first');
my @sessions = map { ask($node, "server$_") } 1 .. 3;
is($session->query($state), 'server|3|8', 'a session sees what others did');
$_->close foreach @sessions;
is($session->query($state), 'server|3|8', 'which outlives them');
ask($node, "more$_")->close foreach 1 .. 7;
is($session->query($state), 'server|8|8', 'no more than there is room for');
is($session->query(q{SELECT evicted FROM distquery.shared_memory WHERE area = 'distquery services'}), '2',
	'those not used for longest make room');
like($session->error('SET distquery.shared_services = 9'), qr/cannot be changed without restarting the server/,
	'its size is set at start');

# What is dropped is forgotten, when the drop is committed; an entry that a session still uses stays.
my $entries = q{SELECT entries FROM distquery.shared_memory WHERE area = 'distquery services'};
$node->safe_psql('postgres', 'BEGIN; DROP SERVER more1 CASCADE; ROLLBACK');
is($session->query($entries), '8', 'a drop that is rolled back');
$node->safe_psql('postgres', 'DROP SERVER more1, more2 CASCADE');
is($session->query($entries), '6', 'a drop');
my $user = DistQuery::Session->new($node);
$user->query('SELECT count(*) FROM more3_numbers');
$node->safe_psql('postgres', 'DROP SERVER more3 CASCADE');
is($session->query($entries), '6', 'a drop while a session is connected that has asked');
$user->close;
$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', 'CREATE EXTENSION distquery; CREATE SERVER s FOREIGN DATA WRAPPER distquery ' . DistQuery::Test::options_clause(url => $service->url)
	. q{; CREATE FOREIGN TABLE t (id int) SERVER s OPTIONS (path '/fault/good'); SELECT count(*) FROM t});
is($session->query($entries), '7', 'another database');
$node->safe_psql('postgres', 'DROP DATABASE other');
is($session->query($entries), '6', 'is dropped');

# A backend that is killed makes PostgreSQL start anew.
my $victim = DistQuery::Session->new($node);
kill 'KILL', $victim->pid;
ok($node->poll_query_until('postgres', $state, 'server|0|8'), 'after kill -9 the server comes back with empty shared memory');
$session = ask($node, 'after');
is($node->safe_psql('postgres', $state), 'server|1|8', 'which works again');
$node->stop;

#
# Not preloaded
#

$node = new_node('plain');
$session = DistQuery::Session->new($node);
my $scope = $node->safe_psql('postgres', 'SHOW server_version_num') >= 170000 ? 'server' : 'session';
is($session->query($state), "$scope|0|256", 'not preloaded: the default size');
my $asking = ask($node, 'plain');
is($asking->query($state), "$scope|1|256", 'a session sees what it did');
is($session->query($state), $scope eq 'server' ? 'server|1|256' : 'session|0|256', 'others see it where it is shared');
$_->close foreach $session, $asking;

# A server that is one process (postgres --single).
$node->stop;
my ($in, $out, $err) = ("SELECT (SELECT count(*) FROM plain_numbers) || ' rows, ' || (SELECT min(scope) FROM distquery.shared_memory)\n", '', '');
IPC::Run::run([ 'postgres', '--single', '-D', $node->data_dir, 'postgres' ], '<', \$in, '>', \$out, '2>', \$err);
like($out, qr/"3 rows, session"/, 'a stand-alone server asks, too') or diag($err);

done_testing();
