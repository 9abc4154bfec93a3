# Connections that never come about cost no descriptor, however many were tried.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::INET;
use Test::More;

# A service whose queue of connections is full, and stays so: nobody accepts.
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1, Proto => 'tcp') or die "no port: $!";
my @waiting = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 4;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main');

create_server($node, 'api', $service->url);
create_table($node, 'api', 'good', 'id int, name text', path => '/fault/good');
create_server($node, 'silent', 'http://127.0.0.1:' . $full->sockport, connect_timeout => '2ms', retries => 0, breaker_failures => 0);
create_table($node, 'silent', 'never', 'id int', path => '/');

my $session = DistQuery::Session->new($node);

is($session->query('SELECT count(*) FROM good'), '3', 'a service that answers');
like($session->error('SELECT * FROM never'), qr/HV00N: .*no connection within connect_timeout of 2 ms/,
	'one that does not accept connections');

# More than a backend may have open (max_files_per_process is 1000, a third of it is for connections).
my $descriptors = backend_descriptors($session->pid);
$session->query('
	DO $$
	BEGIN
		FOR i IN 1 .. 400 LOOP
			BEGIN
				PERFORM * FROM never;
			EXCEPTION WHEN fdw_unable_to_establish_connection THEN NULL;
			END;
		END LOOP;
	END $$');
is($session->last_error, '', '400 times');
cmp_ok(backend_descriptors($session->pid), '<=', $descriptors, 'no descriptor is left');
is($session->query('SELECT count(*) FROM good'), '3', 'the session can still connect');

done_testing();
