-- Strategy cache: invalidating a part of a table's answers, by key or partition.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA part;
SET search_path = part, public;
CREATE SERVER part FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', strategy 'cache', ttl '1h', cache_partition 'region');
CREATE FOREIGN TABLE customers (id bigint OPTIONS (key 'true', filter '= in'), name text OPTIONS (filter '= in like'), region text OPTIONS (filter '= in'))
    SERVER part OPTIONS (path '/data/postgrest/customers?limit=200', dialect 'postgrest');
CREATE FOREIGN TABLE lines (customer_id bigint OPTIONS (key 'true', filter '= in'), id bigint OPTIONS (key 'true', filter '='), status text OPTIONS (filter '='))
    SERVER part OPTIONS (path '/data/postgrest/orders?limit=200', dialect 'postgrest');
CREATE FOREIGN TABLE orders_of (customer_id bigint OPTIONS (key 'true'), id bigint) SERVER part OPTIONS (path '/nested/users/{customer_id}/orders', cache_partition 'customer_id');
CREATE FOREIGN TABLE log (method text, path text, query text, status int) SERVER part OPTIONS (path '/_log', strategy 'live');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER part OPTIONS (path '/_reset', strategy 'live');

CREATE FUNCTION asked() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT regexp_replace(log.path, '^/(data/postgrest|nested/users)/', '') || regexp_replace(query, '&?(limit|offset)=\d+', '', 'g')
        FROM log WHERE log.path !~ '^/_' GROUP BY 1 ORDER BY 1;
    PERFORM * FROM reset_log;
END $$;
-- asks six questions, and says which of them reached the service
CREATE FUNCTION ask_customers() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM reset_log;
    PERFORM count(*) FROM customers WHERE name LIKE 'C%';
    PERFORM count(*) FROM customers WHERE region = 'EU' AND name LIKE 'A%';
    PERFORM count(*) FROM customers WHERE region = 'APAC' AND name LIKE 'A%';
    PERFORM count(*) FROM customers WHERE region IN ('EU', 'APAC') AND name LIKE 'B%';
    PERFORM count(*) FROM customers WHERE id = 5 AND name LIKE 'B%';
    PERFORM count(*) FROM customers WHERE id IN (6, 7) AND name LIKE 'B%';
    RETURN QUERY SELECT asked();
END $$;
SELECT ask_customers();
SELECT ask_customers();
-- a partition: its answers, and those that may hold rows of any
SELECT distquery.invalidate('customers', $$region = 'EU'$$);
SELECT ask_customers();
SELECT distquery.invalidate('customers', $$region = ANY ('{LATAM,NULL}') AND name > 'x'$$);
SELECT ask_customers();
-- a key: its answer, and those that may hold rows of any
SELECT distquery.invalidate('customers', 'id = 5');
SELECT ask_customers();
SELECT distquery.invalidate('customers', $$region = 'EU' AND id IN (6, 8)$$);
SELECT ask_customers();
SELECT distquery.invalidate('customers', 'id = 99');
SELECT ask_customers();
-- again at commit, the same part
BEGIN;
SELECT distquery.invalidate('customers', $$'APAC' = region$$);
SELECT ask_customers();
COMMIT;
SELECT ask_customers();
SELECT ask_customers();
-- all, where the filter does not say which
SELECT distquery.invalidate('customers', $$name = 'x'$$);
SELECT ask_customers();
SELECT distquery.invalidate('customers', $$region = 'EU' OR id = 7$$);
SELECT ask_customers();
\set VERBOSITY default
SELECT distquery.invalidate('customers', $$region = current_user$$);
\set VERBOSITY terse
SELECT distquery.invalidate('customers', 'id = (SELECT 5)');
SELECT distquery.invalidate('customers', 'id > 5');
SELECT distquery.invalidate('customers', 'id = 5.0');
SELECT distquery.invalidate('customers', 'id = NULL');
SELECT distquery.invalidate('customers', $$region COLLATE "C" = 'EU'$$);
SELECT distquery.invalidate('customers', 'id');
SELECT distquery.invalidate('customers', 'id = 5; DROP TABLE x');
SELECT distquery.invalidate('customers', 'nothing = 5');
SELECT distquery.invalidate('pg_class', 'oid = 5');
SELECT distquery.invalidate('customers', NULL);
SELECT ask_customers();
-- a composite key: one of its columns is enough
CREATE FUNCTION ask_lines() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM reset_log;
    PERFORM count(*) FROM lines WHERE status = 'open';
    PERFORM count(*) FROM lines WHERE customer_id = 1 AND id = 11;
    PERFORM count(*) FROM lines WHERE customer_id = 1 AND id = 12;
    PERFORM count(*) FROM lines WHERE customer_id = 2 AND id = 11;
    PERFORM count(*) FROM lines WHERE customer_id IN (3, 4) AND status = 'paid';
    RETURN QUERY SELECT asked();
END $$;
SELECT count(*) FROM ask_lines();
SELECT distquery.invalidate('lines', 'customer_id = 1');
SELECT ask_lines();
SELECT distquery.invalidate('lines', 'id = 11 AND customer_id = 1');
SELECT ask_lines();
-- a column of the path
SELECT count(*) > 0 AS rows FROM orders_of WHERE customer_id = 17 AND id > 0;
SELECT count(*) > 0 AS rows FROM orders_of WHERE customer_id IN (17, 18);
SELECT asked();
SELECT distquery.invalidate('orders_of', 'customer_id = 18');
SELECT count(*) > 0 AS rows FROM orders_of WHERE customer_id IN (17, 18);
SELECT asked();

-- what cannot be a partition
CREATE FOREIGN TABLE no_column (id int) SERVER part OPTIONS (path '/data/plain/products', cache_partition 'nowhere');
SELECT count(*) FROM no_column;
CREATE FOREIGN TABLE no_filter (id int, region text) SERVER part OPTIONS (path '/data/plain/products', cache_partition 'region');
SELECT count(*) FROM no_filter;
\set VERBOSITY default
CREATE FOREIGN TABLE no_text (id int, price numeric OPTIONS (filter '=')) SERVER part OPTIONS (path '/data/plain/products', cache_partition 'price');
SELECT count(*) FROM no_text;
\set VERBOSITY terse

DROP SERVER part CASCADE;
DROP SCHEMA part CASCADE;
