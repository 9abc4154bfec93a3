/* Queries that run on their own. */

CREATE TABLE async_query (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    query text NOT NULL,
    session_role oid NOT NULL,
    owner oid NOT NULL,
    settings text[] NOT NULL,
    unlogged boolean NOT NULL,
    lifetime interval NOT NULL,
    max_attempts integer NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    submitted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    expires_at timestamptz,
    pid integer,
    rows bigint,
    result oid,
    error_code text,
    error_message text,
    error_detail text,
    error_hint text,
    error_context text
);
CREATE INDEX async_query_unfinished ON async_query (seq) WHERE state IN ('queued', 'running');
CREATE INDEX async_query_expires_at ON async_query (expires_at);
COMMENT ON TABLE async_query IS 'submitted queries; not to be written by hand, see the view distquery.queries';

CREATE FUNCTION submit(
        sql text,
        expires_in interval DEFAULT '1 day',
        unlogged boolean DEFAULT false,
        attempts integer DEFAULT 1)
    RETURNS uuid
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_submit';
COMMENT ON FUNCTION submit(text, interval, boolean, integer)
    IS 'queues a query to be run by a background worker once the transaction has committed';

CREATE FUNCTION status(id uuid) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_status';
COMMENT ON FUNCTION status(uuid)
    IS 'how far a submitted query is: queued, running, done, failed or cancelled';

CREATE FUNCTION result(id uuid, after bigint DEFAULT NULL, "limit" integer DEFAULT 100) RETURNS SETOF jsonb
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_result';
COMMENT ON FUNCTION result(uuid, bigint, integer)
    IS 'rows of a finished query in its order, an object each, from the one behind number "after" on';

CREATE FUNCTION result_table(id uuid) RETURNS regclass
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_result_table';
COMMENT ON FUNCTION result_table(uuid) IS 'the table that holds the rows of a finished query';

CREATE FUNCTION cancel(id uuid) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_cancel';
COMMENT ON FUNCTION cancel(uuid) IS 'cancels a query that is queued or running; false when it has ended';

CREATE FUNCTION discard(id uuid) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_discard';
COMMENT ON FUNCTION discard(uuid)
    IS 'removes a query that has ended, with its result, before it expires; false when it has not ended';

CREATE VIEW queries WITH (security_barrier) AS
    SELECT q.id, pg_get_userbyid(q.owner) AS owner, q.state, q.query,
           CASE q.state WHEN 'running' THEN p.param3 ELSE q.rows END AS rows,
           q.submitted_at, q.started_at, q.finished_at, q.expires_at,
           q.attempts, q.max_attempts, q.pid, q.result::regclass AS result_table,
           q.error_code, q.error_message, q.error_detail, q.error_hint, q.error_context
      FROM async_query q
      LEFT JOIN pg_stat_get_progress_info('COPY') p ON p.pid = q.pid AND q.state = 'running'
     WHERE (q.expires_at > clock_timestamp()) IS NOT FALSE
       AND (pg_has_role(q.owner, 'USAGE') OR pg_has_role('pg_read_all_stats', 'USAGE'));
COMMENT ON VIEW queries IS 'submitted queries of the roles that one has; all of them with the rights of pg_read_all_stats';
COMMENT ON COLUMN queries.id IS 'what submit() returned';
COMMENT ON COLUMN queries.owner IS 'role that submitted it, and that it runs as';
COMMENT ON COLUMN queries.state IS 'queued, running, done, failed or cancelled';
COMMENT ON COLUMN queries.query IS 'its text';
COMMENT ON COLUMN queries.rows IS 'rows of the result, so far while it runs';
COMMENT ON COLUMN queries.submitted_at IS 'when submit() was called';
COMMENT ON COLUMN queries.started_at IS 'when its last attempt began';
COMMENT ON COLUMN queries.finished_at IS 'when it ended, in whatever way';
COMMENT ON COLUMN queries.expires_at IS 'when it is removed, with its result';
COMMENT ON COLUMN queries.attempts IS 'how many times it was begun';
COMMENT ON COLUMN queries.max_attempts IS 'how many times it may be begun, should its worker end before it';
COMMENT ON COLUMN queries.pid IS 'process ID of its worker';
COMMENT ON COLUMN queries.result_table IS 'table of its rows';
COMMENT ON COLUMN queries.error_code IS 'SQLSTATE of the failure';
COMMENT ON COLUMN queries.error_message IS 'message of the failure';
COMMENT ON COLUMN queries.error_detail IS 'detail of the failure';
COMMENT ON COLUMN queries.error_hint IS 'hint of the failure';
COMMENT ON COLUMN queries.error_context IS 'context of the failure';
GRANT SELECT ON queries TO PUBLIC;

CREATE FUNCTION before_drop() RETURNS event_trigger
    LANGUAGE C
    AS 'MODULE_PATHNAME', 'distquery_before_drop';
COMMENT ON FUNCTION before_drop() IS 'takes workers and results out of the way of what is dropped';
CREATE EVENT TRIGGER distquery_before_drop ON ddl_command_start
    WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION before_drop();
COMMENT ON EVENT TRIGGER distquery_before_drop IS 'takes workers and results out of the way of what is dropped';
