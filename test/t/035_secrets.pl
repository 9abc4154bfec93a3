# Credentials arrive where they belong, and nowhere else.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IPC::Run;
use MIME::Base64;
use Test::More;

# A service that repeats what it was told: /<kind> or /<kind>/<bytes before the secret>.
my $script = q{
import base64, http.server, json, urllib.parse
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_message(self, *arguments): pass
    def send(self, status, body, content_type="application/json", headers=()):
        body = body.encode()
        self.send_response(status)
        for name, value in [("Content-Type", content_type), ("Content-Length", str(len(body))), *headers]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qsl(url.query)
        told = [value for name, value in query if name == "key"]
        authorization = self.headers.get("Authorization", "")
        told += [authorization] if authorization else []
        told += [self.headers["X-API-Key"]] if "X-API-Key" in self.headers else []
        if authorization.startswith("Basic "):
            told.append(base64.b64decode(authorization[6:]).decode())
        told = [t.removeprefix("Bearer ") for t in told]
        spelled = told + [json.dumps(t) for t in told] + [json.dumps(t).replace("/", "\\\\/") for t in told] + \
            [urllib.parse.quote(t) for t in told] + [urllib.parse.quote_plus(t) for t in told] + \
            [urllib.parse.quote(t, safe="").lower() for t in told]
        kind, _, number = url.path[1:].partition("/")
        pad = "." * int(number or 0)
        again = urllib.parse.urlencode(query)
        page = int(dict(query).get("p", "1"))
        if kind == "told":
            self.send(200, json.dumps([{"told": told[0]}]))
        elif kind == "error":
            self.send(500, pad + (" ".join(spelled) if not pad else told[-1]))
        elif kind == "broken":
            self.send(200, pad + "['" + (" ".join(spelled) if not pad else told[-1]))
        elif kind == "html":
            self.send(200, "<p>" + " ".join(spelled), "text/html; x=" + (told[0] if told[0].isascii() else ""))
        elif kind == "type":
            self.send(200, "x", "text/csv" + told[0].encode("ascii", "ignore").decode())
        elif kind == "redirect":
            self.send(302, "", headers=[("Location", "/elsewhere?" + again)])
        elif kind in ("next", "link", "loop"):
            if page == 3:
                return self.send(500, "no more for " + " ".join(told))
            following = "/%s?%s" % (kind, urllib.parse.urlencode([q for q in query if q[0] != "p"] +
                                                                [("token", told[-1])] * (page == 1) +
                                                                [("p", str(page + (kind != "loop" or page == 1)))]))
            self.send(200, json.dumps({"items": [{"told": page}], "next": following}),
                      headers=[("Link", "<%s>; rel=next" % following)])
        elif kind == "cursor":
            self.send(200, json.dumps({"items": [{"told": "x"}], "next": told[-1]}))
        elif kind == "elsewhere":
            self.send(200, json.dumps({"items": [], "next": "http://%s.example/" % urllib.parse.quote(told[-1], safe="")}))
        elif kind == "badnext":
            self.send(200, json.dumps({"items": [], "next": "gopher://x/" + told[-1]}))
        elif kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'[{"told": 1}, ')
            self.close_connection = True
        else:
            self.send(404, " ".join(told))
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
};
my $python = -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3';
my $out = '';
my $repeater = IPC::Run::start([ $python, '-c', $script ], '<', \undef, '>', \$out);
$repeater->pump until $out =~ /\d+\n/ or !$repeater->pumpable;
chomp(my $port = $out);
my $service = DistQuery::Test::Service->new;

my $node = new_node('main', jit => 'off', log_statement => 'none', log_min_messages => 'debug1', log_min_error_statement => 'panic',
	log_connections => 'off');
my $admin = DistQuery::Session->new($node);

# Kinds of credentials, each with the text that must not be seen; odd characters on purpose.
my %mappings = (
	bearer => { secret => 'tok/en+tha"t=%is,secret', options => { auth => 'bearer', token => 'tok/en+tha"t=%is,secret' } },
	basic => { secret => 'pass/word: with&odd=chars', options => { auth => 'basic', username => 'alice',
			password => 'pass/word: with&odd=chars' } },
	header => { secret => 'key/in+header=', options => { auth => 'api_key', api_key => 'key/in+header=' } },
	named => { secret => 'key-in-a-header-named', options => { auth => 'api_key', api_key => 'key-in-a-header-named',
			api_key_in => 'header:X-Other-Key' } },
	query => { secret => 'key in/query+odd&chars=%41', options => { auth => 'api_key', api_key => 'key in/query+odd&chars=%41',
			api_key_in => 'query:key' } },
	long => { secret => 'eyJ' . join('', map { sprintf '%x.', $_ * 7919 } 1 .. 400), options => { auth => 'bearer' } });
$mappings{long}{options}{token} = $mappings{long}{secret};

