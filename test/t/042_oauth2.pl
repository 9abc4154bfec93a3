# auth oauth2: one token for all sessions, renewed when it ends or is refused, and never shown; what goes wrong with it is an
# error that says so.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Encode;
use JSON::PP;
use MIME::Base64;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $url = $service->url;
my $node = new_node('main', shared_preload_libraries => "'distquery'", max_connections => 60, jit => 'off', log_statement => 'none',
	log_min_error_statement => 'panic', log_min_messages => 'debug1', 'distquery.trace' => 'log');
my $admin = DistQuery::Session->new($node);
my @texts;    # everything that was said

# A server whose API is /oauth/<name>/, with a mapping for PUBLIC.
sub api
{
	my ($name, %options) = @_;
	my %mapping = (auth => 'oauth2', token_url => "$url/oauth/$name/token", client_id => 'client', client_secret => 's3cret');
	foreach my $option (qw(scope audience client_auth client_id client_secret))
	{
		$mapping{$option} = delete $options{$option} if exists $options{$option};
	}
	create_server($node, $name, $url, retries => 0, %options);
	$admin->query("CREATE USER MAPPING FOR PUBLIC SERVER $name " . options_clause(%mapping));
	create_table($node, $name, "${name}_rows", 'id int, who text', path => "/oauth/$name/rows", paging => 'page', page_size => 2);
	create_table($node, $name, "${name}_who", 'who text, scope text, audience text, number int', path => "/oauth/$name/who");
	$admin->query("GRANT SELECT ON ${name}_rows, ${name}_who TO PUBLIC");
	return;
}
sub tokens { return $service->count("/oauth/$_[0]/token"); }
sub asked { return $service->count("/oauth/$_[0]/$_[1]"); }
sub error
{
	my ($session, $sql) = @_;
	push @texts, $session->error($sql);
	return $texts[-1];
}
my $count = 'SELECT count(*), string_agg(DISTINCT who, \',\') FROM';
my $good = '6|client';

#
# The request, and who shares its token
#

api('plain');
is($admin->query("$count plain_rows"), $good, 'rows for a token');
my ($request) = @{ $service->log('/oauth/plain/token') };
is("$request->{method} $request->{body}", 'POST grant_type=client_credentials', 'the client in a header');
is($admin->query("$count plain_rows; SELECT number FROM plain_who"), "$good\n1", 'the same token again');
my $other = DistQuery::Session->new($node);
is($other->query('SELECT number FROM plain_who'), '1', 'and in another session');
is(tokens('plain'), 1, 'one request for it');

my $odd = q{i d:/%+&=é};
my $odd_secret = q{s:e/c%r+e&t=ü "secret"};
foreach my $way (qw(basic post))
{
	api($way, client_auth => $way, client_id => $odd, client_secret => $odd_secret, scope => 'read:all write', audience => 'https://api.example/?a=b&c');
	$service->set_oauth($way, clients => { Encode::decode('UTF-8', $odd) => Encode::decode('UTF-8', $odd_secret) });
	is($admin->query("SELECT * FROM ${way}_who"), "$odd|read:all write|https://api.example/?a=b&c|1", "odd characters arrive, $way");
	($request) = @{ $service->log("/oauth/$way/token") };
	is($request->{body} =~ /client_secret/ ? 'post' : 'basic', $way, 'in their place');
}

# Mappings have tokens of their own, roles of one mapping share its.
$admin->query('CREATE ROLE one LOGIN; CREATE ROLE two LOGIN; CREATE ROLE three LOGIN');
api('roles', token_url => "$url/oauth/roles/token");
$service->set_oauth('roles', clients => { client => 's3cret', first => 'secret-of-first' });
$admin->query("CREATE USER MAPPING FOR one SERVER roles OPTIONS (auth 'oauth2', client_id 'first', client_secret 'secret-of-first')");
$admin->query("CREATE USER MAPPING FOR two SERVER roles OPTIONS (auth 'oauth2', client_id 'first', client_secret 'secret-of-first', scope 'more')");
is($admin->query("SET ROLE $_; SELECT who, scope FROM roles_who"), { one => 'first|', two => 'first|more', three => 'client|' }->{$_}, "a token of $_")
  foreach qw(one two three one);
