-- One small question a table tells which declarations work.
\getenv url DQ_URL
CREATE SCHEMA check_server;
SET search_path = check_server, public;
CREATE SERVER checked FOREIGN DATA WRAPPER distquery OPTIONS (url :'url', retries '0');
CREATE FOREIGN TABLE good (id int, name text) SERVER checked OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE no_rows (id int) SERVER checked OPTIONS (path '/literal?type=application/json&body=%5B%5D');
CREATE FOREIGN TABLE wrong_place (id int) SERVER checked OPTIONS (path '/fault/good', rows '/items');
CREATE FOREIGN TABLE wrong_type (name int) SERVER checked OPTIONS (path '/fault/good');
CREATE FOREIGN TABLE not_there (id int) SERVER checked OPTIONS (path '/fault/status/404');
CREATE FOREIGN TABLE no_access (id int) SERVER checked OPTIONS (path '/fault/status/401');
CREATE FOREIGN TABLE needs_customer (customer_id int, id int) SERVER checked OPTIONS (path '/nested/customers/{customer_id}/orders');
SELECT foreign_table, ok, message, hint FROM distquery.check_server('checked');
SELECT foreign_table, ok FROM distquery.check_server('nobody');
DROP SCHEMA check_server CASCADE;
DROP SERVER checked CASCADE;
