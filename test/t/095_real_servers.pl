# Dialects against servers that speak them: json-server, jsonapi-server and simple-odata-server of npm, and Django REST
# framework with django-filter.  Each serves the rows of test/fixtures/data/traps.json; every condition gives the same rows
# with pushdown, without it, and on a local table.
use strict;
use warnings;
use utf8;
use lib 'test/perl';
use DistQuery::Test;
use Encode qw(decode encode);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use Test::More;

my $rows = 'test/fixtures/data/traps.json';
my $modules = $ENV{DQ_NODE_MODULES} // 'build/npm/node_modules';
die "no npm packages in $modules: run test/setup/install-npm.sh\n" unless -d "$modules/json-server";
my ($json_port, $jsonapi_port, $odata_port, $drf_port) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 4;
my @servers = (
	start_server('node', 'test/fixtures/real/servers.js', $rows, $json_port, $jsonapi_port, $odata_port),
	start_server('/usr/bin/python3', 'test/fixtures/real/drf.py', $rows, $drf_port));

sub start_server
{
	my @command = @_;
	my ($in, $out, $err) = ('', '', '');
	local $ENV{NODE_PATH} = $modules;
	local $ENV{NODE_NO_WARNINGS} = 1;
	my $handle = IPC::Run::start(\@command, '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	$handle->pump until $out =~ /^ready$/m or !$handle->pumpable;
	die "$command[1] did not start: $out$err" unless $out =~ /^ready$/m;
	return $handle;
}

my $node = new_node('main');
$node->safe_psql('postgres', "ALTER DATABASE postgres SET timezone = 'UTC'; ALTER DATABASE postgres SET client_min_messages = warning;");

# The same rows here.
open(my $file, '<:raw', $rows) or die "no $rows";
my $text = do { local $/; <$file> };
close($file);
my %types = (id => 'bigint', name => 'text', n => 'int', price => 'numeric', ok => 'boolean', day => 'date', at => 'timestamptz', mood => 'text');
my @names = qw(id name n price ok day at mood);
my $columns = join(', ', map { "$_ $types{$_}" } @names);
$text = decode('UTF-8', $text);
query("CREATE TABLE here ($columns); INSERT INTO here SELECT * FROM json_populate_recordset(NULL::here, \$json\$$text\$json\$)");

sub query
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $input = encode('UTF-8', $sql);
	IPC::Run::run([ 'psql', '-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', '-' ], '<', \$input, '>', \$out, '2>', \$err);
	$out = decode('UTF-8', $out . $err);
	chomp $out;
	return $out;
}

# What each server can filter; columns without an entry are evaluated here.
my $ranges = '= < <= > >= in';
my %services = (
	json_server => { url => "http://127.0.0.1:$json_port", path => '/traps', options => { dialect => 'jsonserver', paging => 'page', page_size => 5 },
		filters => { id => '= <> < <= > >= in', name => '= <> in like', n => '= <> < <= > >= in', price => '< <= > >=', ok => '=', day => '= in', mood => '= <> in like' } },
	jsonapi => { url => "http://127.0.0.1:$jsonapi_port", path => '/rest/traps',
		# it filters the rows of each page: only its own links lead to all of them
		options => { dialect => 'jsonapi', rows => '/data', paging => 'next', size_param => 'page[limit]', page_size => 5, spell_fields => 'fields[traps]={values}',
			spell_gt => 'filter[{name}]=>{value}', spell_lt => 'filter[{name}]=<{value}' },
		filters => { id => '= in', name => '= in', n => '= in > <', price => '= in > <', ok => '=', day => '= in', mood => '= in' } },
	# its parser is of an OData before 4, which reads 2.5 as no number
	odata => { url => "http://127.0.0.1:$odata_port", path => '/traps', options => { dialect => 'odata', rows => '/value', paging => 'offset', page_size => 5 },
		filters => { id => '= <> < <= > >= in', name => '= <> in null', n => '= <> < <= > >= in null', price => 'null', ok => '= null', mood => '= <> in null' } },
	drf => { url => "http://127.0.0.1:$drf_port", path => '/traps/', options => { dialect => 'drf', rows => '/results', paging => 'page', page_size => 5 },
		filters => { id => $ranges, name => '= in like null', n => "$ranges null", price => "$ranges null", ok => '= null', day => "$ranges null", at => "$ranges null", mood => '= in' } },
	drf_offset => { url => "http://127.0.0.1:$drf_port", path => '/offset/', options => { dialect => 'drf', rows => '/results', paging => 'offset', page_size => 5, max_batch => 2 },
		filters => { id => $ranges, n => "$ranges null", at => $ranges } },
);

foreach my $name (sort keys %services)
{
	my $service = $services{$name};
	my @declared = map {
		my %options = ($_ eq 'id' ? (key => 'true') : ());
		$options{filter} = $service->{filters}{$_} if $service->{filters}{$_};
		"$_ $types{$_} " . DistQuery::Test::options_clause(%options);
	} @names;
	create_server($node, $name, $service->{url}, retries => 0);
	query("CREATE FOREIGN TABLE $name (" . join(', ', @declared) . ") SERVER $name "
		  . DistQuery::Test::options_clause(%{ $service->{options} }, path => $service->{path}));
}

