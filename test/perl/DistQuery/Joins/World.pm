
=head1 NAME

DistQuery::Joins::World - a random schema with its rows, and random declarations of it

    my $world = DistQuery::Joins::World->new($number);
    $world->tables;                  # hashes: name, columns, rows
    $world->assemblies;              # hashes: name, tables => {t1 => declaration}, may_refuse

A column has a name, a type, and a family: columns of one family can be compared, and take their values from
one small pool, so that joins find partners, duplicates and strangers.  An assembly is a schema that holds every table as a
foreign table, declared by chance, or as a local one.  All randomness comes from Perl's rand().

=cut

package DistQuery::Joins::World;

use strict;
use warnings;
use utf8;
use DistQuery::Differential ();
use DistQuery::Test ();
use Exporter 'import';
use JSON::PP;

our @EXPORT_OK = qw(pick chance quote is_text is_written);

my $json = JSON::PP->new->allow_nonref->canonical;

sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

sub quote
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

sub is_text { return $_[0]{family} eq 'text'; }

# Equal values are written the same; 1.5 and 1.50 are not, nor 0 and -0.
sub is_written { return $_[0]{type} !~ /numeric|float|real/; }

#
# Rows
#

my @texts = (
	'', ' ', 'alpha', 'Alpha', 'ALPHA', 'beta', 'a,b', ',', 'a%b', '%', 'a_b', '_', "it's", '"', 'say "hi"', 'back\\slash', 'x=y&z', 'x+y',
	'%25', '#', '?', '/', '*', '(a)', '{name}', 'null', 'true', '5', 'naïve', 'ß', "e\x{301}", "\x{e9}", '日本語', "\x{1f600}", "line\nbreak",
	' lead', 'trail ', 'eq.b', 'in.(a)', '<1', 'İ');
my @wholes = (1 .. 12, 0, -1, 32767, -32768);
my @large = (2147483647, -2147483648);
my @largest = (qw(9223372036854775807 -9223372036854775808 9007199254740993 9007199254740992));
my @numbers = qw(0 1 2 3 5 -1 1.5 1.50 2.0 0.1 -0.5 100 99.99);
my @numerics = qw(12345678901234567890.5 -99999999999999999999 0.00000000000000000001 2.000);
my @floats = qw(1e+300 -1e+300 1.5e-10 -0.0 0.30000000000000004 1234567.875);
my @moments = map { my $day = $_; map { "$day$_" } '', 'T00:00:00', 'T12:00:00', 'T23:59:59.999999', 'T03:04:05.1235', 'T03:04:05.123' }
  qw(2026-01-02 2026-07-01 1969-12-31 2025-03-09);
my @zones = qw(Z +00:00 -03:30 +05:30 -02:30);
my @uuids = map { sprintf('%08x-0000-4000-8000-%012x', $_ * 2654435761 % 2**32, $_) } 1 .. 8;

my %types = (
	whole => [qw(int bigint smallint int bigint)], number => [ 'numeric', 'float8', 'numeric(12,2)', 'real' ], text => [ 'text', 'text', 'varchar(12)' ],
	moment => [qw(timestamptz timestamp date)], uuid => ['uuid'], mood => ['mood'], truth => ['boolean'], time => ['time'],
	list => ['text[]'], document => ['jsonb']);

# One value for a column, as its type prints or reads it.
sub value
{
	my ($self, $column) = @_;
	my ($type, $family) = @$column{qw(type family)};
	my $pool = $self->{pools}{$family};

	return pick(@$pool[ 0 .. 1 ]) if $pool and $family ne 'moment' and chance(0.45);		# skewed
	return pick($type =~ /smallint/ ? () : chance(0.1) ? @large : (), $type eq 'bigint' && chance(0.1) ? @largest : (), @$pool) if $family eq 'whole';
	return sprintf('%.2f', pick(@$pool)) if $type eq 'numeric(12,2)';
	return 0 + pick(@$pool) if $type eq 'real';
	return pick(@$pool, chance(0.1) ? @numerics : ()) if $type eq 'numeric';
	return pick(@$pool, chance(0.2) ? @floats : ()) if $type eq 'float8';
	return substr(pick(@$pool), 0, 12) if $family eq 'text';
	return pick(@$pool) if $pool and $family ne 'moment';
	return pick('true', 'false') if $family eq 'truth';
	return $json->encode([ map { chance(0.1) ? undef : pick(@texts) } 1 .. int(rand(4)) ]) if $family eq 'list';
	return pick('[]', '{}', '5', '{"a":1}', '{"a":[1,null]}', '"x"') if $family eq 'document';
	my $moment = pick(@$pool);
	return substr($moment, 0, 10) if $type eq 'date';
	$moment .= 'T00:00:00' if length($moment) == 10;
	return $type eq 'timestamptz' ? $moment . pick(@zones) : $moment;
}

