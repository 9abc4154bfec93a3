-- Query and store: services' rows in temporary tables.
\getenv url DQ_URL
CREATE SCHEMA materialize;
SET search_path = materialize, public;
CREATE SERVER materialize FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0');
CREATE FOREIGN TABLE customers (id bigint, name text, region text OPTIONS (filter '='), city text OPTIONS (json '/address/city'))
    SERVER materialize OPTIONS (path '/data/plain/customers', paging 'page', page_size '1000');
CREATE FOREIGN TABLE orders (id bigint, customer_id bigint OPTIONS (filter '= in'), total numeric, created_at timestamptz)
    SERVER materialize OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', paging 'offset', page_size '10000');
CREATE FOREIGN TABLE broken (id int) SERVER materialize OPTIONS (path '/fault/truncated');
CREATE FOREIGN TABLE log (method text, path text, query text, status int) SERVER materialize OPTIONS (path '/_log?path=/data');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER materialize OPTIONS (path '/_reset');

-- one source; the filter is pushed, the table has statistics and indexes, later queries ask nothing
BEGIN;
SELECT * FROM reset_log;
SELECT distquery.materialize('customers', $$region = 'EU'$$, 'eu', ARRAY['id', 'city, name']);
SELECT query FROM log LIMIT 1;
SELECT * FROM reset_log;
SELECT count(*), count(DISTINCT region), count(DISTINCT city) > 5 AS cities FROM eu;
SELECT count(*) FROM log;
SELECT replace(indexdef, pg_my_temp_schema()::regnamespace || '.', 'pg_temp.') AS indexdef FROM pg_indexes WHERE tablename = 'eu' ORDER BY 1;
SELECT reltuples = (SELECT count(*) FROM eu) AS analyzed, relpersistence FROM pg_class WHERE oid = 'eu'::regclass;
COMMIT;
SELECT to_regclass('eu');

-- all at once, under the sources' own names; then plain SQL
BEGIN;
SELECT * FROM reset_log;
SELECT name, rows FROM distquery.materialize_all(ARRAY['customers', 'orders']::regclass[], index_on => ARRAY['id', 'customer_id']);
SELECT min(query), count(*) FROM log GROUP BY path ORDER BY path;
SELECT * FROM reset_log;
SELECT c.region, count(*), sum(o.total) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM log;
SELECT tablename, replace(indexdef, pg_my_temp_schema()::regnamespace || '.', 'pg_temp.') AS indexdef FROM pg_indexes WHERE tablename IN ('customers', 'orders') ORDER BY 1, 2;
COMMIT;

-- the same rows as a live query
SELECT distquery.materialize('orders', 'total > 100', 'expensive', on_commit => 'preserve') =
       (SELECT count(*) FROM orders WHERE total > 100) AS same;
SELECT count(*) FROM (SELECT * FROM expensive EXCEPT SELECT * FROM orders) d;
DROP TABLE expensive;

-- on its own, a table dropped at commit is of no use; inside a function or a block it is
SELECT distquery.materialize('customers', 'id = 1');
DO $$ BEGIN PERFORM distquery.materialize('customers', 'id = 1', 'one'); ASSERT (SELECT count(*) FROM one) = 1; END $$;

-- a failure leaves nothing behind
BEGIN;
SAVEPOINT s;
\set VERBOSITY terse
SELECT * FROM distquery.materialize_all(ARRAY['customers', 'broken']::regclass[]);
ROLLBACK TO s;
SELECT count(*) FROM pg_class WHERE relpersistence = 't' AND relname IN ('customers', 'broken');
COMMIT;

-- bad arguments
SELECT distquery.materialize('customers', 'id = 1) UNION SELECT (1');
SELECT distquery.materialize('customers', 'id = 1 ORDER BY 1');
SELECT distquery.materialize('customers', 'nonsense = 1');
SELECT distquery.materialize('customers', 'id = 1', on_commit => 'keep');
SELECT distquery.materialize('customers', 'id = 1', 'x', ARRAY['nope'], 'preserve');
SELECT distquery.materialize(NULL);
SELECT distquery.materialize_all(ARRAY['customers', NULL]::regclass[]);
SELECT distquery.materialize_all(ARRAY['customers']::regclass[], names => ARRAY['a', 'b']);

-- with the caller's rights
CREATE ROLE distquery_reader;
GRANT USAGE ON SCHEMA materialize TO distquery_reader;
SET ROLE distquery_reader;
SELECT distquery.materialize('customers', on_commit => 'preserve');
RESET ROLE;
GRANT SELECT ON customers TO distquery_reader;
SET ROLE distquery_reader;
SELECT distquery.materialize('customers', 'id <= 3', 'few', on_commit => 'preserve');
SELECT id FROM few ORDER BY id;
RESET ROLE;
DROP TABLE few;
REVOKE ALL ON SCHEMA materialize FROM distquery_reader;
REVOKE ALL ON customers FROM distquery_reader;
DROP ROLE distquery_reader;
DROP SCHEMA materialize CASCADE;
DROP SERVER materialize CASCADE;
