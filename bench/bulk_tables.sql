-- The answers as foreign tables.
CREATE SERVER files FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', max_response '0');
CREATE FOREIGN TABLE big (id bigint, customer_id int, name text, amount numeric, created_at timestamptz, is_open boolean)
    SERVER files OPTIONS (path '/big.json');
CREATE FOREIGN TABLE small (id bigint, customer_id int, name text, amount numeric, created_at timestamptz, is_open boolean)
    SERVER files OPTIONS (path '/line.json');
