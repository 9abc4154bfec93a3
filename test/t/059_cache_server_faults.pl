# A cache server that is away, slow, mad or was killed makes queries live: never an error, a wrong row or a wait.

use strict;
use warnings;
use DistQuery::CacheServer;
use DistQuery::Test;
use File::Temp qw(tempdir);
use IO::Socket::INET;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", 'distquery.cache_timeout' => "'500ms'");

sub psql { return $node->safe_psql('postgres', @_); }

# Output and messages of statements of one session, of which none stops at an error.
sub run
{
	my ($sql) = @_;
	my ($stdout, $stderr) = ('', '');
	$node->psql('postgres', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	return wantarray ? ($stdout, $stderr) : $stdout;
}

# A script that waits in the middle, at the line WAIT, while something is done.
sub run_around
{
	my ($sql, $action) = @_;
	my $folder = tempdir(CLEANUP => 1);
	my ($stdout, $stderr) = ('', '');
	$sql =~ s/WAIT/\\! touch $folder\/there; until [ -e $folder\/go ]; do sleep 0.05; done/;
	my $handle = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \$sql, '>', \$stdout, '2>', \$stderr);
	poll_until(sub { $handle->pump_nb; -e "$folder/there" }) or die "the script does not get there: $stderr";
	$action->();
	append_to_file("$folder/go", '');
	$handle->finish;
	chomp $stdout;
	return ($stdout, $stderr);
}

$service->put('rows', [ map { { id => $_, t => 'row ' . 'x' x 50 } } 1 .. 20 ]);
$service->put('others', [ map { { id => 100 + $_, t => 'other ' . 'y' x 48 } } 1 .. 20 ]);

