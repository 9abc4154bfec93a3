# Values never leave their place: a request decodes to just the value that was asked, wherever it stands, or is not made.
#
# Each place is asked for a list of hostile values and for random ones; DQ_SEED and DQ_QUERIES give others and more.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Session;
use DistQuery::Test;
use Encode qw(decode encode);
use JSON::PP;
use Test::More;

my $seed = $ENV{DQ_SEED} // 4711;
$seed = time if $seed eq 'random';
my $count = $ENV{DQ_QUERIES} // 40;
note("seed $seed, $count random values");
srand($seed);

my $service = DistQuery::Test::Service->new;
my $node = new_node('main', jit => 'off', 'distquery.lookup_join' => 'off');
my $session = DistQuery::Session->new($node);
my $json = JSON::PP->new->utf8->allow_nonref;
create_server($node, 'api', $service->url, retries => 0, breaker_failures => 0);

#
# Values, as characters
#

my @values = (
	map({ chr } 1 .. 0x7f),
	map({ "a" . chr($_) . "b" } 1 .. 0x2f, 0x3a .. 0x40, 0x5b .. 0x60, 0x7b .. 0x7f),
	'', '.', '..', '...', './', '../', '../..', '../../etc/passwd', '..\\..\\etc', '/..', '/../', './.', '.%2e', '%2e', '%2e%2e', '%2E.', '%2e%2e%2f', '..%2f',
	'..%252f', '%252e%252e', '%c0%ae%c0%ae', '%c0%af', '%2f', '%2F', '%5c', '%00', '%0d%0aX-Evil: 1', '%', '%%', '%z', '%zz', '%1', 'a%', '100%',
	"a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "\r\n\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n", "a HTTP/1.1\r\nX-Evil: 1\r\n\r\n", "\t", ' ', '  ', ' a ', "a\tb",
	'/', '//', '//evil.example', '///', 'a/b', '/a', 'a/', '\\', '\\\\', 'a\\b', 'http://evil.example/', 'http:evil', '@evil.example', ':80@evil.example/', 'a@b',
	'?', 'a?b=c', '#', 'a#b', '#?', ';', 'a;b', ';jsessionid=1', '&', 'a&evil=1', '&evil=1', '=', 'a=b', 'v=1&v=2', '+', 'a+b', ',', 'a,b', ',a', 'a,', ',,',
	'{v}', '{seg}', '{', '}', '{{', '}}', '{value}', '{values}', '$v', '${v}', '$(v)', '`v`', '%s%s%n', '%d',
	'"', '""', '\\"', '","evil":"1', '"}', '"}],"evil":[{"', "'", "''", "' or 1 eq 1 or v eq '", "'; DROP TABLE x; --", 'null', 'true', '0', '-1', '1e309', 'NaN',
	'*', '%*%', '(', ')', '()', 'in.(a)', 'eq.a', 'not.eq.a', 'a.b', 'a:b', 'or=(a.eq.1)', '[', ']', '[]', 'a[b]', 'a[$ne]', '<', '>', '<!--', '<script>', '|', '^', '~', '!',
	"\x{ff0f}", "a\x{ff0f}b", "\x{ff0e}\x{ff0e}\x{ff0f}", "\x{2215}", "\x{2044}", "\x{29f8}", "\x{2024}\x{2024}", "\x{2025}", "\x{fe52}", "\x{ff3c}", "\x{ff1f}", "\x{ff03}", "\x{ff06}",
	"\x{ff1d}", "\x{ff05}2e", "\x{ff0c}", "\x{201d}", "\x{2019}", "\x{ff07}", "\x{a0}", "\x{2028}", "\x{2029}", "\x{85}", "\x{200b}", "\x{feff}", "\x{202e}a", "\x{ad}", "\x{7f}",
	"\x{80}", "\x{9f}", "\x{e9}", "e\x{301}", "\x{212a}", "\x{130}", "\x{df}", "\x{d7ff}", "\x{e000}", "\x{fffd}", "\x{fffe}", "\x{10000}", "\x{1f600}", "\x{10ffff}",
	"\x{10a}\x{10d}", "\x{560a}\x{560d}", "\x{ff0d}\x{ff0a}",
	'a' x 3000, '/' x 500, '../' x 300, '%2e%2e%2f' x 200, "\x{1f600}" x 300);

