-- GraphQL services: what is asked, how it is paged, looked up and refused.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA gql;
SET search_path = gql, public;
SET timezone = 'UTC';
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;
\set endpoint :url '/graphql'
CREATE SERVER gql FOREIGN DATA WRAPPER distquery OPTIONS (url :'endpoint', protocol 'graphql');

CREATE FOREIGN TABLE orders (
    id bigint OPTIONS (key 'true', filter 'in', spell_in 'ids={values}'),
    "customerId" int OPTIONS (filter '='),
    status text OPTIONS (filter '= in', variable_type 'Status', spell_in 'statuses={values}'),
    total numeric OPTIONS (filter '>= <', variable_type 'Decimal', spell_ge 'minTotal={value}', spell_lt 'where.{name}._lt={value}'),
    created_at timestamptz OPTIONS (field 'createdAt', param 'createdAt', filter '>= <', variable_type 'DateTime',
        spell_ge 'where.{name}._gte={value}', spell_lt 'where.{name}._lt={value}'),
    note text OPTIONS (filter '= like null', spell_eq 'where.{name}._eq={value}', spell_like 'where.{name}._like={value}',
        spell_null 'where.{name}._isNull=true', spell_notnull 'where.{name}._isNull=false'),
    customer text OPTIONS (json '/customer/name'),
    city text OPTIONS (field 'customer.address.city'),
    address jsonb OPTIONS (json '/customer/address', selection 'zip city'),
    quantity int
) SERVER gql OPTIONS (field 'orders');

-- only what is needed is selected
SELECT plan('SELECT id, city FROM orders');
SELECT plan('SELECT count(*) FROM orders');
SELECT count(*) FROM orders;
SELECT plan('SELECT * FROM orders WHERE quantity = 7');
SELECT id, "customerId", status, total, created_at, note, customer, city, address, quantity FROM orders WHERE id IN (1, 2) ORDER BY id;

-- conditions are variables
SELECT plan('SELECT id FROM orders WHERE status = ''open'' AND "customerId" = 7');
SELECT count(*) FROM orders WHERE status = 'open' AND "customerId" = 7;
SELECT plan('SELECT id FROM orders WHERE status IN (''open'', ''paid'') AND total >= 12.50 AND total < 100000000000000000000.10');
SELECT count(*) FROM orders WHERE status IN ('open', 'paid') AND total >= 12.50 AND total < 100;
SELECT plan('SELECT id FROM orders WHERE id IN (3, 1, 2)');
SELECT id FROM orders WHERE id IN (3, 1, 2, 99999999999) ORDER BY id;
SELECT plan('SELECT id FROM orders WHERE created_at >= ''2026-02-01'' AND created_at < ''2026-02-02 00:00:00.0001+00'' AND note IS NULL');
SELECT count(*) FROM orders WHERE created_at >= '2026-02-01' AND created_at < '2026-02-02 00:00:00.0001+00' AND note IS NULL;
SELECT plan('SELECT id FROM orders WHERE note IS NOT NULL AND total < 3');
SELECT plan('SELECT id FROM orders WHERE note LIKE ''call%"bell"%''');
SELECT count(*) FROM orders WHERE note LIKE 'call%"bell"%';
-- values never get into the text of the query
SELECT plan($$SELECT id FROM orders WHERE note = E'"}) { id } } #\u00e9$x {$size}\n'$$);
SELECT count(*) FROM orders WHERE note = E'"}) { id } } #\u00e9$x {$size}\n';
-- a value that GraphQL's Int cannot hold matches nothing
SELECT plan('SELECT id FROM orders WHERE "customerId" = 3000000000');

-- one argument is not given twice
SELECT plan('SELECT id FROM orders WHERE note IS NULL AND note IS NOT NULL');
SELECT count(*) FROM orders WHERE note IS NULL AND note IS NOT NULL;

