
=head1 NAME

DistQuery::Proxy - a fault proxy (test/fixtures/fault_proxy.py) before a fixture service, for TAP tests

    my $proxy = DistQuery::Proxy->new($service, seed => 7);
    create_server($node, 'api', $proxy->url);

    $proxy->set(faults => 'reset-body,stall-first', calm => 40);
    ...
    is($proxy->stats->{struck}{'reset-body'}, 3);

=cut

package DistQuery::Proxy;

use strict;
use warnings;
use Cwd qw(abs_path);
use DistQuery::Test ();
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IPC::Run;
use JSON::PP;
use Scalar::Util qw(refaddr weaken);
use Time::HiRes qw(sleep);

# Those that run; ended before Perl destroys objects in any order.
my %running;

my $program = abs_path(dirname(__FILE__) . '/../../fixtures/fault_proxy.py');

# Options: seed.
sub new
{
	my ($class, $service, %options) = @_;
	my $folder = tempdir(CLEANUP => 1);
	my $self = bless { folder => $folder, http => HTTP::Tiny->new(timeout => 30) }, $class;
	my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';

	$self->{process} = IPC::Run::start(
		[ $python, $program, '--port-file', "$folder/port", '--upstream', $service->port, '--seed', $options{seed} // 1 ], '<', \undef);
	weaken($running{ refaddr $self } = $self);
	DistQuery::Test::poll_until(sub { -e "$folder/port" or not $self->{process}->pumpable }, 20);
	open(my $in, '<', "$folder/port") or die "the fault proxy did not start";
	($self->{port}, $self->{control}) = split ' ', <$in>;
	close($in);
	return $self;
}

sub port { return $_[0]->{port}; }
sub url { return "http://127.0.0.1:$_[0]->{port}"; }

sub order
{
	my ($self, $path) = @_;
	my $answer = $self->{http}->get("http://127.0.0.1:$self->{control}$path");
	die "$path: $answer->{status} $answer->{content}" unless $answer->{success};
	return decode_json($answer->{content});
}

# What strikes connections that are made from now on: faults (names joined by commas), calm (per cent that are spared).
sub set
{
	my ($self, %options) = @_;
	$self->order("/set?faults=$options{faults}&calm=" . ($options{calm} // 0));
	return;
}

# Resets all connections.
sub cut { my ($self) = @_; $self->order('/cut'); return; }

# Hash of connections, open, struck (how often each fault did), faults (names of all there are).
sub stats { my ($self) = @_; return $self->order('/stats'); }

sub stop
{
	my ($self) = @_;
	my $process = delete $self->{process} or return;
	delete $running{ refaddr $self };
	$process->kill_kill(grace => 2);
	return;
}

sub DESTROY { local ($?, $@, $!); $_[0]->stop; }

END { local ($?, $@, $!); $_->stop foreach grep { defined } values %running; }

1;
