# Sessions that share cache servers which misbehave at random, with timeouts, savepoints, cursors and invalidations: every
# answer that comes is right, and nothing is left broken.
#
# DQ_SEED sets the seed, DQ_QUERIES the number of steps of each session.

use strict;
use warnings;
use DistQuery::CacheServer;
use DistQuery::Test;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{DQ_SEED} // 1;
my $steps = $ENV{DQ_QUERIES} // 40;
my $sessions = 4;
my @modes = (('pass') x 4, qw(hold garbage close flip extra replay));

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'", restart_after_crash => 'on');
my %proxies;

srand($seed);
note("seed $seed");
$service->put('rows', [ map { { id => $_, t => 'row ' . 'x' x 50 } } 1 .. 1000 ]);
foreach my $kind (qw(redis memcached))
{
	my $server = DistQuery::CacheServer->new($kind);
	$proxies{$kind} = [ DistQuery::CacheServer->proxy($server), $server ];
	create_server($node, $kind, $service->url, strategy => 'cache', ttl => '50ms', stale_while_revalidate => '100ms', stale_if_error => '1s', cache_store => $kind,
		cache_url => $proxies{$kind}[0]->url);
	create_table($node, $kind, "$kind\_rows", 'id int, t text', path => '/data/plain/rows');
	create_table($node, $kind, "$kind\_keyed", q{id int OPTIONS (key 'true', filter '= in'), name text}, path => '/data/postgrest/customers',
		dialect => 'postgrest', cache_rows => 'true');
}

sub all_rows { return "SELECT CASE WHEN count(*) = 1000 AND sum(id) = 500500 THEN 'right' ELSE 'WRONG ' || count(*) END FROM $_[0]_rows;\n"; }

sub some_keys
{
	my ($kind) = @_;
	my $first = 1 + int(rand(300));
	my $n = 1 + int(rand(80));
	return "SELECT CASE WHEN count(*) = $n AND count(DISTINCT id) = $n THEN 'right' ELSE 'WRONG ' || count(*) END FROM $kind\_keyed "
	  . "WHERE id = ANY (ARRAY(SELECT generate_series($first, " . ($first + $n - 1) . ")));\n";
}

sub step
{
	my $kind = rand() < 0.5 ? 'redis' : 'memcached';
	my $script = rand() < 0.3 ? "\\! echo $modes[rand @modes] > " . $proxies{$kind}[0]->mode_file . "\n" : '';
	my @kinds = (
		all_rows($kind), some_keys($kind),
		"BEGIN; SAVEPOINT a; " . some_keys($kind) . 'ROLLBACK TO a; ' . all_rows($kind) . "COMMIT;\n",
		"BEGIN; DECLARE c CURSOR FOR SELECT id > 0 FROM $kind\_rows; FETCH 3 FROM c; " . some_keys($kind) . "FETCH 3 FROM c; COMMIT;\n",
		"SELECT distquery.invalidate('$kind\_rows') IS NULL;\n");
	$script .= sprintf("SET statement_timeout = '%dms';\n", rand() < 0.5 ? 1 + int(rand(40)) : 0);
	$script .= sprintf("SET distquery.cache_timeout = '%dms';\n", rand() < 0.2 ? 1000 : 1 + int(rand(50)));
	return $script . $kinds[ int(rand(@kinds)) ];
}

my @running;
foreach my $session (1 .. $sessions)
{
	my $script = "SET client_min_messages = error;\n" . join('', map { step() } 1 .. $steps);
	$script .= "\\! echo pass > " . $_->[0]->mode_file . "\n" foreach values %proxies;
	$script .= "RESET statement_timeout;\n" . join('', map { all_rows($_) . some_keys($_) } sort keys %proxies) . "\\echo end\n";
	my ($stdout, $stderr) = ('', '');
	push @running, [ IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres') ], '<', \$script, '>', \$stdout, '2>', \$stderr), \$stdout, \$stderr ];
}
foreach my $session (@running)
{
	my ($handle, $stdout, $stderr) = @$session;
	$handle->finish;
	is(scalar(() = $$stdout =~ /WRONG/g), 0, 'no wrong answer') or diag($$stdout);
	like($$stdout, qr/(?:right\n){4}end\n$/, 'and right ones at the end') or diag($$stderr);
	my %errors;
	$errors{$1}++ while $$stderr =~ /ERROR:\s+(.*)/g;
	my @unexpected = grep { !/canceling statement|could not invalidate cached answers|current transaction is aborted/ } keys %errors;
	is("@unexpected", '', 'no error that was not asked for');
	note(scalar(() = $$stdout =~ /right/g) . ' answers, errors: ' . join(', ', map { "$errors{$_} $_" } sort keys %errors));
}
my @bad = grep { /TRAP|PANIC|terminated by signal|entered twice|could not close/ } split(/\n/, slurp_file($node->logfile));
is(scalar @bad, 0, 'no crash, and nothing leaked') or diag(join("\n", @bad));
done_testing();
