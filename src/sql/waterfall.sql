/* When the latest statement's requests were made. */

CREATE FUNCTION waterfall_text(bar_width integer, max_bars integer) RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_waterfall_text';
COMMENT ON FUNCTION waterfall_text(integer, integer) IS 'the lines of distquery.waterfall, in one text';

CREATE FUNCTION waterfall(bar_width integer DEFAULT 60, max_bars integer DEFAULT 40) RETURNS SETOF text
    LANGUAGE sql VOLATILE STRICT PARALLEL RESTRICTED
AS $$
    SELECT pg_catalog.string_to_table(@extschema@.waterfall_text(bar_width, max_bars), E'\n')
$$;
COMMENT ON FUNCTION waterfall(integer, integer)
    IS 'the requests of this session''s latest statement that made any, as bars on a time axis; the longest, where they are many';

CREATE FUNCTION waterfall_svg() RETURNS text
    LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
    AS 'MODULE_PATHNAME', 'distquery_waterfall_svg';
COMMENT ON FUNCTION waterfall_svg() IS 'the same as a picture: an SVG document';