foreach my $kind (qw(redis memcached))
{
	my $server = DistQuery::CacheServer->new($kind);
	my $proxy = DistQuery::CacheServer->proxy($server);
	my $name = "$kind server \"127.0.0.1:$proxy->{port}\"";

	create_server($node, $kind, $service->url, strategy => 'cache', ttl => '1h', cache_store => $kind, cache_url => $proxy->url);
	create_table($node, $kind, "$kind\_rows", 'id int, t text', path => '/data/plain/rows');
	create_table($node, $kind, "$kind\_others", 'id int, t text', path => '/data/plain/others');
	my $rows = "SELECT count(*), sum(id) FROM $kind\_rows";
	my $others = "SELECT count(*), sum(id) FROM $kind\_others";

	is(psql($rows), '20|210', "$kind: filled");
	is(psql($others), '20|2210', 'with two answers');
	$service->reset;
	is(psql("$rows; $others"), "20|210\n20|2210", 'found');
	is($service->count('/data'), 0, 'both');

	# A connection that is kept does not outlive the setting under which it was made.
	$service->reset;
	my ($found, $refused) = run("$rows; SET distquery.allowed_hosts = '127.0.0.1:" . $service->port . "'; $rows");
	is($found, "20|210\n20|210", "$kind: not allowed any more: the right rows");
	like($refused, qr/WARNING: .*not allowed by distquery.allowed_hosts/s, 'and why they are live');
	is($service->count('/data'), 1, 'which they are');

	# What the server says is mad, each time in a session of its own.
	my %complaints = (garbage => qr/cannot be understood/, huge => qr/cannot be understood|too large/, close => qr/closed the connection/,
		extra => qr/without being asked|understood|something else/);
	foreach my $mode (qw(garbage huge close extra))
	{
		$proxy->mode($mode);
		$service->reset;
		my $started = time;
		my ($stdout, $stderr) = run("$rows; $others; $rows; $rows; $rows");
		is($stdout, "20|210\n20|2210\n20|210\n20|210\n20|210", "$mode: the right rows");
		cmp_ok(time - $started, '<', 10, 'soon');
		unlike($stderr, qr/ERROR/, 'without an error');
		is(scalar(() = $stderr =~ /WARNING/g), 1, 'one warning') or diag $stderr;
		like($stderr, qr/could not use the cache on $name/, 'names the server');
		like($stderr, $complaints{$mode}, 'and what is wrong');
		cmp_ok($service->count('/data'), '>', 0, 'the service was asked') unless $mode eq 'extra';
		$proxy->mode('pass');
		is(psql("$rows; $others"), "20|210\n20|2210", 'found again by another session');
	}

	# Values that are damaged, or another key's: not there, and nothing to warn of.
	foreach my $mode (qw(flip replay))
	{
		is(psql("$others; $rows"), "20|2210\n20|210", 'both are there');
		$proxy->mode($mode);
		$service->reset;
		my ($stdout, $stderr) = run("$others");
		is("$stdout $stderr", '20|2210 ', "$mode: the right rows, without a word");
		is($service->count('/data'), 1, 'the service was asked');
		$proxy->mode('pass');
	}

	# Silence is waited for no longer than distquery.cache_timeout, and not at all after some failures.
	$proxy->mode('hold');
	$service->reset;
	my $started = time;
	my ($stdout, $stderr) = run("SET distquery.cache_timeout = '20ms'; $rows; $rows; $rows; $rows; $rows");
	is($stdout, join("\n", ('20|210') x 5), 'silence: the right rows');
	cmp_ok(time - $started, '<', 10, 'soon');
	like($stderr, qr/did not answer in time/, 'the warning says so');
	is($service->count('/data'), 5, 'the service was asked each time');
	$proxy->mode('pass');

	# A cancel in the middle: the session goes on with the same connection, replies that came for the canceled statement go nowhere.
	my $file = $proxy->mode_file;
	my $connections = sub { $kind eq 'redis' ? $server->ask('INFO stats', qr/total_connections_received:\d+\r\n/) =~ /received:(\d+)/ && $1 : $server->ask('stats', qr/END\r\n/) =~ /STAT total_connections (\d+)/ && $1 };
	my $before = $connections->();
	($stdout, $stderr) = run(qq{
		SET distquery.cache_timeout = '60s';
		$rows;
		\\! echo hold > $file
		SET statement_timeout = '200ms';
		$others;
		BEGIN; SAVEPOINT s; $others; ROLLBACK TO s;
		\\! echo pass > $file
		RESET statement_timeout;
		$rows;
		COMMIT;
		$others;
		$rows;});
	is($stdout, "20|210\n20|210\n20|2210\n20|210", 'after a cancel and a rollback: the right rows');
	is(scalar(() = $stderr =~ /canceling statement due to statement timeout/g), 2, 'two were canceled');
	unlike($stderr, qr/WARNING/, 'no warning');
	is($connections->() - $before, 2, 'on one connection (and ours that asks)');

	# Left in the middle by LIMIT and by a closed cursor.
	is(run("BEGIN; DECLARE c CURSOR FOR SELECT id FROM $kind\_rows ORDER BY id; FETCH 1 FROM c; CLOSE c; $others; COMMIT; $rows"), "1\n20|2210\n20|210",
		'a cursor that is closed');

	# SIGKILL of the server while a session uses it; then it is back, and empty.
	create_server($node, "$kind\_plain", $service->url, strategy => 'cache', ttl => '1h', cache_store => $kind, cache_url => $server->url);
	create_table($node, "$kind\_plain", "$kind\_plain", 'id int, t text', path => '/data/plain/rows');
	my $plain = "SELECT count(*), sum(id) FROM $kind\_plain";
	$service->reset;
	($stdout, $stderr) = run_around("SET client_min_messages = error; $plain;\nWAIT\n$plain;", sub { $server->kill });
	is($stdout, "20|210\n20|210", 'it is killed');
	is($service->count('/data'), 1, 'the service was asked');
	($stdout, $stderr) = run_around("SET client_min_messages = error; $plain;\nWAIT\n$plain; $plain;", sub { $server->start });
	is($stdout, "20|210\n20|210\n20|210", 'it is back');
	is($service->count('/data'), 3, 'and has the answer again after one more request');

	# An invalidation that did not happen is an error.
	$server->kill;
	($stdout, $stderr) = run("SELECT distquery.invalidate('$kind\_plain')");
	like($stderr, qr/ERROR:  could not invalidate cached answers of foreign table "$kind\_plain"\nDETAIL:  The $kind server "127.0.0.1:$server->{port}" has not confirmed it: /,
		'an invalidation without the server');
	$server->start;
	is(run("SELECT distquery.invalidate('$kind\_plain') IS NULL"), 'f', 'works when it is back');
	$proxy->kill;
}

