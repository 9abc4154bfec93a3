-- distquery.requests: what is remembered of requests, and who sees it.
\getenv url DQ_URL
\getenv closed DQ_CLOSED_URL
CREATE SCHEMA requests;
SET search_path = requests, public;
SET client_min_messages = warning;
CREATE SERVER requests_s FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retry_backoff '1ms', breaker_failures '0');
CREATE SERVER requests_closed FOREIGN DATA WRAPPER distquery OPTIONS (url :'closed', retries '0', breaker_failures '0');
CREATE FOREIGN TABLE refused (id int, name text) SERVER requests_closed OPTIONS (path '/');
CREATE FOREIGN TABLE good (id int, name text) SERVER requests_s OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE flaky (id int, name text) SERVER requests_s OPTIONS (path '/fault/flaky?key=requests&times=2');
CREATE FOREIGN TABLE html (id int, name text) SERVER requests_s OPTIONS (path '/fault/html');
CREATE FOREIGN TABLE hang (id int, name text) SERVER requests_s OPTIONS (path '/fault/hang');
CREATE FOREIGN TABLE hang_body (id int, name text) SERVER requests_s OPTIONS (path '/fault/hang-body?rows=3');
CREATE FOREIGN TABLE large (id int, name text) SERVER requests_s OPTIONS (path '/fault/good', max_response '20B', retries '0');
CREATE FOREIGN TABLE posted (id int, name text) SERVER requests_s OPTIONS (path '/fault/good', method 'POST', body '{"a": "bcdef"}');
CREATE FOREIGN TABLE cached (id int, name text) SERVER requests_s OPTIONS (path '/fault/good', strategy 'cache', ttl '1h');
CREATE FOREIGN TABLE hop (id int, name text) SERVER requests_s OPTIONS (path '/fault/redirect?to=/fault/good', redirects '2');
CREATE FOREIGN TABLE long (id int, name text OPTIONS (filter '=')) SERVER requests_s OPTIONS (path '/fault/good');
CREATE FUNCTION seen() RETURNS TABLE (path text, method text, status int, outcome text, attempt int, cache text, rows bigint, bytes bigint)
  LANGUAGE sql AS $$
    SELECT pg_catalog.regexp_replace(r.url, '^http://[^/]*', ''), r.method, r.status, r.outcome, r.attempt, r.cache, r.rows, r.bytes
      FROM distquery.requests r WHERE r.pid = pg_catalog.pg_backend_pid() ORDER BY r.request_start, r.url $$;
\pset null <null>
\set VERBOSITY terse

SELECT distquery.reset_requests();
SELECT count(*) FROM good;
SELECT count(*) FROM flaky;
SELECT * FROM html;
SELECT count(*) FROM (SELECT * FROM hang_body LIMIT 2) s;
SELECT count(*) FROM large;
SELECT count(*) FROM posted;
SELECT count(*) FROM cached;
SELECT count(*) FROM cached;
SELECT count(*) FROM hop;
SELECT count(*) FROM refused;
SET statement_timeout = '50ms';
SELECT count(*) FROM hang;
RESET statement_timeout;
SELECT * FROM seen();

-- All else of one.
SELECT distquery.reset_requests();
SELECT * FROM seen();
SET compute_query_id = on;
SELECT count(*) FROM good;
SELECT distquery.reset_requests();
SELECT count(*) FROM good;
SELECT pid = pg_backend_pid() AS pid, datname = current_database() AS datname, usename = current_user AS usename, query_id <> 0 AS query_id, server, foreign_table,
       wire_bytes, sent_bytes > 100 AS sent_bytes, reused, wait_ms >= 0 AS wait, name_lookup_ms IS NULL AND connect_ms IS NULL AND tls_ms IS NULL AS kept,
       first_byte_ms BETWEEN 0 AND total_ms AS times, request_start BETWEEN now() - interval '1 min' AND now() AS start, scope IN ('server', 'session') AS scope
  FROM distquery.requests WHERE pid = pg_backend_pid();

-- A long URL is cut.
SELECT count(*) FROM long WHERE name = repeat('x', 1000);
SELECT length(url), right(url, 6) FROM distquery.requests WHERE pid = pg_backend_pid() AND url ~ 'name=';

-- Pages that are asked for are requests of their own.
SELECT distquery.reset_requests();
CREATE FOREIGN TABLE paged (id int) SERVER requests_s OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '500', total '/total');
SELECT count(*) FROM paged;
SELECT * FROM seen();

-- Everybody sees the requests of the roles that one has; members of pg_monitor all; nobody forgets them for others.
CREATE ROLE requests_user;
CREATE ROLE requests_monitor IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA requests TO requests_user, requests_monitor;
GRANT SELECT ON good TO requests_user;
SELECT distquery.reset_requests();
SELECT count(*) FROM long;
SET ROLE requests_user;
SELECT count(*) FROM good;
SELECT usename = current_user AS own, method, status FROM distquery.requests WHERE pid = pg_backend_pid();
SELECT count(*) FROM distquery.requests() WHERE pid = pg_backend_pid();
SELECT distquery.reset_requests();
SET ROLE requests_monitor;
SELECT usename = current_user AS own, method, status FROM distquery.requests WHERE pid = pg_backend_pid();
SELECT distquery.reset_requests();
RESET ROLE;

DROP SCHEMA requests CASCADE;
DROP SERVER requests_s, requests_closed;
DROP ROLE requests_user, requests_monitor;
