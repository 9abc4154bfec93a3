
=head1 NAME

DistQuery::Differential - the same queries on local tables and on foreign tables of the same rows

    my $test = DistQuery::Differential->new($node, $service, seed => 7);
    my $differences = $test->compare(\@queries);

Schema "local" holds the rows as ordinary tables; each schema of flavours() holds foreign tables of the same
names, declared for one dialect, one way of paging and one page size.  A query is run in "local", then in some of the others under
some of the settings; everything that is printed, SQLSTATEs included, has to be the same.

=cut

package DistQuery::Differential;

use strict;
use warnings;
use DistQuery::Differential::Data;
use DistQuery::Differential::Queries;
use DistQuery::Test ();
use Encode qw(decode encode);
use IPC::Run;
use List::Util qw(min);

my $record = "\x1e";
my %paged = (rows => '/items');

# Options of plain's operators that have to be spelled, as the fixture service understands them.
my %plain_spelled = (
	spell_ne => 'not_{name}={value}', spell_ge => 'min_{name}={value}', spell_le => 'max_{name}={value}',
	spell_gt => 'above_{name}={value}', spell_lt => 'below_{name}={value}', spell_like => 'like_{name}={value}',
	spell_null => 'null_{name}=true', spell_notnull => 'null_{name}=false');
my %brackets_spelled = (spell_like => '{name}[like]={value}', spell_null => '{name}[null]=true', spell_notnull => '{name}[null]=false');

# What each dialect's fixture can filter, where it is not everything.
my %operators = (
	jsonserver => [qw(= <> < <= > >= in like)], jsonapi => [qw(= in)], spring => [qw(= in)], drf => [qw(= < <= > >= in like null)]);

# Of GraphQL: how every operator is an argument, and the types that are not the default ones.
my %graphql_spelled = (
	spell_eq => 'where.{name}._eq={value}', spell_ne => 'where.{name}._ne={value}', spell_in => 'where.{name}._in={values}',
	spell_lt => 'where.{name}._lt={value}', spell_le => 'where.{name}._lte={value}', spell_gt => 'where.{name}._gt={value}',
	spell_ge => 'where.{name}._gte={value}', spell_like => 'where.{name}._like={value}',
	spell_null => 'where.{name}._isNull=true', spell_notnull => 'where.{name}._isNull=false');
my %graphql_types = (
	ref => 'BigInt', n => 'Decimal', f => 'Double', tz => 'DateTime', ts => 'Moment', d => 'Moment', u => 'ID', m => 'Mood');