# A pending invalidation whose server is gone by the commit.
my $gone = DistQuery::CacheServer->new('redis');
create_server($node, 'gone', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => $gone->url);
create_table($node, 'gone', 'gone', 'id int, t text', path => '/data/plain/rows');
my (undef, $warning) = run_around("BEGIN; SELECT distquery.invalidate('gone');\nWAIT\nCOMMIT;", sub { $gone->kill });
like($warning, qr/WARNING:  could not invalidate cached answers of foreign table "gone" again after the commit/, 'a commit without the server warns');

# Nobody there at all, a name that is none, and a host that must not be asked.
foreach my $case ([ 'redis://127.0.0.1:1', qr/could not connect: Connection refused/ ], [ 'redis://no-such-host.invalid', qr/name could not be resolved|in time/ ],
	[ 'memcached://127.0.0.1:1', qr/could not connect/ ], [ 'memcached://169.254.169.254:11211', qr/not allowed by distquery.allowed_hosts/ ])
{
	my ($url, $complaint) = @$case;
	my ($kind) = $url =~ /(\w+):/;
	psql("DROP SERVER IF EXISTS away CASCADE");
	create_server($node, 'away', $service->url, strategy => 'cache', ttl => '1h', cache_store => $kind, cache_url => $url);
	create_table($node, 'away', 'away', 'id int, t text', path => '/data/plain/rows');
	my ($stdout, $stderr) = run('SELECT count(*) FROM away; SELECT count(*) FROM away');
	is($stdout, "20\n20", "$url: the right rows");
	like($stderr, $complaint, 'and why');
}

# Passwords: a wrong one is a warning that does not show it.
my $guarded = DistQuery::CacheServer->new('redis', '--requirepass', 'right-password');
create_server($node, 'guarded', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => $guarded->url . '/3');
create_table($node, 'guarded', 'guarded', 'id int, t text', path => '/data/plain/rows');
my ($stdout, $stderr) = run('SELECT count(*) FROM guarded');
is($stdout, '20', 'no password: the right rows');
like($stderr, qr/it answered: NOAUTH/, 'and what Redis says');
psql("CREATE USER MAPPING FOR PUBLIC SERVER guarded OPTIONS (cache_password 'wrong-password')");
($stdout, $stderr) = run('SELECT count(*) FROM guarded');
is($stdout, '20', 'a wrong password: the right rows');
like($stderr, qr/it answered: (WRONGPASS|ERR invalid password)/, 'and what Redis says');
unlike($stderr, qr/wrong-password/, 'without the password');
psql("ALTER USER MAPPING FOR PUBLIC SERVER guarded OPTIONS (SET cache_password 'right-password')");
$service->reset;
is(run('SELECT count(*) FROM guarded; SELECT count(*) FROM guarded'), "20\n20", 'the right password');
is($service->count('/data'), 1, 'finds the answer');
psql("ALTER USER MAPPING FOR PUBLIC SERVER guarded OPTIONS (ADD cache_username 'nobody')");
($stdout, $stderr) = run('SELECT count(*) FROM guarded');
like($stderr, qr/it answered: WRONGPASS/, 'another user has another password');

# A server that repeats the password in its complaint: a text protocol that takes Redis' commands for lines of its own.
my $echo = DistQuery::CacheServer->new('memcached');
create_server($node, 'echo', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => 'redis://127.0.0.1:' . $echo->port);
create_table($node, 'echo', 'echo', 'id int, t text', path => '/data/plain/rows');
psql("CREATE USER MAPPING FOR PUBLIC SERVER echo OPTIONS (cache_password 'repeated-password')");
($stdout, $stderr) = run('SELECT count(*) FROM echo');
is($stdout, '20', 'memcached in the place of Redis: the right rows');
like($stderr, qr/could not use the cache/, 'a warning');
unlike($stderr, qr/repeated-password/, 'without the password');
unlike(slurp_file($node->logfile), qr/WARNING:.*repeated-password|DETAIL:.*repeated-password/, 'nor in the log');

