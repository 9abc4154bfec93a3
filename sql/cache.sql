-- Strategy cache: answers are kept for a time to live.  Without preloading each session has its own.
\set VERBOSITY terse
\getenv url DQ_URL
CREATE SCHEMA cache;
SET search_path = cache, public;
CREATE SERVER cache FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', strategy 'cache', ttl '1h');
CREATE FOREIGN TABLE customers (id bigint OPTIONS (key 'true', filter '= in'), name text OPTIONS (filter '= in like'), region text OPTIONS (filter '= in'))
    SERVER cache OPTIONS (path '/data/postgrest/customers', dialect 'postgrest', paging 'offset', page_size '1000');
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true', filter '= in > <'), name text, price numeric OPTIONS (filter '= in'))
    SERVER cache OPTIONS (path '/data/postgrest/products?limit=50', dialect 'postgrest');
CREATE FOREIGN TABLE items (id int OPTIONS (key 'true', filter '= in'), a text) SERVER cache
    OPTIONS (path '/data/plain/cache_items', lookup_path '/data/plain/cache_items/{id}');
CREATE FOREIGN TABLE item_lookups (id int OPTIONS (key 'true'), a text) SERVER cache
    OPTIONS (path '/data/plain/cache_items', lookup_path '/data/plain/cache_items/{id}');
CREATE FOREIGN TABLE whole_rows (id int OPTIONS (key 'true', filter '= in'), title text) SERVER cache
    OPTIONS (path '/data/postgrest/products?limit=60', dialect 'postgrest', cache_rows 'true');
CREATE FOREIGN TABLE details (id int OPTIONS (key 'true'), title text) SERVER cache
    OPTIONS (path '/data/plain/products?limit=60', lookup_path '/data/plain/products/{id}', cache_rows 'true');
CREATE FOREIGN TABLE summaries (id int OPTIONS (key 'true'), title text) SERVER cache
    OPTIONS (path '/data/plain/products?limit=60', lookup_path '/data/plain/products/{id}');
CREATE FOREIGN TABLE by_language (id int OPTIONS (key 'true'), title text, lang text OPTIONS (from 'request', filter '=')) SERVER cache
    OPTIONS (path '/data/plain/products?limit=60&_lenient', lookup_path '/data/plain/products/{id}', cache_rows 'true');
CREATE FOREIGN TABLE twice (id int OPTIONS (key 'true', json '/in_stock'), title text) SERVER cache
    OPTIONS (path '/data/plain/products?limit=60', lookup_path '/data/plain/products/{id}', cache_rows 'true');
CREATE FOREIGN TABLE narrow (id bigint OPTIONS (key 'true', filter '= in > <'), title text OPTIONS (filter 'like'), price numeric OPTIONS (filter '= in >'),
        warehouse text OPTIONS (filter '= in'), stock int OPTIONS (json '/in_stock', param 'in_stock', filter '>', trust 'exact'))
    SERVER cache OPTIONS (path '/data/postgrest/products?limit=1500', dialect 'postgrest');
CREATE FOREIGN TABLE by_default (id bigint OPTIONS (filter '<'), warehouse text OPTIONS (filter '=', default_param 'warehouse=eq.north'))
    SERVER cache OPTIONS (path '/data/postgrest/products', dialect 'postgrest');
CREATE FOREIGN TABLE capped (id int) SERVER cache OPTIONS (path '/data/plain/products', paging 'page', page_size '500', max_pages '2');
CREATE FOREIGN TABLE short_of (id int) SERVER cache
    OPTIONS (path '/data/plain/products?_envelope=items&_total_add=5', rows '/items', total '/total', paging 'page', page_size '1500');
CREATE FOREIGN TABLE passing (id int) SERVER cache OPTIONS (path '/fault/status/503', on_error 'empty');
CREATE FOREIGN TABLE limited (id int OPTIONS (key 'true', sort 'nulls_last')) SERVER cache
    OPTIONS (path '/data/postgrest/products', dialect 'postgrest', trust 'exact', paging 'offset', page_size '1000', total 'header:Content-Range');
