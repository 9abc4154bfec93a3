-- JSON values become PostgreSQL's values.
\getenv url DQ_URL
CREATE SCHEMA types;
SET search_path = types, public;
SET timezone = 'Europe/Berlin';
SET datestyle = 'ISO, DMY';
SET bytea_output = hex;
CREATE SERVER types FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN present AS text NOT NULL;
CREATE TYPE place AS (city text, zip int, tags text[]);

-- one row whose value is this JSON text, as a column of this type
CREATE FUNCTION hex_escape(t text) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT string_agg('%' || lpad(to_hex(get_byte(b, i)), 2, '0'), '') FROM (SELECT convert_to(t, 'UTF8') AS b) s, generate_series(0, length(b) - 1) i $$;
CREATE FUNCTION decoded(written text, type text, options text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE r text; message text; detail text; context text;
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE v (v %s %s) SERVER types OPTIONS (path %L)', type,
                   CASE WHEN options <> '' THEN 'OPTIONS (' || options || ')' ELSE '' END,
                   '/literal?type=application/json&body=' || hex_escape('[{"v":' || written || '}]'));
    EXECUTE 'SELECT coalesce(v::text, ''<null>'') FROM v' INTO r;
    DROP FOREIGN TABLE v;
    RETURN r;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RETURN sqlstate || ': ' || message || CASE WHEN detail <> '' THEN ' | ' || regexp_replace(detail, 'http://\S*', 'URL') ELSE '' END;
END $$;

SELECT type, written, decoded(written, type)
  FROM (VALUES
    ('bool', 'true'), ('bool', 'false'), ('bool', '"yes"'), ('bool', 'null'),
    ('smallint', '-32768'), ('smallint', '32768'), ('int', '2147483647'), ('int', '2147483648'),
    ('bigint', '9223372036854775807'), ('bigint', '-9223372036854775808'), ('bigint', '9223372036854775808'),
    ('bigint', '"42"'), ('bigint', 'true'), ('bigint', '{"a": 1}'), ('bigint', '1.5'), ('bigint', '""'),
    ('real', '0.1'), ('float8', '0.1'), ('float8', '1e308'), ('float8', '1e400'), ('float8', '-0'),
    ('numeric', '12345678901234567890.123456789012345678901234567890'), ('numeric', '1e-20'), ('numeric', '1.50'),
    ('numeric(10,1)', '1.25'), ('numeric', '"1.5"'), ('numeric', 'NaN'), ('numeric', '01'),
    ('text', '"a\u00e9\n\ud83d\ude00\"\\\/"'), ('text', '1.50'), ('text', 'true'), ('text', '{"b" : [1, 2.50]}'), ('text', '""'), ('text', '"\u0000"'),
    ('text', '"\ud83d"'), ('varchar(3)', '"abc"'), ('varchar(3)', '"abcd"'), ('char(5)', '"ab"'), ('name', '"n"'),
    ('uuid', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"'), ('uuid', '"nope"'),
    ('bytea', '"\\x00ff"'), ('date', '"2026-02-28"'), ('date', '"2026-02-30"'), ('time', '"12:34:56.789"'),
    ('timestamp', '"2026-01-02T03:04:05.678901"'), ('timestamptz', '"2026-01-02T03:04:05.678901Z"'),
    ('timestamptz', '"2026-07-02T03:04:05+05:30"'), ('timestamptz', '"2026-01-02 03:04:05"'), ('interval', '"P1DT2H"'), ('inet', '"10.0.0.1/8"'),
    ('json', '{"b" : 1.50, "b": "x"}'), ('jsonb', '{"b" : 1.50, "b": "x"}'), ('jsonb', '"text"'), ('jsonb', 'null'), ('jsonb', '12345678901234567890123'),
    ('int[]', '[1, 2, null]'), ('int[]', '[]'), ('int[]', '[[1,2],[3,4]]'), ('int[]', '[[1],[2,3]]'), ('int[]', '"{1,2}"'), ('int[]', '5'),
    ('text[]', '["a,b", "\"", null, "NULL", ""]'), ('numeric[]', '[1.50, 12345678901234567890.5]'), ('jsonb[]', '[{"a":1}, 2]'),
    ('mood', '"happy"'), ('mood', '"angry"'), ('positive', '5'), ('positive', '-5'), ('positive', 'null'), ('present', 'null'), ('present', '"x"'),
    ('place', '{"zip": 12345, "city": "K\u00f6ln", "tags": ["a", "b"], "more": 1}'), ('place', '{}'), ('place', '"(Rom,1,{})"'), ('place', '[1]'),
    ('int4range', '"[1,5)"'), ('point', '"(1,2)"')
  ) AS t(type, written);

-- where the value stands
SELECT decoded('{"a": {"b/c": [10, {"~": 7}]}}', 'int', $$json '/v/a/b~1c/1/~0'$$) AS deep,
       decoded('{"a": null}', 'int', $$json '/v/a/b'$$) AS through_null,
       decoded('{"a": 1}', 'int', $$json '/v/a/b'$$) AS through_number,
       decoded('1', 'jsonb', $$json ''$$) AS whole,
       decoded('1', 'int', $$json '/w'$$) AS missing;

-- formats
SELECT decoded('1767323045.678901', 'timestamptz', $$format 'epoch'$$) AS epoch,
       decoded('1767323045678', 'timestamptz', $$format 'epoch_ms'$$) AS epoch_ms,
       decoded('-1', 'timestamp', $$format 'epoch'$$) AS before_1970,
       decoded('"1767323045"', 'date', $$format 'epoch'$$) AS date,
       decoded('"AP9h"', 'bytea', $$format 'base64'$$) AS base64,
       decoded('"_-8"', 'bytea', $$format 'base64'$$) AS base64url,
       decoded('"x"', 'timestamptz', $$format 'epoch'$$) AS bad;

-- elements that are no objects
CREATE FOREIGN TABLE scalars (v int OPTIONS (json '')) SERVER types OPTIONS (path '/literal?type=application/json&body=%5B1,2,3%5D');
SELECT * FROM scalars;
CREATE FOREIGN TABLE no_objects (v int) SERVER types OPTIONS (path '/literal?type=application/json&body=%5B1,2,3%5D');
\set VERBOSITY terse
SELECT * FROM no_objects;
\set VERBOSITY default

-- only what is needed is decoded
CREATE FOREIGN TABLE partly (good int, bad int) SERVER types
    OPTIONS (path '/literal?type=application/json&body=%5B%7B%22good%22:1,%22bad%22:%22x%22%7D%5D');
SELECT good FROM partly;
SELECT count(*) FROM partly;

DROP SCHEMA types CASCADE;
DROP SERVER types CASCADE;