# One that repeats it, in whatever letters.
my $listener = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die "no listener: $!";
create_server($node, 'repeats', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => 'redis://127.0.0.1:' . $listener->sockport);
create_table($node, 'repeats', 'repeats', 'id int, t text', path => '/data/plain/rows');
my $password = "wr\xc3\xb6ng-p\xc3\xa4ssword";
psql("CREATE USER MAPPING FOR PUBLIC SERVER repeats OPTIONS (cache_password '$password')");
my ($handle, $repeated_rows, $repeated) = start_query($node, q{SET distquery.cache_timeout = '30s'; SELECT count(*) FROM repeats});
my $connection = $listener->accept;
sysread($connection, my $said, 1000);
like($said, qr/\Q$password/, 'the password is sent');
print $connection "-ERR unknown command 'AUTH', with args beginning with: '$password'\r\n";
$connection->flush;
$handle->finish;
is($$repeated_rows, "20\n", 'a server that repeats it: the right rows');
like($$repeated, qr/with args beginning with: '\*\*\*'/, 'without the password');
close($connection);

# memcached with a password (-Y).
my $passwords = tempdir(CLEANUP => 1) . '/passwords';
append_to_file($passwords, "app:secret-of-app\n");
my $closed = DistQuery::CacheServer->new('memcached', '-Y', $passwords);
create_server($node, 'closed', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'memcached', cache_url => $closed->url);
create_table($node, 'closed', 'closed', 'id int, t text', path => '/data/plain/rows');
($stdout, $stderr) = run('SELECT count(*) FROM closed');
is($stdout, '20', 'memcached without a password: the right rows');
like($stderr, qr/it answered: CLIENT_ERROR unauthenticated/, 'and what it says');
psql("CREATE USER MAPPING FOR PUBLIC SERVER closed OPTIONS (cache_username 'app', cache_password 'secret-of-app')");
$service->reset;
($stdout, $stderr) = run('SELECT count(*) FROM closed; SELECT count(*) FROM closed');
is("$stdout $stderr", "20\n20 ", 'with the right one');
is($service->count('/data'), 1, 'finds the answer');

# A list of hosts that has become shorter holds for connections that are there.
create_server($node, 'listed', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => $gone->url);
create_table($node, 'listed', 'listed', 'id int, t text', path => '/data/plain/rows');
$gone->start;
psql('SELECT count(*) FROM listed');
my ($service_port) = $service->url =~ /:(\d+)/;
($stdout, $stderr) = run("SELECT count(*) FROM listed; SET distquery.allowed_hosts = '127.0.0.1:$service_port'; SELECT count(*) FROM listed");
is($stdout, "20\n20", 'hosts are listed: the right rows');
like($stderr, qr/could not use the cache on redis server .*it is not allowed by distquery.allowed_hosts/s, 'without the cache, which is told');

# More cache servers than a session keeps connections to, in one statement, while an answer is under way that was looked for
# before.
my $many = DistQuery::CacheServer->new('redis', '--bind', '0.0.0.0', '--protected-mode', 'no');
create_server($node, 'many', $service->url, strategy => 'cache', ttl => '1h', cache_store => 'redis', cache_url => $many->url);
psql(join('; ', map { "CREATE FOREIGN TABLE many_$_ (id int, t text) SERVER many OPTIONS (path '/data/plain/rows?limit=" . ($_ == 1 ? '1&_delay=2000' : $_) .
	"', cache_url 'redis://127.0.0.$_:" . $many->port . "')" } 1 .. 80));
my $all = join(' UNION ALL ', map { "SELECT id FROM many_$_" } 2 .. 80);
psql(q{CREATE FUNCTION read_many() RETURNS bigint LANGUAGE plpgsql AS $$
	DECLARE n bigint; all_rows bigint := 0;
	BEGIN
		FOR i IN 2 .. 80 LOOP EXECUTE 'SELECT count(*) FROM many_' || i INTO n; all_rows := all_rows + n; END LOOP;
		RETURN all_rows;
	END $$});
