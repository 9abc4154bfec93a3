/* Is a declaration right?  One small question a table. */

CREATE FUNCTION check_server(
        server name,
        OUT foreign_table regclass,
        OUT ok boolean,
        OUT message text,
        OUT detail text,
        OUT hint text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
AS $$
DECLARE
    passed_over record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                     JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
                    WHERE s.srvname = server AND w.fdwname = 'distquery') THEN
        RAISE undefined_object USING MESSAGE = pg_catalog.format('server "%s" of distquery does not exist', server);
    END IF;
    FOR foreign_table IN
        SELECT t.ftrelid
          FROM pg_catalog.pg_foreign_table t
          JOIN pg_catalog.pg_foreign_server s ON s.oid = t.ftserver
         WHERE s.srvname = server
         ORDER BY t.ftrelid::pg_catalog.regclass::pg_catalog.text COLLATE "C"
    LOOP
        message := NULL; detail := NULL; hint := NULL;
        BEGIN
            EXECUTE pg_catalog.format('SELECT * FROM %s LIMIT 1', foreign_table);
            GET DIAGNOSTICS message = ROW_COUNT;
            ok := true;
            message := CASE message WHEN '0' THEN 'answered without rows' ELSE 'answered, the first row fits' END;
            -- What on_error passes over is wrong all the same.
            FOR passed_over IN
                SELECT e.reason, e.detail FROM @extschema@.last_errors e
                 WHERE e.foreign_table = check_server.foreign_table LIMIT 1
            LOOP
                ok := false;
                message := passed_over.reason;
                detail := passed_over.detail;
            END LOOP;
        EXCEPTION
            WHEN fdw_dynamic_parameter_value_needed THEN
                -- The declaration may well be right: it takes a condition to know.
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
                ok := NULL;
            WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
                ok := false;
                detail := NULLIF(detail, '');
                hint := NULLIF(hint, '');
        END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION check_server(name)
    IS 'asks each foreign table of a server for one row, and tells which declarations work';
