--
-- trust 'exact': LIMIT, ORDER BY and count(*) by the service, and only the members that are needed.
--
\getenv url DQ_URL
CREATE SCHEMA exact;
SET search_path = exact, public;
SET timezone = 'UTC';
CREATE SERVER exact FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER exact OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (query text) SERVER exact OPTIONS (path '/_log?path=/data');
-- runs a query, tells its answer and what was asked
CREATE FUNCTION asked(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM reset_log;
    RETURN QUERY EXECUTE format('SELECT %L || coalesce(string_agg(t::text, '' ''), ''none'') FROM (%s) t', 'answer: ', query);
    RETURN QUERY SELECT '?' || l.query FROM log l;
END $$;

CREATE FOREIGN TABLE orders (id bigint OPTIONS (key 'true', filter '= in < <= > >=', sort 'nulls_last'), customer_id int OPTIONS (filter '= in'),
    status text OPTIONS (filter '= in like', sort 'nulls_last'), total numeric OPTIONS (sort 'nulls_last'), note text)
    SERVER exact OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', paging 'offset', page_size '100', trust 'exact', estimated_rows '30000');

-- LIMIT and OFFSET: never more rows than these, whatever the size of a page
SELECT asked('SELECT id FROM orders ORDER BY id LIMIT 3');
SELECT asked('SELECT id FROM orders ORDER BY id DESC OFFSET 2 LIMIT 3');
SELECT asked('SELECT count(*) FROM (SELECT id FROM orders LIMIT 250) o');
SELECT asked('SELECT count(*) FROM (SELECT id FROM orders WHERE id > 100 OFFSET 50 LIMIT 75) o');
SELECT asked('SELECT count(*) FROM (SELECT id FROM orders WHERE id > 29990 LIMIT 75) o');
SELECT asked('SELECT count(*) FROM (SELECT id FROM orders WHERE id IN (5, 7, 9) LIMIT 2) o');
ALTER FOREIGN TABLE orders OPTIONS (ADD total 'header:X-None');
SELECT asked('SELECT count(*) FROM (SELECT id FROM orders LIMIT 250) o');
ALTER FOREIGN TABLE orders OPTIONS (DROP total);
-- by number all pages have one size
CREATE FOREIGN TABLE numbered (id bigint OPTIONS (key 'true', filter '='))
    SERVER exact OPTIONS (path '/data/plain/orders?_envelope=items', rows '/items', paging 'page', page_size '100', trust 'exact', total '/total');
SELECT asked('SELECT count(*) FROM (SELECT id FROM numbered LIMIT 250) o');
-- without paging LIMIT is a parameter, if the dialect has one or it is spelled
CREATE FOREIGN TABLE unpaged (id bigint OPTIONS (key 'true', filter '= >', sort 'nulls_last'), name text OPTIONS (filter 'like'))
    SERVER exact OPTIONS (path '/data/postgrest/customers', dialect 'postgrest', trust 'exact');
SELECT plan('SELECT id FROM unpaged ORDER BY id LIMIT 4');
SELECT asked('SELECT id FROM unpaged ORDER BY id LIMIT 4');
CREATE FOREIGN TABLE spelled (id bigint OPTIONS (key 'true', filter '=')) SERVER exact
    OPTIONS (path '/data/plain/customers?_envelope=items', rows '/items', trust 'exact', spell_limit 'limit={value}', total '/total');
SELECT asked('SELECT count(*) FROM (SELECT id FROM spelled LIMIT 7) o');
-- refused: a clause that stays here, one that is not exact, ties, functions in the output, DISTINCT, locks, joins
SELECT plan('SELECT id FROM unpaged WHERE id > 3 AND id % 2 = 0 LIMIT 4');
SELECT plan('SELECT id FROM unpaged WHERE name LIKE ''A%'' LIMIT 4');
SELECT plan('SELECT id FROM unpaged ORDER BY id FETCH FIRST 4 ROWS WITH TIES');
SELECT plan('SELECT generate_series(1, id) FROM unpaged LIMIT 4');
SELECT plan('SELECT DISTINCT name FROM unpaged LIMIT 4');
SELECT plan('SELECT id FROM unpaged LIMIT 4 FOR UPDATE');
SELECT plan('SELECT id FROM unpaged ORDER BY name LIMIT 4');
ALTER FOREIGN TABLE unpaged OPTIONS (SET trust 'recheck');
SELECT plan('SELECT id FROM unpaged LIMIT 4');
ALTER FOREIGN TABLE unpaged OPTIONS (SET trust 'exact');

-- count(*) by the total, from the smallest page
SELECT plan('SELECT count(*) FROM orders WHERE customer_id = 7 AND id < 20000');
SELECT asked('SELECT count(*) FROM orders');
SELECT asked('SELECT count(*) + 1, count(1) FROM orders WHERE customer_id = 7 AND id < 20000');
SELECT asked('SELECT count(*) FROM orders WHERE customer_id = 7 OR (customer_id = 8 AND id < 20000)');
SELECT asked('SELECT count(*) FROM numbered WHERE id = 4');
SELECT asked('SELECT count(*) FROM orders WHERE id = NULL::bigint');
ALTER FOREIGN TABLE orders OPTIONS (ADD max_batch '2');
SELECT asked('SELECT count(*) FROM orders WHERE id IN (1, 2, 3, 4, 5, 999999)');
ALTER FOREIGN TABLE orders OPTIONS (DROP max_batch);
-- a parameter, and an outer value
PREPARE counted(int) AS SELECT count(*) FROM orders WHERE customer_id = $1;
SET plan_cache_mode = force_generic_plan;
SELECT plan('EXECUTE counted(7)');
EXECUTE counted(7);
EXECUTE counted(NULL);
RESET plan_cache_mode;
SELECT i, (SELECT count(*) FROM orders WHERE customer_id = i) FROM generate_series(7, 9) i;
SELECT i, (SELECT count(*) FROM orders WHERE customer_id = 7) FROM generate_series(1, 2) i;
-- it is what counting the rows gives
SET distquery.pushdown = off;
ALTER FOREIGN TABLE orders OPTIONS (SET page_size '10000');
SELECT count(*) FROM orders WHERE customer_id = 7 AND id < 20000;
SELECT plan('SELECT count(*) FROM orders WHERE customer_id = 7');
RESET distquery.pushdown;
ALTER FOREIGN TABLE orders OPTIONS (SET page_size '100');
-- refused: another aggregate, a filter, DISTINCT, GROUP BY, HAVING, a clause that stays here, a table that is not trusted
SELECT plan('SELECT count(*), max(id) FROM orders');
SELECT plan('SELECT count(*) FILTER (WHERE id > 5) FROM orders');
SELECT plan('SELECT count(DISTINCT id) FROM orders');
SELECT plan('SELECT count(id) FROM orders');
SELECT plan('SELECT customer_id, count(*) FROM orders GROUP BY 1');
SELECT plan('SELECT count(*) FROM orders HAVING count(*) > 5');
SELECT plan('SELECT count(*) FROM orders WHERE note IS NULL');
SELECT plan('SELECT count(*) FROM orders WHERE status LIKE ''a%''');
SELECT plan('SELECT count(*) FROM orders a, orders b');
ALTER FOREIGN TABLE orders OPTIONS (SET trust 'recheck');
SELECT plan('SELECT count(*) FROM orders');
ALTER FOREIGN TABLE orders OPTIONS (SET trust 'exact');
-- a service that tells no total after all: the rows are counted; one that cannot be true is an error
CREATE FOREIGN TABLE untold (id bigint OPTIONS (key 'true', filter '=')) SERVER exact
    OPTIONS (path '/data/plain/customers?_envelope=items', rows '/items', paging 'page', page_size '2500', trust 'exact', total '/nothing');
SELECT asked('SELECT count(*) FROM untold');
ALTER FOREIGN TABLE untold OPTIONS (SET path '/data/plain/customers?_envelope=items&_total_add=-5000', SET total '/total');
SELECT count(*) FROM untold;
-- a failure is told as ever
\set VERBOSITY terse
CREATE FOREIGN TABLE failing (id bigint OPTIONS (key 'true')) SERVER exact
    OPTIONS (path '/literal?status=404&body=[]', paging 'page', page_size '5', trust 'exact', total '/total');
SELECT count(*) FROM failing;
ALTER FOREIGN TABLE failing OPTIONS (ADD not_found 'empty');
SELECT count(*) FROM failing;
\set VERBOSITY default

CREATE FUNCTION explained(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (VERBOSE, COSTS OFF) ' || query;
END $$;
-- counted through a view with the credentials of its owner, and told in full
CREATE USER MAPPING FOR CURRENT_USER SERVER exact OPTIONS (auth 'api_key', api_key 'owners', api_key_in 'query:key');
ALTER FOREIGN TABLE orders OPTIONS (SET path '/data/postgrest/orders?_lenient');
CREATE ROLE regress_exact_reader;
GRANT USAGE ON SCHEMA exact TO regress_exact_reader;
CREATE VIEW counted AS SELECT count(*) AS orders FROM orders WHERE customer_id = 7;
GRANT SELECT ON counted TO regress_exact_reader;
SELECT count(*) FROM reset_log;
SET ROLE regress_exact_reader;
SELECT * FROM counted;
SELECT count(*) FROM exact.orders;
RESET ROLE;
SELECT query FROM log;
DROP USER MAPPING FOR CURRENT_USER SERVER exact;
SELECT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service') FROM explained('SELECT orders + 1 FROM counted') line;
ALTER FOREIGN TABLE orders OPTIONS (SET path '/data/postgrest/orders');

-- members: what is needed, and the key; both scans of a table the same, so that one answer serves both
SELECT plan('SELECT note FROM orders WHERE customer_id = 7');
SELECT plan('SELECT sum(total) FROM orders WHERE customer_id = 7 AND note IS NOT NULL');
SET distquery.lookup_join = off;
SELECT asked('SELECT count(*) FROM (SELECT a.note, b.total FROM orders a JOIN orders b ON a.id = b.id AND b.customer_id = 7 WHERE a.customer_id = 7) t');
RESET distquery.lookup_join;
SELECT plan('SELECT o FROM orders o WHERE customer_id = 7');
-- not with a whole element, an unnamed key, or a path that says it itself
ALTER FOREIGN TABLE orders ALTER COLUMN note OPTIONS (ADD json '');
SELECT plan('SELECT note FROM orders WHERE customer_id = 7');
SELECT plan('SELECT total FROM orders WHERE customer_id = 7');
ALTER FOREIGN TABLE orders ALTER COLUMN note OPTIONS (SET json '/deep/er');
SELECT plan('SELECT note FROM orders WHERE customer_id = 7');
ALTER FOREIGN TABLE orders ALTER COLUMN note OPTIONS (SET json '/odd name');
SELECT plan('SELECT note FROM orders WHERE customer_id = 7');
ALTER FOREIGN TABLE orders ALTER COLUMN note OPTIONS (DROP json);
ALTER FOREIGN TABLE orders ALTER COLUMN id OPTIONS (DROP key);
SELECT plan('SELECT total FROM orders WHERE customer_id = 7');
ALTER FOREIGN TABLE orders ALTER COLUMN id OPTIONS (ADD key 'true');
ALTER FOREIGN TABLE orders OPTIONS (SET path '/data/postgrest/orders?select=*');
SELECT plan('SELECT total FROM orders WHERE customer_id = 7');
-- spelled for other dialects
CREATE FOREIGN TABLE lean (id bigint OPTIONS (key 'true'), name text, city text OPTIONS (json '/address/city')) SERVER exact
    OPTIONS (path '/data/plain/customers', spell_fields 'fields={values}', paging 'page', page_size '5000');
SELECT asked('SELECT max(name), max(city) FROM lean');
CREATE FOREIGN TABLE sparse (id bigint OPTIONS (key 'true'), name text, city text OPTIONS (json '/attributes/address/city')) SERVER exact
    OPTIONS (path '/data/jsonapi/customers', dialect 'jsonapi', rows '/data', spell_fields 'fields[customers]={values}', paging 'page', page_size '5000');
SELECT asked('SELECT max(id), max(city) FROM sparse');

SET client_min_messages = warning;
-- an enum is sorted here: the service knows labels, not their order
CREATE TYPE progress AS ENUM ('shipped', 'paid', 'open', 'cancelled', 'returned');
CREATE FOREIGN TABLE steps (id bigint OPTIONS (key 'true', filter '= <=', sort 'nulls_last'), status progress OPTIONS (sort 'nulls_last'))
    SERVER exact OPTIONS (path '/data/postgrest/orders', dialect 'postgrest', paging 'offset', page_size '5000', trust 'exact');
SELECT status FROM steps WHERE id <= 40 ORDER BY status DESC LIMIT 3;

DROP SCHEMA exact CASCADE;
DROP SERVER exact CASCADE;
DROP ROLE regress_exact_reader;