my @alphabet = (split(//, q{./\\%?#&=;:@+,"'(){}[]<>$*!|^~` abAB019}), '%2e', '%2f', '%5c', '%0d%0a', '..', '../', '//', "\r", "\n", "\t", "\x{1}", "\x{7f}",
	"\x{ff0f}", "\x{ff0e}", "\x{e9}", "\x{2028}", "\x{1f600}", 'X-Evil: 1', 'evil=1', 'v=');
push @values, join('', map { $alphabet[ rand @alphabet ] } 0 .. rand 10) for 1 .. $count;

# Values of a table in the server, so that nothing depends on how psql reads them.
$session->query('CREATE TABLE hostile (n int PRIMARY KEY, v text)');
$session->query('INSERT INTO hostile VALUES ' . join(', ', map { sprintf q{(%d, convert_from('\x%s', 'UTF8'))}, $_, unpack('H*', encode('UTF-8', $values[$_])) } 0 .. $#values));
is($session->query('SELECT count(*) FROM hostile'), scalar @values, scalar(@values) . ' values') or die $session->last_error;

# In their order, which that of the heap need not be.
$session->query('CREATE VIEW ordered AS SELECT n, v FROM hostile ORDER BY n OFFSET 0');

# Runs a query with each value as $1; what it says of errors, by value.
$session->query(q{
	CREATE FUNCTION ask(query text, v text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE state text; message text;
	BEGIN
		EXECUTE query USING v;
		RETURN NULL;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
		RETURN state || ' ' || message;
	END $$});

#
# Decoding, without any of the code that is tested
#

sub percent_decoded { my ($bytes) = @_; $bytes =~ s/%([0-9A-Fa-f]{2})/chr hex $1/ge; return $bytes; }

# Bytes of a request's target may only be these.
my $legal = qr{^/[A-Za-z0-9\-._~!\$&'()*+,;=:\@/%]*(?:\?[A-Za-z0-9\-._~!\$&'()*+,;=:\@/?%]*)?$};

# Parameters of a query string, in order: [name, value]; as bytes.
sub parameters
{
	my ($query) = @_;
	return map { my ($name, $value) = split /=/, $_, 2; [ percent_decoded($name), percent_decoded($value // '') ] } split /&/, $query;
}

# Asks for each value at a place.  $found takes a request of the log and gives the bytes that stand in the value's place, undef where the
# request has another form.  refuses: pattern of values that are an error without a request; requests: how many a value takes.
sub property
{
	my ($name, $query, $found, %options) = @_;
	my $refuses = $options{refuses} // qr/(?!)/;
	my $message = $options{message} // qr/./;
	my $wants = $options{wants} // sub { return $_[0]; };
	my (@wrong, @asked);
	my $refused = 0;

	$service->reset;
	my $said = $json->decode($session->query('SELECT json_agg(ask(' . literal($query) . ', v) ORDER BY n) FROM ordered'));
	my @log = @{ $service->log };
	for my $n (0 .. $#values)
	{
		my $value = encode('UTF-8', $values[$n]);
		my $shown = $value =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ger;
		my $error = $said->[$n];

		if ($values[$n] =~ $refuses)
		{
			push @wrong, "not refused: $shown" unless defined $error && $error =~ /^(?:HV|22|42)\w+ .*$message/s;
			push @wrong, "shown: $shown" if defined $error && $error =~ /[\x00-\x1f\x7f]/;
			next;
		}
		if (defined $error && $options{may_refuse} && $error =~ $options{may_refuse})
		{
			$refused++;
			next;
		}
		push @wrong, "refused: $shown: $error" if defined $error && !($options{fails} && $error =~ $options{fails});
		my $request = shift @log;
		if (!$request)
		{
			push @wrong, "no request: $shown";
			last;
		}
		push @asked, $request;
		my $target = $request->{target};
		my $got = $found->($request, $value);
		push @wrong, "illegal target: $target" unless $target =~ $legal;
		push @wrong, "header: $target" if grep { /evil/ } keys %{ $request->{headers} };
		push @wrong, "for $shown: " . ($got // 'another request') . " in $target" unless defined $got && $got eq $wants->($value);
	}
	push @wrong, scalar(@log) . ' requests too many, as ' . $log[0]{target} if @log;
	is(scalar @wrong, 0, "$name: " . scalar(@asked) . ' requests hold just what was asked') or diag(join "\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]);
	cmp_ok($refused, '<', @values / 3, "$name: few are refused") if $options{may_refuse};
	is($service->stats->{in_flight}, 0, "$name: nothing is on the wire");
	return;
}

# The query string's only value of this parameter, beside those given.
sub parameter
{
	my ($parameter, @others) = @_;
	return sub {
		my ($request) = @_;
		my ($path, $query) = split /\?/, $request->{target}, 2;
		my @found = parameters($query // '');
		my @rest = grep { $_->[0] ne $parameter } @found;

		return if $path ne '/echo' || join('&', map { "$_->[0]=$_->[1]" } @rest) ne join('&', @others) || @found != @rest + 1;
		return (grep { $_->[0] eq $parameter } @found)[0][1];
	};
}

#
# Paths
#

my $control = qr/[\x00-\x1f\x7f]/;
my %path = (refuses => qr/^$|^\.\.?$|$control/, message => qr/its path|in a path|cannot/);

# A segment of its own, or a part of one; slashes of a value are encoded.
sub segment
{
	my ($before, $after) = @_;
	return sub {
		my ($request) = @_;
		return $request->{target} =~ m{^\Q$before\E([^/?#;]*)\Q$after\E$} ? percent_decoded($1) : undef;
	};
}

create_table($node, 'api', 'at_segment', q{seg text OPTIONS ("from" 'request')}, path => '/echo/{seg}/end');
property('a segment of the path', 'SELECT FROM at_segment WHERE seg = $1', segment('/echo/', '/end'), %path);
create_table($node, 'api', 'at_last', q{seg text OPTIONS ("from" 'request')}, path => '/echo/{seg}');
property('the last segment', 'SELECT FROM at_last WHERE seg = $1', segment('/echo/', ''), %path);
create_table($node, 'api', 'at_middle', q{seg text OPTIONS ("from" 'request')}, path => '/echo/pre-{seg}-post?x=1');
property('the middle of a segment', 'SELECT FROM at_middle WHERE seg = $1', segment('/echo/pre-', '-post?x=1'), %path, refuses => qr/^$|^\.\.?$|$control/);
create_table($node, 'api', 'at_two', q{a text OPTIONS ("from" 'request'), b text OPTIONS ("from" 'request')}, path => '/echo/{a}{b}');
property('two placeholders side by side', q{SELECT FROM at_two WHERE a = $1 AND b = 'b'}, segment('/echo/', 'b'), %path);
create_table($node, 'api', 'at_dot', q{seg text OPTIONS ("from" 'request')}, path => '/echo/.{seg}');
property('behind a dot', q{SELECT FROM at_dot WHERE seg = $1}, segment('/echo/.', ''), %path);
create_table($node, 'api', 'at_lookup', q{seg text OPTIONS (key 'true')}, path => '/fault/status/500', lookup_path => '/echo/{seg}');
property('a lookup', 'SELECT FROM at_lookup WHERE seg = $1', segment('/echo/', ''), %path);
create_table($node, 'api', 'at_query', q{seg text OPTIONS ("from" 'request')}, path => '/echo?first=1&seg={seg}&last=2');
property("the path's query string", 'SELECT FROM at_query WHERE seg = $1', parameter('seg', 'first=1', 'last=2'));

#
# Parameters, in all dialects and spellings
#

my %quoted = (odata => sub { return "v eq '" . ($_[0] =~ s/'/''/gr) . "'"; }, postgrest => sub { return "eq.$_[0]"; });
foreach my $dialect (qw(plain jsonserver postgrest brackets jsonapi odata drf spring))
{
	create_table($node, 'api', "by_$dialect", q{v text OPTIONS (filter '= in', "from" 'request')}, path => '/echo', dialect => $dialect);
	my $name = $dialect eq 'jsonapi' ? 'filter[v]' : $dialect eq 'odata' ? '$filter' : 'v';
	my $select = $session->query("EXPLAIN (COSTS OFF, FORMAT JSON) SELECT FROM by_$dialect WHERE v = 'x'") =~ /(select|%24select|\$select)=/ ? 1 : 0;
	property("= in dialect $dialect", "SELECT FROM by_$dialect WHERE v = \$1", sub {
			my ($request) = @_;
			my ($path, $query) = split /\?/, $request->{target}, 2;
			my @found = grep { $_->[0] !~ /^\$?select$/ } parameters($query);
			return $path eq '/echo' && @found == 1 && $found[0][0] eq $name ? $found[0][1] : undef;
		}, wants => $quoted{$dialect} // sub { return $_[0]; },
		# What the family has no way to spell.
		may_refuse => qr/^HV004 .*the value of column "v" cannot be sent to a service/);
}
create_table($node, 'api', 'spelled', q{v text OPTIONS (filter '=', "from" 'request', spell_eq 'q=field:{value};x&y=1')}, path => '/echo');
property('a spelling of our own', 'SELECT FROM spelled WHERE v = $1', parameter('q', 'y=1'), wants => sub { return "field:$_[0];x"; });
create_table($node, 'api', 'spelled_twice', q{v text OPTIONS (filter '=', "from" 'request', spell_eq 'v={value}&w={value}')}, path => '/echo');
property('a value that is spelled twice', 'SELECT FROM spelled_twice WHERE v = $1', sub {
		my @found = parameters((split /\?/, $_[0]{target}, 2)[1]);
		return @found == 2 && $found[0][0] eq 'v' && $found[1][0] eq 'w' && $found[0][1] eq $found[1][1] ? $found[0][1] : undef;
	});

# Lists: a value that holds the separator is asked alone.
foreach my $dialect (qw(plain brackets jsonserver))
{
	my $table = "list_$dialect";
	create_table($node, 'api', $table, q{v text OPTIONS (filter 'in')}, path => '/echo', dialect => $dialect);
	$service->reset;
	is($session->query("SELECT count(ask('SELECT FROM $table WHERE v IN (''x'', ''y'', \$1)', v)) FROM hostile"), '0', "lists in dialect $dialect: all are asked");
	my (%seen, @wrong);
	foreach my $request (@{ $service->log })
	{
		my ($path, $query) = split /\?/, $request->{target}, 2;
		my @found = parameters($query);
		push @wrong, $request->{target} if $path ne '/echo' || $request->{target} !~ $legal || grep { $_->[0] !~ /^v(?:\[in\])?$/ } @found;
		# A list has x or y in it, for each question has them.
		$seen{$_}++ foreach map { $_->[1] =~ /(?:^|,)[xy](?:,|$)/ && $dialect ne 'jsonserver' ? split(/,/, $_->[1], -1) : $_->[1] } @found;
	}
	my %known = map { encode('UTF-8', $_) => 1 } @values, 'x', 'y';
	push @wrong, map { "missing: $_" } grep { !$seen{$_} } keys %known;
	push @wrong, map { "invented: $_" } grep { !$known{$_} } keys %seen;
	is(scalar @wrong, 0, "lists in dialect $dialect: just these values") or diag(join "\n", @wrong[ 0 .. ($#wrong < 9 ? $#wrong : 9) ]);
}

# Trees of conditions, and lists that a family quotes: the value ends where its quotes end.
my $pgrst = qr/"((?:[^"\\]|\\.)*)"/s;    # double quotes, backslash before a quote or a backslash
my $literal_odata = qr/'((?:[^']|'')*)'/s;    # single quotes, doubled inside
sub the_only
{
	my ($request, $name, $form, $unquote) = @_;
	my ($path, $query) = split /\?/, $request->{target}, 2;
	my @found = grep { $_->[0] !~ /^\$?select$/ } parameters($query // '');
	return if $path ne '/echo' || @found != 1 || $found[0][0] ne $name || $found[0][1] !~ $form;
	my @values = map { $unquote->($_) } grep { defined } ($1, $2, $3);
	# One of a list's is x, which may be the value as well.
	return @values == 1 ? $values[0] : $values[0] eq 'x' ? $values[1] : $values[1] eq 'x' ? $values[0] : undef;
}
my $of_pgrst = sub { my ($text) = @_; $text =~ s/\\(.)/$1/gs; return $text; };
my $of_odata = sub { my ($text) = @_; $text =~ s/''/'/g; return $text; };
foreach my $dialect (qw(postgrest odata))
{
	create_table($node, 'api', "tree_$dialect", q{v text OPTIONS (filter '= <> in'), w text OPTIONS (filter '=')}, path => '/echo', dialect => $dialect);
}
property('OR in dialect postgrest', q{SELECT FROM tree_postgrest WHERE v = $1 OR w = 'x'},
	sub { return the_only($_[0], 'or', qr/^\(v\.eq\.$pgrst,w\.eq\."x"\)$/, $of_pgrst); });
property('lists in dialect postgrest', q{SELECT FROM tree_postgrest WHERE v IN ('x', $1)},
	sub { return the_only($_[0], 'v', qr/^(?:in\.\($pgrst,$pgrst\)|eq\.(x))$/, $of_pgrst); });
property('OR in dialect odata', q{SELECT FROM tree_odata WHERE v = $1 OR w = 'x'},
	sub { return the_only($_[0], '$filter', qr/^\(v eq $literal_odata or w eq 'x'\)$/, $of_odata); });
property('lists in dialect odata', q{SELECT FROM tree_odata WHERE v IN ('x', $1)},
	sub { return the_only($_[0], '$filter', qr/^(?:\(v eq $literal_odata or v eq $literal_odata\)|v eq $literal_odata)$/, $of_odata); });

# A pattern that is not sent is not asked.
create_table($node, 'api', 'liked', q{v text OPTIONS (filter 'like', spell_like 'l={value}')}, path => '/echo');
property('patterns', 'SELECT FROM liked WHERE v LIKE $1', sub {
		my ($request, $value) = @_;
		return $request->{target} eq '/echo' ? $value : parameter('l')->($request);
	}, wants => sub { return $_[0] =~ s/\\([^%_\\])|(\\.)/defined $1 ? $1 : $2/gser; });

#
# Bodies
#

create_table($node, 'api', 'posted', q{v text OPTIONS (filter '= in', "from" 'request')}, path => '/echo', body => '{"q": {"v": "{v =}", "list": "{v in}"}, "fixed": [1]}');
property('a body', 'SELECT FROM posted WHERE v = $1', sub {
		my ($request) = @_;
		my $body = eval { $json->decode(encode('UTF-8', $request->{body})) } or return;
		return if $request->{target} ne '/echo' || join(',', sort keys %$body) ne 'fixed,q' || join(',', keys %{ $body->{q} }) ne 'v';
		return encode('UTF-8', $body->{q}{v});
	});
create_table($node, 'api', 'posted_list', q{v text OPTIONS (filter 'in')}, path => '/echo', body => '{"q": {"list": "{v in}"}}');
property('a list in a body', q{SELECT FROM posted_list WHERE v IN ('x', $1)}, sub {
		my ($request) = @_;
		my $body = eval { $json->decode(encode('UTF-8', $request->{body})) } or return;
		my %list = map { $_ => 1 } @{ $body->{q}{list} };
		delete $list{x} if keys %list > 1;
		return keys %list == 1 ? encode('UTF-8', (keys %list)[0]) : undef;
	});

$session->query('CREATE SERVER graph FOREIGN DATA WRAPPER distquery OPTIONS (url ' . literal($service->url . '/fault/good')
	. q{, protocol 'graphql', retries '0', breaker_failures '0'); CREATE FOREIGN TABLE graph_rows (id int, v text OPTIONS (filter '=', "from" 'request')) SERVER graph OPTIONS (field 'things')});
my %queries;
property('a variable of GraphQL', 'SELECT id FROM graph_rows WHERE v = $1', sub {
		my ($request) = @_;
		my $body = eval { $json->decode(encode('UTF-8', $request->{body})) } or return;
		$queries{ $body->{query} }++;
		my @names = keys %{ $body->{variables} };
		return @names == 1 ? encode('UTF-8', $body->{variables}{ $names[0] }) : undef;
	}, fails => qr/could not read the answer/);
is(scalar keys %queries, 1, 'the text of the query is always the same');

#
# What a service says is put into requests, too
#

# The answer is what the request says: a page whose next cursor is the value; the second page has it in its URL.
my $page = q{json_build_object('items', json_build_array(json_build_object('id', 1)), 'next', $1)::text};
create_table($node, 'api', 'cursors', q{id int, body text OPTIONS ("from" 'request')}, path => '/literal?body={body}', rows => '/items', paging => 'cursor', next => '/next');
$service->reset;
$session->query('SELECT count(ask(' . literal("SELECT FROM cursors WHERE body = $page") . ', v)) FROM ordered');
{
	my (@wrong, $second);
	my @log = @{ $service->log };
	for my $value (map { encode('UTF-8', $_) } @values)
	{
		my $first = shift @log;
		push @wrong, "first: $first->{target}" unless $first && $first->{target} =~ $legal;
		next if $value eq '';    # the end
		$second = shift @log;
		my @found = $second ? parameters((split /\?/, $second->{target}, 2)[1]) : ();
		push @wrong, "second: " . ($second ? $second->{target} : 'none')
		  unless @found == 2 && $found[0][0] eq 'body' && $found[1][0] eq 'cursor' && $found[1][1] eq $value && $second->{target} =~ $legal;
	}
	is(scalar @wrong, 0, 'cursors of a service go back as they came') or diag(join "\n", @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ]);
	is(scalar @log, 0, 'and nothing else is asked');
}

# Next links: to the same origin, by a legal request, or not at all.
create_table($node, 'api', 'links', q{id int, body text OPTIONS ("from" 'request')}, path => '/literal?body={body}', rows => '/items', paging => 'next', next => '/next');
$service->reset;
$session->query('SELECT count(ask(' . literal("SELECT FROM links WHERE body = $page") . ', v)) FROM ordered');
{
	# Brackets are left as the service has written them.
	my @illegal = grep { ($_->{target} =~ tr/[]//dr) !~ $legal || grep { /evil/ } keys %{ $_->{headers} } } @{ $service->log };
	is(scalar @illegal, 0, 'next links: legal requests only') or diag(join "\n", map { $_->{target} } @illegal);
	cmp_ok($service->count, '<=', 2 * @values, 'one each at most');
}
my ($port, $other) = ($service->port, $service->other_url =~ /:(\d+)$/);
foreach my $link ("http://127.0.0.1:$other/fault/good", '//evil.example/', '///evil.example/', "http://localhost:$port/fault/good", "http://user\@127.0.0.1:$port/fault/good",
	"http://user:secret\@127.0.0.1:$port/fault/good", "http://\@127.0.0.1:$port/fault/good", "http://127.0.0.1:$port\@evil.example/", "http://127.0.0.1:$port%2f\@evil.example/",
	"http://127.0.0.1:$port\\\@evil.example/", "http://evil.example/#\@127.0.0.1:$port/", "http://evil.example?\@127.0.0.1:$port/", "https://127.0.0.1:$port/fault/good", 'http://127.0.0.1/fault/good', "http://[::ffff:127.0.0.1]:$port/fault/good",
	"http://127.0.0.1.evil.example:$port/", "http://127.0.0.1:$port.evil.example/", "http://127.0.0.1\\.evil.example:$port/", "http://127.0.0.1%00.evil.example:$port/", "ftp://127.0.0.1:$port/", 'file:///etc/passwd', 'gopher://127.0.0.1/', 'dict://127.0.0.1/', 'javascript:alert(1)', 'data:,x',
	"http://\x{ff11}27.0.0.1:$port/", "http://127\x{3002}0\x{3002}0\x{3002}1:$other/", 'http://[::1', 'http://', 'http:///', "ht\ntp://evil.example/", " \thttp://evil.example/", "http://ev\til.example/")
{
	$service->reset;
	my $shown = $link =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ger;
	my $error = $session->query('SELECT ask(' . literal("SELECT FROM links WHERE body = $page") . ", convert_from('\\x" . unpack('H*', encode('UTF-8', $link)) . "', 'UTF8'))");
	my @log = @{ $service->log };
	my $is_here = @log == 2 && $log[1]{target} =~ m{^/[^/]} && $link !~ m{^[a-z]+://}i;
	ok($is_here || @log == 1 && $error =~ /^HV000 .*server "api".*next page of service (?:is on another origin|has no usable URL)/, "next link $shown is not followed")
	  or diag($error . ' ' . join ' ', map { $_->{target} } @log);
	unlike($error, qr/secret/, 'and shows no password');
}
foreach my $link ("http://127.0.0.1:$port/fault/good", "HTTP://127.0.0.1:$port/fault/good", "//127.0.0.1:$port/fault/good", '/fault/good', '../fault/good', "/fault/good#\@evil.example")
{
	$service->reset;
	$session->query('SELECT ask(' . literal("SELECT FROM links WHERE body = $page") . ', ' . literal($link) . ')');
	is($service->log->[1]{target}, '/fault/good', "next link $link is followed");
}

#
# Headers
#

my $headers = $service->log->[0]{headers};
delete $headers->{$_} foreach qw(traceparent tracestate);
my $usual = join ',', sort keys %$headers;
create_table($node, 'api', 'good', 'id int', path => '/fault/good');
{
	my @wrong;
	$service->reset;
	# As each value can be set, if at all.
	$session->query(q{
		CREATE FUNCTION ask_as(setting text, v text) RETURNS text LANGUAGE plpgsql AS $$
		BEGIN
			IF setting = 'adopted' THEN
				PERFORM distquery.adopt_headers(json_build_object('traceparent', v, 'tracestate', v, 'cdn-loop', v));
			ELSE
				PERFORM set_config(setting, v, false);
			END IF;
			PERFORM * FROM good;
			RETURN NULL;
		EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
		END $$});
	foreach my $setting (qw(application_name distquery.tracestate distquery.traceparent distquery.cdn_loop distquery.loop_id adopted))
	{
		$session->query(qq{SELECT count(ask_as('$setting', v)) FROM hostile});
		$session->query('RESET ALL');
	}
	foreach my $request (@{ $service->log })
	{
		my %seen = %{ $request->{headers} };
		delete @seen{qw(traceparent tracestate)};
		push @wrong, join(',', sort keys %seen) if join(',', sort keys %seen) ne $usual;
		push @wrong, $_ foreach grep { /[\x00-\x08\x0a-\x1f\x7f]/ } values %seen;
		push @wrong, $request->{target} if $request->{target} ne '/fault/good';
	}
	cmp_ok($service->count, '>', @values, 'settings that go into headers: requests are made');
	is(scalar @wrong, 0, 'with the usual headers, and no control characters') or diag(join "\n", @wrong[ 0 .. ($#wrong < 4 ? $#wrong : 4) ]);
}
foreach my $value ("a\r\nX-Evil: 1", "a\nb", "a\rb", "a\tb", "a\x{7f}b", "a\x{0b}b")
{
	my $option = literal($json->encode({ 'X-Fixed' => $value }));
	like($session->error("ALTER FOREIGN TABLE good OPTIONS (ADD headers $option)"), qr/^ERROR:  22023: .*"headers"/m, 'a control character in option headers');
	like($session->error('ALTER FOREIGN TABLE good OPTIONS (ADD headers ' . literal($json->encode({ "X-Fixed$value" => 1 . '' })) . ')'), qr/^ERROR:  22023: .*"headers"/m, 'or in a name');
}

#
# Bytes that are no text: in a database that does not check
#

$node->safe_psql('postgres', q{CREATE DATABASE bytes TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'});
$node->safe_psql('bytes', 'CREATE EXTENSION distquery; CREATE SERVER api FOREIGN DATA WRAPPER distquery OPTIONS (url ' . literal($service->url) . q{, retries '0');
	CREATE FOREIGN TABLE at_segment (seg text OPTIONS ("from" 'request')) SERVER api OPTIONS (path '/echo/{seg}');
	CREATE FOREIGN TABLE at_filter (v text OPTIONS (filter '=', "from" 'request')) SERVER api OPTIONS (path '/echo');
	CREATE FOREIGN TABLE at_body (v text OPTIONS (filter '=', "from" 'request')) SERVER api OPTIONS (path '/echo', body '{"v": "{v}"}')});
my $bytes = DistQuery::Session->new($node, database => 'bytes');
foreach my $value ("\xc0\xae\xc0\xae", "\xc0\xaf", "\xe0\x80\xaf", "\xc0\x8d\xc0\x8a", "\xed\xa0\x80", "\xff\xfe", "\x80", "\xf8\x80\x80\x80\xaf")
{
	my $shown = unpack('H*', $value);
	foreach my $at ([ at_segment => 'seg' ], [ at_filter => 'v' ], [ at_body => 'v' ])
	{
		my ($table, $column) = @$at;
		$service->reset;
		my $error = $bytes->error("SELECT FROM $table WHERE $column = E'" . join('', map { sprintf '\\%03o', ord } split //, $value) . q{'});
		my @log = @{ $service->log };
		ok($error =~ /^ERROR:  22021: invalid byte sequence for encoding "UTF8"/m && !@log, "$table: bytes $shown are refused")
		  or diag($error . join ' ', map { "$_->{target} $_->{body}" } @log);
	}
}

$_->close foreach $session, $bytes;
$node->stop;
done_testing();
