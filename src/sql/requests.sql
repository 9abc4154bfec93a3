/* The latest requests. */

CREATE FUNCTION requests(
        OUT request_start timestamptz,
        OUT pid integer,
        OUT datid oid,
        OUT usesysid oid,
        OUT query_id bigint,
        OUT server_id oid,
        OUT relid oid,
        OUT method text,
        OUT url text,
        OUT status integer,
        OUT outcome text,
        OUT attempt integer,
        OUT cache text,
        OUT rows bigint,
        OUT bytes bigint,
        OUT wire_bytes bigint,
        OUT sent_bytes bigint,
        OUT reused boolean,
        OUT wait_ms double precision,
        OUT name_lookup_ms double precision,
        OUT connect_ms double precision,
        OUT tls_ms double precision,
        OUT first_byte_ms double precision,
        OUT total_ms double precision,
        OUT trace_id text,
        OUT span_id text,
        OUT scope text)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_requests';
COMMENT ON FUNCTION requests() IS 'the latest requests, for the view distquery.requests';

CREATE VIEW requests AS
    SELECT r.request_start, r.pid, d.datname, pg_catalog.pg_get_userbyid(r.usesysid) AS usename, r.query_id, s.srvname AS server,
           CASE WHEN d.datname = pg_catalog.current_database() THEN r.relid::pg_catalog.regclass END AS foreign_table,
           r.method, r.url, r.status, r.outcome, r.attempt, r.cache, r.rows, r.bytes, r.wire_bytes, r.sent_bytes, r.reused,
           r.wait_ms, r.name_lookup_ms, r.connect_ms, r.tls_ms, r.first_byte_ms, r.total_ms,
           r.trace_id, r.span_id, r.scope
      FROM requests() r
      LEFT JOIN pg_catalog.pg_database d ON d.oid = r.datid
      LEFT JOIN pg_catalog.pg_foreign_server s ON s.oid = r.server_id AND d.datname = pg_catalog.current_database();
COMMENT ON VIEW requests IS 'the latest requests of all sessions, or of this one (scope); of roles that one has, of all for members of pg_read_all_stats';
COMMENT ON COLUMN requests.request_start IS 'when the attempt was sent';
COMMENT ON COLUMN requests.pid IS 'process ID of the backend';
COMMENT ON COLUMN requests.datname IS 'its database';
COMMENT ON COLUMN requests.usename IS 'the current user when it was asked for';
COMMENT ON COLUMN requests.query_id IS 'identifier of the query, NULL where compute_query_id computes none';
COMMENT ON COLUMN requests.server IS 'name of the foreign server, NULL in another database';
COMMENT ON COLUMN requests.foreign_table IS 'the foreign table, NULL in another database, and where the request was for none';
COMMENT ON COLUMN requests.method IS 'GET or POST';
COMMENT ON COLUMN requests.url IS 'URL without secrets, cut after 508 bytes';
COMMENT ON COLUMN requests.status IS 'HTTP status, NULL where none came';
COMMENT ON COLUMN requests.outcome IS 'ok; how it failed: connect, timeout, cut_off, 5xx, 429, 4xx, other, content, budget; left: nobody needed the rest; cancelled; cached: no request';
COMMENT ON COLUMN requests.attempt IS 'from 1; 0 where the cache answered';
COMMENT ON COLUMN requests.cache IS 'off, hit, miss, stale, coalesced: what strategy cache had to do with it';
COMMENT ON COLUMN requests.rows IS 'rows found in the answer';
COMMENT ON COLUMN requests.bytes IS 'bytes of the answer, decompressed';
COMMENT ON COLUMN requests.wire_bytes IS 'bytes of the answer as received';
COMMENT ON COLUMN requests.sent_bytes IS 'bytes of the request';
COMMENT ON COLUMN requests.reused IS 'it went over a kept connection';
COMMENT ON COLUMN requests.wait_ms IS 'milliseconds before it was sent: for a slot, rate_limit or Retry-After; of cached answers for another session';
COMMENT ON COLUMN requests.name_lookup_ms IS 'milliseconds of looking up the name, NULL over a kept connection';
COMMENT ON COLUMN requests.connect_ms IS 'milliseconds of connecting';
COMMENT ON COLUMN requests.tls_ms IS 'milliseconds of the TLS handshake';
COMMENT ON COLUMN requests.first_byte_ms IS 'milliseconds from request_start to the first byte of the answer';
COMMENT ON COLUMN requests.total_ms IS 'milliseconds from request_start to the end';
COMMENT ON COLUMN requests.trace_id IS 'trace that the service was told (distquery.traceparent, distquery.trace), NULL: none';
COMMENT ON COLUMN requests.span_id IS 'the attempt in that trace';
COMMENT ON COLUMN requests.scope IS 'server: of all sessions; session: of this one alone';
GRANT SELECT ON requests TO PUBLIC;

CREATE FUNCTION reset_requests() RETURNS void
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_reset_requests';
COMMENT ON FUNCTION reset_requests() IS 'forgets the requests that distquery.requests shows';
REVOKE ALL ON FUNCTION reset_requests() FROM PUBLIC;
