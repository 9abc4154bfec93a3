-- Tables of one service that answers after some time, live and out of the cache; and an empty local one.
CREATE SERVER cached FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', strategy 'cache', ttl '1h', max_in_flight '100', timeout '30s');
CREATE FOREIGN TABLE thousand (id int OPTIONS (key 'true'), sku text, title text, price numeric, in_stock int)
    SERVER cached OPTIONS (path '/data/plain/products?limit=1000&_delay=10', strategy 'live');
CREATE FOREIGN TABLE thousand_cached (id int OPTIONS (key 'true'), sku text, title text, price numeric, in_stock int)
    SERVER cached OPTIONS (path '/data/plain/products?limit=1000&_delay=10');
CREATE FOREIGN TABLE one_cached (id int OPTIONS (key 'true'), title text) SERVER cached OPTIONS (path '/data/plain/products', lookup_path '/data/plain/products/{id}');
CREATE FOREIGN TABLE cold (id int) SERVER cached OPTIONS (path '/data/plain/products?limit=20&_delay=200');
CREATE FOREIGN TABLE pieces (id int, tag text OPTIONS (from 'request', filter '=')) SERVER cached OPTIONS (path '/data/plain/products?limit=500&_lenient');
CREATE TABLE empty (id int, title text);
CREATE UNLOGGED TABLE bench.cold (pid int, start timestamptz, finish timestamptz);

-- Asks one cold question when the gate is opened, and keeps when: the session's own start does not count.
CREATE PROCEDURE bench.ask_cold() LANGUAGE plpgsql AS $$
DECLARE start timestamptz;
BEGIN
    PERFORM count(*) FROM one_cached WHERE id = 1;
    PERFORM pg_advisory_lock_shared(1);
    start := clock_timestamp();
    PERFORM count(*) FROM cold;
    INSERT INTO bench.cold VALUES (pg_backend_pid(), start, clock_timestamp());
END $$;
