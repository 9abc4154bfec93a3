# auth mtls against nginx that asks for client certificates: whose certificate is shown, and what is refused.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IO::Socket::INET;
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $folder = PostgreSQL::Test::Utils::tempdir;

#
# Two authorities, a certificate for localhost, and those of clients
#

foreach my $name (qw(ca stranger))
{
	run_or_die(qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj), "/CN=$name-of-this-test", '-keyout', "$folder/$name.key",
		'-out', "$folder/$name.pem");
}

sub make_certificate
{
	my ($name, $authority, $common, @key) = @_;
	run_or_die(qw(openssl req -newkey rsa:2048 -subj), "/CN=$common", (@key ? @key : '-nodes'), '-keyout', "$folder/$name.key", '-out', "$folder/$name.csr");
	my $extensions = write_file($folder, "$name.ext", $common eq 'localhost' ? "subjectAltName=DNS:localhost\n" : "extendedKeyUsage=clientAuth\n");
	run_or_die(qw(openssl x509 -req -days 2 -CAcreateserial -in), "$folder/$name.csr", '-CA', "$folder/$authority.pem", '-CAkey',
		"$folder/$authority.key", '-extfile', $extensions, '-out', "$folder/$name.pem");
	return;
}
make_certificate('server', 'ca', 'localhost');
make_certificate('anna', 'ca', 'anna');
make_certificate('bert', 'ca', 'bert');
make_certificate('carl', 'ca', 'carl', '-passout', 'pass:key-secret-of-carl');
make_certificate('unknown', 'stranger', 'unknown');

#
# nginx: one port asks for a certificate and one insists; both tell the service whose it was.  And a server that breaks
# the handshake off.
#

