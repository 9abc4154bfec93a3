-- Partitioned and inherited foreign tables, and UNION ALL.
\getenv url DQ_URL
CREATE SCHEMA partitions;
SET search_path = partitions, public;
CREATE SERVER partitions FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER partitions OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (path text, query text) SERVER partitions OPTIONS (path '/_log?path=/');
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS OFF') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;

-- a service for each region, and the past in a local table
CREATE TABLE sales (id int, region text, amount int) PARTITION BY LIST (region);
CREATE FOREIGN TABLE sales_eu PARTITION OF sales FOR VALUES IN ('eu') SERVER partitions
    OPTIONS (path '/literal?body=%5B%7B%22id%22:1,%22region%22:%22eu%22,%22amount%22:10%7D,%7B%22id%22:2,%22region%22:%22eu%22,%22amount%22:20%7D%5D');
CREATE FOREIGN TABLE sales_us PARTITION OF sales FOR VALUES IN ('us') SERVER partitions
    OPTIONS (path '/literal?body=%5B%7B%22id%22:3,%22region%22:%22us%22,%22amount%22:30%7D%5D');
CREATE FOREIGN TABLE sales_asia PARTITION OF sales FOR VALUES IN ('asia') SERVER partitions
    OPTIONS (path '/literal?body=%5B%7B%22amount%22:40,%22id%22:4,%22region%22:%22asia%22%7D%5D');
CREATE TABLE sales_past PARTITION OF sales DEFAULT;
INSERT INTO sales_past VALUES (5, 'past', 50);
SELECT * FROM sales ORDER BY id;
SELECT region, sum(amount) FROM sales GROUP BY region ORDER BY region;
SELECT plan('SELECT * FROM sales WHERE amount > 5');
SELECT plan('SELECT * FROM sales_eu UNION ALL SELECT * FROM sales_us');
SET distquery.prefetch = off;
SELECT plan('SELECT * FROM sales_eu UNION ALL SELECT * FROM sales_us');
RESET distquery.prefetch;

-- rows know their table, and can be had as a whole
SELECT tableoid::regclass, id FROM sales ORDER BY id;
SELECT tableoid::regclass, s FROM sales s ORDER BY s.id;
SELECT s.tableoid::regclass, row_to_json(s) FROM sales s WHERE s.region IN ('asia', 'past') ORDER BY s.id;

-- a partition that cannot hold what is asked for is not asked, whenever that is known
SELECT count(*) FROM reset_log;
SELECT id FROM sales WHERE region = 'us';
SELECT count(*) AS asked FROM log;
SET plan_cache_mode = force_generic_plan;
PREPARE of_region(text) AS SELECT id FROM sales WHERE region = $1 ORDER BY id;
SELECT count(*) FROM reset_log;
EXECUTE of_region('eu');
EXECUTE of_region('nowhere');
SELECT count(*) AS asked FROM log;
SELECT count(*) FROM reset_log;
SELECT id FROM sales WHERE region = (SELECT min(r) FROM (VALUES ('us'), ('zz')) v(r));
SELECT count(*) AS asked FROM log;
SELECT count(*) FROM reset_log;
SELECT id FROM sales WHERE region IN ((SELECT max(r) FROM (VALUES ('us'), ('asia')) v(r)), (SELECT min(r) FROM (VALUES ('us'), ('asia')) v(r))) ORDER BY id;
SELECT count(*) AS asked FROM log;
RESET plan_cache_mode;

-- read only, also from above
UPDATE sales SET amount = 0;
UPDATE sales SET amount = 0 WHERE region = 'eu';
DELETE FROM sales;
INSERT INTO sales VALUES (6, 'eu', 1);
INSERT INTO sales VALUES (6, 'old', 60);
UPDATE sales SET amount = 61 WHERE region = 'old';
SELECT * FROM sales WHERE region = 'old';
SELECT * FROM sales WHERE id = 1 FOR UPDATE;

-- a partition that needs a condition finds it above
CREATE FOREIGN TABLE sales_africa (id int, region text OPTIONS (filter '=', required 'true'), amount int)
    SERVER partitions OPTIONS (path '/literal?body=%5B%7B%22id%22:7,%22region%22:%22africa%22,%22amount%22:70%7D%5D');
ALTER TABLE sales ATTACH PARTITION sales_africa FOR VALUES IN ('africa');
SELECT id FROM sales WHERE region = 'africa';
\set VERBOSITY terse
SELECT id FROM sales;
\set VERBOSITY default
ALTER TABLE sales DETACH PARTITION sales_africa;

-- ANALYZE goes through
ANALYZE sales;
SELECT attname, n_distinct FROM pg_stats WHERE schemaname = 'partitions' AND tablename = 'sales' AND inherited ORDER BY attname COLLATE "C";

-- inheritance
CREATE TABLE things (id int, name text);
INSERT INTO things VALUES (100, 'local');
CREATE FOREIGN TABLE remote_things (extra int) INHERITS (things) SERVER partitions OPTIONS (path '/fault/good');
SELECT tableoid::regclass, t.* FROM things t ORDER BY id;
SELECT * FROM ONLY things;
UPDATE things SET name = '';
SELECT plan('SELECT * FROM things WHERE id = 2');

DROP SCHEMA partitions CASCADE;
DROP SERVER partitions CASCADE;
