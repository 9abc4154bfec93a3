-- Options are checked when they are set; errors name the option, the place and what would be valid.
\getenv url DQ_URL
CREATE SCHEMA options_test;
SET search_path = options_test, public;

-- unaligned: an option more is a line more
\pset format unaligned
SELECT name, context, type, "default" FROM distquery.options ORDER BY name COLLATE "C";
\pset format aligned
SELECT count(*) FROM distquery.options WHERE help = '' OR help IS NULL;

-- names and places
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (ur 'http://localhost');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', path '/x');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', nonsense_word 'x');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', ttl 'sometimes');
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
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', rate_limit '100');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', rate_limit '0/s');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', rate_limit '1/week');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', rate_limit '99999999999999999999/s');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', breaker_failures '-1');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', breaker_on '5xx 404');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', retry_budget 'all');
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

CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost?key=1');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', proxy 'http://user:secret@proxy:3128');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', timeout '3 fortnights');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', max_url '5');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', page_size 'ten');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', page_param '');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"X-A": "b"');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"X A": "b"}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', headers '{"X-A": "b\r\nX-B: c"}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_ge '{name}=ge');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_in '{name}=in');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_eq '?{name}={value}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_sort 'sort={orders}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_limit 'limit=5');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_fields '{values}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', spell_fields 'fields={names}');
CREATE SERVER bad FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', timout '2s');
SELECT srvname FROM pg_foreign_server WHERE srvname = 'bad';

CREATE SERVER good FOREIGN DATA WRAPPER distquery OPTIONS (
    url 'https://localhost:8443/api/', dialect 'PostgREST', timeout '1min', connect_timeout '0', retries '0',
    retry_backoff '1.5s', max_in_flight '100', max_response '3GB', max_url '64kB', not_found 'fail', prefetch 'off',
    idempotent 'no', strategy 'cache', ttl 'HTTP', ttl_empty '10s', stale_while_revalidate '1h', stale_if_error '1d', cache_rows 'on', cache_shared 'yes', cache_partition 'region', proxy 'http://proxy:3128', ca_file '/etc/ssl/ca.pem', headers '{}', page_size '50', page_param 'page[number]',
    first_page '0', next '/links/next', total 'header:X-Total-Count', last_page 'short', max_batch '1', max_pages '10',
    rate_limit '1000000/min', breaker_failures '0', breaker_cooldown '1h', breaker_on ' 429  5XX ', retry_budget '0', on_error 'Empty',
    spell_in '{name}[]={value}', spell_like '{name}~{regex}', spell_null '{name}=-', spell_sort 's={keys}&o={orders}', spell_limit 'top={value}', spell_fields 'f[x]={values}');
ALTER SERVER good OPTIONS (DROP url);
ALTER SERVER good OPTIONS (SET timeout 'never');
ALTER SERVER good OPTIONS (SET strategy 'copy');
ALTER SERVER good OPTIONS (SET timeout '90s', DROP proxy);
DROP SERVER good;

CREATE SERVER options_test FOREIGN DATA WRAPPER distquery
    OPTIONS (url :'url', timeout '2s', connect_timeout '500ms', max_response '64MB', headers '{"X-Tenant": "a b"}');

-- user mappings never quote what is secret
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (token 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer', token E'hu\nsh');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'basic', username 'u');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'api_key', api_key 'hush', api_key_in 'cookie:x');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'magic');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'basic', username 'a:b', password 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'basic', username 'u', password 'hush', token 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer', tokn 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'mtls', cert_file '/tmp/client.pem');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'mtls', cert_file 'client.pem', key_file '/tmp/client.key');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer', token 'hush', key_password 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token', client_id 'c');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'http://auth.example/token', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'http://127.0.0.1.example/token', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://c:hush@auth.example/token', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token#x', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token?a=b c', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url '/token', client_id 'c', client_secret 'hush');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token', client_id 'c', client_secret E'hu\nsh');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token', client_id 'c', client_secret 'hush', client_auth 'jwt');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'bearer', token 'hush', scope 'read');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', token_url 'https://auth.example/token?p=1', client_id 'c', client_secret 'hush', client_auth 'Post', scope 'read write', audience 'urn:x');
ALTER USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (SET token_url 'http://localhost:8080/token', DROP audience);
ALTER USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (SET token_url 'http://[::1]/token');
DROP USER MAPPING FOR PUBLIC SERVER options_test;
-- where the token endpoint is said twice, or not at all
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'oauth2', client_id 'c', client_secret 'hush');
CREATE FOREIGN TABLE no_endpoint (id int) SERVER options_test OPTIONS (path '/x');
SELECT * FROM no_endpoint;
ALTER SERVER options_test OPTIONS (ADD token_url 'http://localhost:1/token');
ALTER USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (ADD token_url 'http://localhost:2/token');
SELECT * FROM no_endpoint;
ALTER SERVER options_test OPTIONS (DROP token_url);
DROP FOREIGN TABLE no_endpoint;
DROP USER MAPPING FOR PUBLIC SERVER options_test;
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (url 'http://localhost');
CREATE USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (auth 'api_key', api_key 'hush');
ALTER USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (SET auth 'basic', DROP api_key, ADD username 'u', ADD password '');
ALTER USER MAPPING FOR PUBLIC SERVER options_test OPTIONS (DROP password);
DROP USER MAPPING FOR PUBLIC SERVER options_test;

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
CREATE FOREIGN TABLE t (id int OPTIONS (fliter '=')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (spell_sort 'sort={keys}')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (spell_eq 'id={values}')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int OPTIONS (param '')) SERVER options_test OPTIONS (path '/x');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path 'http://localhost/x');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x/{id');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x', lookup_path '/x/1');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x', rows '/a~b');
CREATE FOREIGN TABLE t (id int) SERVER options_test OPTIONS (path '/x', estimated_rows '0');

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
CREATE FOREIGN TABLE t6 (id int OPTIONS (from 'request')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t6;
CREATE FOREIGN TABLE t7 (id int OPTIONS (format 'epoch')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t7;
CREATE FOREIGN TABLE t8 (id int OPTIONS (format 'base64')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t8;
CREATE FOREIGN TABLE t9 (id int) SERVER options_test OPTIONS (path '/x', dialect 'postgrest', paging 'page');
SELECT * FROM t9;
CREATE FOREIGN TABLE t10 (id int) SERVER options_test OPTIONS (path '/x', dialect 'postgrest', paging 'cursor', next '/next');
SELECT * FROM t10;
CREATE FOREIGN TABLE t11 (id int OPTIONS (filter '= null')) SERVER options_test OPTIONS (path '/x');
SELECT * FROM t11;

-- servers of a cache
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'http://localhost');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'redis://user:password@localhost');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'rediss://localhost');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'redis://localhost:99999');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'redis://a,,b');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'redis://[::1]:6379,b:7/x');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_url 'memcached://a:1,b:2/3');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url 'http://localhost', cache_prefix 'two words');
CREATE SERVER cached FOREIGN DATA WRAPPER distquery
    OPTIONS (url 'http://localhost', strategy 'cache', cache_store 'redis', cache_prefix 'mine:');
CREATE FOREIGN TABLE cached_table (id int) SERVER cached OPTIONS (path '/x');
SELECT * FROM cached_table;
ALTER SERVER cached OPTIONS (ADD cache_url 'memcached://localhost,[::1]:11212');
SELECT * FROM cached_table;
DROP SERVER cached CASCADE;

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
