/* What is known of services, and what could not be had of them. */

CREATE FUNCTION service_state(
        server_id oid,
        OUT breaker text,
        OUT failures_in_row integer,
        OUT open_since timestamptz,
        OUT next_try timestamptz,
        OUT openings bigint,
        OUT in_flight integer,
        OUT waiting integer,
        OUT requests bigint,
        OUT retries bigint,
        OUT errors bigint,
        OUT errors_connect bigint,
        OUT errors_timeout bigint,
        OUT errors_cut_off bigint,
        OUT errors_5xx bigint,
        OUT errors_429 bigint,
        OUT errors_4xx bigint,
        OUT errors_other bigint,
        OUT errors_content bigint,
        OUT refused bigint,
        OUT bytes bigint,
        OUT answers bigint,
        OUT answer_ms double precision,
        OUT p50_ms double precision,
        OUT p95_ms double precision,
        OUT p99_ms double precision,
        OUT since timestamptz,
        OUT scope text)
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_service_state';
COMMENT ON FUNCTION service_state(oid) IS 'what is known of a foreign server, for the view distquery.services';

CREATE VIEW services AS
    SELECT s.srvname AS server, f.breaker, f.failures_in_row, f.open_since, f.next_try, f.openings, f.in_flight, f.waiting,
           f.requests, f.retries, f.errors, f.errors_connect, f.errors_timeout, f.errors_cut_off, f.errors_5xx, f.errors_429,
           f.errors_4xx, f.errors_other, f.errors_content, f.refused, f.bytes, f.answers, f.answer_ms, f.p50_ms, f.p95_ms, f.p99_ms, f.since, f.scope
      FROM pg_catalog.pg_foreign_server s
      JOIN pg_catalog.pg_foreign_data_wrapper w ON w.oid = s.srvfdw
      JOIN LATERAL service_state(s.oid) f ON f.breaker IS NOT NULL
     WHERE w.fdwhandler = 'distquery_handler'::regproc;
COMMENT ON VIEW services IS 'services: circuit breaker, requests under way, and figures';
COMMENT ON COLUMN services.server IS 'name of the foreign server';
COMMENT ON COLUMN services.breaker IS 'its circuit breaker: closed, open, half-open';
COMMENT ON COLUMN services.failures_in_row IS 'failures that count, in a row, until now';
COMMENT ON COLUMN services.open_since IS 'when the breaker opened, NULL while it is closed';
COMMENT ON COLUMN services.next_try IS 'until then no request is sent, NULL: at once';
COMMENT ON COLUMN services.openings IS 'how often the breaker has opened';
COMMENT ON COLUMN services.in_flight IS 'requests under way';
COMMENT ON COLUMN services.waiting IS 'requests that wait for max_in_flight, rate_limit or Retry-After';
COMMENT ON COLUMN services.requests IS 'requests sent, further attempts included';
COMMENT ON COLUMN services.retries IS 'further attempts after a failure';
COMMENT ON COLUMN services.errors IS 'failures of requests that were sent, of all kinds';
COMMENT ON COLUMN services.errors_connect IS 'no connection came about';
COMMENT ON COLUMN services.errors_timeout IS 'no whole answer within timeout';
COMMENT ON COLUMN services.errors_cut_off IS 'the connection broke, or was closed too early';
COMMENT ON COLUMN services.errors_5xx IS 'status 500 to 599';
COMMENT ON COLUMN services.errors_429 IS 'status 429';
COMMENT ON COLUMN services.errors_4xx IS 'other statuses 400 to 499';
COMMENT ON COLUMN services.errors_other IS 'other failures, also for lack of our own memory or descriptors';
COMMENT ON COLUMN services.errors_content IS 'whole answers that were not what was declared';
COMMENT ON COLUMN services.refused IS 'requests that were not sent, because the breaker was open or the service did not want to be asked';
COMMENT ON COLUMN services.bytes IS 'bytes received, compressed where they were';
COMMENT ON COLUMN services.answers IS 'requests that were answered, with any status';
COMMENT ON COLUMN services.answer_ms IS 'milliseconds that they took in all, from sending to the last byte';
COMMENT ON COLUMN services.p50_ms IS 'time of half of the answered requests, at most; a few per cent rough';
COMMENT ON COLUMN services.p95_ms IS 'time of 95 of 100';
COMMENT ON COLUMN services.p99_ms IS 'time of 99 of 100';
COMMENT ON COLUMN services.since IS 'since when all of this is counted';
COMMENT ON COLUMN services.scope IS 'server: of all sessions; session: of this one alone';
GRANT SELECT ON services TO PUBLIC;

CREATE FUNCTION reset_breaker(server name) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_reset_breaker';
COMMENT ON FUNCTION reset_breaker(name) IS 'closes the circuit breaker of a server; false when the server was never asked';

CREATE FUNCTION reset_services(server name DEFAULT NULL) RETURNS void
    LANGUAGE C VOLATILE PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_reset_services';
COMMENT ON FUNCTION reset_services(name) IS 'begins the figures of a server anew, or those of all';

CREATE FUNCTION last_errors(
        OUT at timestamptz,
        OUT statement text,
        OUT foreign_table regclass,
        OUT server name,
        OUT kind text,
        OUT reason text,
        OUT detail text,
        OUT missing text,
        OUT raised boolean)
    RETURNS SETOF record
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_last_errors';
COMMENT ON FUNCTION last_errors() IS 'what is missing of answers, for the view distquery.last_errors';

CREATE VIEW last_errors AS
    SELECT e.at, e.statement, e.foreign_table, e.server, e.kind, e.reason, e.detail, e.missing, e.raised
      FROM last_errors() e;
COMMENT ON VIEW last_errors IS 'what the latest statement of this session that made requests could not get';
COMMENT ON COLUMN last_errors.at IS 'when that was noticed';
COMMENT ON COLUMN last_errors.statement IS 'the statement, its first 1000 bytes';
COMMENT ON COLUMN last_errors.foreign_table IS 'the foreign table that is incomplete';
COMMENT ON COLUMN last_errors.server IS 'its server';
COMMENT ON COLUMN last_errors.kind IS 'connect, timeout, cut_off, 5xx, 429, refused, and for errors: 4xx, other, content, budget';
COMMENT ON COLUMN last_errors.reason IS 'what went wrong';
COMMENT ON COLUMN last_errors.detail IS 'the request, and what came of it';
COMMENT ON COLUMN last_errors.missing IS 'pages, rows or keys that are missing';
COMMENT ON COLUMN last_errors.raised IS 'it ended the statement; else the statement went on without (option on_error)';
GRANT SELECT ON last_errors TO PUBLIC;
