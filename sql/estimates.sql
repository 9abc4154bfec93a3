-- What the planner assumes without statistics: joins of services seem neither endless nor worth compiling.
\getenv url DQ_URL
CREATE SCHEMA estimates;
SET search_path = estimates, public;
CREATE SERVER estimates FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
-- the most that EXPLAIN expects anywhere in a plan: rows of a node, and the cost of all
CREATE FUNCTION plan_of(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE plan jsonb;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN plan;
END $$;
CREATE FUNCTION expected(query text, OUT rows float, OUT cost float) LANGUAGE sql AS $$
    SELECT max(n::float), (plan #>> '{0,Plan,Total Cost}')::float
      FROM plan_of(query) AS plan, jsonb_path_query(plan, '$.**."Plan Rows"') AS n GROUP BY plan
$$;
CREATE FUNCTION is_ordinary(query text, most_rows float DEFAULT 1e7) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN cost >= current_setting('jit_above_cost')::float THEN 'to be compiled: ' || cost
                WHEN rows > most_rows THEN 'too many rows: ' || rows ELSE 'ordinary' END FROM expected(query)
$$;

-- with keys and filters, as the documentation declares tables
CREATE FOREIGN TABLE customers (id bigint OPTIONS (key 'true', filter '= in'), name text, region text OPTIONS (filter '='))
    SERVER estimates OPTIONS (path '/data/plain/customers', paging 'page');
CREATE FOREIGN TABLE orders (id bigint OPTIONS (key 'true'), customer_id bigint OPTIONS (filter '= in'), product_id bigint,
    status text OPTIONS (filter '= in'), total numeric)
    SERVER estimates OPTIONS (path '/data/plain/orders', paging 'page');
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true'), "supplierId" int, title text)
    SERVER estimates OPTIONS (path '/data/plain/products', paging 'page');
CREATE FOREIGN TABLE suppliers (id int OPTIONS (key 'true'), country text) SERVER estimates OPTIONS (path '/suppliers', paging 'page');
CREATE FOREIGN TABLE payments (order_id bigint, amount numeric) SERVER estimates OPTIONS (path '/payments', paging 'page');
SELECT is_ordinary('SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id');
SELECT is_ordinary('SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id');
SELECT is_ordinary('SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id
    JOIN suppliers s ON s.id = p."supplierId"');
SELECT is_ordinary('SELECT s.country, sum(y.amount) FROM customers c JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id
    JOIN suppliers s ON s.id = p."supplierId" JOIN payments y ON y.order_id = o.id GROUP BY 1');
SELECT is_ordinary('SELECT * FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.region = ''EU'' AND o.status IN (''open'', ''paid'')');
SELECT is_ordinary('SELECT * FROM orders a JOIN payments b ON a.id = b.order_id LEFT JOIN orders d ON d.customer_id = a.customer_id');

-- with nothing but columns
CREATE FOREIGN TABLE t1 (id int, name text) SERVER estimates OPTIONS (path '/t1');
CREATE FOREIGN TABLE t2 (id int, name text) SERVER estimates OPTIONS (path '/t2');
CREATE FOREIGN TABLE t3 (id int, name text) SERVER estimates OPTIONS (path '/t3');
CREATE FOREIGN TABLE t4 (id int, name text) SERVER estimates OPTIONS (path '/t4');
CREATE FOREIGN TABLE t5 (id int, name text) SERVER estimates OPTIONS (path '/t5');
SELECT is_ordinary('SELECT * FROM t1 JOIN t2 USING (id)');
SELECT is_ordinary('SELECT * FROM t1 JOIN t2 USING (id) JOIN t3 USING (id)');
SELECT is_ordinary('SELECT * FROM t1 JOIN t2 USING (id) JOIN t3 USING (id) JOIN t4 USING (id)');
SELECT is_ordinary('SELECT count(*) FROM t1 JOIN t2 USING (id) JOIN t3 USING (id) JOIN t4 USING (id) JOIN t5 USING (id)');
SELECT is_ordinary('SELECT * FROM t1 UNION ALL SELECT * FROM t2 UNION ALL SELECT * FROM t3 UNION ALL SELECT * FROM t4 UNION ALL SELECT * FROM t5');
SELECT is_ordinary('SELECT * FROM t1 JOIN t2 USING (name)');

-- what a single condition leaves: a key one row, a reference a few, a state many
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE id = 5');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE customer_id = 5');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE product_id = 5');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE status = ''open''');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE total > 5');
SELECT round(rows) AS rows FROM expected('SELECT * FROM t1 WHERE id = 5');
ALTER FOREIGN TABLE orders OPTIONS (ADD estimated_rows '50');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders');
SELECT round(rows) AS rows FROM expected('SELECT * FROM orders WHERE customer_id = 5');

-- what has no partner is not taken for nothing
SELECT (plan #>> '{0,Plan,Plan Rows}')::float > 1000 FROM (SELECT plan_of('SELECT * FROM t1 WHERE NOT EXISTS (SELECT FROM t2 WHERE t2.id = t1.id)') AS plan) p
 UNION ALL
SELECT (plan #>> '{0,Plan,Plan Rows}')::float > 1000 FROM (SELECT plan_of('SELECT * FROM customers c WHERE NOT EXISTS (SELECT FROM products p WHERE p.id = c.id)') AS plan) p;

-- more pages, more questions and more rows cost more
SELECT (expected('SELECT * FROM customers')).cost > (expected('SELECT * FROM customers WHERE id IN (1, 2, 3)')).cost AS fewer_rows,
       (expected('SELECT * FROM customers')).cost > (expected('SELECT * FROM t1')).cost AS fewer_pages,
       (expected(format('SELECT * FROM customers WHERE id IN (%s)', (SELECT string_agg(g::text, ',') FROM generate_series(1, 3000) g)))).cost >
       (expected(format('SELECT * FROM customers WHERE id IN (%s)', (SELECT string_agg(g::text, ',') FROM generate_series(1, 90) g)))).cost AS fewer_questions;

-- the customers of a region are read in pages, at the same time as the rest: what has to be asked key by key is not
-- preferred because a filter is taken to leave next to nothing
CREATE FOREIGN TABLE buyers (id bigint OPTIONS (key 'true'), name text, region text OPTIONS (filter '= in'))
    SERVER estimates OPTIONS (path '/data/plain/customers', lookup_path '/data/plain/customers/{id}', paging 'page', total '/total', page_size '500', estimated_rows '5000');
CREATE FOREIGN TABLE stock (id bigint OPTIONS (key 'true', filter '= in'), warehouse text OPTIONS (filter '= in'))
    SERVER estimates OPTIONS (path '/data/plain/products', paging 'page', page_size '250', estimated_rows '2000');
ALTER FOREIGN TABLE orders OPTIONS (SET estimated_rows '30000');
ALTER FOREIGN TABLE orders ALTER product_id OPTIONS (ADD filter '= in'), ALTER id OPTIONS (ADD filter '=');
CREATE FUNCTION looked_up(query text) RETURNS text LANGUAGE sql AS $$
    SELECT coalesce(string_agg(n ->> 'Inner Table', ', ' ORDER BY n ->> 'Inner Table'), 'none')
      FROM jsonb_path_query(plan_of(query), '$.** ? (@."Custom Plan Provider" == "Lookup Join")') AS n
$$;
SELECT looked_up('SELECT * FROM buyers c JOIN orders o ON o.customer_id = c.id JOIN stock s ON s.id = o.product_id
    WHERE c.region = ''EU'' AND o.status IN (''open'', ''paid'') AND s.warehouse = ''south''') ~ 'buyers' AS key_by_key;
SELECT looked_up('SELECT * FROM orders o JOIN buyers c ON o.customer_id = c.id WHERE o.id = 17');

DROP SCHEMA estimates CASCADE;
DROP SERVER estimates CASCADE;