is($admin->query('RESET ROLE; SELECT who, number FROM roles_who'), 'client|3', 'PUBLIC is one mapping');
is(tokens('roles'), 3, 'one request a mapping');

#
# At once
#

my @sessions = map { DistQuery::Session->new($node) } 1 .. 16;
api('crowd');
$service->set_oauth('crowd', mode => 'held');
$_->send("$count crowd_rows") foreach @sessions;
ok(poll_until(sub { tokens('crowd') > 0 }, 30), 'sixteen sessions want a token');
is($admin->query("SELECT 'is not held up'"), 'is not held up', 'others go on');
ok(poll_until(sub { $admin->query(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension' AND query LIKE '%crowd_rows%'}) >= 16 }, 30),
	'all of them wait');
ok(poll_until(sub { $admin->query(q{SELECT count(*) FROM distquery.activity WHERE state = 'waiting for token' AND foreign_table = 'crowd_rows'::regclass}) == 16 }, 30),
	'and are seen to');
is(asked('crowd', 'rows'), 0, 'nothing is asked without one');
$service->set_oauth('crowd', mode => 'good', release => JSON::PP::true);
is(scalar(grep { $_->finish(30) && $_->output eq $good } @sessions), 16, 'all have their rows');
is(tokens('crowd'), 1, 'by one token request');

# The service forgets it: all are refused, and one asks for a new one.
$service->set_oauth('crowd', revoke => JSON::PP::true);
$_->send("$count crowd_rows") foreach @sessions;
is(scalar(grep { $_->finish(30) && $_->output eq $good } @sessions), 16, 'all have their rows after it was revoked');
is(tokens('crowd'), 2, 'by one token request more');

# The one that asks is ended, cancelled, or sits in a cursor: another one does.
my @leaders = (
	[ terminated => sub { $admin->query("SELECT pg_terminate_backend($_[0])") } ],
	[ cancelled => sub { $admin->query("SELECT pg_cancel_backend($_[0])") } ]);
foreach my $case (@leaders)
{
	my ($what, $end) = @$case;
	api($what);
	$service->set_oauth($what, mode => 'held');
	my $leader = DistQuery::Session->new($node);
	$leader->send("$count ${what}_rows");
	ok(poll_until(sub { tokens($what) == 1 }, 30), 'one asks for a token');
	$_->send("$count ${what}_rows") foreach @sessions;
	ok(poll_until(sub { $admin->query(qq{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension' AND query LIKE '%${what}_rows%'}) >= 17 }, 30),
		'the others wait');
	is(tokens($what), 1, 'for the same one');
	$end->($leader->pid);
	ok(poll_until(sub { tokens($what) == 2 }, 30), "it is $what: one of the others asks");
	$service->set_oauth($what, mode => 'good', release => JSON::PP::true);
	is(scalar(grep { $_->finish(30) && $_->output eq $good } @sessions), 16, 'and all have their rows');
	ok($leader->finish(30), 'its session ends the statement');
	is(tokens($what), 2, 'no further requests');
	$leader->close;
}

api('idle');
create_table($node, 'plain', 'two_rows', 'id int, who text', path => '/oauth/plain/rows?limit=2&page=1');
$service->set_oauth('idle', mode => 'held');
my $idle = DistQuery::Session->new($node);
is($idle->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM two_rows UNION ALL SELECT id FROM idle_rows; FETCH 1 FROM c'), '1', 'a cursor has begun');
ok(poll_until(sub { tokens('idle') == 1 }, 30), 'its second table wants a token');
$other->send("$count idle_rows");
ok(poll_until(sub { tokens('idle') == 2 }, 30), 'nobody waits for a session that is idle for long');
$service->set_oauth('idle', mode => 'good', release => JSON::PP::true);
ok($other->finish(30), 'the other one goes on');
is($other->output, $good, 'and has its rows');
is($idle->query('FETCH ALL FROM c; COMMIT'), join("\n", 2, 1 .. 6), 'so does the cursor');

# Waiting ends with the statement.
api('patience');
$service->set_oauth('patience', mode => 'held');
my ($leader, $follower) = @sessions[ 0, 1 ];
$leader->send("$count patience_rows");
ok(poll_until(sub { tokens('patience') == 1 }, 30), 'a token is asked for');
like($follower->error("SET statement_timeout = '200ms'; $count patience_rows"), qr/57014: canceling statement due to statement timeout/, 'statement_timeout of one that waits');
$follower->query('RESET statement_timeout');
$follower->send("$count patience_rows");
$admin->query('SELECT pg_cancel_backend(' . $follower->pid . ')') until $follower->finish(0.1);
like($follower->last_error, qr/57014: canceling statement due to user request/, 'and its cancel');
is(tokens('patience'), 1, 'make no request');
# All are told what the one was told.
$_->send("$count patience_rows") foreach @sessions[ 1 .. 15 ];
ok(poll_until(sub { $admin->query(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND wait_event_type = 'Extension' AND query LIKE '%patience_rows%'}) >= 16 }, 30), 'sixteen wait');
$service->set_oauth('patience', mode => 'refuse', release => JSON::PP::true);
is(scalar(grep { $_->finish(30) && $_->last_error =~ /HV00L: .*"patience_rows" from server "patience": no access token was issued: the token endpoint answers "invalid_scope"/ } @sessions),
	16, 'one refusal is told to all');
is(tokens('patience'), 1, 'of one request');
like(error($leader, "$count patience_rows"), qr/DETAIL:  POST .*It says: that is not for you\nHINT:  Check "client_id"/s, 'the next statement asks again');
is(tokens('patience'), 2, 'once');

#
# The end of a token
#

api('paged');
$service->set_oauth('paged', uses => 2);
is($admin->query("$count paged_rows"), $good, 'a token that ends in the middle of paging');
is(tokens('paged') . ' ' . asked('paged', 'rows'), '2 5', 'is renewed once, and the page asked again');
is($admin->query("SELECT sum(retries) FROM distquery.services WHERE server = 'paged'"), '0', 'which is no retry');

api('refused');
$service->set_oauth('refused', uses => 0);
like(error($admin, "$count refused_rows"), qr/^ERROR:  HV00L: .*"refused_rows" from server "refused": HTTP status 401\n.*HINT:  The service refuses a token that was just issued/s,
	'a new token that is refused is an error');
is(tokens('refused') . ' ' . asked('refused', 'rows'), '2 2', 'after one renewal');

api('never_again', idempotent => 'false');
$admin->query("$count never_again_rows");
$service->set_oauth('never_again', revoke => JSON::PP::true);
like(error($admin, "$count never_again_rows"), qr/HTTP status 401/, 'a request that may not be repeated is not');
is($admin->query("$count never_again_rows"), $good, 'the next one has a new token') or diag($admin->last_error);

api('short');
$service->set_oauth('short', life => 0);
is($admin->query("$count short_rows"), $good, 'a token that lives for one use');
is($admin->query('SELECT number FROM short_who'), asked('short', 'token'), 'is not used for another statement');
$service->set_oauth('short', life => 1);
my $first = $admin->query('SELECT number FROM short_who');
ok(poll_until(sub { $admin->query('SELECT number FROM short_who') > $first }, 30), 'one of a second is renewed');
$service->set_oauth('short', life => 100000000);
ok(poll_until(sub { $admin->query('SELECT number FROM short_who') == tokens('short') }, 30), 'one of years');
$first = tokens('short');
$admin->query('SELECT number FROM short_who') foreach 1 .. 3;
is(tokens('short'), $first, 'is kept');
# It is renewed before it ends; where that fails, it is used until then.  That is the last tenth of its life, which a slow
# machine may miss.
api('early', breaker_failures => 0);
my $was_used = 0;
for (my $round = 0; $round < 10 and not $was_used; $round++)
{
	$service->set_oauth('early', mode => 'good', life => 2);
	poll_until(sub { $admin->query('SELECT who FROM early_who') eq 'client' }, 30);
	$service->set_oauth('early', mode => 500);
	my $tokens = tokens('early');
	poll_until(sub { my $rows = $admin->query('SELECT who FROM early_who'); $was_used ||= $rows eq 'client' && tokens('early') > $tokens; $was_used or $rows eq '' }, 30);
}
ok($was_used, 'a token is used while no other is to be had');
api('untold');
$service->set_oauth('untold', life => undef);
is($admin->query('SELECT number FROM untold_who; SELECT number FROM untold_who'), "1\n1", 'one whose life is not told is kept, too');

#
# Token endpoints that fail
#

my %problems = (
	mac => qr/HV000: .*"token_type" Bearer/, 'no-type' => qr/HV000: .*does not tell the "token_type"/,
	'line-break' => qr/HV000: .*characters that cannot be sent in a header/, blank => qr/HV000: .*characters that cannot/,
	'non-ascii' => qr/HV000: .*characters that cannot/, empty => qr/HV000: .*characters that cannot/, number => qr/HV000: .*characters that cannot/,
	long => qr/HV000: .*longer than 8000 bytes/, 'no-token' => qr/HV000: .*no "access_token"/,
	'odd-life' => qr/HV000: .*"expires_in" of its answer is no number/, 'negative-life' => qr/HV000: .*"expires_in"/,
	garbage => qr/HV000: .*no JSON object/, 'cut-json' => qr/HV000: .*no JSON object/, huge => qr/HV000: .*its answer is larger than 65536 bytes/,
	hang => qr/HV000: .*no complete answer within timeout of 300 ms/, reset => qr/HV000: .*connection broke/,
	redirect => qr/HV00L: .*HTTP status 302\n(?s:.*)"token_url"/, refuse => qr/HV00L: .*"invalid_scope"/,
	404 => qr/HV00L: .*HTTP status 404\n(?s:.*)HINT:  Check option "token_url"/, 403 => qr/HV00L: .*HTTP status 403/, 500 => qr/HV000: .*HTTP status 500/,
	429 => qr/HV0\w\w: .*HTTP status 429/);
api('broken', timeout => '20s', breaker_failures => 0);
$service->reset;
foreach my $mode (sort keys %problems)
{
	$service->set_oauth('broken', mode => $mode =~ /^\d+$/ ? $mode + 0 : $mode);
	alter_options($node, 'SERVER broken', SET => { timeout => $mode eq 'hang' ? '300ms' : '20s' }) if $mode =~ /^(?:hang|huge)$/;
	like(error($admin, "$count broken_rows"), qr/^ERROR:  (?=[^\n]*could not fetch foreign table "broken_rows" from server "broken": no access token was issued: )$problems{$mode}/, "$mode is an error");
}
# libcurl by itself asks again where a kept connection turns out to be closed
cmp_ok(tokens('broken'), '<=', 1 + keys %problems, 'each of them once');
is(asked('broken', 'rows'), 0, 'and nothing else was asked');
foreach my $mode (qw(lower text-life))
{
	api("lenient_$mode" =~ s/-/_/r);
	$service->set_oauth("lenient_$mode" =~ s/-/_/r, mode => $mode);
	is($admin->query("$count " . "lenient_${mode}_rows" =~ s/-/_/r), $good, "$mode is not");
}
$service->set_oauth('broken', mode => 'good');
is($admin->query("$count broken_rows"), $good, 'then it works');

$admin->query("ALTER USER MAPPING FOR PUBLIC SERVER broken OPTIONS (SET client_secret 'wrong-secret-of-client')");
like(error($admin, "$count broken_rows"), qr/HV00L: .*answers "invalid_client"\nDETAIL:  POST .*no client client with secret \*\*\*/, 'the token of another secret is not used, and no secret told');
$admin->query("ALTER USER MAPPING FOR PUBLIC SERVER broken OPTIONS (SET client_secret 's3cret')");
is($admin->query("$count broken_rows"), $good, 'nor the refusal remembered');

# Where one may not connect to, tokens are not got from either.
$admin->query("CREATE SERVER metadata FOREIGN DATA WRAPPER distquery OPTIONS (url '$url', retries '0');
	CREATE USER MAPPING FOR PUBLIC SERVER metadata OPTIONS (auth 'oauth2', token_url 'https://169.254.169.254/token', client_id 'client', client_secret 's3cret');
	CREATE FOREIGN TABLE metadata (who text) SERVER metadata OPTIONS (path '/oauth/plain/who')");
like(error($admin, 'SELECT * FROM metadata'), qr/^ERROR:  \w{5}: .*"metadata" from server "metadata": no access token was issued: .*169\.254\.169\.254/, 'a link-local address is not asked for a token');
$admin->query("ALTER USER MAPPING FOR PUBLIC SERVER metadata OPTIONS (SET token_url 'https://token.elsewhere.example/token'); SET distquery.allowed_hosts = '127.0.0.1'");
like(error($admin, 'SELECT * FROM metadata'), qr/no access token was issued: .*token\.elsewhere\.example/, 'nor a host that is not allowed');
$admin->query('RESET distquery.allowed_hosts');

# The token endpoint has a circuit breaker and retries of its own.
api('down', retries => 1, retry_backoff => '1ms', breaker_failures => 4, breaker_cooldown => '1h');
$service->set_oauth('down', mode => 503);
$service->reset;
error($admin, "$count down_rows") foreach 1 .. 4;
like($texts[-1], qr/^ERROR:  08004: .*no access token was issued: its circuit breaker is open\n.*HINT:  .*distquery.reset_breaker\('down'\)/s, 'its breaker opens');
is(tokens('down'), 4, 'after so many requests');
is($admin->query("SELECT breaker, requests FROM distquery.services WHERE server = 'down'"), 'closed|0', 'which are not those of the API');
$admin->query("CREATE FOREIGN TABLE down_empty (id int) SERVER down OPTIONS (path '/oauth/down/rows', on_error 'empty')");
like(error($admin, 'SELECT * FROM down_empty'), qr/^WARNING:  .*down_empty/, "on_error 'empty' passes over it");
$service->set_oauth('down', mode => 'good');
is($admin->query(q{SELECT distquery.reset_breaker('down')}), 't', 'it is reset');
is($admin->query("$count down_rows"), $good, 'and the endpoint asked');

#
# Beside the rest
#

api('beside');
$service->set_oauth('beside', mode => 'held');
$service->reset;
$other->send("$count beside_rows r NATURAL JOIN (SELECT who FROM beside_who) w, plain_rows p WHERE p.id = 1" =~ s/DISTINCT who/DISTINCT r.who/r);
ok(poll_until(sub { tokens('beside') == 1 && asked('plain', 'rows') > 0 }, 30), 'others of a statement are asked while a token is awaited');
$service->set_oauth('beside', mode => 'good', release => JSON::PP::true);
ok($other->finish(30), 'it ends');
is($other->output, $good, 'with its rows') or diag($other->last_error);
is(tokens('beside'), 1, 'two tables, one token');
api('budget');
is($admin->query('SET distquery.max_requests = 1; SELECT who FROM budget_who; RESET distquery.max_requests'), 'client', 'token requests are on no statement\'s budget')
  or diag($admin->last_error);
my $checked = $admin->query("SELECT (distquery.check_server('budget')).*");
like($checked, qr/budget_rows\|t\|answered/, 'check_server has a token');
push @texts, $checked, $admin->last_error;

# A cached answer is that of the client, whatever its token.
api('cached', strategy => 'cache', ttl => '1h');
$service->set_oauth('cached', clients => { client => 's3cret', other => 'other-secret' });
is($admin->query('SELECT who, number FROM cached_who'), 'client|1', 'an answer is cached');
$service->set_oauth('cached', revoke => JSON::PP::true);
is($other->query('SELECT who, number FROM cached_who'), 'client|1', 'and good when the token is not');
is(asked('cached', 'who'), 1, 'by one request');
$admin->query("ALTER USER MAPPING FOR PUBLIC SERVER cached OPTIONS (SET client_id 'other', SET client_secret 'other-secret')");
is($other->query('SELECT who FROM cached_who'), 'other', 'for nobody else');
$admin->query("ALTER USER MAPPING FOR PUBLIC SERVER cached OPTIONS (SET client_id 'client', SET client_secret 's3cret')");
is($other->query('SELECT who, number FROM cached_who'), 'client|1', 'but for the same client again');

# A session that takes a row from the cache does not show a token that it never had.
$admin->query("CREATE FOREIGN TABLE cached_told (id text) SERVER cached OPTIONS (path '/oauth/cached/told');
	CREATE FOREIGN TABLE cached_misfit (id int) SERVER cached OPTIONS (path '/oauth/cached/told')");
like($admin->query('SELECT id FROM cached_told'), qr/Bearer tok3n-/, 'a row holds the token');
like(error($admin, 'SELECT id FROM cached_misfit'), qr/but Bearer \*\*\*/, 'errors do not');
my $stranger = DistQuery::Session->new($node);
my $asked_before = asked('cached', 'told');
like(error($stranger, 'SELECT id FROM cached_misfit'), qr/but Bearer \*\*\*/, 'nor those of a session without a token');
is(asked('cached', 'told'), $asked_before, 'which asked nothing') or diag('rows that do not fit are not cached');
$stranger->close;

# One slot suffices; a token needs none.
api('narrow', max_in_flight => 1);
is($admin->query("SELECT count(*) FROM narrow_rows a, narrow_who b"), 6, 'max_in_flight of 1');

# What is dropped is forgotten.
my $entries = q{SELECT entries FROM distquery.shared_memory WHERE area = 'distquery access tokens'};
my $before = $admin->query($entries);
$admin->query('DROP USER MAPPING FOR PUBLIC SERVER cached; DROP USER MAPPING FOR PUBLIC SERVER beside');
is($admin->query($entries), $before - 2, 'tokens go with their mappings');
is($admin->error('SELECT who FROM beside_who') =~ /HTTP status 401/, 1, 'and nobody is somebody without');

#
# Nothing is told
#

$admin->query("CREATE FOREIGN TABLE told (id int) SERVER plain OPTIONS (path '/oauth/plain/told')");
like(error($admin, 'SELECT * FROM told'), qr/not a number but Bearer \*\*\*/, 'a row that repeats the token');
$service->set_oauth('plain', revoke => JSON::PP::true, uses => 1);
error($admin, "$count plain_rows; $count plain_rows");
push @texts, $admin->query("EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM refused_who, plain_who"), $admin->last_error;
push @texts, $admin->query("TABLE $_") foreach qw(distquery.services distquery.last_errors distquery.shared_memory distquery.options distquery.requests);
push @texts, map { $_->last_error } @sessions;
my @secrets = ('tok3n-', 's3cret', 'wrong-secret', 'secret-of-first', substr($odd_secret, 0, 8), map { substr(encode_base64($_, ''), 0, -4) } 'client:s3cret', 'first:secret-of-first');
my $leak = join '|', map { quotemeta } @secrets;
is(scalar(grep { /$leak/ } @texts), 0, 'no secret is told, of ' . @texts . ' texts') or diag(grep { /$leak/ } @texts);

# So does an import, and a fallback where the token endpoint is down.
api('imported', openapi => '/described/shop.json');
$admin->query('CREATE SCHEMA imported; IMPORT FOREIGN SCHEMA openapi FROM SERVER imported INTO imported');
is(tokens('imported') . ' ' . ($admin->query("SELECT count(*) > 0 FROM pg_foreign_table WHERE ftrelid::regclass::text LIKE 'imported.%'")), '1 t', 'an import has a token') or diag($admin->last_error);
api('stale', strategy => 'cache', ttl => '1ms', stale_if_error => '1h');
is($admin->query('SELECT number FROM stale_who'), '1', 'an answer that is stale soon');
$service->set_oauth('stale', mode => 503, revoke => JSON::PP::true);
is($admin->query('SELECT number FROM stale_who'), '1', 'is used while there is no token for another') or diag($admin->last_error);
is(asked('stale', 'who'), 2, 'which was asked for');

# A query that runs on its own has the same token.
api('async');
is($admin->query('SELECT number FROM async_who'), '1', 'a token');
my $id = $admin->query("SELECT distquery.submit('SELECT number FROM async_who')");
ok(poll_until(sub { $admin->query("SELECT distquery.status('$id')") =~ /done|failed/ }, 60), 'a query is submitted');
like($admin->query("SELECT distquery.result('$id')"), qr/"number": ?1\b/, 'with the same token');
is(tokens('async'), 1, 'which was asked for once');

$_->close foreach $admin, $other, $idle, @sessions;
$node->stop;

# Where nothing is preloaded, a session has its own token, or (PostgreSQL 17 and later) the same.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$node->start;
my ($one, $two) = map { DistQuery::Session->new($node) } 1, 2;
$service->reset;
is($_->query("$count async_rows; $count async_rows"), "$good\n$good", 'without preloading') foreach $one, $two;
is(tokens('async'), $one->query("SELECT CASE WHEN current_setting('server_version_num')::int < 170000 THEN 2 ELSE 1 END"), 'a token a session, or one');
$_->close foreach $one, $two;
$node->stop;
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
# the mappings themselves are in no log: log_statement is off
unlike($log, qr/$leak/, 'nor in the log');
like($log, qr/circuit breaker of token endpoint "down" has opened/, 'which tells of the breaker');
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
