
=head1 NAME

DistQuery::Joins::Sql - random queries that join the tables of a world

    my $query = DistQuery::Joins::Sql->new($world)->query;

A query is a hash: tree (DistQuery::Joins::Tree), parameters ([type, value, other value], ...; a prepared statement
if there are any), is_ordered, order (a tree, last in the statement), is_cursor.

Every query has one answer only: what is ordered is ordered totally, floats are not summed, and no expression can fail.

=cut

package DistQuery::Joins::Sql;

use strict;
use warnings;
use utf8;
use DistQuery::Joins::Tree;
use DistQuery::Joins::World qw(pick chance quote is_text is_written);

sub new
{
	my ($class, $world) = @_;
	return bless { world => $world, aliases => 0, parameters => undef, with => [] }, $class;
}

#
# Values and conditions on one relation
#

# A value of a column's kind as a constant or a parameter; sometimes one that no row has.
sub value
{
	my ($self, $column) = @_;
	my $type = $column->{type};
	return 'NULL::' . $type if chance(0.02);
	my $value = $column->{is_id} ? 1 + int(rand(40)) : $column->{is_parent} ? 1 + int(rand(7)) : $self->{world}->value($column);
	if ($self->{parameters} and chance(0.6))
	{
		push @{ $self->{parameters} }, [ $type, quote($value), chance(0.3) ? 'NULL' : quote($self->{world}->value($column)) ];
		return '$' . @{ $self->{parameters} };
	}
	return quote($value) . "::$type" if chance(0.6) or $column->{family} !~ /whole|truth/;
	return "($value)";
}

# A condition of which the planner does not see that a row of NULLs fails it: an outer join stays one.
sub loose_condition
{
	my ($self, $x, $y) = @_;
	my $column = pick(grep { $_->{family} !~ /pad|list|document/ } @{ $x->{columns} });
	my $name = "$x->{alias}.$column->{name}";
	my $value = $self->value($column);
	return all_of('(', some(' OR ', 'true', '', $self->condition($x, 1), $self->condition($y, 1)), ')') if chance(0.3);
	return pick("$name IS NULL", "$name IS DISTINCT FROM $value", "$name IS NOT DISTINCT FROM $value", "coalesce($name <> $value, false)",
		"coalesce($name >= $value, true)", "CASE WHEN $name IS NULL THEN false ELSE $name <> $value END");
}

# A condition on a relation's columns.
sub condition
{
	my ($self, $x, $depth) = @_;
	my $column = pick(grep { $_->{family} !~ /pad/ } @{ $x->{columns} });
	my $name = "$x->{alias}.$column->{name}";

	my ($parent) = grep { $_->{is_parent} } @{ $x->{columns} };
	return "$x->{alias}.p_id = " . $self->value($parent) if $parent and chance(0.04);
	return all_of('(', some(' OR ', 'true', '', map { $self->condition($x, 1) } 1 .. 2), ')') if !$depth and chance(0.12);
	return all_of('NOT (', $self->condition($x, 1), ')') if !$depth and chance(0.06);
	return "$name IS " . pick('NULL', 'NOT NULL', 'NOT NULL') if chance(0.12);
	return pick('', 'NOT ') . $name if $column->{family} eq 'truth';
	return "$name IS NOT NULL" if $column->{family} =~ /list|document/;
	return "$name " . pick("LIKE '%a%'", "LIKE 'a%'", "LIKE '\\%'", "NOT LIKE '%b%'") if is_text($column) and chance(0.25);
	return "$name " . pick('IN', 'IN', 'NOT IN') . ' (' . join(', ', map { $self->value($column) } 1 .. 1 + int(rand(5))) . ')' if chance(0.2);
	return "$name BETWEEN " . $self->value($column) . ' AND ' . $self->value($column) if chance(0.1);
	return "$name " . pick(qw(= <> <> < <= >= >= >), 'IS DISTINCT FROM') . ' ' . $self->value($column);
}

#
# Conditions between relations
#

# Columns of both that can be compared.
sub partners
{
	my ($left, $right) = @_;
	my @pairs;
	foreach my $one (@{ $left->{columns} })
	{
		next if $one->{family} =~ /pad|list|document/;
		push @pairs, map { [ $one, $_ ] } grep { $_->{family} eq $one->{family} } @{ $right->{columns} };
	}
	# whole numbers and what they can be compared with first, a truth value seldom: it joins half with half
	my @good = grep { $_->[0]{family} ne 'truth' } @pairs;
	my @whole = grep { $_->[0]{family} eq 'whole' } @good;
	@good = @whole if @whole and chance(0.5);
	@good = grep { $_->[0]{name} eq 'id' || $_->[1]{name} eq 'id' || $_->[1]{is_parent} } @whole if @whole and chance(0.4);
	return @good ? @good : @pairs;
}

