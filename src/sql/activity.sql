/* What every backend fetches now. */

CREATE FUNCTION activity(
        OUT pid integer,
        OUT datid oid,
        OUT usesysid oid,
        OUT query_id bigint,
        OUT server_id oid,
        OUT relid oid,
        OUT fetch_start timestamptz,
        OUT state text,
        OUT state_change timestamptz,
        OUT questions integer,
        OUT in_flight integer,
        OUT waiting integer,
        OUT pages_done bigint,
        OUT pages_total bigint,
        OUT rows_done bigint,
        OUT rows_total bigint,
        OUT bytes_done bigint,
        OUT progress double precision,
        OUT scope text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_activity';
COMMENT ON FUNCTION activity() IS 'what backends fetch, for the view distquery.activity';

CREATE VIEW activity AS
    SELECT a.pid, d.datname, pg_catalog.pg_get_userbyid(a.usesysid) AS usename, a.query_id, s.srvname AS server,
           CASE WHEN d.datname = pg_catalog.current_database() THEN a.relid::pg_catalog.regclass END AS foreign_table,
           a.fetch_start, a.state, a.state_change, a.questions, a.in_flight, a.waiting,
           a.pages_done, a.pages_total, a.rows_done, a.rows_total, a.bytes_done, a.progress, a.scope
      FROM activity() a
      LEFT JOIN pg_catalog.pg_database d ON d.oid = a.datid
      LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = a.server_id AND d.datname = pg_catalog.current_database();
COMMENT ON VIEW activity IS 'the foreign tables that sessions are fetching now; of roles that one has, of all for members of pg_read_all_stats';
COMMENT ON COLUMN activity.pid IS 'process ID of the backend';
COMMENT ON COLUMN activity.datname IS 'its database';
COMMENT ON COLUMN activity.usename IS 'the current user when the fetch began';
COMMENT ON COLUMN activity.query_id IS 'identifier of the query, NULL where compute_query_id computes none';
COMMENT ON COLUMN activity.server IS 'name of the foreign server, NULL in another database';
COMMENT ON COLUMN activity.foreign_table IS 'the foreign table, NULL in another database';
COMMENT ON COLUMN activity.fetch_start IS 'since when it is fetched';
COMMENT ON COLUMN activity.state IS 'receiving, requesting, waiting for token (OAuth 2.0), waiting for slot (max_in_flight), waiting for rate limit, waiting for retry-after, backing off, waiting for cache, idle: the first of these that holds';
COMMENT ON COLUMN activity.state_change IS 'since when it is in that state';
COMMENT ON COLUMN activity.questions IS 'questions that are being answered; several where a list of keys is asked in parts';
COMMENT ON COLUMN activity.in_flight IS 'requests on the wire';
COMMENT ON COLUMN activity.waiting IS 'requests that wait until they may be sent';
COMMENT ON COLUMN activity.pages_done IS 'pages that have come';
COMMENT ON COLUMN activity.pages_total IS 'pages that there will be, NULL where the service tells no total';
COMMENT ON COLUMN activity.rows_done IS 'rows that have come';
COMMENT ON COLUMN activity.rows_total IS 'rows that there will be, NULL where the service tells no total';
COMMENT ON COLUMN activity.bytes_done IS 'bytes that have come, decompressed';
COMMENT ON COLUMN activity.progress IS 'share of the rows that have come, 0 to 1, NULL where the service tells no total';
COMMENT ON COLUMN activity.scope IS 'server: all sessions are shown; session: this one alone';
GRANT SELECT ON activity TO PUBLIC;