CREATE FOREIGN TABLE broken (id int OPTIONS (filter '=')) SERVER cache OPTIONS (path '/fault/truncated');
CREATE FOREIGN TABLE log (method text, path text, query text, status int) SERVER cache OPTIONS (path '/_log?path=/data', strategy 'live');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER cache OPTIONS (path '/_reset', strategy 'live');

CREATE FUNCTION asked() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT substr(log.path, 7) || '?' || regexp_replace(query, '&?(limit|offset)=\d+', '', 'g') AS question
        FROM log GROUP BY 1 ORDER BY 1;
    PERFORM * FROM reset_log;
END $$;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(regexp_replace(line, 'http://[^/]*', ''), 'Bytes: \d+  Retries: 0  Connections: \d', 'Bytes: n');
    END LOOP;
END $$;
-- what other tests have asked is not of interest
SELECT count(*) >= 0 AS forgotten FROM asked();

-- asked once, whatever columns are read, by which statement or transaction
SELECT count(*), sum(id) FROM customers WHERE name LIKE 'A%';
SELECT count(*), min(name), min(region) FROM customers WHERE name LIKE 'A%';
SELECT a.id FROM customers a JOIN customers b USING (id) WHERE a.name LIKE 'A%' AND b.name LIKE 'A%' AND a.id < 40 ORDER BY 1;
SELECT asked();
SELECT plan($$SELECT id FROM customers WHERE name LIKE 'A%' AND id < 40$$);
-- another question is another answer
SELECT count(*) FROM customers WHERE name LIKE 'B%';
SELECT name FROM customers WHERE id = 17;
SELECT name FROM customers WHERE id = 17;
SELECT asked();
SELECT plan($$SELECT id FROM customers WHERE id = 18$$);
-- LIMIT: an answer that was not read to its end is not kept
SELECT count(*) FROM (SELECT id FROM customers LIMIT 3) s;
SELECT count(*) FROM (SELECT id FROM customers LIMIT 3) s;
SELECT asked();
-- a small collection holds the rows of narrower questions
SELECT asked();
SELECT count(*) FROM products;
SELECT count(*) FROM products WHERE id = 7;
SELECT count(*) FROM products WHERE id > 10 AND id < 20;
SELECT asked();
-- so does any other answer: with a condition less, a range around, a list with the value, but for what is trusted
SELECT asked();
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id < 800;
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id < 800 AND price > 10;
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id < 700;
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id IN (5, 6, 17) AND title LIKE '%a%';
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id < 700 AND (price > 10 OR title LIKE 'a%');
SELECT asked();
SELECT count(*) FROM narrow WHERE warehouse = 'north' AND id < 900;
SELECT count(*) FROM narrow WHERE warehouse = 'south' AND id < 800;
SELECT count(*) FROM narrow WHERE warehouse = 'south' AND id < 800 AND stock > 60;
SELECT count(*) FROM narrow WHERE warehouse = 'south' AND id < 700 AND stock > 60;
SELECT count(*) FROM narrow WHERE warehouse = 'south' AND id < 700 AND stock > 70;
SELECT asked();
SELECT count(*) FROM narrow WHERE price IN (9.99, 19.99, 29.99, 25.5);
SELECT count(*) FROM narrow WHERE price = 19.99;
SELECT count(*) FROM narrow WHERE price = 39.99;
SELECT asked();
-- a parameter of its own stands for a condition that is left out
SELECT count(*) > 0 AS north FROM by_default WHERE id < 50;
SELECT count(*) > 0 AS south FROM by_default WHERE id < 50 AND warehouse = 'south';
SELECT asked();
-- what has been changed means something else
SELECT count(*) FROM narrow WHERE price > 500 AND id < 900;
ALTER FOREIGN TABLE narrow ALTER price OPTIONS (ADD param 'in_stock');
SELECT count(*) >= 0 AS rows FROM narrow WHERE price > 500 AND id < 800;
ALTER FOREIGN TABLE narrow ALTER price OPTIONS (DROP param);
SELECT asked();
-- no rows, and none by lookup, are an answer, too
SELECT count(*) FROM customers WHERE id = 1000000;
SELECT count(*) FROM customers WHERE id = 1000000;
SELECT asked();

