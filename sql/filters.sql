-- Which clauses are asked of the service, which stay local, and that the answer is the same.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA filters;
SET search_path = filters, public;
SET timezone = 'UTC';
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;
CREATE SERVER filters FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');

CREATE FOREIGN TABLE orders (
    id bigint OPTIONS (key 'true', filter '= in <> < <= > >='),
    customer_id int OPTIONS (filter '= in'),
    status text OPTIONS (filter '= in <> like null'),
    total numeric OPTIONS (filter '< <= > >='),
    created_at timestamptz OPTIONS (filter '= < <= > >='),
    note text OPTIONS (filter '= null'),
    quantity int
) SERVER filters OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', paging 'offset', page_size '5000');

-- comparison operators
SELECT plan('SELECT * FROM orders WHERE id = 5');
SELECT id, customer_id, status, total FROM orders WHERE id = 5;
SELECT plan('SELECT * FROM orders WHERE 5 > id AND id >= 2::smallint');
SELECT id FROM orders WHERE 5 > id AND id >= 2::smallint ORDER BY id;
SELECT plan('SELECT * FROM orders WHERE id <> 3 AND total < 12.50');
SELECT count(*), min(total), max(total) FROM orders WHERE id <> 3 AND total < 12.50;

-- lists
SELECT plan('SELECT * FROM orders WHERE id IN (3, 1, 2, 1, NULL)');
SELECT id FROM orders WHERE id IN (3, 1, 2, 1, NULL) ORDER BY id;
SELECT plan('SELECT * FROM orders WHERE status = ANY (ARRAY[''open'', ''a,b'', ''quote"'']) AND customer_id IN (1, 2)');
SELECT plan('SELECT * FROM orders WHERE id = ANY (''{}''::bigint[])');
SELECT count(*) FROM orders WHERE id = ANY ('{}'::bigint[]);
SELECT count(*) FROM orders WHERE id = ANY ('{NULL}'::bigint[]);

-- long lists are asked in parts, by count and by the length of the URL; no row comes twice, whatever the service makes of them
ALTER FOREIGN TABLE orders OPTIONS (ADD max_batch '40', ADD max_url '300');
SELECT count(*), count(DISTINCT id), sum(id) FROM orders WHERE id = ANY (ARRAY(SELECT generate_series(1, 250)));
SELECT plan(format('SELECT * FROM orders WHERE id = ANY (%L::int8[])', (SELECT array_agg(i) FROM generate_series(1, 12) i)));
CREATE FOREIGN TABLE wide (id bigint OPTIONS (filter 'in', spell_in 'ignored={values}&_lenient'), customer_id int)
    SERVER filters OPTIONS (path '/data/plain/orders', max_batch '3', paging 'page', page_size '10000');
SELECT count(*), count(DISTINCT id) FROM wide WHERE id IN (1, 2, 3, 4, 5, 6, 7, 8);
ALTER FOREIGN TABLE orders OPTIONS (DROP max_batch, DROP max_url);

-- LIKE and NULL
SELECT plan('SELECT * FROM orders WHERE status LIKE ''ship%'' AND note IS NOT NULL');
SELECT status, count(*) > 0 AS some FROM orders WHERE status LIKE 'ship%' AND note IS NOT NULL GROUP BY 1;
SELECT plan('SELECT * FROM orders WHERE note IS NULL');

-- stable expressions, widened to whole milliseconds
SELECT plan('SELECT * FROM orders WHERE created_at >= ''2026-01-01 00:00:00.0005+00'' AND created_at < ''2026-01-31 12:00:00.000001+02''');
SELECT count(*) FROM orders WHERE created_at >= '2026-01-01' AND created_at < '2026-01-02' AND created_at > now() - interval '1000 years';

-- parameters, in a generic plan too
SET plan_cache_mode = force_generic_plan;
PREPARE by_customer(int) AS SELECT id FROM orders WHERE customer_id = $1 ORDER BY id;
SELECT plan('EXECUTE by_customer(7)');
EXECUTE by_customer(7);
EXECUTE by_customer(NULL);
RESET plan_cache_mode;

-- a value of an outer row
SET enable_hashjoin = off;
SET enable_mergejoin = off;
CREATE TABLE wanted (customer_id int);
INSERT INTO wanted VALUES (7), (8), (7), (NULL);
ANALYZE wanted;
SET distquery.lookup_join = off;
SELECT replace(plan, '(w.customer_id = customer_id)', '(customer_id = w.customer_id)') AS plan -- turned before 16
  FROM plan('SELECT o.id FROM wanted w JOIN orders o ON o.customer_id = w.customer_id') AS plan;
SELECT w.customer_id, o.id FROM wanted w JOIN orders o ON o.customer_id = w.customer_id ORDER BY 1, 2;
RESET distquery.lookup_join;
RESET enable_hashjoin;
RESET enable_mergejoin;

-- what stays local, and why
SELECT plan('SELECT * FROM orders WHERE lower(status) = ''open'' AND quantity = 3 AND status > ''m'' AND total = 5');
SELECT plan('SELECT * FROM orders WHERE id = 5 OR id = 6');
SELECT plan('SELECT * FROM orders WHERE id = (random() * 10)::bigint');
SELECT plan('SELECT * FROM orders WHERE id = 5.5');
SELECT plan('SELECT * FROM orders WHERE customer_id <> ALL (ARRAY[1, 2])');
SELECT plan('SELECT * FROM orders WHERE status COLLATE "C" = ''open''');
SELECT plan('SELECT * FROM orders WHERE id >= 2 AND id >= 3 AND id = 4');

-- a comparison with NULL asks nothing
SELECT plan('SELECT * FROM orders WHERE customer_id = NULL::int');

