-- One line a way: its name and the ms of the fastest of some runs.
SELECT 'live ' || round(bench.fastest_ms('SELECT count(id), max(title) FROM thousand', 10), 3);
SELECT 'hit ' || round(bench.fastest_ms('SELECT count(id), max(title) FROM thousand_cached', 50), 3);
SELECT 'one ' || round(bench.fastest_ms('SELECT title FROM one_cached WHERE id = 17', 200), 4);
SELECT 'empty ' || round(bench.fastest_ms('SELECT title FROM empty WHERE id = 17', 200), 4);
