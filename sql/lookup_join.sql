-- The lookup join: keys of outer rows are gathered and asked in batches; the answer is that of any other join.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA lookup_join;
SET search_path = lookup_join, public;
SET timezone = 'UTC';
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS OFF') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        line := regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
        line := regexp_replace(line, 'rows=(\d+)\.\d+', 'rows=\1');
        line := regexp_replace(line, '\((w\.\w+) = (\w+(\.\w+)?)\)', '(\2 = \1)', 'g'); -- turned before 16
        RETURN NEXT regexp_replace(line, '(Memory|Memory Usage|Buckets|Batches: \d+  Memory|Connections|Bytes)(: )\S+', '\1\2N', 'g');
    END LOOP;
END $$;
CREATE SERVER lookup_join FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', dialect 'brackets');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER lookup_join OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (method text, path text) SERVER lookup_join OPTIONS (path '/_log?path=/data');

CREATE FOREIGN TABLE customers (
    id int OPTIONS (key 'true', filter '= in'), name text, region text OPTIONS (filter '='), city text OPTIONS (json '/address/city')
) SERVER lookup_join OPTIONS (path '/data/brackets/customers', lookup_path '/data/brackets/customers/{id}', paging 'page', page_size '500');
CREATE FOREIGN TABLE orders (
    id bigint OPTIONS (key 'true', filter '= in <='), customer_id int OPTIONS (filter '= in'), product_id int OPTIONS (filter '= in'),
    status text OPTIONS (filter '= in'), total numeric, note text
) SERVER lookup_join OPTIONS (path '/data/brackets/orders', paging 'page', page_size '10000');
CREATE FOREIGN TABLE products (
    id int OPTIONS (key 'true'), sku text, price numeric
) SERVER lookup_join OPTIONS (path '/data/brackets/products', lookup_path '/data/brackets/products/{id}', paging 'page', page_size '500');
CREATE FOREIGN TABLE customer_orders (
    customer_id int, id bigint, status text OPTIONS (filter '= in'), total numeric
) SERVER lookup_join OPTIONS (path '/nested/customers/{customer_id}/orders', dialect 'plain');

CREATE TABLE local_customers AS SELECT * FROM customers;
CREATE TABLE local_orders AS SELECT * FROM orders;
CREATE TABLE local_products AS SELECT * FROM products;
CREATE TABLE local_customer_orders AS SELECT customer_id, id, status, total FROM orders;
CREATE TABLE wanted (customer_id int, label text);
INSERT INTO wanted SELECT n * 107 % 5300, 'label ' || n FROM generate_series(1, 50) n;
INSERT INTO wanted VALUES (NULL, 'nobody'), (NULL, 'nobody either'), (-5, 'negative'), (107, 'again'), (107, 'and again');
ANALYZE;

-- Runs a query with and without the lookup join, and on local tables; shows how many rows came, or what differs.
CREATE FUNCTION compare(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    setting text;
    expected jsonb;
    answer jsonb;
    plan text;
    line text;
    said text := '';
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY q::text), ''[]'') FROM (%s) q',
                   regexp_replace(query, '\m(customers|orders|products|customer_orders)\M(?!\.)', 'local_\1', 'g')) INTO expected;
    FOREACH setting IN ARRAY '{on,auto,off}'::text[] LOOP
        PERFORM set_config('distquery.lookup_join', setting, true);
        EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(q) ORDER BY q::text), ''[]'') FROM (%s) q', query) INTO answer;
        IF answer IS DISTINCT FROM expected THEN
            said := said || format(' %s: DIFFERS (%s rows instead of %s)', setting, jsonb_array_length(answer), jsonb_array_length(expected));
        END IF;
        IF setting = 'on' THEN
            plan := '';
            FOR line IN EXECUTE 'EXPLAIN ' || query LOOP
                plan := plan || line;
            END LOOP;
            said := said || CASE WHEN plan ~ 'Lookup Join' THEN ' lookup join' ELSE ' no lookup join' END;
        END IF;
    END LOOP;
    RETURN jsonb_array_length(expected) || ' rows,' || said;
END $$;

-- plans
SELECT plan('SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id WHERE c.region = ''EU'' AND c.city LIKE ''M%''');
SET distquery.lookup_join = off;
SELECT plan('SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id');
SET distquery.lookup_join = on;
SELECT plan('SELECT w.label, p.sku FROM wanted w LEFT JOIN products p ON p.id = w.customer_id AND p.price > 20 WHERE w.label LIKE ''label 1%'' AND p.price IS DISTINCT FROM 7');
RESET distquery.lookup_join;

