-- The waterfall of a statement's requests: when it is shown, and of what. How bars look is test/t/077_waterfall.pl's.
\getenv url DQ_URL
CREATE SCHEMA waterfall;
SET search_path = waterfall, public;
\pset null <null>

-- Nothing was asked yet.
SELECT * FROM distquery.waterfall();
SELECT distquery.waterfall_svg();

CREATE SERVER waterfall FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retry_backoff '1ms');
CREATE FOREIGN TABLE good (id int, name text) SERVER waterfall OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE other (id int, name text) SERVER waterfall OPTIONS (path '/fault/good?other');
CREATE FOREIGN TABLE flaky (id int, name text) SERVER waterfall OPTIONS (path '/fault/flaky?key=waterfall');
CREATE FOREIGN TABLE down (id int, name text) SERVER waterfall OPTIONS (path '/fault/status/403');
CREATE FOREIGN TABLE orders (id int, status text OPTIONS (filter '=')) SERVER waterfall OPTIONS (path '/data/plain/orders', paging 'offset', page_size '500');
CREATE FOREIGN TABLE cached (id int, name text) SERVER waterfall OPTIONS (path '/fault/good?cached', strategy 'cache', ttl '1h');

-- Times and signs of bars go, what is left does not depend on them.
CREATE FUNCTION bars(max_bars int DEFAULT 40) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT regexp_replace(regexp_replace(regexp_replace(line, '\|[ .=#*-]+\|', '|...|'), '\d+\.\d', '0.0', 'g'), '[ +]+', ' ', 'g')
    FROM distquery.waterfall(60, max_bars) line $$;
CREATE FUNCTION plan(query text, options text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (%s) %s', options, query) LOOP
        line := regexp_replace(regexp_replace(line, ' \(actual.*', ''), '\|[ .=#-]+\|', '|...|');
        RETURN NEXT regexp_replace(regexp_replace(line, '\d+\.\d+', '0.0', 'g'), '([|+]) *', '\1 ', 'g');
    END LOOP;
END $$;

SELECT count(*) FROM good, other;
SELECT line FROM bars() line ORDER BY line COLLATE "C";
-- It is that of the latest statement that asked something.
SELECT count(*) FROM pg_class WHERE false;
SELECT count(*) FROM flaky;
SELECT line FROM bars() line ORDER BY line COLLATE "C";
\set VERBOSITY terse
SELECT * FROM down;
SELECT line FROM bars() line ORDER BY line COLLATE "C";
SELECT count(*) FROM orders;
SELECT line FROM bars(2) line WHERE line !~ '^orders';
SELECT count(*) FROM distquery.waterfall(max_bars => 1000) line WHERE line ~ '^orders +/data/plain/orders\?offset=\d+&limit=500 +\|[ .=#-]{60}\| +\d+\.\d \+ *\d+\.\d ms$';
SELECT count(*) FROM distquery.waterfall(10, 3) line WHERE line ~ '\|[ .=#-]{10}\|';
SET client_min_messages = warning;
SELECT count(*) FROM cached;
SELECT count(*) FROM cached;
RESET client_min_messages;
SELECT line FROM bars() line ORDER BY line COLLATE "C";
SELECT distquery.waterfall_svg() ~ '^<svg xmlns="http://www.w3.org/2000/svg".*<title>1 request in .*GET http://127\.0\.0\.1:\d+/fault/good\?cached.*</svg>\n$' AS svg;

-- In EXPLAIN: with ANALYZE, VERBOSE, times and the summary.
SELECT line FROM plan('SELECT * FROM good', 'ANALYZE, VERBOSE, COSTS OFF') line WHERE line ~ 'Waterfall|\|';
SELECT line FROM plan('SELECT * FROM good, other', 'ANALYZE, VERBOSE, COSTS OFF') line WHERE line ~ 'Foreign Scan|Waterfall|\|';
SELECT count(*) FROM plan('SELECT * FROM good', 'ANALYZE') line WHERE line ~ 'Waterfall|\|';
SELECT count(*) FROM plan('SELECT * FROM good', 'VERBOSE') line WHERE line ~ 'Waterfall|\|';
SELECT count(*) FROM plan('SELECT * FROM good', 'ANALYZE, VERBOSE, TIMING OFF') line WHERE line ~ 'Waterfall|\|';
SELECT count(*) FROM plan('SELECT * FROM good', 'ANALYZE, VERBOSE, SUMMARY OFF') line WHERE line ~ 'Waterfall|\|';
SELECT count(*) FROM plan('SELECT * FROM good WHERE false', 'ANALYZE, VERBOSE') line WHERE line ~ 'Waterfall|\|';
SELECT count(*) FILTER (WHERE line ~ '\|'), max(line) FILTER (WHERE line ~ 'more') FROM plan('SELECT count(*) FROM orders', 'ANALYZE, VERBOSE') line;
-- Two scans of one table have each its own.
SELECT line FROM plan('SELECT 1 FROM orders a, orders b WHERE a.status = ''open'' AND b.status = ''nothing'' LIMIT 1', 'ANALYZE, VERBOSE, COSTS OFF') line
 WHERE line ~ 'Foreign Scan|offset=0.*\|';

-- Arguments.
SELECT * FROM distquery.waterfall(9);
SELECT * FROM distquery.waterfall(max_bars => 0);
SELECT count(*) FROM distquery.waterfall(NULL);

SET client_min_messages = warning;
DROP SCHEMA waterfall CASCADE;
DROP SERVER waterfall CASCADE;
