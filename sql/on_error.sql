-- What an outage of a service means: an error, or a warning and the rows that could be had.  Ports are masked.
\getenv url DQ_URL
\getenv closed DQ_CLOSED_URL
CREATE SCHEMA on_error;
SET search_path = on_error, public;
CREATE SERVER on_error FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'url', retries '0', on_error 'empty', breaker_failures '0');
CREATE SERVER on_error_closed FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'closed', retries '0', on_error 'empty', breaker_failures '2', breaker_cooldown '1h');

CREATE FOREIGN TABLE good (id int, name text) SERVER on_error OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE down (id int, name text) SERVER on_error OPTIONS (path '/fault/status/503');
CREATE FOREIGN TABLE busy (id int, name text) SERVER on_error OPTIONS (path '/fault/status/429');
CREATE FOREIGN TABLE late (id int, name text) SERVER on_error OPTIONS (path '/fault/hang', timeout '50ms');
CREATE FOREIGN TABLE cut (id int, name text) SERVER on_error OPTIONS (path '/fault/cut?rows=2');
CREATE FOREIGN TABLE closed (id int) SERVER on_error_closed OPTIONS (path '/x');

CREATE VIEW noted AS
    SELECT foreign_table, server, kind, regexp_replace(reason, '127.0.0.1:\d+|port \d+|after \d+ ms', '...', 'g') AS reason, missing, raised
      FROM distquery.last_errors;

-- An outage is a warning; what there is, is the answer.
SELECT * FROM down;
SELECT * FROM noted;
SELECT count(*) FROM busy;
SELECT count(*) FROM late;
SELECT * FROM noted;

-- Rows that came before the connection broke are kept.
SELECT * FROM cut;
SELECT * FROM noted;

-- A table each, a warning each; the others' rows are whole.
SELECT good.id, down.name, (SELECT count(*) FROM busy) AS busy
  FROM good LEFT JOIN down USING (id) LEFT JOIN LATERAL (SELECT * FROM down d WHERE d.id = good.id OFFSET 0) AS again USING (id)
 ORDER BY 1;
SELECT foreign_table, kind, missing, raised, statement IS NOT NULL AS has_statement, detail ~ '^GET http' AS has_request
  FROM distquery.last_errors ORDER BY 1;

-- The latest statement that made requests: others do not count, one that succeeds begins anew.
SELECT 1;
SELECT count(*) FROM distquery.last_errors;
SELECT count(*) FROM good;
SELECT count(*) FROM distquery.last_errors;

-- An open breaker is an outage, too.
SET client_min_messages = error;
SELECT count(*) FROM closed;
SELECT count(*) FROM closed;
SET client_min_messages = warning;
-- Each statement has its warning, although it makes no request.
SELECT count(*) FROM closed;
SELECT count(*) FROM closed;
SELECT server, kind, reason, missing FROM noted;
RESET client_min_messages;

-- Pages: what came before the failure is there, and what is missing is said.
CREATE FOREIGN TABLE pages (id int, name text) SERVER on_error
    OPTIONS (path '/fault/pages-then-down?pages=3', paging 'page', page_size '2', size_param 'limit');