my $expected = 20 * 79 - 18 * 19 / 2;
($stdout, $stderr) = run("SET distquery.cache_timeout = '10s'; SELECT count(*) FROM ($all) x; SELECT (SELECT read_many() FROM listed WHERE id = 1), (SELECT count(*) FROM many_1)");
is("$stdout $stderr", "$expected\n$expected|1 ", 'many cache servers: the right rows');
$service->reset;
is(run("SET distquery.cache_timeout = '10s'; SELECT count(*) FROM many_1; SELECT count(*) FROM many_80"), "1\n20", 'again');
is($service->count('/data'), 0, 'found');

# A commit does not wait for each of many tables in turn where their server hangs.
($stdout, $stderr) = run_around("BEGIN;\n" . join('', map { "SELECT distquery.invalidate('many_$_');\n" } 2 .. 31) .
	"WAIT\nSET statement_timeout = '20s';\nCOMMIT;\nSELECT 'committed'", sub { $many->{process}->signal('STOP') });
$many->{process}->signal('CONT');
like($stdout, qr/committed$/, 'a commit after thirty invalidations, of which the server hears nothing');
unlike($stderr, qr/ERROR/, 'it is not cancelled');
is(scalar(() = $stderr =~ /could not invalidate cached answers of foreign table "many_\d+" again after the commit/g), 30, 'each is told');

# A table's own servers are its owner's to choose only where the service is: logins and answers of its users go there.
psql(qq{CREATE ROLE tenant LOGIN; GRANT USAGE ON FOREIGN SERVER many TO tenant; GRANT ALL ON SCHEMA public TO tenant;
	CREATE USER MAPPING FOR PUBLIC SERVER many OPTIONS (cache_password 'of-everybody')});
my $trap = q{SET ROLE tenant; CREATE FOREIGN TABLE %s (id int) SERVER many OPTIONS (path '/data/plain/rows', cache_url '%s'); GRANT SELECT ON %1$s TO PUBLIC};
psql(sprintf($trap, 'trap', 'redis://127.0.0.1:' . $listener->sockport));
psql(sprintf($trap, 'same', $many->url));
$listener->blocking(0);
($stdout, $stderr) = run('SELECT count(*) FROM trap; SELECT count(*) FROM same');
like($stderr, qr/ERROR:  option "cache_url" of foreign table "trap" is not that of server "many"/, 'a cache server that the owner of the service does not know');
is($listener->accept, undef, 'is not connected to');
is($stdout, '20', 'the one that he knows is used');
psql('ALTER SERVER many OWNER TO postgres; ALTER FOREIGN TABLE trap OWNER TO ' . psql('SELECT current_user'));
($stdout, $stderr) = run('SELECT count(*) FROM trap');
is($stdout, '20', 'as is another one of his');

# Without the module, Redis cannot be used, which is told; memcached can.  In a copy of the installation.
my ($bin, $lib, $share) = map { chomp; $_ } map { scalar `pg_config --$_` } qw(bindir pkglibdir sharedir);
my $root = "$bin\n$lib\n$share" =~ m{^(.*)/.*\n\1/.*\n\1/.*$} ? $1 : die "no common folder of $bin, $lib and $share";
my $copy = tempdir(CLEANUP => 1);
system('cp', '-a', "$root/.", $copy) == 0 or die 'could not copy the installation';
s/^\Q$root\E/$copy/ foreach $bin, $lib;
unlink("$lib/distquery_redis.so") or die "$lib/distquery_redis.so: $!";
my $without;
{
	local $ENV{PATH} = "$bin:$ENV{PATH}";
	$without = new_node('without');
}
foreach my $kind (qw(redis memcached))
{
	my $server = $kind eq 'redis' ? $gone : $closed;
	create_server($without, $kind, $service->url, strategy => 'cache', ttl => '1h', cache_store => $kind, cache_url => $server->url);
	create_table($without, $kind, $kind, 'id int, t text', path => '/data/plain/rows');
}
$without->psql('postgres', 'SET client_min_messages = error; SELECT count(*) FROM redis; SELECT count(*) FROM memcached', stdout => \$stdout, stderr => \$stderr,
	on_error_stop => 0);
like($stderr, qr/ERROR:  cannot keep answers of foreign table "redis" in Redis: module "distquery_redis" is not installed\nHINT:  Set option "cache_store"/,
	'without the module');
is($stdout, '20', 'memcached needs none');

done_testing();
