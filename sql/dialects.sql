--
-- The same conditions in the words of each dialect, and what its traps are.
--
\getenv url DQ_URL
CREATE SCHEMA dialects;
SET search_path = dialects, public;
SET timezone = 'UTC';

CREATE TYPE mood AS ENUM ('sad', 'it''s ok');
CREATE SERVER dialects FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        RETURN NEXT regexp_replace(line, 'http://127.0.0.1:\d+', 'http://service');
    END LOOP;
END $$;

-- what is asked for a condition, decoded
CREATE FUNCTION request(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer jsonb; piece text; out text := '';
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO answer;
    piece := jsonb_path_query_first(answer, 'strict $.**.Request') #>> '{}';
    FOR piece IN SELECT (regexp_matches(substring(piece FROM 'traps.*'), '%[0-9A-F]{2}|[^%]', 'g'))[1] LOOP
        out := out || CASE WHEN piece ~ '^%[2-7]' THEN chr(('x' || substr(piece, 2))::bit(8)::int) ELSE piece END;
    END LOOP;
    RETURN out;
END $$;

-- one table in each dialect, with everything that it can filter
CREATE FUNCTION declare(dialect text, operators text, options text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($f$
        CREATE FOREIGN TABLE %1$I (id bigint OPTIONS (key 'true', filter %2$L), name text OPTIONS (filter %3$L), n int OPTIONS (filter %2$L),
            price numeric OPTIONS (filter %2$L), ok boolean OPTIONS (filter '='), day date OPTIONS (filter %2$L), at timestamptz OPTIONS (filter %2$L),
            mood mood OPTIONS (filter '='))
        SERVER dialects OPTIONS (path '/data/%1$s/traps', dialect %1$L, %4$s)$f$,
        dialect, operators, operators || CASE WHEN dialect IN ('jsonapi', 'spring') THEN '' ELSE ' like' END, options);
END $$;
SELECT declare('jsonapi', '= in', $$rows '/data', paging 'page', page_size '5', total '/meta/total'$$);
SELECT declare('odata', '= <> < <= > >= in null', $$rows '/value', paging 'offset', page_size '5'$$);
SELECT declare('drf', '= < <= > >= in null', $$rows '/results', paging 'page', page_size '5'$$);
SELECT declare('spring', '= in', $$rows '/content', paging 'page', page_size '5'$$);
CREATE TABLE here AS SELECT * FROM odata;
SELECT count(*), count(name), count(DISTINCT mood) FROM here;

-- conditions, and what is asked for them; the number of rows that the dialect's table gives must be that of the local one
CREATE TABLE conditions (number int GENERATED ALWAYS AS IDENTITY, condition text);
INSERT INTO conditions (condition) VALUES ('n = 5'), ('n <> 5'), ('n < 7 AND n >= 0'), ('n IN (5, 7)'), ('n IS NULL'), ('n IS NOT NULL'),
    ('name = ''it''''s'''), ('name = ''a,b'''), ('name = '''''), ('name = '' lead'''), ('name = ''>5'''), ('name = ''say "hi"'''), ('name = ''日本語'''),
    ('name IN (''alpha'', ''it''''s'')'), ('name IN (''alpha'', ''a,b'', '''')'), ('name LIKE ''a%'''), ('name LIKE ''%\%\_x'''), ('name LIKE ''%'''),
    ('price > 2.5'), ('ok'), ('NOT ok'), ('day = ''2026-01-02'''), ('at >= ''2026-01-02 03:04:05.1234+00'''), ('mood = ''it''''s ok'''),
    ('n = 5 AND name = ''alpha'' AND ok');
CREATE FUNCTION rows_of(tbl text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text;
BEGIN
    EXECUTE format('SELECT coalesce(string_agg(id::text, '','' ORDER BY id), ''none'') FROM %I WHERE %s', tbl, condition) INTO answer;
    RETURN answer;
END $$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' -> '
SELECT condition, regexp_replace(request('SELECT * FROM odata WHERE ' || condition), '&[$]count=.*', '') FROM conditions ORDER BY number;
SELECT condition, replace(request('SELECT * FROM drf WHERE ' || condition), 'page=1&page_size=5', '') FROM conditions ORDER BY number;
SELECT condition, replace(request('SELECT * FROM jsonapi WHERE ' || condition), 'page[number]=1&page[size]=5', '') FROM conditions ORDER BY number;
SELECT condition, replace(request('SELECT * FROM spring WHERE ' || condition), 'page=0&size=5', '') FROM conditions ORDER BY number;
\pset format aligned
\pset tuples_only off
SELECT condition, dialect, rows_of(dialect, condition), rows_of('here', condition)
  FROM conditions, unnest('{odata,drf,jsonapi,spring}'::text[]) dialect
 WHERE rows_of(dialect, condition) <> rows_of('here', condition) ORDER BY number;
SELECT rows_of('here', condition) FROM conditions ORDER BY number;

-- trusted, but for what the dialect is known to widen, and texts that it might not be able to say
ALTER FOREIGN TABLE odata OPTIONS (ADD trust 'exact');
ALTER FOREIGN TABLE drf OPTIONS (ADD trust 'exact');
SELECT plan('SELECT id FROM odata WHERE n = 5 AND name <> ''x'' AND price > 1');
PREPARE by_name(text) AS SELECT id FROM drf WHERE name = $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_name('alpha');
EXECUTE by_name('');
EXECUTE by_name(' lead');
SELECT plan('EXECUTE by_name('''')');
DEALLOCATE by_name;
SELECT plan('SELECT id FROM drf WHERE name = ''alpha''');
SELECT plan('SELECT id FROM drf WHERE name IN (''alpha'', '''')');

-- required, but not to be said
ALTER FOREIGN TABLE drf ALTER COLUMN name OPTIONS (ADD required 'true');
SELECT id FROM drf WHERE name = ' lead';

-- order: keys in one parameter, or one for each
ALTER FOREIGN TABLE odata ALTER COLUMN n OPTIONS (ADD sort 'nulls_first');
ALTER FOREIGN TABLE odata ALTER COLUMN id OPTIONS (ADD sort 'nulls_first');
SELECT request('SELECT id FROM odata ORDER BY n DESC NULLS LAST, id NULLS FIRST');
SELECT id FROM odata ORDER BY n DESC NULLS LAST, id NULLS FIRST;
ALTER FOREIGN TABLE spring OPTIONS (ADD trust 'exact');
ALTER FOREIGN TABLE spring ALTER COLUMN n OPTIONS (ADD sort 'nulls_first');
ALTER FOREIGN TABLE spring ALTER COLUMN id OPTIONS (ADD sort 'nulls_first');
SELECT request('SELECT id FROM spring ORDER BY n NULLS FIRST, id DESC NULLS LAST');

-- a timestamp without zone has no literal
CREATE FOREIGN TABLE zoneless (id bigint, at timestamp OPTIONS (filter '=')) SERVER dialects OPTIONS (path '/data/odata/traps', rows '/value', dialect 'odata');
SELECT plan('SELECT id FROM zoneless WHERE at = ''2026-01-01''');

SET client_min_messages = warning;
DROP SCHEMA dialects CASCADE;
DROP SERVER dialects CASCADE;
