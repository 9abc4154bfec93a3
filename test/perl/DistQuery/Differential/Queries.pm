
=head1 NAME

DistQuery::Differential::Queries - random SQL over the tables a, b and c

    my $queries = DistQuery::Differential::Queries->new($data);
    my $query = $queries->next;

A query is a hash: statements (a list), settings (SQL to set before), is_ordered (rows have to come in the
same order), is_sendable (false: some value has no spelling, which is an error under trust 'exact').

Every query has one answer only: ORDER BY ends with an identity, floats are not summed, nothing divides by
what might be zero in a clause whose order of evaluation is open.

=cut

package DistQuery::Differential::Queries;

use strict;
use warnings;
use utf8;
use DistQuery::Differential::Data;

my @texts = qw(k t v city);
my @whole = qw(id ref i s);
my @ordered = (@whole, qw(n f tz ts d));
my @scalars = (@ordered, @texts, qw(b u m));
# Those whose equal values are also written the same; 1.5 and 1.50 are not.
my @written = grep { $_ ne 'n' } @scalars;

my @planner = qw(enable_hashjoin enable_mergejoin enable_nestloop enable_material enable_memoize enable_sort enable_hashagg);

sub new
{
	my ($class, $data) = @_;
	return bless { data => $data, number => 0 }, $class;
}

#
# Values
#

sub quote
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

# A value as an SQL constant that may stand beside the column.
sub constant
{
	my ($self, $column, $value) = @_;
	my $type = column_type($column);
	return $value if $type eq 'boolean';
	if ($type =~ /int/)
	{
		return "($value)" if chance(0.5);
		return quote($value) . '::' . pick('bigint', 'bigint', $type) if $value > 32767 or $value < -32768 or chance(0.6);
		return quote($value) . '::' . pick('smallint', 'int', 'bigint');
	}
	return chance(0.5) ? "($value)" : quote($value) if $type eq 'numeric';
	return quote($value) . (chance(0.5) ? "::$type" : '');
}

# A value for a column, as a constant or, in a prepared statement, as a parameter.
sub value
{
	my ($self, $column) = @_;
	if ($column eq 'tz' || $column eq 'ts' || $column eq 'd')
	{
		if (chance(0.04))
		{
			$self->{is_sendable} = 0;
			return quote(pick('infinity', '-infinity', '0044-03-15 BC')) . '::' . column_type($column);
		}
		return $self->moment($column) if chance(0.15);
	}
	return 'NULL::' . column_type($column) if chance(0.02);
	my $value = sample($self->{data}, $column);
	return $self->parameter(column_type($column), quote($value)) if $self->{parameters} and chance(0.6);
	return $self->constant($column, $value);
}

sub parameter
{
	my ($self, $type, $argument) = @_;
	push @{ $self->{parameters} }, [ $type, $argument ];
	return '$' . scalar @{ $self->{parameters} };
}

# Stable expressions.
sub moment
{
	my ($self, $column) = @_;
	return pick('current_date', 'current_date - 100', "('now'::text)::date") if $column eq 'd';
	return pick('localtimestamp', "localtimestamp(0) - interval '1 month'") if $column eq 'ts';
	return pick('now()', "now() - interval '7 days'", "date_trunc('year', now())", "'2026-01-03 12:00'::text::timestamptz",
		"to_timestamp(1767323045.678901)", "'2026-01-01'::date::timestamptz");
}

sub list
{
	my ($self, $column) = @_;
	my @values = map { $self->constant($column, sample($self->{data}, $column)) } 1 .. 1 + int(rand(chance(0.2) ? 20 : 4));
	push @values, 'NULL' if chance(0.1);
	return @values;
}

# A pattern, as a literal.
sub pattern
{
	my ($self, $column) = @_;
	my $text = sample($self->{data}, $column);
	$text =~ s/([\\%_])/\\$1/g if chance(0.7);
	# a pattern must not end with the escape character
	$text =~ s/(?<!\\)((?:\\\\)*)\\$/$1/;
	my $half = substr($text, 0, int(length($text) / 2));
	$half =~ s/(?<!\\)((?:\\\\)*)\\$/$1/;
	return pick($text, "$half%", "$half%", "%$text%", '%a%', 'a_b', '_', '%', '', 'a%', '%\\%%', '\\a\\*b', 'a\\%b', '__');
}

