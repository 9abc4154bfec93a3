CREATE TYPE fuzz_mood AS ENUM ('sad', 'ok', 'happy');

CREATE DOMAIN fuzz_positive AS int CHECK (VALUE > 0);

CREATE TYPE fuzz_pair AS (x int, label text, nested int[]);

CREATE TABLE fuzz_row (
    a text, b text, i int, l bigint, s smallint, n numeric, deep text, f float8, t text, v varchar(5), c char(3), bo boolean,
    tz timestamptz, ts timestamp, da date, ti time, iv interval, u uuid, j json, jb jsonb, deeper jsonb, ta text[], ia int[], na numeric[], m fuzz_mood,
    p fuzz_positive, pr fuzz_pair, pa fuzz_pair[], ip inet, bi bit(4), mo money, xm xml, e timestamptz, em timestamp, by bytea, ed date);

CREATE FUNCTION fuzz_run(target text, arguments text) RETURNS void LANGUAGE C STRICT AS '@library@', 'fuzz_run';

