-- Searches by POST: conditions and paging in the body.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA post;
SET search_path = post, public;
SET timezone = 'UTC';
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;
CREATE SERVER post FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');

CREATE FOREIGN TABLE orders (
    id bigint OPTIONS (key 'true', filter '= in'),
    customer_id int OPTIONS (filter '= in'),
    status text OPTIONS (filter '= in like null'),
    total numeric OPTIONS (filter '<= >='),
    created_at timestamptz OPTIONS (filter '< >='),
    note text OPTIONS (filter '= null'),
    quantity int OPTIONS (filter '=')
) SERVER post OPTIONS (path '/search/orders?_envelope=items', rows '/items', body '{
    "note": "{{not a place}}",
    "filter": {
        "id": "{id}",
        "customer_id": {"in": ["{customer_id}"]},
        "status": {"in": "{status in}", "eq": "{status =}", "like": "{status like}", "null": "{status null}"},
        "created_at": {"ge": "{created_at >=}", "lt": "{created_at <}"},
        "note": {"eq": "{note =}", "null": "{note null}"}
    },
    "all": [
        {"field": "total", "op": "le", "value": "{total <=}"},
        {"field": "total", "op": "ge", "value": "{total >=}"}
    ]}');

-- what has no value is left out
SELECT plan('SELECT * FROM orders');
SELECT count(*) FROM orders;
SELECT plan('SELECT * FROM orders WHERE id = 5');
SELECT id, customer_id, status, total FROM orders WHERE id = 5;
SELECT plan('SELECT * FROM orders WHERE id IN (3, 1, 2, 1, NULL)');
SELECT id FROM orders WHERE id IN (3, 1, 2, 1, NULL) ORDER BY id;
SELECT plan('SELECT * FROM orders WHERE customer_id = 7');
SELECT count(*) FROM orders WHERE customer_id = 7;
SELECT plan('SELECT * FROM orders WHERE customer_id IN (7, 8) AND total <= 12.50 AND created_at >= ''2025-06-01 02:00+02''');
SELECT count(*), max(total) FROM orders WHERE customer_id IN (7, 8) AND total <= 60;
SELECT plan('SELECT * FROM orders WHERE status = ''open'' AND total >= 1 AND total <= 2 AND note IS NULL');
SELECT count(*) FROM orders WHERE status = 'open' AND total >= 10 AND total <= 20 AND note IS NULL;
SELECT plan('SELECT * FROM orders WHERE status IN (''open'', ''a,b'')  AND note IS NOT NULL');
SELECT count(*) FROM orders WHERE status IN ('open', 'a,b') AND note IS NOT NULL;
SELECT plan('SELECT * FROM orders WHERE status LIKE ''%\e"_''');

-- one place cannot say both of a contradiction, whoever is trusted
ALTER FOREIGN TABLE orders OPTIONS (ADD trust 'exact');
SELECT plan('SELECT * FROM orders WHERE note IS NULL AND note IS NOT NULL');
SELECT count(*) FROM orders WHERE note IS NULL AND note IS NOT NULL;
ALTER FOREIGN TABLE orders OPTIONS (DROP trust);

-- what the body does not name goes into the query string
SELECT plan('SELECT * FROM orders WHERE quantity = 3 AND id IN (1, 2)');
SELECT count(*) FROM orders WHERE quantity = 3;

-- a value cannot change what stands around it, nor become a place
SELECT plan($$SELECT * FROM orders WHERE note = E'"}, "x": "\\\u00e9\u0001'$$);
SELECT plan($$SELECT * FROM orders WHERE note = '{$size}'$$);
SELECT count(*) FROM orders WHERE note = 'call first; "bell" is broken';

-- values that are not known yet
SELECT id FROM orders o WHERE id = (SELECT max(x) FROM generate_series(1, 3) x);
SELECT id FROM orders o WHERE id = ANY (ARRAY(SELECT x FROM generate_series(1, 3) x)) ORDER BY id;

-- lists are asked in parts; what they bring is the same
ALTER FOREIGN TABLE orders OPTIONS (ADD max_batch '40');
SELECT count(*), count(DISTINCT id) FROM orders WHERE id = ANY (ARRAY(SELECT generate_series(1, 100)));
SET distquery.pushdown = off;
SELECT plan('SELECT * FROM orders WHERE id = 5');
SELECT count(*), max(total) FROM orders WHERE customer_id IN (7, 8) AND total <= 60;
SELECT count(*) FROM orders WHERE status = 'open' AND total >= 10 AND total <= 20 AND note IS NULL;
RESET distquery.pushdown;