-- what it took: distinct keys, batches, keys not found
SELECT count(*) FROM reset_log;
SELECT plan('SELECT w.label, c.name FROM wanted w LEFT JOIN customers c ON c.id = w.customer_id', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF');
SELECT count(*), count(DISTINCT path) FROM log;

-- every kind of join, every way to ask
SELECT compare('SELECT w.label, c.* FROM wanted w JOIN customers c ON c.id = w.customer_id');
SELECT compare('SELECT w.label, c.name FROM wanted w LEFT JOIN customers c ON c.id = w.customer_id AND c.region = ''EU''');
SELECT compare('SELECT w.label, c.name FROM wanted w LEFT JOIN customers c ON c.id = w.customer_id WHERE c.region IS DISTINCT FROM ''EU''');
SELECT compare('SELECT w.label, c.name FROM customers c RIGHT JOIN wanted w ON c.id = w.customer_id AND w.label LIKE ''label 2%''');
SELECT compare('SELECT w.* FROM wanted w WHERE EXISTS (SELECT FROM customers c WHERE c.id = w.customer_id AND c.region <> ''US'')');
SELECT compare('SELECT w.* FROM wanted w WHERE NOT EXISTS (SELECT FROM customers c WHERE c.id = w.customer_id AND c.region <> ''US'')');
SELECT compare('SELECT w.* FROM wanted w WHERE w.customer_id IN (SELECT customer_id FROM orders WHERE total > 200)');
SELECT compare('SELECT c.name FROM customers c WHERE c.id IN (SELECT w.customer_id FROM wanted w)');
SELECT compare('SELECT c.name, v.x FROM (VALUES (1, ''a''), (2, ''b''), (2, ''c''), (NULL, ''d'')) v (i, x) JOIN customers c ON c.id = v.i');
SELECT compare('SELECT w.label, p.sku FROM wanted w JOIN products p ON p.id = w.customer_id');
SELECT compare('SELECT w.label, p.sku FROM wanted w LEFT JOIN products p ON p.id = w.customer_id AND p.price > 30 AND length(p.sku) > length(w.label) - 3');
SELECT compare('SELECT w.label, o.id, o.total FROM wanted w JOIN customer_orders o ON o.customer_id = w.customer_id WHERE w.customer_id < 200');
SELECT compare('SELECT w.label, o.id FROM wanted w LEFT JOIN customer_orders o ON o.customer_id = w.customer_id AND o.status IN (''open'', ''paid'') WHERE w.customer_id < 300');
SELECT compare('SELECT w.label, o.id, o.note FROM wanted w LEFT JOIN orders o USING (customer_id)');
SELECT compare('SELECT w.label, o.id FROM wanted w JOIN orders o ON o.customer_id = w.customer_id AND o.status = CASE WHEN w.customer_id % 2 = 0 THEN ''shipped'' ELSE ''paid'' END');
SELECT compare('SELECT w.label, o.status FROM wanted w JOIN orders o ON o.id = w.customer_id::bigint * 3');
SELECT compare('SELECT count(*), count(c.id), max(c.name) FROM wanted w LEFT JOIN customers c ON w.customer_id = c.id');

-- chains of services; the order of the outer side is kept
SELECT compare('SELECT c.name, o.id, p.sku FROM wanted w JOIN customers c ON c.id = w.customer_id JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id');
SELECT compare('SELECT c.name, o.id, p.sku FROM wanted w LEFT JOIN customers c ON c.id = w.customer_id LEFT JOIN orders o ON o.customer_id = c.id AND o.status = ''open'' LEFT JOIN products p ON p.id = o.product_id AND p.price > c.id');
SELECT compare('SELECT s.label, s.n, c.name FROM (SELECT label, customer_id, count(*) AS n FROM wanted GROUP BY 1, 2) s JOIN customers c ON c.id = s.customer_id');
SELECT plan('SELECT w.label, c.name FROM (SELECT * FROM wanted ORDER BY label LIMIT 20) w JOIN customers c ON c.id = w.customer_id ORDER BY w.label');

-- where few outer rows are expected, too: an estimate must not make it a request for each row
SELECT plan('SELECT c.name, o.total, p.sku FROM customers c JOIN orders o ON o.customer_id = c.id JOIN products p ON p.id = o.product_id WHERE c.region = ''APAC'' AND o.status = ''open''');

-- a small LIMIT asks for few keys, in batches that grow
SELECT count(*) FROM reset_log;
SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id LIMIT 1;
SELECT count(*), max(length(path) - length(replace(path, ',', ''))) AS commas FROM log;

-- rescans: the join is the inner side of a nested loop, and depends on the outer row or not
SELECT count(*) FROM reset_log;
SELECT v.n, (SELECT string_agg(c.name, ', ' ORDER BY c.id) FROM wanted w JOIN customers c ON c.id = w.customer_id WHERE w.label LIKE 'label ' || v.n || '_') AS names
  FROM (VALUES (1), (2), (3)) v (n);
SELECT v.n, (SELECT count(*) FROM wanted w JOIN customers c ON c.id = w.customer_id AND c.region = v.n) AS customers
  FROM (VALUES ('EU'), ('US'), ('nowhere')) v (n);

-- composite keys: pairs are asked together where one member can be listed
CREATE FOREIGN TABLE nested_orders (customer_id int, id bigint OPTIONS (filter '= in'), status text, total numeric)
    SERVER lookup_join OPTIONS (path '/nested/customers/{customer_id}/orders', dialect 'plain');
CREATE TABLE pairs AS SELECT customer_id, id FROM local_orders WHERE id % 1000 = 0;
INSERT INTO pairs SELECT customer_id, id FROM local_orders WHERE customer_id IN (5, 6, 7);
INSERT INTO pairs VALUES (5, NULL), (NULL, 5), (5, -1), (999999, 1);
ANALYZE pairs;
SELECT count(*) FROM reset_log;
SELECT count(*), count(o.id), sum(o.total) = (SELECT sum(total) FROM local_orders JOIN pairs USING (customer_id, id)) AS same
  FROM pairs p LEFT JOIN nested_orders o USING (customer_id, id);
SELECT count(*) = count(DISTINCT regexp_replace(path, '\?.*', '')) AS once_a_customer FROM log;

-- one request a key, pages or not: a row that has come for the key of the table ends its question
CREATE FOREIGN TABLE one_by_one (id int OPTIONS (key 'true', filter '='), name text, region text OPTIONS (filter '= in'))
    SERVER lookup_join OPTIONS (path '/data/brackets/customers', paging 'page', page_size '500');
SET distquery.lookup_join = on;
SELECT count(*) FROM reset_log;
SELECT count(*), count(o.id), bool_and(o.name = c.name) FROM wanted w LEFT JOIN one_by_one o ON o.id = w.customer_id LEFT JOIN local_customers c ON c.id = w.customer_id;
SELECT count(*) FROM log;
-- a key is in one of several questions only
ALTER FOREIGN TABLE one_by_one OPTIONS (ADD max_batch '1');
SELECT count(*), count(o.id), bool_and(o.name = c.name) FROM wanted w LEFT JOIN one_by_one o ON o.id = w.customer_id AND o.region IN ('EU', 'US') LEFT JOIN local_customers c ON c.id = w.customer_id;
SELECT count(*), count(c.id) FROM wanted w LEFT JOIN local_customers c ON c.id = w.customer_id AND c.region IN ('EU', 'US');
RESET distquery.lookup_join;

-- what a service answers beside the question: strangers, rows without key, the same row twice
CREATE FOREIGN TABLE odd (id int OPTIONS (filter 'in', spell_in 'ignored={values}&_lenient'), name text)
    SERVER lookup_join OPTIONS (path '/data/plain/customers', max_batch '3', paging 'page', page_size '5000');
SELECT count(*), count(DISTINCT o.id), bool_and(o.name = c.name) FROM (SELECT * FROM wanted WHERE customer_id < 600) w JOIN odd o ON o.id = w.customer_id JOIN local_customers c ON c.id = o.id;

CREATE FOREIGN TABLE odd_pairs (
    id int OPTIONS (filter '=', spell_eq 'ignored={value}&_lenient'), sku text OPTIONS (filter '=', spell_eq 'ignored_too={value}')
) SERVER lookup_join OPTIONS (path '/data/plain/products');
SET distquery.lookup_join = on;
SELECT plan('SELECT * FROM local_products w JOIN odd_pairs o USING (id, sku) WHERE w.id <= 3');
SELECT count(*), count(DISTINCT o.id) FROM local_products w JOIN odd_pairs o USING (id, sku) WHERE w.id <= 3;
RESET distquery.lookup_join;

-- a clause that is trusted is not evaluated here, and its column need not come
CREATE FOREIGN TABLE trusted (id int OPTIONS (key 'true', filter '= in'), name text, region text OPTIONS (filter '='))
    SERVER lookup_join OPTIONS (path '/data/brackets/customers', trust 'exact', paging 'page', page_size '500');
SET distquery.lookup_join = on;
SELECT plan('SELECT w.label, t.name FROM wanted w JOIN trusted t ON t.id = w.customer_id WHERE t.region = ''EU''');
SELECT count(*), count(t.name) FROM wanted w JOIN trusted t ON t.id = w.customer_id WHERE t.region = 'EU';
SELECT count(*), count(t.name) FROM wanted w JOIN local_customers t ON t.id = w.customer_id WHERE t.region = 'EU';
-- a list that is asked in parts tells its rows by that column
ALTER FOREIGN TABLE trusted OPTIONS (ADD max_batch '2');
ALTER FOREIGN TABLE trusted ALTER region OPTIONS (SET filter '= in');
SELECT plan('SELECT w.label, t.name FROM wanted w JOIN trusted t ON t.id = w.customer_id WHERE t.region IN (''EU'', ''US'', ''APAC'')');
SELECT count(*), count(t.name) FROM wanted w JOIN trusted t ON t.id = w.customer_id WHERE t.region IN ('EU', 'US', 'APAC');
SELECT count(*), count(t.name) FROM wanted w JOIN local_customers t ON t.id = w.customer_id WHERE t.region IN ('EU', 'US', 'APAC');
RESET distquery.lookup_join;

-- what a subquery or view computes from the inner table is kept with its rows, and NULL where there is none
SELECT compare('SELECT w.label, v.n, c.name FROM (VALUES (1, ''EU'')) v (n, r) FULL JOIN customers c ON c.region = v.r RIGHT JOIN wanted w ON c.id = w.customer_id AND v.n > 0');
SELECT compare('SELECT w.label, c.loud FROM (SELECT id, region, upper(name) AS loud FROM customers) c FULL JOIN (VALUES (''EU'')) v (r) ON c.region = v.r RIGHT JOIN wanted w ON c.id = w.customer_id AND c.loud LIKE ''%1%'' AND v.r > ''''');
SELECT compare('SELECT w.label, c.one, c.loud FROM wanted w LEFT JOIN (SELECT id, 1 AS one, upper(name) || ''!'' AS loud FROM customers WHERE region <> ''US'') c ON c.id = w.customer_id');
SELECT compare('SELECT w.label, c.loud, coalesce(c.one, 0) FROM wanted w LEFT JOIN (SELECT id, 1 AS one, coalesce(city, ''nowhere'') AS loud FROM customers) c ON c.id = w.customer_id AND c.loud < ''M'' WHERE coalesce(c.one, 0) = 0 OR c.loud > ''B''');
SELECT compare('SELECT w.label, x.both FROM wanted w LEFT JOIN (SELECT c.id, c.name || coalesce(o.status, ''-'') AS both FROM customers c LEFT JOIN orders o ON o.customer_id = c.id AND o.total > 300) x ON x.id = w.customer_id');

-- shapes that are refused, and types that are compared here
SELECT compare('SELECT w.label, x.name FROM wanted w CROSS JOIN LATERAL (SELECT c.name FROM customers c WHERE c.id = w.customer_id OFFSET 0) x');
SELECT compare('SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id AND random() >= 0');
SELECT compare('SELECT w.label, c.tableoid IS NULL AS x FROM wanted w JOIN customers c ON c.id = w.customer_id');
SELECT compare('SELECT w.label, c.name FROM wanted w FULL JOIN customers c ON c.id = w.customer_id');
SELECT compare('SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id FOR UPDATE OF w');
SELECT compare('SELECT w.label, c.name FROM wanted w JOIN customers c ON c.id = w.customer_id::numeric');
SELECT compare('SELECT w.label, c.r FROM wanted w LEFT JOIN (SELECT id, random() >= 0 AS r FROM customers) c ON c.id = w.customer_id');

DROP SCHEMA lookup_join CASCADE;
DROP SERVER lookup_join CASCADE;