-- without pushdown everything is asked for
SET distquery.pushdown = off;
SELECT plan('SELECT * FROM orders WHERE id = 5');
SELECT count(*) FROM orders WHERE id = 5;
RESET distquery.pushdown;

-- trust 'exact' leaves the local check out, where the dialect is exact
ALTER FOREIGN TABLE orders OPTIONS (ADD trust 'exact');
SELECT plan('SELECT * FROM orders WHERE id = 5 AND status LIKE ''o%''');
SELECT plan('SELECT * FROM orders WHERE id > 5 LIMIT 3');
ALTER FOREIGN TABLE orders OPTIONS (DROP trust);

-- other dialects
CREATE FOREIGN TABLE js (id bigint OPTIONS (filter '= in >= <= > < <>'), title text OPTIONS (filter '= like'))
    SERVER filters OPTIONS (path '/data/jsonserver/products', dialect 'jsonserver', paging 'page', page_size '500');
SELECT plan('SELECT * FROM js WHERE id IN (1, 2) AND title LIKE ''%a_p.''');
SELECT plan('SELECT * FROM js WHERE id < 4 AND id <> 2');
SELECT id FROM js WHERE id < 4 AND id <> 2 ORDER BY id;
CREATE FOREIGN TABLE br (id bigint OPTIONS (filter '= in >= <= > <'), price numeric OPTIONS (filter '>='))
    SERVER filters OPTIONS (path '/data/brackets/products', dialect 'brackets', paging 'page', page_size '500', rows '');
SELECT plan('SELECT * FROM br WHERE id IN (1, 2) AND price >= 1.5');
CREATE FOREIGN TABLE bad (id bigint OPTIONS (filter '>=')) SERVER filters OPTIONS (path '/x');
SELECT * FROM bad;

-- required columns and path placeholders
CREATE FOREIGN TABLE user_orders (
    customer_id int,
    id bigint,
    status text OPTIONS (required 'true', filter '= in')
) SERVER filters OPTIONS (path '/nested/customers/{customer_id}/orders?_lenient');
SELECT * FROM user_orders;
\set VERBOSITY default
SELECT * FROM user_orders WHERE customer_id = 7;
\set VERBOSITY terse
ALTER FOREIGN TABLE user_orders ALTER status OPTIONS (DROP required);
SELECT plan('SELECT * FROM user_orders WHERE customer_id = 7');
SELECT customer_id, id FROM user_orders WHERE customer_id = 7 ORDER BY id;
SELECT customer_id, id FROM user_orders WHERE customer_id IN (8, 7) ORDER BY customer_id, id;
SELECT u.customer_id, u.id FROM wanted w JOIN user_orders u USING (customer_id) ORDER BY 1, 2;

-- a value that only the request knows has to be asked for
CREATE FOREIGN TABLE echoed (wanted text OPTIONS (param 'q', filter '= in', from 'request'), method text, path text)
    SERVER filters OPTIONS (path '/echo', lookup_path '/echo/{method}');
SELECT count(*) FROM echoed WHERE lower(wanted) = 'x';
SELECT wanted, path FROM echoed WHERE wanted IN ('X', 'y') AND lower(wanted) = 'x';
SET distquery.pushdown = off;
SELECT wanted, path FROM echoed WHERE wanted IN ('X', 'y') AND lower(wanted) = 'x';
RESET distquery.pushdown;
SELECT plan('SELECT * FROM echoed WHERE wanted = ''x'' AND method = ''GET''');

-- a type that rounds is compared locally; a key that the column cannot hold matches nothing; an early start raises nothing
CREATE FOREIGN TABLE narrow (id int OPTIONS (key 'true', filter '= in'), total numeric(10,2) OPTIONS (filter '= <='), status text OPTIONS (filter '='))
    SERVER filters OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', lookup_path '/data/plain/orders/{id}', paging 'offset', page_size '30000');
SELECT plan('SELECT * FROM narrow WHERE total = 20.00 AND total <= 21');
CREATE FOREIGN TABLE singles (id int, value real OPTIONS (json '/total', filter '<=')) SERVER filters OPTIONS (path '/data/brackets/orders', dialect 'brackets');
SELECT plan('SELECT * FROM singles WHERE value <= 0.1::real');
ALTER FOREIGN TABLE singles ALTER value OPTIONS (ADD required 'true', DROP json, ADD from 'request', SET filter '=');
SELECT plan('SELECT * FROM singles WHERE value = 0.1::real');
SELECT id FROM narrow WHERE id = 3000000000;
SELECT id FROM narrow WHERE id = ANY ('{3000000000,5}'::bigint[]);
SET plan_cache_mode = force_generic_plan;
PREPARE divided(int) AS SELECT id FROM narrow WHERE id = 1 UNION ALL SELECT id FROM narrow WHERE $1 <> 0 AND id = 10 / $1;
SELECT plan('EXECUTE divided(0)');
EXECUTE divided(0);
RESET plan_cache_mode;

-- lookups
CREATE FOREIGN TABLE customers (id bigint OPTIONS (key 'true'), name text, region text OPTIONS (filter '='))
    SERVER filters OPTIONS (path '/data/plain/customers?_envelope=items', lookup_path '/data/plain/customers/{id}', rows '/items', paging 'page', page_size '1000');
SELECT plan('SELECT * FROM customers WHERE id = 12 AND region = ''EU''');
SELECT id FROM customers WHERE id = 12;
SELECT id FROM customers WHERE id IN (12, 14, 99999999) ORDER BY id;
SELECT count(*) FROM customers WHERE id = 99999999;

DROP SCHEMA filters CASCADE;
DROP SERVER filters CASCADE;
