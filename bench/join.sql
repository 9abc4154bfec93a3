-- Milliseconds of a lookup join of all wanted keys: the fastest of five, the connections open.
SET distquery.lookup_join = on;
SELECT count(*) AS n FROM wanted JOIN :table USING (id) \gset
SELECT CASE WHEN :n <> :keys THEN 1 / 0 END \g /dev/null
SELECT bench.own_cpu_ms() AS before \gset
SELECT bench.fastest_ms('SELECT count(name) FROM wanted JOIN ' || :'table' || ' USING (id)', 5) AS ms \gset
SELECT 'ours ' || round(:ms, 1);
SELECT 'ours_cpu ' || round((bench.own_cpu_ms() - :before) / 5, 1);
