# The same queries with pushdown, without it, and on local tables of the same rows: no difference.
#
# DQ_SEED sets the seed (a number, or "random"), DQ_QUERIES the number of queries, DQ_ONLY the one query to run,
# DQ_FLAVOURS a regular expression that the declarations compared have to match.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Differential;
use DistQuery::Test;
use Test::More;
use Time::HiRes qw(time);

my $batch = 50;
my $seed = $ENV{DQ_SEED} // 2;
my $number = $ENV{DQ_QUERIES} // 400;

$seed = int(rand(1_000_000)) if $seed eq 'random';
note("seed $seed");

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', 'distquery.learned_figures' => 'on', max_parallel_workers_per_gather => 0);
my $test = DistQuery::Differential->new($node, $service, seed => $seed);

my $started = time;
my @queries = $test->queries($number);
@queries = grep { $_->{number} == $ENV{DQ_ONLY} } @queries if $ENV{DQ_ONLY};

while (my @some = splice(@queries, 0, $batch))
{
	my @differences = $test->compare(@some);
	is(scalar @differences, 0, "queries $some[0]{number} to $some[-1]{number}");
	diag($_) foreach @differences;
}

unless ($ENV{DQ_ONLY} or $ENV{DQ_FLAVOURS})
{
	# The comparison must be about something.
	my @asked = map { $_->{query} } @{ $service->log('/data/') };
	my $lookups = grep { $_->{path} =~ m{^/data/\w+/\w+/\d} } @{ $service->log('/data/') };
	my $filters = grep { /(?:^|&)(?!_)(?!(?:page|limit|offset|cursor|sort|order)=)[a-z]/ } @asked;
	my $sorted = grep { /(?:^|&)(?:_sort|sort|order)=/ } @asked;
	cmp_ok($filters, '>', $number, "questions with conditions: $filters of " . @asked);
	cmp_ok($lookups, '>', $number / 10, "lookups: $lookups");
	cmp_ok($sorted, '>', $number / 50, "sorted: $sorted");
	cmp_ok($test->{failures}, '<', $number / 5, "statements that fail: $test->{failures}");
	cmp_ok($test->{empty}, '<', $number / 2, "without rows: $test->{empty}");
	note(sprintf('%d runs in %.0f s', $test->{runs}, time - $started));
}

$node->stop;
done_testing();