SELECT count(*), max(id) FROM pages;
SELECT foreign_table, kind, missing FROM noted;
CREATE FUNCTION figures(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line ~ 'Requests:' THEN
            RETURN NEXT regexp_replace(line, 'Connections: \d+', 'Connections: N');
        END IF;
    END LOOP;
END $$;
SET client_min_messages = error;
SELECT figures('SELECT id FROM pages');
RESET client_min_messages;

-- Keys: lists, single rows and joins name those that are missing.
CREATE FOREIGN TABLE keyed (id int OPTIONS (key 'true', filter '= in'), name text) SERVER on_error
    OPTIONS (path '/fault/status/503', max_batch '3');
CREATE FOREIGN TABLE single (id int OPTIONS (key 'true'), name text) SERVER on_error
    OPTIONS (path '/fault/status/503', lookup_path '/fault/status/503?id={id}');
SET client_min_messages = error;
SELECT * FROM keyed WHERE id IN (4, 8, 15, 16, 23);
SELECT foreign_table, missing FROM noted ORDER BY missing;
SELECT * FROM single WHERE id = 42;
SELECT foreign_table, missing FROM noted;
SET distquery.lookup_join = on;
SELECT good.id, keyed.name, single.name FROM good LEFT JOIN keyed USING (id) LEFT JOIN single USING (id) ORDER BY 1;
SELECT foreign_table, missing FROM noted ORDER BY foreign_table::text, missing;
RESET distquery.lookup_join;
RESET client_min_messages;

-- Never passed over: what is no outage.
CREATE FOREIGN TABLE unauthorized (id int) SERVER on_error OPTIONS (path '/fault/status/401');
CREATE FOREIGN TABLE forbidden (id int) SERVER on_error OPTIONS (path '/fault/status/403');
CREATE FOREIGN TABLE nowhere (id int) SERVER on_error OPTIONS (path '/fault/status/404');
CREATE FOREIGN TABLE html (id int) SERVER on_error OPTIONS (path '/fault/html');
CREATE FOREIGN TABLE no_json (id int) SERVER on_error OPTIONS (path '/literal?body=%5B%7B"id":1%7D,');
CREATE FOREIGN TABLE wrong_type (id int) SERVER on_error OPTIONS (path '/literal?body=%5B%7B"id":"x"%7D%5D');
CREATE FOREIGN TABLE needs (id int, user_id int OPTIONS (required 'true', filter '=')) SERVER on_error OPTIONS (path '/fault/status/503');
\set VERBOSITY terse
SELECT * FROM unauthorized;
SELECT kind, missing, raised FROM noted;
SELECT * FROM forbidden;
SELECT * FROM nowhere;
SELECT * FROM html;
SELECT * FROM no_json;
SELECT * FROM wrong_type;
SELECT * FROM needs;
SET distquery.max_requests = 1;
SELECT * FROM good UNION ALL SELECT * FROM down;
RESET distquery.max_requests;
SET statement_timeout = '100ms';
CREATE FOREIGN TABLE hangs (id int) SERVER on_error OPTIONS (path '/fault/hang');
SELECT * FROM hangs;
RESET statement_timeout;
DROP FOREIGN TABLE hangs;
-- Nor where a part would be taken for the whole.
SELECT distquery.materialize('down');
ANALYZE down;
SET distquery.strategy = 'store';
SELECT * FROM down;
SET client_min_messages = warning;
SET distquery.strategy = 'cache';
SELECT * FROM down;
RESET distquery.strategy;
RESET client_min_messages;
SELECT foreign_table, ok, message FROM distquery.check_server('on_error') WHERE foreign_table = 'down'::regclass;
\set VERBOSITY default

-- The table's setting replaces the server's.
ALTER FOREIGN TABLE down OPTIONS (ADD on_error 'fail');
\set VERBOSITY terse
SELECT * FROM down;
\set VERBOSITY default
SELECT kind, missing, raised FROM noted;
-- One answer, two opinions of it.
CREATE FOREIGN TABLE down_too (id int, name text) SERVER on_error OPTIONS (path '/fault/status/503');
SELECT count(*) FROM down_too WHERE NOT EXISTS (SELECT FROM down WHERE false);
\set VERBOSITY terse
SELECT (SELECT count(*) FROM down_too), (SELECT count(*) FROM down);
\set VERBOSITY default

CREATE FOREIGN TABLE ignoring (id int) SERVER on_error OPTIONS (path '/x', on_error 'ignore');

SET client_min_messages = warning;
DROP SCHEMA on_error CASCADE;
DROP SERVER on_error;
DROP SERVER on_error_closed;
