-- ANALYZE: a sample of a service's rows, and what the planner makes of it.
\getenv url DQ_URL
CREATE SCHEMA "analyze";
SET search_path = "analyze", public;
CREATE SERVER "analyze" FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER "analyze" OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (path text, query text) SERVER "analyze" OPTIONS (path '/_log?path=/data', estimated_rows '50');
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true', filter '= in'), title text, price numeric)
    SERVER "analyze" OPTIONS (path '/data/plain/products', paging 'page', page_size '500');
CREATE FUNCTION expected_rows(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan #> '{0,Plan,Plan Rows}';
END $$;

-- read as a whole
ANALYZE products;
SELECT reltuples, relpages > 0 AS pages FROM pg_class WHERE oid = 'products'::regclass;
SELECT attname, n_distinct, null_frac, histogram_bounds IS NOT NULL AS histogram
  FROM pg_stats WHERE schemaname = 'analyze' AND tablename = 'products' ORDER BY attname COLLATE "C";
SELECT count(*) FROM products WHERE id <= 500;
SELECT expected_rows('SELECT * FROM products'), expected_rows('SELECT * FROM products WHERE id <= 500') BETWEEN 450 AND 550 AS quarter,
       expected_rows('SELECT * FROM products WHERE id = 17') AS one;

-- ANALYZE stands before estimated_rows
ALTER FOREIGN TABLE products OPTIONS (ADD estimated_rows '7');
SELECT expected_rows('SELECT * FROM products');

-- with a total, pages are spread over all of a collection that is larger than what may be read
CREATE FOREIGN TABLE spread (id bigint, title text)
    SERVER "analyze" OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', total '/total', paging 'offset', page_size '50');
SET distquery.analyze_rows = 400;
SELECT count(*) FROM reset_log;
ANALYZE spread;
SELECT count(*) AS requests, count(DISTINCT query) AS different, count(*) FILTER (WHERE query ~ 'offset=[5-9]\d\d\y') > 0 AS middle,
       count(*) FILTER (WHERE query ~ 'offset=1[5-9]\d\d\y') > 0 AS last_quarter FROM log;
SELECT reltuples FROM pg_class WHERE oid = 'spread'::regclass;
SELECT (histogram_bounds::text::bigint[])[1] < 100 AS head, (histogram_bounds::text::bigint[])[array_length(histogram_bounds::text::bigint[], 1)] > 1700 AS tail
  FROM pg_stats WHERE schemaname = 'analyze' AND tablename = 'spread' AND attname = 'id';
ALTER FOREIGN TABLE spread OPTIONS (SET paging 'page');
SELECT count(*) FROM reset_log;
ANALYZE spread;
SELECT count(*) AS requests, count(DISTINCT query) AS different, max(substring(query from 'page=(\d+)')::int) > 34 AS last_pages FROM log;

-- without one, the beginning is read, and the number of rows is what was believed before
ALTER FOREIGN TABLE products OPTIONS (SET estimated_rows '123456');
CREATE FOREIGN TABLE head (id bigint) SERVER "analyze"
    OPTIONS (path '/data/plain/products', paging 'page', page_size '100', estimated_rows '123456');
SELECT count(*) FROM reset_log;
ANALYZE head;
SELECT count(*) AS requests FROM log;
SELECT reltuples FROM pg_class WHERE oid = 'head'::regclass;
RESET distquery.analyze_rows;

-- single columns, empty collections, all kinds of values
ANALYZE products (price);
CREATE FOREIGN TABLE nothing (id bigint) SERVER "analyze" OPTIONS (path '/literal?body=[]');
ANALYZE nothing;
SELECT expected_rows('SELECT * FROM nothing');
CREATE FOREIGN TABLE mixed (a jsonb, b text[], c bytea, d timestamptz, e boolean)
    SERVER "analyze" OPTIONS (path '/literal?body=%5B%7B%22a%22%3A%7B%22x%22%3A%5B1%5D%7D%2C%22b%22%3A%5B%22p%22%2C%22q%22%5D%2C%22c%22%3A%22abc%22%2C%22d%22%3A%222026-01-01T00%3A00%3A00Z%22%2C%22e%22%3Atrue%7D%2C%7B%7D%2C%7B%22a%22%3A1%2C%22b%22%3Anull%7D%5D');
ANALYZE mixed;
SELECT attname, null_frac FROM pg_stats WHERE schemaname = 'analyze' AND tablename = 'mixed' ORDER BY 1;

-- what cannot be sampled
CREATE FOREIGN TABLE of_user (user_id bigint, id bigint) SERVER "analyze" OPTIONS (path '/users/{user_id}/orders');
ANALYZE of_user;
CREATE FOREIGN TABLE broken (id bigint) SERVER "analyze" OPTIONS (path '/fault/status/400');
\set VERBOSITY terse
ANALYZE broken;
CREATE FOREIGN TABLE misfit (id bigint) SERVER "analyze" OPTIONS (path '/literal?body=%5B%7B%22id%22%3A%22x%22%7D%5D');
ANALYZE misfit;
\set VERBOSITY default
SET distquery.analyze_rows = 5;

-- asked with the credentials of the table's owner
CREATE ROLE regress_analyze;
GRANT USAGE ON FOREIGN SERVER "analyze" TO regress_analyze;
GRANT ALL ON SCHEMA "analyze" TO regress_analyze;
CREATE FOREIGN TABLE guarded (id bigint, name text) SERVER "analyze" OPTIONS (path '/fault/protected');
\set VERBOSITY terse
ANALYZE guarded;
\set VERBOSITY default
CREATE USER MAPPING FOR regress_analyze SERVER "analyze" OPTIONS (auth 'bearer', token 't0ken');
ALTER FOREIGN TABLE guarded OWNER TO regress_analyze;
ANALYZE guarded;
SELECT reltuples FROM pg_class WHERE oid = 'guarded'::regclass;

DROP SCHEMA "analyze" CASCADE;
DROP SERVER "analyze" CASCADE;
DROP ROLE regress_analyze;