my @conditions = (
	'true', 'id = 4', 'id > 3 AND id <= 9', 'id IN (1, 5, 99)', 'n = 5', 'n <> 5', 'n < 7 AND n >= 0', 'n IN (5, 7)', 'n IS NULL', 'n IS NOT NULL', 'n > 5', 'n < 5',
	"name = 'it''s'", "name = 'a,b'", "name = ''", "name = ' lead'", "name = '>5'", "name = 'say \"hi\"'", "name = '日本語'", "name = 'naïve'", "name = '100%_x'",
	"name <> 'alpha'", "name IN ('alpha', 'it''s')", "name IN ('alpha', 'a,b', '')", "name LIKE 'a%'", "name LIKE '%\\%\\_x'", "name LIKE '%'", "name LIKE '_,_'", 'name IS NULL',
	'price > 2.5', 'price = 1.50', 'price <= 3', 'ok', 'NOT ok', 'ok IS NULL', "day = '2026-01-02'", "day > '2026-01-02'", "at = '2026-01-02 03:04:05.123+00'",
	"at >= '2026-01-02 03:04:05.1234+00'", "mood = 'it''s ok'", "mood <> 'sad'", "n = 5 AND name = 'alpha' AND ok", "n = 5 OR name = 'it''s'",
	"(n = 5 AND ok) OR (n IS NULL AND name <> 'a,b')", 'n NOT IN (5, 6)', 'id = 3 OR id = 7', "n = NULL::int OR name = 'alpha'", 'id = 3000000000 OR n = 100');

foreach my $name (sort keys %services)
{
	my @different;
	my $asked = 0;
	my $script = '';
	foreach my $condition (@conditions)
	{
		my $rows_of = sub { "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY id), 'none') FROM (SELECT id, name, n, trim_scale(price), ok, day, at, mood FROM $_[0] WHERE $condition) t;\n\\echo --\n" };
		$script .= $rows_of->('here') . $rows_of->($name) . "SET distquery.pushdown = off;\n" . $rows_of->($name) . "RESET distquery.pushdown;\n";
	}
	my @answers = split(/\n--\n?/, query($script));
	is(scalar @answers, 3 * @conditions, "$name: every condition is answered") or diag($answers[-1]);
	foreach my $at (0 .. $#conditions)
	{
		my ($here, $pushed, $whole) = @answers[ 3 * $at .. 3 * $at + 2 ];
		push @different, "$conditions[$at]: here $here, pushed $pushed, without pushdown $whole" if ($pushed // '') ne $here or ($whole // '') ne $here;
	}
	is(scalar @different, 0, "$name: the same rows with pushdown, without it, and here") or diag(encode('UTF-8', $_)) foreach @different;
	my $plans = query(join("\n", map { "EXPLAIN (COSTS OFF) SELECT * FROM $name WHERE $_;" } @conditions));
	$asked++ while $plans =~ /Asked:/g;
	cmp_ok($asked, '>', @conditions / 5, "$name: $asked of " . @conditions . ' conditions are asked');
}

# Order, LIMIT and count by services that are trusted; NULL stands where each of them puts it.
my %sorts = (drf => 'nulls_first', odata => 'nulls_first', json_server => undef);
foreach my $name (sort grep { $sorts{$_} } keys %sorts)
{
	query("ALTER FOREIGN TABLE $name OPTIONS (ADD trust 'exact')");
	query("ALTER FOREIGN TABLE $name ALTER COLUMN $_ OPTIONS (ADD sort '$sorts{$name}')") foreach qw(id n day);
	foreach my $order ('n NULLS FIRST, id NULLS FIRST', 'n DESC NULLS LAST, id DESC NULLS LAST', 'day NULLS FIRST, id NULLS FIRST')
	{
		foreach my $cut ('', ' LIMIT 3', ' OFFSET 4 LIMIT 7')
		{
			my $sql = "SELECT string_agg(id::text, ',') FROM (SELECT id FROM %s WHERE id < 12 ORDER BY $order$cut) t";
			is(query(sprintf($sql, $name)), query(sprintf($sql, 'here')), "$name: ORDER BY $order$cut");
		}
		like(query("EXPLAIN (COSTS OFF) SELECT id FROM $name ORDER BY $order"), qr/(?:ordering|\$orderby)=/, "$name: is asked for $order");
	}
	foreach my $condition ('true', 'n = 5', 'n IN (5, 7)', 'id > 3 AND n IS NULL')
	{
		my $sql = "SELECT count(*) FROM %s WHERE $condition";
		is(query(sprintf($sql, $name)), query(sprintf($sql, 'here')), "$name: $condition is counted");
		like(query('EXPLAIN (COSTS OFF) ' . sprintf($sql, $name)), qr/by its total/, "$name: by its total");
	}
}

$_->kill_kill(grace => 2) foreach @servers;
$node->stop;
done_testing();
