
=head1 NAME

DistQuery::Differential::Data - random rows for three tables, the same for a service and for local tables

Each table has the columns of @columns.  A value is kept as the text that SQL would read, undef for NULL;
rows_json() writes the rows as a service sends them.  All randomness comes from Perl's rand().

=cut

package DistQuery::Differential::Data;

use strict;
use warnings;
use utf8;
use Exporter 'import';
use JSON::PP;

our @EXPORT = qw(@tables @columns column_type pick chance make_data rows_json sample);

our @tables = qw(a b c);

# Name and type; city stands deeper in the JSON row.
our @columns = (
	[ id => 'bigint' ], [ ref => 'bigint' ], [ k => 'text' ], [ t => 'text' ], [ v => 'varchar(20)' ],
	[ city => 'text' ], [ n => 'numeric' ], [ f => 'float8' ], [ i => 'int' ], [ s => 'smallint' ],
	[ b => 'boolean' ], [ tz => 'timestamptz' ], [ ts => 'timestamp' ], [ d => 'date' ],
	[ u => 'uuid' ], [ m => 'mood' ], [ tags => 'text[]' ], [ j => 'jsonb' ],
);
my %type_of = map { @$_ } @columns;

my %row_count = (a => 97, b => 61, c => 37);
my $json = JSON::PP->new->allow_nonref->canonical;

my @texts = (
	'', ' ', 'alpha', 'Alpha', 'ALPHA', 'alp', 'beta', 'a,b', 'a,b,c', ',', 'a%b', '100%', '%', 'a_b', 'axb', '_',
	"it's", '\'', 'say "hi"', '"', 'back\\slash', '\\', 'x=y&z', 'x+y', 'x y', '+', '%25', '#', '?', '/', '..', '*',
	'a*b', 'a.b', '[a]', '(a)', '^x$', '{name}', 'null', 'true', '5', '5.0', 'naïve', 'NAÏVE', 'ß', 'straße', "e\x{301}",
	"\x{e9}", '日本語', '日', "\x{1f600} smile", "line\nbreak", "tab\there", ' lead', 'trail ', 'not.a', 'eq.b', 'in.(a)', 'İ');
my @codes = (qw(red green blue Red x-y), "light blue", "");
my @numerics = qw(0 1 2 3 -1 1.5 1.50 2.000 -0.5 0.1 100 99.99 -99999999999999999999
  123456789012345678901234567890.123456789 0.00000000000000000001 12345678901234567.25 1000000 33.333333333333333333);
my @floats = qw(0 1 -1 0.1 0.2 0.30000000000000004 2.5 -2.5 1e+300 -1e+300 1.5e-10 3 1234567.875 9007199254740992 1e-300);
my @zones = qw(Z +00:00 -03:30 +05:30 +14:00 -12:00 +01 Z Z Z);

sub column_type { return $type_of{ $_[0] }; }
sub pick { return $_[ int(rand(@_)) ]; }
sub chance { return rand() < $_[0]; }

sub random_date
{
	my $year = chance(0.1) ? pick(1, 1600, 1969, 1970, 2000, 9999) : pick(2025, 2026);
	return sprintf('%04d-%02d-%02d', $year, chance(0.5) ? 1 : 1 + int(rand(12)), 1 + int(rand(chance(0.5) ? 5 : 28)));
}

# Many share a second, and even a millisecond, so that a bound which is rounded the wrong way loses rows.
sub random_moment
{
	return pick('2026-01-02T03:04:05', '2026-07-01T00:00:00', '1969-12-31T23:59:59')
	  . pick('', '.0005', '.123', '.1231', '.123456', '.1239', '.123999', '.124', '.999', '.9991', '.999999')
	  if chance(0.5);
	my $fraction = pick('', '', '.5', '.999', '.0005', '.123456', '.000001', '.999999');
	return random_date() . 'T' . sprintf('%02d:%02d:%02d', pick(0, 0, 12, 23, int(rand(24))), pick(0, 0, 59), pick(0, 0, 59))
	  . $fraction;
}