# An expression with the values of a column, or values of another type of its family.
sub expression
{
	my ($self, $name, $column) = @_;
	my ($type, $family) = @$column{qw(type family)};
	return pick("$name\::numeric", "$name\::bigint", "coalesce($name, 3)", "nullif($name, 3)", "abs($name\::numeric)", "($name % 5)", "CASE WHEN $name > 2 THEN $name END", "greatest($name, 2)")
	  if $family eq 'whole';
	return pick("$name\::text", "lower($name)", "($name || '')", "coalesce($name, 'a,b')", "nullif($name, '')", "$name\::varchar", "trim($name)") if $family eq 'text';
	return pick("$name\::date", "$name\::timestamptz", "$name\::timestamp", "coalesce($name, '2026-01-02')") if $family eq 'moment';
	return "$name\::numeric" if $type eq 'numeric(12,2)';
	return "coalesce($name, $name)";
}

sub equality
{
	my ($self, $left, $right) = @_;
	my @pairs = partners($left, $right);
	return 'true' unless @pairs;
	my ($one, $other) = @{ pick(@pairs) };
	my ($a, $b) = ("$left->{alias}.$one->{name}", "$right->{alias}.$other->{name}");

	return "$a IS NOT DISTINCT FROM $b" if chance(0.05);
	if (chance(0.1) and @pairs > 1)
	{
		my ($two, $second) = @{ pick(@pairs) };
		return "($a, $left->{alias}.$two->{name}) = ($b, $right->{alias}.$second->{name})";
	}
	return "$b = $a" if chance(0.2);
	return $self->expression($a, $one) . " = $b" if chance(0.18);
	return $self->expression($b, $other) . " = $a" if chance(0.05);
	return "$a = $b";
}

# What a join is on: an equality at least.
sub on
{
	my ($self, $left, $right) = @_;
	my ($one, $other) = (pick(@$left), pick(@$right));
	my @conditions = $self->equality($one, $other);
	push @conditions, $self->equality(pick(@$left), $other) if chance(0.1);
	push @conditions, $self->condition(pick(@$left, @$right)) if chance(0.3);
	push @conditions, $self->between(pick(@$left), $other) if chance(0.12);
	return some(' AND ', 'true', '', @conditions);
}

# A condition between two relations that is no equality.
sub between
{
	my ($self, $left, $right) = @_;
	my @pairs = grep { $_->[0]{type} eq $_->[1]{type} } partners($left, $right);
	return 'true' unless @pairs;
	my ($one, $other) = @{ pick(@pairs) };
	return "$left->{alias}.$one->{name} " . pick('<', '<>', '>=', 'IS DISTINCT FROM') . " $right->{alias}.$other->{name}";
}

#
# Relations
#

