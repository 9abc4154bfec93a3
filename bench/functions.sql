-- What bench/run measures with.
CREATE EXTENSION distquery;
CREATE SCHEMA bench;

-- Processor time of this backend and of the programs that it has started and waited for, in ms.
CREATE FUNCTION bench.cpu_ms() RETURNS numeric LANGUAGE sql AS $$
    SELECT 10 * sum(t::numeric) FROM regexp_split_to_table(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' ') WITH ORDINALITY AS s(t, n)
     WHERE n BETWEEN 12 AND 15
$$;

-- Processor time of this backend alone, more precisely than in ticks, in ms.
CREATE FUNCTION bench.own_cpu_ms() RETURNS numeric LANGUAGE sql AS $$
    SELECT split_part(pg_read_file('/proc/self/schedstat'), ' ', 1)::numeric / 1e6
$$;

-- Time for this statement to be run so many times, in ms: the fastest.
CREATE FUNCTION bench.fastest_ms(query text, times int) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE start timestamptz; taken numeric; best numeric := 1e9;
BEGIN
    FOR i IN 1 .. times LOOP
        start := clock_timestamp();
        EXECUTE query;
        taken := extract(epoch FROM clock_timestamp() - start) * 1000;
        best := least(best, taken);
    END LOOP;
    RETURN best;
END $$;
