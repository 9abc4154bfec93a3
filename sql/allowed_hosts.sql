-- Setting distquery.allowed_hosts: what it takes, who may set it, and what an error says.  Ports are masked.
\getenv url DQ_URL
CREATE SCHEMA allowed_hosts;
SET search_path = allowed_hosts, public;
CREATE SERVER allowed_hosts FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '2');
CREATE SERVER allowed_hosts_named FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://api.invalid:81');
CREATE SERVER allowed_hosts_cloud FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://169.254.169.254');
CREATE FOREIGN TABLE good (id int, name text) SERVER allowed_hosts OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE named (id int) SERVER allowed_hosts_named OPTIONS (path '/x');
CREATE FOREIGN TABLE cloud (id int) SERVER allowed_hosts_cloud OPTIONS (path '/latest/meta-data');

CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text; n bigint;
BEGIN
    EXECUTE query INTO n;
    RETURN n || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(format(E'%s: %s\nDETAIL: %s\nHINT: %s', state, message, detail, hint), ':\d{4,}|port \d{4,}|\d+ ms', '...', 'g');
END $$;
\pset format unaligned
\pset tuples_only on

-- Without it, everything but what no declaration means.
SHOW distquery.allowed_hosts;
SELECT failure('SELECT count(*) FROM good');
SELECT failure('SELECT count(*) FROM cloud');

-- Names, and blocks of addresses.
SET distquery.allowed_hosts = 'api.internal', '*.svc.internal:8443';
SHOW distquery.allowed_hosts;
SELECT failure('SELECT count(*) FROM good');
SELECT failure('SELECT count(*) FROM named');
SET distquery.allowed_hosts = '10.0.0.0/8, [fd00::/8]:443';
SELECT failure('SELECT count(*) FROM good');
SET distquery.allowed_hosts = '127.0.0.0/8';
SELECT failure('SELECT count(*) FROM good');
SELECT failure('SELECT count(*) FROM cloud');
SET distquery.allowed_hosts = '0.0.0.0/0, *';
SELECT failure('SELECT count(*) FROM cloud');
-- It is no outage.
ALTER SERVER allowed_hosts OPTIONS (ADD on_error 'empty');
SET distquery.allowed_hosts = '10.0.0.0/8';
SELECT failure('SELECT count(*) FROM good');
SELECT kind, raised FROM distquery.last_errors;
SELECT refused, errors_other > 0, breaker FROM distquery.services WHERE server = 'allowed_hosts';
RESET distquery.allowed_hosts;
SELECT failure('SELECT count(*) FROM good');

-- What is no list.
SET distquery.allowed_hosts = 'a,,b';
SET distquery.allowed_hosts = 'http://api.internal';
SET distquery.allowed_hosts = 'api.*';
SET distquery.allowed_hosts = '10.0.0.1/8';
SET distquery.allowed_hosts = '10.0.0.0/33';
SET distquery.allowed_hosts = '010.0.0.1';
SET distquery.allowed_hosts = 'fe80::1%lo';
SET distquery.allowed_hosts = 'api.internal:99999';
SHOW distquery.allowed_hosts;

-- Who may set it.
CREATE ROLE allowed_hosts_user;
SET ROLE allowed_hosts_user;
SET distquery.allowed_hosts = '';
SHOW distquery.allowed_hosts;
RESET ROLE;
\pset tuples_only off

SET client_min_messages = warning;
DROP SCHEMA allowed_hosts CASCADE;
DROP SERVER allowed_hosts;
DROP SERVER allowed_hosts_named;
DROP SERVER allowed_hosts_cloud;
DROP ROLE allowed_hosts_user;
