-- What one statement may use: requests and bytes.
\getenv url DQ_URL
CREATE SCHEMA budgets;
SET search_path = budgets, public;
CREATE SERVER budgets FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', breaker_failures '0');
CREATE FOREIGN TABLE customers (id int OPTIONS (key 'true'), name text) SERVER budgets
    OPTIONS (path '/data/plain/customers?_envelope=items&_cap=100', rows '/items', paging 'page', lookup_path '/data/plain/customers/{id}');
CREATE FOREIGN TABLE good (id int, name text) SERVER budgets OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE big (id int, name text) SERVER budgets OPTIONS (path '/big?rows=10000');
CREATE FOREIGN TABLE flaky (id int, name text) SERVER budgets OPTIONS (path '/fault/flaky?key=budget&times=3', retries '5', retry_backoff '1ms');

CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text; n bigint;
BEGIN
    EXECUTE query INTO n;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN format(E'%s: %s\nDETAIL: %s\nHINT: %s', state, message, regexp_replace(regexp_replace(detail, '127.0.0.1:\d+', '...'), '\d+ ms\.', '... ms.'), hint);
END $$;
\pset format unaligned
\pset tuples_only on

-- Requests: pages count, and so do further attempts.
SHOW distquery.max_requests;
SET distquery.max_requests = 3;
SELECT failure('SELECT count(*) FROM good');
SELECT failure('SELECT count(*) FROM (SELECT FROM customers LIMIT 250) c');
SELECT failure('SELECT count(*) FROM customers');
SELECT failure('SELECT count(*) FROM flaky');
-- A statement is what the client sends, with what runs inside it.
SELECT count(*) FROM good;
SELECT count(*) FROM good;
CREATE FUNCTION one(n int) RETURNS text LANGUAGE sql VOLATILE AS 'SELECT name FROM customers WHERE id = n';
SELECT failure('SELECT count(one(n)) FROM generate_series(1, 3) n');
SELECT failure('SELECT count(one(n)) FROM generate_series(1, 5) n');
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM customers;
MOVE 250 IN c;
FETCH 1 FROM c;
MOVE 200 IN c;
FETCH 1 FROM c;
COMMIT;

-- Bytes, decompressed.
RESET distquery.max_requests;
SHOW distquery.max_bytes;
SET distquery.max_bytes = '64kB';
SELECT failure('SELECT count(*) FROM good');
SELECT regexp_replace(failure('SELECT count(*) FROM good, big'), 'big 1 requests, \d+', 'big 1 requests, ...');
SHOW distquery.max_bytes;
SET distquery.max_bytes = '10MB';
SELECT failure('SELECT count(*) FROM big');
SET distquery.max_bytes = -1;
SET distquery.max_requests = -1;
\pset tuples_only off

SET client_min_messages = warning;
DROP SCHEMA budgets CASCADE;
DROP SERVER budgets;
