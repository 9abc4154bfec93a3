-- One service that fails and hangs, with a circuit breaker and without; another that is well.
CREATE SERVER bare FOREIGN DATA WRAPPER distquery OPTIONS (url :'dead', timeout '2s', breaker_failures '0');
CREATE SERVER spared FOREIGN DATA WRAPPER distquery OPTIONS (url :'dead', timeout '2s');
CREATE SERVER well FOREIGN DATA WRAPPER distquery OPTIONS (url :'well');
CREATE FOREIGN TABLE bare_down (id int) SERVER bare OPTIONS (path '/fault/status/503');
CREATE FOREIGN TABLE bare_hangs (id int) SERVER bare OPTIONS (path '/fault/hang');
CREATE FOREIGN TABLE spared_down (id int) SERVER spared OPTIONS (path '/fault/status/503');
CREATE FOREIGN TABLE spared_hangs (id int) SERVER spared OPTIONS (path '/fault/hang');
CREATE FOREIGN TABLE well (id int, name text) SERVER well OPTIONS (path '/fault/good?_delay=10');
CREATE TABLE bench.taken (way text, ms float8);

-- Asks a table again and again, whatever comes of it, and keeps how long each time took.
CREATE PROCEDURE bench.ask(way text, source text, seconds float8, nap float8) LANGUAGE plpgsql AS $$
DECLARE finish timestamptz := clock_timestamp() + make_interval(secs => seconds); start timestamptz; taken float8[] := '{}';
BEGIN
    WHILE clock_timestamp() < finish LOOP
        start := clock_timestamp();
        BEGIN
            EXECUTE format('SELECT count(*) FROM %I', source);
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
        taken := taken || extract(epoch FROM clock_timestamp() - start) * 1000;
        PERFORM pg_sleep(nap);
    END LOOP;
    INSERT INTO bench.taken SELECT way, unnest(taken);
END $$;
