# GraphQL and searches by POST: how many requests are made, what they say, and what happens to them.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use JSON::PP;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off', max_parallel_workers_per_gather => 0);
my $session = DistQuery::Session->new($node);

create_server($node, 'api', $service->url, retry_backoff => '5ms');
create_server($node, 'gql', $service->url . '/graphql', protocol => 'graphql', retry_backoff => '5ms');
create_table($node, 'gql', 'orders', q{id bigint OPTIONS (key 'true'), "customerId" bigint OPTIONS (filter '='), total numeric, note text},
	field => 'orders', lookup_field => 'order(id: $id)', max_batch => 40, estimated_rows => 100000);
create_table($node, 'gql', 'by_list', q{id bigint OPTIONS (key 'true', filter 'in', spell_in 'ids={values}'), total numeric},
	field => 'orders', max_batch => 40, estimated_rows => 100000);
create_table($node, 'gql', 'entities', q{id bigint OPTIONS (key 'true'), total numeric}, entity => 'Order', max_batch => 50);
create_table($node, 'gql', 'pages', 'id bigint, total numeric', field => 'connection', paging => 'relay', page_size => 500);
create_table($node, 'gql', 'counted', q{id bigint OPTIONS (key 'true')}, field => 'pages', paging => 'page', page_param => 'page', size_param => 'size',
	page_size => 250, rows => '/items', total => '/total');
create_table($node, 'gql', 'fragile', 'id bigint, fragile int', field => 'connection', paging => 'relay', page_size => 500);
create_table($node, 'api', 'search', q{id bigint OPTIONS (key 'true', filter '= in'), quantity int OPTIONS (filter '=')}, path => '/search/orders',
	body => '{"filter": {"id": "{id}", "quantity": "{quantity}"}}', max_batch => 40, estimated_rows => 100000);
$node->safe_psql('postgres', 'CREATE TABLE wanted AS SELECT (i * 37) % 2100 AS id FROM generate_series(1, 300) i; ANALYZE wanted');

# A statement, its answer, and how many requests it makes of the path.
sub asks
{
	my ($name, $sql, $answer, $requests, $path) = @_;
	$service->reset;
	is($session->query($sql), $answer, "$name: answer") or diag($session->last_error);
	is($service->count($path), $requests, "$name: requests") if defined $requests;
	return;
}

sub bodies { return map { decode_json($_->{body}) } @{ $service->log($_[0]) }; }

#
# Requests
#

asks('a collection', 'SELECT count(*) FROM orders', '2000', 1, '/graphql');
asks('the same query twice', 'SELECT count(*) FROM orders a JOIN orders b USING (id) WHERE a.total IS NOT NULL AND b.total IS NOT NULL', '2000', 1, '/graphql');
asks('another condition', 'SELECT count(*) FROM orders a, orders b WHERE a."customerId" = 7 AND b."customerId" = 8', '32', 2, '/graphql');
asks('pages by cursor', 'SELECT count(id) FROM pages', '2000', 4, '/graphql');
asks('pages at once', 'SELECT count(id) FROM counted', '2000', 8, '/graphql');
asks('LIMIT', 'SELECT count(*) FROM (SELECT id FROM pages LIMIT 10) x', '10', 1, '/graphql');
is_deeply((bodies('/graphql'))[0]{variables}, { _size => 10 }, 'LIMIT is the size of the page');

my $list = "ARRAY(SELECT generate_series(1, 100))";
asks('keys by aliases', "SELECT count(*) FROM orders WHERE id = ANY ($list)", '100', 3, '/graphql');
asks('keys by a list', "SELECT count(*) FROM by_list WHERE id = ANY ($list)", '100', 3, '/graphql');
asks('keys by entities', "SELECT count(*) FROM entities WHERE id = ANY ($list)", '100', 2, '/graphql');
asks('keys of a search', "SELECT count(*) FROM search WHERE id = ANY ($list)", '100', 3, '/search');
is_deeply([ sort { $a <=> $b } map { scalar @{ $_->{filter}{id} } } bodies('/search') ], [ 20, 40, 40 ], 'as lists of numbers');

# Values are no part of the text, whatever they are.
$service->reset;
$session->query(q{SELECT count(*) FROM orders WHERE "customerId" = 7; SELECT count(*) FROM orders WHERE "customerId" = 8});
my @asked = bodies('/graphql');
is(scalar @asked, 2, 'two questions');
is($asked[0]{query}, $asked[1]{query}, 'with the same text');
is_deeply([ map { $_->{variables}{customerId} } @asked ], [ 7, 8 ], 'and different variables');

# POST and GraphQL in a lookup join: a few requests for many keys.
foreach my $case ([ 'aliases', 'orders', 8 ], [ 'a list', 'by_list', 8 ], [ 'entities', 'entities', 6 ], [ 'a search', 'search', 8 ])
{
	my ($name, $table, $most) = @$case;
	my $path = $table eq 'search' ? '/search' : '/graphql';
	my $expected = $table eq 'search' ? '300' : $node->safe_psql('postgres', 'SELECT count(*) FROM wanted WHERE id BETWEEN 1 AND 2000');
	$session->query('SET distquery.lookup_join = on');
	asks("lookup join by $name", "SELECT count(*) FROM wanted w JOIN $table t ON t.id = w.id", $expected, undef, $path);
	my $requests = $service->count($path);
	cmp_ok($requests, '<=', $most + 4, "lookup join by $name: $requests requests for 300 keys");
	$session->query('RESET distquery.lookup_join');
}

#
# Failures
#

asks('no row of a page with errors', 'SELECT count(fragile) FROM (SELECT fragile FROM fragile LIMIT 10) x', '', undef, '/graphql');
like($session->last_error, qr/answered in part, with errors: order 7 fell/, 'but the error');
create_server($node, 'cut', $service->url . '/graphql/cut', protocol => 'graphql', retry_backoff => '5ms');
create_table($node, 'cut', 'interrupted', 'id bigint, total numeric', field => 'orders');
asks('an answer that breaks off is asked for again', 'SELECT count(*), count(DISTINCT id), sum(total) FROM interrupted', '2000|2000|139986.49', 2, '/graphql/cut');

asks('rows are right without what fails', 'SELECT count(id) FROM fragile', '2000', 4, '/graphql');

# A cursor that was read half is left; the connection serves the next query.
$session->query('BEGIN; DECLARE c CURSOR FOR SELECT id FROM pages');
is($session->query('FETCH 3 FROM c'), "1\n2\n3", 'a cursor');
$session->query('ROLLBACK');
asks('afterwards', 'SELECT count(id) FROM pages', '2000', 4, '/graphql');

# Failing requests are sent again, unless the declaration forbids it.
create_table($node, 'api', 'flaky', 'id int', path => '/fault/flaky?times=2', method => 'POST');
asks('a search is sent again', 'SELECT count(*) FROM flaky', '3', 3, '/fault/flaky');
alter_options($node, 'FOREIGN TABLE flaky', ADD => { idempotent => 'false' });
asks('but not where that is forbidden', 'SELECT count(*) FROM flaky', '', 1, '/fault/flaky');

$node->stop;
done_testing();