-- paging in the body, or partly in the query string
CREATE FOREIGN TABLE by_offset (id bigint OPTIONS (filter 'in'), customer_id int)
    SERVER post OPTIONS (path '/search/orders?_envelope=items', rows '/items', total '/total', paging 'offset', page_size '7000',
        method 'post', body '{"filter": {"id": "{id}"}, "page": {"offset": "{$offset}", "size": "{$size}"}}');
SELECT plan('SELECT * FROM by_offset LIMIT 5');
SELECT count(*), count(DISTINCT id) FROM by_offset;
SELECT id FROM by_offset WHERE id IN (4, 5) ORDER BY id;
CREATE FOREIGN TABLE by_page (id bigint) SERVER post OPTIONS (path '/search/products', paging 'page', page_size '600',
    body '{"page": {"number": "{$page}"}}');
SELECT plan('SELECT * FROM by_page');
SELECT count(*), count(DISTINCT id) FROM by_page;
CREATE FOREIGN TABLE by_cursor (id bigint, sku text OPTIONS (filter '=')) SERVER post OPTIONS (path '/search/products?_envelope=items&_paging=cursor', rows '/items',
    paging 'cursor', next '/next', page_size '600', body '{"filter": {"sku": "{sku}"}, "page": {"after": "{$cursor}", "size": "{$size}"}}');
SELECT plan('SELECT * FROM by_cursor');
SELECT count(*), count(DISTINCT id) FROM by_cursor;

-- the same URL with another body is another question; the same body is asked once
SELECT a.id, b.id FROM by_cursor a, by_cursor b WHERE a.sku = (SELECT sku FROM by_cursor WHERE id = 1) AND b.sku = (SELECT sku FROM by_cursor WHERE id = 2);

-- one item is looked up by GET
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true'), title text) SERVER post
    OPTIONS (path '/search/products', method 'POST', lookup_path '/data/plain/products/{id}');
SELECT plan('SELECT * FROM products WHERE id = 12');
SELECT count(*) FROM products WHERE id = 12;
SELECT plan('SELECT * FROM products');
SELECT count(*) FROM products;

-- a list for a column that takes single values only is asked one by one
CREATE FOREIGN TABLE singly (id bigint OPTIONS (filter '=', required 'true')) SERVER post OPTIONS (path '/search/products', body '{"filter": {"id": "{id}"}}');
SELECT id FROM singly WHERE id IN (5, 6) ORDER BY id;
SELECT * FROM singly;
CREATE FOREIGN TABLE singly_get (id bigint OPTIONS (filter '=', required 'true')) SERVER post OPTIONS (path '/data/brackets/products', dialect 'brackets');
SELECT plan('SELECT id FROM singly_get WHERE id IN (5, 6)');

-- the request: method, content type, body
CREATE FOREIGN TABLE echo (method text, body text, wanted text OPTIONS (filter '=', from 'request'), content_type text OPTIONS (json '/headers/content-type'))
    SERVER post OPTIONS (path '/echo', body '{"big": 12345678901234567890.10, "q": "{wanted}"}');
SELECT * FROM echo WHERE wanted = 'é';

-- where an answer cannot be read, the method is said
\set VERBOSITY default
CREATE FOREIGN TABLE wrong (sku int) SERVER post OPTIONS (path '/search/products', method 'POST');
DO $$ BEGIN PERFORM * FROM wrong; EXCEPTION WHEN others THEN
    DECLARE context text; BEGIN
        GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
        RAISE NOTICE '%', regexp_replace(split_part(context, E'\n', 2), 'http://127.0.0.1:\d+', 'http://service');
    END;
END $$;

-- declarations that cannot be meant
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', body '{"a": }');
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', body '"{id}"');
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', body '{"a": "{}"}');
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', body '{"a": "{$from}"}');
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', method 'PUT');
CREATE FOREIGN TABLE bad (id int) SERVER post OPTIONS (path '/x', body '{"a": "{ident}"}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET body '{"a": "{id}"}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET body '{"a": "{$cursor}"}');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET body '{}', ADD method 'GET');
SELECT * FROM bad;
ALTER FOREIGN TABLE bad OPTIONS (SET method 'POST', ADD paging 'link');
SELECT * FROM bad;

SET client_min_messages = warning;
DROP SCHEMA post CASCADE;
DROP SERVER post CASCADE;
