-- "copy", CPU (with curl's) and elapsed ms, and rows, of filling a temporary table.
CREATE TEMP TABLE filled (id bigint, customer_id int, name text, amount numeric, created_at timestamptz, is_open boolean);
SELECT 'curl -sS ' || :'url' AS program, bench.cpu_ms() AS cpu, clock_timestamp() AS at \gset
COPY filled FROM PROGRAM :'program' WITH (FORMAT csv);
SELECT 'copy', round(bench.cpu_ms() - :cpu), round(extract(epoch FROM clock_timestamp() - :'at') * 1000), (SELECT count(*) FROM filled) \g (format=unaligned fieldsep=' ')
