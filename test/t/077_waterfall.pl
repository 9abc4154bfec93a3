# The waterfall of a statement's requests: bars, properties in EXPLAIN's formats, a picture; and no secrets in any of them.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $service = DistQuery::Test::Service->new;
my $other = DistQuery::Test::Service->new;
my $node = new_node('main', shared_preload_libraries => "'distquery'");
my $secret = 'sesame-open-it';
create_server($node, 'one', $service->url, retries => 1, retry_backoff => '1ms', breaker_failures => 0);
create_server($node, 'narrow', $service->url, max_in_flight => 1);
create_server($node, 'two', $other->url, dialect => 'brackets');
create_server($node, 'keyed', $service->url, auth => 'api_key', api_key => $secret, api_key_in => 'query:key');
create_table($node, 'one', 'good', 'id int, name text', path => '/fault/good');
create_table($node, 'one', 'hanging', 'id int', path => '/fault/hang');
create_table($node, 'one', 'begun', 'id int', path => '/fault/hang-body?rows=1');
create_table($node, 'one', 'cut', 'id int', path => '/fault/cut', retries => 0);
create_table($node, 'one', 'wrong', 'id int', path => '/fault/html');
create_table($node, 'narrow', 'slow', "id int, key text OPTIONS (filter '= in', from 'request')", path => '/fault/slow-first?ms=20', max_batch => 1);
create_table($node, 'two', 'orders', "id int OPTIONS (key 'true'), customer_id int OPTIONS (filter '= in')", path => '/data/brackets/orders',
	paging => 'page', page_size => 2000);
create_table($node, 'one', 'customers', "id int OPTIONS (key 'true'), region text OPTIONS (filter '=')", path => '/data/plain/customers?_envelope=items',
	rows => '/items', total => '/total', paging => 'page', page_size => 500);
create_table($node, 'keyed', 'behind', 'id int', path => "/fault/good?hint=$secret");
my $session = DistQuery::Session->new($node);

sub lines { return split /\n/, $session->query('SELECT * FROM distquery.waterfall(60, 1000)'); }

# What a real XML parser makes of a text: "root, number of elements, all text"; '' where it is not well-formed.
sub parsed
{
	my ($xml) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ -x '/usr/bin/python3' ? '/usr/bin/python3' : 'python3', '-c', q{
import sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
sys.stdout.buffer.write(("%s, %d, %s" % (root.tag, len(list(root.iter())), " ".join(root.itertext()))).encode())
} ], '<', \$xml, '>', \$out, '2>', \$err);
	diag($err) if $err;
	return $out;
}

#
# Several services
#

my $join = "SELECT count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.region = 'APAC'";
$_->reset foreach $service, $other;
my $plan = decode_json($session->query("EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) $join"))->[0]{Plan};
my $asked = $service->count + $other->count;

