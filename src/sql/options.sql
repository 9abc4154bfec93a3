/* What can be declared. */

CREATE FUNCTION options(
        OUT name text,
        OUT context text,
        OUT type text,
        OUT "default" text,
        OUT help text)
    RETURNS SETOF record
    LANGUAGE C STABLE STRICT
    AS 'MODULE_PATHNAME', 'distquery_options';
COMMENT ON FUNCTION options() IS 'all options, for the view distquery.options';

CREATE VIEW options AS
    SELECT o.name, o.context, o.type, o."default", o.help
      FROM options() o
     ORDER BY o.name COLLATE "C";
COMMENT ON VIEW options IS 'options of servers, user mappings, foreign tables and columns';
COMMENT ON COLUMN options.name IS 'name of the option';
COMMENT ON COLUMN options.context IS 'where it may be set';
COMMENT ON COLUMN options.type IS 'what its value looks like, or the words it may be';
COMMENT ON COLUMN options."default" IS 'value where it is not set';
COMMENT ON COLUMN options.help IS 'what it does';
GRANT SELECT ON options TO PUBLIC;
