# Paging: every row once, pages at once where that can be, nothing asked that is not needed, no endless loops.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Test::More;

my $rows = 103;
my $expected = join('|', $rows, $rows, $rows * ($rows + 1) / 2);
my $service = DistQuery::Test::Service->new;
my $node = new_node('main');

$service->put('numbers', [ map { { id => $_, name => "number $_" } } 1 .. $rows ]);
create_server($node, 'api', $service->url, retry_backoff => '5ms');
my $session = DistQuery::Session->new($node);

sub declare
{
	my ($name, $path, %options) = @_;
	$session->create_table('api', $name, 'id int, name text', path => $path, %options);
	$service->reset;
	return;
}

# Declares the table, reads it all; $requests: how often the service is asked.
sub reads
{
	my ($name, $path, $requests, %options) = @_;
	(my $table = "by $name") =~ s/\W+/_/g;
	declare($table, $path, %options);
	is($session->query("SELECT count(*), count(DISTINCT id), sum(id) FROM $table"), $expected, "$name: every row once")
	  or diag($session->last_error);
	is($service->count, $requests, "$name: requests");
	return $service->stats->{max_in_flight};
}

#
# All styles; pages hold 10 rows, whatever is asked for
#

my $items = '/data/plain/numbers?_cap=10&_envelope=items';
my @in_items = (rows => '/items');

reads('page', $items, 12, @in_items, paging => 'page', page_size => 25);
reads('offset', $items, 12, @in_items, paging => 'offset', page_size => 25);
reads('offset without a size', "$items&_size=10", 12, @in_items, paging => 'offset');
reads('cursor', "$items&_paging=cursor", 11, @in_items, paging => 'cursor', next => '/next', page_size => 25);
reads('next', "$items&_paging=next&_size=10", 11, @in_items, paging => 'next', next => '/next');
reads('next relative', "$items&_paging=next-relative&_size=10", 11, @in_items, paging => 'next', next => '/next');
reads('link', '/data/plain/numbers?_cap=10&_paging=link&_size=10', 11, paging => 'link');
reads('link with a size', '/data/plain/numbers?_cap=10&_paging=link', 11, paging => 'link', page_size => 25);

# Fields before the rows, after them, and around them.
foreach my $envelope ([ 'items', '/items', '/next' ], [ 'first', '/items', '/next' ], [ 'deep', '/data/list', '/page/next' ])
{
	my ($kind, $place, $next) = @$envelope;
	my $path = "/data/plain/numbers?_cap=10&_size=10&_envelope=$kind";
	reads("cursor in $kind", "$path&_paging=cursor", 11, rows => $place, paging => 'cursor', next => $next);
	reads("next in $kind", "$path&_paging=next", 11, rows => $place, paging => 'next', next => $next);
}

#
# Totals, and pages at once.  Each answer takes a while, so that the first pages are on the wire together.
#

my $slow = '_delay=40';
my @totals = (
	[ 'page with a total in the body', "$items&$slow", @in_items, paging => 'page', total => '/total' ],
	[ 'offset with a total in the body', "$items&$slow", @in_items, paging => 'offset', total => '/total' ],
	[ 'total before rows', "/data/plain/numbers?_cap=10&$slow&_envelope=deep", rows => '/data/list', paging => 'offset', total => '/page/total' ],
	[ 'total after rows', "/data/plain/numbers?_cap=10&$slow&_envelope=first", @in_items, paging => 'page', total => '/total' ],
	[ 'total in a header', "/data/plain/numbers?_cap=10&$slow&_total=header", paging => 'offset', total => 'header:X-Total-Count' ],
	[ 'total of jsonserver', "/data/jsonserver/numbers?_cap=10&$slow", dialect => 'jsonserver', paging => 'page' ],
	[ 'total of postgrest', "/data/postgrest/numbers?_cap=10&$slow", dialect => 'postgrest', paging => 'offset' ]);
foreach my $total (@totals)
{
	my ($name, $path, @options) = @$total;
	my $at_once = reads($name, $path, 11, page_size => 25, @options);
	cmp_ok($at_once, '>', 1, "$name: pages at once");
	cmp_ok($at_once, '<=', 9, "$name: not all of them");
}

#
# What is not needed is not asked
#

declare('lazy_cursor', "$items&_paging=cursor", @in_items, paging => 'cursor', next => '/next', page_size => 10);
declare('lazy_total', "$items", @in_items, paging => 'page', total => '/total', page_size => 10);
declare('lazy_offset', "$items", @in_items, paging => 'offset', page_size => 10);
foreach my $table (qw(lazy_cursor lazy_total lazy_offset))
{
	foreach my $limit ([ 5, 1 ], [ 10, 1 ], [ 11, 2 ], [ 25, 3 ])
	{
		my ($count, $requests) = @$limit;
		$service->reset;
		is($session->query("SELECT count(*) FROM (SELECT FROM $table LIMIT $count) t"), $count, "LIMIT $count of $table");
		is($service->count, $requests, "asks $requests pages");
	}
	$service->reset;
	is($session->query("SELECT count(*) FROM (SELECT FROM $table LIMIT 0) t"), '0', "LIMIT 0 of $table");
	is($service->count, 0, 'asks nothing');

	$service->reset;
	$session->query("BEGIN; DECLARE c CURSOR FOR SELECT id FROM $table");
	is($service->count, 0, "DECLARE of a cursor on $table asks nothing");
	is($session->query('FETCH 4 FROM c'), "1\n2\n3\n4", 'FETCH 4');
	is($service->count, 1, 'asks the first page');
	is($session->query('FETCH 6 FROM c'), join("\n", 5 .. 10), 'FETCH 6 more');
	is($service->count, 1, 'asks nothing more');
	is($session->query('FETCH 1 FROM c'), '11', 'FETCH 1 more');
	is($service->count, 2, 'asks the second page');
	$session->query('CLOSE c');
	is($session->query('COMMIT; SELECT 1'), '1', 'a cursor that is closed early');
	is($service->count, 2, 'asks nothing more');

	$service->reset;
	is($session->query("DO \$\$ DECLARE r record; n int := 0; BEGIN
		FOR r IN SELECT id FROM $table LOOP n := n + 1; EXIT WHEN n = 15; END LOOP; RAISE NOTICE 'saw %', n; END \$\$"),
		'', "a loop in PL/pgSQL over $table");
	like($session->last_error, qr/saw 15/, 'sees its rows');
	ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'and leaves nothing on the wire');
}
is($session->query('SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM lazy_offset LIMIT 57) t'), '57|57',
	'pages of a LIMIT do not overlap');

