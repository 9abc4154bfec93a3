-- Queries that run on their own.
\getenv url DQ_URL
CREATE SCHEMA async;
SET search_path = async, public;
CREATE SERVER async FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0');
CREATE FOREIGN TABLE customers (id bigint, name text, region text OPTIONS (filter '='))
    SERVER async OPTIONS (path '/data/plain/customers', paging 'page', page_size '1000');
CREATE FOREIGN TABLE broken (id int) SERVER async OPTIONS (path '/fault/truncated');

-- Waits for the end of a query and returns its state.
CREATE FUNCTION finish(query uuid) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6000 LOOP
        IF distquery.status(query) NOT IN ('queued', 'running') THEN
            RETURN distquery.status(query);
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN 'did not end';
END $$;
GRANT USAGE ON SCHEMA async TO PUBLIC;

-- in the query's order, page by page, each row an object
SELECT distquery.submit('SELECT g AS n, chr(64 + g) AS letter FROM generate_series(1, 7) g ORDER BY letter DESC') AS id \gset
SELECT finish(:'id');
SELECT distquery.result(:'id');
SELECT * FROM distquery.result(:'id', "limit" => 3);
SELECT * FROM distquery.result(:'id', 3, 3);
SELECT * FROM distquery.result(:'id', 6, 3);
SELECT * FROM distquery.result(:'id', 7, 3);
SELECT count(*) FROM distquery.result(:'id', NULL, NULL);
SELECT count(*) FROM distquery.result(:'id', 0, 0);
SELECT * FROM distquery.result(:'id', 0, -1);
SELECT count(*) FROM distquery.result(NULL);
SELECT state, query, rows, attempts, max_attempts, owner = current_user AS own, finished_at >= started_at AND started_at >= submitted_at AS in_order,
       expires_at - finished_at AS lifetime, pid, error_code, result_table = distquery.result_table(id) AS same
  FROM distquery.queries WHERE id = :'id';

-- its table has the query's columns, and the number of the row
SELECT distquery.result_table(:'id') AS result \gset
SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = :'result'::regclass AND attnum > 0 ORDER BY attnum;
SELECT relpersistence, relowner::regrole = current_user::regrole AS own, relacl, regexp_replace(relname, '[0-9a-f]{32}', 'id') AS name FROM pg_class WHERE oid = :'result'::regclass;
SELECT c.letter FROM :result c WHERE c.row_number = 2;
SELECT regexp_replace(:'result', '[0-9a-f]{32}', 'id');

-- more rows than a batch, and than a page
SELECT distquery.submit('SELECT g, repeat(''x'', 10) AS t FROM generate_series(1, 2500) g') AS id \gset
SELECT finish(:'id');
SELECT count(*), array_agg((r->>'g')::int) = (SELECT array_agg(g) FROM generate_series(1, 2500) g) AS equal FROM distquery.result(:'id', NULL, NULL) r;
SELECT distquery.submit('SELECT g FROM generate_series(1, 1000) g ORDER BY g % 10, g') AS id \gset
SELECT finish(:'id');
SELECT count(*) FROM distquery.result(:'id');
WITH RECURSIVE pages AS (
    SELECT 0::bigint AS after, (SELECT array_agg((r->>'g')::int) FROM distquery.result(:'id', 0, 300) r) AS rows
    UNION ALL
    SELECT after + 300, (SELECT array_agg((r->>'g')::int) FROM distquery.result(:'id', after + 300, 300) r) FROM pages WHERE cardinality(rows) = 300)
SELECT count(DISTINCT after) AS pages, (SELECT array_agg(g ORDER BY g % 10, g) FROM generate_series(1, 1000) g) = array_agg(n ORDER BY after, i) AS equal
  FROM pages, unnest(rows) WITH ORDINALITY u (n, i);

