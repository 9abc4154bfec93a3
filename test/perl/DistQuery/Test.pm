
=head1 NAME

DistQuery::Test - a fixture service and a server with distquery, for TAP tests

=head1 SYNOPSIS

    use DistQuery::Test;

    my $service = DistQuery::Test::Service->new;
    my $node = new_node('main');
    create_server($node, 'api', $service->url, timeout => '2s');
    create_table($node, 'api', 'numbers', 'id int, name text', path => '/fault/good');

    is($node->safe_psql('postgres', 'SELECT count(*) FROM numbers'), '3', 'rows arrive');
    is($service->count, 1, 'the service was asked once');

=cut

package DistQuery::Test;

use strict;
use warnings;
use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_node create_server create_table alter_options options_clause literal
  poll_until backend_descriptors backend_memory_kb start_query write_file run_or_die
);

# Writes a file into a folder; returns its path.
sub write_file
{
	my ($folder, $name, $text) = @_;
	open(my $file, '>', "$folder/$name") or die "could not write $folder/$name: $!";
	print $file $text;
	close($file) or die "could not write $folder/$name: $!";
	return "$folder/$name";
}

# Runs a command to its end; returns its output.
sub run_or_die
{
	my ($out, $err) = ('', '');
	IPC::Run::run(\@_, '<', \undef, '>', \$out, '2>', \$err) or die "@_: $out $err";
	return $out;
}

# A running cluster with the extension in database postgres; %settings go to postgresql.conf.  Unless they say
# otherwise, plans do not depend on what earlier queries have shown.
sub new_node
{
	my ($name, %settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "fsync = off\nautovacuum = off\n");
	$settings{'distquery.learned_figures'} //= 'off';
	$node->append_conf('postgresql.conf', "$_ = $settings{$_}\n") foreach sort keys %settings;
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION distquery');
	return $node;
}

# A text as an SQL literal.
sub literal
{
	my ($text) = @_;
	$text =~ s/'/''/g;
	return "'$text'";
}

# "OPTIONS (a 'b', ...)", or nothing.
sub options_clause
{
	my (%options) = @_;
	return '' unless %options;
	return 'OPTIONS (' . join(', ', map { "$_ " . literal($options{$_}) } sort keys %options) . ')';
}

# A server and a user mapping for everybody; options auth, token, ... belong to the mapping.
sub create_server
{
	my ($node, $name, $url, %options) = @_;
	my %mapping;
	foreach my $option (qw(auth username password token api_key api_key_in client_id client_secret scope audience client_auth))
	{
		$mapping{$option} = delete $options{$option} if exists $options{$option};
	}
	my $sql = "CREATE SERVER $name FOREIGN DATA WRAPPER distquery "
	  . options_clause(url => $url, %options) . ";\n";
	$sql .= "CREATE USER MAPPING FOR PUBLIC SERVER $name " . options_clause(%mapping) . ";\n"
	  if %mapping;
	$node->safe_psql('postgres', $sql);
	return;
}

# A foreign table; columns as in CREATE FOREIGN TABLE, with their OPTIONS.
sub create_table
{
	my ($node, $server, $name, $columns, %options) = @_;
	$node->safe_psql('postgres',
		"CREATE FOREIGN TABLE $name ($columns) SERVER $server " . options_clause(%options));
	return;
}

# alter_options($node, 'FOREIGN TABLE numbers', SET => {path => '/x'}, ADD => {...}, DROP => {name => 1})
sub alter_options
{
	my ($node, $object, %changes) = @_;
	my @parts;
	foreach my $action (sort keys %changes)
	{
		my $options = $changes{$action};
		push @parts, map { $action eq 'DROP' ? "DROP $_" : "$action $_ " . literal($options->{$_}) }
		  sort keys %$options;
	}
	$node->safe_psql('postgres', "ALTER $object OPTIONS (" . join(', ', @parts) . ')');
	return;
}

