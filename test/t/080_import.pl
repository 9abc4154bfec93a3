# Real descriptions, large ones among them: each table that IMPORT FOREIGN SCHEMA makes is created, and mock services made
# from the same descriptions answer queries on them.  The mock refuses parameters that a description does not have.
use strict;
use warnings;
use DistQuery::Test;
use File::Temp qw(tempdir);
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

# Tables of one description that are queried, spread over all of them.
use constant MAX_QUERIED => 500;

my $folder = $ENV{DQ_DESCRIPTIONS} // 'build/descriptions';
open(my $list, '<', "$folder/list") or die "no descriptions in $folder: run test/setup/fetch-descriptions.sh\n";
my @pairs = map { chomp; /^([^=]+)=(.*)$/ or die "bad line: $_"; [ $1, "$folder/$2" ] } <$list>;
close($list);
cmp_ok(scalar @pairs, '>=', 20, 'there are descriptions to import');

# The mock services
my $port_file = tempdir(CLEANUP => 1) . '/port';
my $mock = IPC::Run::start(
	[ 'python3', 'test/fixtures/mock.py', '--port-file', $port_file, map { "$_->[0]=$_->[1]" } @pairs ],
	'<', \undef);
ok(poll_until(sub { -e $port_file || !$mock->pumpable }, 60) && -e $port_file, 'the mock services start');
my $port = slurp_file($port_file);
chomp $port;

my $node = new_node('import');
my ($all_tables, $all_queried, $all_answered, $all_filtered) = (0, 0, 0, 0);

# A value that the mock takes, and answers with.
my %values = (
	text => "'x'", bigint => '1', integer => '1', smallint => '1', numeric => '1', 'double precision' => '1',
	boolean => 'true', date => "'2026-01-01'", uuid => "'00000000-0000-4000-8000-000000000001'",
	'timestamp with time zone' => "'2026-01-01T00:00:00Z'");

# What a query has to say of a column, by its options; undef where it need say nothing.
sub condition
{
	my ($column) = @_;
	my $value = $values{ $column->{type} } // "'x'";
	my $operator = '=';
	($operator) = grep { !/in|like|null/ } split ' ', $column->{options}{filter} // '=';
	$operator = 'IN' unless defined $operator;
	return $operator eq 'IN' ? "$column->{name} IN ($value, $value)" : "$column->{name} $operator $value";
}

