/* Tables from an API description, as text first. */

CREATE FUNCTION describe(
        server name,
        source text DEFAULT 'openapi',
        tables text[] DEFAULT NULL,
        schema name DEFAULT NULL)
    RETURNS text
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_describe';
COMMENT ON FUNCTION describe(name, text, text[], name)
    IS 'the statements that IMPORT FOREIGN SCHEMA would run, with comments, and what it could not map';
