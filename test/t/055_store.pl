# What a transaction stores is bounded in memory, leaves nothing behind, and needs no write access.

use strict;
use warnings;
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', work_mem => '64kB', wal_level => 'replica', max_wal_senders => 3);
my $rows = 100_000;

create_server($node, 'api', $service->url, strategy => 'store');
create_table($node, 'api', 'big', 'id int, a text', path => "/big?rows=$rows&cols=6");
create_table($node, 'api', 'customers', 'id int, name text, region text', path => '/data/postgrest/customers', dialect => 'postgrest');
$node->safe_psql('postgres', q{ALTER FOREIGN TABLE customers ALTER id OPTIONS (key 'true', filter '= in')});

# Several readers, three statements, one request; the rows are in a file meanwhile.
$service->reset;
my $script = qq{
	BEGIN;
	SELECT count(*), sum(id) FROM big;
	SELECT count(*) FROM pg_ls_tmpdir();
	SELECT count(*) FROM big x JOIN big y USING (id);
	DECLARE c CURSOR FOR SELECT id FROM big;
	MOVE 70000 FROM c;
	SELECT count(*) FROM customers a JOIN customers b USING (id);
	FETCH 1 FROM c;
	COMMIT;
	SELECT count(*) FROM pg_ls_tmpdir();};
my ($status, $stdout, $stderr) = $node->psql('postgres', $script);
is($stdout, join("\n", "$rows|" . $rows * ($rows + 1) / 2, 1, $rows, 5000, 70001, 0), 'rows of a spilled answer');
is($stderr, '', 'without a warning about files');
is($service->count('/big'), 1, 'asked once');

# Rollback, error and cancel leave no file and no store.
foreach my $end ('ROLLBACK', 'SELECT 1/0', 'SELECT pg_cancel_backend(pg_backend_pid())', 'SELECT pg_terminate_backend(pg_backend_pid())')
{
	$node->psql('postgres', "BEGIN; DECLARE c CURSOR FOR SELECT id FROM big; MOVE 10 FROM c; SELECT count(*) FROM customers; $end;");
	ok(poll_until(sub { $node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()') eq '0' }), "no file after $end");
}
($status, $stdout, $stderr) = $node->psql('postgres', q{SET temp_file_limit = '2MB'; SELECT count(*) FROM big});
like($stderr, qr/temporary file size exceeds "?temp_file_limit/, 'temp_file_limit');

# In the middle of filling.
create_table($node, 'api', 'slow', 'id int', path => '/data/plain/customers?_delay=60000');
($status, $stdout, $stderr) = $node->psql('postgres', q{
	BEGIN;
	SAVEPOINT s;
	SET LOCAL statement_timeout = '200ms';
	SELECT count(*) FROM slow;
	ROLLBACK TO s;
	SELECT count(*) FROM customers;
	COMMIT;}, on_error_stop => 0);
like($stderr, qr/statement timeout/, 'filling is interruptible');
is($stdout, '5000', 'and the transaction goes on');

# Thousands of questions stay within bounds: the oldest are forgotten.
$service->reset;
my $many = 'SELECT count(*) FROM generate_series(%d, %d) g, LATERAL (SELECT * FROM customers WHERE id = g OFFSET 0) c;';
my $memory = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts;';
my ($few, $before, $lots, $after) = split(/\n/, $node->safe_psql('postgres',
		'BEGIN;' . sprintf($many, 1, 100) . $memory . sprintf($many, 101, 3000) . $memory . 'COMMIT;'));
is("$few $lots", '100 2900', 'answers to single questions');
is($service->count('/data/postgrest/customers'), 3000, 'each was asked');
cmp_ok($after - $before, '<', 2_000_000, 'memory grew by ' . ($after - $before) . ' bytes');

# A standby stores, too.
$node->backup('store');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'store', has_streaming => 1);
$standby->start;
$service->reset;
is($standby->safe_psql('postgres', 'BEGIN; SELECT count(*) FROM customers; SELECT count(*) FROM customers WHERE id < 10; COMMIT'),
	"5000\n9", 'rows on a standby');
is($service->count('/data/postgrest/customers'), 1, 'asked once');

unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/leak|was not closed|TRAP/, 'nothing leaked');
$standby->stop;
$node->stop;
done_testing();
