-- Every way of paging brings every row once, whatever page size the service makes of it.
\set VERBOSITY terse
\getenv url DQ_URL
\getenv closed DQ_CLOSED_URL
CREATE SCHEMA paging;
SET search_path = paging, public;
CREATE SERVER paging FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER paging OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (method text, path text, query text, status int) SERVER paging OPTIONS (path '/_log?path=/data');

-- declares products with these table options, and compares them with the products there are
CREATE FUNCTION check_paging(options text, columns text DEFAULT 'id int') RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; requests bigint;
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE p (%s) SERVER paging OPTIONS (%s)', columns, options);
    PERFORM * FROM reset_log;
    SELECT format('%s rows, %s distinct, sum %s', count(*), count(DISTINCT id), sum(id)) INTO answer FROM p;
    SELECT count(*) INTO requests FROM log;
    DROP FOREIGN TABLE p;
    RETURN answer || ', ' || requests || ' requests';
END $$;

-- page
SELECT check_paging($$path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '300', last_page 'short'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '300', total '/total'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_cap=77', rows '/items', paging 'page', page_size '300', total '/total'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_first=0', rows '/items', paging 'page', page_size '300', first_page '0'$$);
SELECT check_paging($$path '/data/jsonserver/products', dialect 'jsonserver', paging 'page', page_size '700', total 'header:X-Total-Count'$$);
-- offset; the service cuts pages silently
SELECT check_paging($$path '/data/plain/products?_envelope=items', rows '/items', paging 'offset', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_cap=77', rows '/items', paging 'offset', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_cap=77', rows '/items', paging 'offset', page_size '300', total '/total'$$);
SELECT check_paging($$path '/data/postgrest/products', dialect 'postgrest', paging 'offset', page_size '999'$$);
-- the cursor stands in the last row
SELECT check_paging($$path '/data/plain/products', paging 'cursor', next_row '/id', cursor_param 'starting_after', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_cap=77', rows '/items', paging 'cursor', next_row '/id', cursor_param 'starting_after', has_next '/more', page_size '300'$$);
-- cursor, link, next; the fields before and after the rows
SELECT check_paging($$path '/data/plain/products?_envelope=items&_paging=cursor', rows '/items', paging 'cursor', next '/next', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=first&_paging=cursor', rows '/items', paging 'cursor', next '/next', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_paging=link', rows '/items', paging 'link', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_paging=next', rows '/items', paging 'next', next '/next', page_size '300'$$);
SELECT check_paging($$path '/data/plain/products?_envelope=items&_paging=next-relative', rows '/items', paging 'next', next '/next', page_size '300'$$);

-- LIMIT stops asking
CREATE FOREIGN TABLE limited (id int) SERVER paging OPTIONS (path '/data/plain/products?_envelope=items', rows '/items', paging 'page', page_size '100');
SELECT * FROM reset_log;
SELECT id FROM limited LIMIT 3;
SELECT regexp_replace(query, '_envelope=items&', '') AS query FROM log;
SELECT * FROM reset_log;
SELECT count(*) FROM (SELECT id FROM limited WHERE id % 2 = 0 LIMIT 60) s;
SELECT regexp_replace(query, '_envelope=items&', '') AS query FROM log;
BEGIN;
SELECT * FROM reset_log;
DECLARE c CURSOR FOR SELECT id FROM limited;
FETCH 2 FROM c;
SELECT count(*) FROM log;
MOVE 100 IN c;
SELECT count(*) FROM log;
CLOSE c;
COMMIT;

-- what a service must not do
CREATE FUNCTION misbehaves(options text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE m (id int) SERVER paging OPTIONS (%s)', options);
    PERFORM count(*) FROM m;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ': ' || regexp_replace(sqlerrm, '127.0.0.1:\d+', 'service', 'g');
END $$;
SELECT misbehaves($$path '/fault/endless-pages', paging 'page', max_pages '20'$$);
SELECT misbehaves($$path '/fault/same-page', paging 'page'$$);
SELECT misbehaves($$path '/data/plain/products', paging 'cursor', next_row '/nothing', cursor_param 'starting_after', page_size '500'$$);
SELECT misbehaves($$path '/fault/same-cursor', rows '/items', paging 'cursor', next '/next'$$);
SELECT misbehaves($$path '/fault/cursor-cycle', rows '/items', paging 'cursor', next '/next'$$);
SELECT misbehaves($$path '/fault/next-self', rows '/items', paging 'next', next '/next'$$);
SELECT misbehaves($$path '/fault/next-other', rows '/items', paging 'next', next '/next'$$);
SELECT misbehaves($$path '/fault/next-bad', rows '/items', paging 'next', next '/next'$$);
SELECT misbehaves($$path '/data/plain/products?_envelope=items&_total_add=5', rows '/items', paging 'page', total '/total', page_size '500'$$);

DROP SCHEMA paging CASCADE;
DROP SERVER paging CASCADE;
