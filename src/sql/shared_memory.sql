/* Memory that backends share. */

CREATE FUNCTION shared_memory(
        OUT area text,
        OUT scope text,
        OUT bytes bigint,
        OUT entries integer,
        OUT max_entries integer,
        OUT evicted bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_shared_memory';
COMMENT ON FUNCTION shared_memory() IS 'areas of shared memory, for the view distquery.shared_memory';

CREATE VIEW shared_memory AS
    SELECT m.area, m.scope, m.bytes, m.entries, m.max_entries, m.evicted
      FROM shared_memory() m;
COMMENT ON VIEW shared_memory IS 'areas of shared memory, and how full they are';
COMMENT ON COLUMN shared_memory.area IS 'what the area holds; its lock has the same name in pg_stat_activity';
COMMENT ON COLUMN shared_memory.scope IS 'server: shared by all sessions; session: each has its own';
COMMENT ON COLUMN shared_memory.bytes IS 'size of the area';
COMMENT ON COLUMN shared_memory.entries IS 'entries in it, NULL where it is no table';
COMMENT ON COLUMN shared_memory.max_entries IS 'entries that it has room for';
COMMENT ON COLUMN shared_memory.evicted IS 'entries that made room for others since the server started';
GRANT SELECT ON shared_memory TO PUBLIC;
