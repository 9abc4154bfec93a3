
=head1 NAME

DistQuery::CacheServer - Redis, memcached and a proxy before them that misbehaves, for TAP tests

=head1 SYNOPSIS

    my $redis = DistQuery::CacheServer->new('redis');
    create_server($node, 'api', $service->url, strategy => 'cache', cache_store => 'redis', cache_url => $redis->url);
    $redis->kill;

=cut

package DistQuery::CacheServer;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use Scalar::Util qw(refaddr weaken);
use Time::HiRes qw(sleep);

my %running;
my $fixtures = abs_path(dirname(__FILE__) . '/../../fixtures');

# kind: redis or memcached; arguments: further ones of the program.
sub new
{
	my ($class, $kind, @arguments) = @_;
	my $self = bless { kind => $kind, port => PostgreSQL::Test::Cluster::get_free_port(), arguments => \@arguments,
		folder => tempdir(CLEANUP => 1) }, $class;
	$self->start;
	return $self;
}

# A proxy before a server; see mode().
sub proxy
{
	my ($class, $server) = @_;
	my $self = bless { kind => $server->{kind}, port => PostgreSQL::Test::Cluster::get_free_port(), folder => tempdir(CLEANUP => 1),
		upstream => $server->{port} }, $class;
	$self->mode('pass');
	$self->start;
	return $self;
}

sub command
{
	my ($self) = @_;
	return ('python3', "$fixtures/cache_proxy.py", $self->{port}, $self->{upstream}, $self->mode_file) if $self->{upstream};
	return ('redis-server', '--port', $self->{port}, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', $self->{folder},
		@{ $self->{arguments} }) if $self->{kind} eq 'redis';
	return ('memcached', '-p', $self->{port}, '-l', '127.0.0.1', '-m', '64', @{ $self->{arguments} });
}

# Starts it again after kill, empty.
sub start
{
	my ($self) = @_;
	my $output = '';
	weaken($running{ refaddr $self } = $self);
	$self->{process} = IPC::Run::start([ $self->command ], '<', \undef, '>', \$output, '2>&1');
	for (my $i = 0; $i < 500; $i++)
	{
		return if IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $self->{port});
		die "$self->{kind} did not start: $output" unless $self->{process}->pumpable;
		sleep(0.02);
	}
	die "$self->{kind} did not start: $output";
}

# By SIGKILL.
sub kill
{
	my ($self) = @_;
	return unless $self->{process};
	$self->{process}->signal('KILL');
	eval { $self->{process}->finish };
	delete $self->{process};
	delete $running{ refaddr $self };
	return;
}

sub DESTROY { local ($?, $@, $!); $_[0]->kill; }

END { local ($?, $@, $!); $_->kill foreach grep { defined } values %running; }

sub kind { return $_[0]->{kind}; }
sub port { return $_[0]->{port}; }
sub url { return "$_[0]->{kind}://127.0.0.1:$_[0]->{port}"; }

sub mode_file { return "$_[0]->{folder}/mode"; }

# What the proxy does with what the server says: pass, hold (until the mode changes), garbage, huge, close (in the middle),
# flip (a bit in a value), extra (a reply that nobody asked for), replay (the latest value instead of this one).
sub mode
{
	my ($self, $mode) = @_;
	open(my $file, '>', $self->mode_file . '.new') or die $!;
	print $file $mode;
	close($file);
	rename($self->mode_file . '.new', $self->mode_file) or die $!;
	return;
}

# What it answers to a line of its protocol, as text; for memcached and inline commands of Redis.
sub ask
{
	my ($self, $line, $end) = @_;
	my $socket = IO::Socket::INET->new(PeerHost => '127.0.0.1', PeerPort => $self->{port}) or die "no connection: $!";
	my $answer = '';
	print $socket "$line\r\n";
	while ($answer !~ $end) { sysread($socket, $answer, 65536, length $answer) or last; }
	return $answer;
}

# Values and generations that are there.
sub size
{
	my ($self) = @_;
	return $self->ask('DBSIZE', qr/:\d+\r\n/) =~ s/\D//gr if $self->{kind} eq 'redis';
	return $self->ask('stats', qr/END\r\n/) =~ /STAT curr_items (\d+)/ ? $1 : 'nothing';
}

# Commands that asked for values.
sub gets
{
	my ($self) = @_;
	return $self->ask('INFO commandstats', qr/\r\n\r\n$|cmdstat_info.*\r\n/) =~ /cmdstat_mget:calls=(\d+)/ ? $1 : 0 if $self->{kind} eq 'redis';
	return $self->ask('stats', qr/END\r\n/) =~ /STAT cmd_get (\d+)/ ? $1 : 0;
}

1;
