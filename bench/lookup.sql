-- One line a way: its name, and the ms that so many statements took.  Connection and plans are there already.
PREPARE remote(bigint) AS SELECT * FROM items WHERE id = $1;
PREPARE here(bigint) AS SELECT * FROM local_items WHERE id = $1;
\o /dev/null
SELECT format('EXECUTE remote(%s)', n) FROM generate_series(1, 20) AS n \gexec
SELECT format('EXECUTE here(%s)', n) FROM generate_series(1, 20) AS n \gexec

SELECT clock_timestamp() AS at \gset
SELECT format('EXECUTE remote(%s)', n) FROM generate_series(1, :lookups) AS n \gexec
\o
SELECT 'prepared', round(extract(epoch FROM clock_timestamp() - :'at') * 1000, 1) \g (format=unaligned fieldsep=' ')

\o /dev/null
SELECT clock_timestamp() AS at \gset
SELECT format('EXECUTE here(%s)', n) FROM generate_series(1, :lookups) AS n \gexec
\o
SELECT 'local', round(extract(epoch FROM clock_timestamp() - :'at') * 1000, 1) \g (format=unaligned fieldsep=' ')

SELECT bench.look_up(20);
SELECT bench.own_cpu_ms() AS cpu, clock_timestamp() AS at \gset
SELECT bench.look_up(:lookups);
SELECT 'inside', round(extract(epoch FROM clock_timestamp() - :'at') * 1000, 1) \g (format=unaligned fieldsep=' ')
SELECT 'inside_cpu', round(bench.own_cpu_ms() - :cpu, 1) \g (format=unaligned fieldsep=' ')
