
=head1 NAME

DistQuery::Joins::Tree - SQL as a tree whose parts can be left out

    my $tree = all_of('SELECT ', some(', ', 'NULL', '', @columns), ' FROM t', some(' AND ', '', ' WHERE ', @conditions));
    render($tree);
    my @smaller = edits($tree);      # trees with one part less

A node is a text or an array: [all => nodes], [some => separator, text if empty, prefix, nodes], or
[one_of => node, simpler nodes].  A tree with a part less may be no valid SQL any more; whoever tries it finds out.

=cut

package DistQuery::Joins::Tree;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(all_of some maybe one_of render edits);

# Everything, one after the other.
sub all_of { return [ all => @_ ]; }

# Items of which each can be left out.
sub some { my ($separator, $empty, $prefix, @items) = @_; return [ some => $separator, $empty, $prefix, @items ]; }

# Something that can be left out.
sub maybe { return [ some => '', '', '', @_ ]; }

# Something, and what can stand in its place.
sub one_of { return [ one_of => @_ ]; }

sub render
{
	my ($node) = @_;
	return $node unless ref $node;
	my ($kind, @rest) = @$node;
	return join('', map { render($_) } @rest) if $kind eq 'all';
	return render($rest[0]) if $kind eq 'one_of';
	my ($separator, $empty, $prefix, @items) = @rest;
	return @items ? $prefix . join($separator, map { render($_) } @items) : $empty;
}

# All trees with one part less, large parts first.
sub edits
{
	my ($node) = @_;
	return () unless ref $node;
	my ($kind, @rest) = @$node;
	my $first = $kind eq 'some' ? 4 : 1;
	my @here;
	my @below;

	push @here, @rest[ 1 .. $#rest ] if $kind eq 'one_of';
	foreach my $at ($first .. $#$node)
	{
		push @here, [ @$node[ 0 .. $at - 1 ], @$node[ $at + 1 .. $#$node ] ] if $kind eq 'some';
		last if $kind eq 'one_of' and $at > 1;
		foreach my $smaller (edits($node->[$at]))
		{
			my @copy = @$node;
			$copy[$at] = $smaller;
			push @below, \@copy;
		}
	}
	return (@here, @below);
}

1;
