-- "distquery", CPU and elapsed ms, and rows, of filling a temporary table.
SET client_min_messages = warning;
SELECT bench.cpu_ms() AS cpu, clock_timestamp() AS at \gset
CREATE TEMP TABLE filled AS SELECT * FROM :table;
SELECT 'distquery', round(bench.cpu_ms() - :cpu), round(extract(epoch FROM clock_timestamp() - :'at') * 1000), (SELECT count(*) FROM filled) \g (format=unaligned fieldsep=' ')
