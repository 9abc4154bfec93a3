/* Strategy cache. */

CREATE FUNCTION invalidate(source regclass, filter text DEFAULT NULL)
    RETURNS void
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_invalidate';
COMMENT ON FUNCTION invalidate(regclass, text) IS 'makes cached answers of a foreign table unfindable, all or those that may hold rows of a filter, at once and again at commit';

CREATE FUNCTION freshness(source regclass)
    RETURNS timestamptz
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_freshness';
COMMENT ON FUNCTION freshness(regclass) IS 'when the rows were asked for that this session read last of a foreign table, the oldest of them';

CREATE FUNCTION cache_stats(
        OUT source regclass,
        OUT store text,
        OUT hits bigint,
        OUT misses bigint,
        OUT stale bigint,
        OUT coalesced bigint,
        OUT stored bigint,
        OUT refused bigint,
        OUT evicted bigint,
        OUT entries bigint,
        OUT bytes bigint,
        OUT scope text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_cache_stats';
COMMENT ON FUNCTION cache_stats() IS 'what the cache did, for the view distquery.cache_stats';

CREATE VIEW cache_stats AS
    SELECT s.source, s.store, s.hits, s.misses, s.stale, s.coalesced, s.stored, s.refused, s.evicted, s.entries, s.bytes, s.scope
      FROM cache_stats() s;
COMMENT ON VIEW cache_stats IS 'what the cache did for each foreign table since the server started';
COMMENT ON COLUMN cache_stats.hits IS 'questions answered by an answer that was not older than ttl';
COMMENT ON COLUMN cache_stats.misses IS 'questions that were asked';
COMMENT ON COLUMN cache_stats.stale IS 'questions answered by an older answer, as options allow';
COMMENT ON COLUMN cache_stats.coalesced IS 'questions answered by what another session asked at the same time';
COMMENT ON COLUMN cache_stats.stored IS 'answers that were stored';
COMMENT ON COLUMN cache_stats.refused IS 'answers that were too large to be stored';
COMMENT ON COLUMN cache_stats.evicted IS 'answers that made room for others';
COMMENT ON COLUMN cache_stats.entries IS 'answers that are stored now, those that nobody can find any more included';
COMMENT ON COLUMN cache_stats.bytes IS 'their bytes';
COMMENT ON COLUMN cache_stats.scope IS 'server: shared by all sessions; session: each has its own';
GRANT SELECT ON cache_stats TO PUBLIC;
