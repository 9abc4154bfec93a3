
=head1 NAME

DistQuery::Joins - random joins over random schemas, on foreign tables and on local tables of the same rows

    my $test = DistQuery::Joins->new($node, $service, seed => 7, combinations => 4);
    my @differences = $test->run_world($number, 1 .. 50);

A world (DistQuery::Joins::World) is a schema of local tables and three assemblies that declare the same tables as foreign
ones in different ways.  Each query (DistQuery::Joins::Sql) is run on the local tables, then in the assemblies
under combinations of settings.  The rows have to be the same, and their order where the query orders
them.  A query that differs is made smaller for as long as it differs.

What is random depends on the seed and the numbers of world and query alone, so any query can be run by itself.

=cut

package DistQuery::Joins;

use strict;
use warnings;
use DistQuery::CacheServer;
use DistQuery::Differential ();
use DistQuery::Joins::Sql;
use DistQuery::Joins::Tree;
use DistQuery::Joins::World qw(pick chance);
use DistQuery::Test ();
use Encode qw(encode);
use List::Util qw(first);

my $record = "\x1e";
my $most_lines = 2500;
my $most_shrunk = 20;

# A table that has to be restricted was not; a value that has to be sent cannot be.
my $refusal = qr/^ERROR:  HV00[24]$/m;

# Many questions one after the other took too long: counted, and no difference.
my $slow = qr/^ERROR:  57014$/m;

my @planner = qw(enable_hashjoin enable_mergejoin enable_nestloop enable_material enable_memoize enable_sort enable_hashagg);

my $local_settings = "RESET ALL; SET statement_timeout = '3s'; SET client_min_messages = error; ";

sub new
{
	my ($class, $node, $service, %options) = @_;
	my $self = bless { node => $node, service => $service, runs => 0, queries => 0, %options }, $class;
	$self->{strategies} = [ 'live', grep { /^(store|cache)$/ } split(/,/,
		$node->safe_psql('postgres', "LOAD 'distquery'; SELECT array_to_string(enumvals, ',') FROM pg_settings WHERE name = 'distquery.strategy'")) ];
	die 'strategy store is not known' unless @{ $self->{strategies} } > 1;
	DistQuery::Test::create_server($node, 'joins', $service->url, timeout => '60s', max_in_flight => 4, cache_store => 'shared', cache_url => 'redis://127.0.0.1',
		cache_prefix => 'none');
	$self->{caches} = [ undef, map { DistQuery::CacheServer->new($_) } qw(redis memcached) ];
	my $output = $self->psql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');\nALTER DATABASE postgres SET timezone = 'America/St_Johns';\n"
		  . "ALTER DATABASE postgres SET jit = off;\nALTER DATABASE postgres SET statement_timeout = '20s';\n"
		  . "ALTER DATABASE postgres SET distquery.cache_timeout = '10s';\n");
	die "could not set up: $output" if $output =~ /ERROR/;
	return $self;
}

sub psql { my ($self, $script) = @_; return DistQuery::Differential::run_psql($self, $script); }

# Starts Perl's rand() anew for a world, or for a query of it.
sub seed_for
{
	my ($self, @numbers) = @_;
	my $seed = 17;
	$seed = ($seed * 1_000_003 + $_) % 2_147_483_647 foreach $self->{seed}, @numbers;
	srand($seed);
	return;
}

#
# Settings
#

# All combinations of an assembly and settings.
sub combinations
{
	my ($self, $world) = @_;
	my @combinations = ({});
	my @factors = ([ assembly => map { $_->{name} } $world->assemblies ], [ pushdown => qw(on off) ], [ lookup_join => qw(on auto off) ], [ prefetch => qw(on off) ],
		[ strategy => @{ $self->{strategies} } ], [ work_mem => "'64kB'", "'4MB'" ]);
	foreach my $factor (@factors)
	{
		my ($name, @values) = @$factor;
		@combinations = map { my $one = $_; map { { %$one, $name => $_ } } @values } @combinations;
	}
	return @combinations;
}

# Some of them: half of each assembly's with a lookup join wherever it is possible.
sub some_combinations
{
	my ($self, $world) = @_;
	my @all = $self->combinations($world);
	return @all if $self->{combinations} eq 'all';
	my @chosen;
	foreach my $assembly ($world->assemblies)
	{
		my @here = grep { $_->{assembly} eq $assembly->{name} } @all;
		my @joining = grep { $_->{pushdown} eq 'on' && $_->{lookup_join} eq 'on' } @here;
		push @chosen, $_ % 2 ? pick(@here) : $_ ? pick(@joining) : pick(grep { $_->{strategy} eq 'live' } @joining) foreach 0 .. $self->{combinations} - 1;
	}
	return @chosen;
}

