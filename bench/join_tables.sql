-- A service of 10 ms that takes lists of keys, and the same one key at a time.
CREATE SERVER keyed FOREIGN DATA WRAPPER distquery OPTIONS (url :'url');
CREATE FOREIGN TABLE listed (id int OPTIONS (key 'true', filter 'in'), name text, price numeric, is_open boolean)
    SERVER keyed OPTIONS (path '/items', max_batch '100');
CREATE FOREIGN TABLE alone (id int OPTIONS (key 'true'), name text, price numeric, is_open boolean)
    SERVER keyed OPTIONS (path '/none', lookup_path '/items/{id}');
CREATE TABLE wanted AS SELECT n AS id FROM generate_series(1, :keys) n;
ANALYZE wanted;