# An alias and the columns below it.  order: by what its rows are told apart.
sub relation
{
	my ($self, $tree, $columns, $order) = @_;
	my $alias = 'x' . ++$self->{aliases};
	return { alias => $alias, columns => $columns, order => $order // ['id'], tree => $tree };
}

sub table
{
	my ($self) = @_;
	my $table = pick($self->{world}->tables);
	my @columns = map { { %$_, is_id => $_->{name} eq 'id' } } @{ $table->{columns} };
	my $relation = $self->relation(undef, \@columns);
	$relation->{tree} = "$table->{name} $relation->{alias}";
	$relation->{table} = $table->{name};
	return $relation;
}

sub subquery
{
	my ($self) = @_;
	my $inner = $self->table;
	my @columns = grep { $_->{name} =~ /^(id|p_id|c\d+)$/ && is_written($_) && $_->{family} !~ /list|document/ } @{ $inner->{columns} };
	@columns = @columns[ 0 .. 4 ] if @columns > 5;
	my @names = map { $_->{name} } @columns;
	my $fence = pick('', '', ' OFFSET 0', " ORDER BY $inner->{alias}.id LIMIT 15");
	my $select = chance(0.25) ? 'SELECT DISTINCT ' : 'SELECT ';
	my $tree = all_of($select . join(', ', map { "$inner->{alias}.$_" } @names) . ' FROM ', $inner->{tree}, some(' AND ', '', ' WHERE ', $self->condition($inner)));
	if (chance(0.2))
	{
		my $other = $self->table;
		my %has = map { $_->{name} => $_->{type} } @{ $other->{columns} };
		my @shared = grep { ($has{ $_->{name} } // '') eq $_->{type} } @columns;
		$tree = one_of(all_of('SELECT ' . join(', ', map { "$inner->{alias}.$_->{name}" } @shared) . ' FROM ', $inner->{tree}, ' UNION ALL SELECT '
			  . join(', ', map { "$other->{alias}.$_->{name}" } @shared) . ' FROM ', $other->{tree}));
		@columns = @shared ? @shared : return $self->table;
		$fence = '';
	}
	elsif ($select !~ /DISTINCT/)
	{
		$tree = all_of($tree, maybe($fence)) if $fence;
	}
	my $relation = $self->relation(undef, \@columns, [ map { $_->{name} } @columns ]);
	if (chance(0.25))
	{
		my $name = 'w' . (@{ $self->{with} } + 1);
		push @{ $self->{with} }, all_of("$name AS " . pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ') . '(', $tree, ')');
		$relation->{tree} = "$name $relation->{alias}";
	}
	else
	{
		$relation->{tree} = all_of('(', $tree, ") $relation->{alias}");
	}
	return $relation;
}

sub values_list
{
	my ($self) = @_;
	my @columns = ({ name => 'id', type => 'int', family => 'whole' }, { name => 'v', type => 'text', family => 'text' });
	my $relation = $self->relation(undef, \@columns, [qw(id v)]);
	my $rows = join(', ', map { '(' . pick('NULL', 1 .. 20, 5, 5) . '::int, ' . pick('NULL', quote($self->{world}->value($columns[1]))) . '::text)' } 1 .. 1 + int(rand(8)));
	$relation->{tree} = "(VALUES $rows) $relation->{alias} (id, v)";
	return $relation;
}

sub any_relation
{
	my ($self) = @_;
	return chance(0.84) ? $self->table : chance(0.6) ? $self->subquery : $self->values_list;
}

# A tree of joins over so many relations: its text and the relations that can be named above it.
sub join_tree
{
	my ($self, $n) = @_;
	if ($n <= 1)
	{
		my $relation = $self->any_relation;
		return ($relation->{tree}, $relation);
	}
	my $right_count = $n > 2 && chance(0.25) ? 2 : 1;
	my ($left, @left) = $self->join_tree($n - $right_count);
	my ($right, @right) = $self->join_tree($right_count);
	my $kind = pick('JOIN', 'JOIN', 'JOIN', 'LEFT JOIN', 'LEFT JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN');
	my $on = $kind eq 'FULL JOIN' ? $self->equality(pick(@left), pick(@right)) : $self->on(\@left, \@right);
	$on = 'true' if $kind eq 'FULL JOIN' and $on =~ /DISTINCT|\) = \(/;
	$right = all_of('(', $right, ')') if $right_count > 1;
	return (one_of(all_of($left, " $kind ", $right, ' ON ', $on), $left, $right), @left, @right);
}

# FROM and conditions: a join tree, or relations with commas and their conditions in WHERE.
sub from
{
	my ($self, $n) = @_;
	my @where;
	my ($tree, @relations);

	if (chance(0.2) and $n > 1)
	{
		my @trees;
		foreach my $at (1 .. $n)
		{
			my $relation = $self->any_relation;
			push @where, $self->equality(pick(@relations), $relation) if @relations;
			push @relations, $relation;
			push @trees, $relation->{tree};
		}
		push @where, $self->equality($relations[0], $relations[-1]) if $n > 2 and chance(0.3);
		$tree = some(', ', '', '', @trees);
	}
	else
	{
		($tree, @relations) = $self->join_tree($n);
	}
	if (chance(0.1))
	{
		my $lateral = $self->lateral(@relations);
		$tree = one_of(all_of($tree, pick(' CROSS JOIN LATERAL ', ' LEFT JOIN LATERAL ', ' JOIN LATERAL '), $lateral->{tree}), $tree);
		$tree->[1] = all_of($tree->[1], ' ON true') unless $tree->[1][2] =~ /CROSS/;
		push @relations, $lateral;
	}
	push @where, $self->condition(pick(@relations)) foreach 1 .. pick(0, 0, 0, 1, 1, 2);
	push @where, $self->loose_condition(pick(@relations), pick(@relations)) if chance(0.25);
	push @where, $self->membership(pick(@relations)) if chance(0.22);
	push @where, $self->between(pick(@relations), pick(@relations)) if chance(0.08);
	return ($tree, \@where, @relations);
}

sub lateral
{
	my ($self, @outer) = @_;
	my $inner = $self->table;
	my $other = chance(0.4) ? $self->table : undef;
	my $from = $other ? all_of($inner->{tree}, pick(' JOIN ', ' LEFT JOIN '), $other->{tree}, ' ON ', $self->on([$inner], [$other])) : $inner->{tree};
	my $where = some(' AND ', '', ' WHERE ', $self->equality(pick(@outer), $inner), chance(0.5) ? $self->condition($inner) : ());
	my $relation = $self->relation(undef, [ { name => 'id', type => 'bigint', family => 'whole' }, { name => 'n', type => 'bigint', family => 'whole' } ], [qw(id n)]);
	my $body = chance(0.5)
	  ? all_of("SELECT $inner->{alias}.id::bigint AS id, " . ($other // $inner)->{alias} . '.id::bigint AS n FROM ', $from, $where, " ORDER BY 1, 2 LIMIT 2")
	  : all_of("SELECT max($inner->{alias}.id)::bigint AS id, count(*) AS n FROM ", $from, $where);
	$relation->{tree} = all_of('(', $body, ") $relation->{alias}");
	return $relation;
}

# EXISTS, IN and their negations, about one table or a join.
sub membership
{
	my ($self, $outer) = @_;
	my $inner = $self->any_relation;
	my $other = chance(0.25) ? $self->table : undef;
	my $from = $other ? one_of(all_of($inner->{tree}, pick(' JOIN ', ' LEFT JOIN '), $other->{tree}, ' ON ', $self->on([$inner], [$other])), $inner->{tree}) : $inner->{tree};
	my @conditions = chance(0.5) ? $self->condition($inner) : ();
	my $not = pick('', 'NOT ');

	if (chance(0.55))
	{
		unshift @conditions, $self->equality($outer, $inner);
		push @conditions, $self->between($outer, $inner) if chance(0.15);
		return all_of("${not}EXISTS (SELECT 1 FROM ", $from, some(' AND ', '', ' WHERE ', @conditions), ')');
	}
	my @pairs = partners($outer, $inner);
	return 'true' unless @pairs;
	my ($one, $two) = @{ pick(@pairs) };
	push @conditions, $self->equality($outer, $inner) if chance(0.1);
	return all_of("$outer->{alias}.$one->{name} ${not}IN (SELECT $inner->{alias}.$two->{name} FROM ", $from, some(' AND ', '', ' WHERE ', @conditions), ')');
}

#
# Statements
#

sub columns_of
{
	my ($self, @relations) = @_;
	my @columns;
	foreach my $relation (@relations)
	{
		push @columns, "$relation->{alias}.id" if grep { $_->{name} eq 'id' } @{ $relation->{columns} };
		push @columns, map { "$relation->{alias}." . pick(@{ $relation->{columns} })->{name} } 1 .. pick(0, 1, 2);
	}
	push @columns, pick(@relations)->{alias} if chance(0.04);
	push @columns, $self->scalar_subquery(pick(@relations)) if chance(0.12);
	return @columns ? @columns : ('1');
}

# One value for each row, by a join that is run again for each.
sub scalar_subquery
{
	my ($self, $outer) = @_;
	my ($one, $two) = ($self->table, $self->table);
	my $figure = pick('count(*)', "max($one->{alias}.id)", "string_agg($one->{alias}.id::text, ',' ORDER BY $one->{alias}.id, $two->{alias}.id)", "sum($two->{alias}.id)");
	return all_of("(SELECT $figure FROM ",
		all_of($one->{tree}, pick(' JOIN ', ' LEFT JOIN '), $two->{tree}, ' ON ', $self->on([$one], [$two])),
		some(' AND ', '', ' WHERE ', $self->equality($outer, $one), chance(0.3) ? $self->condition($two) : ()), ')');
}

sub ordinary
{
	my ($self, $n) = @_;
	my ($from, $where, @relations) = $self->from($n);
	return (all_of('SELECT ', some(', ', '1', '', $self->columns_of(@relations)), ' FROM ', $from, some(' AND ', '', ' WHERE ', @$where)), @relations);
}

sub ordered
{
	my ($self, $n) = @_;
	my ($tree, @relations) = $self->ordinary($n);
	my @keys = map { my $x = pick(@relations); my $c = pick(@{ $x->{columns} }); "$x->{alias}.$c->{name}" . (is_text($c) ? ' COLLATE "C"' : '') . pick('', ' DESC', ' NULLS FIRST') } 1 .. int(rand(3));
	@keys = grep { !/pad/ } @keys;
	push @keys, map { my $x = $_; map { "$x->{alias}.$_" } @{ $x->{order} } } @relations;
	my $cut = pick('', '', ' LIMIT 1', ' LIMIT 3', ' LIMIT 10', ' LIMIT 5 OFFSET 3', ' OFFSET 4', ' FETCH FIRST 2 ROWS ONLY');
	@$self{qw(is_ordered order)} = (1, ' ORDER BY ' . join(', ', @keys) . $cut);
	return $tree;
}

sub aggregate
{
	my ($self, $n) = @_;
	my ($from, $where, @relations) = $self->from($n);
	my $figures = sub {
		my $x = pick(@relations);
		my @whole = grep { $_->{family} eq 'whole' } @{ $x->{columns} };
		my $c = pick(@whole ? @whole : return 'count(*)');
		my $name = "$x->{alias}.$c->{name}";
		return pick('count(*)', "count($name)", "sum($name)", "max($name)", "count(DISTINCT $name)", "min($name) FILTER (WHERE $name > 2)");
	};
	my @figures = map { $figures->() } 1 .. 1 + int(rand(3));
	my @by = map { my $x = $_; map { "$x->{alias}.$_->{name}" } grep { is_written($_) && $_->{family} !~ /list|document/ } @{ $x->{columns} } } @relations;
	if (chance(0.35) or !@by)
	{
		return all_of('SELECT ', some(', ', '1', '', @figures), ' FROM ', $from, some(' AND ', '', ' WHERE ', @$where));
	}
	my $by = pick(@by);
	return all_of("SELECT $by, ", some(', ', '1', '', @figures), ' FROM ', $from, some(' AND ', '', ' WHERE ', @$where), " GROUP BY $by", maybe(chance(0.2) ? ' HAVING count(*) > 1' : ()));
}

sub distinct
{
	my ($self, $n) = @_;
	my ($from, $where, @relations) = $self->from($n);
	my @names = map { my $x = $_; map { "$x->{alias}.$_->{name}" } grep { is_written($_) && $_->{family} ne 'document' } @{ $x->{columns} } } @relations;
	return all_of('SELECT DISTINCT ', some(', ', '1', '', map { pick(@names) } 1 .. 2), ' FROM ', $from, some(' AND ', '', ' WHERE ', @$where));
}

sub window
{
	my ($self, $n) = @_;
	my ($from, $where, @relations) = $self->from($n);
	my $order = join(', ', map { my $x = $_; map { "$x->{alias}.$_" } @{ $x->{order} } } @relations);
	my $x = pick(@relations);
	my $by = "$x->{alias}." . pick(@{ $x->{columns} })->{name};
	return all_of('SELECT ', some(', ', '1', '', $self->columns_of(@relations), "row_number() OVER (ORDER BY $order)",
			"count(*) OVER (PARTITION BY $by)"), ' FROM ', $from, some(' AND ', '', ' WHERE ', @$where));
}

# Results of two joins together; both give an identity and a number.
sub together
{
	my ($self, $n) = @_;
	my $part = sub {
		my ($from, $where, @relations) = $self->from(1 + int(rand($n)));
		my ($x, $y) = (pick(@relations), pick(@relations));
		my ($a, $b) = map { my @whole = grep { $_->{family} eq 'whole' } @{ $_->{columns} }; @whole ? "$_->{alias}." . pick(@whole)->{name} : 'NULL' } $x, $y;
		return all_of("SELECT $a\::bigint, $b\::bigint FROM ", $from, some(' AND ', '', ' WHERE ', @$where));
	};
	my $first = $part->();
	return one_of(all_of($first, ' ' . pick('UNION ALL', 'UNION', 'EXCEPT', 'INTERSECT', 'EXCEPT ALL') . ' ', $part->()), $first);
}

sub query
{
	my ($self) = @_;
	my $way = rand();
	@$self{qw(aliases parameters with is_ordered order)} = (0, chance(0.22) ? [] : undef, [], 0, '');
	my $n = pick(2, 2, 2, 2, 3, 3, 3, 4, 5);
	my $tree;
	if ($way < 0.40) { ($tree) = $self->ordinary($n); }
	elsif ($way < 0.60) { $tree = $self->ordered($n); }
	elsif ($way < 0.77) { $tree = $self->aggregate($n); }
	elsif ($way < 0.84) { $tree = $self->distinct($n); }
	elsif ($way < 0.90) { $tree = $self->window($n); }
	else { $tree = $self->together($n > 3 ? 3 : $n); }
	$tree = all_of(some(', ', '', 'WITH ', @{ $self->{with} }), ' ', $tree) if @{ $self->{with} };
	return {
		tree => $tree, parameters => $self->{parameters}, is_ordered => $self->{is_ordered}, order => $self->{order},
		is_cursor => !$self->{parameters} && $self->{is_ordered} && chance(0.25), cursor_seed => int(rand(1000)),
	};
}

1;
