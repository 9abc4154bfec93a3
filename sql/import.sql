-- IMPORT FOREIGN SCHEMA and distquery.describe(): tables from an API description.
\getenv url DQ_URL
\set VERBOSITY default
CREATE SCHEMA import;
SET search_path = import, public;
CREATE SERVER shop FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', openapi '/described/shop.json');

-- EXPLAIN's lines of ours, without the port.
CREATE FUNCTION pg_temp.asked(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ '(Request|Asked|Local):' THEN
            RETURN NEXT regexp_replace(trim(line), '127.0.0.1:\d+', 'service');
        END IF;
    END LOOP;
END $$;

-- The statements first.
\t
\a
SELECT distquery.describe('shop');
\t
\a

-- The same, done.
IMPORT FOREIGN SCHEMA openapi FROM SERVER shop INTO import;
SELECT relname FROM pg_class WHERE relnamespace = 'import'::regnamespace AND relkind = 'f' ORDER BY 1;

SELECT obj_description('customers'::regclass), col_description('customers'::regclass, 1), col_description('products'::regclass, 8);
SELECT count(*) FROM pg_description WHERE objoid IN (SELECT oid FROM pg_class WHERE relnamespace = 'import'::regnamespace);

-- They answer.
SELECT count(*), count(address) FROM customers;
SELECT pg_temp.asked($$SELECT id FROM customers WHERE region = 'EU' AND since > '2024-01-01'$$);
SELECT count(*) = (SELECT count(*) FROM customers c WHERE c.region || '' = 'EU') AS same FROM customers WHERE region = 'EU';
SELECT id, name, since FROM customers WHERE id = 7;
SELECT count(*), count(DISTINCT id) FROM orders WHERE status = 'paid' AND customer_id IN (1, 2, 3, 4);
SELECT count(*) FROM orders;
-- The fixture service has these at another path.
ALTER FOREIGN TABLE customers_orders OPTIONS (SET path '/nested/customers/{customer_id}/orders');
SELECT count(*), min(customer_id) FROM customers_orders WHERE customer_id = 4;

-- What a service requires is asked for, whether its rows say it or not.
SELECT count(*) FROM products;
SELECT count(*) FROM products WHERE warehouse = 'north' AND tenant = 'a b';

-- Comments do not outlive what they wait for: the second table exists.
CREATE SCHEMA import_taken;
CREATE TABLE import_taken.orders ();
\set VERBOSITY terse
IMPORT FOREIGN SCHEMA openapi FROM SERVER shop INTO import_taken;
\set VERBOSITY default
CREATE FOREIGN TABLE import_taken.customers () SERVER shop OPTIONS (path '/x');
SELECT count(*) FROM pg_description WHERE objoid = 'import_taken.customers'::regclass;
DROP SCHEMA import_taken CASCADE;

-- LIMIT TO and EXCEPT go by the names that are made here.
DROP FOREIGN TABLE customers, orders, products, customers_orders;
IMPORT FOREIGN SCHEMA openapi LIMIT TO (orders, customers_orders, invoices) FROM SERVER shop INTO import;
IMPORT FOREIGN SCHEMA openapi EXCEPT (orders, customers_orders, products) FROM SERVER shop INTO import;
SELECT relname FROM pg_class WHERE relnamespace = 'import'::regnamespace AND relkind = 'f' ORDER BY 1;
\t
\a
SELECT distquery.describe('shop', tables => '{orders,invoices}', schema => 'My "schema"');

-- A hostile description: names, quotes, circles, references to elsewhere.
CREATE SERVER hostile FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', openapi '/described/hostile.json');
SELECT distquery.describe('hostile');

-- Swagger 2.0, operators by name, YAML.
CREATE SERVER pets FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', openapi '/described/swagger.json');
SELECT distquery.describe('pets');
ALTER SERVER pets OPTIONS (SET openapi '/described/petstore.yaml');
SELECT distquery.describe('pets');

-- PostgREST's own description: all that its dialect can say.
CREATE SERVER rest FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', openapi '/described/postgrest.json');
SELECT distquery.describe('rest');
\t
\a
CREATE SCHEMA import_rest;
\set VERBOSITY terse
IMPORT FOREIGN SCHEMA openapi FROM SERVER rest INTO import_rest;
\set VERBOSITY default
SELECT count(*), min(id) FROM import_rest.customers WHERE region = 'EU' AND id > 4900 AND name LIKE 'O%';
DROP SCHEMA import_rest CASCADE;
IMPORT FOREIGN SCHEMA openapi FROM SERVER hostile INTO import;
IMPORT FOREIGN SCHEMA openapi FROM SERVER pets INTO import;

-- What goes wrong, without the port.
CREATE FUNCTION pg_temp.refused(query text, OUT message text, OUT detail text, OUT hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    detail := regexp_replace(detail, '127.0.0.1:\d+', 'service');
    detail := regexp_replace(detail, '\d+ ms', 'N ms');
END $$;
\x
IMPORT FOREIGN SCHEMA graphql FROM SERVER shop INTO import;
IMPORT FOREIGN SCHEMA public FROM SERVER shop INTO import;
IMPORT FOREIGN SCHEMA openapi FROM SERVER shop INTO import OPTIONS (path '/x');
ALTER SERVER shop OPTIONS (SET openapi '/literal?type=text/html&body=%3Chtml%3E');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=%7B%22openapi%22:%223.0.0%22');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=%7B%22swagger%22:%221.2%22%7D');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=%7B%22openapi%22:%223.0.0%22%7D');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=%7B%22a%22:1%7D');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=a:%20%5B');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/literal?body=a:%20%26x%20%5B*x%5D');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (SET openapi '/fault/status/404');
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
ALTER SERVER shop OPTIONS (DROP openapi);
SELECT * FROM pg_temp.refused($$SELECT distquery.describe('shop')$$);
SELECT distquery.describe('nobody');
ALTER SERVER shop OPTIONS (ADD openapi 'ftp://example.org/x');
ALTER SERVER shop OPTIONS (ADD openapi 'somewhere');
\x
CREATE ROLE import_guest;
SET ROLE import_guest;
SELECT distquery.describe('shop');
RESET ROLE;
DROP ROLE import_guest;
SET client_min_messages = warning;
DROP SCHEMA import CASCADE;
DROP SERVER shop, hostile, pets, rest CASCADE;
