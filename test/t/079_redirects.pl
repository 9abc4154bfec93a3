# Option redirects: how far they are followed, what they must not do, and what stays behind.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off');
my $session = DistQuery::Session->new($node);
my ($port, $other) = ($service->port, $service->other_url =~ /:(\d+)$/);
my %untiring = (retries => 0, breaker_failures => 0);
my $rows = q{SELECT string_agg(name, ',' ORDER BY id) FROM};
my $number = 0;

sub encoded { return join('', map { sprintf '%%%02X', ord } split //, $_[0]); }
# The path that redirects to this place.
sub via { my ($status, $to) = @_; return "/fault/redirect?status=$status&to=" . encoded($to); }

sub table_of
{
	my ($path, %options) = @_;
	my $table = 'redirected_' . ++$number;
	my ($columns, $server) = (delete $options{columns} // 'id int, name text', delete $options{server} // 'api');
	$service->reset;
	$session->create_table($server, $table, $columns, path => $path, %options);
	return $table;
}

sub works
{
	my ($name, $path, $requests, %options) = @_;
	my $table = table_of($path, %options);
	is($session->query("$rows $table"), 'one,two,three', $name) or diag($session->last_error);
	is($service->count, $requests, "$name: requests");
	return $table;
}

# What it says, and how many requests reach the service.
sub fails
{
	my ($name, $path, $message, $requests, %options) = @_;
	my $state = delete $options{state} // 'HV000';
	my $query = delete $options{query} // 'SELECT count(*) FROM {table}';
	my $table = table_of($path, %options);
	my $error = $session->error($query =~ s/\{table\}/$table/r);

	like($error, qr/^ERROR:  $state: could not fetch foreign table "$table" from server "\w+": .*$message/m, $name);
	is($service->count, $requests, "$name: requests");
	is($session->query("$rows good"), 'one,two,three', "$name: the session goes on");
	return $error;
}

create_server($node, 'api', $service->url, %untiring, redirects => 3);
create_table($node, 'api', 'good', 'id int, name text', path => '/fault/good');

#
# How far
#

works("status $_", via($_, '/fault/good'), 2) foreach 301, 302, 303, 307, 308;
fails("status $_ is none", "/fault/status/$_", "HTTP status $_\$", 1) foreach 300, 304, 305, 306;
fails('not by default', via(302, '/fault/good'), 'HTTP status 302$', 1, redirects => 0);
like($session->last_error // '', qr/^$/, 'and the session is fine');
works('three of three', via(302, via(302, via(302, '/fault/good'))), 4);
fails('three of two', via(302, via(302, via(302, '/fault/good'))), 'HTTP status 302, a redirect that is not followed: there were 2 redirects before', 3, redirects => 2);
like(fails('a circle', '/fault/redirect?to=self', 'there were 10 redirects before', 11, redirects => 10), qr/^DETAIL:  GET \S+, redirect 10 from http\S+, status 302/m,
	'the detail tells where it began');
works('relative', via(302, '../fault/./good?x=1#y'), 2);
works('to a service that fails once', via(302, '/fault/flaky?key=hop'), 3, retries => 1);
fails('to one that fails', via(302, '/fault/status/503'), 'HTTP status 503', 2);
fails('by the budget of requests', via(302, '/fault/good'), 'made its 1 requests', 1, state => '53400',
	query => 'SET distquery.max_requests = 1; SELECT count(*) FROM {table}; RESET distquery.max_requests');
$session->query('RESET distquery.max_requests');
is($session->query(q{SELECT errors_5xx > 0, breaker FROM distquery.services WHERE server = 'api'}), 't|closed', 'what is followed is no failure');
like($session->error('ALTER SERVER api OPTIONS (SET redirects \'11\')'), qr/^ERROR:  22023: /m, 'eleven are too many');

#
# Where to
#

foreach my $case (
	[ 'https', "https://127.0.0.1:$port/fault/good", 'it leads to another protocol, https' ],
	[ 'ftp', 'ftp://127.0.0.1/', 'its Location is no http or https URL' ],
	[ 'file', 'file:///etc/passwd', 'its Location is no http or https URL' ],
	[ 'gopher', 'gopher://127.0.0.1:6379/_INFO', 'its Location is no http or https URL' ],
	[ 'javascript', 'javascript:alert(1)', 'its Location is no http or https URL' ],
	[ 'a user name', "http://admin\@127.0.0.1:$port/fault/good", 'its Location is no http or https URL without user name' ],
	[ 'a password', "http://admin:pass\@127.0.0.1:$port/fault/good", 'its Location is no http or https URL without user name' ],
	[ 'nothing', 'http://', 'its Location is no http or https URL' ])
{
	my ($name, $to, $message) = @$case;
	my $error = fails("to $name", via(302, $to), "a redirect that is not followed: $message", 1);
	like($error, qr/^HINT:  Put the final address/m, "to $name: with a hint");
}
fails('to a metadata service', via(302, 'http://169.254.169.254/latest/meta-data/iam'), 'host "169\.254\.169\.254", port 80, is not allowed', 1, state => 42501);
fails('to one, in another spelling', via(302, 'http://0xa9fea9fe/'), 'host "169\.254\.169\.254", port 80, is not allowed', 1, state => 42501);
works('to another origin', via(302, 'other'), 2);
$session->query("SET distquery.allowed_hosts = '127.0.0.1:$port'");
fails('to another origin that is not allowed', via(302, 'other'), "host \"127\\.0\\.0\\.1\", port $other, is not allowed", 1, state => 42501);
works('within the one that is', via(302, '/fault/good'), 2);
$session->query('RESET distquery.allowed_hosts');

#
# What stays behind
#

my %mappings = (
	bearer => { auth => 'bearer', token => 'secret-of-bearer' },
	basic => { auth => 'basic', username => 'alice', password => 'secret-of-basic' },
	header => { auth => 'api_key', api_key => 'secret-of-header' },
	query => { auth => 'api_key', api_key => 'secret-of-query', api_key_in => 'query:key' });
foreach my $kind (sort keys %mappings)
{
	create_server($node, $kind, $service->url, %untiring, redirects => 3, headers => '{"X-Fixed": "declared"}', %{ $mappings{$kind} });
	foreach my $case ([ 'within the origin', 1, '/echo' ], [ 'to another origin', 0, 'other/echo' ], [ 'there and back', 0, 'other' . via(302, 'other/echo') ])
	{
		my ($name, $is_told, $to) = @$case;
		my $table = table_of(via(302, $to), server => $kind, columns => 'headers text, target text');
		my $told = $session->query("SELECT headers, target FROM $table");
		my @log = @{ $service->log };

		like($log[0]{target} . join(' ', %{ $log[0]{headers} }), qr/secret-of|Basic /, "$kind $name: the first request has credentials");
		like($told, $is_told ? qr/secret-of|Basic / : qr/^(?!.*(?:secret-of|Basic )).*\/echo/s, "$kind $name: the last " . ($is_told ? 'has' : 'has none'));
		like($told, $is_told ? qr/declared/ : qr/^(?!.*declared)/s, "$kind $name: declared headers likewise");
		is(scalar @log, $name eq 'there and back' ? 3 : 2, "$kind $name: requests");
	}
	my $secret = $mappings{$kind}{token} // $mappings{$kind}{password} // $mappings{$kind}{api_key};
	my $error = fails("$kind: a redirect that repeats the secret", via(302, "other/echo?key=$secret"), 'it would take credentials to another origin', 1, server => $kind);
	unlike($error, qr/$secret/, "$kind: which is not shown");
}

# Bodies.
my %search = (columns => q{v text OPTIONS (filter '=', "from" 'request'), method text, body text}, body => '{"q": "{v}"}');
foreach my $status (307, 308)
{
	my $table = table_of(via($status, '/echo'), %search);
	is($session->query("SELECT method, body FROM $table WHERE v = 'x'"), 'POST|{"q":"x"}', "a POST by $status");
	fails("a POST by $status to another origin", via($status, 'other/echo'), 'it would take the body of a POST to another origin', 1, %search,
		query => q{SELECT body FROM {table} WHERE v = 'x'});
}
fails("a POST by $_", via($_, '/echo'), 'it would turn a POST into a GET', 1, %search, query => q{SELECT body FROM {table} WHERE v = 'x'}) foreach 301, 302, 303;

# A token endpoint stays where it is.
create_server($node, 'tokens', $service->url, %untiring, redirects => 3, token_url => $service->url . via(307, '/fault/good'));
$session->query(q{CREATE USER MAPPING FOR PUBLIC SERVER tokens OPTIONS (auth 'oauth2', client_id 'c', client_secret 'secret-of-the-client')});
my $tokens = table_of('/fault/good', server => 'tokens');
like($session->error("SELECT * FROM $tokens"), qr/^ERROR:  HV...: .*HTTP status 307/m, 'a token endpoint that redirects');
is(join(' ', map { $_->{path} } @{ $service->log }), '/fault/redirect', 'is not followed');

#
# Pages and descriptions
#

my %paged = (columns => 'id int', rows => '/items', paging => 'next', next => '/next');
my $paged = table_of(via(302, '/data/plain/customers?_paging=next-relative&_envelope=items&_cap=300&_size=300'), %paged);
my $plain = table_of('/data/plain/customers', columns => 'id int');
is($session->query("SELECT count(*) > 300, count(*) = (SELECT count(*) FROM $plain), count(DISTINCT id) = count(*) FROM $paged"), 't|t|t',
	'relative next links go on from where the page was found');
my $away = table_of(via(302, 'other/data/plain/customers?_paging=next&_envelope=items&_cap=300&_size=300'), %paged);
like($session->error("SELECT count(*) FROM $away"), qr/^ERROR:  HV000: .*next page of service is on another origin/m, 'next links of another origin are not followed');
is($service->count, 2, 'and not asked');

create_server($node, 'described', $service->url, %untiring, redirects => 1, openapi => via(302, '/described/shop.json'));
like($session->query(q{CREATE SCHEMA d; IMPORT FOREIGN SCHEMA openapi FROM SERVER described INTO d; SELECT count(*) > 0 FROM information_schema.foreign_tables
	WHERE foreign_table_schema = 'd'}), qr/^t$/m, 'a description that has moved') or diag($session->last_error);

is($service->stats->{in_flight}, 0, 'nothing is on the wire');
is($session->query('SELECT sum(in_flight), sum(waiting) FROM distquery.services'), '0|0', 'nor held');
$session->close;
$node->stop;
done_testing();
