# The fixture service itself: what other tests rely on.
use strict;
use warnings;
use lib 'test/perl';
use DistQuery::Test;
use Test::More;

my $service = DistQuery::Test::Service->new;

$service->put('pets', [ { id => 1, name => 'Rex' }, { id => 2, name => undef } ]);
is_deeply($service->get('/data/postgrest/pets?name=is.null'), [ { id => 2, name => undef } ],
	'a collection that was put is filtered');
is(scalar @{ $service->get('/data/plain/pets?limit=1&page=2') }, 1, 'and paged');
is($service->count, 2, 'requests are counted');
is($service->log->[0]{query}, 'name=is.null', 'and logged');
$service->reset;
is($service->count, 0, 'until a reset');
ok(!eval { $service->get('/data/plain/pets?nonsense=1'); 1 }, 'an unknown parameter is refused');
is($service->log->[0]{status}, 400, 'with status 400');
is($service->stats->{max_in_flight}, 1, 'concurrency is measured');

done_testing();
