# auth oauth2 against authorization servers of others: oauth2-mock-server, with an API that verifies its JWTs, and oidc-provider,
# by TLS, which is particular about how clients authenticate.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use HTTP::Tiny;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $modules = $ENV{DQ_NODE_MODULES} // 'build/npm/node_modules';
die "no npm packages in $modules: run test/setup/install-npm.sh\n" unless -d "$modules/oidc-provider";
my $folder = PostgreSQL::Test::Utils::tempdir;

run_or_die(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout),
	"$folder/key.pem", '-out', "$folder/cert.pem");

my ($in, $out, $err) = ('', '', '');
my $servers = do
{
	local $ENV{NODE_PATH} = $modules;
	local $ENV{NODE_NO_WARNINGS} = 1;
	IPC::Run::start([ 'node', 'test/fixtures/real/oauth.js', "$folder/key.pem", "$folder/cert.pem" ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
};
$servers->pump until $out =~ /^ready (\d+) (\d+) (\d+) (\d+)$/m or !$servers->pumpable;
my ($mock, $provider, $mock_api, $provider_api) = $out =~ /^ready (\d+) (\d+) (\d+) (\d+)$/m or die "servers did not start: $out$err";

my $node = new_node('main', shared_preload_libraries => "'distquery'", log_statement => 'none', log_min_error_statement => 'panic');
my $session = DistQuery::Session->new($node);

sub api
{
	my ($name, $port, $token_url, %mapping) = @_;
	create_server($node, $name, "http://127.0.0.1:$port", retries => 0, ca_file => "$folder/cert.pem", token_url => $token_url, auth => 'oauth2', %mapping);
	create_table($node, $name, $name, 'who text, scope text, number int, at text', path => '/rows');
	return;
}

#
# oauth2-mock-server
#

my $mock_url = "http://localhost:$mock/token";
api('jwt', $mock_api, $mock_url, client_id => 'anna', client_secret => 'secret-of-anna', scope => 'read write', audience => 'the-api');
is($session->query('SELECT who, scope, at FROM jwt'), 'anna|read write|/rows', 'a JWT for the API is issued, and verified there') or diag($session->last_error);
api('wrong_audience', $mock_api, $mock_url, client_id => 'anna', client_secret => 'secret-of-anna', audience => 'another-api');
like($session->error('SELECT who FROM wrong_audience'), qr/HV00L: .*"wrong_audience".*HTTP status 401\n.*HINT: .*"scope" and "audience"/s, 'one for another is refused');

#
# oidc-provider
#

my $url = "https://localhost:$provider/token";
my %clients = (plain => [ 'plain', 'plain-secret', 'basic' ], odd => [ 'odd id:+%', 'odd secret:/+%&=', 'basic' ], poster => [ 'poster', 'posted secret&=+', 'post' ]);
foreach my $name (sort keys %clients)
{
	my ($id, $secret, $way) = @{ $clients{$name} };
	api($name, $provider_api, $url, client_id => $id, client_secret => $secret, client_auth => $way, scope => 'read');
	is($session->query("SELECT who, scope FROM $name"), "$id|read", "$name is known") or diag($session->last_error);
	api("wrong_$name", $provider_api, $url, client_id => $id, client_secret => "${secret}x", client_auth => $way);
	like($session->error("SELECT who FROM wrong_$name"), qr/HV00L: .*the token endpoint answers "invalid_client"\nDETAIL:  POST https:.*It says: client authentication failed/, 'not by another secret');
	api("other_$name", $provider_api, $url, client_id => $id, client_secret => $secret, client_auth => $way eq 'basic' ? 'post' : 'basic');
	is($session->query("SELECT who FROM other_$name"), $id, 'it takes the secret in either place');
}
api('scope', $provider_api, $url, client_id => 'plain', client_secret => 'plain-secret', scope => 'write');
like($session->error('SELECT who FROM scope'), qr/HV00L: .*the token endpoint answers "invalid_scope"/, 'a scope that there is not');
my $number = $session->query('SELECT number FROM plain');
is(DistQuery::Session->new($node)->query('SELECT number FROM plain'), $number, 'another session has the same token');
HTTP::Tiny->new->post("http://127.0.0.1:$provider_api/revoke");
cmp_ok($session->query('SELECT number FROM plain'), '>', $number, 'one that was revoked is renewed');
alter_options($node, 'SERVER plain', DROP => { ca_file => 1 });
like($session->error('ALTER USER MAPPING FOR PUBLIC SERVER plain OPTIONS (ADD scope \'write\'); SELECT who FROM plain') . $session->error('ALTER USER MAPPING FOR PUBLIC SERVER plain OPTIONS (SET scope \'write\'); SELECT who FROM plain'),
	qr/HV00N: .*no access token was issued: the service's TLS certificate could not be verified(?s:.*)HINT: .*"ca_file"/, 'its certificate is verified');

$session->close;
$servers->kill_kill(grace => 2);
$node->stop;
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/plain-secret|odd secret|posted secret|secret-of-anna|PANIC|TRAP|terminated by signal/, 'no secret in the log, and no crash');
done_testing();
