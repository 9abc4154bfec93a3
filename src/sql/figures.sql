/* What earlier fetches have shown of the tables. */

CREATE FUNCTION table_figures(
        OUT foreign_table regclass,
        OUT rows bigint,
        OUT rows_per_page bigint,
        OUT bytes_per_row bigint,
        OUT bytes_per_answer bigint,
        OUT latency_ms double precision,
        OUT fetches bigint,
        OUT since timestamptz,
        OUT last_fetch timestamptz,
        OUT scope text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_table_figures';
COMMENT ON FUNCTION table_figures() IS 'learned figures, for the view distquery.table_figures';

CREATE VIEW table_figures AS
    SELECT f.foreign_table, f.rows, f.rows_per_page, f.bytes_per_row, f.bytes_per_answer, f.latency_ms,
           f.fetches, f.since, f.last_fetch, f.scope
      FROM table_figures() f
     ORDER BY f.foreign_table::pg_catalog.text COLLATE "C";
COMMENT ON VIEW table_figures IS 'what the planner has learned of foreign tables from earlier fetches';
COMMENT ON COLUMN table_figures.foreign_table IS 'the foreign table';
COMMENT ON COLUMN table_figures.rows IS 'rows of the whole collection, NULL where none was read and no total told';
COMMENT ON COLUMN table_figures.rows_per_page IS 'rows of a full page';
COMMENT ON COLUMN table_figures.bytes_per_row IS 'bytes of answers for each row, decompressed';
COMMENT ON COLUMN table_figures.bytes_per_answer IS 'bytes of an answer as received';
COMMENT ON COLUMN table_figures.latency_ms IS 'milliseconds from sending a request to the first byte of its answer';
COMMENT ON COLUMN table_figures.fetches IS 'fetches that this was learned from';
COMMENT ON COLUMN table_figures.since IS 'the first of them';
COMMENT ON COLUMN table_figures.last_fetch IS 'the latest of them';
COMMENT ON COLUMN table_figures.scope IS 'server: shared by all sessions; session: each has its own';
GRANT SELECT ON table_figures TO PUBLIC;

CREATE FUNCTION reset_figures(foreign_table regclass DEFAULT NULL) RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_reset_figures';
COMMENT ON FUNCTION reset_figures(regclass)
    IS 'forgets what was learned of a foreign table, of all of this database without argument; returns of how many';
REVOKE ALL ON FUNCTION reset_figures(regclass) FROM PUBLIC;