-- names that occur twice, are taken, or long
SELECT distquery.submit($$SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS row_number, 5, 6, '(0,1)'::tid AS ctid, 7 AS "$$ || repeat('x', 63) || '", 8 AS "' || repeat('x', 63) || '", 9 AS r') AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
SELECT attname FROM pg_attribute WHERE attrelid = distquery.result_table(:'id') AND attnum > 0 ORDER BY attnum;

-- types; what no table can store is stored as text
SELECT distquery.submit($$SELECT true AS b, 1.50 AS n, 'NaN'::float8 AS nan, '2026-02-03 04:05:06.789+00'::timestamptz AS at, '{"k": [1, null]}'::jsonb AS j,
    ARRAY[1, 2] AS a, '\x00ff'::bytea AS by, NULL::text AS t, ROW(1, 'x') AS r, 'literal' AS l, int4range(1, 3) AS i, c AS whole FROM (VALUES (1, 'eins')) c (id, name)$$) AS id \gset
SELECT finish(:'id');
SET TimeZone = 'UTC';
SELECT * FROM distquery.result(:'id');
RESET TimeZone;
SELECT distquery.submit('SELECT pg_notify(''nobody'', ''x'')') AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
SELECT distquery.submit('SELECT') AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
SELECT distquery.submit('SELECT 1 AS x WHERE false', unlogged => true) AS id \gset
SELECT finish(:'id');
SELECT count(*) FROM distquery.result(:'id');
SELECT relpersistence FROM pg_class WHERE oid = distquery.result_table(:'id');

-- VALUES, TABLE, comments and semicolons
SELECT distquery.submit('/* ; */ VALUES (1, ''a;b''), (2, NULL) ORDER BY 1 DESC; -- end') AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
CREATE TABLE async.plain (x int);
INSERT INTO plain VALUES (1), (2);
SELECT distquery.submit('TABLE plain ORDER BY x') AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');

-- values that are stored apart from their row
CREATE TABLE large AS SELECT g AS id, (SELECT string_agg(md5((g * i)::text), '') FROM generate_series(1, 3000) i) AS t FROM generate_series(1, 3) g;
SELECT distquery.submit('SELECT id, t FROM large ORDER BY id') AS id \gset
SELECT finish(:'id');
SELECT r->'id' AS id, length(r->>'t'), r->>'t' = t AS equal FROM distquery.result(:'id') r JOIN large ON id = (r->>'id')::int;
DROP TABLE large;

-- over services
SELECT distquery.submit('SELECT count(*), count(DISTINCT region) AS regions FROM customers WHERE region = ''EU''') AS id \gset
SELECT finish(:'id');
SELECT (r->>'count')::int > 100 AS many, r->'regions' AS regions FROM distquery.result(:'id') r;

-- what cannot be submitted is said at once
SELECT distquery.submit('');
SELECT distquery.submit('SELECT 1; SELECT 2');
SELECT distquery.submit('DELETE FROM plain');
SELECT distquery.submit('EXPLAIN SELECT 1');
SELECT distquery.submit('SELECT 1 INTO other');
SELECT distquery.submit('(SELECT 1 INTO other) UNION ALL SELECT 2');
SELECT distquery.submit('WITH d AS (DELETE FROM plain RETURNING x) SELECT * FROM d');
SELECT distquery.submit('SELECT $1::int');
SELECT distquery.submit('SELECT nonsense FROM plain');
SELECT distquery.submit('SELECT FROM WHERE');
SELECT distquery.submit('SELECT ' || repeat('1, ', 1599) || '1');
CREATE TEMPORARY TABLE plain (x int);
SELECT distquery.submit('SELECT * FROM plain');
SELECT distquery.submit('SELECT 1 WHERE EXISTS (SELECT FROM pg_temp.plain)');
DROP TABLE pg_temp.plain;
SELECT distquery.submit(NULL);
SELECT distquery.submit('SELECT 1', NULL);
SELECT distquery.submit('SELECT 1', '0');
SELECT distquery.submit('SELECT 1', '-1 day');
SELECT distquery.submit('SELECT 1', '101 years');
SELECT distquery.submit('SELECT 1', attempts => 0);
SELECT distquery.submit('SELECT 1', attempts => 101);
BEGIN READ ONLY;
SELECT distquery.submit('SELECT 1');
ROLLBACK;

-- a rollback takes it back
BEGIN;
SELECT distquery.submit('SELECT 1') AS id \gset
SELECT state FROM distquery.queries WHERE id = :'id';
SELECT distquery.status(:'id'), distquery.discard(:'id');
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT distquery.result(:'id');
\set VERBOSITY default
ROLLBACK TO s;
ROLLBACK;
SELECT count(*) FROM distquery.queries WHERE id = :'id';
-- what is cancelled before it begins
BEGIN;
SELECT distquery.submit('SELECT 1') AS id \gset
SELECT distquery.cancel(:'id'), distquery.cancel(:'id');
COMMIT;
SELECT state, started_at, attempts, error_code, error_message FROM distquery.queries WHERE id = :'id';
-- what the transaction has done is seen
BEGIN;
INSERT INTO plain VALUES (3);
SELECT distquery.submit('SELECT sum(x) FROM plain') AS id \gset
COMMIT;
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');

-- failures are kept, and raised by result()
CREATE FUNCTION fail() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no luck' USING ERRCODE = 'P1234', DETAIL = 'None at all.', HINT = 'Try again.'; END $$;
SELECT distquery.submit('SELECT async.fail()') AS id \gset
SELECT finish(:'id');
SELECT state, error_code, error_message, error_detail, error_hint, split_part(error_context, E'\n', 1) AS error_context, rows, result_table FROM distquery.queries WHERE id = :'id';
\set VERBOSITY sqlstate
SELECT distquery.result(:'id');
SELECT distquery.result_table(:'id');
SELECT distquery.result('00000000-0000-0000-0000-000000000000');
\set VERBOSITY default
SELECT distquery.cancel(:'id'), distquery.discard(:'id');
SELECT distquery.status('00000000-0000-0000-0000-000000000000');
SELECT distquery.submit('SELECT * FROM broken') AS id \gset
SELECT finish(:'id');
SELECT error_code, error_message FROM distquery.queries WHERE id = :'id';
SELECT distquery.submit('SELECT 10 / (5 - x) FROM generate_series(1, 9) x') AS id \gset
SELECT finish(:'id');
SELECT error_code, error_message, count(c.oid) AS tables FROM distquery.queries LEFT JOIN pg_class c ON relname = 'result_' || replace(id::text, '-', '') WHERE id = :'id' GROUP BY 1, 2;
CREATE FUNCTION check_late() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'at commit, as %', current_user; END $$;
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON plain DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_late();
CREATE FUNCTION add(int) RETURNS int LANGUAGE sql AS 'INSERT INTO async.plain VALUES ($1) RETURNING x';
SELECT distquery.submit('SELECT async.add(4)') AS id \gset
SELECT finish(:'id');
SELECT replace(error_message, current_user, 'me') AS error_message FROM distquery.queries WHERE id = :'id';
DROP TRIGGER late ON plain;

-- settings of the session go along
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'German';
SET app.tenant = 'it''s "mine"';
SET distquery.pushdown = off;
SET default_transaction_isolation = 'repeatable read';
SET standard_conforming_strings = off;
SELECT distquery.submit($$SELECT current_setting('TimeZone') AS zone, '2026-02-03'::date::text AS day, current_setting('app.tenant') AS tenant, current_setting('search_path') AS path,
    current_setting('distquery.pushdown') AS pushdown, current_setting('transaction_isolation') AS isolation, '\\' AS backslash, count(*) FROM plain$$) AS id \gset
RESET standard_conforming_strings;
RESET default_transaction_isolation;
RESET distquery.pushdown;
RESET DateStyle;
RESET TimeZone;
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
-- also a single short one
RESET app.tenant;
SET work_mem = '123kB';
SELECT distquery.submit($$SELECT current_setting('work_mem') AS work_mem$$) AS id \gset
SELECT finish(:'id');
SELECT * FROM distquery.result(:'id');
RESET work_mem;
SET app.tenant = 'it''s "mine"';
SET default_transaction_read_only = on;
BEGIN READ WRITE;
SELECT distquery.submit('SELECT async.add(5)') AS id \gset
COMMIT;
RESET default_transaction_read_only;
SELECT finish(:'id');
SELECT error_message FROM distquery.queries WHERE id = :'id';
SET statement_timeout = '1s';
SELECT distquery.submit('SELECT pg_sleep(600)') AS id \gset
RESET statement_timeout;
SELECT finish(:'id');
SELECT error_code, error_message FROM distquery.queries WHERE id = :'id';
SET app.long = 'x';
SELECT count(set_config('app.long', repeat('x', 70000), false));
SELECT distquery.submit('SELECT 1');
RESET app.long;

-- the roles: who it runs as, who sees it
CREATE ROLE distquery_anna LOGIN;
CREATE ROLE distquery_bert LOGIN;
CREATE ROLE distquery_team NOLOGIN;
GRANT distquery_team TO distquery_anna;
SET SESSION AUTHORIZATION distquery_anna;
SELECT distquery.submit('SELECT current_user, session_user') AS anna \gset
SET ROLE distquery_team;
SELECT distquery.submit('SELECT current_user, session_user') AS team \gset
RESET ROLE;
SELECT distquery.submit('SELECT * FROM async.plain') AS denied \gset
SELECT finish(:'anna'), finish(:'team'), finish(:'denied');
SELECT * FROM distquery.result(:'anna');
SELECT * FROM distquery.result(:'team');
SELECT owner, query, state FROM distquery.queries ORDER BY submitted_at;
-- with the role's own settings, but not as another role
RESET SESSION AUTHORIZATION;
ALTER ROLE distquery_anna SET statement_timeout = '1s';
ALTER ROLE distquery_anna SET role = distquery_team;
ALTER ROLE distquery_anna SET session_preload_libraries = 'plpgsql';
SET SESSION AUTHORIZATION distquery_anna;
SELECT distquery.submit('SELECT current_user, pg_sleep(600)') AS slow \gset
SELECT distquery.submit('SELECT current_user, current_setting(''plpgsql.variable_conflict'', true) AS preloaded') AS other \gset
SELECT finish(:'slow'), finish(:'other');
SELECT error_code, error_message FROM distquery.queries WHERE id = :'slow';
SELECT * FROM distquery.result(:'other');
RESET SESSION AUTHORIZATION;
ALTER ROLE distquery_anna RESET ALL;
-- services are asked with the credentials of that role
CREATE FOREIGN TABLE echo (who text OPTIONS (json '/headers/authorization')) SERVER async OPTIONS (path '/echo');
GRANT SELECT ON echo TO distquery_anna, distquery_team;
CREATE USER MAPPING FOR distquery_anna SERVER async OPTIONS (auth 'bearer', token 'token-of-anna');
CREATE USER MAPPING FOR distquery_team SERVER async OPTIONS (auth 'bearer', token 'token-of-team');
SET SESSION AUTHORIZATION distquery_anna;
SELECT distquery.submit('SELECT who FROM async.echo') AS id \gset
SET ROLE distquery_team;
SELECT distquery.submit('SELECT who FROM async.echo') AS other \gset
RESET ROLE;
SELECT finish(:'id'), finish(:'other');
SELECT distquery.result(:'id'), distquery.result(:'other');
RESET SESSION AUTHORIZATION;
DROP USER MAPPING FOR distquery_anna SERVER async;
DROP USER MAPPING FOR distquery_team SERVER async;
SET SESSION AUTHORIZATION distquery_anna;
SELECT distquery.result_table(:'anna') AS result \gset
SELECT "current_user" FROM :result;
SELECT count(*) FROM distquery.async_query;
\set VERBOSITY sqlstate
DROP TABLE :result;
SET SESSION AUTHORIZATION distquery_bert;
SELECT distquery.status(:'anna');
SELECT distquery.result(:'anna');
SELECT distquery.cancel(:'anna');
SELECT distquery.discard(:'anna');
SELECT count(*) FROM distquery.queries;
CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
SELECT count(*) FROM distquery.queries WHERE pg_temp.leak(query);
SELECT count(*) FROM :result;
RESET SESSION AUTHORIZATION;
GRANT pg_read_all_stats TO distquery_bert;
SET SESSION AUTHORIZATION distquery_bert;
SELECT count(*) > 3 AS all FROM distquery.queries WHERE owner IN ('distquery_anna', 'distquery_team');
SELECT distquery.status(:'anna');
RESET SESSION AUTHORIZATION;
SELECT format('ALTER TABLE %s OWNER TO distquery_bert', distquery.result_table(:'anna')) AS give \gset
:give;
SET SESSION AUTHORIZATION distquery_anna;
SELECT distquery.result(:'anna');
\set VERBOSITY default
RESET SESSION AUTHORIZATION;
-- a query may submit others
SELECT distquery.submit($$SELECT distquery.submit('SELECT 5 AS x') AS other$$) AS id \gset
SELECT finish(:'id');
SELECT r->>'other' AS other FROM distquery.result(:'id') r \gset
SELECT finish(:'other');
SELECT * FROM distquery.result(:'other');

-- no rights beyond the session's
CREATE FUNCTION definer() RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$ SELECT distquery.submit('SELECT current_user') $$;
CREATE FUNCTION invoker() RETURNS uuid LANGUAGE sql AS $$ SELECT distquery.submit('SELECT current_user') $$;
SELECT definer() AS id \gset
SELECT finish(:'id');
SET SESSION AUTHORIZATION distquery_anna;
\set VERBOSITY sqlstate
SELECT async.definer();
\set VERBOSITY default
SELECT async.invoker() AS id \gset
SELECT async.finish(:'id');
SELECT * FROM distquery.result(:'id');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION distquery_team;
SELECT distquery.submit('SELECT 1');
RESET SESSION AUTHORIZATION;
BEGIN;
SET LOCAL SESSION AUTHORIZATION distquery_anna;
SET LOCAL ROLE distquery_team;
SELECT distquery.submit('SELECT current_user') AS id \gset
RESET SESSION AUTHORIZATION;
REVOKE distquery_team FROM distquery_anna;
COMMIT;
SELECT finish(:'id');
SELECT error_code, error_message FROM distquery.queries WHERE id = :'id';
-- default privileges open no result
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
SELECT distquery.submit('SELECT 1 AS secret') AS id \gset
SELECT finish(:'id');
ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;
SELECT relacl FROM pg_class WHERE oid = distquery.result_table(:'id');

-- removed: by discard, on expiry, with their role
SELECT distquery.result_table(:'id') AS result \gset
CREATE VIEW dependent AS SELECT * FROM :result;
SELECT distquery.discard(:'id');
SELECT to_regclass(:'result'), to_regclass('dependent');
SELECT count(*) FROM distquery.queries WHERE id = :'id';
SELECT distquery.submit('SELECT 1', '1 microsecond') AS id \gset
CREATE FUNCTION is_removed(removed uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 6000 LOOP
        IF NOT EXISTS (SELECT FROM distquery.async_query q WHERE q.id = removed) THEN
            RETURN NOT EXISTS (SELECT FROM pg_class WHERE relname = 'result_' || replace(removed::text, '-', ''));
        END IF;
        PERFORM pg_sleep(0.01);
    END LOOP;
    RETURN false;
END $$;
SELECT is_removed(:'id');
SELECT count(*) FROM distquery.queries WHERE id = :'id';
\set VERBOSITY sqlstate
DROP ROLE distquery_anna;
\set VERBOSITY default
DROP OWNED BY distquery_anna, distquery_team, distquery_bert;
SELECT is_removed(:'anna'), is_removed(:'team');
DROP ROLE distquery_anna, distquery_bert, distquery_team;

PREPARE TRANSACTION 'none';
BEGIN;
SELECT count(distquery.submit('SELECT 1'));
PREPARE TRANSACTION 'distquery_async';
SELECT distquery.before_drop();

-- nothing is left behind by discarding all
SELECT count(*) > 5 AS many, bool_and(distquery.discard(id)) AS discarded FROM distquery.queries;
SELECT count(*) FROM pg_class WHERE relnamespace = 'distquery'::regnamespace AND relname LIKE 'result%';
SELECT count(*) FROM distquery.async_query;
\set VERBOSITY terse
DROP SCHEMA async CASCADE;
DROP SERVER async CASCADE;