sub settings_of
{
	my ($query, $combination) = @_;
	return "RESET ALL; SET client_min_messages = error; SET search_path = $combination->{assembly}, public; SET work_mem = $combination->{work_mem}; "
	  . join('', map { "SET distquery.$_ = $combination->{$_}; " } qw(pushdown lookup_join prefetch strategy)) . $query->{planner};
}

#
# Statements
#

sub make_query
{
	my ($self, $world, $number) = @_;
	$self->seed_for($world->{number}, $number);
	my $query = DistQuery::Joins::Sql->new($world)->query;
	$query->{number} = $number;
	$query->{planner} = 'SET plan_cache_mode = ' . pick(qw(auto force_generic_plan force_custom_plan)) . '; ';
	if (chance(0.25))
	{
		$query->{planner} .= "SET $_ = " . (chance(0.4) ? 'off' : 'on') . '; ' foreach @planner;
	}
	$query->{combinations} = [ $self->some_combinations($world) ];
	return $query;
}

sub statements
{
	my ($query) = @_;
	my $sql = render($query->{tree}) . $query->{order};
	my @parameters = @{ $query->{parameters} // [] };

	if (@parameters)
	{
		my ($types, $first, $second) = map { my $at = $_; join(', ', map { $_->[$at] } @parameters) } 0 .. 2;
		return ("PREPARE p($types) AS $sql", "EXECUTE p($first)", "EXECUTE p($second)", "EXECUTE p($first)", 'DEALLOCATE p');
	}
	return $sql unless $query->{is_cursor};
	my @turns = ('FETCH 2 FROM c', 'MOVE 1 FROM c', 'FETCH 1 FROM c', 'FETCH 5 FROM c');
	my $is_scroll = $query->{cursor_seed} % 2;
	push @turns, 'FETCH BACKWARD 2 FROM c', 'FETCH ABSOLUTE 1 FROM c', 'MOVE ABSOLUTE 0 FROM c', 'FETCH 1 FROM c' if $is_scroll;
	my $save = $query->{cursor_seed} % @turns;
	my $count = 1 + $query->{cursor_seed} % 3;
	splice(@turns, $save + $count > @turns ? @turns : $save + $count, 0, 'ROLLBACK TO s');
	splice(@turns, $save, 0, 'SAVEPOINT s');
	return ('BEGIN', 'DECLARE c ' . ($is_scroll ? 'SCROLL' : 'NO SCROLL') . " CURSOR FOR $sql", @turns, 'FETCH ALL FROM c', 'CLOSE c');
}

# What psql is told to run one query in one way.
sub script_of
{
	my ($query, $settings, $mark) = @_;
	return "$settings\n\\echo '\x1dBEGIN $mark'\n" . join(";\n\\echo '\x1dNEXT'\n", statements($query)) . ";\n\\echo '\x1dEND'\n" . ($query->{is_cursor} ? 'ROLLBACK; ' : '') . "DEALLOCATE ALL;\n";
}

# Runs scripts ([mark, query, settings], ...) in one session; the answers by their marks, each a list with one text a statement.
sub answers
{
	my ($self, @scripts) = @_;
	my $output = $self->psql("\\set VERBOSITY sqlstate\n" . join('', map { script_of(@$_[ 1, 2, 0 ]) } @scripts));
	my %query_of = map { $_->[0] => $_->[1] } @scripts;
	my %answers;

	while ($output =~ /\x1dBEGIN (\S+)\n(.*?)\x1dEND/sg)
	{
		my ($mark, $text) = ($1, $2);
		$text =~ s/^psql:<stdin>:\d+: //mg;
		$text =~ s/^LINE \d+: .*\n *\^\n//mg;
		my @parts = $text eq '' ? ('') : split(/\x1dNEXT\n/, $text, -1);
		s/\n\z// foreach @parts;
		@parts = map { join($record, sort split(/$record/, $_)) } @parts unless $query_of{$mark}{is_ordered};
		$answers{$mark} = \@parts;
	}
	$self->{runs} += @scripts;
	return \%answers;
}

# True when the foreign answer is another one than the local.
sub differs
{
	my ($local, $foreign, $may_refuse) = @_;
	return 1 unless $foreign and @$foreign == @$local;
	foreach my $at (0 .. $#$local)
	{
		return 0 if $foreign->[$at] =~ $slow or $may_refuse && $foreign->[$at] =~ $refusal;
		return 1 if $local->[$at] ne $foreign->[$at];
	}
	return 0;
}

#
# Worlds
#

sub local_of { my ($world) = @_; return "${local_settings}SET search_path = w$world->{number}_local, public; "; }

sub make_world
{
	my ($self, $number) = @_;
	$self->seed_for($number);
	my $world = DistQuery::Joins::World->new($number);
	$self->{service}->put($world->collection($_), encode('UTF-8', $world->rows_json($_))) foreach $world->tables;
	my $output = $self->psql("\\set ON_ERROR_STOP 1\nSET client_min_messages = error;\n" . $world->declaration_sql);
	die "could not declare world $number of seed $self->{seed}: $output" if $output =~ /ERROR/;
	return $world;
}

# The queries of a world that have an answer of bearable size; their local answers are kept.
sub fit_queries
{
	my ($self, $world, @numbers) = @_;
	my @queries = map { $self->make_query($world, $_) } @numbers;
	my $answers = $self->answers(map { [ $_->{number}, $_, local_of($world) ] } @queries);
	foreach my $query (@queries)
	{
		my $answer = $query->{local} = $answers->{ $query->{number} };
		die "no local answer to query $query->{number} of world $world->{number}, seed $self->{seed}" unless $answer;
		my $lines = 0;
		$lines += tr/\x1e// foreach @$answer;
		$query->{is_fit} = !grep({ /^ERROR:  57014/m } @$answer) && $lines < $most_lines;
		$self->{dropped}++ unless $query->{is_fit};
		$self->{failures}++ if grep { /^ERROR: / } @$answer;
		$self->{empty}++ unless grep { $_ ne '' } @$answer;
	}
	return grep { $_->{is_fit} } @queries;
}

# Where strategy cache keeps the answers of a world: shared memory, Redis, memcached.
sub choose_cache
{
	my ($self, $number) = @_;
	my $server = $self->{caches}[ ($number - 1) % 3 ];
	DistQuery::Test::alter_options($self->{node}, 'SERVER joins',
		SET => { cache_store => $server ? $server->kind : 'shared', cache_url => $server ? $server->url : 'redis://127.0.0.1', cache_prefix => "world-$number:" });
	return;
}

# Runs some queries of a world; descriptions of the differences.
sub run_world
{
	my ($self, $number, @numbers) = @_;
	my $world = $self->make_world($number);
	$self->choose_cache($number);
	my @queries = $self->fit_queries($world, @numbers);
	my %may_refuse = map { $_->{name} => $_->{may_refuse} } $world->assemblies;
	my @scripts;
	my @differences;

	foreach my $query (@queries)
	{
		foreach my $at (0 .. $#{ $query->{combinations} })
		{
			push @scripts, [ "$query->{number}.$at", $query, settings_of($query, $query->{combinations}[$at]) ];
		}
	}
	my $answers = $self->answers(@scripts);
	$self->count_lookup_joins($world, @queries);
	foreach my $query (@queries)
	{
		my $at = first
		{
			differs($query->{local}, $answers->{"$query->{number}.$_"}, $may_refuse{ $query->{combinations}[$_]{assembly} })
		}
		0 .. $#{ $query->{combinations} };
		$self->{refused} += grep { my $answer = $answers->{"$query->{number}.$_"}; $answer && grep { /$refusal/ } @$answer } 0 .. $#{ $query->{combinations} };
		$self->{slow} += grep { my $answer = $answers->{"$query->{number}.$_"}; $answer && grep { /$slow/ } @$answer } 0 .. $#{ $query->{combinations} };
		$self->{queries}++;
		next unless defined $at;
		push @differences, $self->describe($world, $query, $query->{combinations}[$at], $may_refuse{ $query->{combinations}[$at]{assembly} }, $answers->{"$query->{number}.$at"});
	}
	$self->psql("SET client_min_messages = error;\n" . $world->drop_sql);
	return @differences;
}

# Counts the lookup joins in the plans of some queries, by their kind.
sub count_lookup_joins
{
	my ($self, $world, @queries) = @_;
	my @plain = grep { !@{ $_->{parameters} // [] } } @queries;
	splice(@plain, 10) if @plain > 10;
	my $script = "SET client_min_messages = error;\n";
	foreach my $query (@plain)
	{
		my $combination = first { $_->{pushdown} eq 'on' && $_->{lookup_join} eq 'on' } @{ $query->{combinations} };
		$script .= settings_of($query, $combination) . "\nEXPLAIN (COSTS OFF) " . render($query->{tree}) . "$query->{order};\n";
	}
	my $plans = $self->psql($script);
	$self->{lookup_joins}{$1}++ while $plans =~ /Lookup Join\)[\s\x1e]+Join Type: (\w+)/g;
	return;
}

#
# Differences
#

# Makes a query smaller for as long as it differs; nothing where it does not differ any more.
sub shrink
{
	my ($self, $world, $query, $settings, $may_refuse) = @_;
	my $smallest;
	my @next = ($query);

	for (my $round = 0; $round < 25 and @next; $round++)
	{
		my $local = $self->answers(map { [ "l$_", $next[$_], local_of($world) ] } 0 .. $#next);
		my $foreign = $self->answers(map { [ "f$_", $next[$_], $settings ] } 0 .. $#next);
		my $found = first { $local->{"l$_"} && differs($local->{"l$_"}, $foreign->{"f$_"}, $may_refuse) } 0 .. $#next;
		last unless defined $found;
		$smallest = { query => $next[$found], local => $local->{"l$found"}, foreign => $foreign->{"f$found"} };
		$query = $next[$found];
		@next = map { { %$query, tree => $_ } } edits($query->{tree});
		unshift @next, { %$query, is_ordered => 0, order => '', is_cursor => 0 } if $query->{order};
		unshift @next, { %$query, is_cursor => 0 } if $query->{is_cursor};
	}
	return $smallest;
}

# Whether local tables give different answers, too, under other settings.
sub local_varies
{
	my ($self, $world, $query) = @_;
	my @ways = map { local_of($world) . $_ } 'SET enable_hashjoin = off;', 'SET enable_mergejoin = off; SET enable_hashagg = off;',
	  'SET enable_nestloop = off; SET enable_hashjoin = off;', "SET work_mem = '64kB'; SET enable_sort = off;", 'SET enable_hashjoin = off; SET enable_mergejoin = off;';
	my $answers = $self->answers(map { [ $_, $query, $ways[$_] ] } 0 .. $#ways);
	return scalar grep { differs($query->{local}, $answers->{$_}, 0) } 0 .. $#ways;
}

sub shown_answers
{
	my ($local, $foreign) = @_;
	my ($expected, $found) = map { join("\x1e", @{ $_ // ['no answer'] }) } $local, $foreign;
	tr/\x1e/\n/ foreach $expected, $found;
	my @expected = split(/\n/, $expected);
	my @found = split(/\n/, $found);
	return '-- local, ' . @expected . " lines:\n" . DistQuery::Differential::shown(\@expected, \@found)
	  . '-- foreign, ' . @found . " lines:\n" . DistQuery::Differential::shown(\@found, \@expected);
}

sub describe
{
	my ($self, $world, $query, $combination, $may_refuse, $foreign) = @_;
	my $settings = settings_of($query, $combination);
	my $command = "DQ_SEED=$self->{seed} DQ_WORLD=$world->{number} DQ_ONLY=$query->{number} make check PROVE_TESTS=test/t/052_joins.pl";
	my $text = "seed $self->{seed}, world $world->{number}, query $query->{number}, in $combination->{assembly}\nto repeat: $command\n$settings\n"
	  . join(";\n", statements($query)) . ";\n" . shown_answers($query->{local}, $foreign);
	$text .= "-- LOCAL TABLES GIVE DIFFERENT ANSWERS, TOO\n" if $self->local_varies($world, $query);
	return $text if $self->{shrunk}++ >= $most_shrunk;
	my $smallest = $self->shrink($world, $query, $settings, $may_refuse);
	return "$text-- by itself it does not differ: run the whole world (without DQ_ONLY)\n" unless $smallest;
	my $sql = join(";\n", statements($smallest->{query}));
	$text .= "-- smallest that differs:\n$sql;\n" . shown_answers($smallest->{local}, $smallest->{foreign});
	my $explained = render($smallest->{query}{tree}) . $smallest->{query}{order};
	my $plan = @{ $smallest->{query}{parameters} // [] } ? '' : $self->psql("$settings\nEXPLAIN (COSTS OFF) $explained;\n");
	my $said = join('', map { "$_\n" } grep { /ERROR/ } split(/\n/, $self->psql("$settings\n$sql;\n")));
	return "$text-- plan:\n$plan$said" . $self->tables_in($world, $combination, $sql);
}

# How the tables that a query names are declared.
sub tables_in
{
	my ($self, $world, $combination, $sql) = @_;
	my ($assembly) = grep { $_->{name} eq $combination->{assembly} } $world->assemblies;
	my $text = '';
	foreach my $table (grep { $sql =~ /\b$_->{name}\b/ } $world->tables)
	{
		my $declared = $assembly->{tables}{ $table->{name} };
		$text .= "-- $table->{name}: " . @{ $table->{rows} } . ' rows, ' . ($declared ? "$declared->{way}, " : 'local') . join(', ', map { "$_ $declared->{options}{$_}" } grep { !/spell|body/ } sort keys %{ $declared->{options} // {} })
		  . "\n--   " . join(', ', map { "$_->{name} $_->{type} [" . join(' ', @{ $_->{operators} // [] }) . ']' . ($_->{key} ? ' key' : '') . ($_->{required} ? ' required' : '') } @{ $declared->{columns} // $table->{columns} }) . "\n";
	}
	return $text;
}

1;