#
# Conditions
#

my @conditions = (
	[ 9, \&compare ], [ 4, \&in_list ], [ 3, \&any_array ], [ 4, \&like ], [ 3, \&null_test ], [ 3, \&between ],
	[ 3, \&boolean ], [ 4, \&expression ], [ 2, \&negation ], [ 3, \&either ], [ 1, \&columns_of_row ], [ 2, \&containers ],
	[ 4, \&near_moment ], [ 6, \&logic ],
);

sub condition
{
	my ($self, $alias, $depth) = @_;
	my $sum = 0;
	$sum += $_->[0] foreach @conditions;
	my $at = rand($sum);
	foreach my $kind (@conditions)
	{
		$at -= $kind->[0];
		return $kind->[1]->($self, $alias, $depth // 0) if $at < 0;
	}
	return 'true';
}

sub compare
{
	my ($self, $alias) = @_;
	return "$alias.id = " . $self->value('id') if chance(0.1);
	my $column = pick(@scalars);
	my $op = pick(qw(= = = <> < <= > >=), 'IS DISTINCT FROM', 'IS NOT DISTINCT FROM');
	my $value = $self->value($column);
	return "$value $op $alias.$column" if chance(0.15);
	$op = '!=' if $op eq '<>' and chance(0.3);
	return "$alias.$column $op $value";
}

sub in_list
{
	my ($self, $alias) = @_;
	my $column = pick(@scalars);
	return "$alias.$column " . (chance(0.15) ? 'NOT ' : '') . 'IN (' . join(', ', $self->list($column)) . ')';
}

sub any_array
{
	my ($self, $alias) = @_;
	my $column = pick(@scalars);
	my $type = column_type($column);
	my $array = 'ARRAY[' . join(', ', $self->list($column)) . "]::${type}[]";
	$array = pick("'{}'::${type}[]", "'{NULL}'::${type}[]", "NULL::${type}[]") if chance(0.1);
	$array = $self->parameter("${type}[]", $array) if $self->{parameters} and chance(0.7);
	return "$alias.$column <> ALL ($array)" if chance(0.1);
	return "$alias.$column " . pick(qw(< > >=)) . " ANY ($array)" if chance(0.1);
	return "$alias.$column = ANY ($array)";
}

sub like
{
	my ($self, $alias) = @_;
	my $column = pick(@texts);
	my $pattern = quote($self->pattern($column));
	return "$alias.$column LIKE '%!%%' ESCAPE '!'" if chance(0.05);
	$pattern = $self->parameter('text', $pattern) if $self->{parameters} and chance(0.5);
	return "$alias.$column " . pick('LIKE', 'LIKE', 'LIKE', 'LIKE', 'NOT LIKE', 'ILIKE') . " $pattern";
}

sub null_test
{
	my ($self, $alias) = @_;
	return "$alias." . pick(@scalars, 'tags', 'j') . pick(' IS NULL', ' IS NOT NULL');
}

sub between
{
	my ($self, $alias) = @_;
	my $column = pick(@ordered);
	my ($low, $high) = ($self->value($column), $self->value($column));
	return "$alias.$column " . pick('BETWEEN', 'BETWEEN', 'NOT BETWEEN', 'BETWEEN SYMMETRIC') . " $low AND $high" if chance(0.6);
	return "$alias.$column " . pick(qw(> >=)) . " $low AND $alias.$column " . pick(qw(< <=)) . " $high";
}

# Bounds among moments that share a millisecond.
sub near_moment
{
	my ($self, $alias) = @_;
	my $column = pick('tz', 'ts');
	my $bound = quote(pick('2026-01-02T03:04:05', '1969-12-31T23:59:59') . pick('.1231', '.123456', '.123999', '.0005', '.999999') . 'Z') . "::timestamptz";
	$bound = "($bound AT TIME ZONE 'UTC')" if $column eq 'ts';
	return "$alias.$column " . pick(qw(> >= < <= =)) . " $bound";
}

sub boolean
{
	my ($self, $alias) = @_;
	return pick('', 'NOT ') . "$alias.b" . pick('', '', ' IS TRUE', ' IS FALSE', ' IS NOT TRUE', ' IS UNKNOWN', ' IS NOT FALSE');
}

# What no service is asked as it stands.
sub expression
{
	my ($self, $x) = @_;
	return pick(
		"lower($x.t) = 'alpha'", "length($x.t) > 3", "$x.i::bigint + 1 = 5", "$x.i % 3 = 1", "$x.id::text = '12'", "$x.i = 5.0",
		"$x.n = 2", "$x.n > 2::float8", "$x.f > 2", "$x.d < '2026-01-03 01:00'::timestamp", "$x.tz > '2026-01-02'::date",
		"$x.ts = '2026-01-02'::date", "$x.tz < '2026-02-01'::timestamp", "$x.ts::date = '2026-01-02'", "date_trunc('month', $x.tz) < now()",
		"$x.t COLLATE \"C\" = 'beta'", "$x.t > 'b'", "$x.t <= 'beta' COLLATE \"C\"", "coalesce($x.i, 3) = 3",
		"CASE WHEN $x.b THEN $x.i = 3 ELSE $x.s > 1 END", "$x.i >= floor(random())", "$x.s = (2 + 1)::smallint",
		"$x.i = (SELECT max(s) FROM c)", "$x.id = (SELECT min(id) + 2 FROM b WHERE b.k = 'red')", "$x.k = (SELECT k FROM c WHERE id = 4)",
		"$x.v::text = 'alpha'", "$x.t::varchar(3) = 'alp'", "$x.k || 'x' = 'redx'", "$x.d + 1 > '2026-01-03'", "$x.m > 'sad'", "$x.m::text = 'ok'",
		"$x.u::text LIKE '%1'", "abs($x.i::bigint) < 4", "$x.n = round($x.n, 1)", "true", "$x.ref IS NULL OR $x.ref < 10",
		"($x.i, $x.s) = (3, 1)", "($x.i, $x.s) > (3, 1)", "$x.k IN (SELECT k FROM b WHERE i < 3)");
}

sub columns_of_row
{
	my ($self, $x) = @_;
	return pick("$x.i = $x.s", "$x.id > $x.ref", "$x.t = $x.v", "$x.ts < $x.d", "$x.n <= $x.f", "$x.i = $x.i", "$x.k <> $x.city");
}

sub containers
{
	my ($self, $x) = @_;
	return pick("'alpha' = ANY ($x.tags)", "$x.tags \@> ARRAY['a,b']", "cardinality($x.tags) = 2", "$x.j->>'x' = 'alpha'", "$x.j \@> '{\"y\": 2}'",
		"($x.j->>'y')::int > 1", "$x.j = '[]'", "$x.tags = '{}'", "$x.j ? 'x'", "jsonb_typeof($x.j) = 'object'");
}

sub negation { my ($self, $x, $depth) = @_; return $depth > 2 ? 'true' : 'NOT (' . $self->condition($x, $depth + 1) . ')'; }

sub either
{
	my ($self, $x, $depth) = @_;
	return $self->compare($x) if $depth > 2;
	return '(' . $self->condition($x, $depth + 1) . ' OR ' . $self->condition($x, $depth + 1) . ')';
}

# What some services can be asked as a whole, nested.
sub logic
{
	my ($self, $x, $depth) = @_;
	my @parts;
	foreach my $at (1 .. 2 + int(rand(2)))
	{
		my $column = pick(@scalars);
		push @parts, chance(0.25) && $depth < 2 ? $self->logic($x, $depth + 1)
		  : chance(0.4) ? "$x.$column " . pick(qw(= = <> < >= >)) . ' ' . $self->value($column)
		  : chance(0.3) ? "$x.$column " . pick('IN', 'IN', 'NOT IN') . ' (' . join(', ', $self->list($column)) . ')'
		  : pick($self->null_test($x), $self->boolean($x), $self->any_array($x), $self->like($x));
	}
	return '(' . join(pick(' OR ', ' OR ', ' AND '), @parts) . ')' if chance(0.8);
	# one column only: a list, whatever the dialect
	my $column = pick(@scalars);
	return '(' . join(' OR ', map { "$x.$column = " . $self->value($column) } 1 .. 2 + int(rand(3))) . ')';
}

# Conditions joined by AND, at least so many.
sub conditions
{
	my ($self, $least, @aliases) = @_;
	my $n = $least + int(rand(3));
	return join(' AND ', map { $self->condition(pick(@aliases)) } 1 .. $n) || 'true';
}

#
# Statements
#

my @joins = (
	[ '=', [qw(ref id)] ], [ '=', [qw(id ref)] ], [ '=', [qw(id id)] ], [ '=', [qw(i i)] ], [ '=', [qw(k k)] ], [ '=', [qw(u u)] ], [ '=', [qw(s i)] ],
	[ '=', [qw(d d)] ], [ '=', [qw(t v)] ], [ '=', [qw(b b)] ], [ '=', [qw(m m)] ], [ '=', [qw(n n)] ], [ '=', [qw(tz tz)] ], [ '=', [qw(ref ref)] ],
	[ '=', [qw(f f)] ], [ '=', [qw(t t)] ], [ '=', [qw(i id)] ],
);

sub equality
{
	my ($self, $left, $right) = @_;
	my $columns = pick(@joins)->[1];
	return "$left.$columns->[0] = $right.$columns->[1]";
}

sub on_clause
{
	my ($self, $left, $right) = @_;
	my $on = $self->equality($left, $right);
	$on .= ' AND ' . $self->equality($left, $right) if chance(0.1);
	$on .= ' AND ' . $self->condition(pick($left, $right)) if chance(0.3);
	$on = "$left.i " . pick(qw(< > <>)) . " $right.s AND $on" if chance(0.1);
	return $on;
}

sub some_columns
{
	my ($self, @aliases) = @_;
	return pick(@aliases) . '.*' if @aliases == 1 and chance(0.3);
	return pick(@aliases) if chance(0.05);		# a whole row
	my @chosen = map { my $alias = $_; "$alias.id AS ${alias}_id", map { "$alias." . pick(@scalars, 'tags', 'j') . ' AS ' . $alias . $_ } 1 .. 1 + int(rand(3)) } @aliases;
	return join(', ', @chosen);
}

# FROM and WHERE over one to three tables: the text, then the aliases that can be selected from.
sub from_clause
{
	my ($self, $n) = @_;
	my @aliases = (qw(x y z))[ 0 .. $n - 1 ];
	my $from = pick(@tables) . ' x';
	foreach my $at (1 .. $n - 1)
	{
		my ($alias, $left) = ($aliases[$at], $aliases[ int(rand($at)) ]);
		my $kind = pick('JOIN', 'JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
		my $on = $kind eq 'FULL JOIN' ? $self->equality($left, $alias) : $self->on_clause($left, $alias);
		$from .= " $kind " . pick(@tables) . " $alias ON $on";
	}
	return ($from, @aliases);
}

sub simple
{
	my ($self) = @_;
	return 'SELECT ' . $self->some_columns('x') . ' FROM ' . pick(@tables) . ' x WHERE ' . $self->conditions(1, 'x');
}

sub join_query
{
	my ($self) = @_;
	my ($from, @aliases) = $self->from_clause(pick(2, 2, 3));
	return 'SELECT ' . $self->some_columns(@aliases) . " FROM $from WHERE " . $self->conditions(chance(0.6) ? 1 : 0, @aliases);
}

sub aggregate
{
	my ($self) = @_;
	my ($from, @aliases) = $self->from_clause(pick(1, 1, 2));
	my $x = pick(@aliases);
	my $where = $self->conditions(chance(0.7) ? 1 : 0, @aliases);
	my $values = join(', ', 'count(*)', map {
		pick("sum($x.n)", "max($x.f)", "min($x.tz)", "count(DISTINCT $x.k)", "avg($x.i)", "max($x.t)", "bool_or($x.b)",
			"string_agg($x.k, ',' ORDER BY $x.k)", "count($x.u)", "sum($x.id) FILTER (WHERE $x.b)")
	} 1 .. 2);
	return "SELECT $values FROM $from WHERE $where" if chance(0.4);
	my $by = "$x." . pick(qw(k i b d m s));
	return "SELECT $by, $values FROM $from WHERE $where GROUP BY $by" . (chance(0.2) ? ' HAVING count(*) > 1' : '');
}

sub distinct
{
	my ($self) = @_;
	my ($from, @aliases) = $self->from_clause(pick(1, 2));
	my $x = pick(@aliases);
	return "SELECT DISTINCT $x." . pick(@written) . ", $x." . pick(@written) . " FROM $from WHERE " . $self->conditions(0, @aliases);
}

# Ordered and cut; ends in the identities of all tables.
sub ordered
{
	my ($self) = @_;
	my ($from, @aliases) = $self->from_clause(pick(1, 1, 1, 2));
	my @keys = map {
		my $column = pick(@ordered, @texts);
		pick(@aliases) . ".$column" . ((grep { $_ eq $column } @texts) ? ' COLLATE "C"' : '') . pick('', '', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST')
	} 1 .. int(rand(3));
	my $id = "$aliases[0].id" . pick('', '', ' DESC');
	my $order = join(', ', @keys, $id, map { "$_.id" } @aliases[ 1 .. $#aliases ]);
	my $cut = pick('', ' LIMIT 1', ' LIMIT 5', ' LIMIT 10 OFFSET 7', ' OFFSET 20', ' LIMIT 0', ' LIMIT ALL OFFSET 3', ' FETCH FIRST 6 ROWS ONLY');
	$cut = ' LIMIT ' . $self->parameter('bigint', int(rand(12))) if $self->{parameters} and chance(0.3);
	$self->{is_ordered} = 1;
	return 'SELECT ' . join(', ', map { ("$_.id AS ${_}_id", "$_." . pick(@scalars)) } @aliases) . " FROM $from WHERE "
	  . $self->conditions(chance(0.5) ? 1 : 0, @aliases) . " ORDER BY $order$cut";
}

# What a trusted service may be asked as a whole: counts, and no more rows than are wanted.
sub counted
{
	my ($self) = @_;
	my $table = pick(@tables);
	my $askable = join(' AND ', map { pick($self->compare('x'), $self->in_list('x'), $self->null_test('x'), $self->logic('x', 1)) } 1 .. int(rand(3))) || 'true';
	my $cut = pick('LIMIT ' . int(rand(40)), 'LIMIT ' . (1 + int(rand(30))) . ' OFFSET ' . int(rand(30)), 'OFFSET ' . int(rand(50)));
	return pick(
		"SELECT count(*) FROM $table x WHERE $askable", "SELECT count(*), count(1) + 1 FROM $table x WHERE $askable",
		"SELECT x.id, (SELECT count(*) FROM " . pick(@tables) . " y WHERE y.ref = x.i AND " . $self->condition('y') . ") FROM $table x WHERE $askable",
		"SELECT count(*) FROM (SELECT x." . pick(@scalars) . " FROM $table x WHERE $askable $cut) s",
		"SELECT count(*) FROM (SELECT x.* FROM $table x $cut) s WHERE s.id IS NOT NULL",
		"SELECT count(*) FROM $table x WHERE $askable HAVING count(*) > 3", "SELECT count(*) FROM $table x WHERE false");
}

sub top_of_group
{
	my ($self) = @_;
	my $table = pick(@tables);
	my $inner = pick(@tables);
	return pick(
		"SELECT x.id, l.* FROM $table x CROSS JOIN LATERAL (SELECT y.id AS y, y.t FROM $inner y WHERE "
		  . $self->equality('x', 'y') . ' AND ' . $self->conditions(0, 'y') . " ORDER BY y.id DESC LIMIT 2) l WHERE " . $self->conditions(1, 'x'),
		"SELECT x.id, l.n FROM $table x LEFT JOIN LATERAL (SELECT count(*) AS n, max(y.tz) FROM $inner y WHERE "
		  . $self->equality('y', 'x') . " AND y.i > x.s) l ON true WHERE " . $self->conditions(0, 'x'),
		"SELECT DISTINCT ON (x.k) x.k, x.id FROM $table x WHERE " . $self->conditions(0, 'x') . ' ORDER BY x.k, x.id',
		"SELECT x.id, row_number() OVER (PARTITION BY x.k ORDER BY x.id), lag(x.t) OVER (ORDER BY x.id) FROM $table x WHERE " . $self->conditions(1, 'x'));
}

sub subquery
{
	my ($self) = @_;
	my ($outer, $inner) = (pick(@tables), pick(@tables));
	my $select = 'SELECT ' . $self->some_columns('x') . " FROM $outer x WHERE ";
	my $where = chance(0.5) ? ' AND ' . $self->condition('x') : '';
	my $columns = pick(@joins)->[1];
	return $select . pick('', 'NOT ') . "EXISTS (SELECT 1 FROM $inner y WHERE " . $self->on_clause('x', 'y') . ")$where" if chance(0.35);
	return $select . "x.$columns->[0] " . pick('IN', 'IN', 'NOT IN') . " (SELECT y.$columns->[1] FROM $inner y WHERE " . $self->conditions(1, 'y') . ")$where"
	  if chance(0.45);
	return "SELECT x.id, (SELECT " . pick('count(*)', 'max(y.i)', "string_agg(y.k, ',' ORDER BY y.id)", 'min(y.tz)') . " FROM $inner y WHERE "
	  . $self->equality('x', 'y') . ") FROM $outer x WHERE " . $self->conditions(1, 'x')
	  if chance(0.5);
	return $select . "x.i " . pick('=', '<', '>=', '<>') . " (SELECT " . pick('max', 'min') . "(y." . pick('i', 's') . ") FROM $inner y WHERE "
	  . $self->conditions(0, 'y') . ")$where";
}

sub set_operation
{
	my ($self) = @_;
	my @columns = map { pick(@written) } 1 .. 2;
	my $part = sub { my $x = shift; return "SELECT x.$columns[0], x.$columns[1] FROM " . pick(@tables) . ' x WHERE ' . $self->conditions(1, 'x'); };
	my $sql = $part->();
	$sql .= ' ' . pick('UNION ALL', 'UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT', 'EXCEPT ALL') . ' ' . $part->() foreach 1 .. 1 + int(rand(2));
	return $sql;
}

sub with_query
{
	my ($self) = @_;
	my $how = pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
	my $table = pick(@tables);
	return "WITH RECURSIVE r(id, depth) AS (SELECT x.id, 1 FROM $table x WHERE x.id IN (2, 4, 6) UNION SELECT y.ref, r.depth + 1 FROM r JOIN "
	  . pick(@tables) . " y ON y.id = r.id WHERE r.depth < 4) SELECT * FROM r"
	  if chance(0.2);
	my $inner = $self->conditions(1, 'x');
	return "WITH w AS $how(SELECT x.* FROM $table x WHERE $inner) SELECT "
	  . pick("w.id, y.id, y.k FROM w JOIN " . pick(@tables) . " y ON " . $self->on_clause('w', 'y'),
		'v.id, w.id FROM w JOIN w v ON ' . $self->equality('v', 'w'),
		'count(*), sum(n) FROM w WHERE ' . $self->condition('w'));
}

# Statements that fail whatever the plan: on every row, or without looking at one.
sub failure
{
	my ($self) = @_;
	my $table = pick(@tables);
	return pick(
		"SELECT 1 / (x.id - x.id) FROM $table x", "SELECT x.id::text::uuid FROM $table x WHERE x.id > 5", "SELECT x.id FROM $table x WHERE x.i = 'many'",
		"SELECT (SELECT y.id FROM b y WHERE y.id > 2) FROM $table x", "SELECT x.none FROM $table x", "SELECT sum(x.t) FROM $table x",
		"SELECT max(x.id) / (count(*) - count(*)) FROM $table x WHERE " . $self->condition('x'),
		"SELECT x.id FROM $table x LIMIT -1", "SELECT x.id::int2 * 32767 * 2::int2 * x.id::int2 FROM $table x");
}

sub cursor
{
	my ($self) = @_;
	my $query = $self->ordered;
	return ('BEGIN', "DECLARE c SCROLL CURSOR FOR $query", 'FETCH 3 FROM c', 'FETCH 4 FROM c', 'FETCH BACKWARD 2 FROM c', 'FETCH ABSOLUTE 1 FROM c',
		'FETCH LAST FROM c', 'CLOSE c', 'COMMIT');
}

sub prepared
{
	my ($self) = @_;
	$self->{parameters} = [];
	my $query = pick(\&counted, \&simple, \&simple, \&simple, \&join_query, \&aggregate, \&ordered, \&subquery)->($self);
	my @parameters = @{ $self->{parameters} };
	$self->{parameters} = undef;
	return $query unless @parameters;
	my $types = join(', ', map { $_->[0] } @parameters);
	my $first = join(', ', map { $_->[1] } @parameters);
	my $second = join(', ', map { chance(0.3) ? 'NULL' : $_->[1] } @parameters);
	return ("PREPARE p($types) AS $query", "EXECUTE p($first)", "EXECUTE p($second)", "EXECUTE p($first)", 'DEALLOCATE p');
}

sub locked
{
	my ($self) = @_;
	my $id = pick(@tables);
	return "SELECT x.id, x.t FROM $id x WHERE " . $self->conditions(1, 'x') . ' FOR UPDATE' if chance(0.3);
	return "SELECT count(*) FROM (SELECT x.*, y.id AS other FROM $id x, c y WHERE " . $self->on_clause('x', 'y') . ' OFFSET 0) s' if chance(0.3);
	return ('BEGIN', "CREATE TEMP TABLE w ON COMMIT DROP AS SELECT x.id, x.k, x.ref FROM $id x WHERE " . $self->condition('x'),
		'UPDATE w SET k = y.t FROM b y WHERE y.id = w.ref', 'SELECT * FROM w', 'DELETE FROM w USING c y WHERE y.ref = w.id', 'SELECT * FROM w', 'COMMIT');
}

my @statements = (
	[ 22, \&simple ], [ 10, \&counted ], [ 18, \&join_query ], [ 9, \&aggregate ], [ 4, \&distinct ], [ 14, \&ordered ], [ 6, \&top_of_group ], [ 11, \&subquery ],
	[ 6, \&set_operation ], [ 6, \&with_query ], [ 3, \&failure ], [ 3, \&cursor ], [ 18, \&prepared ], [ 3, \&locked ],
);

sub next
{
	my ($self) = @_;
	my $sum = 0;
	@$self{qw(is_ordered is_sendable parameters)} = (0, 1, undef);
	$sum += $_->[0] foreach @statements;
	my $at = rand($sum);
	my $kind;
	foreach my $candidate (@statements)
	{
		$kind = $candidate->[1];
		$at -= $candidate->[0];
		last if $at < 0;
	}
	my @statements_of = $kind->($self);
	my $settings = 'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan') . '; ';
	$settings .= "SET $_ = " . (chance(0.3) ? 'off' : 'on') . '; ' foreach @planner;
	$settings .= "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = on; " if chance(0.3);
	$settings .= 'SET work_mem = ' . pick("'64kB'", "'4MB'") . '; ';
	$self->{number}++;
	return {
		number => $self->{number}, statements => \@statements_of, settings => $settings, is_ordered => $self->{is_ordered},
		is_sendable => $self->{is_sendable},
	};
}

1;
