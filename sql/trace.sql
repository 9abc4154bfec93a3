-- What requests tell of where they come from: User-Agent, trace, the way; and that declarations make none.
\getenv url DQ_URL
CREATE SCHEMA trace;
SET search_path = trace, public;
CREATE SERVER trace FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE echo (headers jsonb, path text) SERVER trace OPTIONS (path '/echo');
CREATE FOREIGN TABLE echo_2 (headers jsonb) SERVER trace OPTIONS (path '/echo?again');
CREATE FOREIGN TABLE named (headers jsonb) SERVER trace OPTIONS (path '/echo',
  headers '{"User-Agent": "ours/1", "Traceparent": "theirs", "CDN-Loop": "theirs"}');
CREATE VIEW sent AS SELECT headers ->> 'traceparent' AS traceparent, headers ->> 'tracestate' AS tracestate,
  replace(headers ->> 'cdn-loop', distquery.loop_id(), '<this>') AS cdn_loop FROM echo;
\pset null <null>

-- User-Agent.
SET application_name = 'billing report';
SELECT headers ->> 'user-agent' =
       format('distquery/%s PostgreSQL/%s (billing report)', extversion, current_setting('server_version_num')::int / 10000) AS user_agent
  FROM echo, pg_extension WHERE extname = 'distquery';
SET application_name = E' a) (b\\\r\nX-Evil: 1 "c"; ü ';
SELECT headers ->> 'user-agent' ~ '^distquery/\S+ PostgreSQL/\d+ \([^()\\]+\)$' AS well_formed, headers ? 'x-evil' AS evil FROM echo;
SET application_name = '  ';
SELECT headers ->> 'user-agent' ~ '^distquery/\S+ PostgreSQL/\d+$' AS bare FROM echo;
SET application_name = 'billing report';
SET distquery.send_application_name = off;
SELECT headers ->> 'user-agent' ~ '^distquery/\S+ PostgreSQL/\d+$' AS bare FROM echo;
RESET distquery.send_application_name;
RESET application_name;
SELECT headers ->> 'user-agent' AS user_agent, headers ->> 'traceparent' AS traceparent,
       replace(headers ->> 'cdn-loop', distquery.loop_id(), '<this>') AS cdn_loop FROM named;

-- A trace that is continued.
SELECT * FROM sent;
SET distquery.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
SET distquery.tracestate = 'congo=t61rcWkgMzE,rojo=1';
SELECT traceparent ~ '^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$' AS same_trace, traceparent ~ '00f067aa0ba902b7' AS same_span,
       tracestate FROM sent;
SET distquery.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00';
SELECT substr(traceparent, 53) AS flags FROM sent;
SET distquery.traceparent = '';
SELECT * FROM sent;
SET distquery.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7';
SET distquery.traceparent = '00-00000000000000000000000000000000-00f067aa0ba902b7-01';
SET distquery.traceparent = '00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01';
SET distquery.traceparent = E'00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\nX: y';
SET distquery.tracestate = 'no key';
SET distquery.cdn_loop = E'a\r\nX: y';

-- Traces of our own.
SET distquery.trace = 'sometimes';
SET distquery.trace = send;
SELECT traceparent AS one FROM sent \gset
SELECT traceparent AS two FROM sent \gset
SELECT :'one' ~ '^00-[0-9a-f]{32}-[0-9a-f]{16}-01$' AS well_formed, split_part(:'one', '-', 2) <> split_part(:'two', '-', 2) AS another_trace;
SELECT count(DISTINCT split_part(t, '-', 2)) AS traces, count(DISTINCT split_part(t, '-', 3)) AS spans
  FROM (SELECT headers ->> 'traceparent' AS t FROM echo UNION ALL SELECT headers ->> 'traceparent' FROM echo_2) requests;
SET distquery.trace = on;
SHOW distquery.trace;
SET distquery.trace = off;
SELECT traceparent FROM sent;
RESET distquery.trace;

-- From the headers of the request that a transaction answers.
BEGIN;
SELECT distquery.adopt_headers('{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "TraceState": "a=1",
  "CDN-Loop": "cdn.example, distquery-0123456789abcdef; x=y", "host": "h"}');
SELECT current_setting('distquery.traceparent'), current_setting('distquery.tracestate'), current_setting('distquery.cdn_loop');
SELECT substr(traceparent, 1, 36) AS traceparent, tracestate, cdn_loop FROM sent;
SELECT distquery.adopt_headers('{"traceparent": "broken", "tracestate": "broken"}');
SELECT * FROM sent;
SELECT distquery.adopt_headers(NULL);
SELECT * FROM sent;
SELECT distquery.adopt_headers('{"cdn-loop": "\u00e4"}');
ROLLBACK;
SHOW distquery.cdn_loop;

