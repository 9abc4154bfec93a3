--
-- OR and nested conditions: asked as a whole where the dialect can say them, else evaluated here.
--
\getenv url DQ_URL
CREATE SCHEMA logic;
SET search_path = logic, public;
SET timezone = 'UTC';
CREATE SERVER logic FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;
CREATE FOREIGN TABLE postgrest (id bigint OPTIONS (key 'true', filter '= in < <= > >= <>'), name text OPTIONS (filter '= <> in like null'),
    n int OPTIONS (filter '= <> < <= > >= in null'), price numeric OPTIONS (filter '> <'), ok boolean OPTIONS (filter '='), day date)
    SERVER logic OPTIONS (path '/data/postgrest/traps', dialect 'postgrest');
CREATE FOREIGN TABLE odata (id bigint OPTIONS (key 'true', filter '= in < <= > >= <>'), name text OPTIONS (filter '= <> in like null'),
    n int OPTIONS (filter '= <> < <= > >= in null'), price numeric OPTIONS (filter '> <'), ok boolean OPTIONS (filter '='), day date)
    SERVER logic OPTIONS (path '/data/odata/traps', dialect 'odata', rows '/value');
CREATE FOREIGN TABLE plain (id bigint OPTIONS (key 'true', filter '= in'), name text OPTIONS (filter '= in'), n int OPTIONS (filter '='))
    SERVER logic OPTIONS (path '/data/plain/traps');
CREATE TABLE here AS SELECT * FROM odata;

-- OR, AND within, lists, LIKE, NULL, booleans
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR (n > 6 AND name IS NULL) OR name LIKE ''a%'' OR NOT ok');
SELECT plan('SELECT id FROM odata WHERE n = 5 OR (n > 6 AND name IS NULL) OR name LIKE ''a%'' OR NOT ok');
SELECT plan('SELECT id FROM postgrest WHERE (n IN (5, 7) OR name IN (''a,b'', ''say "hi"'')) AND (ok OR price > 2.5)');
SELECT plan('SELECT id FROM odata WHERE (n IN (5, 7) OR name IN (''a,b'', ''it''''s'')) AND id < 9');

-- NOT goes down to the operators; NOT IN is an AND
SELECT plan('SELECT id FROM postgrest WHERE NOT (n = 5 OR name = ''alpha'') AND n NOT IN (6, 7)');
SELECT plan('SELECT id FROM odata WHERE NOT (n < 5 AND name = ''alpha'') AND n NOT IN (6, 7)');

-- one part that cannot be asked keeps the whole here, and says which
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR day = ''2026-01-02''');
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR name ILIKE ''x''');
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR n = id');
SELECT plan('SELECT id FROM odata WHERE n = 5 OR name NOT LIKE ''a%''');
SELECT plan('SELECT id FROM plain WHERE n = 5 OR name = ''alpha''');
SELECT plan('SELECT id FROM plain WHERE n NOT IN (5, 6)');

-- equalities of one column are a list in every dialect that has lists
PREPARE list(bigint) AS SELECT id FROM plain WHERE id = 3 OR id = $1 OR 7 = id;
SET plan_cache_mode = force_generic_plan;
SELECT plan('EXECUTE list(9)');
EXECUTE list(9);
EXECUTE list(NULL);
SELECT plan('SELECT id FROM plain WHERE n = 5 OR n = 6');

-- several conditions on one column
SELECT plan('SELECT id FROM postgrest WHERE n <> 5 AND n <> 6 AND n > 1 AND n >= 2');

