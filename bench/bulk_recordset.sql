-- "recordset", CPU (with curl's) and elapsed ms, and rows, of what is done without a wrapper: the answer as one text, then jsonb_to_recordset.
CREATE TEMP TABLE answer (body text);
SELECT 'curl -sS ' || :'url' AS program, bench.cpu_ms() AS cpu, clock_timestamp() AS at \gset
COPY answer FROM PROGRAM :'program' WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02');
CREATE TEMP TABLE filled AS
    SELECT r.* FROM answer, jsonb_to_recordset(body::jsonb)
        AS r(id bigint, customer_id int, name text, amount numeric, created_at timestamptz, is_open boolean);
SELECT 'recordset', round(bench.cpu_ms() - :cpu), round(extract(epoch FROM clock_timestamp() - :'at') * 1000), (SELECT count(*) FROM filled) \g (format=unaligned fieldsep=' ')