-- with pushdown and without the rows are the same
SET distquery.pushdown = off;
SELECT plan('SELECT id FROM orders WHERE status = ''open'' AND "customerId" = 7');
SELECT count(*) FROM orders WHERE status = 'open' AND "customerId" = 7;
SELECT count(*) FROM orders WHERE status IN ('open', 'paid') AND total >= 12.50 AND total < 100;
SELECT count(*) FROM orders WHERE created_at >= '2026-02-01' AND created_at < '2026-02-02 00:00:00.0001+00' AND note IS NULL;
SELECT count(*) FROM orders WHERE note LIKE 'call%"bell"%';
RESET distquery.pushdown;

-- fixed arguments, a field inside of another, required values, null on the way
CREATE FOREIGN TABLE few (id bigint, status text OPTIONS (filter '=', variable_type 'Status', spell_eq 'where.status._eq={value}'),
    quantity int OPTIONS (filter '>', spell_gt 'where.{name}._gt={value}', default_param 'reverse=true'))
    SERVER gql OPTIONS (field 'orders(limit: 3)');
SELECT plan('SELECT * FROM few');
SELECT * FROM few;
ALTER FOREIGN TABLE few OPTIONS (SET field 'orders(limit: 3, where: {note: {_isNull: true}, quantity: {_lt: 9}})');
SELECT plan('SELECT * FROM few WHERE status = ''open'' AND quantity > 2');
SELECT * FROM few WHERE status = 'open' AND quantity > 2;
CREATE FOREIGN TABLE user_orders (user_id bigint OPTIONS (variable_type 'ID'), id bigint, total numeric) SERVER gql OPTIONS (field 'customer(id: $user_id).orders');
SELECT * FROM user_orders;
SELECT plan('SELECT * FROM user_orders WHERE user_id = 7');
SELECT * FROM user_orders WHERE user_id = 7 ORDER BY id;
SELECT user_id, count(*) FROM user_orders WHERE user_id IN (7, 8, 999999) GROUP BY 1 ORDER BY 1;
CREATE FOREIGN TABLE nowhere (id bigint) SERVER gql OPTIONS (field 'viewer.none.none.orders');
SELECT * FROM nowhere;
CREATE FOREIGN TABLE nothing (id bigint) SERVER gql OPTIONS (field 'nothing');
SELECT * FROM nothing;
CREATE FOREIGN TABLE products (id bigint, price numeric, euros numeric OPTIONS (field 'priceIn(factor: 0.50)'), pounds numeric OPTIONS (field 'priceIn(factor: 0.25)'))
    SERVER gql OPTIONS (field 'products');
SELECT plan('SELECT * FROM products');
SELECT * FROM products WHERE id IN (1, 2) ORDER BY id;

-- connections in the manner of Relay
CREATE FOREIGN TABLE connection (id bigint OPTIONS (key 'true'), status text OPTIONS (filter '=', variable_type 'Status'), total numeric, city text OPTIONS (field 'customer.address.city'))
    SERVER gql OPTIONS (field 'connection', paging 'relay', total '/totalCount');
SELECT plan('SELECT id, city FROM connection WHERE status = ''open''');
SELECT count(*), count(DISTINCT id), count(city), sum(total) FROM connection;
SELECT count(*) FROM connection WHERE status = 'open';
SELECT plan('SELECT count(*) FROM connection');
SELECT count(*) FROM connection;
SELECT plan('SELECT id FROM connection WHERE status = ''open'' LIMIT 3');
SELECT id FROM connection WHERE status = 'open' LIMIT 3;
ALTER FOREIGN TABLE connection OPTIONS (ADD page_size '700', DROP total);
SELECT count(*), count(DISTINCT id) FROM connection;
-- edges without a node are no rows
ALTER FOREIGN TABLE connection OPTIONS (SET field 'connection(holes: true)');
SELECT count(*), count(id) FROM connection;
-- by other names
CREATE FOREIGN TABLE nodes (id bigint, status text) SERVER gql
    OPTIONS (field 'connection', paging 'cursor', rows '/nodes', next '/pageInfo/endCursor', has_next '/pageInfo/hasNextPage', cursor_param 'after', size_param 'first', page_size '500');
