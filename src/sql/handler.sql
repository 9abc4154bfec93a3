/* The foreign data wrapper. */

GRANT USAGE ON SCHEMA @extschema@ TO PUBLIC;

CREATE FUNCTION distquery_handler() RETURNS fdw_handler
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'distquery_handler';
COMMENT ON FUNCTION distquery_handler() IS 'handler of the foreign data wrapper distquery';

CREATE FUNCTION distquery_validator(text[], oid) RETURNS void
    LANGUAGE C STRICT
    AS 'MODULE_PATHNAME', 'distquery_validator';
COMMENT ON FUNCTION distquery_validator(text[], oid)
    IS 'checks the options of servers, user mappings, foreign tables and columns';

CREATE FOREIGN DATA WRAPPER distquery
    HANDLER distquery_handler VALIDATOR distquery_validator;
COMMENT ON FOREIGN DATA WRAPPER distquery IS 'HTTP services as foreign tables';
