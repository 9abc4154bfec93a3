-- What "make demo" shows; psql variables customers, orders and stock hold the services' URLs.

\set ON_ERROR_STOP on
\set QUIET on
\pset pager off
SET client_min_messages = warning;

\echo
\echo '== 1. Three services become three foreign tables'
\echo
\set ECHO queries

CREATE EXTENSION distquery;

\echo '-- Customers: pages by number, the total stands in the answer.'
CREATE SERVER customers_service FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'customers', timeout '5s');
CREATE FOREIGN TABLE customers (
    id           bigint  OPTIONS (key 'true'),
    name         text,
    region       text    OPTIONS (filter '= in'),
    city         text    OPTIONS (json '/address/city'),
    is_active    boolean OPTIONS (filter '='),
    credit_limit numeric,
    since        date
) SERVER customers_service
    OPTIONS (path '/api/customers', lookup_path '/api/customers/{id}', rows '/items', paging 'page', total '/total',
             page_size '500', estimated_rows '5000');

\echo '-- Orders: ranges in brackets, an opaque cursor leads from page to page.'
CREATE SERVER orders_service FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'orders', dialect 'brackets', timeout '5s');
CREATE FOREIGN TABLE orders (
    id          bigint  OPTIONS (key 'true', filter '= in'),
    customer_id bigint  OPTIONS (filter '= in'),
    product_id  bigint  OPTIONS (filter '= in'),
    quantity    int,
    total       numeric OPTIONS (filter '> >= < <='),
    status      text    OPTIONS (filter '= in'),
    created_at  timestamptz OPTIONS (filter '> >= < <=')
) SERVER orders_service
    OPTIONS (path '/v2/orders', lookup_path '/v2/orders/{id}', rows '/orders', paging 'cursor', next '/paging/next_cursor',
             page_size '400', estimated_rows '30000');

\echo '-- Stock: a json-server; the total is a response header.'
CREATE SERVER stock_service FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'stock', dialect 'jsonserver', timeout '5s', retries '1');
CREATE FOREIGN TABLE stock (
    id        bigint  OPTIONS (key 'true', filter '= in'),
    sku       text    OPTIONS (filter '='),
    title     text,
    price     numeric OPTIONS (filter '>= <='),
    in_stock  int     OPTIONS (filter '>= <='),
    warehouse text    OPTIONS (filter '= in')
) SERVER stock_service
    OPTIONS (path '/products', lookup_path '/products/{id}', paging 'page', page_size '250', estimated_rows '2000');

\set ECHO none
\echo
\echo '== 2. One query joins all three, live: what must the south warehouse reorder'
\echo '      for the European orders since February that have not been shipped?'
\echo
\set ECHO queries
\timing on

SELECT s.sku, s.title, count(*) AS orders, sum(o.quantity) AS ordered, min(s.in_stock) AS in_stock,
       sum(o.quantity) - min(s.in_stock) AS missing
  FROM customers c
  JOIN orders o ON o.customer_id = c.id
  JOIN stock s ON s.id = o.product_id
 WHERE c.region = 'EU'
   AND o.status IN ('open', 'paid') AND o.created_at >= '2026-02-01 00:00+00'
   AND s.warehouse = 'south'
 GROUP BY s.id, s.sku, s.title
HAVING sum(o.quantity) > min(s.in_stock)
 ORDER BY missing DESC, s.sku
 LIMIT 8;

\timing off
\set ECHO none
\echo
\echo '== 3. What was asked of whom: the services were asked at the same time, for what matters only'
\echo
\set ECHO queries

EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF)
SELECT s.sku, s.title, count(*) AS orders, sum(o.quantity) AS ordered, min(s.in_stock) AS in_stock,
       sum(o.quantity) - min(s.in_stock) AS missing
  FROM customers c
  JOIN orders o ON o.customer_id = c.id
  JOIN stock s ON s.id = o.product_id
 WHERE c.region = 'EU'
   AND o.status IN ('open', 'paid') AND o.created_at >= '2026-02-01 00:00+00'
   AND s.warehouse = 'south'
 GROUP BY s.id, s.sku, s.title
HAVING sum(o.quantity) > min(s.in_stock)
 ORDER BY missing DESC, s.sku
 LIMIT 8;

\echo '-- And when: each line is a request.'
SELECT * FROM distquery.waterfall(bar_width => 40, max_bars => 12);

\set ECHO none
\echo
\echo '== 4. The same by query-and-store: fetch once, all at once, then plain SQL on local tables'
\echo
\set ECHO queries
\timing on

BEGIN;
SELECT * FROM distquery.materialize_all(ARRAY['customers', 'orders', 'stock']::regclass[],
    filters => ARRAY['region = ''EU''',
                     'status IN (''open'', ''paid'') AND created_at >= ''2026-02-01 00:00+00''',
                     'warehouse = ''south''']);

\echo '-- The temporary tables have the names of their sources: the query stays as it was, and asks nobody.'
SELECT s.sku, s.title, count(*) AS orders, sum(o.quantity) AS ordered, min(s.in_stock) AS in_stock,
       sum(o.quantity) - min(s.in_stock) AS missing
  FROM customers c
  JOIN orders o ON o.customer_id = c.id
  JOIN stock s ON s.id = o.product_id
 GROUP BY s.id, s.sku, s.title
HAVING sum(o.quantity) > min(s.in_stock)
 ORDER BY missing DESC, s.sku
 LIMIT 8;

SELECT c.city, count(DISTINCT c.id) AS customers, sum(o.total) AS revenue
  FROM customers c JOIN orders o ON o.customer_id = c.id
 GROUP BY c.city ORDER BY revenue DESC LIMIT 3;
COMMIT;

\timing off
\set ECHO none
