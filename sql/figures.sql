-- What fetches show of a table, and how plans follow.
\getenv url DQ_URL
CREATE SCHEMA figures;
SET search_path = figures, public;
SET distquery.learned_figures = on;
CREATE SERVER figures FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true', filter '= in'), title text, price numeric)
    SERVER figures OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '250');
CREATE FOREIGN TABLE counted (id bigint, title text)
    SERVER figures OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', total '/total', paging 'page', page_size '100');
CREATE FOREIGN TABLE small (id bigint, name text) SERVER figures OPTIONS (path '/fault/good', estimated_rows '1000000');
CREATE FOREIGN TABLE wrong (id bigint) SERVER figures OPTIONS (path '/fault/status/404');
CREATE FUNCTION expected_rows(query text) RETURNS float LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan #> '{0,Plan,Plan Rows}';
END $$;
CREATE VIEW known AS
    SELECT foreign_table, rows, rows_per_page, bytes_per_row > 10 AS bytes_per_row, bytes_per_answer > 50 AS bytes_per_answer,
           latency_ms > 0 AS latency, fetches, since <= last_fetch AS since, scope IN ('server', 'session') AS scope
      FROM distquery.table_figures WHERE foreign_table::text NOT LIKE '%.%';

-- nothing is known, and EXPLAIN teaches nothing
SELECT distquery.reset_figures() >= 0 AS reset;
SELECT expected_rows('SELECT * FROM products');
SELECT * FROM known;

-- a part of a collection tells how long and how wide, not how many
SELECT title IS NOT NULL AS found FROM products WHERE id = 7;
SELECT * FROM known;
SELECT expected_rows('SELECT * FROM products');

-- the whole collection
SELECT count(*) FROM products;
SELECT * FROM known;
SELECT expected_rows('SELECT * FROM products'), expected_rows('SELECT * FROM products WHERE id = 7'), expected_rows('SELECT * FROM products WHERE price > 5') AS part;

-- a total tells it without reading all
SELECT count(*) FROM (SELECT * FROM counted LIMIT 5) x;
SELECT * FROM known WHERE foreign_table = 'counted'::regclass;
SELECT expected_rows('SELECT * FROM counted');

SET distquery.lookup_join = off;
-- plans follow: read as a whole, with 2,000 rows in a few pages, rather than asked for each of many orders
CREATE FOREIGN TABLE orders (id bigint, product_id bigint) SERVER figures OPTIONS (path '/data/plain/orders', estimated_rows '300');
CREATE FUNCTION join_method(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN jsonb_path_query_first(plan, '$.**."Node Type" ? (@ like_regex "Join|Loop|Custom")') #>> '{}';
END $$;
SELECT join_method('SELECT * FROM orders o JOIN products p ON p.id = o.product_id') IS NOT DISTINCT FROM 'Hash Join' AS as_a_whole;
SET distquery.learned_figures = off;
SELECT join_method('SELECT * FROM orders o JOIN products p ON p.id = o.product_id') IS NOT DISTINCT FROM 'Hash Join' AS as_a_whole;
SET distquery.learned_figures = on;
-- by keys, in a few requests, where a few are wanted of many
CREATE FOREIGN TABLE catalog (id bigint OPTIONS (key 'true', filter '= in'), title text)
    SERVER figures OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '20');
SELECT count(*) FROM catalog;
SET distquery.lookup_join = auto;
SELECT join_method('SELECT * FROM (VALUES (1), (2), (3), (4), (5)) v(id) JOIN catalog p ON p.id = v.id');
SET distquery.lookup_join = off;

-- learned rows stand before estimated_rows
SELECT expected_rows('SELECT * FROM small');
SELECT count(*) FROM small;
SELECT expected_rows('SELECT * FROM small');
SET distquery.learned_figures = off;
SELECT expected_rows('SELECT * FROM small');
SET distquery.learned_figures = on;

-- failures teach nothing
\set VERBOSITY terse
SELECT count(*) FROM wrong;
\set VERBOSITY default
SELECT * FROM known WHERE foreign_table = 'wrong'::regclass;

-- another collection begins anew; other options do not matter
ALTER FOREIGN TABLE small OPTIONS (ADD timeout '7s');
SELECT expected_rows('SELECT * FROM small');
ALTER FOREIGN TABLE small OPTIONS (SET path '/fault/good?other');
SELECT expected_rows('SELECT * FROM small');
ALTER FOREIGN TABLE small OPTIONS (SET path '/fault/good');
SELECT expected_rows('SELECT * FROM small');

-- a small change does not move the planner, a large one does
CREATE FOREIGN TABLE many (id bigint, path text) SERVER figures OPTIONS (path '/_log?path=/fault/good&grown');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER figures OPTIONS (path '/_reset');
SELECT count(*) FROM reset_log;
DO $$BEGIN FOR i IN 1 .. 10 LOOP PERFORM count(*) FROM small; END LOOP; END$$;
SELECT count(*) AS few FROM many;
SELECT expected_rows('SELECT * FROM many') AS few \gset
SELECT count(*) FROM small WHERE id IS NOT NULL;
SELECT count(*) > :few AS grown FROM many;
SELECT expected_rows('SELECT * FROM many') = :few AS kept;
DO $$BEGIN FOR i IN 1 .. 100 LOOP PERFORM count(*) FROM small; END LOOP; END$$;
SELECT count(*) > :few * 2 AS grown FROM many;
SELECT expected_rows('SELECT * FROM many') > :few * 2 AS followed;

-- a table that is dropped is not shown
DROP FOREIGN TABLE many;
SELECT foreign_table FROM distquery.table_figures WHERE foreign_table::text ~ 'many|^\d';

-- forgetting is for those who may
SELECT distquery.reset_figures('small');
SELECT distquery.reset_figures('small');
SELECT count(*) FROM known WHERE foreign_table = 'small'::regclass;
CREATE ROLE regress_figures;
SET ROLE regress_figures;
SELECT count(*) > 0 AS shown FROM distquery.table_figures;
SELECT distquery.reset_figures();
RESET ROLE;
SELECT distquery.reset_figures() > 0 AS reset;
SELECT count(*) FROM distquery.table_figures;

DROP ROLE regress_figures;
DROP SCHEMA figures CASCADE;
DROP SERVER figures CASCADE;
