
=head1 NAME

DistQuery::Drill - many sessions query services whose connections break, and every answer is checked

    my $drill = DistQuery::Drill->new($node, $service, $proxy, sessions => 16);
    my $report = $drill->run(200);

Three collections stand in schema "local" as ordinary tables and in schema "remote" as foreign tables of three servers behind the
proxy.  What a script prints on foreign tables has to be what it prints on local ones; where a statement fails, what the others print
has to be part of that, and the error one that names a table or server, or statement_timeout's.

=cut

package DistQuery::Drill;

use strict;
use warnings;
use DistQuery::Session;
use DistQuery::Test ();
use JSON::PP;
use List::Util qw(max);
use Time::HiRes qw(sleep time);

my @regions = qw(EU US APAC);
my @statuses = qw(open paid shipped);

# What an outage may be reported as: no connection, no whole answer, an answer that cannot be read, not asked at all; and where bytes
# come twice, a value that does not fit its type (class 22).
my %named = map { $_ => 1 } qw(HV00N HV000 HV00A 08004);

sub rows_of
{
	my ($kind) = @_;
	return [ map { { id => $_, name => "customer no. $_", region => $regions[ $_ % 3 ], credit => $_ % 11 ? $_ * 7 : undef } } 1 .. 150 ]
	  if $kind eq 'customers';
	return [ map { { id => $_, title => "thing " . $_ * 13 % 101, price => $_ * 3.25 } } 1 .. 90 ] if $kind eq 'products';
	return [
		map {
			{ id => $_, customer_id => 1 + $_ * 37 % 160, product_id => 1 + $_ * 11 % 95, total => $_ % 40 + 0.5, status => $statuses[ $_ % 7 % 3 ] }
		} 1 .. 500
	];
}

my %columns = (
	customers => 'id bigint%s, name text, region text%s, credit numeric',
	orders => 'id bigint, customer_id bigint%s, product_id bigint, total numeric, status text%s',
	products => 'id bigint%s, title text, price numeric');
my %filters = (
	customers => [ q{ OPTIONS (key 'true', filter '= in')}, q{ OPTIONS (filter '=')} ],
	orders => [ q{ OPTIONS (filter '= in')}, q{ OPTIONS (filter '=')} ],
	products => [q{ OPTIONS (key 'true')}]);
my %tables = (
	customers => { path => '/data/plain/customers?_envelope=items', rows => '/items', paging => 'page', page_size => 40, total => '/total' },
	orders => { path => '/data/plain/orders?_envelope=items&_paging=cursor&_size=120', rows => '/items', paging => 'cursor', next => '/next' },
	products => {
		path => '/data/jsonserver/products', dialect => 'jsonserver', paging => 'offset', page_size => 50,
		lookup_path => '/data/jsonserver/products/{id}' });

