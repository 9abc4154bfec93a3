# Whose user mapping is used: the same as by postgres_fdw, statement by statement, in views, functions, policies, prepared
# plans and cursors, for every strategy, lookup joins and counts.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", jit => 'off', 'distquery.lookup_join' => 'on');
my $admin = DistQuery::Session->new($node);
my $has_invoker = $admin->query("SELECT current_setting('server_version_num')::int >= 150000") eq 't';

# Roles; dave has no mapping, but where PUBLIC has one.
my @roles = qw(anna bert carl dave);
$admin->query(join ';', "CREATE ROLE team", 'CREATE EXTENSION postgres_fdw', 'GRANT CREATE ON SCHEMA public TO PUBLIC', map { "CREATE ROLE $_ LOGIN; GRANT team TO $_" } @roles);
my ($host, $port) = ($node->host, $node->port);

#
# Each flavour is a way of asking who one is at the service: postgres_fdw is told by the remote session, distquery by the
# credentials that arrive.  {q} of a case becomes the flavour's query, which gives one row, who.
#

my %who = (map({ $_ => "remote_$_" } qw(anna bert carl)), team => 'remote_team', PUBLIC => 'remote_public', superuser => 'remote_superuser');
$admin->query("CREATE ROLE $_ LOGIN") foreach sort values %who;
$admin->query('CREATE VIEW remote_who AS SELECT session_user::text AS who; GRANT SELECT ON remote_who TO PUBLIC');

