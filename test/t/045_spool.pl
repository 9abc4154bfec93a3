
# Rows that fill a block and spill to a temporary file come back as they are, and errors while spilling are named.

use strict;
use warnings;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', work_mem => '64kB');
my @rows = map { { id => 1000 + $_, t => ('x' x 500_000) . $_ } } 1 .. 80;

$service->put('large', \@rows);
create_server($node, 'api', $service->url);
create_table($node, 'api', 'large', 'id int, t text', path => '/data/plain/large');
create_table($node, 'api', 'large_pages', 'id int, t text', path => '/data/plain/large?_envelope=items', rows => '/items',
	paging => 'offset', page_size => 10, total => '/total');

my $whole = 'SELECT count(*), count(DISTINCT id), sum(id), sum(length(t)), count(DISTINCT right(t, 3)) FROM';
my $sum = 0;
my $length = 0;
$sum += $_->{id}, $length += length $_->{t} foreach @rows;
my $expected = "80|80|$sum|$length|80";

is($node->safe_psql('postgres', "$whole large"), $expected, 'rows of one large answer');
is($node->safe_psql('postgres', "$whole large_pages"), $expected, 'rows of pages asked ahead');
is($node->safe_psql('postgres', "SELECT count(*), sum(a.id) FROM large a JOIN large_pages b USING (id)"),
	"80|$sum", 'two answers that spill at once');

# A page asked ahead belongs to its own cursor, whoever drives the loop.
my ($status, $stdout, $stderr) = $node->psql('postgres', q{
	SET cursor_tuple_fraction = 1;
	BEGIN;
	DECLARE a NO SCROLL CURSOR FOR SELECT id FROM large_pages;
	DECLARE b NO SCROLL CURSOR FOR SELECT id, t FROM large;
	FETCH 1 FROM a;
	MOVE 60 FROM b;
	CLOSE b;
	MOVE ALL FROM a;
	COMMIT;});
is($status, 0, 'two cursors');
unlike($stderr, qr/leak|WARNING|ERROR/, 'no temporary file is left or lost');

# temp_file_limit ends the query with PostgreSQL's own error, and nothing is left behind.
($status, $stdout, $stderr) = $node->psql('postgres', q{
	SET temp_file_limit = '2MB';
	SELECT count(*) FROM large a JOIN large_pages b USING (id);});
like($stderr, qr/temporary file size exceeds "?temp_file_limit/, 'temp_file_limit');
is($node->safe_psql('postgres', "$whole large"), $expected, 'and the session of the next query is well');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_ls_tmpdir()}), '0', 'no temporary file is left');

$node->stop;
done_testing();
