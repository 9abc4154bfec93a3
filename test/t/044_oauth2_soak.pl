# Many sessions want one token that ends early, is revoked and is not always to be had, while sessions are cancelled and terminated: every
# answer is whole or a named error, nobody hangs, and nothing is left behind.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use JSON::PP;
use Test::More;

my $seed = $ENV{DQ_SEED} // 11;
$seed = time if $seed eq 'random';
srand($seed);
note("DQ_SEED=$seed");
my $rounds = $ENV{DQ_QUERIES} // 400;

my $service = DistQuery::Test::Service->new;
my $url = $service->url;
my $node = new_node('main', shared_preload_libraries => "'distquery'", jit => 'off', max_connections => 60);
my $admin = DistQuery::Session->new($node);
create_server($node, 'api', $url, timeout => '2s', retries => 1, retry_backoff => '5ms', max_in_flight => 6, breaker_failures => 0,
	auth => 'oauth2', token_url => "$url/oauth/api/token", client_id => 'client', client_secret => 's3cret');
create_table($node, 'api', 'api_rows', 'id int, who text', path => '/oauth/api/rows', paging => 'page', page_size => 2);

my @queries = (
	[ 'SELECT count(*), sum(id), min(who) FROM api_rows' => qr/^6\|21\|client$/ ],
	[ 'SELECT count(*), sum(a.id), min(b.who) FROM api_rows a JOIN api_rows b USING (id)' => qr/^6\|21\|client$/ ],
	[ 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM api_rows; FETCH 2 FROM c; SAVEPOINT s; SELECT count(*) FROM api_rows; ROLLBACK TO s; FETCH ALL FROM c; COMMIT' => qr/^1\n2\n6\n3\n4\n5\n6$/ ],
	[ 'SELECT id FROM api_rows LIMIT 1' => qr/^1$/ ]);
my @modes = ('good', 'good', 'good', 'good', 500, 503, 'reset', 'garbage', 'held', 'refuse');
# 401: the token was good for no more use, twice in a row; 3B001: a statement before failed
my $named = qr/no access token was issued: |HTTP status 401|57014: canceling statement due to user request|57P01: terminating connection|25P02|3B001: savepoint "s" does not exist/;

my @slots = map { { session => DistQuery::Session->new($node) } } 1 .. 12;
my ($answers, $errors, $ended) = (0, 0, 0);
my @wrong;

# One that was terminated while it had nothing to do notices it late.
sub replace
{
	my ($slot) = @_;
	eval { $slot->{session}->close; };
	$slot->{session} = DistQuery::Session->new($node);
	$ended++;
	return;
}

sub take
{
	my ($slot) = @_;
	my ($session, $query) = delete @$slot{qw(session query)};
	my ($output, $error) = ($session->output, $session->last_error);
	if ($error eq '')
	{
		$answers++;
		push @wrong, "$query->[0]: $output" unless $output =~ $query->[1];
	}
	else
	{
		$errors++;
		my @unnamed = grep { /^(?:ERROR|FATAL|PANIC)/ && !/$named/ } split /\n/, $error;
		push @wrong, "$query->[0]: @unnamed" if @unnamed;
	}
	$slot->{session} = $session;
	return if $error !~ /57P01|connection to server was lost/ and eval { $session->query('ROLLBACK'); $session->last_error !~ /57P01/ };
	replace($slot);
	return;
}

my $sent = 0;
while ($sent < $rounds)
{
	foreach my $slot (@slots)
	{
		take($slot) if $slot->{query} and $slot->{session}->finish(0.005);
		next if $slot->{query};
		$slot->{query} = $queries[ rand @queries ];
		until (eval { $slot->{session}->send($slot->{query}[0]); 1 }) { replace($slot); }
		$sent++;
	}
	my $mode = $modes[ rand @modes ];
	$service->set_oauth('api', mode => $mode, life => (0, 1, 3600)[ rand 3 ], uses => (undef, undef, 1, 3)[ rand 4 ], release => JSON::PP::true,
		rand() < 0.3 ? (revoke => JSON::PP::true) : ());
	my $victim = $slots[ rand @slots ]{session}->pid;
	my $chance = rand();
	$admin->query("SELECT pg_cancel_backend($victim)") if $chance < 0.1;
	$admin->query("SELECT pg_terminate_backend($victim)") if $chance > 0.96;
}
$service->set_oauth('api', mode => 'good', life => 3600, uses => undef, release => JSON::PP::true);
my $hanging = 0;
foreach my $slot (@slots)
{
	next unless $slot->{query};
	$slot->{session}->finish(30) ? take($slot) : $hanging++;
}
is($hanging, 0, 'nobody hangs');
is(scalar @wrong, 0, "$answers answers and $errors errors of $sent queries, $ended sessions ended: all whole or named") or diag(join "\n", @wrong[ 0 .. ($#wrong > 4 ? 4 : $#wrong) ]);
cmp_ok($answers, '>', $rounds / 10, 'many are answers');
cmp_ok($errors, '>', $rounds / 20, 'and many errors');
$service->set_oauth('api', revoke => JSON::PP::true);
$service->reset;
foreach my $slot (@slots)
{
	until (eval { $slot->{session}->query('SELECT 1') eq '1' && $slot->{session}->last_error eq '' }) { replace($slot); }
	$slot->{session}->send($queries[0][0]);
}
is(scalar(grep { $_->{session}->finish(30) && $_->{session}->output =~ $queries[0][1] } @slots), scalar @slots, 'then all have their rows');
is($service->count('/oauth/api/token'), 1, 'by one token');
is($admin->query("SELECT in_flight, waiting FROM distquery.services WHERE server = 'api'"), '0|0', 'no slot is held');
ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 30), 'nothing is on the wire');

$_->{session}->close foreach @slots;
$admin->close;
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|tok3n-|entered twice/, 'no crash, and no token in the log');
done_testing();