sub make_servers
{
	my ($suffix, $has_public) = @_;
	$admin->query("CREATE SERVER pg$suffix FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
		CREATE FOREIGN TABLE pg_who$suffix (who text) SERVER pg$suffix OPTIONS (table_name 'remote_who')");
	my $url = $service->url;
	$admin->query("CREATE SERVER dq$suffix FOREIGN DATA WRAPPER distquery OPTIONS (url '$url', retries '0');
		CREATE SERVER dq_log$suffix FOREIGN DATA WRAPPER distquery OPTIONS (url '$url', retries '0')");
	foreach my $strategy (qw(live store cache))
	{
		$admin->query("CREATE FOREIGN TABLE dq_$strategy$suffix (who text OPTIONS (json '/headers/x-api-key')) SERVER dq$suffix
			OPTIONS (path '/echo', strategy '$strategy')");
	}
	foreach my $role (qw(anna bert carl team superuser), $has_public ? 'PUBLIC' : ())
	{
		my $user = $role eq 'superuser' ? 'CURRENT_USER' : $role;
		$admin->query("CREATE USER MAPPING FOR $user SERVER pg$suffix OPTIONS (user '$who{$role}', password_required 'false');
			CREATE USER MAPPING FOR $user SERVER dq$suffix OPTIONS (auth 'api_key', api_key '$who{$role}');
			CREATE USER MAPPING FOR $user SERVER dq_log$suffix OPTIONS (auth 'api_key', api_key '$who{$role}', api_key_in 'query:key')");
	}
	$admin->query("CREATE FOREIGN TABLE dq_looked_up$suffix (id int OPTIONS (key 'true', filter '= in'), who text OPTIONS (json '/headers/x-api-key')) SERVER dq$suffix OPTIONS (path '/echo');
		CREATE TABLE keys$suffix (id int); INSERT INTO keys$suffix VALUES (1), (2), (3);
		CREATE FOREIGN TABLE dq_counted$suffix (id int OPTIONS (key 'true')) SERVER dq_log$suffix OPTIONS (path '/data/postgrest/customers?_lenient=1', dialect 'postgrest', paging 'offset', page_size '5', trust 'exact')");
	$admin->query("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC");
	return;
}
make_servers('', 0);
make_servers('_public', 1);

my %flavours = (
	live => { q => 'SELECT who FROM dq_live{s}' },
	store => { q => 'SELECT who FROM dq_store{s}' },
	cache => { q => 'SELECT who FROM dq_cache{s}' },
	'lookup join' => { q => 'SELECT r.who FROM keys{s} k JOIN dq_looked_up{s} r ON r.id = k.id', plan => qr/Lookup Join/ },
	# nobody sees who counts but the service
	count => { q => 'SELECT count(*)::text AS who FROM dq_counted{s}', plan => qr/by its total/, by_log => 1 });
foreach my $name (sort keys %flavours)
{
	my $plan = $flavours{$name}{plan} or next;
	like($admin->query('EXPLAIN ' . $flavours{$name}{q} =~ s/\{s\}//gr), $plan, "$name is one");
}

#
# Cases: statements that print one line for each time that {q} is asked.  {v} is the server's suffix.
#

my @cases = (
	(map { [ "$_ asks", "SET ROLE $_; {q}" ] } @roles),
	[ 'the superuser asks', '{q}' ],
	(map { my $role = $_; map { [ "$role through a view of $_", "SET ROLE $_; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE $role; SELECT who FROM v" ] } qw(bert dave) } qw(anna dave)),
	[ 'a view in a view', 'SET ROLE bert; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE carl; CREATE TEMP VIEW w AS SELECT who FROM v; GRANT SELECT ON w TO PUBLIC; SET ROLE anna; SELECT who FROM w' ],
	[ 'views of two at once', 'SET ROLE bert; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE carl; CREATE TEMP VIEW w AS {q}; GRANT SELECT ON w TO PUBLIC; SET ROLE anna; SELECT who FROM v UNION ALL SELECT who FROM w UNION ALL ({q}) ORDER BY 1' ],
	[ 'views of two in a join', q{SET ROLE bert; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE carl; CREATE TEMP VIEW w AS {q}; GRANT SELECT ON w TO PUBLIC; SET ROLE anna; SELECT v.who || '+' || w.who || '+' || q.who FROM v, w, ({q}) q} ],
	[ 'a view with a security barrier', 'SET ROLE bert; CREATE TEMP VIEW v WITH (security_barrier) AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT who FROM v' ],
	[ 'a view whose owner changes', 'CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; ALTER VIEW v OWNER TO bert; PREPARE p AS SELECT who FROM v; SET ROLE anna; EXECUTE p; RESET ROLE; ALTER VIEW v OWNER TO carl; SET ROLE anna; EXECUTE p' ],
	($has_invoker ? (
		[ 'a view of its invoker', 'SET ROLE bert; CREATE TEMP VIEW v WITH (security_invoker) AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT who FROM v' ],
		[ 'an owner\'s view of its invoker', 'SET ROLE bert; CREATE TEMP VIEW v WITH (security_invoker) AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE carl; CREATE TEMP VIEW w AS SELECT who FROM v; GRANT SELECT ON w TO PUBLIC; SET ROLE anna; SELECT who FROM w' ]) : ()),
	[ 'a function', 'SET ROLE bert; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql STABLE AS $$ {q} $$; SET ROLE anna; SELECT who FROM pg_temp.f() who' ],
	[ 'a function of its definer', 'SET ROLE bert; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$ {q} $$; SET ROLE anna; SELECT who FROM pg_temp.f() who' ],
	[ 'a function of a definer without a mapping', 'SET ROLE dave; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS $$ {q} $$; SET ROLE anna; SELECT who FROM pg_temp.f() who' ],
	[ 'a view in a function of its definer', 'SET ROLE carl; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE bert; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN QUERY SELECT v.who FROM v; END $$; SET ROLE anna; SELECT who FROM pg_temp.f() who' ],
	[ 'a function of its definer in a view', 'SET ROLE carl; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN RETURN QUERY {q}; END $$; SET ROLE bert; CREATE TEMP VIEW v AS SELECT who FROM pg_temp.f() who; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT who FROM v' ],
	[ 'a function in a view', 'SET ROLE carl; CREATE FUNCTION pg_temp.f() RETURNS SETOF text LANGUAGE sql STABLE AS $$ {q} $$; SET ROLE bert; CREATE TEMP VIEW v AS SELECT who FROM pg_temp.f() who; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT who FROM v' ],
	[ 'plans that a function keeps', 'CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN SELECT q.who INTO r FROM ({q}) q; RETURN r; END $$; '
		  . join('; ', map { "SET ROLE $_; SELECT pg_temp.f()" } qw(anna bert anna carl bert anna anna anna bert)) ],
	[ 'a prepared plan', 'PREPARE p AS {q}; ' . join('; ', map { "SET ROLE $_; EXECUTE p" } qw(anna bert anna carl bert anna anna anna bert carl)) ],
	[ 'a generic plan', 'SET plan_cache_mode = force_generic_plan; PREPARE p AS {q}; ' . join('; ', map { "SET ROLE $_; EXECUTE p" } qw(anna bert anna)) . '; RESET plan_cache_mode' ],
	[ 'a prepared plan of a view', 'SET ROLE bert; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; PREPARE p AS SELECT who FROM v; ' . join('; ', map { "SET ROLE $_; EXECUTE p" } qw(anna bert carl dave)) ],
	[ 'a cursor', 'SET ROLE anna; BEGIN; DECLARE c CURSOR FOR {q}; SET LOCAL ROLE bert; FETCH 1 FROM c; COMMIT' ],
	[ 'a cursor that was read', 'SET ROLE anna; BEGIN; DECLARE c CURSOR FOR {q} UNION ALL ({q}); FETCH 1 FROM c; SET LOCAL ROLE bert; FETCH 1 FROM c; COMMIT' ],
	[ 'a cursor that outlives its transaction', 'SET ROLE anna; BEGIN; DECLARE c CURSOR WITH HOLD FOR {q}; SET ROLE bert; COMMIT; FETCH 1 FROM c; CLOSE c' ],
	[ 'a scrolling cursor', 'SET ROLE anna; BEGIN; DECLARE c SCROLL CURSOR FOR {q}; FETCH 1 FROM c; SET LOCAL ROLE bert; FETCH FIRST FROM c; COMMIT' ],
	[ 'a cursor of a function of its definer', q{SET ROLE bert; CREATE FUNCTION pg_temp.f() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE c refcursor := 'c'; BEGIN OPEN c FOR {q}; RETURN c; END $$; SET ROLE anna; BEGIN; DO 'BEGIN PERFORM pg_temp.f(); END'; FETCH 1 FROM c; COMMIT} ],
	[ 'roles in a transaction', 'BEGIN; ' . join('; ', map { "SET LOCAL ROLE $_; {q}" } qw(anna bert anna carl)) . '; COMMIT' ],
	[ 'a role that is left', 'BEGIN; SAVEPOINT s; SET LOCAL ROLE anna; {q}; ROLLBACK TO s; {q}; COMMIT' ],
	[ 'another session user', 'SET SESSION AUTHORIZATION anna; {q}; SET ROLE team; {q}; RESET ROLE; {q}' ],
	[ 'a member of a role', 'SET ROLE team; {q}' ],
	[ 'a policy', q{CREATE TEMP TABLE t (name text); INSERT INTO t VALUES ('remote_anna'), ('remote_bert'), ('remote_carl'), ('remote_public'); GRANT SELECT ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (name IN ({q})); SET ROLE anna; SELECT name FROM t; SET ROLE bert; SELECT name FROM t}, no_count => 1 ],
	[ 'a policy below a view', q{CREATE TEMP TABLE t (name text); INSERT INTO t VALUES ('remote_anna'), ('remote_bert'), ('remote_carl'), ('remote_public'); GRANT SELECT ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (name IN ({q})); SET ROLE bert; CREATE TEMP VIEW v AS SELECT name FROM t; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT name FROM v}, no_count => 1 ],
	[ 'a plan under a policy', q{CREATE TEMP TABLE t (name text); INSERT INTO t VALUES ('remote_anna'), ('remote_bert'), ('remote_carl'), ('remote_public'); GRANT SELECT ON t TO PUBLIC; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (name IN ({q})); PREPARE p AS SELECT name FROM t; }
		  . join('; ', map { "SET ROLE $_; EXECUTE p" } qw(anna bert anna carl)), no_count => 1 ],
	[ 'a sub-select and a CTE', 'SET ROLE bert; CREATE TEMP VIEW v AS WITH x AS MATERIALIZED ({q}) SELECT (SELECT who FROM x) AS who; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; SELECT who FROM v' ],
	[ 'a trigger of its definer', 'SET ROLE bert; CREATE TEMP TABLE t (who text); GRANT INSERT, SELECT ON t TO PUBLIC; CREATE FUNCTION pg_temp.f() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN new.who := (SELECT q.who FROM ({q}) q LIMIT 1); RETURN new; END $$; CREATE TRIGGER t BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.f(); SET ROLE anna; INSERT INTO t DEFAULT VALUES; SELECT who FROM t' ],
	[ 'rows to be stored', 'SET ROLE anna; CREATE TEMP TABLE t AS {q}; SELECT who FROM t' ],
	[ 'rows to be stored from a view', 'SET ROLE bert; CREATE TEMP VIEW v AS {q}; GRANT SELECT ON v TO PUBLIC; SET ROLE anna; CREATE TEMP TABLE t AS SELECT who FROM v; SELECT who FROM t' ],
	[ 'a rule', 'SET ROLE bert; CREATE TEMP TABLE t (who text); CREATE TEMP VIEW v AS SELECT who FROM t; CREATE RULE r AS ON INSERT TO v DO INSTEAD INSERT INTO t {q}; GRANT INSERT, SELECT ON v TO PUBLIC; SET ROLE anna; INSERT INTO v DEFAULT VALUES; SELECT who FROM v' ],
	[ 'a materialized view', 'SET ROLE bert; CREATE MATERIALIZED VIEW m AS {q} WITH NO DATA; GRANT SELECT ON m TO PUBLIC; RESET ROLE; REFRESH MATERIALIZED VIEW m; SET ROLE anna; SELECT who FROM m; RESET ROLE; DROP MATERIALIZED VIEW m' ]);

# What a case says: a line for each row, "none" where there are no credentials.
sub run_case
{
	my ($session, $sql, $query, $suffix) = @_;
	$sql =~ s/\{q\}/$query/g;
	$sql =~ s/\{s\}/$suffix/g;
	$service->reset;
	$session->query("BEGIN; SAVEPOINT s; ROLLBACK; $sql");
	my ($output, $errors) = ($session->output, $session->last_error);
	$session->query('ROLLBACK; RESET SESSION AUTHORIZATION; DISCARD ALL; SET client_min_messages = error');
	$session->query('DROP MATERIALIZED VIEW IF EXISTS m');
	my @errors = grep { /^ERROR/ && !/user mapping not found/ } split /\n/, $errors;
	return (join(' ', @errors) || join(' ', map { $_ eq '' ? 'none' : $_ } split /\n/, $output, -1)) =~ s/^$/none/r;
}

# Who asked the service, in its log.
sub askers
{
	my @askers = map { $_->{query} =~ /(?:^|&)key=([^&]*)/ ? $1 : 'none' } @{ $service->log('/data/') };
	return join(' ', @askers);
}

my $session = DistQuery::Session->new($node);
$session->query('SET client_min_messages = error');
my %seen;
foreach my $suffix ('', '_public')
{
	foreach my $case (@cases)
	{
		my ($what, $sql, %traits) = @$case;
		my $expected = run_case($session, $sql, 'SELECT who FROM pg_who{s}', $suffix);
		$what .= ', with a mapping for PUBLIC' if $suffix;
		like($expected, qr/^[+\w ]+$/, "$what: $expected");
		$seen{$_}++ foreach split /[ +]/, $expected;
		foreach my $name (sort keys %flavours)
		{
			my $flavour = $flavours{$name};
			next if $flavour->{by_log} and $traits{no_count};
			my $got = run_case($session, $sql, $flavour->{q}, $suffix);
			$got = askers() || $got if $flavour->{by_log};
			if ($flavour->{by_log})
			{
				# once for what a statement asks twice
				my %wanted = map { $_ => 1 } split /[ +]/, $expected;
				my %got = map { $_ => 1 } split / /, $got;
				is(join(' ', sort keys %got), join(' ', sort keys %wanted), "$what: $name");
				next;
			}
			is($got, $expected, "$what: $name");
		}
	}
}
cmp_ok($seen{$_} // 0, '>', 3, "$_ was asked for often enough") foreach qw(none remote_anna remote_bert remote_carl remote_public remote_superuser);

# ANALYZE asks as the table's owner, submitted queries as who submits them.
$admin->query('ALTER FOREIGN TABLE dq_counted OWNER TO bert');
$service->reset;
$admin->query('ANALYZE dq_counted');
like(askers(), qr/^remote_bert( remote_bert)*$/, 'ANALYZE');
foreach my $case ([ 'SET SESSION AUTHORIZATION anna; SET ROLE team' => 'remote_team' ], [ 'SET SESSION AUTHORIZATION carl' => 'remote_carl' ])
{
	my ($who, $expected) = @$case;
	my $id = $session->query("$who; SELECT distquery.submit('SELECT who FROM dq_live')");
	ok(poll_until(sub { $session->query("SELECT distquery.status('$id')") =~ /^(?:done|failed)/ }, 60), "a query is submitted: $who");
	like($session->query("SELECT distquery.result('$id')"), qr/"$expected"/, "and asks as $expected");
	$session->query('RESET SESSION AUTHORIZATION; RESET ROLE');
}

$_->close foreach $admin, $session;
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
