-- By default estimates: nothing is learned, nothing declared.
SET distquery.learned_figures = off;
-- One join over five services, and the slowest of five queries over one service each; connections are open already.
SELECT count(*) FROM t1 JOIN t2 USING (id) JOIN t3 USING (id) JOIN t4 USING (id) JOIN t5 USING (id) \g /dev/null
SELECT round(bench.fastest_ms('SELECT count(*) FROM t1 JOIN t2 USING (id) JOIN t3 USING (id) JOIN t4 USING (id) JOIN t5 USING (id)', 5), 1)
       || ' ' ||
       round(max(bench.fastest_ms(format('SELECT count(*) FROM t%s', i), 3)), 1)
  FROM generate_series(1, 5) AS i;