SELECT plan('SELECT * FROM nodes');
SELECT count(*), count(DISTINCT id) FROM nodes;
-- a service that does not keep its word
CREATE FOREIGN TABLE looping (id bigint) SERVER gql OPTIONS (field 'loop', paging 'relay', page_size '7');
SELECT count(*) FROM looping;
ALTER FOREIGN TABLE looping OPTIONS (SET page_size '8');
SELECT count(*) FROM looping;

-- pages and offsets as arguments
CREATE FOREIGN TABLE by_offset (id bigint OPTIONS (key 'true'), quantity int) SERVER gql OPTIONS (field 'orders', paging 'offset', page_size '900');
SELECT plan('SELECT * FROM by_offset');
SELECT count(*), count(DISTINCT id) FROM by_offset;
CREATE FOREIGN TABLE by_page (id bigint, status text OPTIONS (filter '=', variable_type 'Status')) SERVER gql
    OPTIONS (field 'pages', paging 'page', page_param 'page', size_param 'size', page_size '400', rows '/items', total '/total', has_next '/more');
SELECT plan('SELECT * FROM by_page');
SELECT count(*), count(DISTINCT id) FROM by_page;

-- lookups: many keys by aliases in one request
CREATE FOREIGN TABLE item (id bigint OPTIONS (key 'true'), status text, total numeric) SERVER gql OPTIONS (field 'orders', lookup_field 'order(id: $id)');
SELECT plan('SELECT * FROM item WHERE id = 12');
SELECT id, status FROM item WHERE id = 12;
SELECT plan('SELECT total FROM item WHERE id IN (12, 14, 99999999)');
SELECT id, total FROM item WHERE id IN (12, 14, 99999999) ORDER BY id;
SELECT count(*) FROM item WHERE id = 99999999;
ALTER FOREIGN TABLE item OPTIONS (ADD max_batch '40');
SELECT count(*), count(DISTINCT id) FROM item WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)));
-- inside of other fields
ALTER FOREIGN TABLE item OPTIONS (SET lookup_field 'viewer.order(id: $id)');
SELECT plan('SELECT total FROM item WHERE id IN (12, 14)');
SELECT id, total FROM item WHERE id IN (12, 14, 99999999) ORDER BY id;
-- by a list of keys; answers come in any order, with strangers and nulls
ALTER FOREIGN TABLE item OPTIONS (SET lookup_field 'maybeOrders(ids: [$id])');
SELECT plan('SELECT total FROM item WHERE id IN (12, 14)');
SELECT id, total FROM item WHERE id IN (12, 14, 99999999) ORDER BY id;
SELECT count(*), count(DISTINCT id) FROM item WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)));
-- keys of two columns
CREATE FOREIGN TABLE pair ("customerId" int, "productId" int, id bigint) SERVER gql
    OPTIONS (lookup_field 'byCustomerAndProduct(customerId: $customerId, productId: $productId)');
SELECT plan('SELECT * FROM pair WHERE "customerId" = 7 AND "productId" IN (1, 2)');
SELECT p.* FROM (SELECT "customerId" c, array_agg(o.id) FROM orders o WHERE id = 5 GROUP BY 1) o, pair p WHERE p."customerId" = o.c AND p."productId" = ANY (ARRAY(SELECT generate_series(1, 2000))) ORDER BY p.id;
SELECT * FROM pair WHERE "customerId" = 7;
-- entities of Apollo Federation
CREATE FOREIGN TABLE entity (id bigint OPTIONS (key 'true'), total numeric, city text OPTIONS (field 'customer.address.city')) SERVER gql OPTIONS (entity 'Order');
SELECT plan('SELECT total FROM entity WHERE id IN (5, 6)');
SELECT id, total, city FROM entity WHERE id IN (5, 6, 99999999) ORDER BY id;
SELECT * FROM entity;