my @texts;    # everything that a user, or the log, gets to see

sub note_text
{
	my ($what, $text) = @_;
	push @texts, [ $what, $text ];
	return $text;
}

# The parts of a secret that would give it away, however spelled.
sub leak
{
	my ($text) = @_;
	$text =~ s/\\u([0-9a-f]{4})/chr hex $1/gie;
	$text =~ s{\\(["\\/])}{$1}g;
	my $decoded = $text =~ s/%([0-9a-f]{2})/chr hex $1/gier;
	foreach my $kind (sort keys %mappings)
	{
		my $secret = $mappings{$kind}{secret};
		my $basic = encode_base64("alice:$secret", '');
		foreach my $part (substr($secret, 0, 8), substr($secret, 4, 8), substr($secret, -8), substr($basic, 8, 12))
		{
			return "$kind: $part" if index($text, $part) >= 0 or index($decoded, $part) >= 0 or index($decoded =~ tr/+/ /r, $part) >= 0;
		}
	}
	return;
}
ok(leak('x ' . $mappings{$_}{secret}), "the test would see the secret of $_") foreach sort keys %mappings;

#
# What arrives
#

foreach my $kind (sort keys %mappings)
{
	my %options = %{ $mappings{$kind}{options} };
	create_server($node, $kind, $service->url, %options, retries => 0, breaker_failures => 0);
	create_server($node, "repeating_$kind", "http://127.0.0.1:$port", %options, retries => 0, breaker_failures => 0);
	create_table($node, $kind, "echo_$kind", q{credentials text OPTIONS (json '/headers/authorization'),
		key text OPTIONS (json '/headers/x-api-key'), other text OPTIONS (json '/headers/x-other-key'), query text, target text},
		path => '/echo?fixed=1');
}
my %arrives = (
	bearer => 'Bearer tok/en+tha"t=%is,secret|||fixed=1|/echo?fixed=1',
	basic => 'Basic ' . encode_base64('alice:pass/word: with&odd=chars', '') . '|||fixed=1|/echo?fixed=1',
	header => '|key/in+header=||fixed=1|/echo?fixed=1',
	named => '||key-in-a-header-named|fixed=1|/echo?fixed=1',
	query => '|||fixed=1&key=key%20in%2Fquery%2Bodd%26chars%3D%2541|/echo?fixed=1&key=key%20in%2Fquery%2Bodd%26chars%3D%2541',
	long => "Bearer $mappings{long}{secret}|||fixed=1|/echo?fixed=1");
is($admin->query("SELECT * FROM echo_$_"), $arrives{$_}, "$_ arrives") foreach sort keys %arrives;

# What the fixture accepts, and what it does not.
create_server($node, 'known', $service->url, auth => 'basic', username => 'alice', password => 's3cret');
create_server($node, 'stranger', $service->url, auth => 'bearer', token => 'not-the-token');
create_table($node, $_, "protected_$_", 'id int', path => '/fault/protected') foreach qw(known stranger);
is($admin->query('SELECT count(*) FROM protected_known'), '3', 'right credentials');
like($admin->error('SELECT count(*) FROM protected_stranger'), qr/HV00L: .*HTTP status 401/, 'wrong credentials');
is($service->count('/fault/protected'), 2, 'are not tried again');

# One server's credentials do not travel to another, nor along a kept handle.
create_server($node, 'plain', $service->url);
create_table($node, 'plain', 'echo_plain', 'headers text, query text', path => '/echo');
$admin->query('SELECT count(*) FROM echo_bearer; SELECT count(*) FROM echo_basic; SELECT count(*) FROM echo_header');
unlike($admin->query('SELECT headers FROM echo_plain'), qr/authorization|api-key/i, 'a server without a mapping gets none');

#
# What is seen
#

foreach my $kind (sort keys %mappings)
{
	foreach my $explain ('VERBOSE', 'ANALYZE, VERBOSE', 'ANALYZE, VERBOSE, FORMAT JSON', 'VERBOSE, FORMAT XML', 'VERBOSE, FORMAT YAML')
	{
		note_text("EXPLAIN ($explain), $kind", $admin->query("EXPLAIN ($explain) SELECT query FROM echo_$kind"));
		like($texts[-1][1], qr{/echo\?fixed=1}, "EXPLAIN ($explain) shows the request of $kind");
	}
	next if $kind eq 'named';

	my %paged = (rows => '/items', paging => 'next', next => '/next');
	my %tables = (
		error => [], broken => [], html => [], type => [], redirect => [], cut => [], 'nothing' => [],
		next => [%paged], loop => [%paged], elsewhere => [%paged], badnext => [%paged],
		link => [ rows => '/items', paging => 'link' ], cursor => [ rows => '/items', paging => 'cursor', next => '/next' ],
		map({ ("error/$_" => []) } 150, 185, 190, 195, 198, 1010, 1018), map({ ("broken/$_" => []) } 80, 100, 110, 114));
	foreach my $path (sort keys %tables)
	{
		my $table = "fails_${kind}_$path" =~ s/\W/_/gr;
		$admin->query("CREATE FOREIGN TABLE $table (told text) SERVER repeating_$kind "
			  . options_clause(path => "/$path", @{ $tables{$path} }));
		note_text("/$path, $kind", $admin->error("SELECT count(told) FROM $table"));
		like($texts[-1][1], qr/^ERROR:  HV...: /, "/$path fails with $kind");
	}

	# Where the row comes from is told when it does not fit.
	$admin->query("CREATE FOREIGN TABLE misfit_$kind (told int) SERVER repeating_$kind "
		  . "OPTIONS (path '/next', rows '/items/0', paging 'next', next '/next')");
	$admin->query("ALTER FOREIGN TABLE misfit_$kind ALTER COLUMN told OPTIONS (json '/told/x')");
	note_text("a misfit, $kind", $admin->error("SELECT told FROM misfit_$kind"));
	note_text("materialize, $kind", $admin->error("SELECT distquery.materialize('fails_${kind}_next')"));
	note_text("last_errors, $kind", $admin->query('TABLE distquery.last_errors'));
	isnt($texts[-1][1], '', "$kind: last_errors has it");
	foreach my $call ('SELECT * FROM distquery.waterfall(60, 1000)', 'SELECT distquery.waterfall_svg()')
	{
		note_text("$call, $kind", $admin->query($call));
		isnt($texts[-1][1], '', "$kind: so has $call");
	}
	note_text("requests, $kind", $admin->query("SELECT * FROM distquery.requests WHERE server = 'repeating_$kind'"));
	like($texts[-1][1], qr{/next\?.*token=.*\*\*\*}, "$kind: requests has the link");
	is($admin->query("CREATE FOREIGN TABLE told_$kind (told text) SERVER repeating_$kind OPTIONS (path '/told');
		SELECT count(told) FROM told_$kind"), '1', "$kind: the service was told");
}

create_server($node, 'nobody', 'http://127.0.0.1:1', %{ $mappings{query}{options} }, retries => 0);
create_table($node, 'nobody', 'refused', 'id int', path => '/');
note_text('refused', $admin->error('SELECT * FROM refused'));
like($texts[-1][1], qr/HV00N/, 'refused');

# Views and catalogs that everybody may read.
create_table($node, 'bearer', 'paged', 'id int', path => '/data/plain/products?_envelope=items', rows => '/items', paging => 'page', page_size => 100);
note_text('activity', $admin->query('BEGIN; DECLARE c CURSOR FOR SELECT * FROM paged; FETCH 1 FROM c; TABLE distquery.activity; COMMIT'));
like($texts[-1][1], qr/\|bearer\|paged\|/, 'activity shows a fetch');
foreach my $relation (qw(distquery.options distquery.services distquery.requests distquery.shared_memory pg_foreign_server pg_foreign_table pg_foreign_data_wrapper pg_attribute
	information_schema.foreign_server_options information_schema.foreign_table_options information_schema.foreign_tables))
{
	note_text($relation, $admin->query("TABLE $relation"));
	isnt($texts[-1][1], '', "$relation is not empty");
}
$node->safe_psql('postgres', 'CREATE ROLE somebody LOGIN');
my $somebody = DistQuery::Session->new($node, user => 'somebody');
note_text($_, $somebody->query("TABLE $_"))
  foreach qw(pg_user_mappings information_schema.user_mapping_options distquery.options);
note_text('pg_user_mapping', $somebody->error('TABLE pg_user_mapping'));

foreach my $text (@texts)
{
	my $leak = leak($text->[1]);
	is($leak, undef, "no secret in $text->[0]") or diag($text->[1]);
}
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($log, qr/DEBUG:/, 'the log is talkative');
like($log, qr/could not fetch foreign table/, 'and has our errors');
my @lines = grep { leak($_) } split /\n/, $log;
is("@lines[0 .. ($#lines > 2 ? 2 : $#lines)]", '', 'no secret in the log');

# Values that would break out of a header are refused, and not repeated.
foreach my $option ([ 'bearer', 'token' ], [ 'api_key', 'api_key' ])
{
	my ($auth, $name) = @$option;
	my $error = $admin->error("CREATE USER MAPPING FOR CURRENT_USER SERVER plain OPTIONS (auth '$auth', $name E'gives-away\\r\\nX-Evil: 1')");
	like($error, qr/^ERROR:  \w{5}: .*"$name"/, "a line break in $name is refused");
	unlike($error, qr/gives-away/, 'without showing it');
}

$_->close foreach $admin, $somebody;
$repeater->kill_kill(grace => 1);
$node->stop;
done_testing();