# Options: sessions (16), timeout (statement_timeout in ms, 1500), grace (seconds, 10).
sub new
{
	my ($class, $node, $service, $proxy, %options) = @_;
	my $self = bless { node => $node, proxy => $proxy, timeout => 1500, grace => 10, sessions => 16, %options }, $class;
	my $sql = 'CREATE SCHEMA local; CREATE SCHEMA remote; CREATE SCHEMA partial; CREATE SCHEMA stale;';
	my $json = JSON::PP->new->canonical;

	foreach my $kind (sort keys %tables)
	{
		my $rows = $json->encode(rows_of($kind));
		$service->put($kind, $rows);
		DistQuery::Test::create_server($node, "${kind}_service", $proxy->url, timeout => '30s', connect_timeout => '30s', retries => 2,
			retry_backoff => '10ms', retry_budget => 100, breaker_failures => 6, breaker_cooldown => '40ms', max_in_flight => 8, ttl => '150ms');
		$sql .= "CREATE TABLE local.$kind (" . ($columns{$kind} =~ s/%s//gr) . '); '
		  . "INSERT INTO local.$kind SELECT * FROM json_populate_recordset(NULL::local.$kind, \$j\$$rows\$j\$);";
		foreach my $schema ([ 'remote' ], [ partial => on_error => 'empty' ], [ stale => stale_if_error => '1h', strategy => 'cache' ])
		{
			my ($name, %more) = @$schema;
			$sql .= "CREATE FOREIGN TABLE $name.$kind (" . sprintf($columns{$kind}, @{ $filters{$kind} }) . ") SERVER ${kind}_service "
			  . DistQuery::Test::options_clause(%{ $tables{$kind} }, %more) . ';';
		}
	}
	$node->safe_psql('postgres', $sql);
	$self->{admin} = DistQuery::Session->new($node);
	$self->{sessions} = [ map { DistQuery::Session->new($node) } 1 .. $self->{sessions} ];
	return $self;
}

sub pick { return $_[ int(rand(@_)) ]; }

# The kinds of scripts: each returns statements.  Output is ordered.
my %scripts = (
	scan => sub { 'SELECT id, name, region, credit FROM customers ORDER BY id' },
	filtered => sub { "SELECT id, name FROM customers WHERE region = '" . pick(@regions) . "' ORDER BY id" },
	counted => sub { 'SELECT count(*), sum(total), min(id), max(id) FROM orders' },
	cursor_paged => sub { "SELECT id, total FROM orders WHERE status = '" . pick(@statuses) . "' ORDER BY id" },
	join_listed => sub {
		"SELECT c.name, o.id, o.total FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.region = '" . pick(@regions) . "' ORDER BY o.id";
	},
	join_one_by_one => sub {
		'SELECT o.id, p.title FROM orders o JOIN products p ON p.id = o.product_id WHERE o.customer_id = ' . (1 + int(rand(160))) . ' ORDER BY o.id';
	},
	join_three => sub {
		"SELECT c.name, p.title, sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id "
		  . "WHERE c.region = '" . pick(@regions) . "' GROUP BY 1, 2 ORDER BY 1, 2";
	},
	key => sub { 'SELECT * FROM products WHERE id = ' . (1 + int(rand(95))) },
	keys => sub { 'SELECT id, name FROM customers WHERE id IN (' . join(', ', map { 1 + int(rand(170)) } 1 .. 12) . ') ORDER BY id' },
	left_join => sub { 'SELECT c.id, count(o.id) FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY 1 ORDER BY 1' },
	semi_join => sub {
		"SELECT count(*) FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id AND o.status = '" . pick(@statuses) . "')";
	},
	anti_join => sub { 'SELECT id FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id) ORDER BY id' },
	union => sub { "SELECT 'c', count(*) FROM customers UNION ALL SELECT 'o', count(*) FROM orders UNION ALL SELECT 'p', count(*) FROM products ORDER BY 1" },
	cursor => sub {
		('BEGIN', 'DECLARE d CURSOR FOR SELECT id, name FROM customers', 'FETCH 30 FROM d', 'FETCH 50 FROM d', 'FETCH ALL FROM d', 'COMMIT');
	},
	prepared => sub {
		('SET plan_cache_mode = force_generic_plan', 'PREPARE p (text) AS SELECT count(*), sum(credit) FROM customers WHERE region = $1',
			"EXECUTE p ('EU')", "EXECUTE p ('US')", "EXECUTE p ('APAC')");
	},
	limited => sub { 'SELECT count(*), max(id) FROM (SELECT id FROM orders LIMIT 130) o' },
	savepoint => sub {
		('BEGIN', 'SELECT count(*) FROM products', 'SAVEPOINT s', 'SELECT sum(total) FROM orders', 'ROLLBACK TO s', 'SELECT count(*) FROM orders', 'COMMIT');
	},
	caught => sub {
		('DO $$ BEGIN BEGIN PERFORM count(*) FROM orders, products; EXCEPTION WHEN OTHERS THEN NULL; END; PERFORM count(*) FROM orders; END $$',
			'SELECT count(*) FROM products');
	},
);
my @kinds = sort keys %scripts;

# Scripts that use rows before the whole answer is there, and so before its checksum is known.
my %uses_part = map { $_ => 1 } qw(cursor limited);

sub kinds { return @kinds; }

# A script of a kind, with what it prints on local tables.
sub script
{
	my ($self, $kind, $schema) = @_;
	my @statements = $scripts{$kind}->();
	my $end = "ROLLBACK; DEALLOCATE ALL; RESET plan_cache_mode";
	my $text = join(";\n", @statements);
	my $strategy = $schema eq 'remote' ? pick(qw(declared live store cache)) : 'declared';

	$self->{expected}{$text} //= $self->{admin}->query("SET search_path = local;\n$text;\n$end");
	return {
		kind => $kind, schema => $schema, expected => $self->{expected}{$text}, statements => scalar @statements,
		text => "SET statement_timeout = $self->{timeout}; SET search_path = $schema; SET distquery.strategy = $strategy;\n$text;\n"
		  . "\\set QUIET on\nROLLBACK; DEALLOCATE ALL; RESET plan_cache_mode; RESET statement_timeout"
	};
}

# True when all lines of the one stand in the other, in this order.
sub is_part_of
{
	my ($part, $whole) = @_;
	my @lines = split /\n/, $part;
	foreach my $line (split /\n/, $whole)
	{
		shift @lines if @lines and $lines[0] eq $line;
	}
	return !@lines;
}

# What is wrong with how a script ended; '' when nothing is.  Errors are counted by SQLSTATE in the report.
sub judge
{
	my ($self, $script, $session, $seconds, $report) = @_;
	my ($output, $errors) = ($session->output, $session->last_error);
	$errors =~ s/^WARNING:  25P01: .*\n//mg;
	my ($sqlstate, $message) = $errors =~ /^ERROR:  (\w{5}): (.*)$/m;
	my $is_partial = $script->{schema} eq 'partial' && $errors =~ /^WARNING:/m;

	$report->{slowest} = max($report->{slowest} // 0, $seconds);
	return "took $seconds s" if $seconds > $script->{statements} * $self->{timeout} / 1000 + $self->{grace};
	if (not defined $sqlstate)
	{
		$report->{$is_partial ? 'partial' : 'succeeded'}++;
		return '' if $is_partial or $output eq $script->{expected};
		return "wrong rows:\n$output\ninstead of\n$script->{expected}";
	}
	$report->{failed}++;
	$report->{sqlstates}{$sqlstate}++;
	if ($sqlstate eq '57014')
	{
		return "not canceled by statement_timeout: $message" unless $message =~ /due to statement timeout/;
	}
	elsif (not $named{$sqlstate} and $sqlstate !~ /^22/ or $errors !~ /(?:foreign table|server) "\w+"/)
	{
		return "an error that is none of an outage, or that tells of no table: $sqlstate $message";
	}
	return '' if $is_partial or is_part_of($output, $script->{expected});
	return "wrong rows beside the error:\n$output\ninstead of\n$script->{expected}";
}

# Runs so many scripts; returns counts and what was wrong, added to an earlier report if one is given.  Options: report,
# without_part.
sub run
{
	my ($self, $queries, %options) = @_;
	my $report = $options{report} // { map({ $_ => 0 } qw(queries succeeded partial failed slowest)), sqlstates => {}, wrong => [] };
	my @schemas = qw(remote remote remote partial stale);
	my @usable = grep { $options{without_part} ? not $uses_part{$_} : 1 } @kinds;
	my @scripts = map { $self->script($usable[ $_ % @usable ], pick(@schemas)) } 1 .. $queries;
	my %running;

	$report->{queries} += $queries;
	while (@scripts or %running)
	{
		foreach my $i (0 .. $#{ $self->{sessions} })
		{
			my $session = $self->{sessions}[$i];
			if (my $now = $running{$i})
			{
				my $seconds = time - $now->{started};
				my $is_late = $seconds > $now->{statements} * $self->{timeout} / 1000 + $self->{grace} + 30;
				next unless $session->finish(0) or $is_late;
				my $wrong = $is_late ? 'hangs' : $session->is_alive ? $self->judge($now, $session, $seconds, $report) : 'the session has died';
				push @{ $report->{wrong} }, "$now->{kind}: $now->{text}\n" . $session->last_error . $wrong if $wrong;
				delete $running{$i};
				return $report if $is_late or not $session->is_alive;
			}
			if (my $next = shift @scripts)
			{
				$running{$i} = { %$next, started => time };
				$session->send($next->{text});
			}
		}
		sleep(0.003);
	}
	return $report;
}

# How long an attempt may take.
sub set_attempt_timeout
{
	my ($self, $timeout) = @_;
	$self->{admin}->query(join('', map { "ALTER SERVER ${_}_service OPTIONS (SET timeout '$timeout', SET connect_timeout '$timeout');" } sort keys %tables));
	return;
}

# Runs scripts without faults and without haste: all have to succeed.
sub run_calmly
{
	my ($self, $queries) = @_;
	local $self->{timeout} = 60_000;
	$self->{proxy}->set(faults => '');
	$self->set_attempt_timeout('30s');
	return $self->run($queries);
}

# Without faults again: true when breakers close, nothing is under way or waited for.
sub comes_to_rest
{
	my ($self) = @_;
	$self->{proxy}->set(faults => '');
	$self->set_attempt_timeout('30s');
	$self->{proxy}->cut;
	return DistQuery::Test::poll_until(
		sub {
			my $session = $self->{admin};
			$session->query('SET search_path = remote; SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM products)');
			$self->{state} = $session->query(q{SELECT string_agg(concat_ws(' ', breaker, failures_in_row, in_flight, waiting), ', ') FROM distquery.services});
			return $self->{state} eq join(', ', ('closed 0 0 0') x 3);
		},
		30);
}

# What the sessions' backends have: descriptors that are no files of tables, kB of memory, and kB in use of memory contexts; each
# after one calm query.
sub possessions
{
	my ($self) = @_;
	$_->query('SET statement_timeout = 0; SET search_path = remote; SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), '
		  . '(SELECT count(*) FROM products)') foreach @{ $self->{sessions} };
	return {
		descriptors => [ map { $_->descriptors } @{ $self->{sessions} } ],
		context_kb => [
			map { $_->query('SELECT sum(used_bytes)::bigint / 1024 FROM pg_backend_memory_contexts') } @{ $self->{sessions} }
		],
		kb => [ map { DistQuery::Test::backend_memory_kb($_->pid) } @{ $self->{sessions} } ]
	};
}

sub close
{
	my ($self) = @_;
	$_->close foreach @{ $self->{sessions} }, $self->{admin};
	return;
}

1;
