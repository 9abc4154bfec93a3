# Random joins over random schemas: foreign tables under every setting, and local tables of the same rows.
#
# DQ_SEED sets the seed (a number, or "random"), DQ_QUERIES the number of queries, DQ_COMBINATIONS how many combinations of
# settings each is run under in each of three assemblies (a number, or "all"), DQ_WORLD runs one world, DQ_ONLY (numbers, separated by commas) queries of it.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Joins;
use DistQuery::Test;
use PostgreSQL::Test::Utils;
use List::Util qw(min);
use Test::More;
use Time::HiRes qw(time);

my $queries_a_world = 50;
my $seed = $ENV{DQ_SEED} // 1;
my $number = $ENV{DQ_QUERIES} // 300;

$seed = int(rand(1_000_000)) if $seed eq 'random';
note("seed $seed");

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', max_parallel_workers_per_gather => 0, restart_after_crash => 'on', log_statement => 'none', log_min_error_statement => 'panic');
my $test = DistQuery::Joins->new($node, $service, seed => $seed, combinations => $ENV{DQ_COMBINATIONS} // 4);

my $started = time;
my $is_part = defined $ENV{DQ_WORLD};
my @only = split(/,/, $ENV{DQ_ONLY} // '');

for (my $world = $ENV{DQ_WORLD} // 1; $is_part ? $world == $ENV{DQ_WORLD} : $test->{queries} < $number; $world++)
{
	my $left = $number - $test->{queries};
	my $last = $is_part || $left > $queries_a_world ? $queries_a_world : $left;
	my @differences = $test->run_world($world, @only ? @only : 1 .. $last);
	is(scalar @differences, 0, "world $world");
	diag($_) foreach @differences;
}

unless ($is_part)
{
	# The comparison must be about something.
	cmp_ok($test->{dropped} // 0, '<', $number / 5, 'answers that are too large');
	cmp_ok($test->{failures} // 0, '<', $number / 20, 'statements that fail');
	cmp_ok($test->{empty} // 0, '<', $number * 0.6, 'queries without rows');
	cmp_ok($test->{slow} // 0, '<', 1 + $test->{runs} / 1000, 'runs that take too long');
	cmp_ok($test->{refused} // 0, '<', $test->{runs} / 4, 'runs refused for lack of a condition');
	cmp_ok($_->gets, '>', 10, 'lookups in ' . $_->kind) foreach $number > 2 * $queries_a_world ? @{ $test->{caches} }[ 1, 2 ] : ();
	cmp_ok($test->{lookup_joins}{$_} // 0, '>', 0, "lookup joins of kind $_") foreach qw(Inner Left Semi Anti);
}
note(sprintf('%d queries in %d runs in %.0f s; %d without rows, %d fail, %d too large; %d runs refused, %d too slow',
		$test->{queries}, $test->{runs}, time - $started, map { $_ // 0 } @$test{qw(empty failures dropped refused slow)}));
note('lookup joins in plans: ' . join(', ', map { "$_ $test->{lookup_joins}{$_}" } sort keys %{ $test->{lookup_joins} // {} }));

my @bad = grep { /TRAP|PANIC|terminated by signal|WARNING|could not close/ } split(/\n/, slurp_file($node->logfile));
is(scalar @bad, 0, 'no crash, and nothing leaked') or diag(join("\n", @bad[ 0 .. min(19, $#bad) ]));
$node->stop;
done_testing();