sub make_pools
{
	my ($self) = @_;
	my $some = sub { my $n = shift; return [ map { pick(@_) } 1 .. $n ]; };
	return {
		whole => [ (map { pick(1 .. 9) } 1 .. 2), @{ $some->(6, @wholes) } ], number => $some->(9, @numbers), text => $some->(10, @texts),
		moment => $some->(10, @moments), uuid => \@uuids, mood => [qw(sad ok happy)],
		time => [qw(00:00:00 12:30:00 23:59:59.999999)],
	};
}

sub make_table
{
	my ($self, $name) = @_;
	my @families = (qw(whole whole text), map { pick(qw(whole whole text text number moment moment uuid mood truth truth time list document)) } 1 .. 3 + int(rand(4)));
	my @columns = ({ name => 'id', type => pick(qw(int bigint)), family => 'whole' }, { name => 'p_id', type => pick(qw(int bigint)), family => 'whole', is_parent => 1 });
	my $n = chance(0.03) ? pick(0, 1) : pick(8, 15, 20, 20, 35, 35, 60, 90);
	my $step = pick(1, 1, 1, 2, 3);
	my $null_share = pick(0, 0.1, 0.1, 0.25);
	my @rows;

	foreach my $family (@families)
	{
		push @columns, { name => 'c' . (@columns - 1), type => pick(@{ $types{$family} }), family => $family };
	}
	push @columns, { name => 'pad', type => 'text', family => 'pad' } if chance(0.3);
	foreach my $id (1 .. $n)
	{
		my %row = map { $_->{name} => chance($null_share) ? undef : $_->{family} eq 'pad' ? 'x' x (300 + $id) : $_->{is_parent} ? 1 + int(rand(6)) : $self->value($_) } @columns;
		$row{id} = $id * $step;
		push @rows, \%row;
	}
	for (my $at = $#rows; $at > 0; $at--)
	{
		my $other = int(rand($at + 1));
		@rows[ $at, $other ] = @rows[ $other, $at ];
	}
	return { name => $name, columns => \@columns, rows => \@rows };
}

sub new
{
	my ($class, $number) = @_;
	my $self = bless { number => $number }, $class;
	$self->{pools} = $self->make_pools;
	$self->{tables} = [ map { $self->make_table("t$_") } 1 .. pick(3, 4, 5) ];
	$self->{assemblies} = [ map { $self->make_assembly($_) } 1 .. 3 ];
	return $self;
}

sub tables { return @{ $_[0]{tables} }; }
sub assemblies { return @{ $_[0]{assemblies} }; }

# The name of a table's rows at the service: one for each world, so that nothing kept can be mistaken.
sub collection { my ($self, $table) = @_; return "w$self->{number}$table->{name}"; }

# A table's rows as a JSON array: NULL is null, or no member at all.
sub rows_json
{
	my ($self, $table) = @_;
	my @elements;
	foreach my $row (@{ $table->{rows} })
	{
		my @members;
		foreach my $column (@{ $table->{columns} })
		{
			my ($name, $value) = ($column->{name}, $row->{ $column->{name} });
			# all are in the first row: the service learns its members from the rows
			next if !defined $value and $row->{id} % 3 == 0 and @elements;
			my $is_bare = !defined $value || $column->{family} =~ /whole|number|truth|list|document/;
			push @members, "\"$name\":" . (!defined $value ? 'null' : $is_bare ? $value : $json->encode($value));
		}
		push @elements, '{' . join(',', @members) . '}';
	}
	return '[' . join(",\n", @elements) . ']';
}

#
# Declarations
#

# The operators that the service and the dialect have for a column.
sub operators
{
	my ($column, $dialect) = @_;
	return () if $column->{family} =~ /list|document|pad/;
	my @operators = (qw(= in null), $column->{family} =~ /text/ ? 'like' : (), $column->{family} =~ /whole|number|moment|time$/ ? qw(< <= > >=) : (), '<>');
	my $known = DistQuery::Differential::dialect_operators($dialect);
	my %known = map { $_ => 1 } @$known;
	return grep { $known{$_} } @operators;
}

# A body that can say everything that is declared.
sub post_body
{
	my ($columns) = @_;
	my %words = ('=' => 'eq', '<>' => 'ne', '<' => 'lt', '<=' => 'le', '>' => 'gt', '>=' => 'ge', in => 'in', like => 'like', null => 'null');
	my %filter;
	foreach my $column (@$columns)
	{
		$filter{ $column->{name} } = { map { $words{$_} => "{$column->{name} $_}" } @{ $column->{operators} } } if @{ $column->{operators} };
	}
	return $json->encode({ filter => \%filter, page => { offset => '{$offset}', size => '{$size}' } });
}

sub declare_table
{
	my ($self, $table) = @_;
	my $flavour = pick(grep { $_->{dialect} } DistQuery::Differential::flavours());
	my $dialect = $flavour->{dialect};
	my $way = pick(('collection') x 9, 'nested', ('search') x 3);
	my %options = (%{ $flavour->{options} }, dialect => $dialect, DistQuery::Differential::dialect_options($dialect));
	my $share = pick(0.3, 0.7, 1);
	my @columns = map { { %$_ } } @{ $table->{columns} };

	$dialect = $options{dialect} = 'plain' if $way ne 'collection';
	foreach my $column (@columns)
	{
		my @known = operators($column, $dialect);
		$column->{operators} = [ chance(0.15) ? grep { $_ eq '=' } @known : grep { chance($share) } @known ];
		$column->{sort} = $flavour->{nulls} // 'nulls_last' if $flavour->{exact} and $way eq 'collection' and $column->{family} =~ /whole|text|moment/;
	}
	$columns[0]{key} = 'true' if chance(0.7);
	my $required;
	if ($way eq 'collection')
	{
		$options{path} = "/data/$dialect/" . $self->collection($table) . ($flavour->{query} ? "?$flavour->{query}" : '');
		$options{lookup_path} = "/data/$dialect/" . $self->collection($table) . '/{id}' if $flavour->{lookup} and chance(0.7);
		$options{trust} = 'exact' if $flavour->{exact};
		# a service that does not know its filters, and answers with everything
		@options{qw(spell_in spell_eq)} = ('not_known={values}&_lenient=1', 'not_known={value}&_lenient=1')
		  if !$flavour->{exact} and $dialect =~ /plain|brackets|jsonserver/ and chance(0.3);
		if (chance(0.06) and $required = pick(grep { grep { $_ eq '=' } @{ $_->{operators} } } @columns))
		{
			$required->{required} = 'true';
		}
	}
	else
	{
		my %kept = map { $_ => $options{$_} } grep { /^(spell_.*|dialect|estimated_rows)$/ } keys %options;
		%options = (%kept, DistQuery::Differential::dialect_options('plain'), rows => '/items');
		@options{qw(paging total page_size)} = ('offset', '/total', 5);
		$options{path} = '/nested/ps/{p_id}/' . $self->collection($table) . '?_envelope=items' if $way eq 'nested';
		@options{qw(path body)} = ('/search/' . $self->collection($table) . '?_envelope=items', post_body(\@columns)) if $way eq 'search';
		$required = 1 if $way eq 'nested';
	}
	$options{page_size} = pick(3, 7, 20, 50, 200) if $options{page_size} and chance(0.8);
	$options{max_batch} = pick(1, 2, 3, 10, 100) if chance(0.6);
	$options{max_url} = pick(300, 500) if chance(0.15);
	$options{estimated_rows} = pick(1, 10, 100, 1000) if chance(0.7);
	$options{prefetch} = 'false' if chance(0.1);
	return { way => $way, options => \%options, columns => \@columns, may_refuse => defined $required };
}

sub make_assembly
{
	my ($self, $number) = @_;
	my %tables = map { $_->{name} => chance(0.2) ? undef : $self->declare_table($_) } @{ $self->{tables} };
	$tables{t1} //= $self->declare_table($self->{tables}[0]);
	return { name => "w$self->{number}_$number", tables => \%tables, may_refuse => scalar grep { $_ && $_->{may_refuse} } values %tables };
}

# SQL that makes the schemas: the local one, then the assemblies.
sub declaration_sql
{
	my ($self) = @_;
	my $local = "w$self->{number}_local";
	my $sql = "CREATE SCHEMA $local;\n";
	foreach my $table ($self->tables)
	{
		my $columns = join(', ', map { "$_->{name} $_->{type}" } @{ $table->{columns} });
		$sql .= "CREATE TABLE $local.$table->{name} ($columns);\nINSERT INTO $local.$table->{name} SELECT * FROM "
		  . "json_populate_recordset(NULL::$local.$table->{name}, " . '$json$' . $self->rows_json($table) . "\$json\$);\nANALYZE $local.$table->{name};\n";
	}
	foreach my $assembly ($self->assemblies)
	{
		$sql .= "CREATE SCHEMA $assembly->{name};\n";
		foreach my $table ($self->tables)
		{
			my $declared = $assembly->{tables}{ $table->{name} };
			my $name = "$assembly->{name}.$table->{name}";
			if (not $declared)
			{
				$sql .= "CREATE TABLE $name AS TABLE $local.$table->{name};\nANALYZE $name;\n";
				next;
			}
			my @columns = map {
				my %options;
				$options{filter} = join(' ', @{ $_->{operators} }) if @{ $_->{operators} };
				$options{$_->[0]} = $_->[1] foreach grep { defined $_->[1] } [ key => $_->{key} ], [ required => $_->{required} ], [ sort => $_->{sort} ];
				"$_->{name} $_->{type} " . DistQuery::Test::options_clause(%options);
			} @{ $declared->{columns} };
			$sql .= "CREATE FOREIGN TABLE $name (" . join(', ', @columns) . ') SERVER joins ' . DistQuery::Test::options_clause(%{ $declared->{options} }) . ";\n";
		}
	}
	return $sql;
}

sub drop_sql
{
	my ($self) = @_;
	return join('', map { "DROP SCHEMA $_ CASCADE;\n" } "w$self->{number}_local", map { $_->{name} } $self->assemblies);
}

1;
