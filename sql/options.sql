-- Options are checked when they are set; errors name the option, the place and what would be valid.
\getenv url DQ_URL
CREATE SCHEMA options_test;
SET search_path = options_test, public;

SELECT name, context, type, "default" FROM distquery.options ORDER BY name COLLATE "C";
SELECT count(*) FROM distquery.options WHERE help = '' OR help IS NULL;

-- names and places
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (ur 'http://localhost');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', path '/x');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', nonsense_word 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', ttl '5s');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery;
ALTER FOREIGN DATA WRAPPER distquery OPTIONS (ADD url 'http://localhost');

-- values
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'ftp://localhost');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://user:secret@localhost');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'localhost:80');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', timeout 'soon');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', timeout '-1s');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', retries '-1');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', max_in_flight '0');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', max_response '5 apples');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', dialect 'klingon');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', prefetch 'perhaps');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"X-A": 1}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"Authorization": "Bearer x"}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"Host": "x"}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '["x"]');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_ge '{nmae}={value}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_ge '{name={value}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', next 'no/slash');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', total 'header:bad name');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', ca_file 'relative.pem');

CREATE SERVER options_test FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'url', timeout '2s', connect_timeout '500ms', max_response '64MB', headers '{"X-Tenant": "a b"}');

-- user mappings never quote what is secret
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (token 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer', token E'hu\nsh');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'basic', username 'u');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'api_key', api_key 'hush', api_key_in 'cookie:x');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'magic');

-- superusers only: the server would read a file
CREATE ROLE distquery_plain;
GRANT USAGE ON FOREIGN DATA WRAPPER distquery TO distquery_plain;
SET ROLE distquery_plain;
CREATE SERVER theirs FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', ca_file '/etc/passwd');
SELECT count(*) > 50 FROM distquery.options;
RESET ROLE;

-- tables and columns
CREATE FOREIGN TABLE t (id int) SERVER options_test;
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x', max_in_flight '3');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x', paging 'scroll');
CREATE FOREIGN TABLE t (id int OPTIONS (filter '= ~')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (json 'id')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (pathh '/x')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (default_param 'novalue')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (sort 'up')) SERVER options_test OPTIONS (path '/x');

-- what does not fit together is said when the table is used
CREATE FOREIGN TABLE t1 (id int) SERVER options_test OPTIONS (path '/x/{nix}');
SELECT * FROM t1;
CREATE FOREIGN TABLE t2 (id int) SERVER options_test OPTIONS (path '/x', paging 'cursor');
SELECT * FROM t2;
CREATE FOREIGN TABLE t3 (id int OPTIONS (required 'true')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t3;
CREATE FOREIGN TABLE t4 (id int OPTIONS (filter '= >=')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t4;
CREATE FOREIGN TABLE t5 (id int) SERVER options_test OPTIONS (path '/x', lookup_path '/x/{nix}');
SELECT * FROM t5;

-- the nearest setting wins: column, table, server, dialect; ALTER takes effect at once
CREATE FUNCTION request(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Request:' THEN
            RETURN regexp_replace(line, '.*http://[^/]*', '');
        END IF;
    END LOOP;
END $$;
CREATE FOREIGN TABLE near (a int OPTIONS (filter '='), b int OPTIONS (filter '=', param 'bee', spell_eq 'b_is={value}&exact'))
    SERVER options_test OPTIONS (path '/x?fixed=1');
SELECT request('SELECT * FROM near WHERE a = 1 AND b = 2');
ALTER SERVER options_test OPTIONS (ADD spell_eq 's[{name}]={value}');
SELECT request('SELECT * FROM near WHERE a = 1 AND b = 2');
ALTER FOREIGN TABLE near OPTIONS (ADD spell_eq 't.{name}={value}');
SELECT request('SELECT * FROM near WHERE a = 1 AND b = 2');
ALTER FOREIGN TABLE near ALTER b OPTIONS (DROP spell_eq);
SELECT request('SELECT * FROM near WHERE a = 1 AND b = 2');
ALTER FOREIGN TABLE near ALTER a OPTIONS (ADD default_param 'a=all');
SELECT request('SELECT * FROM near WHERE b = 2');
SELECT request('SELECT * FROM near WHERE a = 1 AND b = 2');

DROP SCHEMA options_test CASCADE;
DROP SERVER options_test CASCADE;
REVOKE USAGE ON FOREIGN DATA WRAPPER distquery FROM distquery_plain;
DROP ROLE distquery_plain;
