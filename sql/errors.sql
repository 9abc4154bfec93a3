-- Every failure is a named error: SQLSTATE, message, detail, hint.  Ports and times are masked.
\getenv url DQ_URL
\getenv closed DQ_CLOSED_URL
CREATE SCHEMA errors;
SET search_path = errors, public;
CREATE SERVER errors FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '1', retry_backoff '1ms');
CREATE SERVER closed FOREIGN DATA WRAPPER distquery OPTIONS (url :'closed', retries '0');
CREATE FUNCTION failure(path text, options text DEFAULT '', server text DEFAULT 'errors') RETURNS text LANGUAGE plpgsql AS $$
DECLARE message text; detail text; hint text; context text; answer bigint;
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE f (id int, name text) SERVER %I OPTIONS (path %L%s)', server, path,
                   CASE WHEN options <> '' THEN ', ' || options ELSE '' END);
    EXECUTE 'SELECT count(id) FROM f' INTO answer;
    DROP FOREIGN TABLE f;
    RETURN answer || ' rows';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
        context = PG_EXCEPTION_CONTEXT;
    RETURN regexp_replace(regexp_replace(regexp_replace(
        concat_ws(E'\n', sqlstate || ': ' || message, 'DETAIL: ' || nullif(detail, ''), 'HINT: ' || nullif(hint, ''),
                  'CONTEXT: ' || substring(context from 'foreign table "f", row \d+ of GET \S+')),
        '127\.0\.0\.1(:| port )\d+', 'service', 'g'), '\d+ ms', 'N ms', 'g'), 'after N ms: [^\n]*', 'after N ms');
END $$;
\pset format unaligned
\pset tuples_only on

SELECT failure('/', server => 'closed');
SELECT failure('/fault/status/404');
SELECT failure('/fault/status/404', $$not_found 'empty'$$);
SELECT failure('/fault/status/401');
SELECT failure('/fault/status/500');
SELECT failure('/fault/redirect');
SELECT failure('/fault/flaky?key=errors&times=1&status=503');
SELECT failure('/fault/hang', $$timeout '50ms', retries '0'$$);
SELECT failure('/fault/html');
SELECT failure('/fault/empty');
SELECT failure('/fault/no-content');
SELECT failure('/fault/truncated');
SELECT failure('/fault/nan');
SELECT failure('/fault/surrogate');
SELECT failure('/fault/bad-utf8');
SELECT failure('/fault/trailing');
SELECT failure('/fault/bom');
SELECT failure('/fault/deep');
SELECT failure('/fault/not-rows');
SELECT failure('/fault/no-rows-member', $$rows '/items'$$);
SELECT failure('/fault/scalar-rows');
SELECT failure('/fault/bomb', $$max_response '1MB'$$);
SELECT failure('/fault/good', $$max_response '10'$$);
SELECT failure('/literal?type=application/json&body=%5B%7B%22id%22:1%7D,%7B%22id%22:%22two%22%7D%5D');
SELECT failure('/literal?type=application/json&body=%7B%22error%22:%22nope%22%7D', $$rows '/items'$$);
SELECT failure('/literal?type=application/json&body=null');

DROP SCHEMA errors CASCADE;
DROP SERVER errors CASCADE;
DROP SERVER closed CASCADE;
