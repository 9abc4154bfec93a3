# Descriptions that do not come, do not end, or are made to hurt: a clear error each time, and a session that goes on.
use strict;
use warnings;
use DistQuery::Test;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $node = new_node('main');
create_server($node, 'api', $service->url, retries => 0, timeout => '20s', openapi => '/fault/good',
	auth => 'bearer', token => 't0ken');

# Describes the API found at a place; stderr of psql.
sub describe_from
{
	my ($place, %settings) = @_;
	my ($out, $error) = ('', '');
	alter_options($node, 'SERVER api', SET => { openapi => $place });
	my $sql = join('', map { "SET $_ = '$settings{$_}';\n" } sort keys %settings);
	$node->psql('postgres', $sql . "SELECT distquery.describe('api');\nSELECT 'goes on';",
		stdout => \$out, stderr => \$error, on_error_stop => 0);
	like($out, qr/goes on$/, "$place: the session goes on");
	return $error;
}

# What the service does, and what the error says.
my @faults = (
	[ '/fault/reset', qr/could not ask server "api": .*/ ],
	[ '/fault/close', qr/could not ask server "api": the service closed the connection without an answer/ ],
	[ '/fault/cut', qr/could not ask server "api": the answer was cut off/ ],
	[ '/fault/status/500', qr/could not ask server "api": HTTP status 500/ ],
	[ '/fault/status/401', qr/could not ask server "api": HTTP status 401/ ],
	[ '/fault/redirect', qr/could not ask server "api": HTTP status 302/ ],
	[ '/fault/html', qr/it is neither JSON nor YAML/ ],
	[ '/fault/empty', qr/it is neither JSON nor YAML/ ],
	[ '/fault/truncated', qr/could not read the API description of server "api": .* at byte \d+/ ],
	[ '/fault/good', qr/it is no OpenAPI description: member "openapi" is missing/ ],
	[ '/fault/nan', qr/could not read the API description of server "api": unexpected/ ],
	[ '/fault/bad-utf8', qr/could not read the API description of server "api"/ ],
	[ '/fault/surrogate', qr/could not read the API description of server "api"/ ],
	[ '/fault/nul', qr/could not read the API description of server "api"/ ],
	[ '/fault/deep', qr/nested deeper than \d+ levels|nested too deeply/ ],
	[ '/fault/bomb?mb=200', qr/the answer is larger than max_response of 67108864 bytes/ ],
	[ '/fault/endless-rows', qr/the answer is larger than max_response of 67108864 bytes/ ],
	[ '/literal?type=application/yaml&body=' . ('%5B' x 700), qr/nested too deeply|nesting|level/i ],
	[ '/literal?type=application/yaml&body=a:%20%26x%20%5B1%5D%0A%3C%3C:%20*x', qr/merge keys/ ],
	[ '/literal?type=application/yaml&body=a:%201%0A---%0Ab:%202', qr/more than one document/ ]);
foreach my $fault (@faults)
{
	my ($place, $message) = @$fault;
	like(describe_from($place), $message, substr($place, 0, 60) . ': the error says why');
}

# Waiting ends at once when it is told to.
like(describe_from('/fault/hang', statement_timeout => '300ms'),
	qr/canceling statement due to statement timeout/, 'statement_timeout ends waiting for a description');
like(describe_from('/fault/hang-body', statement_timeout => '300ms'),
	qr/canceling statement due to statement timeout/, 'in the middle of it as well');
alter_options($node, 'SERVER api', SET => { timeout => '300ms' });
like(describe_from('/fault/hang'), qr/no complete answer within timeout of 300 ms/, "the server's timeout holds");
alter_options($node, 'SERVER api', SET => { timeout => '20s' }, ADD => { max_response => '64kB' });
like(describe_from('/big?rows=5000'), qr/larger than max_response of 65536 bytes/, "the server's max_response holds");
alter_options($node, 'SERVER api', DROP => { max_response => 1 });

# Credentials go with the request to the service, and nowhere else.
$service->reset;
like(describe_from('/fault/protected'), qr/it is no OpenAPI description/, 'the description is asked for with credentials');
$service->reset;
like(describe_from($service->other_url . '/fault/protected'), qr/HTTP status 401/,
	'another origin gets none');
my ($entry) = grep { $_->{path} =~ /protected/ } @{ $service->log };
unlike(encode_json($entry), qr/t0ken/, 'the token did not leave');

# A description with 20,000 collections: one of them is soon imported, all can be interrupted.
my %paths = map {
	("/things_$_" => { get => { responses => { 200 => { content => { 'application/json' => {
		schema => { type => 'array', items => { '$ref' => '#/components/schemas/Thing' } } } } } } } })
} 1 .. 20000;
my %document = (
	openapi => '3.0.0', paths => \%paths,
	components => { schemas => { Thing => { type => 'object', properties =>
		{ map { ("member_$_" => { type => 'string', description => 'x' x 50 }) } 1 .. 10 } } } });
my $folder = PostgreSQL::Test::Utils::tempdir();
append_to_file("$folder/openapi.json", encode_json(\%document));
my $port_file = "$folder/port";
my $mock = IPC::Run::start([ 'python3', 'test/fixtures/mock.py', '--port-file', $port_file, "large=$folder/openapi.json" ],
	'<', \undef);
ok(poll_until(sub { -e $port_file || !$mock->pumpable }, 60) && -e $port_file, 'the mock service starts');
chomp(my $port = slurp_file($port_file));
create_server($node, 'large', "http://127.0.0.1:$port/large");
my ($out, $error);
is($node->psql('postgres', "IMPORT FOREIGN SCHEMA openapi LIMIT TO (things_7, things_20000) FROM SERVER large INTO public;"
	  . "SELECT count(*) FROM things_20000", stdout => \$out, stderr => \$error), 0, 'two of 20,000 are imported')
  or diag($error);
is($out, '2', 'and answer');
$node->psql('postgres', "SET statement_timeout = '700ms'; CREATE SCHEMA l; IMPORT FOREIGN SCHEMA openapi FROM SERVER large INTO l",
	stdout => \$out, stderr => \$error);
like($error, qr/canceling statement due to statement timeout/, 'importing all of them is interrupted');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relname LIKE 'things%'"), '2',
	'and leaves nothing behind');
$mock->kill_kill(grace => 2);
done_testing();