-- a list is kept by key: only what nobody knows is asked, alone, in a list, or by a lookup join
SELECT asked();
SELECT count(*) FROM customers WHERE id IN (101, 102, 103, 104);
SELECT count(*), min(id), max(id) FROM customers WHERE id IN (103, 104, 105, 106);
SELECT name FROM customers WHERE id = 105;
SELECT id FROM customers WHERE id = 107;
SELECT id FROM customers WHERE id = ANY ('{107,108,2000000}') ORDER BY 1;
SELECT id FROM customers WHERE id = ANY ('{108,2000000,107}') ORDER BY 1;
SELECT asked();
SELECT plan('SELECT id FROM customers WHERE id IN (106, 107, 108, 109, 110)');
SELECT name, count(*) FROM customers WHERE name IN ('Ada Almeida', 'Ursula Kovacs') GROUP BY 1 ORDER BY 1;
SELECT name, count(*) FROM customers WHERE name IN ('Ursula Kovacs', 'Edsger Ito') AND region IS NOT NULL GROUP BY 1 ORDER BY 1;
SELECT asked();
CREATE TABLE wanted AS SELECT i AS id FROM generate_series(108, 117) i;
ANALYZE wanted;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT plan('SELECT w.id, c.name FROM wanted w JOIN customers c ON c.id = w.id');
SELECT count(c.name) FROM wanted w JOIN customers c ON c.id = w.id;
RESET enable_hashjoin;
RESET enable_mergejoin;
SELECT asked();

-- cache_rows: the rows of a collection answer questions for one of them; without it they are summaries
SELECT count(*) FROM whole_rows WHERE title < 'Zz';
SELECT id, title IS NOT NULL AS title FROM whole_rows WHERE id = 33;
SELECT id FROM whole_rows WHERE id IN (5, 60) ORDER BY 1;
SELECT count(*) FROM details;
SELECT id, title = (SELECT title FROM whole_rows WHERE id = 33) AS same FROM details WHERE id = 33;
SELECT count(*) FROM details WHERE id IN (5, 6, 60);
SELECT count(*) FROM details WHERE id = 61;
SELECT count(*) FROM summaries;
SELECT id FROM summaries WHERE id = 33;
SELECT asked();
-- but not where a key comes twice, nor rows that depend on what was asked
SELECT count(*) FROM twice;
SELECT count(*) FROM twice WHERE id = 61;
SELECT count(*) FROM by_language WHERE lang = 'de';
SELECT asked();
SELECT source, stored FROM distquery.cache_stats WHERE source IN ('twice'::regclass, 'by_language'::regclass) ORDER BY source::text;

-- invalidation: at once, and again at commit
SELECT distquery.invalidate('customers');
SELECT name FROM customers WHERE id = 17;
SELECT asked();
BEGIN;
SELECT distquery.invalidate('customers');
SELECT name FROM customers WHERE id = 17;
COMMIT;
SELECT name FROM customers WHERE id = 17;
SELECT query FROM log;
SELECT asked();
BEGIN;
SELECT distquery.invalidate('customers');
SELECT name FROM customers WHERE id = 17;
ROLLBACK;
SELECT name FROM customers WHERE id = 17;
SELECT query FROM log;
SELECT asked();
SELECT distquery.invalidate('pg_class');
SELECT distquery.invalidate(NULL);
SELECT distquery.freshness('pg_class');