# A LIMIT above a sort needs all rows, so pages are asked at once all the same.
declare('sorted', "$items&$slow", @in_items, paging => 'page', total => '/total', page_size => 10);
is($session->query('SELECT id FROM sorted ORDER BY id DESC LIMIT 2'), "103\n102", 'ORDER BY and LIMIT');
is($service->count, 11, 'asks all pages');
cmp_ok($service->stats->{max_in_flight}, '>', 1, 'at once');

# A scrollable cursor goes back without asking again.
$service->reset;
$session->query('BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM lazy_cursor ORDER BY id');
$session->query('MOVE 50 FROM c');
is($session->query('FETCH BACKWARD 1 FROM c; FETCH FORWARD 2 FROM c; FETCH FIRST FROM c; FETCH ABSOLUTE 103 FROM c'),
	"49\n50\n51\n1\n103", 'a scrollable cursor');
is($service->count, 11, 'asks each page once');
$session->query('COMMIT');

# The service may end in the middle of nowhere.
declare('not_found_ends', '/fault/late-error?status=404', @in_items, paging => 'page');
is($session->query('SELECT count(*) FROM not_found_ends'), '6', '404 after the first page ends page paging');

#
# Services that would never end, or that lie
#

sub refused
{
	my ($name, $path, $requests, $message, %options) = @_;
	(my $table = lc "refused $name") =~ s/\W+/_/g;
	declare($table, $path, @in_items, %options);
	my $error = $session->error("SELECT count(*) FROM $table");
	like($error, qr/^ERROR:\s+HV000: .*$message/, "$name is refused");
	like($error, qr/"$table".*"api"/, "$name: table and server are told");
	like($error, qr{DETAIL:.*http://127.0.0.1:\d+/}, "$name: the URL is told");
	if (ref $requests) { cmp_ok($service->count, '<=', $$requests, "$name: requests"); }
	else { is($service->count, $requests, "$name: requests"); }
	return;
}

my @by_cursor = (paging => 'cursor', next => '/next');
refused('endless pages', '/fault/endless-pages', 7, 'more than 7 pages', paging => 'page', max_pages => 7);
refused('endless offsets', '/fault/endless-pages', 7, 'more than 7 pages', paging => 'offset', max_pages => 7);
refused('endless cursors', '/fault/endless-cursor', 7, 'more than 7 pages', @by_cursor, max_pages => 7);
refused('the same page', '/fault/same-page', 2, 'the same page twice', paging => 'page');
refused('the same offset', '/fault/same-page', 2, 'the same page twice', paging => 'offset');
refused('the same cursor', '/fault/same-cursor', 2, 'twice', @by_cursor);
refused('a cycle of cursors', '/fault/cursor-cycle', 3, 'the same cursor twice', @by_cursor);
refused('a next URL that is this one', '/fault/next-self', 1, 'the same next URL twice', paging => 'next', next => '/next');
refused('a next URL elsewhere', '/fault/next-other', 1, 'another origin', paging => 'next', next => '/next');
refused('a link elsewhere', '/fault/next-other', 1, 'another origin', paging => 'link');
refused('a next URL of another scheme', '/fault/next-bad', 1, 'no usable URL|another origin', paging => 'next', next => '/next');
refused('a link of another scheme', '/fault/next-bad', 1, 'no usable URL|another origin', paging => 'link');
refused('a next URL with a password', '/fault/next-bad?to=http://a:b@127.0.0.1/', 1, 'no usable URL|another origin',
	paging => 'next', next => '/next');
refused('a total that promises more', '/fault/total-lie', \4, 'returned 6 rows of 10', paging => 'page', total => '/total');
refused('a total that promises more offsets', '/fault/total-lie', \4, 'returned 6 rows of 10', paging => 'offset', total => '/total');
refused('a total in a header that promises more', '/fault/total-lie', \4, 'returned 6 rows of 10', paging => 'page',
	total => 'header:X-Total-Count');
refused('a total without paging', '/fault/total-lie', 1, 'returned 3 rows of 10', total => '/total');
refused('a late error', '/fault/late-error', 5, 'HTTP status 500', paging => 'page');

# Rows that came before a page that fails are used where no more is needed.
$service->reset;
is($session->query('SELECT count(*) FROM (SELECT FROM refused_a_late_error LIMIT 6) t'), '6', 'a late error is not met by LIMIT');
is($service->count, 2, 'which does not ask for that page');

ok(poll_until(sub { $service->stats->{in_flight} == 0 }, 10), 'nothing is on the wire at the end');
$session->close;
$node->stop;
done_testing();