my ($optional, $strict, $tls12, $abrupt) = map { PostgreSQL::Test::Cluster::get_free_port() } 1 .. 4;
my $backend = $service->port;
my $server = sub {
	my ($port, $verify, $protocols) = @_;
	return "server { listen 127.0.0.1:$port ssl http2; ssl_verify_client $verify; ssl_protocols $protocols;
		location / { proxy_pass http://127.0.0.1:$backend; proxy_set_header X-Client \$ssl_client_s_dn; } }";
};
my $servers = $server->($optional, 'optional', 'TLSv1.2 TLSv1.3') . $server->($strict, 'on', 'TLSv1.2 TLSv1.3') . $server->($tls12, 'on', 'TLSv1.2');
my $configuration = write_file($folder, 'nginx.conf', qq{
daemon off;
worker_processes 1;
pid $folder/nginx.pid;
error_log $folder/error.log;
events { worker_connections 256; }
http {
	log_format told '\$connection \$ssl_client_s_dn';
	access_log $folder/access.log told;
	client_body_temp_path $folder/t1; proxy_temp_path $folder/t2; fastcgi_temp_path $folder/t3;
	uwsgi_temp_path $folder/t4; scgi_temp_path $folder/t5;
	ssl_certificate $folder/server.pem;
	ssl_certificate_key $folder/server.key;
	ssl_client_certificate $folder/ca.pem;
	proxy_http_version 1.1;
	$servers
}
});
my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
die "nginx is not installed\n" unless $nginx;
my $said = '';
my $proxy = IPC::Run::start([ $nginx, '-c', $configuration, '-e', "$folder/error.log" ], '<', \undef, '>&', \$said);
my $breaker = IPC::Run::start([ 'openssl', 's_server', '-accept', "127.0.0.1:$abrupt", '-cert', "$folder/server.pem", '-key', "$folder/server.key",
		'-CAfile', "$folder/ca.pem", '-Verify', 1, '-verify_return_error', '-quiet', '-www' ], '<', \undef, '>&', \my $chatter);
ok(poll_until(sub { -s "$folder/nginx.pid" && IO::Socket::INET->new("127.0.0.1:$strict") && IO::Socket::INET->new("127.0.0.1:$abrupt") }, 30),
	'servers run') or diag($said);

my $node = new_node('main', jit => 'off', log_statement => 'none', log_min_error_statement => 'panic');
my %ports = (optional => $optional, strict => $strict, tls12 => $tls12, abrupt => $abrupt);
foreach my $name (sort keys %ports)
{
	create_server($node, $name, "https://localhost:$ports{$name}", ca_file => "$folder/ca.pem", retries => 0, breaker_failures => 0);
	create_table($node, $name, "at_$name", q{who text OPTIONS (json '/headers/x-client')}, path => '/echo');
	$node->safe_psql('postgres', "GRANT SELECT ON at_$name TO PUBLIC; GRANT USAGE ON FOREIGN SERVER $name TO PUBLIC");
}
$node->safe_psql('postgres', "CREATE ROLE $_ LOGIN") foreach qw(anna bert carl unknown nobody);

sub mapping
{
	my ($role, $server, $name, %more) = @_;
	return "CREATE USER MAPPING FOR $role SERVER $server OPTIONS (auth 'mtls', cert_file '$folder/$name.pem', key_file '$folder/$name.key'"
	  . join('', map { ", $_ '$more{$_}'" } sort keys %more) . ')';
}

my @texts;
my $admin = DistQuery::Session->new($node);
foreach my $name (sort keys %ports)
{
	$admin->query(mapping($_, $name, $_)) foreach qw(anna bert unknown);
	$admin->query(mapping('carl', $name, 'carl', key_password => 'key-secret-of-carl'));
}

#
# Whose certificate is shown
#

my $ask = sub { "SELECT who FROM at_$_[0]" };
foreach my $name (qw(optional strict tls12))
{
	my $one = DistQuery::Session->new($node);
	foreach my $role (qw(anna bert carl bert anna))
	{
		is($one->query("SET ROLE $role; " . $ask->($name)), "CN=$role", "$name: $role, of several in one session");
	}
	$one->close;
}
# nginx names a connection's certificate: each of them was one client's only, and kept ones were used again.
my %clients;
my $requests = 0;
foreach my $line (split /\n/, PostgreSQL::Test::Utils::slurp_file("$folder/access.log"))
{
	my ($connection, $client) = split / /, $line;
	$clients{$connection}{$client} = 1;
	$requests++;
}
is($requests, 15, 'as many requests as questions');
is(scalar(grep { keys %$_ > 1 } values %clients), 0, 'no connection was shared between certificates');
cmp_ok(scalar keys %clients, '<', $requests, 'connections were kept');

my $mixed = DistQuery::Session->new($node);
$mixed->query('CREATE VIEW for_anna AS SELECT who FROM at_optional; ALTER VIEW for_anna OWNER TO anna;
	CREATE VIEW for_bert AS SELECT who FROM at_optional; ALTER VIEW for_bert OWNER TO bert; GRANT SELECT ON for_anna, for_bert TO PUBLIC');
is($mixed->query('SELECT a.who, b.who, c.who FROM for_anna a, for_bert b, at_optional c'), 'CN=anna|CN=bert|', 'all at once, each with its own, or none');
is($mixed->query('SET ROLE nobody; SELECT who FROM at_optional'), '', 'no mapping, no certificate');
is($mixed->query('SET ROLE anna; SELECT who FROM at_optional; RESET ROLE'), 'CN=anna', 'and a mapping again');

#
# What is refused
#

my $refused = DistQuery::Session->new($node);
my $fails = sub {
	my ($role, $name, $state, $message, $hint) = @_;
	my $error = $refused->error("SET ROLE $role; " . $ask->($name));
	push @texts, $error;
	like($error, qr/^ERROR:  $state: could not fetch foreign table "at_$name" from server "$name": .*$message/, "$role at $name is refused");
	like($error, qr/HINT:.*$hint/, 'with a hint');
};
$fails->('unknown', 'strict', 'HV000', 'HTTP status 400', 'Does the service trust the certificate');
$fails->('unknown', 'tls12', 'HV000', 'HTTP status 400', 'Does the service trust the certificate');
$fails->('unknown', 'abrupt', 'HV0\w\w', '(?:alert|TLS|connection broke)', 'Does the service trust the certificate');
like($refused->error('SET ROLE nobody; SELECT who FROM at_strict'), qr/HTTP status 400(?s:.*)No required SSL certificate/, 'none where one is required');

# Files that do not serve.
write_file($folder, 'broken.pem', "no certificate\n");
write_file($folder, 'broken.key', "no key\n");
my %broken = (
	missing => mapping('anna', 'optional', 'missing'),
	broken => mapping('anna', 'optional', 'broken'),
	'no password' => mapping('anna', 'optional', 'carl'),
	'wrong password' => mapping('anna', 'optional', 'carl', key_password => 'key-secret-of-nobody'),
	'of another' => mapping('anna', 'optional', 'anna') =~ s/anna\.key/bert.key/r);
foreach my $name (sort keys %broken)
{
	$admin->query("DROP USER MAPPING FOR anna SERVER optional; $broken{$name}");
	$service->reset;
	$fails->('anna', 'optional', 'HV00N', 'the client certificate could not be used', '"cert_file" and "key_file"');
	is($service->count('/echo'), 0, "$name: nothing was asked");
	unlike($refused->last_error, qr/\Q$folder\E/, "$name: the server's files are not told");
}
is($admin->query('DROP USER MAPPING FOR anna SERVER optional; ' . mapping('anna', 'optional', 'anna')), '', 'good ones again');
is($refused->query('SET ROLE anna; SELECT who FROM at_optional'), 'CN=anna', 'are good');

# Without TLS nothing would be shown.
create_server($node, 'plain', $service->url);
create_table($node, 'plain', 'at_plain', 'id int', path => '/fault/good');
$admin->query(mapping('CURRENT_USER', 'plain', 'anna'));
like($admin->error('SELECT * FROM at_plain'), qr/^ERROR:  HV024: server "plain" is not asked by TLS, which auth 'mtls' needs/, 'http is refused');

#
# Files of the server are for superusers to name
#

my $owner = DistQuery::Session->new($node);
$admin->query('CREATE ROLE boss; GRANT USAGE ON FOREIGN DATA WRAPPER distquery TO boss; ALTER SERVER optional OWNER TO boss; ALTER SERVER strict OPTIONS (DROP ca_file); ALTER SERVER strict OWNER TO boss');
$owner->query('SET ROLE boss');
my @denied = (
	mapping('boss', 'optional', 'anna') => 'cert_file',
	mapping('PUBLIC', 'optional', 'anna') => 'cert_file',
	"CREATE USER MAPPING FOR boss SERVER optional OPTIONS (auth 'mtls', key_file '/x')" => 'key_file',
	"ALTER USER MAPPING FOR bert SERVER optional OPTIONS (SET cert_file '/etc/passwd')" => 'cert_file',
	"ALTER USER MAPPING FOR bert SERVER optional OPTIONS (SET key_file '/etc/passwd')" => 'cert_file',
	"ALTER USER MAPPING FOR carl SERVER optional OPTIONS (DROP key_password)" => 'cert_file',
	"ALTER USER MAPPING FOR carl SERVER optional OPTIONS (SET key_password 'guess')" => 'cert_file',
	"ALTER SERVER optional OPTIONS (SET ca_file '/etc/passwd')" => 'ca_file',
	"ALTER SERVER optional OPTIONS (ADD timeout '1s')" => 'ca_file',
	"ALTER SERVER strict OPTIONS (ADD ca_file '/etc/passwd')" => 'ca_file',
	"CREATE SERVER other FOREIGN DATA WRAPPER distquery OPTIONS (url 'https://localhost', ca_file '/etc/passwd')" => 'ca_file');
while (my ($sql, $option) = splice(@denied, 0, 2))
{
	like($owner->error($sql), qr/^ERROR:  42501: only superusers can set option "$option"/, "not by an owner: $sql" =~ s/\Q$folder\E//gr);
}
$owner->query('SET ROLE bert');
like($owner->error("ALTER USER MAPPING FOR bert SERVER optional OPTIONS (SET key_file '$folder/anna.key')"),
	qr/^ERROR:  42501: only superusers can set option "cert_file"/, 'nor by the user of the mapping');
is($owner->query('SELECT who FROM at_optional'), 'CN=bert', 'who may use it all the same');
is($owner->query(q{SELECT umoptions IS NULL OR NOT umoptions::text ~ 'key-secret' FROM pg_user_mappings WHERE usename = 'carl' AND srvname = 'optional'}), 't', 'and does not see others');
is($owner->error('SET ROLE boss; DROP USER MAPPING FOR bert SERVER optional'), '', 'an owner may drop it');
is($owner->query('SET ROLE bert; SELECT who FROM at_optional'), '', 'then there is none');

# Everything that was said holds neither password nor file.
push @texts, $admin->query("EXPLAIN (ANALYZE, VERBOSE, COSTS off) $_") foreach 'SELECT who FROM at_optional', 'SELECT who FROM for_anna';
push @texts, $admin->query("TABLE $_") foreach qw(distquery.services distquery.last_errors);
unlike($_, qr/key-secret|\.key\b/, 'no secret is told') foreach @texts;
$_->close foreach $admin, $mixed, $refused, $owner;
$node->stop;
$_->kill_kill(grace => 2) foreach $proxy, $breaker;
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/key-secret/, 'nor in the log');
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