# The tables of a schema: name, path, columns with types and options.
sub tables_of
{
	my ($schema) = @_;
	return @{ decode_json($node->safe_psql('postgres', <<~SQL)) };
		SELECT coalesce(json_agg(t ORDER BY t.name), '[]') FROM (
		  SELECT format('%I.%I', '$schema', c.relname) AS name,
		         (SELECT option_value FROM pg_options_to_table(f.ftoptions) WHERE option_name = 'path') AS path,
		         (SELECT json_agg(json_build_object('name', quote_ident(a.attname), 'raw', a.attname,
		                                            'type', format_type(a.atttypid, NULL),
		                    'options', (SELECT coalesce(json_object_agg(option_name, option_value), '{}')
		                                  FROM pg_options_to_table(a.attfdwoptions))))
		            FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
		    FROM pg_class c JOIN pg_foreign_table f ON f.ftrelid = c.oid
		   WHERE c.relnamespace = '$schema'::regnamespace) t
		SQL
}

sub required_conditions
{
	my ($table) = @_;
	return map { condition($_) } grep {
		index($table->{path}, "{$_->{raw}}") >= 0
		  || ($_->{options}{required} // '') eq 'true'
		  || ($_->{options}{from} // '') eq 'request'
	} @{ $table->{columns} };
}

sub filter_conditions
{
	my ($table) = @_;
	return map { condition($_) }
	  grep { exists $_->{options}{filter} && ($_->{options}{from} // '') ne 'request' } @{ $table->{columns} };
}

# Runs a query; its rows, or undef with the error noted.
sub rows_of
{
	my ($session, $query) = @_;
	my ($rows, $error);
	my $result = $node->psql('postgres', $query, stdout => \$rows, stderr => \$error);
	return $rows if $result == 0;
	diag("$query: $error");
	return;
}

foreach my $pair (@pairs)
{
	my ($name) = @$pair;
	my $started = time;
	my $is_yaml = $name =~ /yaml/;
	my $place = $is_yaml ? '/openapi.yaml' : '/openapi.json';
	create_server($node, $name, "http://127.0.0.1:$port/$name", openapi => $place, retries => 0);
	$node->safe_psql('postgres', "CREATE SCHEMA $name");
	my ($out, $error);
	my $result = $node->psql('postgres', "SET client_min_messages = warning;\n"
		  . "IMPORT FOREIGN SCHEMA openapi FROM SERVER $name INTO $name", stdout => \$out, stderr => \$error);
	is($result, 0, "$name: every table is created") or diag($error);
	my @tables = tables_of($name);
	cmp_ok(scalar @tables, '>', 0, "$name: there are tables");

	# Every declaration holds together, which a plan finds out.
	my $plans = $node->psql('postgres', join("\n", map { "EXPLAIN SELECT * FROM $_->{name};" } @tables),
		stdout => \$out, stderr => \$error, on_error_stop => 1);
	is($plans, 0, "$name: every declaration holds together") or diag($error);
	$all_tables += @tables;
	next if $is_yaml;

	my $step = @tables > MAX_QUERIED ? @tables / MAX_QUERIED : 1;
	my @sample = map { $tables[ int($_ * $step) ] } 0 .. (@tables < MAX_QUERIED ? @tables : MAX_QUERIED) - 1;
	my ($queried, $answered, $filtered, $failed) = (0, 0, 0, 0);
	my (@queries, @with_filters);
	foreach my $table (@sample)
	{
		my @required = required_conditions($table);
		my @filters = filter_conditions($table);
		push @queries, "SELECT count(*) FROM (SELECT * FROM $table->{name}"
		  . (@required ? ' WHERE ' . join(' AND ', @required) : '') . ") t";
		push @with_filters, "SELECT count(*) FROM (SELECT * FROM $table->{name} WHERE "
		  . join(' AND ', @required, @filters) . ") t" if @filters;
	}
	# All in one session; what fails there is asked again by itself, for the message.
	foreach my $set (\@queries, \@with_filters)
	{
		my ($rows, $errors);
		$node->psql('postgres', join("\n", map { "$_;" } @$set), stdout => \$rows, stderr => \$errors,
			on_error_stop => 0);
		my @lines = split /\n/, $rows;
		$failed += @$set - @lines;
		diag("$name: " . join("\n", grep { /ERROR|DETAIL/ } split(/\n/, $errors))) if @lines < @$set;
		if ($set == \@queries) { $queried = @lines; $answered = grep { $_ > 0 } @lines; }
		else { $filtered = @lines; }
	}
	is($failed, 0, "$name: the mock service answers queries on all of " . @sample . " tables");
	$all_queried += $queried;
	$all_answered += $answered;
	$all_filtered += $filtered;
	note(sprintf '%-16s %4d tables, %3d queried, %3d of them with rows, %3d also with all filters, %.1f s',
		$name, scalar @tables, $queried, $answered, $filtered, time - $started);
}

my $counts = decode_json(HTTP::Tiny->new->get("http://127.0.0.1:$port/_counts")->{content})->[0];
is($counts->{refused}, 0, 'no request was refused');
is($counts->{unknown}, 0, 'no request went to a path that is not described');
cmp_ok($all_answered, '>', 500, 'many tables had rows');
cmp_ok($all_filtered, '>', 100, 'many were asked with filters');
note("$all_tables tables, $all_queried queried, $all_answered with rows, $all_filtered with filters, "
	  . "$counts->{requests} requests");
$node->stop;
$mock->kill_kill(grace => 2);
done_testing();
