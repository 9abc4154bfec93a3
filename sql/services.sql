-- What is known of services: who may see it, who may reset it.
\getenv url DQ_URL
CREATE SCHEMA services;
SET search_path = services, public;
CREATE SERVER services_a FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '1', retry_backoff '1ms');
CREATE SERVER services_b FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0', breaker_failures '2', breaker_cooldown '1h');
CREATE FOREIGN TABLE a (id int, name text) SERVER services_a OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE a_flaky (id int, name text) SERVER services_a OPTIONS (path '/fault/flaky?key=services');
CREATE FOREIGN TABLE b (id int, name text) SERVER services_b OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE b_down (id int, name text) SERVER services_b OPTIONS (path '/fault/status/503');
\pset null <null>

SELECT server, breaker, failures_in_row, open_since, next_try, openings, in_flight, waiting, requests, retries, errors, refused, bytes, p50_ms, since
  FROM distquery.services WHERE server ~ '^services_' ORDER BY server;
SELECT count(*) FROM a;
SELECT count(*) FROM a_flaky;
SELECT server, breaker, requests, retries, errors, errors_5xx, refused, bytes > 0 AS bytes, p50_ms BETWEEN 0 AND p95_ms AS p50, p95_ms <= p99_ms AS p95,
       since <= now() AS since, scope IN ('server', 'session') AS scope
  FROM distquery.services WHERE server = 'services_a';

-- The breaker.
SET client_min_messages = warning;
\set VERBOSITY terse
SELECT * FROM b_down;
SELECT * FROM b_down;
SELECT * FROM b;
\set VERBOSITY default
SELECT server, breaker, failures_in_row, open_since <= now() AS open_since, next_try > now() + interval '50 min' AS next_try, openings, requests, errors, refused
  FROM distquery.services WHERE server ~ '^services_' ORDER BY server;

-- Rights: who has USAGE sees a server, pg_monitor sees all; the owner resets.
CREATE ROLE services_user;
CREATE ROLE services_owner;
CREATE ROLE services_monitor IN ROLE pg_monitor;
CREATE ROLE services_stats IN ROLE pg_read_all_stats;
GRANT USAGE ON FOREIGN SERVER services_a TO services_user;
GRANT USAGE ON FOREIGN DATA WRAPPER distquery TO services_owner;
ALTER SERVER services_b OWNER TO services_owner;
SET ROLE services_user;
SELECT server, requests FROM distquery.services WHERE server ~ '^services_' ORDER BY server;
SELECT * FROM distquery.service_state((SELECT oid FROM pg_foreign_server WHERE srvname = 'services_b')) AS s WHERE s.breaker IS NOT NULL;
SELECT distquery.reset_breaker('services_a');
SELECT distquery.reset_services('services_a');
SELECT distquery.reset_services();
SET ROLE services_monitor;
SELECT server, requests FROM distquery.services WHERE server ~ '^services_' ORDER BY server;
SELECT distquery.reset_breaker('services_a');
SET ROLE services_stats;
SELECT count(*) FROM distquery.services WHERE server ~ '^services_';
SET ROLE services_owner;
SELECT server, breaker FROM distquery.services WHERE server ~ '^services_' ORDER BY server;
SELECT distquery.reset_breaker('services_b');
SELECT server, breaker, failures_in_row, openings, requests FROM distquery.services WHERE server = 'services_b';
SELECT distquery.reset_services('services_b');
SELECT server, breaker, openings, requests, errors, p50_ms FROM distquery.services WHERE server = 'services_b';
RESET ROLE;
SELECT * FROM b ORDER BY id;
SELECT distquery.reset_breaker('services_none');
SELECT distquery.reset_services();
SELECT server, requests FROM distquery.services WHERE server ~ '^services_' ORDER BY server;
-- Never asked: nothing to close.
CREATE SERVER services_c FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
SELECT distquery.reset_breaker('services_c');

DROP SCHEMA services CASCADE;
DROP SERVER services_a, services_b, services_c CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER distquery FROM services_owner;
DROP ROLE services_user, services_owner, services_monitor, services_stats;
