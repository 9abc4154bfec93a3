-- IMPORT FOREIGN SCHEMA graphql: tables from a schema's introspection.
\set VERBOSITY default
\getenv url DQ_URL
CREATE SCHEMA gql_import;
SET search_path = gql_import, public;
SET timezone = 'UTC';
CREATE FUNCTION asked(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ '(Query|Variables|Local):' THEN
            RETURN NEXT trim(line);
        END IF;
    END LOOP;
END $$;
\set endpoint :url '/graphql'
CREATE SERVER gql_import FOREIGN DATA WRAPPER distquery OPTIONS (url :'endpoint', protocol 'graphql');
\t
\a
SELECT distquery.describe('gql_import', 'graphql');
\t
\a
IMPORT FOREIGN SCHEMA graphql FROM SERVER gql_import INTO gql_import;
SELECT relname FROM pg_class WHERE relnamespace = 'gql_import'::regnamespace AND relkind = 'f' ORDER BY 1;

-- all of them answer
SELECT count(*), count(customer_id), count(note) FROM orders;
SELECT count(*), count(address) FROM customers;
SELECT asked('SELECT id FROM orders WHERE status = ''open'' AND total >= 10 AND customer_id = ''7''');
SELECT count(*) FROM orders WHERE status = 'open' AND total >= 10;
SELECT count(*) FROM connection WHERE status = 'open';
SELECT asked('SELECT total FROM connection WHERE id IN (''5'', ''6'')');
SELECT id, total FROM connection WHERE id IN ('5', '6', 'x') ORDER BY id;
SELECT count(*), count(DISTINCT id) FROM pages;
SELECT count(*) FROM customers WHERE id IN ('1', '2', 'x');
SELECT asked('SELECT id FROM rows WHERE "of" = ''a'' AND n >= 1.5 AND f IS NULL');
SELECT count(*) FROM products;

-- names chosen, other servers, and services that do not tell
DROP FOREIGN TABLE orders, customers;
IMPORT FOREIGN SCHEMA graphql LIMIT TO (orders) FROM SERVER gql_import INTO gql_import;
CREATE SERVER gql_import_rest FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0');
IMPORT FOREIGN SCHEMA graphql FROM SERVER gql_import_rest INTO gql_import;
\set VERBOSITY terse
\set endpoint :url '/echo'
CREATE SERVER gql_import_echo FOREIGN DATA WRAPPER distquery OPTIONS (url :'endpoint', protocol 'graphql');
IMPORT FOREIGN SCHEMA graphql FROM SERVER gql_import_echo INTO gql_import;
IMPORT FOREIGN SCHEMA openapi FROM SERVER gql_import_echo INTO gql_import;

SET client_min_messages = warning;
DROP SCHEMA gql_import CASCADE;
DROP SERVER gql_import, gql_import_rest, gql_import_echo CASCADE;