-- The way: back to this database, or too long.
SELECT distquery.loop_id() ~ '^distquery-[0-9a-f]{16}$' AS loop_id, distquery.loop_id() AS this \gset
SET distquery.cdn_loop = :'this';
\set VERBOSITY sqlstate
SELECT * FROM sent;
\set VERBOSITY terse
SELECT * FROM sent;
SET distquery.max_reentries = 1;
SELECT cdn_loop FROM sent;
SELECT set_config('distquery.cdn_loop', :'this' || ', distquery-0123456789abcdef, ' || :'this', false) IS NOT NULL AS longer;
SELECT * FROM sent;
RESET distquery.max_reentries;
SET distquery.cdn_loop = 'distquery-0123456789abcdef, a, distquery-0123456789abcde0';
SET distquery.max_hops = 2;
SELECT * FROM sent;
SELECT DISTINCT kind, replace(detail, :'this', '<this>') ~ 'has come through distquery-0123456789abcdef, a, distquery-0123456789abcde0, where this database is <this>' AS told
  FROM distquery.last_errors WHERE reason ~ 'more than 2';
SET distquery.max_hops = 3;
SELECT cdn_loop FROM sent;
RESET distquery.cdn_loop;
-- An outage it is not.
ALTER FOREIGN TABLE echo OPTIONS (ADD on_error 'empty');
SET distquery.cdn_loop = :'this';
SELECT * FROM sent;
RESET distquery.cdn_loop;
ALTER FOREIGN TABLE echo OPTIONS (DROP on_error);

-- Who may set what.
CREATE ROLE trace_user;
SET ROLE trace_user;
SET distquery.trace = log;
SET distquery.max_hops = 100;
SET distquery.max_reentries = 100;
SET distquery.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
SET distquery.cdn_loop = '';
RESET ROLE;
RESET distquery.traceparent;
RESET distquery.max_hops;

-- Declarations ask nothing.
CREATE FOREIGN TABLE asked (path text) SERVER trace OPTIONS (path '/_log', estimated_rows '10');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER trace OPTIONS (path '/_reset');
SELECT count(*) FROM reset_log;
CREATE SERVER trace_2 FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', openapi '/described/none', strategy 'cache', ttl '1min');
CREATE USER MAPPING FOR CURRENT_USER SERVER trace_2 OPTIONS (auth 'bearer', token 'a-token');
CREATE FOREIGN TABLE silent (id int OPTIONS (key 'true', filter '= in'), name text, CHECK (id > 0)) SERVER trace_2 OPTIONS (path '/fault/good');
ALTER SERVER trace_2 OPTIONS (SET strategy 'store', ADD timeout '1s');
ALTER USER MAPPING FOR CURRENT_USER SERVER trace_2 OPTIONS (SET token 'another');
ALTER FOREIGN TABLE silent OPTIONS (SET path '/fault/hang', ADD paging 'page');
ALTER FOREIGN TABLE silent ALTER COLUMN id OPTIONS (SET filter '='), ADD COLUMN more text OPTIONS (json '/x'), DROP COLUMN name;
ALTER FOREIGN TABLE silent ALTER COLUMN more TYPE int;
ALTER FOREIGN TABLE silent ADD CONSTRAINT positive CHECK (more > 0) NOT VALID, ALTER COLUMN more SET NOT NULL;
ALTER FOREIGN TABLE silent VALIDATE CONSTRAINT positive;
ALTER FOREIGN TABLE silent RENAME TO silent_2;
CREATE TABLE parent (id int, more int) PARTITION BY LIST (id);
ALTER TABLE parent ATTACH PARTITION silent_2 DEFAULT;
CREATE TABLE parent_1 PARTITION OF parent FOR VALUES IN (1);
ALTER TABLE parent DETACH PARTITION silent_2;
CREATE VIEW view_of_it AS SELECT count(*) FROM silent_2 WHERE id = 1;
CREATE MATERIALIZED VIEW kept AS SELECT * FROM silent_2 WITH NO DATA;
CREATE STATISTICS both_columns ON id, more FROM silent_2;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM trace.silent_2';
PREPARE later AS SELECT * FROM silent_2;
COMMENT ON FOREIGN TABLE silent_2 IS 'never asked';
SELECT path FROM asked;
-- An import does.
IMPORT FOREIGN SCHEMA openapi FROM SERVER trace_2 INTO trace;
SELECT path FROM asked ORDER BY path;

DROP OWNED BY trace_user;
DROP ROLE trace_user;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA trace CASCADE;
DROP SERVER trace CASCADE;
DROP SERVER trace_2 CASCADE;