-- values that are NULL, lists that are empty or hold NULL
CREATE TABLE conditions (number int GENERATED ALWAYS AS IDENTITY, condition text);
INSERT INTO conditions (condition) VALUES ('n = 5 OR (n > 6 AND name IS NULL) OR name LIKE ''a%'' OR NOT ok'),
    ('n = 5 OR name = NULL::text'), ('n = NULL::int OR (name = ''alpha'' AND n = NULL::int)'), ('n = ANY (''{}''::int[]) OR name = '''''),
    ('n <> ALL (''{}''::int[]) OR name = ''x'''), ('n NOT IN (5, NULL) OR id = 2'), ('n <> ALL (''{5,7}''::int[])'), ('NOT (n = 5 OR name = ''alpha'')'),
    ('id = 3000000000 OR n = 100'), ('n = 3000000000 OR n = 7'), ('name = ''it''''s'' OR name = ''say "hi"'' OR name = ''a,b'' OR name = ''100%_x'''),
    ('(n = 5 AND ok) OR (n = 5 AND NOT ok) OR (n IS NULL AND name <> ''a'')'), ('n <> 5 AND n <> 6 AND n > 1 AND n >= 2');
CREATE FUNCTION rows_of(tbl text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT coalesce(string_agg(id::text, '','' ORDER BY id), ''none'') FROM %I WHERE %s', tbl, condition) INTO answer;
    RETURN answer;
END $$;
SELECT condition, rows_of('here', condition), dialect, rows_of(dialect, condition)
  FROM conditions, unnest('{postgrest,odata}'::text[]) dialect WHERE rows_of(dialect, condition) <> rows_of('here', condition);
ALTER FOREIGN TABLE postgrest OPTIONS (ADD trust 'exact');
ALTER FOREIGN TABLE odata OPTIONS (ADD trust 'exact');
SELECT condition, rows_of('here', condition), dialect, rows_of(dialect, condition)
  FROM conditions, unnest('{postgrest,odata}'::text[]) dialect WHERE rows_of(dialect, condition) <> rows_of('here', condition);
SELECT rows_of('here', condition) FROM conditions ORDER BY number;
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR name = ''x''');
SELECT plan('SELECT id FROM odata WHERE n = 5 OR name <> ''x''');
SELECT plan('SELECT id FROM postgrest WHERE n = ANY (''{}''::int[]) OR name = NULL::text');

-- a value that cannot be sent: the OR stays here, or is refused where it would be trusted
CREATE FOREIGN TABLE moments (id bigint, at timestamptz OPTIONS (filter '= < >'), n int OPTIONS (filter '='))
    SERVER logic OPTIONS (path '/data/postgrest/traps', dialect 'postgrest');
SELECT plan('SELECT id FROM moments WHERE at > ''infinity'' OR n = 7');
SELECT plan('SELECT id FROM moments WHERE at < ''infinity'' AND (n = 7 OR (n = 5 AND at < ''infinity''))');
SELECT id FROM moments WHERE at < 'infinity' AND (n = 7 OR (n = 5 AND at < 'infinity')) ORDER BY id;
ALTER FOREIGN TABLE moments OPTIONS (ADD trust 'exact');
SELECT id FROM moments WHERE at > 'infinity' OR n = 7;
ALTER FOREIGN TABLE moments OPTIONS (DROP trust);

-- too long for a URL, for a batch, for a tree
ALTER FOREIGN TABLE moments OPTIONS (ADD max_url '150');
SELECT plan('SELECT id FROM moments WHERE n = 7 OR at = ''2026-01-01'' OR at = ''2026-01-02'' OR at = ''2026-01-03''');
ALTER FOREIGN TABLE postgrest OPTIONS (ADD max_batch '2', SET trust 'recheck');
SELECT plan('SELECT id FROM postgrest WHERE n IN (1, 2, 3) OR ok');
SELECT regexp_replace(plan(format('SELECT id FROM postgrest WHERE ok OR %s',
    (SELECT string_agg(format('(n > %s AND id = %s)', i, i), ' OR ') FROM generate_series(1, 40) i))), '.*: OR', 'OR') OFFSET 2;
SET distquery.pushdown = off;
SELECT plan('SELECT id FROM postgrest WHERE n = 5 OR ok');

SET client_min_messages = warning;
DROP SCHEMA logic CASCADE;
DROP SERVER logic CASCADE;