-- errors: without data, and with a part of it
\set VERBOSITY default
CREATE FUNCTION failure(query text) RETURNS TABLE (state text, message text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
EXCEPTION WHEN others THEN
    state := SQLSTATE;
    message := SQLERRM;
    RETURN NEXT;
END $$;
CREATE FOREIGN TABLE refused (id bigint) SERVER gql OPTIONS (field 'refused');
SELECT * FROM failure('SELECT * FROM refused');
CREATE FOREIGN TABLE unknown (id bigint, nonsense text) SERVER gql OPTIONS (field 'orders');
SELECT state, left(message, 149) FROM failure('SELECT * FROM unknown');
CREATE FOREIGN TABLE mistyped (id bigint, status text OPTIONS (filter '=')) SERVER gql OPTIONS (field 'orders');
SELECT state, left(message, 97) FROM failure('SELECT * FROM mistyped WHERE status = ''open''');
CREATE FOREIGN TABLE fragile (id bigint, fragile int) SERVER gql OPTIONS (field 'orders(limit: 2000)');
SELECT * FROM failure('SELECT * FROM fragile');
SELECT * FROM failure('SELECT * FROM fragile LIMIT 1');
SELECT count(id) FROM fragile;
CREATE FOREIGN TABLE fragile_item (id bigint OPTIONS (key 'true'), fragile int) SERVER gql OPTIONS (field 'orders', lookup_field 'order(id: $id)');
SELECT * FROM failure('SELECT * FROM fragile_item WHERE id IN (6, 7)');
SELECT * FROM fragile_item WHERE id IN (6, 8) ORDER BY id;
-- what does not speak GraphQL
\set other :url '/echo'
CREATE SERVER other FOREIGN DATA WRAPPER distquery OPTIONS (url :'other', protocol 'graphql');
CREATE FOREIGN TABLE no_graphql (id bigint) SERVER other OPTIONS (field 'orders');
SELECT * FROM failure('SELECT * FROM no_graphql');
DROP SERVER other CASCADE;
\set other :url '/nowhere'
CREATE SERVER other FOREIGN DATA WRAPPER distquery OPTIONS (url :'other', protocol 'graphql');
CREATE FOREIGN TABLE no_graphql (id bigint OPTIONS (key 'true')) SERVER other OPTIONS (field 'orders', lookup_field 'order(id: $id)', not_found 'empty');
SELECT * FROM failure('SELECT * FROM no_graphql WHERE id = 1');

-- declarations that cannot be meant
CREATE FOREIGN TABLE bad (id int) SERVER gql OPTIONS (field 'orders(');
CREATE FOREIGN TABLE bad (id int) SERVER gql OPTIONS (field 'orders { id }');
CREATE FOREIGN TABLE bad (id int) SERVER gql OPTIONS (entity 'No Type');
CREATE FOREIGN TABLE bad (id int OPTIONS (selection 'a } b')) SERVER gql OPTIONS (field 'orders');
CREATE FOREIGN TABLE bad (id int) SERVER gql OPTIONS (path '/orders');
\set VERBOSITY terse
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP path, ADD field 'orders', ADD body '{}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP body, ADD paging 'link');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP paging, SET field 'orders(ids: [$ident])');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET field 'orders', ADD lookup_field 'order');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP lookup_field, ADD entity 'Order');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP entity, ADD dialect 'odata');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (DROP dialect);
ALTER FOREIGN TABLE bad ALTER id OPTIONS (ADD json '/a b');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (SET json '');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (SET json '/id', ADD field 'id');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (DROP json, SET field 'price(in: $id)');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (DROP field, ADD sort 'nulls_last');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (DROP sort, ADD filter 'in', ADD spell_in 'a b={values}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ALTER id OPTIONS (SET spell_in 'ids={value}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad ADD COLUMN customer jsonb, ADD COLUMN name text OPTIONS (json '/customer/name');
ALTER FOREIGN TABLE bad ALTER id OPTIONS (SET spell_in 'ids={values}');
SELECT * FROM bad;
CREATE SERVER rest FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE rest (id int) SERVER rest OPTIONS (path '/x', field 'orders');
SELECT * FROM rest;
ALTER FOREIGN TABLE rest OPTIONS (DROP field, ADD paging 'relay');
SELECT * FROM rest;
ALTER FOREIGN TABLE rest OPTIONS (DROP paging);
ALTER FOREIGN TABLE rest ALTER id OPTIONS (ADD variable_type 'ID');
SELECT * FROM rest;

SET client_min_messages = warning;
DROP SCHEMA gql CASCADE;
DROP SERVER gql, other, rest CASCADE;
