/* Query and store: services' rows in temporary tables. */

CREATE FUNCTION materialize(
        source regclass,
        filter text DEFAULT NULL,
        name text DEFAULT NULL,
        index_on text[] DEFAULT '{}',
        on_commit text DEFAULT 'drop')
    RETURNS bigint
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_materialize';
COMMENT ON FUNCTION materialize(regclass, text, text, text[], text)
    IS 'stores the rows of a relation in a temporary table, analyzed and indexed; returns their number';

CREATE FUNCTION materialize_all(
        sources regclass[],
        filters text[] DEFAULT NULL,
        names text[] DEFAULT NULL,
        index_on text[] DEFAULT '{}',
        on_commit text DEFAULT 'drop',
        OUT source regclass,
        OUT name text,
        OUT rows bigint)
    RETURNS SETOF record
    LANGUAGE C VOLATILE PARALLEL UNSAFE
    AS 'MODULE_PATHNAME', 'distquery_materialize_all';
COMMENT ON FUNCTION materialize_all(regclass[], text[], text[], text[], text)
    IS 'stores the rows of several relations in temporary tables, asking all services at once';
