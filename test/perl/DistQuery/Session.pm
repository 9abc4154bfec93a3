
=head1 NAME

DistQuery::Session - a psql that stays connected, for TAP tests

=head1 SYNOPSIS

    my $session = DistQuery::Session->new($node);

    is($session->query('SELECT 1'), '1', 'answers');
    like($session->error('SELECT 1/0'), qr/^ERROR:  22012:/, 'fails');

    $session->send('SELECT pg_sleep(60)');
    $node->safe_psql('postgres', 'SELECT pg_cancel_backend(' . $session->pid . ')');
    ok($session->finish(10), 'does not hang');

=cut

package DistQuery::Session;

use strict;
use warnings;
use DistQuery::Test ();
use IPC::Run;
use Scalar::Util qw(refaddr weaken);
use Time::HiRes qw(sleep time);

# Seconds after which a statement is taken to hang.
my $patience = 60;

# Those that have a psql; ended before Perl destroys objects, and what they consist of, in any order.
my %open;

# Options: user, database.
sub new
{
	my ($class, $node, %options) = @_;
	my $self = bless { stdin => '', stdout => '', stderr => '', number => 0 }, $class;
	my $connection = $node->connstr($options{database} // 'postgres');

	$connection .= " user=$options{user}" if $options{user};
	$self->{process} = IPC::Run::start([ 'psql', '-X', '-A', '-t', '-q', '-v', 'VERBOSITY=verbose', '-d', $connection ],
		'<', \$self->{stdin}, '>', \$self->{stdout}, '2>', \$self->{stderr});
	weaken($open{ refaddr $self } = $self);
	$self->{pid} = $self->query('SELECT pg_backend_pid()');
	die "could not connect: $self->{last_error}" unless $self->{pid};
	return $self;
}

# Process ID of the backend.
sub pid { return $_[0]->{pid}; }

# Open descriptors of the backend that are no files of tables (Linux).
sub descriptors
{
	my ($self) = @_;
	my @open = grep { defined } map { readlink } glob "/proc/$self->{pid}/fd/*";
	return scalar grep { !m{/(?:base/\d+|global|pg_\w+)/} } @open;
}

# Sends statements without waiting for their end.
sub send
{
	my ($self, $sql) = @_;
	die "a statement is under way" if $self->{is_busy};
	$self->{number}++;
	$self->{is_busy} = 1;
	$self->{stdout} = $self->{stderr} = '';
	$self->{stdin} .= "$sql\n;\n\\echo end-$self->{number}\n\\warn end-$self->{number}\n";
	$self->{process}->pump_nb;
	return;
}

# Waits for the end of what was sent; false when it did not come in so many seconds.
sub finish
{
	my ($self, $seconds) = @_;
	my $end = qr/^end-$self->{number}\n/m;
	my $deadline = time + ($seconds // $patience);

	until ($self->{stdout} =~ $end and $self->{stderr} =~ $end)
	{
		# psql ends by itself when its connection is lost.
		last unless eval { $self->{process}->pump_nb; 1 } and $self->{process}->pumpable;
		next if $self->{stdout} =~ $end and $self->{stderr} =~ $end;
		return 0 if time > $deadline;
		sleep(0.005);
	}
	$self->{is_busy} = 0;
	($self->{output} = $self->{stdout}) =~ s/$end//;
	($self->{last_error} = $self->{stderr}) =~ s/$end//;
	chomp $self->{output};
	return 1;
}

# What the statements print; their errors are in last_error.
sub query
{
	my ($self, $sql) = @_;
	$self->send($sql);
	die "did not end in $patience seconds: $sql" unless $self->finish;
	return $self->{output};
}

# What the statements say on stderr, '' when nothing.
sub error
{
	my ($self, $sql) = @_;
	$self->query($sql);
	return $self->{last_error};
}

sub last_error { return $_[0]->{last_error}; }
sub output { return $_[0]->{output}; }

# True while psql has its connection.
sub is_alive
{
	my ($self) = @_;
	return $self->{process} && $self->{process}->pumpable;
}

# As DistQuery::Test's, without a psql of its own.
sub create_table
{
	my ($self, $server, $name, $columns, %options) = @_;
	my $error = $self->error("CREATE FOREIGN TABLE $name ($columns) SERVER $server "
		  . DistQuery::Test::options_clause(%options));
	die $error if $error;
	return;
}

# Ends psql, by force in the middle of a statement.
sub close
{
	my ($self) = @_;
	my $process = delete $self->{process} or return;
	delete $open{ refaddr $self };
	if ($self->{is_busy})
	{
		$process->kill_kill(grace => 2);
		return;
	}
	$self->{stdin} .= "\\q\n";
	eval { $process->finish; };
	return;
}

sub DESTROY { local ($?, $@, $!); eval { $_[0]->close; }; }

END { local ($?, $@, $!); eval { $_->close; } foreach grep { defined } values %open; }

1;
