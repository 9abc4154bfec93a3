-- Strategy store: fetched once a transaction, then read from what was fetched.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA store;
SET search_path = store, public;
CREATE SERVER store FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', strategy 'store');
CREATE FOREIGN TABLE customers (id bigint OPTIONS (key 'true', filter '= in'), name text OPTIONS (filter '= in like'), region text OPTIONS (filter '= in'))
    SERVER store OPTIONS (path '/data/postgrest/customers', dialect 'postgrest', paging 'offset', page_size '1000');
CREATE FOREIGN TABLE orders (id bigint OPTIONS (key 'true', filter '= in > >= < <='), customer_id bigint OPTIONS (filter '= in'), total numeric,
    created_at timestamptz OPTIONS (filter '> >= < <='), status text OPTIONS (filter '= <> null'))
    SERVER store OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', paging 'offset', page_size '10000');
CREATE FOREIGN TABLE broken (id int OPTIONS (filter '=')) SERVER store OPTIONS (path '/fault/truncated');
CREATE FOREIGN TABLE log (method text, path text, query text, status int) SERVER store OPTIONS (path '/_log?path=/data', strategy 'live');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER store OPTIONS (path '/_reset', strategy 'live');

-- what was asked since the last time
CREATE FUNCTION asked() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT split_part(log.path, '/', 4) || '?' || regexp_replace(query, '&?(limit|offset)=\d+', '', 'g') AS question
        FROM log GROUP BY 1 ORDER BY 1;
    PERFORM * FROM reset_log;