sub attempts
{
	my ($at) = @_;
	return (@{ $at->{Waterfall} // [] }, map { attempts($_) } @{ $at->{Plans} // [] });
}
my @attempts = attempts($plan);
is(scalar @attempts, $asked, 'EXPLAIN has each request once') or diag(explain($plan));
cmp_ok($asked, '>', 5, 'of which there are some');
my @urls = sort map { $_->{URL} } @attempts;
my @sent = sort map { my $at = $_; map { $at->url . $_->{path} . ($_->{query} ne '' ? "?$_->{query}" : '') } @{ $at->log } } $service, $other;
is(scalar(grep { index($sent[$_], $urls[$_] =~ s/\.\.\.$//r) == 0 } 0 .. $#sent), $asked, 'with its URL')
  or diag(explain([ \@sent, \@urls ]));
is(scalar(grep { $_->{Status} != 200 or $_->{Outcome} ne 'ok' or $_->{'Attempt Number'} != 1 or $_->{Rows} < 0 } @attempts), 0, 'and what came of it');
is(scalar(grep { $_->{Start} < 0 or $_->{Waited} < 0 or $_->{'First Byte'} > $_->{Total} + 0.01 or $_->{Total} <= 0 } @attempts), 0, 'and its times');
my ($first) = sort { $a->{Start} <=> $b->{Start} } @attempts;
is($first->{Start}, 0, 'the axis begins with the first one');
my ($node_of_it) = grep { exists $_->{'Waterfall Length'} } $plan, map { $_, @{ $_->{Plans} // [] } } @{ $plan->{Plans} // [] };
is(scalar(grep { $_->{Start} + $_->{Waited} + $_->{Total} > $node_of_it->{'Waterfall Length'} + 0.01 } @attempts), 0, 'and ends with the last one');

my @bars = lines();
is(scalar @bars, 1 + $asked, 'waterfall() has the same');
is(scalar(grep { /^(?:customers|orders   ) \/data\/\S+ +\|[ .=#-]{60}\| +\d+\.\d \+ *\d+\.\d ms$/ } @bars), $asked, 'each on a line that is well-formed')
  or diag(join "\n", @bars);
my @starts = map { /\| +(\d+\.\d)/ ? $1 : () } @bars;
is_deeply(\@starts, [ sort { $a <=> $b } @starts ], 'in order');
is(scalar(grep { /\|(?: *)(?:\.*-*=*#*)(?: *)\|/ } @bars), $asked, 'phases follow each other in bars');

my $xml = $session->query("EXPLAIN (ANALYZE, VERBOSE, FORMAT XML) $join");
like(parsed($xml), qr/explain, \d+, /, 'XML is well-formed');
is(scalar(() = $xml =~ /<Attempt-Number>1</g), $asked, 'and has them');
my $yaml = $session->query("EXPLAIN (ANALYZE, VERBOSE, FORMAT YAML) $join");
is(scalar(() = $yaml =~ /^\s+Attempt Number: 1$/mg), $asked, 'YAML, too');
is(scalar(grep { /\|[ .=#-]{40}\|/ } split /\n/, $session->query("EXPLAIN (ANALYZE, VERBOSE) $join")), $asked, 'and text');

#
# Ends and waits of all kinds
#

$plan = decode_json($session->query("EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) SELECT count(*) FROM slow WHERE key IN ('a', 'b', 'c')"))->[0]{Plan};
@attempts = sort { $a->{Start} + $a->{Waited} <=> $b->{Start} + $b->{Waited} } attempts($plan);
is(scalar @attempts, 3, 'three requests');
is(scalar(grep { my ($before, $it) = @attempts[ $_ - 1, $_ ];
	$it->{Start} + $it->{Waited} >= $before->{Start} + $before->{Waited} + $before->{Total} - 0.1 } 1, 2), 2, 'one at a time')
  or diag(explain(\@attempts));
@bars = grep { /^slow / } lines();
is(scalar @bars, 3, 'waterfall() has those of EXPLAIN');
cmp_ok(scalar(grep { /\| *\.+=+/ } @bars), '>=', 1, 'and shows that they waited for a slot') or diag(join "\n", @bars);
like($session->error('SELECT * FROM cut'), qr/^ERROR/, 'an answer is cut off');
like((lines())[1], qr/^cut .* ms  cut_off$/, 'as the bar says');
like($session->error('SELECT * FROM wrong'), qr/^ERROR/, 'another is not what was declared');
like((lines())[1], qr/^wrong .* ms  content$/, 'as the bar says');
like($session->error("SET statement_timeout = '50ms'; SELECT * FROM hanging"), qr/57014/, 'a statement is cancelled');
like((lines())[1], qr/^hanging .*\|=+\| +0\.0 \+ *\d+\.\d ms  cancelled$/, 'as the bar says');
$session->query('RESET statement_timeout; BEGIN; DECLARE c CURSOR FOR SELECT * FROM begun; FETCH 1 FROM c');
like((lines())[1], qr/^begun .* ms  under way$/, 'a request that is under way');
like(parsed($session->query('SELECT distquery.waterfall_svg()')), qr/under way/, 'also in the picture');
$session->query('COMMIT');
like((lines())[1], qr/^begun .* ms  left$/, 'and that was left');

#
# Many
#

$other->put('numbers', [ map { { id => $_ } } 1 .. 1010 ]);
$session->query("CREATE FOREIGN TABLE many (id int) SERVER two OPTIONS (path '/data/brackets/numbers', paging 'page', page_size '1')");
$session->query('SELECT count(*) FROM many');
@bars = lines();
like($bars[0], qr/^1000 requests /, 'so many are remembered');
like($bars[-1], qr/^\d+ earlier ones are not remembered$/, 'and how many were not');
is(scalar @bars, 1002, 'and shown, where that is asked');
is(scalar(split /\n/, $session->query('SELECT * FROM distquery.waterfall()')), 43, 'else the longest');
like(parsed($session->query('SELECT distquery.waterfall_svg()')), qr/svg, \d+, .*earlier ones are not remembered/s, 'a picture of so many');
@bars = grep { /\|[ .=#-]{40}\||more, of|not remembered/ } split /\n/, $session->query('EXPLAIN (ANALYZE, VERBOSE) SELECT count(*) FROM many');
is(scalar @bars, 42, 'EXPLAIN shows the longest, too');
like($bars[40], qr/^ +960 more, of up to \d+\.\d ms$/, 'and how many more there are');

#
# The picture
#

$session->query(qq{CREATE FOREIGN TABLE "<b>&amp;""']]>\x{c3}\x{a4}\x{e2}\x{82}\x{ac}" (id int) SERVER two OPTIONS (path '/data/brackets/orders?_lenient=1&q=<script>"''', paging 'none');
	SELECT count(*) FROM "<b>&amp;""']]>\x{c3}\x{a4}\x{e2}\x{82}\x{ac}"});
my $svg = $session->query('SELECT distquery.waterfall_svg()');
my $text = parsed($svg);
like($text, qr/^\{http:\/\/www\.w3\.org\/2000\/svg\}svg, \d+,\s+1 request in /, 'an SVG document');
like($text, qr/<b>&amp;"'\]\]>\x{c3}\x{a4}\x{e2}\x{82}\x{ac} \/data/, 'any name arrives as it is');
unlike($svg, qr/[^\x0a\x20-\x7e]/, 'in ASCII');
unlike($svg, qr/<script|<b>|javascript|href/, 'without anything that would be run or loaded');
$session->query("SET client_encoding = 'latin1'");
is(parsed($session->query('SELECT distquery.waterfall_svg()')), $text, 'in any encoding of the client');
$session->query('RESET client_encoding');

#
# Secrets, and others' requests
#

$session->query('SELECT count(*) FROM behind');
my @texts = ((join "\n", lines()), $session->query('SELECT distquery.waterfall_svg()'),
	map { $session->query("EXPLAIN (ANALYZE, VERBOSE, FORMAT $_) SELECT count(*) FROM behind") } qw(TEXT JSON XML YAML));
is(scalar(grep { /hint=/ } @texts), 6, 'a URL is shown');
is(scalar(grep { /\*\*\*/ } @texts), 6, 'without its secret');
is(scalar(grep { /sesame/ } @texts[0, 1]), 0, 'which is nowhere');
$session->query("CREATE ROLE asker LOGIN; CREATE FUNCTION asks() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM behind'");
my $asker = DistQuery::Session->new($node, user => 'asker');
$asker->query('SELECT asks()');
is($asker->query('SELECT * FROM distquery.waterfall(10)') =~ s/\|.*\| */|| /r =~ s/ *\d+\.\d/ 0/gr,
	"1 request in 0 ms (. waits, - connects, = waits for the first byte, # receives)\n(another role's)  || 0 + 0 ms", 'of what another role asks only times are seen');
unlike($asker->query('SELECT distquery.waterfall_svg()'), qr/hint|behind|http:\/\/127/, 'also in the picture');
$node->safe_psql('postgres', 'GRANT pg_monitor TO asker');
like($asker->query('SELECT * FROM distquery.waterfall(10)'), qr/behind .*hint=/, 'but by members of pg_monitor');
$asker->close;
my $stranger = DistQuery::Session->new($node);
is($stranger->query('SELECT count(*) FROM distquery.waterfall()'), '0', 'another session sees none of it');

#
# No service
#

$service->stop;
like($session->error('SELECT * FROM good'), qr/HV00N/, 'nobody listens');
@bars = lines();
like($bars[1], qr/^good .* ms  connect$/, 'no connection');
like($bars[2], qr/^good .* ms  attempt 2, connect$/, 'nor at another attempt');

$_->close foreach $session, $stranger;
$node->stop;
unlike(PostgreSQL::Test::Utils::slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'no crash');
done_testing();