my @uuids = map { sprintf('%08x-0000-4000-8000-%012x', $_ * 2654435761 % 2**32, $_ ** 5) } 1 .. 30;

my %random = (
	id => sub { 1 + int(rand(120)) },
	ref => sub { 1 + int(rand(50)) },
	k => sub { pick(@codes) },
	t => sub { pick(@texts) },
	v => sub { pick(@texts) },
	city => sub { pick('Lisboa', 'Köln', 'São Paulo', 'New York, NY', 'İzmir', pick(@texts)) },
	n => sub { chance(0.6) ? pick(@numerics) : sprintf('%.2f', rand(200) - 50) },
	f => sub { pick(@floats) },
	i => sub { chance(0.8) ? int(rand(12)) : pick(-2147483648, 2147483647, -5, 1000) },
	s => sub { chance(0.9) ? int(rand(8)) - 2 : pick(-32768, 32767) },
	b => sub { pick('true', 'false') },
	tz => sub { random_moment() . pick(@zones) },
	ts => sub { random_moment() },
	d => sub { random_date() },
	u => sub { pick(@uuids) },
	m => sub { pick(qw(sad ok happy)) },
	tags => sub { $json->encode([ map { chance(0.1) ? undef : pick(@texts) } 1 .. int(rand(4)) ]) },
	j => sub {
		return pick('[]', '{}', '5', '"x"', 'true', '[1,"a",null]') if chance(0.3);
		return $json->encode({ x => pick(@texts), y => int(rand(5)), $json->encode(int(rand(9))) => undef });
	},
);

my %null_share = (id => 0, ref => 0.15, k => 0.15, t => 0.15, v => 0.2, city => 0.1, tags => 0.2, j => 0.2);

# {a => [row, ...], ...}; a row is a hash of column => text.
sub make_data
{
	my %data;
	foreach my $table (@tables)
	{
		my @rows;
		foreach my $id (1 .. $row_count{$table})
		{
			my %row;
			foreach my $column (map { $_->[0] } @columns)
			{
				$row{$column} = chance($null_share{$column} // 0.12) ? undef : $random{$column}->();
			}
			$row{v} = substr($row{v}, 0, 20) if defined $row{v};
			# identities with gaps, so that lookups miss
			$row{id} = $id * ($table eq 'b' ? 1 : 2);
			push @rows, \%row;
		}
		# not in the order of their identities
		for (my $at = $#rows; $at > 0; $at--)
		{
			my $other = int(rand($at + 1));
			@rows[ $at, $other ] = @rows[ $other, $at ];
		}
		$data{$table} = \@rows;
	}
	return \%data;
}

# A value of a column: one that stands in the data, or a new one; never NULL.
sub sample
{
	my ($data, $column) = @_;
	if (chance(0.75))
	{
		my $value = pick(@{ $data->{ pick(@tables) } })->{$column};
		return $value if defined $value;
	}
	my $value = $random{$column}->();
	return $column eq 'v' ? substr($value, 0, 20) : $value;
}

sub value_json
{
	my ($column, $value) = @_;
	return $value if $type_of{$column} =~ /int|numeric|float8|boolean|jsonb|\[\]/;
	return $json->encode($value);
}

# The rows as a JSON array: NULL is null or no member at all.  The service's rows have city in /place/city.
sub rows_json
{
	my ($rows, $is_service) = @_;
	my @elements;
	foreach my $row (@$rows)
	{
		my @members;
		foreach my $column (map { $_->[0] } @columns)
		{
			my $value = $row->{$column};
			my $text = defined $value ? value_json($column, $value) : 'null';
			next if !defined $value and $row->{id} % 3 == 0;
			push @members, $is_service && $column eq 'city' ? "\"place\":{\"city\":$text}" : "\"$column\":$text";
		}
		push @elements, '{' . join(',', @members) . '}';
	}
	return '[' . join(",\n", @elements) . ']';
}

1;
