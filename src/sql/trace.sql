/* Where a session's statements come from: a trace, and the way that led to them. */

CREATE FUNCTION loop_id() RETURNS text
    LANGUAGE C STABLE PARALLEL SAFE
    AS 'MODULE_PATHNAME', 'distquery_loop_id';
COMMENT ON FUNCTION loop_id() IS 'what this database is called in header CDN-Loop';

CREATE FUNCTION adopt_headers(headers json) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    name text;
    value text;
BEGIN
    FOREACH name IN ARRAY ARRAY['traceparent', 'tracestate', 'cdn_loop']
    LOOP
        SELECT string_agg(h.value, ', ') INTO value
          FROM json_each_text(headers) h
         WHERE lower(h.key) = replace(name, '_', '-');
        BEGIN
            PERFORM set_config('distquery.' || name, coalesce(value, ''), true);
        EXCEPTION
            WHEN invalid_parameter_value THEN
                -- A trace that cannot be read ends here (W3C Trace Context, 3.2.2); who has passed a request on counts.
                IF name = 'cdn_loop' THEN
                    RAISE;
                END IF;
                PERFORM set_config('distquery.' || name, '', true);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION adopt_headers(json)
    IS 'sets distquery.traceparent, tracestate and cdn_loop for the transaction, from the headers of the HTTP request that it answers';