# Calls a function until it returns true; false after so many seconds.
sub poll_until
{
	my ($condition, $seconds) = @_;
	my $deadline = time + ($seconds // $PostgreSQL::Test::Utils::timeout_default // 180);
	while (time < $deadline)
	{
		return 1 if $condition->();
		sleep(0.02);
	}
	return 0;
}

# Open descriptors of a backend (Linux).
sub backend_descriptors
{
	my ($pid) = @_;
	opendir(my $dir, "/proc/$pid/fd") or return;
	my @entries = grep { !/^\./ } readdir($dir);
	closedir($dir);
	return scalar @entries;
}

# Memory of a backend that is its own, in kB (Linux).  Always 0 on a sanitized server, which keeps what was given back.
sub backend_memory_kb
{
	my ($pid) = @_;
	return 0 if $ENV{DQ_SANITIZED_RUN};
	open(my $file, '<', "/proc/$pid/smaps_rollup") or return;
	my $kb = 0;
	while (my $line = <$file>)
	{
		$kb += $1 if $line =~ /^Private_(?:Clean|Dirty):\s+(\d+)/;
	}
	close($file);
	return $kb;
}

# A psql of its own that runs a statement: ($handle, \$stdout, \$stderr); $handle->finish waits for it.
sub start_query
{
	my ($node, $sql) = @_;
	my ($stdout, $stderr) = ('', '');
	my $handle = IPC::Run::start(
		[
			'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('postgres'), '-v', 'VERBOSITY=verbose', '-c', $sql
		],
		'<', \'', '>', \$stdout, '2>', \$stderr);
	return ($handle, \$stdout, \$stderr);
}

package DistQuery::Test::Service;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use Scalar::Util qw(refaddr weaken);
use Time::HiRes qw(sleep);

# Those that run; ended before Perl destroys objects in any order.
my %running;

my $fixtures = abs_path(dirname(__FILE__) . '/../../fixtures');
my $json = JSON::PP->new->utf8->allow_nonref;

# Starts a fixture service (test/fixtures/service.py) and waits until it answers.
sub new
{
	my ($class) = @_;
	my $self = bless { folder => tempdir(CLEANUP => 1), http => HTTP::Tiny->new(timeout => 30) }, $class;
	$self->start;
	return $self;
}

# Starts it again after stop, on other ports.
sub start
{
	my ($self) = @_;
	my $file = "$self->{folder}/port";
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
	unlink $file;
	weaken($running{ refaddr $self } = $self);
	$self->{process} = IPC::Run::start([ $python, "$fixtures/service.py", '--port-file', $file ], '<', \undef);
	for (my $i = 0; $i < 500 and not -e $file; $i++)
	{
		die "the fixture service did not start" unless $self->{process}->pumpable;
		sleep(0.02);
	}
	open(my $in, '<', $file) or die "the fixture service did not start";
	($self->{port}, $self->{other_port}) = split ' ', <$in>;
	close($in);
	return;
}

sub stop
{
	my ($self) = @_;
	return unless $self->{process};
	$self->{process}->kill_kill(grace => 2);
	delete $self->{process};
	delete $running{ refaddr $self };
	return;
}

sub DESTROY { local ($?, $@, $!); $_[0]->stop; }

END { local ($?, $@, $!); $_->stop foreach grep { defined } values %running; }

sub port { return $_[0]->{port}; }
sub url { return "http://127.0.0.1:$_[0]->{port}"; }
sub other_url { return "http://127.0.0.1:$_[0]->{other_port}"; }

# The decoded answer to GET of a path.
sub get
{
	my ($self, $path) = @_;
	my $answer = $self->{http}->get($self->url . $path);
	die "GET $path: $answer->{status} $answer->{content}" unless $answer->{success};
	return $json->decode($answer->{content});
}

# Makes a collection of an array of hashes, or of JSON text.
sub put
{
	my ($self, $collection, $rows) = @_;
	my $answer = $self->{http}->put($self->url . "/_data/$collection",
		{ content => ref $rows ? $json->encode($rows) : $rows });
	die "PUT $collection: $answer->{status} $answer->{content}" unless $answer->{success};
	return;
}

# Settings of /oauth/<name>/ (test/fixtures/oauth.py).
sub set_oauth
{
	my ($self, $name, %settings) = @_;
	my $answer = $self->{http}->put($self->url . "/_oauth/$name", { content => $json->encode(\%settings) });
	die "PUT _oauth/$name: $answer->{status} $answer->{content}" unless $answer->{success};
	return;
}

sub reset { my ($self) = @_; $self->get('/_reset'); return; }

# Requests since the last reset, those only whose path starts with $path where it is given.
sub count { my ($self, $path) = @_; return $self->get('/_count?path=' . ($path // ''))->[0]{count}; }
sub log { my ($self, $path) = @_; return $self->get('/_log?path=' . ($path // '')); }

# Hash of count, connections, in_flight, max_in_flight.
sub stats { my ($self) = @_; return $self->get('/_stats')->[0]; }

1;
