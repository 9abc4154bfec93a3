-- EXPLAIN tells the request, what is asked and what stays local; with ANALYZE, what it took.
\getenv url DQ_URL
CREATE SCHEMA explain;
SET search_path = explain, public;
CREATE SERVER explain FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE USER MAPPING FOR PUBLIC SERVER explain OPTIONS (auth 'api_key', api_key 'hushhush', api_key_in 'query:key');
CREATE FOREIGN TABLE products (id bigint OPTIONS (key 'true', filter '= in <='), title text, price numeric)
    SERVER explain OPTIONS (path '/data/plain/products?_lenient', paging 'page', page_size '500', spell_le '{name}_le={value}');
CREATE FOREIGN TABLE reset_log (ok text OPTIONS (json '')) SERVER explain OPTIONS (path '/_reset');
CREATE FOREIGN TABLE log (method text, path text) SERVER explain OPTIONS (path '/_log?path=/data');
CREATE FUNCTION plan(query text, options text DEFAULT 'COSTS OFF') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        line := regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
        line := regexp_replace(line, 'rows=(\d+)\.\d+', 'rows=\1');
        line := regexp_replace(line, '(First Byte|Fetch Time)(">|": |: |>)[\d.]+', '\1\2N', 'g');
        RETURN NEXT regexp_replace(line, '(Memory|Memory Usage|Buckets|Batches|Connections|Connections Opened|Bytes)(": |: )\d+', '\1\2N', 'g');
    END LOOP;
END $$;

-- nothing is asked by EXPLAIN itself
SELECT count(*) FROM reset_log;
SELECT plan('SELECT * FROM products p WHERE id <= 10 AND title LIKE ''A%''');
SELECT plan('SELECT * FROM products p WHERE id <= 10 AND title LIKE ''A%''', 'VERBOSE, COSTS OFF');
SELECT count(*) FROM log;

-- several questions
SET distquery.pushdown = on;
ALTER FOREIGN TABLE products OPTIONS (ADD max_batch '2');
SELECT plan('SELECT * FROM products WHERE id IN (1, 2, 3, 4, 5)');
SELECT plan('SELECT id FROM products WHERE id IN (1, 2, 3, 4, 5)', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF');

-- ANALYZE in all formats; both scans of the same request share one answer
SELECT plan('SELECT count(*) FROM products a JOIN products b USING (id)', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF');
SELECT regexp_matches(plan('SELECT id FROM products WHERE id = 7', 'ANALYZE, FORMAT YAML'), '(Request: [^\n]*).*(Rows Received: \d+)');
CREATE FUNCTION plan_json(query text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE answer jsonb;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, FORMAT JSON) ' || query INTO answer;
    RETURN answer -> 0 -> 'Plan';
END $$;
SELECT key, jsonb_typeof(value), CASE WHEN key IN ('Requests', 'Pages', 'Rows Received', 'Retries') THEN value END AS value
  FROM jsonb_each(plan_json('SELECT id FROM products WHERE id = 7'))
 WHERE key IN ('Request', 'Asked', 'Requests', 'Pages', 'Rows Received', 'Bytes Received', 'Retries', 'Connections Opened', 'First Byte', 'Fetch Time')
 ORDER BY key COLLATE "C";
SELECT plan('SELECT * FROM products WHERE id = 1', 'ANALYZE, COSTS OFF, VERBOSE, TIMING OFF, SUMMARY OFF, BUFFERS OFF, FORMAT XML') ~ 'hush' AS secret_shown;

-- a scan that never ran
SELECT plan('SELECT * FROM products WHERE id = 1 AND current_user = ''nobody at all''', 'ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF');

DROP SCHEMA explain CASCADE;
DROP SERVER explain CASCADE;