-- failures are not kept, nor what is too large
SELECT count(*) FROM customers;
SELECT count(*) FROM customers;
SELECT count(*) FROM log;
SELECT count(*) FROM broken;
SELECT count(*) FROM broken;
-- nor a part: of a capped number of pages, of fewer rows than foretold, of what is left of an outage, of a limit that is asked
SELECT count(*) FROM capped;
SELECT count(*) FROM capped;
SELECT count(*) FROM short_of;
SELECT count(*) FROM short_of;
SELECT count(*) FROM passing;
SELECT count(*) FROM passing;
SELECT id FROM limited ORDER BY id LIMIT 2;
SELECT count(*) FROM limited;
SELECT count(id), max(id) FROM limited;
SELECT source, stored FROM distquery.cache_stats WHERE source IN ('capped'::regclass, 'short_of'::regclass, 'passing'::regclass) ORDER BY source::text;
SELECT asked();
-- a definition that reads answers otherwise has answers of its own; other columns are the same answer
SELECT count(*) FROM customers WHERE name LIKE 'A%';
SELECT asked();
ALTER FOREIGN TABLE customers ADD COLUMN address jsonb;
SELECT count(address) FROM customers WHERE name LIKE 'A%';
SELECT asked();
ALTER FOREIGN TABLE customers OPTIONS (ADD max_pages '5000');
SELECT count(*) FROM customers WHERE name LIKE 'A%';
SELECT asked();

-- ttl and max_age
ALTER FOREIGN TABLE customers OPTIONS (ADD ttl '0');
SELECT name FROM customers WHERE id = 17;
SELECT name FROM customers WHERE id = 17;
SELECT count(*) FROM log;
SELECT plan('SELECT id FROM customers WHERE id = 17');
ALTER FOREIGN TABLE customers OPTIONS (DROP ttl);
SELECT name FROM customers WHERE id = 18;
SELECT asked();
SET distquery.max_age = 0;
SELECT name FROM customers WHERE id = 18;
SELECT asked();
SET distquery.max_age = '1h';
SELECT name FROM customers WHERE id = 18;
RESET distquery.max_age;
SELECT asked();
-- forced for a session, or not
SET distquery.strategy = 'live';
SELECT name FROM customers WHERE id = 18;
SELECT asked();
RESET distquery.strategy;

-- whose credentials: part of the question, unless cache_shared
CREATE ROLE cache_one;
CREATE ROLE cache_two;
GRANT USAGE ON SCHEMA cache TO cache_one, cache_two;
CREATE FOREIGN TABLE echo (path text, authorization_header text OPTIONS (json '/headers/authorization')) SERVER cache OPTIONS (path '/echo');
CREATE FOREIGN TABLE echoes (path text) SERVER cache OPTIONS (path '/_log?path=/echo', strategy 'live');
GRANT SELECT ON echo TO cache_one, cache_two;
CREATE USER MAPPING FOR cache_one SERVER cache OPTIONS (auth 'bearer', token 'token-of-one');
CREATE USER MAPPING FOR cache_two SERVER cache OPTIONS (auth 'bearer', token 'token-of-two');
SET ROLE cache_one;
SELECT authorization_header FROM echo;
SELECT authorization_header FROM echo;
SET ROLE cache_two;
SELECT authorization_header FROM echo;
RESET ROLE;
SELECT count(*) FROM echoes;
ALTER FOREIGN TABLE echo OPTIONS (ADD cache_shared 'true');
SET ROLE cache_one;
SELECT authorization_header FROM echo;
SET ROLE cache_two;
SELECT authorization_header FROM echo;
SELECT distquery.invalidate('cache.echo');
SELECT distquery.invalidate('cache.customers');
RESET ROLE;
SELECT count(*) FROM echoes;

-- what is known
SELECT source, store, hits, misses, stale, coalesced, stored, refused, evicted, entries, bytes > 0 AS bytes, scope FROM distquery.cache_stats ORDER BY source::text;
SELECT distquery.freshness('item_lookups') IS NULL AS never, distquery.freshness('customers') <= clock_timestamp() AS customers;

DROP SERVER cache CASCADE;
DROP SCHEMA cache CASCADE;
DROP ROLE cache_one, cache_two;
