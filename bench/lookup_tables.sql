-- One item is one file; and the same items as a local table.
CREATE SERVER items FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE items (id bigint OPTIONS (key 'true'), name text, price numeric, is_open boolean)
    SERVER items OPTIONS (path '/items', lookup_path '/items/{id}');
CREATE TABLE local_items (id bigint PRIMARY KEY, name text, price numeric, is_open boolean);
INSERT INTO local_items SELECT n, 'item number ' || n, n % 97 + 0.25, true FROM generate_series(1, 1000) AS n;
ANALYZE local_items;

CREATE FUNCTION bench.look_up(n int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE item record;
BEGIN
    FOR i IN 1 .. n LOOP
        SELECT * INTO item FROM items WHERE id = i;
    END LOOP;
END $$;