END $$;
-- runs a query under live and under store; NULL when both give the same rows
CREATE FUNCTION differs(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE live text; stored text;
BEGIN
    PERFORM set_config('distquery.strategy', 'live', true);
    EXECUTE format('SELECT string_agg(t::text, E''\n'' ORDER BY t::text) FROM (%s) t', query) INTO live;
    PERFORM set_config('distquery.strategy', 'declared', true);
    EXECUTE format('SELECT string_agg(t::text, E''\n'' ORDER BY t::text) FROM (%s) t', query) INTO stored;
    RETURN CASE WHEN live IS DISTINCT FROM stored THEN format('live: %s, store: %s', left(live, 200), left(stored, 200)) END;
END $$;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
        CONTINUE WHEN line ~ '^ *(Worker|Buckets|Batches|Memory|Sort)';
        RETURN NEXT regexp_replace(regexp_replace(regexp_replace(line, 'rows=(\d+)\.\d+', 'rows=\1'), 'http://[^/]*', ''), 'Bytes: \d+  Retries: 0  Connections: \d', 'Bytes: n');
    END LOOP;
END $$;

-- one transaction asks once, whatever is read and how often
DO $$ BEGIN PERFORM * FROM reset_log; END $$;
BEGIN;
SELECT asked();
SELECT count(*), sum(id) FROM customers;
SELECT asked();
SELECT count(*), min(name) FROM customers;
SELECT count(DISTINCT region) FROM customers a WHERE EXISTS (SELECT FROM customers b WHERE b.region = a.region AND b.id <> a.id);
SELECT asked();
-- a narrower question is answered from the whole, and so is a lookup by key
SELECT count(*) FROM customers WHERE region = 'EU';
SELECT name FROM customers WHERE id = 17;
SELECT count(*) FROM customers WHERE id IN (1, 2, 3, 1000000);
SELECT count(*) FROM customers WHERE name LIKE 'A%' AND region IN ('EU', 'US');
SELECT asked();
-- the planner knows the rows, and that nothing has to be asked
SELECT plan('SELECT * FROM customers WHERE id = 17');
EXPLAIN SELECT * FROM customers \g | grep -o 'rows=[0-9]*'
SELECT count(*) FROM customers;
COMMIT;
-- the next one asks again
SELECT count(*) FROM customers;
SELECT asked();

-- all tables of a statement are asked at once, each once
BEGIN;
SELECT plan($$SELECT c.region, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.region <> 'EU' GROUP BY 1$$);
SELECT asked();
SELECT count(*) FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.name LIKE '%a%';
SELECT asked();
COMMIT;

-- other conditions are other answers; those that lie within another's are not asked
BEGIN;
SELECT count(*) FROM orders WHERE id >= 100 AND id < 2000;
SELECT count(*) FROM orders WHERE id > 100 AND id <= 1000;
SELECT count(*) FROM orders WHERE id = 150;
SELECT count(*) FROM orders WHERE id IN (150, 151);
SELECT count(*) FROM orders WHERE id >= 100 AND id < 2000 AND customer_id = 5;
SELECT asked();
SELECT count(*) FROM orders WHERE id >= 99 AND id < 2000;
SELECT count(*) FROM orders WHERE id IN (99, 150);
SELECT count(*) FROM orders WHERE status = 'paid';
SELECT count(*) FROM orders WHERE status <> 'paid' AND id < 50;
SELECT count(*) FROM orders WHERE status = 'paid' AND id < 50;
SELECT asked();
COMMIT;

-- rescans, cursors, correlated subqueries, functions
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM customers WHERE region = 'EU' ORDER BY id;
FETCH 3 FROM c;
FETCH BACKWARD 1 FROM c;
SELECT count(*) FROM customers a WHERE id < 20 AND (SELECT count(*) FROM customers b WHERE b.id = a.id) = 1;
DO $$ DECLARE r record; n int := 0; BEGIN FOR r IN SELECT * FROM customers WHERE id < 50 LOOP n := n + (SELECT count(*) FROM customers WHERE id = r.id); END LOOP; RAISE NOTICE '%', n; END $$;
SELECT asked();
FETCH 2 FROM c;
COMMIT;

-- LIMIT stores all the same
BEGIN;
SELECT count(*) FROM (SELECT id FROM customers LIMIT 3) s;
SELECT count(*) > 1000 FROM customers;
SELECT asked();
COMMIT;

-- a savepoint takes along what it fetched, and nothing else; a cursor from before goes on
BEGIN;
SELECT asked();
SELECT count(*) > 1000 FROM customers WHERE region = 'EU' OR true;
DECLARE c CURSOR FOR SELECT id FROM orders WHERE id < 100 ORDER BY id;
SAVEPOINT s;
SELECT count(*) FROM orders WHERE customer_id = 1;
FETCH 1 FROM c;
SELECT asked();
ROLLBACK TO s;
SELECT count(*) FROM orders WHERE customer_id = 1;
SELECT count(*) FROM customers WHERE id = 1;
SELECT asked();
FETCH 2 FROM c;
SAVEPOINT t;
SELECT count(*) FROM orders WHERE customer_id = 2;
RELEASE t;
SELECT count(*) FROM orders WHERE customer_id = 2;
SELECT asked();
COMMIT;

-- a failure is nobody's answer; other answers stay
BEGIN;
SELECT count(*) FROM customers;
SAVEPOINT s;
SELECT count(*) FROM broken;
ROLLBACK TO s;
SAVEPOINT s;
SELECT count(*) FROM customers c LEFT JOIN broken b ON b.id = c.id;
ROLLBACK TO s;
DO $$ BEGIN PERFORM * FROM broken; EXCEPTION WHEN OTHERS THEN RAISE NOTICE '%', SQLSTATE; END $$;
SELECT count(*) FROM customers;
SELECT asked();
ROLLBACK;

-- the identity is part of the question: credentials, and whose mapping is used
CREATE ROLE store_one;
CREATE ROLE store_two;
GRANT USAGE ON SCHEMA store TO store_one, store_two;
CREATE FOREIGN TABLE echo (path text, authorization_header text OPTIONS (json '/headers/authorization')) SERVER store OPTIONS (path '/echo');
CREATE FOREIGN TABLE echoes (path text) SERVER store OPTIONS (path '/_log?path=/echo', strategy 'live');
GRANT SELECT ON echo TO store_one, store_two;
CREATE USER MAPPING FOR store_one SERVER store OPTIONS (auth 'bearer', token 'token-of-one');
CREATE USER MAPPING FOR store_two SERVER store OPTIONS (auth 'bearer', token 'token-of-two');
CREATE FUNCTION as_owner() RETURNS SETOF echo LANGUAGE sql SECURITY DEFINER SET search_path = store AS 'SELECT * FROM store.echo';
ALTER FUNCTION as_owner() OWNER TO store_two;
BEGIN;
SET LOCAL ROLE store_one;
SELECT authorization_header FROM echo;
SELECT authorization_header FROM as_owner();
SELECT authorization_header FROM echo;
SET LOCAL ROLE store_two;
SELECT authorization_header FROM echo;
RESET ROLE;
SELECT count(*) FROM echoes;
COMMIT;

-- read only; the setting; what is refused
BEGIN READ ONLY;
SELECT count(*) FROM customers WHERE region = 'EU';
SELECT count(*) FROM customers WHERE region = 'EU';
COMMIT;
SELECT asked();
BEGIN;
SET LOCAL distquery.strategy = 'live';
SELECT count(*) FROM customers WHERE region = 'EU';
SELECT count(*) FROM customers WHERE region = 'EU';
EXPLAIN (COSTS OFF) SELECT count(*) FROM customers WHERE region = 'EU' \g | grep -c Strategy
COMMIT;
SELECT count(*) FROM log;
SET distquery.strategy = 'copy';
ALTER FOREIGN TABLE customers OPTIONS (ADD strategy 'copy');

-- live and store give the same rows
BEGIN;
SELECT differs(q) FROM unnest(ARRAY[
    'SELECT * FROM customers', 'SELECT * FROM orders WHERE id BETWEEN 10 AND 90', 'SELECT id FROM orders WHERE id IN (3, 4, NULL, 100000)',
    $$SELECT * FROM orders WHERE created_at >= '2024-01-01' AND created_at < '2024-03-01'$$,
    $$SELECT * FROM orders WHERE created_at >= '2024-01-15 10:00:00.0001' AND created_at < '2024-02-01'$$,
    $$SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE c.region = 'EU' AND o.total > 50$$,
    $$SELECT c.id FROM customers c WHERE NOT EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)$$,
    $$SELECT id FROM orders WHERE status IS NULL$$, $$SELECT id FROM orders WHERE status <> 'paid' AND customer_id = ANY ('{1,2,3}')$$,
    $$SELECT name FROM customers WHERE name LIKE '%b%' AND id = 5$$, 'SELECT id FROM orders WHERE id < 100 AND customer_id IN (SELECT id FROM customers WHERE id < 10)']) q;
COMMIT;

DROP FUNCTION as_owner();
DROP SERVER store CASCADE;
DROP SCHEMA store CASCADE;
DROP ROLE store_one, store_two;