# The operators of a dialect's fixture, and the options that spell what its preset cannot say.
sub dialect_operators { return $operators{ $_[0] } // [qw(= <> < <= > >= in like null)]; }
sub dialect_options { return $_[0] eq 'plain' ? %plain_spelled : $_[0] eq 'brackets' ? %brackets_spelled : (); }

# Where city stands in a row, and what it is called in a question.
my %city = (jsonapi => [ '/attributes/place/city', 'place.city' ], odata => [ '/place/city', 'place/city' ]);

# Schemas of foreign tables.  query: of the path; lookup: declared too; exact: trusts the service, sort included;
# nulls: how it sorts NULL.
sub flavours
{
	my $wanted = $ENV{DQ_FLAVOURS} // '';
	return grep { $_->{name} =~ /$wanted/ } (
		{ name => 'plain_page', dialect => 'plain', query => '_envelope=items', lookup => 1,
			options => { %paged, paging => 'page', page_size => 10, spell_fields => 'fields={values}', estimated_rows => 100 } },
		{ name => 'plain_page_total', dialect => 'plain', query => '_envelope=items&_cap=17',
			options => { %paged, paging => 'page', page_size => 20, total => '/total', max_batch => 3 } },
		{ name => 'plain_offset', dialect => 'plain', query => '_envelope=items&_cap=9',
			options => { %paged, paging => 'offset', page_size => 50, estimated_rows => 10 } },
		{ name => 'plain_offset_total', dialect => 'plain', query => '_envelope=first', lookup => 1, exact => 1,
			options => { %paged, paging => 'offset', page_size => 7, total => '/total' } },
		{ name => 'plain_cursor', dialect => 'plain', query => '_envelope=first&_paging=cursor&_size=13',
			options => { %paged, paging => 'cursor', next => '/next', max_url => 400, estimated_rows => 1000 } },
		{ name => 'plain_none', dialect => 'plain', query => '_envelope=deep', lookup => 1,
			options => { rows => '/data/list', estimated_rows => 50 } },
		{ name => 'plain_limit', dialect => 'plain', query => '_envelope=items', exact => 1,
			options => { %paged, spell_limit => 'limit={value}', total => '/total', estimated_rows => 100 } },
		{ name => 'brackets_link', dialect => 'brackets', query => '_envelope=items&_paging=link', lookup => 1,
			options => { %paged, paging => 'link', page_size => 11 } },
		{ name => 'brackets_next', dialect => 'brackets', query => '_envelope=items&_paging=next-relative',
			options => { %paged, paging => 'next', next => '/next', page_size => 25, max_batch => 2, estimated_rows => 100 } },
		{ name => 'brackets_total', dialect => 'brackets', query => '_total=header', exact => 1,
			options => { paging => 'page', page_size => 6, total => 'header:X-Total-Count', estimated_rows => 80 } },
		{ name => 'jsonserver_page', dialect => 'jsonserver', lookup => 1, options => { paging => 'page', page_size => 8 } },
		{ name => 'jsonserver_offset', dialect => 'jsonserver', options => { paging => 'offset', page_size => 40, max_batch => 4, estimated_rows => 100 } },
		{ name => 'postgrest_offset', dialect => 'postgrest', options => { paging => 'offset', page_size => 12, estimated_rows => 100 } },
		{ name => 'postgrest_exact', dialect => 'postgrest', lookup => 1, exact => 1,
			options => { paging => 'offset', page_size => 30, last_page => 'short', estimated_rows => 100 } },
		{ name => 'jsonapi_page', dialect => 'jsonapi', lookup => 1,
			options => { rows => '/data', lookup_rows => '/data', paging => 'page', page_size => 9, total => '/meta/total', estimated_rows => 100 } },
		{ name => 'jsonapi_next', dialect => 'jsonapi', options => { rows => '/data', paging => 'next', page_size => 16, max_batch => 3 } },
		{ name => 'odata_offset', dialect => 'odata', lookup => 1, exact => 1, nulls => 'nulls_first',
			options => { rows => '/value', paging => 'offset', page_size => 14, estimated_rows => 100 } },
		{ name => 'odata_next', dialect => 'odata', query => '_size=10',
			options => { rows => '/value', paging => 'next', max_url => 500, estimated_rows => 50 } },
		{ name => 'drf_page', dialect => 'drf', lookup => 1, exact => 1, nulls => 'nulls_first',
			options => { rows => '/results', paging => 'page', page_size => 15, estimated_rows => 100 } },
		{ name => 'drf_offset', dialect => 'drf', options => { rows => '/results', paging => 'offset', page_size => 20, max_batch => 5 } },
		{ name => 'graphql_relay', field => 'rowPages(of: "%s")', lookup => 'row(of: "%s", id: $id)',
			options => { paging => 'relay', page_size => 8, cursor_type => 'Cursor', total => '/total', max_batch => 3, estimated_rows => 100 } },
		{ name => 'graphql_offset', field => 'rows(of: "%s")', exact => 1,
			options => { paging => 'offset', page_size => 23, estimated_rows => 50 } },
		{ name => 'graphql_none', field => 'rows(of: "%s")', lookup => 'row(of: "%s", id: $id)', options => { estimated_rows => 1000 } },
		{ name => 'spring_page', dialect => 'spring', exact => 1, nulls => 'nulls_first',
			options => { rows => '/content', paging => 'page', page_size => 12, estimated_rows => 100 } },
	);
}

# Makes the rows, gives them to the service, and declares all tables.  Options: seed.
sub new
{
	my ($class, $node, $service, %options) = @_;
	srand($options{seed});
	my $self = bless { node => $node, seed => $options{seed}, data => make_data(), runs => 0 }, $class;
	my $columns = join(', ', map { "$_->[0] $_->[1]" } @columns);
	my $sql = "CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');\nCREATE SCHEMA local;\n";

	foreach my $table (@tables)
	{
		my $rows = $self->{data}{$table};
		$service->put($table, encode('UTF-8', rows_json($rows, 1)));
		$sql .= "CREATE TABLE local.$table ($columns);\nINSERT INTO local.$table SELECT * FROM "
		  . 'json_populate_recordset(NULL::local.' . $table . ', $json$' . rows_json($rows, 0) . "\$json\$);\nANALYZE local.$table;\n";
	}
	DistQuery::Test::create_server($node, 'differential', $service->url, timeout => '60s');
	DistQuery::Test::create_server($node, 'graphql', $service->url . '/graphql', timeout => '60s', protocol => 'graphql', %graphql_spelled);
	$sql .= $_->{field} ? declare_graphql($_) : declare($_) foreach flavours();
	# not in UTC, so that a time zone which is lost is noticed
	$sql .= "ALTER DATABASE postgres SET timezone = 'America/St_Johns';\nALTER DATABASE postgres SET jit = off;\n"
	  . "ALTER DATABASE postgres SET statement_timeout = '120s';\n";
	my $output = $self->run_psql("\\set ON_ERROR_STOP 1\n" . $sql);
	die "could not declare the tables: $output" if $output =~ /ERROR/;
	$self->{queries} = DistQuery::Differential::Queries->new($self->{data});
	return $self;
}

sub declare
{
	my ($flavour) = @_;
	my %can = map { $_ => 1 } @{ dialect_operators($flavour->{dialect}) };
	my %spelled = dialect_options($flavour->{dialect});
	my $sql = "CREATE SCHEMA $flavour->{name};\n";
	my @declared;

	foreach my $column (@columns)
	{
		my ($name, $type) = @$column;
		my $is_scalar = $type !~ /jsonb|\[\]/;
		my %options;
		my @operators = ($is_scalar ? qw(= <> < <= > >= in) : (), $type =~ /text$|varchar/ ? 'like' : (), 'null');
		@operators = grep { $can{$_} } @operators;
		$options{filter} = join(' ', @operators) if @operators;
		$options{key} = 'true' if $name eq 'id';
		@options{qw(json param)} = @{ $city{ $flavour->{dialect} } // [ '/place/city', 'place.city' ] } if $name eq 'city';
		$options{sort} = $flavour->{nulls} // 'nulls_last' if $flavour->{exact} and $type !~ /float|bool|uuid|mood|jsonb|\[\]/;
		push @declared, "$name $type " . DistQuery::Test::options_clause(%options);
	}
	foreach my $table (@tables)
	{
		my %options = (%{ $flavour->{options} }, dialect => $flavour->{dialect}, %spelled);
		$options{path} = "/data/$flavour->{dialect}/$table" . ($flavour->{query} ? "?$flavour->{query}" : '');
		$options{lookup_path} = "/data/$flavour->{dialect}/$table/{id}" if $flavour->{lookup};
		$options{trust} = 'exact' if $flavour->{exact};
		$sql .= "CREATE FOREIGN TABLE $flavour->{name}.$table (" . join(', ', @declared) . ') SERVER differential '
		  . DistQuery::Test::options_clause(%options) . ";\n";
	}
	return $sql;
}

sub declare_graphql
{
	my ($flavour) = @_;
	my $sql = "CREATE SCHEMA $flavour->{name};\n";
	my @declared;

	foreach my $column (@columns)
	{
		my ($name, $type) = @$column;
		my %options;
		my @operators = $type =~ /jsonb|\[\]/ ? () : $type eq 'boolean' ? qw(= <> null) : (qw(= <> in), 'null');
		push @operators, qw(< <= > >=) if $type =~ /int|numeric|float|time|date/ and $name ne 'id';
		push @operators, 'like' if $type =~ /text$|varchar/;
		# without a list, many keys are looked up in one request
		@operators = grep { $_ ne 'in' } @operators if $name eq 'id' and $flavour->{lookup};
		$options{filter} = join(' ', @operators) if @operators;
		$options{key} = 'true' if $name eq 'id';
		@options{qw(json param)} = ('/place/city', 'city') if $name eq 'city';
		$options{variable_type} = $graphql_types{$name} if $graphql_types{$name};
		push @declared, "$name $type " . DistQuery::Test::options_clause(%options);
	}
	foreach my $table (@tables)
	{
		my %options = (%{ $flavour->{options} }, field => sprintf($flavour->{field}, $table));
		$options{lookup_field} = sprintf($flavour->{lookup}, $table) if $flavour->{lookup};
		$options{trust} = 'exact' if $flavour->{exact};
		$sql .= "CREATE FOREIGN TABLE $flavour->{name}.$table (" . join(', ', @declared) . ') SERVER graphql '
		  . DistQuery::Test::options_clause(%options) . ";\n";
	}
	return $sql;
}

# Everything that psql says about a script, errors by their SQLSTATE.
sub run_psql
{
	my ($self, $script) = @_;
	my $output = '';
	my $input = encode('UTF-8', $script);
	IPC::Run::run(
		[
			'psql', '-X', '-A', '-t', '-q', '-v', 'VERBOSITY=terse', '-P', 'null=<NULL>', '-R', $record,
			'-F', '|', '-d', $self->{node}->connstr('postgres'), '-f', '-'
		],
		'<', \$input, '>&', \$output);
	return decode('UTF-8', $output);
}

# So many queries.
sub queries
{
	my ($self, $n) = @_;
	return map { $self->{queries}->next } 1 .. $n;
}

# The ways to run a query: local first, then two flavours, each under every setting; one with the rest of the settings.
sub variants
{
	my ($self, $query) = @_;
	my @flavours = grep { $query->{is_sendable} or not $_->{exact} } flavours();
	my @variants = ({ schema => 'local', pushdown => 'on', prefetch => 'on' });
	foreach my $round (0, 1)
	{
		# only a service that is trusted is asked to sort
		my @fit = $round == 1 && $query->{is_ordered} && $query->{is_sendable} ? grep { $_->{exact} } @flavours : @flavours;
		my $flavour = pick(@fit);
		@flavours = grep { $_->{name} ne $flavour->{name} } @flavours;
		foreach my $pushdown (qw(on off))
		{
			foreach my $prefetch (qw(on off))
			{
				next if $round == 1 and $prefetch eq 'off' and $pushdown eq 'off';
				push @variants, { schema => $flavour->{name}, pushdown => $pushdown, prefetch => $prefetch };
			}
		}
		# the transaction's store: filled by the query itself, and holding everything before it
		push @variants, { schema => $flavour->{name}, pushdown => 'on', prefetch => 'on', strategy => 'store', is_warm => $round };
		# the cache: twice, so that it is filled and read
		push @variants, map { { schema => $flavour->{name}, pushdown => 'on', prefetch => 'on', strategy => 'cache' } } 1 .. 2 if $round == 0;
	}
	return @variants;
}

sub settings_of
{
	my ($variant) = @_;
	my $strategy = $variant->{strategy} // 'declared';
	return "SET search_path = $variant->{schema}, public; SET distquery.pushdown = $variant->{pushdown}; "
	  . "SET distquery.prefetch = $variant->{prefetch}; SET distquery.strategy = $strategy; ";
}

# Before a query that shall find the rows of all tables in its transaction's store: errors must not end the transaction.
sub warm_up
{
	my ($variant) = @_;
	return "\\set ON_ERROR_ROLLBACK off\n" unless $variant->{is_warm};
	return "BEGIN;\n\\set ON_ERROR_ROLLBACK on\n" . join('', map { "SELECT count(*) FROM $_;\n" } @tables);
}

# What was printed for one variant, made comparable.
sub normalize
{
	my ($query, $output) = @_;
	# where an error stands in its own statement depends on the lines before it
	$output =~ s/^psql:<stdin>:\d+: //mg;
	$output =~ s/^LINE \d+: .*\n *\^\n//mg;
	my @answers = split(/\x1dNEXT\n/, $output);
	foreach my $answer (@answers)
	{
		$answer =~ s/\n\z//;
		$answer = join($record, sort split(/$record/, $answer)) unless $query->{is_ordered};
	}
	return join("\n", @answers);
}

# Runs queries in one session; returns descriptions of the differences.
sub compare
{
	my ($self, @queries) = @_;
	my $script = "\\set VERBOSITY sqlstate\n";
	my @differences;

	foreach my $query (@queries)
	{
		$query->{variants} = [ $self->variants($query) ];
		my $statements = join(";\n\\echo '\x1dNEXT'\n", @{ $query->{statements} });
		foreach my $at (0 .. $#{ $query->{variants} })
		{
			$script .= "$query->{settings}" . settings_of($query->{variants}[$at]) . "\n" . warm_up($query->{variants}[$at])
			  . "\\echo '\x1dBEGIN $query->{number} $at'\n$statements;\n"
			  . "\\echo '\x1dEND'\nROLLBACK; DEALLOCATE ALL;\n";
			$self->{runs}++;
		}
	}
	my $output = $self->run_psql("SET client_min_messages = error;\n$script");
	my %printed;
	$printed{$1}[$2] = $3 while $output =~ /\x1dBEGIN (\d+) (\d+)\n(.*?)\x1dEND/sg;
	foreach my $query (@queries)
	{
		my @answers = map { defined $_ ? normalize($query, $_) : 'no answer' } @{ $printed{ $query->{number} } }[ 0 .. $#{ $query->{variants} } ];
		$self->{failures}++ if $answers[0] =~ /ERROR:/;
		$self->{empty}++ if $answers[0] eq '';
		foreach my $at (1 .. $#answers)
		{
			next if $answers[$at] eq $answers[0];
			push @differences, $self->describe($query, $at, $answers[0], $answers[$at]);
			last;
		}
	}
	return @differences;
}

# A difference with all that is needed to see it again, and the plan.
sub describe
{
	my ($self, $query, $at, $expected, $found) = @_;
	my $variant = $query->{variants}[$at];
	my $settings = $query->{settings} . settings_of($variant);
	my $sql = join('; ', @{ $query->{statements} });
	my $plan = $sql =~ /^(?:SELECT|WITH)/ ? $self->run_psql("$settings\nEXPLAIN (COSTS OFF) $sql;\n") : '';
	my $error = $found =~ /ERROR:/ ? $self->run_psql("$settings\n$sql;\n") : '';
	$error = '' unless $error =~ s/.*(?=ERROR:)//s;
	tr/\x1e/\n/ foreach $plan, $expected, $found, $error;
	my @expected = split(/\n/, $expected);
	my @found = split(/\n/, $found);
	return "seed $self->{seed}, query $query->{number}, in $variant->{schema}\n$settings\n$sql;\n-- $error"
	  . '-- local, ' . @expected . " lines:\n" . shown(\@expected, \@found) . '-- foreign, ' . @found . " lines:\n" . shown(\@found, \@expected)
	  . "-- plan:\n$plan\n";
}

# The first lines, those first that the other answer does not have.
sub shown
{
	my ($lines, $others) = @_;
	my %others = map { $_ => 1 } @$others;
	my @lines = ((grep { !$others{$_} } @$lines), (grep { $others{$_} } @$lines));
	return join('', map { substr($_, 0, 300) . "\n" } @lines[ 0 .. min(9, $#lines) ]);
}

1;
