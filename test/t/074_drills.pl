# Fault drills: many sessions query services through a proxy that breaks connections.  No crash, no hang, no wrong row, and
# every failure has a name.
#
# DQ_DRILL=all: each fault alone, then all mixed; DQ_DRILL=reset-body,drip: these; else all mixed, once.
# DQ_DRILL_QUERIES (200) and DQ_DRILL_SESSIONS (16) for each round, DQ_SEED (1).
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Drill;
use DistQuery::Proxy;
use DistQuery::Test;
use List::Util qw(min sum);
use Test::More;

my $queries = $ENV{DQ_DRILL_QUERIES} // 200;
my $seed = $ENV{DQ_SEED} // 1;
$seed = int(rand(1_000_000)) if $seed eq 'random';
srand($seed);
note("seed $seed");

my $service = DistQuery::Test::Service->new;
my $proxy = DistQuery::Proxy->new($service, seed => $seed);
my $node = new_node('main', shared_preload_libraries => 'distquery', max_connections => 60, max_parallel_workers_per_gather => 0, jit => 'off',
	log_statement => 'none');
my $drill = DistQuery::Drill->new($node, $service, $proxy, sessions => $ENV{DQ_DRILL_SESSIONS} // 16);
my @faults = @{ $proxy->stats->{faults} };
my $mixed = join(',', @faults);
my @rounds = ($ENV{DQ_DRILL} // '') eq 'all' ? (@faults, 'dns', 'mixed') : split(/,/, $ENV{DQ_DRILL} || 'mixed');
my @table;

# All servers are called so.
sub rename_services
{
	my ($host) = @_;
	$node->safe_psql('postgres', join('', map { "ALTER SERVER ${_}_service OPTIONS (SET url 'http://$host:" . $proxy->port . "');" }
		qw(customers orders products)));
	return;
}

# First without faults, which also makes what backends keep: plans, connections, the allocator's reserve.
my $calm = $drill->run_calmly(16 * 8);
is_deeply($calm->{wrong}, [], 'without faults all is right');
is($calm->{succeeded}, 16 * 8, 'and nothing fails');
my $before = $drill->possessions;

foreach my $round (@rounds)
{
	my $faults = $round eq 'mixed' ? $mixed : $round eq 'dns' ? '' : $round;
	my $struck_before = $proxy->stats->{struck};

	$proxy->set(faults => $faults, calm => $round eq 'mixed' ? 40 : 20);
	rename_services('nowhere.invalid') if $round eq 'dns';
	$drill->set_attempt_timeout('200ms');
	$proxy->cut;
	# What changes bytes shows at the end of an answer at the latest, when some of its rows may have been used.
	my %options = (without_part => $faults =~ /\b(?:corrupt|duplicate)\b/);
	my $report = $drill->run($queries, %options);
	my @unseen;
	for (my $more = 0; $more < 5; $more++)
	{
		my $struck = $proxy->stats->{struck};
		@unseen = grep { not $struck->{$_} } split /,/, $faults;
		last unless @unseen;
		$drill->run($queries / 4, %options, report => $report);
	}
	rename_services('127.0.0.1') if $round eq 'dns';
	my $struck = $proxy->stats->{struck};
	my $strikes = sum(0, map { $struck->{$_} - ($struck_before->{$_} // 0) } keys %$struck);

	is(scalar @{ $report->{wrong} }, 0, "$round: no wrong row, no hang, no error without a name") or diag(join("\n", @{ $report->{wrong} }[ 0 .. min(3, $#{ $report->{wrong} }) ]));
	is("@unseen", '', "$round: connections were struck");
	ok($drill->comes_to_rest, "$round: services come to rest") or diag($drill->{state});
	push @table, [ $round, $strikes, @$report{qw(queries succeeded partial failed slowest)},
		join(' ', map { "$_ $report->{sqlstates}{$_}" } sort keys %{ $report->{sqlstates} }) ];
	if ($round eq 'mixed')
	{
		cmp_ok($report->{failed}, '>', 0, 'some queries fail');
		cmp_ok($report->{succeeded}, '>', $queries / 20, 'others succeed');
	}
}

my $after = $drill->possessions;
my $again = $drill->run_calmly(16 * 3);
is_deeply($again->{wrong}, [], 'without faults all is right again');
is($again->{succeeded}, 16 * 3, 'and nothing fails');
foreach my $i (0 .. $#{ $before->{kb} })
{
	# Connections that are idle are kept.
	cmp_ok($after->{descriptors}[$i], '<=', $before->{descriptors}[$i] + 8, "session $i has no more descriptors: $before->{descriptors}[$i], $after->{descriptors}[$i]");
	cmp_ok($after->{context_kb}[$i] - $before->{context_kb}[$i], '<', 1024, "nor have its memory contexts: $before->{context_kb}[$i] kB, $after->{context_kb}[$i] kB");
	cmp_ok($after->{kb}[$i] - $before->{kb}[$i], '<', 8192, "session $i has not grown: $before->{kb}[$i] kB, $after->{kb}[$i] kB");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');
$drill->close;
$node->stop;

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
my @complaints = grep { /PANIC|TRAP|terminated by signal|leak|not closed|still referenced|Sanitizer|runtime error/ } split /\n/, $log;
is(join("\n", @complaints[ 0 .. min($#complaints, 4) ]), '', 'the server has nothing to complain of');

my $text = sprintf("%-16s %8s %8s %9s %8s %7s %6s  %s\n", qw(fault strikes queries succeeded partial failed max-s SQLSTATE));
$text .= sprintf("%-16s %8d %8d %9d %8d %7d %6.2f  %s\n", @$_) foreach @table;
my $print = $ENV{DQ_DRILL} ? \&diag : \&note;
$print->($text);
$print->(sprintf('%-12s of a session: %7.0f before, %7.0f after', $_, map { sum(@$_) / @$_ } $before->{$_}, $after->{$_}))
  foreach qw(descriptors kb context_kb);
done_testing();
